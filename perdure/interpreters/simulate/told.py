"""What is left of a run, and what it did: all that it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from perdure.core.effect import Call, Outcome
from perdure.interpreters.durable.ports import Entry, Gate, Run, SignalRow
from perdure.interpreters.simulate.points import Point


@attrs.frozen
class Executed:
    """One attempt that acted.

    Attributes:
        input: What was asked, as canonical JSON.
        once: It must never be executed again.
        failed: How many attempts had failed by their own doing.
        at: When it acted, in milliseconds since boot.
        seq: The last entry that was committed when it acted.
    """

    path: str
    number: int
    key: str
    input: str
    once: bool
    failed: int
    at: int
    seq: int


@attrs.frozen
class Told:
    """All that is left of a run, and all that it did.

    Attributes:
        call: What ran.
        outcome: How it ended; None where `error` kept it from ending.
        row: Its row, if it was recorded at all.
        points: The places where it could have died.
        since: How many of them came up to its last crash.
        died: How many crashes there were.
        claims: How often a worker took it over.
        intruded: What a worker that had lost the run could write.
    """

    call: Call[Any, Any]
    outcome: Outcome[Any, Any] | None
    error: Exception | None
    row: Run | None
    entries: Sequence[Entry]
    gates: Sequence[Gate]
    signals: Sequence[SignalRow]
    executed: Sequence[Executed]
    points: Sequence[Point]
    since: int
    died: int
    claims: int
    intruded: Sequence[str]

    @property
    def outcomes(self) -> list[Entry]:
        """What the program saw, in the order in which it did."""
        return [entry for entry in self.entries if entry.kind in ("end", "wake")]

    @property
    def unfinished(self) -> set[str]:
        """The paths that were begun or waited for, and have no outcome: a race that was lost leaves them so."""
        ended = {entry.path for entry in self.outcomes}
        return {entry.path for entry in self.entries if entry.kind in ("begin", "wait") and entry.path not in ended}

    @property
    def inputs(self) -> dict[str, str]:
        """What was asked of whatever acted, by path."""
        return {one.path: one.input for one in self.executed}
