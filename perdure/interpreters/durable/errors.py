"""What a person is told when a run cannot go on: what happened, why, and what mends it.

Each class is one line of the table of exit codes. A `Fault` is the workflow's business and never one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.core.machine import Request
    from perdure.interpreters.durable.ports import Entry


class DurableError(Exception):
    """Base of every refusal of the durable interpreter. Nothing that was recorded is lost by one."""


class NotFound(DurableError):
    """No run has this id, or several begin with it."""


class Unusable(DurableError):
    """What was given cannot be stored or started: a bad id, no workflow call, no JSON form."""


class Owned(DurableError):
    """Another live worker drives this run."""


class Drifted(DurableError):
    """The workflow's code no longer matches what was recorded. Nothing was executed and nothing was written.

    Attributes:
        diff: What was recorded and what the code asks there, in a few lines; empty where that is not the matter.
        entry: What was recorded there.
        position: How many records the code agreed with before.
        asked: What the code asks there, of the same shape: what the step may be called now.
    """

    def __init__(
        self,
        message: str,
        *,
        diff: str = "",
        entry: Entry | None = None,
        position: int = 0,
        asked: Sequence[Request] = (),
    ) -> None:
        super().__init__(message)
        self.diff, self.entry, self.position, self.asked = diff, entry, position, tuple(asked)


class Corrupt(DurableError):
    """A record cannot be read or was changed from outside. It is never taken for "not done"."""


class Unavailable(DurableError):
    """The database (or what else is around us) cannot be used: locked, read-only, full, gone, too new."""


class DiskFull(Unavailable):
    """The disk that holds the database is full. What was recorded stays; the rest goes on once there is room."""


class Fenced(DurableError):
    """Another worker took the run over: nothing of ours was recorded since."""


class Conflict(DurableError):
    """Already decided otherwise, or the same key with another input."""


class Blocked(DurableError):
    """The run waits for a mend: a defect in its code, or a value that cannot be recorded."""
