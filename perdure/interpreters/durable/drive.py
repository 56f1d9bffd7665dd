"""One run, driven until it ends, parks or is stopped.

Per step one commit: the outcome is encoded, decoded, fed to the machine, and written together with what the program
asks next; only then does that start. Everything here touches the world through the ports.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import json
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeAlias

import attrs
from returns.result import Failure, Success

from perdure.core import codec, outcomes
from perdure.core.asked import Answer, Asked, Attempt, given_up, too_late
from perdure.core.codec import CodecError
from perdure.core.effect import Call, Op, Outcome
from perdure.core.faults import Cancelled, Defect, Expired, Interrupted
from perdure.core.identity import idempotency_key, input_of, shape_of
from perdure.core.leaves import Approved, Denied, Now, Signal, Sleep, Suspend
from perdure.core.machine import Machine, Request
from perdure.core.schema import json_schema
from perdure.core.workflow import members
from perdure.interpreters.durable.chain import chained, genesis, verify
from perdure.interpreters.durable.errors import Blocked, Corrupt, DiskFull, Drifted, NotFound, Owned, Unavailable
from perdure.interpreters.durable.ports import (
    TERMINAL,
    Batch,
    Claim,
    Effects,
    Ended,
    Entry,
    Gate,
    GateKind,
    Kind,
    Outside,
    Run,
    Status,
    Stop,
    World,
)
from perdure.interpreters.durable.replay import (
    History,
    OnChange,
    Replayed,
    Unfinished,
    once_interrupted,
    performed,
    replay,
    signature,
)

#: How often a driven run looks whether somebody answered, signalled or cancelled it, in milliseconds.
POLL = 50
#: No more of a traceback is kept, in characters.
_TRACE = 8000
#: No more waits are listed in a parked run's reason.
_LISTED = 20

Tell: TypeAlias = Callable[[Entry], None]


@attrs.frozen
class Options:
    """How a worker drives.

    Attributes:
        lease: How long a run is this worker's without a sign of life. Renewed at a third of it.
        linger: Timers nearer than this are waited for in the process; for later ones the run parks.
        grace: How long running attempts may still end and be recorded once the worker is to stop.
        on_change: What happens to a recorded outcome whose input is now another.
        rename: Old names (or paths) to new ones.
    """

    lease: timedelta = timedelta(seconds=30)
    linger: timedelta = timedelta(0)
    grace: timedelta = timedelta(seconds=5)
    on_change: OnChange = "keep"
    rename: Mapping[str, str] = {}


@attrs.frozen
class Finished:
    """The run has ended."""

    outcome: Outcome[Any, Any]


@attrs.frozen
class Parked:
    """The run waits, without a process: `waits` says for what, `wake_at` (ms since 1970) when a timer is due."""

    waits: tuple[dict[str, Any], ...]
    wake_at: int | None


@attrs.frozen
class Stopped:
    """The worker was told to stop; all that ended is recorded, and the run can go on elsewhere."""

    why: str


Rest: TypeAlias = Finished | Parked | Stopped


@attrs.define
class Running:
    """An attempt in progress. `deadline` is in milliseconds since boot."""

    op: Op[Any, Any]
    attempt: Attempt
    failed: int
    began_at: int
    deadline: int | None


@attrs.define
class Waiting:
    """A request that waits: for an answer or a message (`gate`), for `due` (ms since 1970), or for both.

    `failed` counts attempts if what is due is the next attempt; `began_at` is when the first began.
    """

    op: Op[Any, Any]
    number: int
    gate: GateKind | None = None
    due: int | None = None
    failed: int = 0
    began_at: int = 0
    recorded_path: str = ""


def millis(span: timedelta) -> int:
    """A duration in whole milliseconds, rounded up, so that nothing fires early."""
    return -(-span // timedelta(milliseconds=1))


def moment(at: int) -> datetime:
    """Milliseconds since 1970 as a datetime (UTC)."""
    return datetime.fromtimestamp(at / 1000, UTC)


def outcome_types(call: Call[Any, Any]) -> tuple[Any, tuple[Any, ...]]:
    """The types by which a run's outcome is written: its workflow's, and `Cancelled`."""
    output, error = call.block.hints
    return output, (*members(error), Cancelled)


def load_outcome(call: Call[Any, Any], payload: str) -> Outcome[Any, Any]:
    """A run's recorded end."""
    return outcomes.load(payload, *outcome_types(call))


