"""A store whose process dies around its transactions, wherever that is wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs

from perdure.interpreters.durable.errors import Fenced
from perdure.interpreters.durable.ports import Batch, Claim, Entry, Gate, Outside, Run
from perdure.interpreters.simulate.memory_store import SharedStore
from perdure.interpreters.simulate.points import Crash, Points
from perdure.interpreters.simulate.world import Agenda

T = TypeVar("T")


@attrs.define
class MortalStore:
    """A `Store` whose process dies at the points that are chosen.

    Attributes:
        seq: The number of the last entry that was committed through it.
        outcomes: How many outcomes were.
        claims: How often a worker took the run over.
        agenda: What people do while the run waits.
        opened: Told of every gate that was opened, once it is committed: people see what is committed.
        intruded: What a worker that had lost the run could write all the same.
    """

    inner: SharedStore
    points: Points
    agenda: Agenda
    opened: Callable[[Gate], None]
    seq: int = 0
    outcomes: int = 0
    claims: int = 0
    intruded: list[str] = attrs.field(factory=list)
    _frozen: Callable[[], Awaitable[None]] | None = None

    async def database_id(self) -> str:
        return await self.inner.database_id()

    async def find(self, run_id: str) -> Run | None:
        return await self.inner.find(run_id)

    async def entries(self, run_id: str) -> Sequence[Entry]:
        return await self.inner.entries(run_id)

    async def gates(self, run_id: str) -> Sequence[Gate]:
        return await self.inner.gates(run_id)

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        return await self.inner.outside(run_id, awaits)

    def changed(self) -> bool:
        return self.inner.changed()

    async def start(self, run: Run) -> Run:
        # The run that is there already is returned to whoever starts it again.
        return await self._write("start", "the run was recorded", lambda: self.inner.start(run), lambda _: True)

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        async def take() -> Claim | None:
            claim = await self.inner.claim(
                run_id, owner, seen=seen, lease=lease, last=last, lease_until=lease_until, epoch=epoch
            )
            self.claims += claim is not None
            return claim

        claim = await self._write("claim", "a worker claimed the run", take, lambda claim: claim is None)
        if claim is not None and self._frozen is not None:
            await self._thaw(self._frozen)
        return claim

    async def commit(self, batch: Batch) -> bool:
        async def write() -> bool:
            done = await self.inner.commit(batch)
            self.seq = batch.entries[-1].seq if batch.entries else self.seq
            self.outcomes += sum(entry.kind in ("end", "wake") for entry in batch.entries)
            closed = set(batch.withdrawn)
            for gate in batch.opened:
                if gate.key not in closed:
                    self.opened(gate)
            return done

        step, text = _said(batch)
        if await self._comes_to_rest(batch) and self.points.answered(step, text):
            self.agenda.leap()
            # Time has passed: what died in here would be recorded later, and rightly so.
            return await self._made(step, text, write)
        return await self._write(step, text, write)

    async def _comes_to_rest(self, batch: Batch) -> bool:
        """Whether a batch parks the run, where nothing is left for it, until somebody does something.

        Not where it opens a gate: whoever answers that at the same moment would come behind the others.
        """
        if batch.status != "parked" or batch.opened or self.agenda.next_at >= self.agenda.moment(batch.wake_at):
            return False
        outside = await self.inner.outside(batch.claim.run_id, batch.awaits)
        return not (outside.gates or outside.signals)

    async def renew(self, claim: Claim, lease_until: int) -> None:
        await self._write("lease", "the lease was renewed", lambda: self.inner.renew(claim, lease_until))

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        return await self._write(path, f"{path} expired", lambda: self.inner.expire(claim, path, number))

    async def _write(
        self,
        step: str,
        text: str,
        write: Callable[[], Awaitable[T]],
        harmless: Callable[[T], bool] = lambda _: False,
    ) -> T:
        """Make a transaction, and die around it where that is wanted.

        Args:
            step: The path that it is about.
            text: What it does, for people.
            write: Makes it.
            harmless: Whether it has changed nothing, where it was not refused and came too late.
        """
        self.points.before_write(step, text)
        if self.points.frozen(step, text):

            async def late() -> None:
                if not harmless(await write()):
                    self.intruded.append(text)

            self._frozen = late
            raise Crash(f"frozen before {text}")
        return await self._made(step, text, write)

    async def _made(self, step: str, text: str, write: Callable[[], Awaitable[T]]) -> T:
        done = await write()
        self.points.after_write(step, text)
        return done

    async def _thaw(self, late: Callable[[], Awaitable[None]]) -> None:
        """The worker of before wakes up, and does not know that it was passed by."""
        self._frozen = None
        with contextlib.suppress(Fenced):
            await late()


def _said(batch: Batch) -> tuple[str, str]:
    """What a batch is about, for people: a path, and all of it in a few words."""
    ends = {entry.path: None for entry in batch.entries if entry.kind in ("end", "wake")}
    asked = {entry.path: None for entry in batch.entries if entry.kind in ("begin", "wait")}
    status = {"parked": "park", "running": ""}.get(batch.status or "running", "finish")
    parts = [
        f"{_few(ends)} was recorded" if ends else "",
        f"{_few(asked)} was begun" if asked else "",
        {"": "", "park": "the run was parked", "finish": "the end was recorded"}[status],
    ]
    said = " and ".join(part for part in parts if part) or "a note was recorded"
    return next(iter([*ends, *asked]), status or "note"), said


def _few(paths: dict[str, None]) -> str:
    first = next(iter(paths))
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
