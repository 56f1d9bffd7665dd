"""Find what is wrong, mend all of it side by side, verify, and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from typing_extensions import TypeVar

from perdure.components.attempt_each import Attempted, attempt_each
from perdure.components.judged import Verdict
from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.workflow import workflow

I = TypeVar("I")  # noqa: E741  # a finding
R = TypeVar("R")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@workflow
def scan_fix_verify(
    scan: Effect[Sequence[I], E1],
    fix: Callable[[I], Effect[R, E2]],
    verify: Callable[[Sequence[Attempted[I, R, E2]]], Effect[Verdict, E3]],
    *,
    rounds: int = 3,
    alike: int = 0,
    key: Callable[[I], str] | None = None,
    limit: int = 8,
) -> Do[list[Attempted[I, R, E2]], E1 | E3 | Exhausted[list[Attempted[I, R, E2]]]]:
    """Scan, fix every finding side by side, verify; and again until it is verified.

    ```text
    scan ──┬── nothing found ───────────────────► []
     ▲     │      ┌─► fix ─┐
     │     └──────┼─► fix ─┼──► verify ──► approved ──► all fixes
     │            └─► fix ─┘      │
     └────────────────────────────┘  rounds used up ──► Exhausted
    ```

    A fix that fails takes no other fix down: its failure is an outcome among the others, which `verify` sees.

    Args:
        scan: What is wrong now. It is asked again in every round.
        fix: Mends one finding.
        verify: Judges all fixes so far, by a class of your own that has `approved` and `feedback`.
        rounds: How often it is scanned at most.
        alike: Give up once so many verdicts in a row had the same feedback; 0 for never.
        key: A distinct text for each finding, which becomes its identity in keys; its position by default.
        limit: How many findings are fixed at once; 0 for all.

    Returns:
        Every finding of every round with the outcome of its fix; empty where the first scan found nothing.

    Raises:
        Exhausted: It was never verified; `state` is every finding of every round with the outcome of its fix.

    Example:
        >>> import attrs
        >>> from perdure import pure, step
        >>> from perdure.components import scan_fix_verify
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Check:
        ...     approved: bool
        ...     feedback: str = ""
        >>> @step
        ... def lint() -> list[str]:
        ...     return ["a.py", "b.py"]
        >>> @step
        ... def tidy(file: str) -> str:
        ...     return f"tidied {file}"
        >>> simulate(scan_fix_verify(lint(), tidy, lambda fixes: pure(Check(approved=True)))).value()
        [('a.py', <Success: tidied a.py>), ('b.py', <Success: tidied b.py>)]
    """
    left = Rounds(rounds, alike)
    fixed: list[Attempted[I, R, E2]] = []
    while True:
        findings = yield from scan
        if not findings and not fixed:
            return fixed
        fixed += yield from attempt_each(findings, fix, key=key, limit=limit)
        verdict = yield from verify(tuple(fixed))
        if verdict.approved:
            return fixed
        yield from left.another(fixed, verdict.feedback)