def recorded_end(call: Call[Any, Any], run: Run) -> Outcome[Any, Any]:
    """The outcome of a run that has ended.

    Raises:
        Corrupt: Its row was changed after it was written, or does not fit its types.
    """
    try:
        if run.outcome is not None and codec.digest(run.outcome) == run.outcome_digest:
            return load_outcome(call, run.outcome)
        why = "it was changed after it was written"
    except CodecError as error:
        why = str(error)
    raise Corrupt(f"the recorded end of run {run.run_id} cannot be read: {why}. Restore a backup; see: perdure doctor")


async def take_over(world: World, run_id: str, call: Call[Any, Any], options: Options) -> Drive | Finished:
    """Read a run, walk the program against it, and only then claim it.

    Raises:
        NotFound: There is no such run.
        Owned: Another live worker drives it.
        Drifted: The code no longer matches; nothing was written.
        Corrupt: A record cannot be read; nothing was written.
        Blocked: The walk met a defect.
    """
    while True:
        run = await world.store.find(run_id)
        if run is None:
            raise NotFound(f"no run {run_id!r} in this database; see `perdure ps`")
        if run.status in TERMINAL:
            return Finished(recorded_end(call, run))
        if run.status == "running" and run.owner is not None and holds(world, run):
            raise Owned(
                f"run {run_id} is driven by worker {run.owner} (fence {run.fence}), which is alive; "
                f"watch it with `perdure logs -f {run_id}`, or stop that worker first"
            )
        entries = await world.store.entries(run_id)
        verify(run_id, entries)
        history = History.of(entries)
        if options.rename and not history.rename(options.rename):
            raise Drifted(f"nothing in run {run_id} is called {', '.join(options.rename)}: see `perdure show {run_id}`")
        defect: Defect | None = None
        try:
            walk = replay(Machine(call), history, on_change=options.on_change, run_id=run_id)
        except Defect as found:
            defect, walk = found, Replayed(Machine(_NOTHING), [], {})
        last = entries[-1].seq if entries else 0
        lease_until = world.clock.boot() + millis(options.lease)
        claim = await world.store.claim(
            run_id, world.liveness.me, seen=run.fence, last=last, lease_until=lease_until, epoch=world.liveness.epoch
        )
        if claim is None:
            continue  # somebody was faster: look again
        drive = Drive(world, claim, call, walk, history, options, await world.store.database_id(), lease_until)
        if defect is not None:
            await drive.block("defect", str(defect))
        return drive


_NOTHING: Call[Any, Any] | Any = Sleep(timedelta(0))  # Any: stands in for a program that cannot be walked


def holds(world: World, run: Run) -> bool:
    """Whether the owner of a running run still has the right to it."""
    if run.lease_epoch != world.liveness.epoch or run.lease_until is None or run.owner is None:
        return False  # the machine was restarted since
    return run.lease_until > world.clock.boot() and world.liveness.alive(run.owner)


