"""A world in memory for the durable drive: the five ports with virtual time, and a crash wherever one is wanted.

Nothing here waits and nothing is random: a coroutine over these ports never suspends, so `now` runs it to its end.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from perdure.core.asked import Again, Answer, Asked
from perdure.core.effect import Call
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked, Rest
from perdure.interpreters.durable.errors import Fenced
from perdure.interpreters.durable.ports import (
    TERMINAL,
    Batch,
    Claim,
    Ended,
    Entry,
    Event,
    Gate,
    Outside,
    Run,
    SignalRow,
    Stop,
    World,
)
from perdure.interpreters.durable.takeover import begin, take_over

T = TypeVar("T")


DEFAULT = Options()


class Crash(BaseException):
    """The process died here. Not an Exception: nothing in a program may catch it."""


def now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends."""
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise AssertionError("it suspended: something waits for the real world")


@attrs.define
class VirtualClock:
    at: int = 1_800_000_000_000
    since_boot: int = 1_000_000

    def now(self) -> int:
        return self.at

    def boot(self) -> int:
        return self.since_boot

    def advance(self, milliseconds: int) -> None:
        self.at += milliseconds
        self.since_boot += milliseconds


@attrs.define
class Boundaries:
    """Counts the places where a process can die, and dies at one of them."""

    crash_at: int | None = None
    count: int = 0
    seen: list[str] = attrs.field(factory=list)

    def reach(self, what: str) -> None:
        self.count += 1
        self.seen.append(what)
        if self.count == self.crash_at:
            raise Crash(f"{self.count}: {what}")


