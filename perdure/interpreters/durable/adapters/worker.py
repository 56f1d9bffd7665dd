"""One process as a worker: a database, a lock that says it is alive, threads, and the runs it drives.

Everything that people do to runs from outside (answer, signal, cancel, look) goes through here too, so that API and
command line do the same.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import attrs

from perdure.core import codec
from perdure.core.asked import Handlers
from perdure.core.effect import Call, Outcome
from perdure.core.leaves import Approved, Denied
from perdure.core.workflow import Block
from perdure.interpreters.durable import reserve
from perdure.interpreters.durable.adapters.clock import SystemClock
from perdure.interpreters.durable.adapters.effects import LoopEffects, Threads
from perdure.interpreters.durable.adapters.entropy import SystemEntropy
from perdure.interpreters.durable.adapters.liveness import FlockLiveness, _boot_id, _held
from perdure.interpreters.durable.database import Durability, open_database
from perdure.interpreters.durable.drive import Drive, Options
from perdure.interpreters.durable.ending import Finished, Rest, recorded_end
from perdure.interpreters.durable.errors import Conflict, NotFound, Unavailable, Unusable
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import TERMINAL, Entry, Gate, Liveness, Run, World
from perdure.interpreters.durable.recording import Tell
from perdure.interpreters.durable.replay import OnChange
from perdure.interpreters.durable.sqlite import SqliteStore
from perdure.interpreters.durable.state import View, Waiting, view
from perdure.interpreters.durable.takeover import begin, holds, take_over
from perdure.interpreters.durable.times import millis, moment

_SHORTEST_LEASE = timedelta(seconds=3)


@attrs.define
class _Driven:
    effects: LoopEffects
    task: asyncio.Future[Rest]


class Watch:
    """Sees who is alive, and is nobody itself: without a lock of its own it can own no run."""

    me = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.epoch = _boot_id()

    def alive(self, owner: str) -> bool:
        """Whether that worker's process still holds its lock."""
        return os.sep not in owner and _held(self._folder / f"{owner}.lock")


class Onlooker:
    """Looks at runs and answers them, and drives none. Writes nothing unless asked to, and needs no event loop."""

    def __init__(self, journal: Journal, liveness: Liveness) -> None:
        self.journal = journal
        self.store = SqliteStore(journal)
        self.clock = SystemClock()
        self.liveness = liveness
        self._world = World(self.store, self.clock, liveness, SystemEntropy())

    @classmethod
    def look(cls, path: Path, *, readonly: bool = False) -> Onlooker:
        """Open the database without becoming alive.

        Args:
            path: The file.
            readonly: Change not a byte of it, whatever is asked.

        Raises:
            Unavailable: The database cannot be used.
        """
        return cls(Journal(open_database(path, readonly=readonly)), Watch(_lock_folder(path)))

    @property
    def path(self) -> Path:
        """The database file."""
        return self.journal.path

    def row(self, run_id: str) -> Run:
        """A run's row.

        Raises:
            NotFound: There is none.
        """
        run = self.journal.find(run_id)
        if run is None:
            raise NotFound(f"no run {run_id!r} in {self.path}; see: perdure ps")
        return run

    def resolve(self, text: str) -> str:
        """The run id that a person means: an id, a unique beginning of one, or `@last`.

        Raises:
            NotFound: None or several; the message lists them.
        """
        if text == "@last":
            last = self.journal.last()
            if last is None:
                raise NotFound(f"there is no run yet in {self.path}; start one: perdure run file.py:workflow")
            return last
        found = self.journal.match(text) if text else []
        if not found:
            raise NotFound(f"no run {text!r} in {self.path}; see: perdure ps")
        if len(found) > 1 and text not in found:
            raise NotFound(f"{text!r} begins the ids of {len(found)} runs: {', '.join(found[:5])}; write more of it")
        return text if text in found else found[0]

    def held(self, run: Run) -> bool:
        """Whether a live worker has the right to a run."""
        return holds(self._world, run)

    def view(self, run: Run) -> View:
        """How a run stands, for people."""
        every = [] if run.status in TERMINAL else self.journal.gates(run.run_id)
        gates = [gate for gate in every if gate.status == "open"]  # by run: what waits elsewhere may be much
        return view(run, gates, self.clock.now(), self.held(run))

    # -- people ------------------------------------------------------------------------------------------------------

    def gate(self, run_id: str, name: str | None) -> Gate:
        """The gate that a person means, by name or path; without one, the only open one.

        Raises:
            NotFound: None, or several; the message lists them.
        """
        every = [gate for gate in self.journal.gates(run_id) if gate.kind != "signal"]
        fitting = [gate for gate in every if name is None or name in (gate.name, gate.path)]
        opened = [gate for gate in fitting if gate.status == "open"]
        decided = [gate for gate in fitting if gate.status in ("decided", "expired")]
        if len(opened) > 1:
            listed = "".join(f"\n  perdure approve {run_id} {gate.path}" for gate in opened)
            raise NotFound(
                f"run {run_id} has {len(opened)} open gates{f' named {name}' if name else ''}; name one:{listed}"
            )
        if opened or decided:
            return opened[0] if opened else decided[-1]
        waits = ", ".join(sorted({gate.name for gate in every if gate.status == "open"})) or "none"
        raise NotFound(
            f"run {run_id} has no gate{f' {name!r}' if name else ''}; open are: {waits}. See: perdure why {run_id}"
        )

    def decision(self, gate: Gate, yes: bool, by: str, note: str) -> Any:  # Any: a JSON tree
        """Yes or no in the form that a gate wants.

        Raises:
            Unusable: It is answered by a value of its own.
        """
        if json.loads(gate.schema) == {"type": "boolean"}:
            return yes
        if gate.kind != "approval":
            raise Unusable(
                f"gate {gate.name!r} is answered by a value: perdure answer {gate.run_id} {gate.name} -i JSON"
            )
        at = moment(self.clock.now())
        decided = Approved(by=by, note=note, at=at) if yes else Denied(by=by, note=note, at=at)
        return codec.to_json(decided, Approved | Denied)

    def answer(self, gate: Gate, tree: Any, *, by: str, note: str, via: str = "api") -> Gate:  # Any: a JSON tree
        """Record the answer to a gate. The first counts; the same one again changes nothing.

        Raises:
            Unusable: It does not fit.
            Conflict: The gate is decided otherwise, or expired.
        """
        yes_or_no = f"say yes or no: perdure approve {gate.run_id} {gate.name}, or perdure deny …"
        mend = yes_or_no if gate.kind == "approval" else f"it must be: {gate.schema}"
        _fit(tree, gate.schema, f"the answer to gate {gate.name!r}", mend)
        text = codec.dumps(tree, Any)
        try:
            return self.journal.answer(
                gate.run_id,
                gate.path,
                gate.number,
                subject=gate.subject,
                answer=text,
                by=by,
                note=note,
                via=via,
                idem=None,
                now=self.clock.now(),
            )
        except Conflict:
            now = next((g for g in self.journal.gates(gate.run_id) if g.key == gate.key), gate)
            if now.status == "decided" and now.answer is not None and _same_decision(json.loads(now.answer), tree):
                return now
            raise

    def signal(self, run_id: str, name: str, tree: Any, key: str | None) -> None:  # Any: a JSON tree
        """Put a message into a run's inbox.

        Raises:
            Unusable: It does not fit what is waited for.
            Conflict: The run has ended, or the key was used with another payload.
        """
        for gate in self.journal.open_gates(run_id):
            if gate.kind == "signal" and gate.name == name:
                _fit(tree, gate.schema, f"signal {name!r}", f"it must be: {gate.schema}")
        self.journal.send(run_id, name, codec.dumps(tree, Any), idem=key, now=self.clock.now())

    def entries_after(self, run_id: str, seq: int) -> list[Entry]:
        """What was recorded after an entry."""
        return list(self.journal.entries_after(run_id, seq))