def begin(world: World, run: Run, call: Call[Any, Any], options: Options, database_id: str) -> Drive:
    """Drive a run that was inserted, claimed, a moment ago."""
    claim = Claim(run.run_id, run.fence, world.liveness.me)
    try:
        walk = Replayed(machine := Machine(call), machine.fresh(), {})
        found = None
    except Defect as defect:
        walk, found = Replayed(Machine(_NOTHING), [], {}), defect
    drive = Drive(world, claim, call, walk, History(), options, database_id, run.lease_until or 0)
    drive.defect = found
    return drive


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
    ) -> None:
        self.run_id = claim.run_id
        self.defect: Defect | None = None
        self._world, self._claim, self._call, self._options = world, claim, call, options
        self._machine, self._walk, self._history = walk.machine, walk, history
        self._database_id = database_id
        self._seq = history.last.seq if history.last else 0
        self._previous = history.last.digest if history.last else genesis(self.run_id)
        self._lease, self._lease_until = millis(options.lease), lease_until
        self._batch = Batch(claim)
        self._starting: list[Asked] = []
        self._digests: dict[str, tuple[str, str]] = {}
        self._running: dict[str, Running] = {}
        self._waiting: dict[str, Waiting] = {}
        self._timers: list[tuple[int, int, str]] = []
        self._unstarted = 0
        self._stop: Stop | None = None
        self._look_outside = False
        self._heeded = history.cancelled_at is not None
        self._next_poll = 0

    async def run(self, effects: Effects, tell: Tell) -> Rest:
        """Drive to the end, to rest, or until told to stop.

        Args:
            effects: Where leaves are performed.
            tell: Called with every entry once it is recorded.

        Raises:
            Fenced: Another worker took the run over.
            Blocked: A defect, or a value that cannot be recorded; the row says so too.
            Unavailable: The database cannot be used. What was recorded stays.
        """
        self._effects, self._tell = effects, tell
        try:
            if self.defect is not None:
                await self.block("defect", str(self.defect))
            return await self._drive()
        except Defect as defect:
            await self.block("defect", str(defect))
        except CodecError as refused:
            await self.block("unrecordable", str(refused))
        except DiskFull as full:
            self._batch = Batch(self._claim)  # what did not fit is lost with it: those attempts are made again
            with contextlib.suppress(Unavailable):  # no room even for that: the run is then seen as stale
                await self._give_up("blocked", {"kind": "disk", "message": str(full)})
            raise
        finally:
            effects.close()
            self._machine.close()

    async def _drive(self) -> Rest:
        await self._resume()
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
            await self._commit()
            await self._still_ours()
            self._start()
            await self._turn()

    # -- taking up requests ------------------------------------------------------------------------------------------

    async def _resume(self) -> None:
        """Say what the walk found, and take up what it left open."""
        if self._options.rename:
            self._record("note", "", 0, payload=json.dumps({"rename": dict(self._options.rename)}))
        if self._walk.void_from is not None:
            self._record("void", "", 0, payload=json.dumps({"from": self._walk.void_from}))
            self._history.void(self._walk.void_from)
        for path, digest in self._walk.changed.items():
            self._record("note", path, 0, payload=json.dumps({"changed": path, "input": digest}))
        unfinished = self._history.unfinished
        gates: dict[str, Gate] = {}
        if any(open_.last.kind == "wait" for open_ in unfinished.values()):
            gates = {gate.path: gate for gate in await self._world.store.gates(self.run_id)}
        for request in self._walk.opened:
            known = unfinished.get(request.key)
            self._open(request, known, gates.get(known.recorded_path) if known else None)
        self._look_outside = True
        self._walk = Replayed(self._machine, [], {})

    def _open_fresh(self) -> None:
        while True:
            self._close_cancelled()
            fresh = self._machine.fresh()
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
        now = self._world.clock.now()
        wait = known.waits_since if known else None
        due = int(wait["due"]) if wait is not None else _due(op.due(moment(now), self._key(path)), now)
        if due <= now:
            self._reply(op, path, 1, "wake", Success(None))
            return
        if wait is None:
            self._wait(op, path, 1, {"due": due})
        self._await(path, Waiting(op, 1, None, due))

    def _open_gate(
        self, op: Suspend[Any, Any] | Signal[Any], path: str, known: Unfinished | None, gate: Gate | None
    ) -> None:
        kind, show = gate_kind(op), json.dumps(codec.show(op.show)) if isinstance(op, Suspend) else "null"
        prompt = op.prompt if isinstance(op, Suspend) else ""
        schema = codec.canonical(json_schema(op.output))
        subject = codec.digest(codec.canonical([self.run_id, path, prompt, show, schema]))
        if known is not None and gate is not None and (gate.subject == subject or known.recorded_path != path):
            if gate.status == "expired" and isinstance(op, Suspend) and op.expires is not None:
                self._reply(op, path, gate.number, "wake", Failure(Expired(op.name, op.expires)))
                return
            if gate.status in ("open", "decided"):
                self._await(path, Waiting(op, gate.number, kind, gate.expires_at, recorded_path=gate.path))
                return
        if gate is not None:
            self._batch.withdrawn.append((gate.path, gate.number))
        number = (known.attempts if known else self._history.attempts.get(path, 0)) + 1
        now = self._world.clock.now()
        expires = now + millis(op.expires) if isinstance(op, Suspend) and op.expires is not None else None
        self._wait(op, path, number, {"gate": op.name, "due": expires})
        self._batch.opened.append(
            Gate(self.run_id, path, number, op.name, kind, prompt, show, schema, subject, now, expires_at=expires)
        )
        self._await(path, Waiting(op, number, kind, expires, recorded_path=path))
        self._look_outside = True

    def _open_step(self, op: Op[Any, Any], path: str, known: Unfinished | None) -> None:
        if known is None:
            self._begin(op, path, self._history.attempts.get(path, 0) + 1, 0, self._world.clock.now(), path)
            return
        wait = known.waits_since
        if once_interrupted(op, known):
            fault = Interrupted(op.name, "", f"attempt {known.attempts} was cut off, and it must never be run again")
            self._reply(op, path, known.attempts, "end", Failure(fault))
        elif wait is not None and int(wait["due"]) > self._world.clock.now():
            waiting = Waiting(
                op, known.attempts, None, int(wait["due"]), known.failed, known.began_at, known.recorded_path
            )
            self._await(path, waiting)
        else:
            self._begin(op, path, known.attempts + 1, known.failed, known.began_at, known.recorded_path)

    def _begin(self, op: Op[Any, Any], path: str, number: int, failed: int, began_at: int, recorded_path: str) -> None:
        self._record("begin", path, number, op, _as(op.kind, op.output))
        attempt = Attempt(self.run_id, path, number, self._key(recorded_path))
        self._running[path] = Running(op, attempt, failed, began_at, None)
        self._starting.append(Asked(op, attempt))

    def _wait(self, op: Op[Any, Any], path: str, number: int, what: dict[str, Any]) -> None:
        self._record("wait", path, number, op, json.dumps({**what, "as": signature(op)}))

    def _await(self, path: str, waiting: Waiting) -> None:
        self._waiting[path] = waiting
        if waiting.due is not None:
            heapq.heappush(self._timers, (waiting.due, len(self._timers), path))

    def _key(self, path: str) -> str:
        return idempotency_key(self._database_id, self.run_id, path)

    # -- recording ---------------------------------------------------------------------------------------------------

    def _record(self, kind: Kind, path: str, attempt: int, op: Op[Any, Any] | None = None, payload: str = "") -> Entry:
        shape, asked = self._asked(op, path) if op is not None else ("", "")
        self._seq += 1
        at = self._world.clock.now()
        entry = chained(self._previous, self._seq, kind, path, attempt, self._claim.fence, at, shape, asked, payload)
        self._previous = entry.digest
        self._batch.entries.append(entry)
        return entry

    def _asked(self, op: Op[Any, Any], path: str) -> tuple[str, str]:
        """Shape and input of an open request, as first recorded: a step may change what it is given."""
        if path not in self._digests:
            self._digests[path] = shape_of(op), input_of(op)
        return self._digests[path]

    def _reply(self, op: Op[Any, Any], path: str, attempt: int, kind: Kind, outcome: Answer) -> Entry:
        """Record an outcome and go on with what a replay would see of it."""
        return self._consume(op, path, attempt, kind, outcomes.dump(outcome, op.output, op.errors))

    def _consume(self, op: Op[Any, Any], path: str, attempt: int, kind: Kind, payload: str) -> Entry:
        seen = outcomes.load(payload, op.output, op.errors)
        entry = self._record(kind, path, attempt, op, payload)
        del self._digests[path]
        self._machine.reply(path, seen)
        self._close_cancelled()  # at once: what else arrived in this turn may be for a branch that is closed now
        return entry

    async def _commit(self) -> bool:
        batch, boot = self._batch, self._world.clock.boot()
        renewing = self._lease_until - boot <= self._lease * 2 // 3
        if renewing:
            batch.lease_until = boot + self._lease
        if not (batch.entries or batch.withdrawn or batch.refused or batch.status or renewing):
            return True
        self._batch = Batch(self._claim)
        done = await self._world.store.commit(batch)
        if batch.lease_until is not None:
            self._lease_until = batch.lease_until
        for entry in batch.entries:
            self._tell(entry)
        return done

    async def _still_ours(self) -> None:
        """Start nothing after a freeze that outlasted the lease, unless nobody took over meanwhile.

        Raises:
            Fenced: Somebody did.
        """
        boot = self._world.clock.boot()
        if self._starting and boot >= self._lease_until:
            await self._world.store.renew(self._claim, boot + millis(self._options.lease))
            self._lease_until = boot + millis(self._options.lease)

    def _start(self) -> None:
        starting, self._starting = self._starting, []
        for asked in starting:
            running = self._running.get(asked.attempt.path)
            if running is None or running.attempt is not asked.attempt:
                continue  # closed before it started
            if asked.op.timeout is not None:
                running.deadline = self._world.clock.boot() + millis(asked.op.timeout)
            self._effects.start(asked)

    # -- one turn ----------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Wait until something happens, and let the machine know."""
        if self._look_outside or self._world.clock.boot() >= self._next_poll:
            if self._look_outside or self._world.store.changed():
                self._look_outside = False
                if await self._consume_outside(await self._world.store.outside(self.run_id)):
                    return
            self._next_poll = self._world.clock.boot() + POLL
        if await self._fire():
            return
        for event in await self._effects.next(self._until()):
            if isinstance(event, Stop):
                self._stopping(event)
            else:
                self._ended(event)

    def _until(self) -> int:
        """When the next turn is due at the latest, in milliseconds since boot."""
        boot = self._world.clock.boot()
        until = min(self._next_poll, self._lease_until - self._lease * 2 // 3)
        if self._timers:
            until = min(until, boot + max(0, self._timers[0][0] - self._world.clock.now()))
        for running in self._running.values():
            if running.deadline is not None:
                until = min(until, running.deadline)
        return max(until, boot)

    async def _fire(self) -> bool:
        """Let due timers and overrun attempts end; whether there were any."""
        now, boot, fired = self._world.clock.now(), self._world.clock.boot(), False
        for path, running in [
            (p, r) for p, r in self._running.items() if r.deadline is not None and r.deadline <= boot
        ]:
            self._effects.cancel(path)
            late = too_late(running.op, running.op.timeout or timedelta(0)) if self._stop is None else None
            self._ended(Ended(path, running.attempt.number, late))
            fired = True
        while self._timers and self._timers[0][0] <= now:
            due, _, path = heapq.heappop(self._timers)
            waiting = self._waiting.get(path)
            if waiting is None or waiting.due != due or self._stop is not None:
                continue
            fired = True
            op = waiting.op
            if waiting.gate is not None:
                if not isinstance(op, Suspend) or op.expires is None:
                    continue
                if not await self._world.store.expire(self.run_id, waiting.recorded_path, waiting.number):
                    self._look_outside = True  # an answer was first
                    continue
                del self._waiting[path]
                self._reply(op, path, waiting.number, "wake", Failure(Expired(op.name, op.expires)))
            elif isinstance(op, Sleep):
                del self._waiting[path]
                self._reply(op, path, waiting.number, "wake", Success(None))
            else:
                del self._waiting[path]
                self._begin(
                    op, path, waiting.number + 1, waiting.failed, waiting.began_at, waiting.recorded_path or path
                )
        return fired

    def _ended(self, event: Ended) -> None:
        running = self._running.get(event.path)
        if running is None or running.attempt.number != event.attempt:
            return  # given up before; what it answers is dropped
        del self._running[event.path]
        if event.outcome is None:
            return  # cut off by our stopping: the next worker makes another attempt
        op, outcome, number = running.op, event.outcome, running.attempt.number
        if isinstance(outcome, Failure):
            error, failed = outcome.failure(), running.failed + 1
            now, key = self._world.clock.now(), running.attempt.idempotency_key
            elapsed = timedelta(milliseconds=now - running.began_at)
            wait = op.retry.again(failed, error, elapsed, key) if op.retry is not None else None
            if wait is not None:
                due = now + millis(wait)
                self._wait(
                    op, event.path, number, {"retry": failed, "due": due, "error": str(error), "trace": _trace(error)}
                )
                again = Waiting(op, number, None, due, failed, running.began_at, event.path)
                self._await(event.path, again)
                return
            trace = _trace(error)
            if trace:
                self._record("note", event.path, number, payload=json.dumps({"trace": trace}))
            outcome = Failure(given_up(error, failed))
        self._reply(op, event.path, number, "end", outcome)

    async def _consume_outside(self, outside: Outside) -> bool:
        """Take what others left; whether anything was taken."""
        taken = False
        if self._stop is not None:
            return False
        if outside.cancel is not None and not self._heeded:
            self._heeded = True
            if self._machine.cancel(outside.cancel):
                self._record("note", "", 0, payload=json.dumps({"cancel": outside.cancel}))
                return True
        answered = {
            (w.recorded_path, w.number): path for path, w in self._waiting.items() if w.gate not in (None, "signal")
        }
        for gate in outside.gates:
            path = answered.get((gate.path, gate.number))
            if path is None or path not in self._waiting:
                continue
            waiting = self._waiting.pop(path)
            entry = self._consume(waiting.op, path, gate.number, "wake", f'{{"ok":{gate.answer}}}')
            self._batch.consumed.append((gate.path, gate.number, entry.seq))
            taken = True
        for message in outside.signals:
            path = next((p for p, w in self._waiting.items() if w.gate == "signal" and w.op.name == message.name), None)
            if path is None:
                continue
            waiting = self._waiting[path]
            payload = f'{{"ok":{message.payload}}}'
            try:
                outcomes.load(payload, waiting.op.output, waiting.op.errors)
            except CodecError as refused:
                self._batch.refused.append((message.name, message.number, str(refused)))
                continue
            del self._waiting[path]
            entry = self._consume(waiting.op, path, waiting.number, "wake", payload)
            self._batch.taken.append((message.name, message.number, entry.seq))
            self._batch.withdrawn.append((waiting.recorded_path, waiting.number))
            taken = True
        return taken

    def _close_cancelled(self) -> None:
        for path in self._machine.cancelled:
            self._digests.pop(path, None)
            if self._running.pop(path, None) is not None:
                self._effects.cancel(path)
            waiting = self._waiting.pop(path, None)
            if waiting is not None and waiting.gate is not None:
                self._batch.withdrawn.append((waiting.recorded_path, waiting.number))
        self._machine.cancelled.clear()

    # -- coming to rest ----------------------------------------------------------------------------------------------

    def _stopping(self, stop: Stop) -> None:
        if self._stop is not None:
            return
        self._stop = stop
        until = self._world.clock.boot() + millis(self._options.grace)
        for running in self._running.values():
            running.deadline = until if running.deadline is None else min(until, running.deadline)

    def _soon(self) -> bool:
        """Whether something that is waited for comes soon enough to wait in the process."""
        horizon = self._world.clock.now() + millis(self._options.linger)
        return any(due <= horizon and path in self._waiting for due, _, path in self._timers)

    def _waits(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            {
                "path": path,
                "name": w.op.name,
                "kind": w.gate or ("retry" if w.failed else "timer"),
                "due": w.due,
            }
            for path, w in list(self._waiting.items())[:_LISTED]
        )

    def _next_due(self) -> int | None:
        return min((w.due for w in self._waiting.values() if w.due is not None), default=None)

    async def _park(self) -> Parked | None:
        waits, wake_at = self._waits(), self._next_due()
        self._batch.status = "parked"
        self._batch.reason = json.dumps({"kind": "waiting", "waits": waits})
        self._batch.wake_at = wake_at
        self._batch.heeded = self._heeded
        self._batch.awaits = tuple({w.op.name for w in self._waiting.values() if w.gate == "signal"})
        if await self._commit():
            return Parked(waits, wake_at)
        self._look_outside = True
        return None

    async def _rest(self, stop: Stop) -> Rest:
        if not self._unstarted and self._waiting and not self._soon():
            parked = await self._park()
            if parked is not None:
                return Stopped(stop.why)
        status: Status = "paused" if stop.why == "SIGINT" else "ready"
        await self._give_up(status, {"kind": "stopped", "why": stop.why, "waits": self._waits()})
        return Stopped(stop.why)

    async def _finish(self, outcome: Outcome[Any, Any]) -> Finished:
        payload = outcomes.dump(outcome, *outcome_types(self._call))
        finished = Finished(load_outcome(self._call, payload))  # what cannot be read must not be written
        if self._machine.not_undone:
            left = [{"path": path, "error": str(error)} for path, error in self._machine.not_undone]
            self._record("note", "", 0, payload=json.dumps({"not_undone": left}))
        cancelled = isinstance(outcome, Failure) and isinstance(outcome.failure(), Cancelled)
        self._batch.status = "succeeded" if isinstance(outcome, Success) else "cancelled" if cancelled else "failed"
        self._batch.outcome, self._batch.outcome_digest = payload, codec.digest(payload)
        self._batch.finished_at = self._world.clock.now()
        await self._commit()
        return finished

    async def block(self, kind: str, message: str) -> NoReturn:
        """Write down why the run cannot go on, give it up, and say so.

        Raises:
            Blocked: Always.
        """
        await self._give_up("blocked", {"kind": kind, "message": message})
        mend = {
            "defect": "mend the workflow's code",
            "unrecordable": "let the step return what its annotation says",
        }.get(kind, "mend it")
        raise Blocked(f"run {self.run_id} is blocked: {message}\n  {mend}, then: perdure resume {self.run_id}")

    async def _give_up(self, status: Status, reason: dict[str, Any]) -> None:
        self._batch.status, self._batch.reason = status, json.dumps(reason)
        self._batch.wake_at = self._next_due()
        await self._commit()


@functools.lru_cache(maxsize=4096)
def _as_text(kind: str, output: Any) -> str:
    name = getattr(output, "__name__", None) or str(output).replace("typing.", "")
    return json.dumps({"as": f"{kind} -> {name[:100]}"})


def _as(kind: str, output: Any) -> str:
    try:
        return _as_text(kind, output)
    except TypeError:  # a type that cannot be hashed
        return _as_text.__wrapped__(kind, output)


def gate_kind(op: Suspend[Any, Any] | Signal[Any]) -> GateKind:
    """How a gate is answered: by approve and deny, by a value, or by a signal."""
    if isinstance(op, Signal):
        return "signal"
    return "approval" if op.output is bool or set(members(op.output)) == {Approved, Denied} else "answer"


def _due(due: datetime, now: int) -> int:
    return max(now, -(-(due - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)))


def _trace(error: object) -> str:
    cause = error.__cause__ if isinstance(error, BaseException) else None
    return "".join(traceback.format_exception(cause))[-_TRACE:] if cause is not None else ""
