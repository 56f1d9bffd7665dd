"""The store of a worker on SQLite: its commits run where they cost least, and nothing is done before its commit is.

One drive alone commits on its own thread, for a hop to another costs more than it saves. Several at once share
commits: of what waits while one is on its way to the disk, the next takes all.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import queue
import random
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Final, TypeVar, TypeVarTuple

import attrs

from perdure.interpreters.durable.database import Busy
from perdure.interpreters.durable.errors import Unavailable
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import Batch, Claim, Entry, Gate, Outside, Run, SignalRow
from perdure.interpreters.durable.transactions import tried

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: How long a busy database is tried again, in seconds.
PATIENCE: Final = 60.0
#: No more writes share one commit.
_MOST: Final = 512


@attrs.frozen
class _Job:
    """A write that somebody awaits. `joins`: it may share a commit."""

    call: Callable[[], object]
    joins: bool
    done: asyncio.Future[Any]  # Any: of what the call returns

    def settle(self, answer: object) -> None:
        if self.done.done():
            return  # who awaited it is gone
        if isinstance(answer, Exception):
            self.done.set_exception(answer)
        else:
            self.done.set_result(answer)


@attrs.define
class _Seen:
    """What a drive has seen of the writes of others."""

    last: tuple[int, int] | None = None


_seen: contextvars.ContextVar[_Seen] = contextvars.ContextVar("perdure.seen")


class SqliteStore:
    """The `Store` of one worker, on one event loop. It owns its journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._seen = _Seen()
        self._drives = 0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._turn: list[_Job] = []
        self._fast = journal.database.durability == "fast"

    @contextlib.contextmanager
    def driving(self) -> Generator[None, None, None]:
        """Around each drive: counts them, and lets each see the writes of others for itself."""
        token = _seen.set(_Seen())
        self._drives += 1
        try:
            yield
        finally:
            self._drives -= 1
            _seen.reset(token)

    def close(self) -> None:
        """Finish what is under way, and close the database."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        self.journal.close()

    # -- the port ----------------------------------------------------------------------------------------------------

    async def database_id(self) -> str:
        return await self._read(self.journal.database_id)

    async def find(self, run_id: str) -> Run | None:
        return await self._read(self.journal.find, run_id)

    async def entries(self, run_id: str) -> Sequence[Entry]:
        return await self._read(self.journal.entries, run_id)

    async def gates(self, run_id: str) -> Sequence[Gate]:
        return await self._read(self.journal.gates, run_id)

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        return await self._read(self.journal.outside, run_id, awaits)

    async def start(self, run: Run) -> Run:
        return await self._write(self.journal.start, run)

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        claim = functools.partial(self.journal.claim, run_id, owner, seen=seen, lease=lease, last=last)
        return await self._write(functools.partial(claim, lease_until=lease_until, epoch=epoch), joins=False)

    async def commit(self, batch: Batch) -> bool:
        return await self._write(self.journal.commit, batch)

    async def renew(self, claim: Claim, lease_until: int) -> None:
        await self._write(self.journal.renew, claim, lease_until)

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        return await self._write(self.journal.expire, claim, path, number, joins=False)

    def changed(self) -> bool:
        seen = _seen.get(self._seen)
        before, seen.last = seen.last, self.journal.seen()
        return before != seen.last

    # -- what others write, and look at --------------------------------------------------------------------------------

    async def answer(
        self,
        run_id: str,
        path: str,
        number: int,
        *,
        subject: str,
        answer: str,
        by: str | None,
        note: str | None,
        via: str | None,
        idem: str | None,
        now: int,
    ) -> Gate:
        """As `Journal.answer`."""
        decide = functools.partial(self.journal.answer, run_id, path, number, subject=subject, answer=answer)
        return await self._write(functools.partial(decide, by=by, note=note, via=via, idem=idem, now=now), joins=False)

    async def send(self, run_id: str, name: str, payload: str, *, idem: str | None, now: int) -> SignalRow:
        """As `Journal.send`."""
        return await self._write(
            functools.partial(self.journal.send, run_id, name, payload, idem=idem, now=now), joins=False
        )

    async def ask_cancel(self, run_id: str, reason: str, now: int) -> Run:
        """As `Journal.ask_cancel`."""
        return await self._write(self.journal.ask_cancel, run_id, reason, now, joins=False)

    async def signals(self, run_id: str) -> Sequence[SignalRow]:
        """As `Journal.signals`."""
        return await self._read(self.journal.signals, run_id)

    # -- where writes run --------------------------------------------------------------------------------------------

    async def _read(self, call: Callable[[*Ts], T], *given: *Ts) -> T:
        try:
            return call(*given)
        except Busy:
            return await _patiently(lambda: self._in_thread(call, *given, joins=False))

    async def _write(self, call: Callable[[*Ts], T], *given: *Ts, joins: bool = True) -> T:
        try:
            if self._drives <= 1 or (self._fast and not joins):
                return call(*given)
            return await (self._in_turn(call, *given) if self._fast else self._in_thread(call, *given, joins=joins))
        except Busy:
            return await _patiently(lambda: self._in_thread(call, *given, joins=joins))

    def _in_turn(self, call: Callable[[*Ts], T], *given: *Ts) -> asyncio.Future[T]:
        """Share one commit with whatever else this turn of the loop has to write: a hop would cost more than it."""
        loop = asyncio.get_running_loop()
        job = _Job(functools.partial(call, *given), True, loop.create_future())
        if not self._turn:
            loop.call_soon(self._commit_turn)
        self._turn.append(job)
        return job.done

    def _commit_turn(self) -> None:
        jobs, self._turn = self._turn, []
        _settle(self._answers(jobs))

    def _in_thread(self, call: Callable[[*Ts], T], *given: *Ts, joins: bool) -> asyncio.Future[T]:
        """Let the one thread that waits for the disk share a commit among all who wait for it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="perdure-commits", daemon=True)
            self._thread.start()
        job = _Job(functools.partial(call, *given), joins, asyncio.get_running_loop().create_future())
        self._jobs.put(job)
        return job.done

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            while len(jobs) < _MOST and not self._jobs.empty():  # nobody else takes from it
                job = self._jobs.get()
                if job is None:
                    self._jobs.put(None)
                    break
                jobs.append(job)
            answers = self._answers(jobs)
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                jobs[0].done.get_loop().call_soon_threadsafe(_settle, answers)

    def _answers(self, jobs: list[_Job]) -> list[tuple[_Job, object]]:
        """Do every job: those that may, in one commit."""
        alone = [job for job in jobs if not job.joins]
        joining = [job for job in jobs if job.joins]
        if len(joining) < 2:
            alone, joining = jobs, []
        answers: list[tuple[_Job, object]] = [(job, tried(job.call, Exception)) for job in alone]
        if joining:
            answers += zip(joining, self.journal.together([job.call for job in joining]), strict=True)
        return answers


def _settle(answers: Sequence[tuple[_Job, object]]) -> None:
    for job, answer in answers:
        job.settle(answer)


async def _patiently(again: Callable[[], Awaitable[T]]) -> T:
    """Try a busy database again until it is not, without blocking the loop.

    Raises:
        Unavailable: It stays busy.
    """
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + PATIENCE, 0.02
    while True:
        await asyncio.sleep(random.uniform(pause / 2, pause))
        try:
            return await again()
        except Busy as busy:
            if loop.time() >= until:
                raise Unavailable(
                    f"{busy}, {PATIENCE:.0f} s in all: what else uses it? Nothing was recorded."
                ) from busy
        pause = min(2 * pause, 1.0)
