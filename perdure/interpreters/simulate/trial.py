"""One run in a world of its own, from its start to its end, whatever dies on the way.

The real drive runs it. A process that dies loses all but what it committed; the world (its clock, the people who
answer, and what the steps did out there) goes on. A crash takes no time: what answered an attempt, and when, answers
the same to the attempt that repeats it, so that whatever differs in the end was done by the crash.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import attrs
from returns.result import Success

from perdure.core import codec
from perdure.core.asked import Answer, Asked, too_late
from perdure.core.effect import Call, Op, Outcome
from perdure.core.leaves import parameters_of
from perdure.interpreters.durable.drive import Drive, Options
from perdure.interpreters.durable.ending import Finished, Parked, Rest
from perdure.interpreters.durable.errors import Conflict, Unusable
from perdure.interpreters.durable.ports import Entry, Gate, Run, SignalRow, World
from perdure.interpreters.durable.takeover import begin, take_over
from perdure.interpreters.durable.times import millis
from perdure.interpreters.simulate.memory_store import SharedStore
from perdure.interpreters.simulate.points import Crash, MortalStore, Point, Points
from perdure.interpreters.simulate.world import (
    EPOCH,
    FOREVER,
    Agenda,
    NoEntropy,
    OneAlive,
    Stuck,
    VirtualClock,
    VirtualEffects,
    at_once,
)

#: Another input of the same step is never an edit here: it is a clock or dice that nobody recorded.
OPTIONS = Options(lease=FOREVER, poll=FOREVER, on_change="refuse")
#: A run that needs so many processes in a row without an outcome will not have one.
_IN_VAIN = 1000


class Reply(Protocol):
    """What becomes of one request, such as a `Cue` of a script."""

    @property
    def answer(self) -> Answer | None: ...
    @property
    def delay(self) -> timedelta: ...


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


@attrs.define
class Replies:
    """What the world answers: the same attempt gets the same answer at the same moment, whoever asks.

    Attributes:
        perform: What becomes of an attempt that has failed so often before.
        answers: What a person says at a gate, or what a message says.
    """

    perform: Callable[[Asked, int], Reply]
    answers: Callable[[Op[Any, Any], str], Reply]
    _attempts: dict[tuple[str, int, str], tuple[Answer, float]] = attrs.field(factory=dict)
    _given: dict[tuple[str, str], Reply] = attrs.field(factory=dict)

    def attempt(self, asked: Asked, failed: int, input: str, now: int) -> tuple[Answer, float]:
        """The answer to an attempt, and when it comes (milliseconds since boot; infinity: never)."""
        key = (asked.attempt.path, failed, input)
        if key not in self._attempts:
            reply, limit = self.perform(asked, failed), asked.op.timeout
            if limit is not None and (reply.answer is None or reply.delay > limit):
                self._attempts[key] = too_late(asked.op, limit), now + millis(limit)
            elif reply.answer is None:
                self._attempts[key] = Success(None), math.inf
            else:
                self._attempts[key] = reply.answer, now + millis(reply.delay)
        answer, ends_at = self._attempts[key]
        return answer, max(now, ends_at)

    def gate(self, op: Op[Any, Any], gate: Gate) -> Reply:
        """What is said at a gate."""
        key = (gate.path, gate.show)
        if key not in self._given:
            self._given[key] = self.answers(op, gate.path)
        return self._given[key]


@attrs.frozen
class Told:
    """All that is left of a run, and all that it did.

    Attributes:
        call: What ran.
        outcome: How it ended; None where `error` kept it from ending.
        row: Its row, if it was recorded at all.
        points: The places where it could have died.
        since: How many of them came before its last crash.
        died: How many crashes there were.
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


def stored(call: Call[Any, Any]) -> str:
    """The arguments of a call, as a run keeps them.

    Raises:
        Unusable: They have no JSON form.
    """
    try:
        return codec.dumps(parameters_of(call.block.fn).encode(call.args, call.kwargs), Any)
    except (codec.CodecError, TypeError) as error:
        raise Unusable(f"the arguments of {call!r} cannot be stored: {error}") from error


def restored(call: Call[Any, Any], input: str) -> Call[Any, Any]:
    """The same call with the arguments that a run keeps: what a body did to its own is forgotten."""
    args, kwargs = parameters_of(call.block.fn).decode(json.loads(input))
    return attrs.evolve(call, args=args, kwargs=kwargs)


