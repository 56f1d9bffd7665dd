"""Where a process can die, and a store that lets it.

A run is a sequence of transactions with effects in between. A process dies before a transaction's effects, after each
of them, and after the transaction; or it freezes before the transaction, and what it writes arrives when another
worker has the run. What was committed stays, the rest is gone: that is all a crash is. Beside them stands the other
moment in which runs are lost: what a run parks for arrives while it parks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias, TypeVar

import attrs

from perdure.core.asked import Attempt
from perdure.interpreters.durable.errors import Fenced
from perdure.interpreters.durable.ports import Batch, Claim, Entry, Gate, Outside, Run
from perdure.interpreters.simulate.memory_store import SharedStore
from perdure.interpreters.simulate.world import Agenda

T = TypeVar("T")

#: before: nothing of it happened. effect: an effect took place and is not recorded. frozen: the write comes too late.
#: commit: it is written, and nobody was told. answer: no death, but what the run parks for comes while it parks.
Where: TypeAlias = Literal["before", "effect", "frozen", "commit", "answer"]


class Crash(BaseException):
    """The process died here. Not an Exception: nothing in a program may catch it."""


@attrs.frozen
class Point:
    """One place where a process can die.

    Attributes:
        label: Such as `7:effect`: the transaction, counted from 1, and where; a second effect is `7:effect2`.
        where: Which kind of place it is.
        step: The path that it is about, or `start`, `claim`, `park` and the like.
        text: The same in words.
    """

    label: str
    where: Where
    step: str
    text: str


@attrs.define
class Points:
    """Counts the places that a run comes by, and dies at those that are chosen.

    Attributes:
        crashes: Labels, in the order in which they are to come.
        met: Every point so far; after a crash, those of the next process follow.
        died: How many of `crashes` happened.
        since: How many points were met before the last crash.
    """

    crashes: Sequence[str] = ()
    met: list[Point] = attrs.field(factory=list)
    died: int = 0
    since: int = 0
    _transaction: int = 1
    _effects: int = 0
    _begun: bool = False

    def before_effect(self, attempt: Attempt) -> None:
        """An attempt is about to act."""
        if not self._begun:
            self._begun = True
            self._reach("before", attempt.path, f"before the effect of {_called(attempt)}")

    def after_effect(self, attempt: Attempt) -> None:
        """An attempt has acted, and nobody knows yet."""
        self._effects += 1
        self._reach("effect", attempt.path, f"after the effect of {_called(attempt)}, before it was recorded")

    def before_write(self, step: str, text: str) -> bool:
        """A transaction is about to be made; whether the process freezes here instead of dying."""
        if not self._begun:
            self._begun = True
            self._reach("before", step, f"before {text}")
        try:
            self._reach("frozen", step, f"frozen before {text}, which arrives after another worker took the run over")
        except Crash:
            return True
        return False

    def answered_meanwhile(self, step: str, text: str) -> bool:
        """The run is about to be parked, and somebody would answer; whether that happens right now."""
        try:
            self._reach("answer", step, f"answered while {text}")
        except Crash:
            return True
        return False

    def after_write(self, step: str, text: str) -> None:
        """A transaction was made."""
        try:
            self._reach("commit", step, f"right after {text}")
        finally:
            self._transaction += 1
            self._effects, self._begun = 0, False

    def restart(self) -> None:
        """Another process takes over: what was not committed has not happened."""
        self._effects, self._begun, self.since = 0, False, len(self.met)

    def _reach(self, where: Where, step: str, text: str) -> None:
        number = str(self._effects) if where == "effect" and self._effects > 1 else ""
        point = Point(f"{self._transaction}:{where}{number}", where, step, text)
        self.met.append(point)
        if self.died < len(self.crashes) and self.crashes[self.died] == point.label:
            self.died += 1
            raise Crash(point.label)


def _called(attempt: Attempt) -> str:
    return f"{attempt.path} (attempt {attempt.number})"


@attrs.define
class MortalStore:
    """A `Store` whose process dies at the points that are chosen.

    Attributes:
        seq: The number of the last entry that was committed through it.
        outcomes: How many outcomes were.
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
            return await self.inner.claim(
                run_id, owner, seen=seen, lease=lease, last=last, lease_until=lease_until, epoch=epoch
            )

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
                if (gate.path, gate.number) not in closed:
                    self.opened(gate)
            return done

        step, text = _said(batch)
        if await self._comes_to_rest(batch) and self.points.answered_meanwhile(step, text):
            self.agenda.leap()
        return await self._write(step, text, write)

    async def _comes_to_rest(self, batch: Batch) -> bool:
        """Whether a batch parks the run, where nothing is left for it, until somebody does something."""
        if batch.status != "parked" or self.agenda.next_at >= self.agenda.moment(batch.wake_at):
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
        if self.points.before_write(step, text):

            async def late() -> None:
                if not harmless(await write()):
                    self.intruded.append(text)

            self._frozen = late
            raise Crash(f"frozen before {text}")
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
