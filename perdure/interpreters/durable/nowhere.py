# ruff: noqa: ARG002 -- a port that does nothing is told all that a real one is
"""A world in which nothing happens: one recorded run, and what a drive says and does about it without any effect.

What is started does not begin, what is written goes nowhere, time stands still, and the drive is told to stop as
soon as it waits for an attempt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NoReturn

import attrs

from perdure.core.asked import Asked
from perdure.interpreters.durable.ports import (
    TERMINAL,
    Batch,
    Claim,
    Entry,
    Event,
    Gate,
    Outside,
    Run,
    Stop,
    World,
)
from perdure.interpreters.durable.recorded import Recorded


def nowhere(recorded: Recorded, now: int) -> tuple[World, Unwritten]:
    """The world, and its store, which remembers what was said to it.

    Args:
        recorded: The run. One that has ended stands at its beginning again.
        now: Where time stands still, in milliseconds since 1970.
    """
    store = Unwritten(recorded)
    return World(store, _Still(now), _Nobody(), _Nobody()), store


class Unwritten:
    """A `Store` that has one run, and records nothing.

    Attributes:
        written: The entries that were to be written.
        opened: The gates that were to be opened.
        blocked: Why the run was to be blocked.
    """

    def __init__(self, recorded: Recorded) -> None:
        ended = recorded.run.status in TERMINAL
        self._run = attrs.evolve(
            recorded.run,
            status="ready",
            owner=None,
            outcome=None,
            outcome_digest=None,
            finished_at=None,
            cancel=None if ended else recorded.run.cancel,  # what came too late stays too late
        )
        self._entries, self._gates = recorded.entries, recorded.gates
        self._messages = () if ended else recorded.signals
        self._answers = () if ended else recorded.gates
        self._gone: set[tuple[str, int]] = set()
        self._heard: set[tuple[str, int]] = set()
        self.written: list[Entry] = []
        self.opened: list[Gate] = []
        self.blocked = ""

    async def database_id(self) -> str:
        return ""

    async def find(self, run_id: str) -> Run | None:
        return self._run if run_id == self._run.run_id else None

    async def entries(self, run_id: str) -> Sequence[Entry]:
        return self._entries

    async def gates(self, run_id: str) -> Sequence[Gate]:
        return self._gates

    async def start(self, run: Run) -> Run:
        raise AssertionError(f"{run.run_id} is not started here")

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        return Claim(run_id, seen, owner)

    async def commit(self, batch: Batch) -> bool:
        self.written += batch.entries
        self.opened += batch.opened
        self._gone.update(batch.withdrawn, ((path, number) for path, number, _ in batch.consumed))
        self._heard.update((name, number) for name, number, _ in (*batch.taken, *batch.refused))
        if batch.status == "blocked" and batch.reason is not None:
            self.blocked = str(json.loads(batch.reason)["message"])
        return batch.status != "parked" or not self._left_for(batch)

    def _left_for(self, batch: Batch) -> bool:
        outside = self._outside(batch.awaits)
        answered = any(gate.key in batch.gates for gate in outside.gates)
        return answered or bool(outside.signals) or (outside.cancel is not None and not batch.heeded)

    async def renew(self, claim: Claim, lease_until: int) -> None:
        """Nobody else wants it."""

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        return self._outside(awaits)

    def _outside(self, awaits: tuple[str, ...]) -> Outside:
        return Outside(
            [gate for gate in self._answers if gate.answered and gate.key not in self._gone],
            [
                message
                for message in self._messages
                if message.name in awaits and message.waits and (message.name, message.number) not in self._heard
            ],
            self._run.cancel,
        )

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        return any((gate.path, gate.number, gate.status) == (path, number, "open") for gate in self._gates)

    def changed(self) -> bool:
        return True


@attrs.frozen
class _Still:
    """A `Clock` that stands still."""

    at: int

    def now(self) -> int:
        return self.at

    def boot(self) -> int:
        return 0


class Idle:
    """`Effects` of which none begins, and that stop the drive as soon as it waits for one."""

    def start(self, asked: Asked) -> None:
        """It does not begin."""

    def cancel(self, path: str) -> None:
        """Nothing runs."""

    @property
    def leaving(self) -> bool:
        return False

    async def next(self, until: int | None) -> Sequence[Event]:
        return [Stop("foresight")]

    def close(self) -> None:
        """Nothing runs."""


class _Nobody:
    """A `Liveness` and `Entropy` of one who owns no run and starts none."""

    me, epoch = "", ""

    def alive(self, owner: str) -> bool:
        return False

    def run_id(self, now: int) -> NoReturn:
        raise AssertionError("no run is started here")
