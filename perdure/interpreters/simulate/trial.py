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
from typing import Any

from returns.result import Success

from perdure.core import codec
from perdure.core.asked import Again, Answer, Asked
from perdure.core.effect import Call, Op, Outcome
from perdure.core.leaves import arguments_of, with_arguments
from perdure.interpreters.durable.at_once import Stuck, at_once
from perdure.interpreters.durable.drive import Drive, Options
from perdure.interpreters.durable.ending import Finished, Parked, Rest
from perdure.interpreters.durable.errors import Conflict, Unusable
from perdure.interpreters.durable.ports import Entry, Gate, Run, World
from perdure.interpreters.durable.takeover import begin, take_over
from perdure.interpreters.durable.times import millis
from perdure.interpreters.simulate.memory_store import SharedStore
from perdure.interpreters.simulate.mortal_store import MortalStore
from perdure.interpreters.simulate.points import Crash, Points
from perdure.interpreters.simulate.replies import Replies
from perdure.interpreters.simulate.told import Executed, Told
from perdure.interpreters.simulate.world import (
    EPOCH,
    FOREVER,
    Agenda,
    NoEntropy,
    OneAlive,
    VirtualClock,
    VirtualEffects,
)

#: Another input of the same step is never an edit here: it is a clock or dice that nobody recorded.
OPTIONS = Options(lease=FOREVER, poll=FOREVER, on_change="refuse")
#: A run that needs so many processes in a row without an outcome will not have one.
_IN_VAIN = 1000


def stored(call: Call[Any, Any]) -> str:
    """The arguments of a call, as a run keeps them.

    Raises:
        Unusable: They have no JSON form.
    """
    try:
        return codec.dumps(arguments_of(call), Any)
    except (codec.CodecError, TypeError) as error:
        raise Unusable(f"the arguments of {call!r} cannot be stored: {error}") from error


def restored(call: Call[Any, Any], input: str) -> Call[Any, Any]:
    """The same call with the arguments that a run keeps: what a body did to its own is forgotten."""
    return with_arguments(call, json.loads(input))


class Trial:
    """One run, from its start to its end.

    Args:
        call: What runs.
        replies: What the world answers.
        reopened: Opens the database, as each process does for itself.
        crashes: Labels of points, in the order in which processes die at them.
    """

    def __init__(
        self,
        call: Call[Any, Any],
        replies: Replies,
        reopened: Callable[[], SharedStore],
        crashes: Sequence[str] = (),
    ) -> None:
        self._call, self._input, self._run_id = call, stored(call), "run"
        self._replies, self._reopened = replies, reopened
        self._clock = VirtualClock()
        self._agenda = Agenda(self._clock)
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
        except Exception as stopped:
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
            claims=self._store.claims,
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
        world = World(self._store, self._clock, me, NoEntropy())
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
        return await drive.run(VirtualEffects(self._clock, self._perform, self._agenda), _quiet)

    def _row(self, owner: str) -> Run:
        return Run(
            run_id=self._run_id,
            workflow=self._call.block.name,
            target=self._call.block.name,
            folder="",
            input=self._input,
            input_digest=codec.digest(self._input),
            created_at=self._clock.now(),
            status="running",
            fence=1,
            owner=owner,
            lease_until=self._clock.boot() + millis(OPTIONS.lease),
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
                self._clock.advance(int(wakes) - self._clock.boot())
                return
            self._agenda.leap()
            run = at_once(self._store.find(self._run_id))

    # -- the world ---------------------------------------------------------------------------------------------------

    def _perform(self, asked: Asked) -> tuple[Answer | Again, float]:
        attempt, op, now = asked.attempt, asked.op, self._clock.boot()
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
        waits = (entry for entry in entries if entry.kind == "wait" and entry.path == path)
        return sum("retry" in json.loads(wait.payload) for wait in waits)

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
        inner, now = self._store.inner, self._clock.now()
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