def _lock_folder(path: Path) -> Path:
    return path.with_name(f"{path.name}.workers")


class Worker(Onlooker):
    """The adapters of one process around one database. Made by `open`, inside a running event loop."""

    def __init__(self, journal: Journal, liveness: FlockLiveness, threads: int, lease: timedelta) -> None:
        super().__init__(journal, liveness)
        self._lock = liveness
        self.threads = Threads(threads)
        self._lease = lease
        self._driven: dict[str, _Driven] = {}

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        durability: Durability = "full",
        threads: int = 32,
        lease: timedelta = timedelta(seconds=30),
    ) -> Worker:
        """Open (or make) the database and become alive.

        Raises:
            Unavailable: The database cannot be used.
            Unusable: The lease is too short to be renewed in time.
        """
        if lease < _SHORTEST_LEASE:
            raise Unusable(f"a lease of {lease} is too short to be renewed in time: at least {_SHORTEST_LEASE}")
        journal = Journal(open_database(path, durability=durability))
        reserve.keep(path)
        try:
            liveness = FlockLiveness(_lock_folder(path))
        except OSError as error:
            journal.close()
            raise Unavailable(
                f"{path.parent} cannot be written to ({error.strerror}): runs can be looked at, "
                "and nothing can be recorded"
            ) from error
        return cls(journal, liveness, threads, lease)

    # -- runs --------------------------------------------------------------------------------------------------------

    def new_run(
        self, call: Call[Any, Any], target: str, folder: str, input: str, id: str | None, key: str | None
    ) -> Run:
        """A row for a run that is not recorded yet, claimed by this worker."""
        now = self.clock.now()
        return Run(
            run_id=id if id is not None else self._world.entropy.run_id(now),
            workflow=call.block.name,
            target=target,
            folder=folder,
            input=input,
            input_digest=codec.digest(codec.canonical(json.loads(input))),
            created_at=now,
            code=_code(call.block),
            key=key,
            status="running",
            fence=1,
            owner=self.liveness.me,
            lease_until=self.clock.boot() + millis(self._lease),
            lease_epoch=self.liveness.epoch,
            claims=1,
        )

    async def found(self, run_id: str) -> Run:
        """A run's row.

        Raises:
            NotFound: There is none.
        """
        return self.row(run_id)

    # -- driving -----------------------------------------------------------------------------------------------------

    def drive(
        self,
        run: Run,
        call: Call[Any, Any],
        handlers: Handlers,
        *,
        fresh: bool = False,
        on_change: OnChange = "keep",
        rename: Mapping[str, str] | None = None,
        linger: timedelta = timedelta(0),
        tell: Tell | None = None,
    ) -> LoopEffects:
        """Begin to drive a run on this loop, unless it is being driven here already.

        Args:
            run: Its row.
            call: Its program.
            handlers: What leaves mean.
            fresh: It was inserted, claimed by us, a moment ago.
            on_change: See `Options`.
            rename: See `Options`.
            linger: See `Options`.
            tell: Called with every entry once it is recorded.
        """
        known = self._driven.get(run.run_id)
        if known is not None and not known.task.done():
            return known.effects
        options = Options(lease=self._lease, linger=linger, on_change=on_change, rename=rename or {})
        effects = LoopEffects(handlers)
        task = effects.drive(self._drive(run, call, options, effects, fresh, tell))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it is `rest` that raises it
        self._driven[run.run_id] = _Driven(effects, task)
        return effects

    async def _drive(
        self, run: Run, call: Call[Any, Any], options: Options, effects: LoopEffects, fresh: bool, tell: Tell | None
    ) -> Rest:
        with self.store.driving():
            if fresh:
                drive: Drive | Finished = begin(self._world, run, call, options, await self.store.database_id())
            else:
                drive = await take_over(self._world, run.run_id, call, options)
            return drive if isinstance(drive, Finished) else await drive.run(effects, tell)

    async def rest(self, run_id: str) -> Rest | None:
        """Wait until a run that is driven here comes to rest; None if it is not driven here.

        Raises:
            DurableError: It cannot go on.
        """
        driven = self._driven.get(run_id)
        if driven is None:
            return None
        try:
            return await asyncio.shield(driven.task)
        finally:
            if driven.task.done() and self._driven.get(run_id) is driven:
                del self._driven[run_id]

    async def result(self, run_id: str, call: Call[Any, Any], handlers: Handlers) -> Outcome[Any, Any] | Waiting:
        """Drive a run as far as it goes: its outcome, or what it waits for."""
        while True:
            rest = await self.rest(run_id)
            if isinstance(rest, Finished):
                return rest.outcome
            run = await self.found(run_id)
            if run.status in TERMINAL:
                return recorded_end(call, run)
            seen = self.view(run)
            if (rest is not None and seen.state != "stale") or seen.state.startswith(("waiting", "retrying")):
                return Waiting(run_id, seen.state, seen.why, seen.unblock)
            self.drive(run, call, handlers)

    async def close(self) -> None:
        """Let every driven run come to rest, and let go of lock and database."""
        for driven in self._driven.values():
            driven.effects.stop("close")
        await asyncio.gather(*(driven.task for driven in self._driven.values()), return_exceptions=True)
        self._driven.clear()
        self.store.close()
        self._lock.close()