class Trial:
    """One run, from its start to its end.

    Args:
        call: What runs.
        replies: What the world answers.
        reopened: Opens the database, as each process does for itself.
        crashes: Labels of points, in the order in which processes die at them.
        run_id: The run's id.
    """

    def __init__(
        self,
        call: Call[Any, Any],
        replies: Replies,
        reopened: Callable[[], SharedStore],
        crashes: Sequence[str] = (),
        run_id: str = "run",
    ) -> None:
        self._call, self._input, self._run_id = call, stored(call), run_id
        self._replies, self._reopened = replies, reopened
        self.clock = VirtualClock()
        self._agenda = Agenda(self.clock)
        self._points = Points(crashes)
        self._executed: list[Executed] = []
        self._store = MortalStore(reopened(), self._points, self._agenda, self._opened)
        self._drive: Drive | None = None
        self._processes = 0

    def told(self) -> Told:
        """Let it live, and tell what came of it.

        Raises:
            AssertionError: What is asked for is not scripted, or a function of the script asserts something.
        """
        outcome, error = None, None
        try:
            outcome = self._live()
        except (Stuck, Exception) as stopped:
            if isinstance(stopped, AssertionError) and not isinstance(stopped, Stuck):
                raise
            error = stopped
        inner = self._store.inner
        return Told(
            call=self._call,
            outcome=outcome,
            error=error,
            row=at_once(inner.find(self._run_id)),
            entries=at_once(inner.entries(self._run_id)),
            gates=at_once(inner.gates(self._run_id)),
            signals=at_once(inner.signals(self._run_id)),
            executed=self._executed,
            points=self._points.met,
            since=self._points.since,
            died=self._points.died,
            intruded=self._store.intruded,
        )

    def _live(self) -> Outcome[Any, Any]:
        """Start a process whenever there is something to do and none is alive, until the run has ended."""
        seen, in_vain = 0, 0
        while in_vain < _IN_VAIN:
            seen, before = self._store.outcomes, seen
            in_vain = in_vain + 1 if seen == before else 0
            try:
                rest = at_once(self._process())
            except Crash:
                self._points.restart()
                self._store.inner = self._reopened()
                continue
            if isinstance(rest, Finished):
                return rest.outcome
            self._wait_for_work(rest)
        raise Stuck(f"it is driven again and again, {_IN_VAIN} times by now, and comes no further")

    async def _process(self) -> Rest:
        """One worker: it starts the run, or takes it over where it stands."""
        self._processes += 1
        me = OneAlive(f"worker-{self._processes}")
        world = World(self._store, self.clock, me, NoEntropy())
        call = restored(self._call, self._input)
        mine = self._row(me.me)
        if await self._store.find(self._run_id) is None and await self._store.start(mine) == mine:
            drive = begin(world, mine, call, OPTIONS, await self._store.database_id())
        else:
            taken = await take_over(world, self._run_id, call, OPTIONS)
            if isinstance(taken, Finished):
                return taken
            drive = taken
        self._drive = drive
        return await drive.run(VirtualEffects(self.clock, self._perform, self._agenda), _quiet)

    def _row(self, owner: str) -> Run:
        return Run(
            run_id=self._run_id,
            workflow=self._call.block.name,
            target=self._call.block.name,
            folder="",
            input=self._input,
            input_digest=codec.digest(self._input),
            created_at=self.clock.now(),
            status="running",
            fence=1,
            owner=owner,
            lease_until=self.clock.boot() + millis(OPTIONS.lease),
            lease_epoch=EPOCH,
            claims=1,
        )

    def _wait_for_work(self, rest: Rest) -> None:
        """Let time pass until a timer of the run is due or somebody has left something for it.

        Raises:
            Stuck: Neither will ever be.
        """
        run = at_once(self._store.find(self._run_id))
        while run is not None and run.status == "parked":
            wakes = self._agenda.moment(run.wake_at)
            if min(wakes, self._agenda.next_at) == math.inf:
                raise Stuck(_waits_for_ever(rest))
            if wakes <= self._agenda.next_at:
                self.clock.advance(int(wakes) - self.clock.boot())
                return
            self._agenda.leap()
            run = at_once(self._store.find(self._run_id))

    # -- the world ---------------------------------------------------------------------------------------------------

    def _perform(self, asked: Asked) -> tuple[Answer, float]:
        attempt, op, now = asked.attempt, asked.op, self.clock.boot()
        self._points.before_effect(attempt)
        input = codec.canonical(op.encode())
        failed, key = self._failed(op, attempt.path), attempt.idempotency_key
        answer = self._replies.attempt(asked, failed, input, now)
        self._executed.append(
            Executed(attempt.path, attempt.number, key, input, op.repeat == "once", failed, now, self._store.seq)
        )
        self._points.after_effect(attempt)
        return answer

    def _failed(self, op: Op[Any, Any], path: str) -> int:
        """How many attempts have failed by their own doing, by the record."""
        if op.retry is None:
            return 0
        entries = at_once(self._store.entries(self._run_id))
        return sum(entry.kind == "wait" and entry.path == path for entry in entries)

    def _opened(self, gate: Gate) -> None:
        """Somebody sees a gate, and will answer it; or will send what the run waits for."""
        op = self._drive.asked(gate.path) if self._drive is not None else None
        if op is None:
            return
        reply = self._replies.gate(op, gate)
        if not isinstance(reply.answer, Success):  # it expires, or it waits for ever
            return
        said = codec.dumps(reply.answer.unwrap(), op.output)
        seen = int(self._agenda.moment(gate.opened_at))
        self._agenda.add(seen + millis(reply.delay), lambda: self._answer(gate, said))

    def _answer(self, gate: Gate, said: str) -> None:
        inner, now = self._store.inner, self.clock.now()
        with contextlib.suppress(Conflict):  # the run no longer asks
            if gate.kind == "signal":
                at_once(inner.send(self._run_id, gate.name, said, idem=None, now=now))
            else:
                at_once(
                    inner.answer(
                        self._run_id,
                        gate.path,
                        gate.number,
                        subject=gate.subject,
                        answer=said,
                        by=None,
                        note=None,
                        via="simulation",
                        idem=None,
                        now=now,
                    )
                )


def _waits_for_ever(rest: Rest) -> str:
    if isinstance(rest, Parked) and rest.waits:
        waits = ", ".join(f"{wait['kind']} {wait['path']}" for wait in rest.waits)
        return f"it waits for ever, for {waits}: nobody answers"
    return f"it rests for ever: {rest}"


def _quiet(entry: Entry) -> None:
    """Nobody listens."""