@attrs.define
class MemoryStore:
    """The Store port over dictionaries, with the guard of the real one."""

    boundaries: Boundaries = attrs.field(factory=Boundaries)
    rows: dict[str, Run] = attrs.field(factory=dict)
    journals: dict[str, list[Entry]] = attrs.field(factory=dict)
    gate_rows: dict[tuple[str, str, int], Gate] = attrs.field(factory=dict)
    inbox: list[SignalRow] = attrs.field(factory=list)
    commits: int = 0

    async def database_id(self) -> str:
        return "memory"

    async def find(self, run_id: str) -> Run | None:
        return self.rows.get(run_id)

    async def entries(self, run_id: str) -> Sequence[Entry]:
        return list(self.journals.get(run_id, ()))

    async def gates(self, run_id: str) -> Sequence[Gate]:
        return [gate for gate in self.gate_rows.values() if gate.run_id == run_id]

    async def start(self, run: Run) -> Run:
        self.boundaries.reach("before start")
        self.rows.setdefault(run.run_id, run)
        self.boundaries.reach("after start")
        return self.rows[run.run_id]

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        self.boundaries.reach("before claim")
        run = self.rows[run_id]
        if (run.fence, run.lease_until, len(self.journals.get(run_id, ()))) != (seen, lease, last):
            return None
        self.rows[run_id] = attrs.evolve(
            run, fence=seen + 1, owner=owner, status="running", lease_until=lease_until, lease_epoch=epoch
        )
        self.boundaries.reach("after claim")
        return Claim(run_id, seen + 1, owner)

    async def commit(self, batch: Batch) -> bool:
        self.boundaries.reach("before commit")
        run = self._guard(batch.claim)
        self.commits += 1
        self.journals.setdefault(run.run_id, []).extend(batch.entries)
        for gate in batch.opened:
            self.gate_rows[gate.run_id, gate.path, gate.number] = gate
        for path, number in batch.withdrawn:
            self._close(run.run_id, path, number)
        for path, number, seq in batch.consumed:
            key = (run.run_id, path, number)
            self.gate_rows[key] = attrs.evolve(self.gate_rows[key], consumed=seq)
        taken = {(name, number): seq for name, number, seq in batch.taken}
        refused = {(name, number): why for name, number, why in batch.refused}
        self.inbox = [
            attrs.evolve(
                row,
                consumed=taken.get((row.name, row.number), row.consumed) if row.run_id == run.run_id else row.consumed,
                refused=refused.get((row.name, row.number), row.refused) if row.run_id == run.run_id else row.refused,
            )
            for row in self.inbox
        ]
        if batch.lease_until is not None:
            self.rows[run.run_id] = attrs.evolve(run, lease_until=batch.lease_until)
        parked = batch.status is not None and self._come_to_rest(run, batch)
        self.boundaries.reach("after commit")
        return parked or batch.status is None

    def _come_to_rest(self, run: Run, batch: Batch) -> bool:
        if batch.status == "parked":
            outside = self._outside(run.run_id, batch.awaits)
            answered = [gate for gate in outside.gates if (gate.path, gate.number) in batch.gates]
            if answered or outside.signals or (outside.cancel is not None and not batch.heeded):
                return False
        self.rows[run.run_id] = attrs.evolve(
            self.rows[run.run_id],
            status=batch.status,
            reason=batch.reason,
            wake_at=batch.wake_at,
            owner=None,
            outcome=batch.outcome,
            outcome_digest=batch.outcome_digest,
            finished_at=batch.finished_at,
        )
        return True

    def _close(self, run_id: str, path: str, number: int) -> None:
        gate = self.gate_rows.get((run_id, path, number))
        if gate is not None and gate.status in ("open", "decided") and gate.consumed is None:
            self.gate_rows[run_id, path, number] = attrs.evolve(gate, status="withdrawn")

    def _guard(self, claim: Claim) -> Run:
        run = self.rows[claim.run_id]
        if run.fence != claim.fence or run.owner != claim.owner or run.status != "running":
            raise Fenced(f"{claim} does not hold against {run.fence} {run.owner}")
        return run

    async def renew(self, claim: Claim, lease_until: int) -> None:
        run = self._guard(claim)
        self.rows[run.run_id] = attrs.evolve(run, lease_until=lease_until)

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        return self._outside(run_id, awaits)

    def _outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        sent = [s for s in self.inbox if s.run_id == run_id and s.consumed is None and s.refused is None]
        return Outside(
            [g for g in self.gate_rows.values() if g.run_id == run_id and g.status == "decided" and g.consumed is None],
            [s for s in sent if s.name in awaits],
            self.rows[run_id].cancel,
        )

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        run_id = self._guard(claim).run_id
        gate = self.gate_rows[run_id, path, number]
        if gate.status != "open":
            return False
        self.gate_rows[run_id, path, number] = attrs.evolve(gate, status="expired")
        return True

    def changed(self) -> bool:
        return True

    # what people do

    def answer(self, run_id: str, name: str, answer: str, at: int = 0) -> None:
        for key, gate in self.gate_rows.items():
            if gate.run_id == run_id and gate.name == name and gate.status == "open":
                self.gate_rows[key] = attrs.evolve(gate, status="decided", answer=answer, decided_at=at)

    def send(self, run_id: str, name: str, payload: str) -> None:
        number = 1 + sum(row.run_id == run_id and row.name == name for row in self.inbox)
        self.inbox.append(SignalRow(run_id, name, number, payload, 0))

    def cancel(self, run_id: str, reason: str) -> None:
        self.rows[run_id] = attrs.evolve(self.rows[run_id], cancel=reason)


@attrs.define
class VirtualEffects:
    """Performs steps at once, and lets them end when their virtual time is up."""

    clock: VirtualClock
    perform: Callable[[Asked], Answer | Again]
    boundaries: Boundaries
    seconds: Mapping[str, float] = {}
    stop_after: int | None = None
    _due: list[tuple[int, int, str, int, Answer | Again]] = attrs.field(factory=list)
    _order: int = 0
    _given_up: set[tuple[str, int]] = attrs.field(factory=set)
    _started: dict[str, int] = attrs.field(factory=dict)

    def start(self, asked: Asked) -> None:
        self.boundaries.reach(f"before effect {asked.attempt.path}")
        answer = self.perform(asked)
        self.boundaries.reach(f"after effect {asked.attempt.path}")
        self._order += 1
        self._started[asked.attempt.path] = asked.attempt.number
        due = self.clock.boot() + int(1000 * self.seconds.get(asked.op.name, 0.001))
        heapq.heappush(self._due, (due, self._order, asked.attempt.path, asked.attempt.number, answer))

    def cancel(self, path: str) -> None:
        self._given_up.add((path, self._started.get(path, 0)))

    async def next(self, until: int | None) -> Sequence[Event]:
        if self.stop_after is not None and self._order >= self.stop_after:
            self.stop_after = None
            return [Stop("SIGTERM")]
        events: list[Event] = []
        while self._due and (until is None or self._due[0][0] <= until):
            if events and self._due[0][0] > self.clock.boot():
                break
            due, _, path, number, answer = heapq.heappop(self._due)
            if (path, number) in self._given_up:
                continue
            self.clock.advance(max(0, due - self.clock.boot()))
            events.append(Ended(path, number, answer))
        if events:
            return events
        assert until is not None, "nothing runs, and nothing is waited for"
        self.clock.advance(max(0, until - self.clock.boot()))
        return []

    def close(self) -> None:
        self._due.clear()


