"""One run, driven until it ends, parks or is stopped.

Per step one commit: the outcome is encoded, decoded, fed to the machine, and written together with what the program
asks next; only then does that start. Everything here touches the world through the ports.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import math
import traceback
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NoReturn

import attrs
from returns.result import Failure, Success

from perdure.core import codec, outcomes
from perdure.core.asked import (
    NOTHING_KNOWN,
    Again,
    Answer,
    Asked,
    Attempt,
    Question,
    Said,
    answered,
    given_up,
    too_late,
)
from perdure.core.codec import CodecError
from perdure.core.effect import Call, Op, Outcome
from perdure.core.faults import Cancelled, Defect, Expired, Interrupted
from perdure.core.identity import idempotency_key
from perdure.core.leaves import Now, Signal, Sleep, Step, Suspend
from perdure.core.machine import Request
from perdure.interpreters.durable.asking import Approvals, Asking, gate_of, home_of
from perdure.interpreters.durable.ending import Finished, Parked, Rest, Stopped, dump_end
from perdure.interpreters.durable.errors import Blocked, DiskFull, Unavailable
from perdure.interpreters.durable.ports import (
    Claim,
    Effects,
    Ended,
    Entry,
    Gate,
    GateKind,
    Kind,
    Left,
    Noted,
    Outside,
    SignalRow,
    Status,
    Stop,
    Wondered,
    World,
)
from perdure.interpreters.durable.recording import Recording, Tell, begun, signature
from perdure.interpreters.durable.replay import History, OnChange, Replayed, Unfinished, performed
from perdure.interpreters.durable.times import at, millis, moment

#: Nobody left anything.
_NOTHING: Final = Outside()
#: No more of a traceback is kept, in characters.
_TRACE = 8000
#: No more waits are listed in a parked run's reason.
_LISTED = 20


@attrs.frozen
class Options:
    """How a worker drives.

    Attributes:
        lease: How long a run is this worker's without a sign of life. Renewed at a third of it.
        linger: Timers nearer than this are waited for in the process; for later ones the run parks.
        grace: How long running attempts may still end and be recorded once the worker is to stop.
        poll: How often a driven run looks whether somebody answered, signalled or cancelled it.
        on_change: What happens to a recorded outcome whose input is now another.
        rename: Old names (or paths) to new ones.
    """

    lease: timedelta = timedelta(seconds=30)
    linger: timedelta = timedelta(0)
    grace: timedelta = timedelta(seconds=5)
    poll: timedelta = timedelta(milliseconds=50)
    on_change: OnChange = "keep"
    rename: Mapping[str, str] = {}


@attrs.define
class Running:
    """An attempt in progress. `deadline` is in milliseconds since boot, `began_at` when the first attempt began."""

    op: Op[Any, Any]
    attempt: Attempt
    failed: int
    began_at: int
    deadline: float = math.inf


@attrs.define
class Waiting:
    """A request that waits: for an answer or a message (`gate`), for `due` (ms since 1970), or for both.

    If what is due is the next attempt, `failed` counts those that failed, `began_at` is when the first began, and
    `known` is what the next one is given. Where a person is asked before it begins, `until` says what.
    """

    op: Op[Any, Any]
    number: int
    gate: GateKind | None = None
    due: int | None = None
    failed: int = 0
    began_at: int = 0
    known: Said = NOTHING_KNOWN
    until: Asking | None = None


class Drive:
    """What one worker knows of the run that it drives."""

    def __init__(
        self,
        world: World,
        claim: Claim,
        call: Call[Any, Any],
        walk: Replayed,
        history: History,
        options: Options,
        database_id: str,
        lease_until: int,
        defect: Defect | None = None,
    ) -> None:
        self.run_id = claim.run_id
        self._world, self._claim, self._call, self._options = world, claim, call, options
        self._machine, self._walk, self._history = walk.machine, walk, history
        self._database_id, self._defect = database_id, defect
        self._record = Recording(world, claim, history.last, millis(options.lease), lease_until)
        self._approvals = Approvals(world, claim.run_id, self._record, history)
        self._starting: list[Asked] = []
        self._running: dict[str, Running] = {}
        self._limited: dict[str, Running] = {}
        self._waiting: dict[str, Waiting] = {}
        self._timers: list[tuple[int, int, str]] = []
        self._asked_first = 0
        self._unstarted = 0
        self._stop: Stop | None = None
        self._heeded = history.cancelled_at is not None
        self._look_outside = False
        self._next_poll = 0

    def asked(self, path: str) -> Op[Any, Any] | None:
        """What is open under a path, if anything is: a request of the program, or a question of an attempt."""
        request = self._machine.pending.get(path)
        if request is not None:
            return request.op
        open_ = (asking.question for asking in self._approvals.open() if asking.gate == path)
        return next((question.gate for question in open_ if question is not None), None)

    async def run(self, effects: Effects, tell: Tell | None = None) -> Rest:
        """Drive to the end, to rest, or until told to stop.

        Args:
            effects: Where leaves are performed.
            tell: Called with every entry once it is recorded.

        Raises:
            Fenced: Another worker took the run over.
            Blocked: A defect, or a value that cannot be recorded; the row says so too.
            ModuleNotFoundError: A handler needs what comes with an extra; the row says so too.
            Unavailable: The database cannot be used. What was recorded stays.
        """
        self._effects, self._record.tell = effects, tell
        try:
            rest = await self._guarded()
        except BaseException:
            with contextlib.suppress(Defect):  # there is one reason already
                self._machine.close()
            raise
        finally:
            effects.close()
        self._machine.close()
        return rest

    async def _guarded(self) -> Rest:
        """Drive, and write down what stops the run for good."""
        try:
            if self._defect is not None:
                raise self._defect
            return await self._drive()
        except Defect as defect:
            await self._block("defect", str(defect), "mend the workflow's code")
        except CodecError as refused:
            await self._block("unrecordable", str(refused), "let the code give what its annotations say")
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            # What user code gave us (a default, a type, a reply) broke where nobody thought it could.
            await self._block("defect", f"{type(error).__name__}: {error}", "mend the workflow's code")
        except ModuleNotFoundError as missing:
            await self._give_up("blocked", {"kind": "extra", "message": str(missing)})
            raise
        except DiskFull as full:
            self._record.reset()  # what did not fit is lost with it: those attempts are made again
            with contextlib.suppress(Unavailable):  # no room even for that: the run is then seen as stale
                await self._give_up("blocked", {"kind": "disk", "message": str(full)})
            raise

    async def _drive(self) -> Rest:
        await self._resume()
        await self._happened()  # before anything starts: somebody may have cancelled it, or answered, meanwhile
        while True:
            self._open_fresh()
            if self._machine.outcome is not None:
                return await self._finish(self._machine.outcome)
            if self._stop is not None and not self._running:
                return await self._rest(self._stop)
            if not self._running and not self._starting and not self._soon():
                parked = await self._park()
                if parked is not None:
                    return parked
            await self._record.commit()
            if self._starting or self._approvals.unheard:
                while self._record.lapsed:  # again, where we were frozen while we renewed it
                    await self._record.still_ours()
                self._start()
            await self._turn()

    # -- taking up requests ------------------------------------------------------------------------------------------

    async def _resume(self) -> None:
        """Say what the walk found, and take up what it left open."""
        if self._options.rename:
            self._record.note("note", rename=dict(self._options.rename))
        if self._walk.void_from is not None:
            self._record.note("void", since=self._walk.void_from)
            self._history.void(self._walk.void_from)
        for path, digest in self._walk.changed.items():
            self._record.note("note", path, changed=path, input=digest)
        unfinished, gates = self._history.unfinished, dict[str, Gate]()
        every = await self._world.store.gates(self.run_id) if self._history.last is not None else ()
        for gate in sorted(every, key=lambda gate: gate.number):  # the newest of a path counts
            gates[gate.path] = gate
            self._approvals.count(gate)
        for request in self._walk.opened:
            self._open(request, unfinished.get(request.key), gates.get(self._history.recorded(request.key)))
        self._open_fresh()
        # What a crash, an edit or an execution anew has left behind: nobody waits for it any more.
        awaited = {self._gate(path, waiting) for path, waiting in self._waiting.items()}
        awaited.update((asking.gate, 1) for asking in self._approvals.open())
        for gate in every:
            if gate.in_force and gate.key not in awaited:
                self._record.batch.withdrawn.append(gate.key)
        self._look_outside = True
        self._walk, self._history.outcomes, self._history.unfinished = Replayed(self._machine, [], {}), [], {}

    def _open_fresh(self) -> None:
        machine = self._machine
        while True:
            if machine.cancelled:
                self._close_cancelled()
            fresh = machine.fresh()
            if not fresh:
                return
            for request in fresh:
                self._open(request, None, None)

    def _open(self, request: Request, known: Unfinished | None, gate: Gate | None) -> None:
        if self._machine.pending.get(request.key) is not request:
            return
        if self._stop is not None:
            self._unstarted += 1
            return
        op, path = request.op, request.key
        match op:
            case Step():  # first: nearly all are
                self._open_step(op, path, known)
            case Now():
                self._reply(op, path, 1, "end", Success(moment(self._world.clock.now())))
            case Sleep():
                self._open_timer(op, path, known)
            case Suspend() | Signal():
                self._open_gate(op, path, known, gate)
            case _ if performed(op):
                self._open_step(op, path, known)
            case _:
                raise Defect(f"{op!r} cannot be driven on SQL")

    def _open_timer(self, op: Sleep, path: str, known: Unfinished | None) -> None:
        wait = known.waits_since if known else None
        due = int(wait["due"]) if wait is not None else at(op.due(moment(self._world.clock.now()), self._key(path)))
        if wait is None:
            self._wait(op, path, 1, {"due": due})
        self._await(path, Waiting(op, 1, None, due))  # even if it is due: what else came before that goes first

    def _open_gate(
        self, op: Suspend[Any, Any] | Signal[Any], path: str, known: Unfinished | None, gate: Gate | None
    ) -> None:
        now, expires = self._world.clock.now(), op.expires if isinstance(op, Suspend) else None
        asked = gate_of(self.run_id, self._history.recorded(path), op, now)
        # One that was expired just before a crash expires once more, in the order of time.
        goes_on = ("open", "decided") if expires is None else ("open", "decided", "expired")
        if known is not None and gate is not None and gate.subject == asked.subject and gate.status in goes_on:
            self._await(path, Waiting(op, gate.number, asked.kind, gate.expires_at))
            return
        past = self._history.attempts.get(path, 0)
        number = max(known.attempts if known else 0, gate.number if gate else 0, past) + 1
        due = at(moment(now) + expires) if expires is not None else None
        self._wait(op, path, number, {"gate": op.name, "due": due})
        self._record.batch.opened.append(attrs.evolve(asked, number=number, expires_at=due))
        self._await(path, Waiting(op, number, asked.kind, due))
        self._look_outside = True

    def _open_step(self, op: Op[Any, Any], path: str, known: Unfinished | None) -> None:
        voided = self._history.attempts.get(path, 0)
        if op.repeat == "once" and (voided or (known is not None and known.last.kind == "begin")):
            number = known.attempts if known is not None else voided
            fault = Interrupted(
                op.name, "", f"attempt {number} was cut off or given up, and it must never be run again"
            )
            self._reply(op, path, number, "end", Failure(fault))
            return
        if known is None:
            self._begin(op, path, voided + 1, 0, self._world.clock.now())
            return
        self._approvals.take_up(path, known)
        wait = known.waits_since or {}
        waiting = Waiting(op, known.attempts, None, wait.get("due"), known.failed, known.began_at, known.known)
        if "until" in wait and not known.decided:
            until = self._approvals.ask_first(path, known.attempts, Question(**wait["until"]))
            self._await_answer(path, waiting, until)
        elif "due" in wait:
            self._await(path, waiting)
        else:
            self._begin(op, path, known.attempts + 1, known.failed, known.began_at, known.known)

    def _begin(
        self, op: Op[Any, Any], path: str, number: int, failed: int, began_at: int, known: Said = NOTHING_KNOWN
    ) -> None:
        self._record.entry("begin", path, number, op, begun(op))
        attempt = Attempt(self.run_id, path, number, self._key(path))
        self._running[path] = Running(op, attempt, failed, began_at)
        self._starting.append(Asked(op.given(), attempt, known))

    def _wait(self, op: Op[Any, Any], path: str, number: int, what: dict[str, Any]) -> None:
        self._record.entry("wait", path, number, op, json.dumps({**what, "as": signature(op)}))

    def _await(self, path: str, waiting: Waiting) -> None:
        self._waiting[path] = waiting
        if waiting.due is None:
            return
        self._asked_first += 1
        heapq.heappush(self._timers, (waiting.due, self._asked_first, path))
        if len(self._timers) > 64 + 2 * len(self._waiting):  # most are of waits that were closed long before
            self._timers = [timer for timer in self._timers if self._alive(timer)]
            heapq.heapify(self._timers)

    def _alive(self, timer: tuple[int, int, str]) -> bool:
        waiting = self._waiting.get(timer[2])
        return waiting is not None and waiting.due == timer[0]

    def _key(self, path: str) -> str:
        return idempotency_key(self._database_id, self.run_id, self._history.recorded(path))

    # -- outcomes ----------------------------------------------------------------------------------------------------

    def _reply(self, op: Op[Any, Any], path: str, attempt: int, kind: Kind, outcome: Answer) -> Entry:
        """Record an outcome and go on with what a replay would see of it."""
        try:
            payload, seen = outcomes.recorded(outcome, op.output, op.errors)
        except CodecError as error:
            raise CodecError(f"what came of {path}, {error.path}", error.reason) from error
        return self._settle(op, path, attempt, kind, payload, seen)

    def _consume(self, op: Op[Any, Any], path: str, attempt: int, payload: str) -> Entry:
        """Record what came from outside, if it fits, and go on with it."""
        return self._settle(op, path, attempt, "wake", payload, outcomes.load(payload, op.output, op.errors))

    def _settle(self, op: Op[Any, Any], path: str, attempt: int, kind: Kind, payload: str, seen: Answer) -> Entry:
        entry = self._record.entry(kind, path, attempt, op, payload)
        self._record.close(path)
        self._machine.reply(path, seen)
        if self._machine.cancelled:  # at once: what else arrived in this turn may be for a branch that is closed now
            self._close_cancelled()
        return entry

    def _start(self) -> None:
        if self._approvals.unheard:
            self._approvals.hand_over()
        if self._effects.leaving:  # what begins must not meet it
            return
        starting, self._starting = self._starting, []
        for asked in starting:
            running = self._running.get(asked.attempt.path)
            if running is None or running.attempt is not asked.attempt:
                continue  # closed before it started
            if asked.op.timeout is not None:
                running.deadline = self._world.clock.boot() + millis(asked.op.timeout)
                self._limited[asked.attempt.path] = running
            self._effects.start(asked)

    # -- one turn ----------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Wait until something happens, and let the machine know."""
        boot = self._world.clock.boot()
        if (self._limited or self._timers or self._look_outside or boot >= self._next_poll) and await self._happened():
            return
        for event in await self._effects.next(self._until(boot)):
            match event:
                case Ended():  # first: nearly all are
                    self._ended(event)
                case Noted():
                    self._noted(event)
                case Wondered():
                    self._wondered(event)
                case Left():
                    self._look_outside = True
                case Stop():
                    self._stopping(event)

    async def _happened(self) -> bool:
        """Let what others left and what is due happen, in the order of time; whether there was any of it."""
        happened = self._overrun() if self._limited else False
        if self._stop is not None:
            return happened
        outside = _NOTHING
        if self._look_outside or self._world.clock.boot() >= self._next_poll:
            if self._look_outside or self._world.store.changed():
                self._look_outside = False
                outside = await self._world.store.outside(self.run_id, self._awaits())
            self._next_poll = self._world.clock.boot() + millis(self._options.poll)
        if outside is _NOTHING and not self._timers:
            return happened
        if outside.cancel is not None and not self._heeded:
            self._heeded = True
            if self._machine.cancel(outside.cancel):
                self._record.note("note", cancel=outside.cancel)
                return True
        left = _in_order(outside)
        while True:
            due = self._due()
            if left and (due is None or left[0][0] <= due[0]):
                _, one = left.pop(0)
                taken = self._answered(one) if isinstance(one, Gate) else self._heard(one)
                self._look_outside = self._look_outside or (taken and isinstance(one, SignalRow))
            elif due is not None:
                taken = await self._fire(due[1])
            else:
                return happened
            happened = happened or taken
            self._open_fresh()

    def _until(self, boot: int) -> int:
        """When the next turn is due at the latest, in milliseconds since boot."""
        until: float = self._record.renew_at
        if self._stop is None:
            until = min(until, self._next_poll)
            if self._timers:
                until = min(until, boot + max(0, self._timers[0][0] - self._world.clock.now()))
        for running in self._limited.values():
            until = min(until, running.deadline)
        return max(int(until), boot)

    def _overrun(self) -> bool:
        """End the attempts whose time is up; whether there were any."""
        boot = self._world.clock.boot()
        over = [(path, running) for path, running in self._limited.items() if running.deadline <= boot]
        for path, running in over:
            self._effects.cancel(path)
            late = too_late(running.op, running.op.timeout or timedelta(0)) if self._stop is None else None
            self._ended(Ended(path, running.attempt.number, late))
        return bool(over)

    def _due(self) -> tuple[int, str] | None:
        """The first timer that is due, with its path."""
        while self._timers and self._timers[0][0] <= self._world.clock.now():
            if self._alive(self._timers[0]):
                return self._timers[0][0], self._timers[0][2]
            heapq.heappop(self._timers)
        return None

    async def _fire(self, path: str) -> bool:
        """Let what waits for this time go on; False where an answer came first after all."""
        heapq.heappop(self._timers)
        waiting = self._waiting[path]
        op = waiting.op
        if waiting.gate is not None:
            expires = op.expires if isinstance(op, Suspend) else None
            home = self._history.recorded(path)
            if self._record.batch.opened:  # it may be among them, and must be there to be closed
                await self._record.commit()
            if expires is None or not await self._world.store.expire(self._claim, home, waiting.number):
                self._look_outside = True
                return False
            outcome: Answer = Failure(Expired(op.name, expires))
        elif isinstance(op, Sleep):
            outcome = Success(None)
        else:
            del self._waiting[path]
            self._begin(op, path, waiting.number + 1, waiting.failed, waiting.began_at, waiting.known)
            return True
        del self._waiting[path]
        self._reply(op, path, waiting.number, "wake", outcome)
        return True

    def _ended(self, event: Ended) -> None:
        running = self._running.get(event.path)
        if running is None or running.attempt.number != event.attempt:
            return  # given up before; what it answers is dropped
        del self._running[event.path]
        self._limited.pop(event.path, None)
        if event.outcome is None:
            self._unstarted += 1  # cut off by our stopping: the next worker makes another attempt
            return
        op, outcome, number = running.op, event.outcome, running.attempt.number
        if isinstance(outcome, Again) and outcome.until is not None:
            self._ask_first(running, outcome, outcome.until)
            return
        if self._approvals.asked:
            self._approvals.withdraw(event.path)
        if isinstance(outcome, Again):
            self._once_more(running, outcome.error, outcome.after, running.failed, {"again": outcome.known})
            return
        if not isinstance(outcome, Success):
            error, failed = outcome.failure(), running.failed + 1
            elapsed = timedelta(milliseconds=self._world.clock.now() - running.began_at)
            key = running.attempt.idempotency_key
            wait = op.retry.again(failed, error, elapsed, key) if op.retry is not None else None
            if wait is not None:
                self._once_more(running, error, wait, failed, {"retry": failed})
                return
            trace = _trace(error)
            if trace:
                self._record.note("note", event.path, number, trace=trace)
            outcome = Failure(given_up(error, failed))
        self._reply(op, event.path, number, "end", outcome)

    def _once_more(self, running: Running, error: object, after: timedelta, failed: int, why: Said) -> None:
        """Wait for the next attempt. When it is due is recorded, and so is what it is given."""
        path, number, due = running.attempt.path, running.attempt.number, self._world.clock.now() + millis(after)
        self._wait(running.op, path, number, {**why, "due": due, **_failed_with(error)})
        known: Said = why.get("again", NOTHING_KNOWN)
        self._await(path, Waiting(running.op, number, None, due, failed, running.began_at, known))

    def _noted(self, event: Noted) -> None:
        running = self._running.get(event.path)
        if running is not None and running.attempt.number == event.attempt:
            self._record.note("note", event.path, event.attempt, said=event.said)

    # -- questions of attempts ---------------------------------------------------------------------------------------

    def _wondered(self, event: Wondered) -> None:
        running = self._running.get(event.path)
        if running is not None and running.attempt.number == event.attempt:
            self._approvals.ask(event)
            self._look_outside = True  # what was asked before may be answered by now

    def _ask_first(self, running: Running, again: Again, question: Question) -> None:
        """Wait for a person before the next attempt, without a process. What it is given is recorded."""
        op, path, number = running.op, running.attempt.path, running.attempt.number
        until = self._approvals.ask_first(path, number, question)
        asks = {"name": question.name, "prompt": question.prompt, "show": codec.show(question.show)}
        what = {"again": again.known, "until": asks, "gate": until.gate, **_failed_with(again.error)}
        self._wait(op, path, number, {**what, **self._approvals.kept(path)})
        waiting = Waiting(op, number, None, None, running.failed, running.began_at, again.known)
        self._await_answer(path, waiting, until)

    def _await_answer(self, path: str, waiting: Waiting, until: Asking) -> None:
        """Let the next attempt wait for an answer, which may be there already."""
        waiting.gate, waiting.until = "approval", until
        self._await(path, waiting)
        self._look_outside = True  # what was asked before may be answered by now
        if until.decision is not None:  # somebody was faster than whoever asked
            self._approvals.decided(until)
            self._go_on(until)

    def _go_on(self, asking: Asking) -> None:
        """Begin the attempt that waited for an answer."""
        waiting = self._waiting.pop(asking.path)
        if self._stop is not None:
            self._unstarted += 1
            return
        assert asking.decision is not None, "it waited for it"
        known = answered(waiting.known, asking.decision)
        self._begin(waiting.op, asking.path, waiting.number + 1, waiting.failed, waiting.began_at, known)

    # -- what others left --------------------------------------------------------------------------------------------

    def _answered(self, gate: Gate) -> bool:
        """Take an answer, if somebody waits for it."""
        if home_of(gate):
            asking = self._approvals.take(gate)
            if asking is not None and asking.first and asking.decision is not None:
                self._go_on(asking)
            return asking is not None
        path = next(
            (p for p, w in self._waiting.items() if w.gate not in (None, "signal") and self._gate(p, w) == gate.key),
            None,
        )
        if path is None:
            return False
        waiting = self._waiting.pop(path)
        try:
            entry = self._consume(waiting.op, path, gate.number, f'{{"ok":{gate.answer}}}')
        except CodecError as refused:  # it fitted the schema, and yet not the type: ask again
            self._record.note("note", path, gate.number, refused=str(refused))
            self._record.batch.withdrawn.append(gate.key)
            self._history.attempts[path] = gate.number
            self._open(self._machine.pending[path], None, None)
            return True
        self._record.batch.consumed.append((*gate.key, entry.seq))
        return True

    def _gate(self, path: str, waiting: Waiting) -> tuple[str, int]:
        """Path and number of the gate at which something waits."""
        if waiting.until is not None:
            return waiting.until.gate, 1
        return self._history.recorded(path), waiting.number

    def _heard(self, message: SignalRow) -> bool:
        """Take a message, or set it aside, if somebody waits for one of its name."""
        path = next((p for p, w in self._waiting.items() if w.gate == "signal" and w.op.name == message.name), None)
        if path is None:
            return False
        waiting = self._waiting.pop(path)
        try:
            entry = self._consume(waiting.op, path, waiting.number, f'{{"ok":{message.payload}}}')
        except CodecError as refused:
            self._waiting[path] = waiting
            self._record.batch.refused.append((message.name, message.number, str(refused)))
            return True
        self._record.batch.taken.append((message.name, message.number, entry.seq))
        self._record.batch.withdrawn.append((self._history.recorded(path), waiting.number))
        return True

    def _close_cancelled(self) -> None:
        for path in self._machine.cancelled:
            self._record.close(path)
            self._limited.pop(path, None)
            if self._running.pop(path, None) is not None:
                self._effects.cancel(path)
            waiting = self._waiting.pop(path, None)
            if waiting is not None and waiting.gate is not None and waiting.until is None:
                self._record.batch.withdrawn.append(self._gate(path, waiting))
            self._approvals.withdraw(path)
        self._machine.cancelled.clear()

    # -- coming to rest ----------------------------------------------------------------------------------------------

    def _stopping(self, stop: Stop) -> None:
        if self._stop is not None:
            return
        self._stop = stop
        until = self._world.clock.boot() + millis(self._options.grace)
        for path, running in self._running.items():
            running.deadline = min(until, running.deadline)
            self._limited[path] = running

    def _soon(self) -> bool:
        """Whether something that is waited for comes soon enough to wait in the process."""
        horizon = self._world.clock.now() + millis(self._options.linger)
        return any(timer[0] <= horizon and self._alive(timer) for timer in self._timers)

    def _waits(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            {
                "path": path if w.until is None else w.until.gate,
                "name": w.op.name,
                "kind": w.gate or ("timer" if isinstance(w.op, Sleep) else "retry"),
                "due": w.due,
            }
            for path, w in list(self._waiting.items())[:_LISTED]
        )

    def _awaits(self) -> tuple[str, ...]:
        return tuple({w.op.name: None for w in self._waiting.values() if w.gate == "signal"})

    def _next_due(self) -> int | None:
        return min((w.due for w in self._waiting.values() if w.due is not None), default=None)

    async def _park(self) -> Parked | None:
        waits, wake_at, batch = self._waits(), self._next_due(), self._record.batch
        batch.status, batch.wake_at, batch.heeded = "parked", wake_at, self._heeded
        batch.reason = json.dumps({"kind": "waiting", "waits": waits})
        batch.awaits = self._awaits()
        batch.gates = tuple(self._gate(p, w) for p, w in self._waiting.items() if w.gate is not None)
        if await self._record.commit():
            return Parked(waits, wake_at)
        self._look_outside = True
        return None

    async def _rest(self, stop: Stop) -> Rest:
        if not self._unstarted and self._waiting and not self._soon() and await self._park():
            return Stopped(stop.why)
        status: Status = "paused" if stop.why == "SIGINT" else "ready"
        await self._give_up(status, {"kind": "stopped", "why": stop.why, "waits": self._waits()})
        return Stopped(stop.why)

    async def _finish(self, outcome: Outcome[Any, Any]) -> Finished:
        payload, finished = dump_end(self._call, outcome)
        if self._machine.not_undone:
            left = [{"path": path, "error": str(error)} for path, error in self._machine.not_undone]
            self._record.note("note", not_undone=left)
        cancelled = isinstance(outcome, Failure) and isinstance(outcome.failure(), Cancelled)
        batch = self._record.batch
        batch.status = "succeeded" if isinstance(outcome, Success) else "cancelled" if cancelled else "failed"
        batch.outcome, batch.outcome_digest = payload, codec.digest(payload)
        batch.finished_at = self._world.clock.now()
        await self._record.commit()
        return finished

    async def _block(self, kind: str, message: str, mend: str) -> NoReturn:
        """Write down why the run cannot go on, give it up, and say so."""
        await self._give_up("blocked", {"kind": kind, "message": message})
        raise Blocked(f"run {self.run_id} is blocked: {message}\n  {mend}, then: perdure resume {self.run_id}")

    async def _give_up(self, status: Status, reason: dict[str, Any]) -> None:
        batch = self._record.batch
        batch.status, batch.reason, batch.wake_at = status, json.dumps(reason), self._next_due()
        await self._record.commit()


def _in_order(outside: Outside) -> list[tuple[int, Gate | SignalRow]]:
    """What others left, by the time at which they did.

    Of one name, a message counts as no older than those before it in the queue: a sender's clock may have been set
    back, and the queue stays a queue.
    """
    left: list[tuple[int, Gate | SignalRow]] = [(gate.decided_at or 0, gate) for gate in outside.gates]
    newest: dict[str, int] = {}
    for message in outside.signals:
        newest[message.name] = max(message.at, newest.get(message.name, message.at))
        left.append((newest[message.name], message))
    return sorted(left, key=lambda one: one[0])


def _failed_with(error: object) -> Said:
    return {} if error is None else {"error": str(error), "trace": _trace(error)}


def _trace(error: object) -> str:
    cause = error.__cause__ if isinstance(error, BaseException) else None
    return "".join(traceback.format_exception(cause))[-_TRACE:] if cause is not None else ""