#: The formats that our own schemas name, by what reads them.
_FORMATS: Final[dict[str, type]] = {"date-time": datetime, "date": date, "uuid": UUID}


@functools.cache
def _judge() -> Callable[[Any], Any]:  # Any: a JSON schema, and a validator of it
    """Makes validators of schemas. It is made on use: whoever answers nothing need not load jsonschema."""
    import jsonschema  # type: ignore[import-untyped]  # it ships no types

    # To JSON Schema 3.0 is an integer, and any text a date: taken here, they would be set aside at the resume.
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, each: type(each) is int)
    formats = jsonschema.FormatChecker(formats=())
    for name, cls in _FORMATS.items():
        formats.checks(name, codec.CodecError)(functools.partial(_reads, cls))
    judge = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)
    return functools.partial(judge, format_checker=formats)


def _fit(tree: Any, schema: str, what: str, mend: str) -> None:  # Any: a JSON tree
    validator = _judge()(json.loads(schema))
    errors = sorted(validator.iter_errors(tree), key=lambda error: error.json_path)
    if errors:
        said = "; ".join(f"{error.json_path}: {error.message}" for error in errors[:3])
        raise Unusable(f"{what} does not fit: {said}\n  {mend}")


def _reads(cls: type, tree: Any) -> bool:  # Any: a JSON tree
    codec.from_json(tree, cls)
    return True


def _same_decision(one: Any, two: Any) -> bool:
    """Whether two answers say the same; who said it and when does not count."""
    if isinstance(one, dict) and isinstance(two, dict) and one.get("_type") in ("Approved", "Denied"):
        return bool(one.get("_type") == two.get("_type"))
    return bool(one == two)


def _code(block: Block) -> str:
    """A digest of the workflow's source, for people: a comment changes it too."""
    try:
        return hashlib.sha256(inspect.getsource(block.fn).encode()).hexdigest()[:6]
    except (OSError, TypeError):
        return ""