@attrs.define
class OneWorker:
    """A Liveness in which every earlier worker is dead."""

    me: str = "worker-1"
    epoch: str = "boot"

    def alive(self, owner: str) -> bool:
        return owner == self.me


class Counter:
    def run_id(self, now: int) -> str:
        return f"run-{now}"


@attrs.define
class Lab:
    """One run in a world in memory: start it, crash it, answer it, resume it.

    Attributes:
        call: The workflow.
        perform: What each attempt of a step answers.
        executed: Every attempt that was performed: path, number, idempotency key.
    """

    call: Call[Any, Any]
    perform: Callable[[Asked], Answer | Again]
    seconds: Mapping[str, float] = {}
    boundaries: Boundaries = attrs.field(factory=Boundaries)
    store: MemoryStore = attrs.field(init=False)
    clock: VirtualClock = attrs.field(factory=VirtualClock)
    executed: list[tuple[str, int, str]] = attrs.field(factory=list)
    worker: int = 0
    run_id: str = "run"
    stop_after: int | None = None

    def __attrs_post_init__(self) -> None:
        self.store = MemoryStore(self.boundaries)

    def _world(self) -> World:
        self.worker += 1
        return World(self.store, self.clock, OneWorker(f"worker-{self.worker}"), Counter())

    def _do(self, asked: Asked) -> Answer | Again:
        self.executed.append((asked.attempt.path, asked.attempt.number, asked.attempt.idempotency_key))
        return self.perform(asked)

    def _effects(self) -> VirtualEffects:
        return VirtualEffects(self.clock, self._do, self.boundaries, self.seconds, self.stop_after)

    def start(self, options: Options = DEFAULT) -> Rest:
        world = self._world()
        mine = self.row(world.liveness.me)
        run = now(self.store.start(mine))
        if run is not mine:
            return self.resume(options)
        return now(begin(world, run, self.call, options, "memory").run(self._effects(), _quiet))

    def row(self, owner: str = "") -> Run:
        """The row of the run as it starts."""
        return Run(
            run_id=self.run_id,
            workflow="w",
            target="t",
            folder="f",
            input="{}",
            input_digest="",
            created_at=self.clock.now(),
            status="running",
            fence=1,
            owner=owner or f"worker-{self.worker}",
            lease_until=self.clock.boot() + 30_000,
            lease_epoch="boot",
        )

    def resume(self, options: Options = DEFAULT) -> Rest:
        drive = now(take_over(self._world(), self.run_id, self.call, options))
        return drive if isinstance(drive, Finished) else now(drive.run(self._effects(), _quiet))

    def to_the_end(self, answers: Mapping[str, str], options: Options = DEFAULT, *, crashes: bool = True) -> Rest:
        """Start or resume, answering whatever waits, until the run has ended."""
        rest: Rest | None = None
        for _ in range(1000):
            try:
                rest = self.start(options) if self.run_id not in self.store.rows else self.resume(options)
            except Crash:
                if not crashes:
                    raise
                continue
            if isinstance(rest, Finished):
                return rest
            if isinstance(rest, Parked):
                for name, answer in answers.items():
                    self.store.answer(self.run_id, name, answer)
                if rest.wake_at is not None:
                    self.clock.advance(max(0, rest.wake_at - self.clock.now()))
        raise AssertionError(f"it never ended; last it was {rest}")

    @property
    def entries(self) -> list[Entry]:
        return self.store.journals.get(self.run_id, [])

    @property
    def ended(self) -> bool:
        return self.store.rows[self.run_id].status in TERMINAL


def _quiet(entry: Entry) -> None:
    """Nobody listens."""
