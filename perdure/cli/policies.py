"""The policies of a project: where they stand, and how it is told whether they hold."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perdure.cli.printing import line

if TYPE_CHECKING:
    from perdure.core.workflow import Block
    from perdure.interpreters.plan.policy import Policy, Verdict, Violation


def of(block: Block) -> tuple[Policy, ...]:
    """Those of the nearest pyproject.toml, from the workflow's file up to the root of its repository.

    Raises:
        Unusable: It cannot be read; the message has its path.
    """
    from perdure.interpreters.durable.errors import Unusable
    from perdure.interpreters.plan.policy import BadPolicy, read

    file = Path(inspect.getsourcefile(block.fn) or "").resolve()
    for folder in file.parents:
        settings = folder / "pyproject.toml"
        if settings.is_file():
            try:
                tables = tomllib.loads(settings.read_text(encoding="utf-8")).get("tool", {}).get("perdure", {})
                return read(tables.get("policy", []))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, BadPolicy) as error:
                raise Unusable(f"{settings}: {error}") from error
        if (folder / ".git").exists():
            break
    return ()


def broken(verdict: Verdict) -> list[str]:
    """What does not hold, and what is not proved."""
    lines = [told for violation in verdict.violations for told in _violation(violation)]
    return [*lines, *map(_unproved, verdict.unproved)]


def every(policies: tuple[Policy, ...], verdict: Verdict) -> list[str]:
    """All policies, in their order, each with how the workflow stands to it."""
    if not policies:
        return ["policies: there are none, under [[tool.perdure.policy]] of a pyproject.toml"]
    violations = {violation.policy: violation for violation in verdict.violations}
    lines = ["policies:"]
    for policy in policies:
        if policy.name in violations:
            lines += _violation(violations[policy.name])
        else:
            lines.append(_unproved(policy.name) if policy.name in verdict.unproved else f"✓ {line(policy.name)}: held")
    return lines


def fields(policies: tuple[Policy, ...], verdict: Verdict) -> list[dict[str, Any]]:  # Any: JSON trees
    """The same for programs."""
    violations = {violation.policy: violation for violation in verdict.violations}
    told: list[dict[str, Any]] = []
    for policy in policies:
        found = violations.get(policy.name)
        how = "violated" if found else "unproved" if policy.name in verdict.unproved else "held"
        told.append(
            {
                "policy": policy.name,
                "verdict": how,
                "said": found.said if found else None,
                "path": list(found.path) if found else [],
            }
        )
    return told


def _violation(violation: Violation) -> list[str]:
    return [
        f"! {line(violation.policy)}: {line(violation.said)}",
        f"    by this path: {line(', '.join(violation.path), 400)}",
    ]


def _unproved(name: str) -> str:
    return f"? {line(name)}: not proved, for not all was seen"
