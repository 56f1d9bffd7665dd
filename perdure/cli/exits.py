"""How the command line ends: one table. The documentation and the tests come from it."""

from __future__ import annotations

import enum
import re
from typing import Self

import attrs
import click

from perdure.interpreters.durable import errors


class Exit(enum.IntEnum):
    """An exit code, what it means, and the refusals that end with it."""

    meaning: str
    refusals: tuple[type[errors.DurableError], ...]

    def __new__(cls, code: int, meaning: str, *refusals: type[errors.DurableError]) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning, member.refusals = meaning, refusals
        return member

    DONE = 0, "done; for `run`, `resume` and `watch`: the run succeeded"
    FAILED = (
        1,
        (
            "failed, or blocked by a defect; `agents --fake`, `agents --live`, `check`, `demo`, `diff --exit-code`, "
            "`doctor`, `plan --policy`, `replay` found something"
        ),
        errors.Blocked,
    )
    USAGE = 2, "bad usage or input, an unknown or ambiguous id", errors.NotFound, errors.Unusable
    SUSPENDED = 3, "suspended: the run waits for an answer, a signal or a timer"
    OWNED = 4, "another live worker drives the run", errors.Owned
    DRIFTED = 5, "the workflow's code no longer matches what was recorded", errors.Drifted
    CORRUPT = 6, "a record is corrupt, or its workflow is missing", errors.Corrupt
    ENVIRONMENT = (
        7,
        "the environment: the database is unavailable, read-only, full or newer than the code, or an extra is missing",
        errors.Unavailable,
    )
    FENCED = 8, "fenced out: another worker took the run over", errors.Fenced
    CONFLICT = (
        9,
        "conflict: already decided otherwise, the same key with another input, or not the plan that was approved",
        errors.Conflict,
    )
    CANCELLED = 10, "the run was cancelled"
    INTERRUPTED = 130, "stopped by Ctrl-C (SIGINT); the state is saved"
    TERMINATED = 143, "stopped by SIGTERM; the state is saved"


def document() -> str:
    """The table as a page of the documentation."""
    rows = "\n".join(f"| {member.value} | {member.meaning} |" for member in Exit)
    return f"""# Exit codes

Every command of `perdure` ends with one of these. Made from `perdure.cli.exits`: change it there.

| code | meaning |
|---|---|
{rows}
"""


@attrs.frozen
class Problem:
    """An error as people and programs are told it.

    Attributes:
        kind: One word for programs, such as `not-found`.
        next: Commands that help.
    """

    exit: Exit
    kind: str
    message: str
    next: tuple[str, ...]

    @property
    def tree(self) -> dict[str, str | int]:
        """As JSON, without the commands."""
        return {"error": self.kind, "message": self.message, "exit": int(self.exit)}


def problem(error: Exception) -> Problem:
    """What an error means. Its notes are the commands that help."""
    notes = tuple(getattr(error, "__notes__", ()))
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        return Problem(
            Exit.USAGE, "usage", error.format_message(), (f"{context.command_path} --help",) if context else ()
        )
    if isinstance(error, errors.DurableError):
        exit, kind = _place(type(error))
        return Problem(exit, kind, str(error), notes or _USUAL.get(kind, ()))
    missing = isinstance(error, ModuleNotFoundError) and _EXTRAS.get((error.name or "").partition(".")[0])
    if missing:
        install = f"pip install 'perdure[{missing}]'"
        return Problem(Exit.ENVIRONMENT, "missing-extra", f"{error}; it comes with an extra: {install}", (install,))
    return Problem(Exit.FAILED, "unexpected", f"{type(error).__name__}: {error}", ("perdure doctor",))


def _place(kind: type[errors.DurableError]) -> tuple[Exit, str]:
    """Its line of the table, and its name there: a refined error is told as the one that the table has."""
    for base in kind.__mro__:
        for member in Exit:
            if base in member.refusals:
                return member, re.sub(r"(?<=[a-z])(?=[A-Z])", "-", base.__name__).lower()
    return Exit.FAILED, "unexpected"


#: What helps where the error itself says nothing.
_USUAL = {
    "not-found": ("perdure ps",),
    "conflict": ("perdure ps",),
    "corrupt": ("perdure doctor",),
    "unavailable": ("perdure doctor",),
}
#: Modules that only an extra brings.
_EXTRAS = {"litellm": "models", "psycopg": "postgres", "temporalio": "temporal", "restate": "restate", "mcp": "mcp"}
