"""What a person is told when a run cannot go on: what happened, why, and what mends it.

Each class is one line of the table of exit codes. A `Fault` is the workflow's business and never one of these.
"""

from __future__ import annotations


class DurableError(Exception):
    """Base of every refusal of the durable interpreter. Nothing that was recorded is lost by one."""


class NotFound(DurableError):
    """No run has this id, or several begin with it."""


class Unusable(DurableError):
    """What was given cannot be stored or started: a bad id, no workflow call, no JSON form."""


class Owned(DurableError):
    """Another live worker drives this run."""


class Drifted(DurableError):
    """The workflow's code no longer matches what was recorded. Nothing was executed and nothing was written."""


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
