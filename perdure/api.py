"""Run a description: in memory, or durably on a database.

The one module, beside the command line, that joins interpreters with the handlers that answer their leaves.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import attrs

from perdure.agents.asking import asks
from perdure.agents.live import Live
from perdure.agents.reply import Event, Watch
from perdure.agents.retention import tidy
from perdure.agents.servers import Servers
from perdure.core import codec
from perdure.core.asked import Attempt, Handlers, Thread
from perdure.core.effect import Call, Effect, Outcome
from perdure.core.faults import Cancelled
from perdure.core.identity import idempotency_key
from perdure.core.leaves import Approved, Ask, Denied, Step, arguments_of, with_arguments
from perdure.interpreters.durable.errors import Conflict, NotFound, Unusable
from perdure.interpreters.durable.ports import TERMINAL, Entry, Gate, Run
from perdure.interpreters.durable.replay import OnChange
from perdure.interpreters.durable.state import View, Waiting, view
from perdure.interpreters.handlers import steps

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Worker

A = TypeVar("A")
E = TypeVar("E")
T = TypeVar("T")

Durability = Literal["full", "fast"]


async def run_in_memory(
    effect: Effect[A, E],
    *,
    answers: Mapping[str, object] | None = None,
    handlers: Handlers | None = None,
    watch: Watch | None = None,
) -> Outcome[A, E | Cancelled]:
    """Run an effect now, in this process, keeping nothing. On asyncio and on trio.

    Args:
        effect: Any effect.
        answers: For its gates and signals, by name or path: here nobody can come back tomorrow.
        handlers: What leaves mean, by class: for operations of your own, or in place of the default.
        watch: Called with what agents say and do, as they do it.

    Returns:
        `Success(value)` or `Failure(error)`; a failure is never raised.

    Raises:
        Defect: A bug in workflow code, or a gate that nobody answers.

    Example:
        >>> import asyncio
        >>> from perdure import pure, run_in_memory
        >>> asyncio.run(run_in_memory(pure(1)))
        <Success: 1>
    """
    from perdure.interpreters import memory

    async with Servers() as servers:
        answered = asks(memory.in_thread, watch=watch, servers=servers)
        return await memory.run(effect, {Ask: answered, **(handlers or {})}, answers or {})


def default_handlers(thread: Thread, watch: Watch | None = None, servers: Servers | None = None) -> Handlers:
    """What steps and asks mean on a durable worker.

    Args:
        thread: Where sync code runs.
        watch: Called with what agents say and do. Beside it a file takes that too, for `perdure watch` and `logs -f`.
        servers: What keeps the servers of tools of models; whoever gives it closes it.
    """
    live = Live(os.environ)

    def told(attempt: Attempt, event: Event) -> None:
        live(attempt, event)
        if watch is not None:
            watch(attempt, event)

    return {Step: steps(thread), Ask: asks(thread, watch=told, servers=servers)}


def tidied(worker: Worker) -> None:
    """Remove what agents left of old runs of a database, at most once a day.

    Raises:
        Unusable: The bounds that the environment sets are none.
    """

    def ended(run_id: str) -> frozenset[str]:
        run = worker.journal.find(run_id)
        if run is None or run.status not in TERMINAL:
            return frozenset()
        paths = {entry.path for entry in worker.entries_after(run_id, 0)}
        database_id = worker.journal.database_id()
        return frozenset(idempotency_key(database_id, run_id, path)[:16] for path in paths)

    try:
        tidy(os.environ, worker.journal.database_id, ended, datetime.now(UTC))
    except ValueError as error:
        raise Unusable(str(error)) from None


# -- durable, for async code -----------------------------------------------------------------------------------------


class AsyncStore:
    """A database of runs, and a worker that drives the ones it is asked to. Made by `open_async`."""

    def __init__(
        self,
        path: Path,
        durability: Durability,
        handlers: Handlers,
        threads: int,
        lease: timedelta,
        watch: Watch | None,
    ) -> None:
        from perdure.interpreters.durable.adapters.worker import Worker

        self._worker = Worker.open(path, durability=durability, threads=threads, lease=lease)
        self._servers = Servers()
        self._handlers = {**default_handlers(self._worker.threads.run, watch, self._servers), **handlers}

    @property
    def path(self) -> Path:
        """The database file."""
        return self._worker.path

    async def start(self, effect: Effect[A, E], *, id: str | None = None, key: str | None = None) -> AsyncHandle[A, E]:
        """Record a run and begin to drive it.

        Args:
            effect: The call of a module-level `@workflow`, such as `ship("bees")`; its arguments have a JSON form.
            id: The run's id; a fresh one by default. Starting an id or key again with the same workflow and input
                attaches to the run that exists.
            key: Your name for "the same request".

        Raises:
            Unusable: Another effect, or arguments that cannot be stored.
            Conflict: The id or key exists with another workflow or input.
        """
        from perdure.interpreters.durable.adapters import places

        if not isinstance(effect, Call):
            raise Unusable(f"{effect!r} cannot be stored as a run: wrap it in a @workflow and start the call of that")
        found = places.target_of(effect.block)
        try:
            tree = arguments_of(effect)
            call: Call[A, E] = with_arguments(effect, tree)
        except (codec.CodecError, TypeError) as error:
            raise Unusable(f"the arguments of {effect!r} cannot be stored: {error}") from error
        tidied(self._worker)
        mine = self._worker.new_run(call, found.text, found.folder, codec.dumps(tree, Any), id, key)
        run = await self._worker.store.start(mine)
        if run.status not in TERMINAL and (run == mine or not self._worker.held(run)):
            self._worker.drive(run, call, self._handlers, fresh=run == mine)
        return AsyncHandle(self, run.run_id, call)

    async def resume(
        self,
        run_id: str,
        *,
        on_change: OnChange = "keep",
        rename: Mapping[str, str] | None = None,
    ) -> AsyncHandle[Any, Any]:
        """Take up a run where it stands: what finished is not executed again.

        Args:
            run_id: Its id.
            on_change: Where a finished step is now asked with another input: `keep` its outcome, `rerun` it and what
                follows, or `refuse`.
            rename: Old names (or paths) of steps to new ones.

        Raises:
            NotFound: There is no such run.
            Corrupt: Its workflow cannot be found any more.

        Whatever else is wrong is raised by `result()`.
        """
        tidied(self._worker)
        handle = await self.handle(run_id)
        run = await self._worker.found(run_id)
        if run.status not in TERMINAL:
            self._worker.drive(run, handle.call, self._handlers, on_change=on_change, rename=rename or {})
        return handle

    async def handle(self, run_id: str) -> AsyncHandle[Any, Any]:
        """A handle on a run that exists, without driving it."""
        from perdure.interpreters.durable.adapters import places

        run = await self._worker.found(run_id)
        return AsyncHandle(self, run_id, places.call_of(run))

    async def show(self, run_id: str) -> View:
        """How a run stands, why, and what moves it on."""
        run = await self._worker.found(run_id)
        return self._worker.view(run)

    async def runs(self, *, limit: int = 100) -> list[View]:
        """The newest runs first."""
        return [self._worker.view(run) for run in self._worker.journal.runs(limit=limit)]

    async def journal(self, run_id: str) -> list[Entry]:
        """All that was recorded of a run, in order."""
        await self._worker.found(run_id)
        return list(await self._worker.store.entries(run_id))

    async def inbox(self) -> list[Gate]:
        """What waits for a person, oldest first."""
        return [gate for gate in self._worker.journal.open_gates() if gate.kind != "signal"]

    async def approve(self, run_id: str, name: str | None = None, *, by: str = "", note: str = "") -> Gate:
        """Say yes to a gate.

        Args:
            run_id: The run.
            name: The gate's name or path; may be left out where only one is open.
            by: Who says so.
            note: What else there is to say.

        Raises:
            NotFound: No such gate, or several; the message lists them.
            Conflict: It is decided otherwise, or expired.
        """
        return await self._decide(run_id, name, yes=True, by=by, note=note)

    async def deny(self, run_id: str, name: str | None = None, *, by: str = "", note: str = "") -> Gate:
        """Say no to a gate; see `approve`."""
        return await self._decide(run_id, name, yes=False, by=by, note=note)

    async def answer(
        self, run_id: str, value: object, name: str | None = None, *, by: str = "", note: str = ""
    ) -> Gate:
        """Answer a gate by a value.

        Args:
            run_id: The run.
            value: What the gate's type says, as an object or as its JSON form.
            name: The gate's name or path; may be left out where only one is open.
            by: Who says so.
            note: What else there is to say.

        Raises:
            Unusable: The value does not fit.
            NotFound: No such gate, or several; the message lists them.
            Conflict: It is decided otherwise, or expired.
        """
        gate = self._worker.gate(run_id, name)
        if isinstance(value, Approved | Denied):
            value = self._worker.decision(gate, isinstance(value, Approved), by or value.by, note or value.note)
        tree = value if _plain(value) else codec.show(value)
        return self._worker.answer(gate, tree, by=by, note=note)

    async def _decide(self, run_id: str, name: str | None, *, yes: bool, by: str, note: str) -> Gate:
        gate = self._worker.gate(run_id, name)
        return self._worker.answer(gate, self._worker.decision(gate, yes, by, note), by=by, note=note)

    async def signal(self, run_id: str, name: str, payload: object = None, *, key: str | None = None) -> None:
        """Send a message to a run. It may come before the run waits for it, and before the run exists.

        Args:
            run_id: The run.
            name: The signal's name.
            payload: What the workflow's type says, as an object or as its JSON form.
            key: Your name for "the same message": it is delivered once.

        Raises:
            Unusable: The payload does not fit what is waited for.
            Conflict: The run has ended, or the key was used with another payload.
        """
        self._worker.signal(run_id, name, payload if _plain(payload) else codec.show(payload), key)

    async def cancel(self, run_id: str, reason: str = "") -> AsyncHandle[Any, Any]:
        """Cancel a run: what is open is closed, what was done is taken back by its compensations.

        Raises:
            Conflict: It has ended otherwise.
        """
        await self._worker.store.ask_cancel(run_id, reason, now=self._worker.clock.now())
        handle = await self.handle(run_id)
        run = await self._worker.found(run_id)
        if run.status not in TERMINAL and not self._worker.held(run):
            self._worker.drive(run, handle.call, self._handlers)
        return handle

    async def close(self) -> None:
        """Park what is running, and let go. What is recorded stays; another worker can go on at once."""
        await self._worker.close()
        await self._servers.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def result(self, run_id: str, call: Call[Any, Any]) -> Outcome[Any, Any] | Waiting:
        """Drive a run as far as it goes; see `AsyncHandle.result`."""
        return await self._worker.result(run_id, call, self._handlers)


def _plain(value: object) -> bool:
    try:
        codec.to_json(value, Any)
    except codec.CodecError:
        return False
    return True


@attrs.frozen
class AsyncHandle(Generic[A, E]):
    """A run, from async code."""

    _store: AsyncStore = attrs.field(repr=False)
    run_id: str
    call: Call[A, E]

    async def result(self, timeout: timedelta | None = None) -> Outcome[A, E | Cancelled] | Waiting:
        """Drive the run as far as it goes.

        Args:
            timeout: How long to wait for it; the run goes on without us afterwards.

        Returns:
            `Success` or `Failure` of a run that has ended, or `Waiting` where it waits for somebody or for a time.

        Raises:
            TimeoutError: It is still going on.
            DurableError: It cannot go on; the message says why and what mends it.
        """
        driving = self._store.result(self.run_id, self.call)
        return await (driving if timeout is None else asyncio.wait_for(driving, timeout.total_seconds()))


async def open_async(
    url: str | os.PathLike[str] | None = None,
    *,
    durability: Durability = "full",
    handlers: Handlers | None = None,
    threads: int = 32,
    lease: timedelta = timedelta(seconds=30),
    watch: Watch | None = None,
) -> AsyncStore:
    """Open (or make) a database of runs, for async code: `async with await open_async() as store`. See `open`."""
    from perdure.interpreters.durable.adapters import places

    wanted = os.fspath(url) if url is not None else os.environ.get("PERDURE_DB")
    return AsyncStore(places.database(wanted, Path.cwd()), durability, handlers or {}, threads, lease, watch)


# -- durable, for everybody else -------------------------------------------------------------------------------------


class Store:
    """As `AsyncStore`, for blocking code: an event loop in a thread of its own does the work. Thread-safe."""

    def __init__(self, opening: Coroutine[Any, Any, AsyncStore]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="perdure-store", daemon=True)
        self._thread.start()
        self._closed = False
        try:
            self._store = self.wait(opening)
        except BaseException:
            self._end()
            raise

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._closed:
            work.close()
            raise Unusable("this store is closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the loop of this store do something, and wait for it."""
        return self._submit(work).result()

    def _end(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._store.path

    def start(self, effect: Effect[A, E], *, id: str | None = None, key: str | None = None) -> Handle[A, E]:
        """Record a run and begin to drive it; see `AsyncStore.start`."""
        return Handle(self, self.wait(self._store.start(effect, id=id, key=key)))

    def resume(
        self, run_id: str, *, on_change: OnChange = "keep", rename: Mapping[str, str] | None = None
    ) -> Handle[Any, Any]:
        """Take up a run where it stands; see `AsyncStore.resume`."""
        return Handle(self, self.wait(self._store.resume(run_id, on_change=on_change, rename=rename)))

    def handle(self, run_id: str) -> Handle[Any, Any]:
        """A handle on a run that exists, without driving it."""
        return Handle(self, self.wait(self._store.handle(run_id)))

    def show(self, run_id: str) -> View:
        """How a run stands, why, and what moves it on."""
        return self.wait(self._store.show(run_id))

    def runs(self, *, limit: int = 100) -> list[View]:
        """The newest runs first."""
        return self.wait(self._store.runs(limit=limit))

    def journal(self, run_id: str) -> list[Entry]:
        """All that was recorded of a run, in order."""
        return self.wait(self._store.journal(run_id))

    def inbox(self) -> list[Gate]:
        """What waits for a person, oldest first."""
        return self.wait(self._store.inbox())

    def approve(self, run_id: str, name: str | None = None, *, by: str = "", note: str = "") -> Gate:
        """Say yes to a gate; see `AsyncStore.approve`."""
        return self.wait(self._store.approve(run_id, name, by=by, note=note))

    def deny(self, run_id: str, name: str | None = None, *, by: str = "", note: str = "") -> Gate:
        """Say no to a gate; see `AsyncStore.approve`."""
        return self.wait(self._store.deny(run_id, name, by=by, note=note))

    def answer(self, run_id: str, value: object, name: str | None = None, *, by: str = "", note: str = "") -> Gate:
        """Answer a gate by a value; see `AsyncStore.answer`."""
        return self.wait(self._store.answer(run_id, value, name, by=by, note=note))

    def signal(self, run_id: str, name: str, payload: object = None, *, key: str | None = None) -> None:
        """Send a message to a run; see `AsyncStore.signal`."""
        self.wait(self._store.signal(run_id, name, payload, key=key))

    def cancel(self, run_id: str, reason: str = "") -> Handle[Any, Any]:
        """Cancel a run; see `AsyncStore.cancel`."""
        return Handle(self, self.wait(self._store.cancel(run_id, reason)))

    def close(self) -> None:
        """Park what is running, and let go."""
        if not self._closed:
            self.wait(self._store.close())
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@attrs.frozen
class Handle(Generic[A, E]):
    """A run, from blocking code."""

    _store: Store = attrs.field(repr=False)
    _handle: AsyncHandle[A, E]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._handle.run_id

    def result(self, timeout: timedelta | None = None) -> Outcome[A, E | Cancelled] | Waiting:
        """Drive the run as far as it goes, and wait; see `AsyncHandle.result`."""
        return self._store.wait(self._handle.result(timeout))


def open(
    url: str | os.PathLike[str] | None = None,
    *,
    durability: Durability = "full",
    handlers: Handlers | None = None,
    threads: int = 32,
    lease: timedelta = timedelta(seconds=30),
    watch: Watch | None = None,
) -> Store:
    """Open (or make) a database of runs.

    Args:
        url: A path or `sqlite:///file.db`; by default `PERDURE_DB`, or else the nearest `.perdure/perdure.db`.
        durability: `full`: what is recorded survives a power cut. `fast`: it survives a crash of the process, but the
            last commits may be lost when the machine loses power.
        handlers: What leaves mean, by class: for operations of your own.
        threads: How many sync steps run at once.
        lease: How long a run stays ours without a sign of life. At least 3 seconds.
        watch: Called with what agents say and do, as they do it, on the loop of the store. What it raises is logged.
            Nothing of it is recorded, and after a crash it may be told again.

    Raises:
        DurableError: The database cannot be used; the message says why and what mends it.

    Example:
        with perdure.open() as store:
            handle = store.start(ship("bees"), key="order-17")
            match handle.result():
                case Success(report): ...
                case Waiting(unblock=command): print(command)
    """
    opening = open_async(url, durability=durability, handlers=handlers, threads=threads, lease=lease, watch=watch)
    return Store(opening)


__all__ = [
    "AsyncHandle",
    "AsyncStore",
    "Conflict",
    "Handle",
    "NotFound",
    "Run",
    "Store",
    "Waiting",
    "open",
    "open_async",
    "run_in_memory",
    "view",
]
