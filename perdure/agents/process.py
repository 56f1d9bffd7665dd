"""One program, run to its end and leaving nothing behind: the one path of every harness and every server of tools.

A prompt goes in by stdin, lines come out, and whatever happens (an end, a silence, a timeout, a cancellation, the
death of this worker) the whole tree of processes is dead before anybody else may write in its folder. The shim
between us and the program sees to it: see `shim.py`.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import anyio.to_thread
import attrs
from anyio.abc import ByteReceiveStream, Process, TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from perdure.agents import shim
from perdure.agents.folder import held
from perdure.agents.lines import Lines
from perdure.agents.log import Log, private

_STDERR = 64 * 1024
#: What is still in the pipes once every process is dead is read for so long. Nobody should hold them by then.
_DRAIN = timedelta(seconds=2)
#: How much longer than its grace the shim may take to end, before it is killed itself.
_SHIM = timedelta(seconds=10)
#: How long a program may take to end by itself after a `Goodbye`.
_GOODBYE = timedelta(seconds=5)
#: So many texts may wait for a program to read them, and so many questions for people: then nobody reads what it
#: prints, until it is silent for too long.
_WAITING = 100


@attrs.frozen
class Launch:
    """What to start, completely: nothing else of this process reaches it.

    Attributes:
        argv: The program, looked up on the PATH of `env`, and its arguments. Everybody on the machine can read them:
            no prompt, no secret.
        env: The whole environment.
        stdin: What it reads; the prompt.
        talks: Its stdin stays open after that, for what `on_line` has to say; it is closed after its last line.
        files: Files to write before, for their owner only.
        cwd: Where it works.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = attrs.field(repr=False)
    cwd: Path
    stdin: str = attrs.field(default="", repr=False)
    files: Mapping[Path, str] = attrs.field(factory=dict, repr=False)
    talks: bool = False


@attrs.frozen
class Limits:
    """How long it may take. While a person is asked on its behalf, neither `wall` nor `idle` runs.

    Attributes:
        wall: Altogether, from its start; None: as long as it prints something.
        idle: Without a byte on stdout. A harness is silent while a tool of its runs.
        grace: Between TERM and KILL.
        linger: From the line that is its last to its end.
    """

    wall: timedelta | None = None
    idle: timedelta = timedelta(minutes=15)
    grace: timedelta = timedelta(seconds=10)
    linger: timedelta = timedelta(seconds=30)


#: Why it was stopped: it was silent, it took too long, or it did not end after its last line or a goodbye.
Stopped = Literal["idle", "wall", "linger"]


@attrs.frozen
class Ended:
    """How it ended. Nothing of it lives any more.

    Attributes:
        code: Its exit code; negative: the signal that ended it.
        stderr: The last 64 KiB, without secrets.
        stopped: Why we ended it, if we did.
        dropped: How many lines were too long to read.
    """

    code: int
    stderr: str = ""
    stopped: Stopped | None = None
    dropped: int = 0


class Unstartable(Exception):
    """The program could not be started; the message says why and what mends it."""


@attrs.frozen
class Goodbye:
    """The last text that a program is told: it has some seconds to end by itself, and is then ended."""

    text: str


#: Asks a person. What it gives is written to the program, which lives and is read meanwhile.
Asking: TypeAlias = Callable[[], Awaitable[str | Goodbye]]
#: What is done with a line: True says that it was the last that matters, False that nothing is to be done, and a text
#: is written to the program. Only a program that `talks` can be told anything.
OnLine: TypeAlias = Callable[[str], bool | str | Asking]


async def run_process(
    launch: Launch,
    on_line: OnLine,
    *,
    mark: str,
    limits: Limits | None = None,
    alone: bool = True,
    hide: Callable[[str], str] = str,
    log: Path | None = None,
    skip: tuple[bytes, ...] = (),
    longest: int = 10_000_000,
) -> Ended:
    """Run a program, giving each line of its stdout as it comes; cancelling ends the whole tree.

    Args:
        launch: What to start.
        on_line: Called with each line, without secrets.
        mark: Names the work in the environment of every process of it. What an earlier attempt under the same mark
            left behind is killed first, so no two that may run at once share one.
        limits: How long it may take.
        alone: Whether it may write in its folder, which it then has for itself; else it shares it with readers.
        hide: Takes secrets out of a text: of lines, stderr and the log, before anything else sees them.
        log: A file for all that it prints on stdout, bounded.
        skip: Lines that begin so are not read and not logged; they count as signs of life.
        longest: In bytes; longer lines are dropped.

    Raises:
        Unstartable: There is no such program or folder.
    """
    _check(launch)
    limits = limits or Limits()
    for path, text in launch.files.items():
        with os.fdopen(private(path), "wb") as file:
            file.write(_bytes(text))
    async with held(launch.cwd, alone=alone, mark=mark, patience=limits.grace + _SHIM) as lock:
        process, death = await _start(launch, mark, lock, limits.grace)
    # From here on the folder is held by the processes that work there, and not by us: a frozen worker would keep it.
    run = _Run(process, death, limits, on_line, hide, skip, Lines(longest))
    try:
        with Log(log) if log else contextlib.nullcontext() as run.log:
            return await run.end(launch.stdin, launch.talks)
    finally:
        with anyio.CancelScope(shield=True):
            await run.clear(mark)


@attrs.define(eq=False)
class Talking:
    """A program that lives for as long as somebody talks with it.

    Attributes:
        process: Its stdin and stdout are whoever's who talks with it.
        stderr: The last of what it printed there, as it came.
        silent: Nothing more will come there.
    """

    process: Process
    stderr: bytes = b""
    silent: anyio.Event = attrs.field(factory=anyio.Event)

    async def last_words(self, hide: Callable[[str], str]) -> str:
        """The end of what a program that has ended printed on stderr, in one line and without secrets.

        Args:
            hide: Takes secrets out of a text. It is given all of it: one that is cut in two would not be known for one.
        """
        with anyio.move_on_after(_DRAIN.total_seconds()):
            await self.silent.wait()
        return last_words(hide(self.stderr.decode(errors="replace")))


@contextlib.asynccontextmanager
async def talking(launch: Launch, *, mark: str, grace: timedelta) -> AsyncIterator[Talking]:
    """A program to talk with inside the block. After it, or when this worker dies, its whole tree is dead.

    Args:
        launch: What to start. It shares its folder with whoever works there.
        mark: Names the work in the environment of every process of it. What an earlier attempt under the same mark
            left behind is killed first.
        grace: How long it may take to end once its stdin has ended, and then between TERM and KILL.

    Raises:
        Unstartable: There is no such program or folder.
    """
    _check(launch)
    await anyio.to_thread.run_sync(shim.reap, mark, 5.0)
    process, death = await _start(launch, mark, -1, grace)
    talk = Talking(process)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_listen, talk)
            try:
                yield talk
            finally:
                with anyio.CancelScope(shield=True):
                    await _hang_up(talk, grace)
                    await _let_go(process, death, grace)
                    await _clear(process, mark)
                    with anyio.move_on_after(_DRAIN.total_seconds()):
                        await talk.silent.wait()
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await process.aclose()


async def _listen(talk: Talking) -> None:
    try:
        await _read_stderr(talk)
    finally:
        talk.silent.set()


async def _read_stderr(whose: Talking | _Run) -> None:
    assert whose.process.stderr is not None
    async for chunk in chunks(whose.process.stderr):
        # Twice what is told: a secret that were cut in two at the beginning would not be known for one.
        whose.stderr = (whose.stderr + chunk)[-2 * _STDERR :]


async def _hang_up(talk: Talking, grace: timedelta) -> None:
    assert talk.process.stdin is not None
    with contextlib.suppress(anyio.BrokenResourceError):
        await talk.process.stdin.aclose()
    with anyio.move_on_after(grace.total_seconds()):
        await talk.process.wait()


async def _let_go(process: Process, death: int, grace: timedelta) -> None:
    """Close the pipe, if it is open still, and wait: the shim ends the tree, and then itself."""
    if death >= 0:
        os.close(death)
    with anyio.move_on_after((grace + _SHIM).total_seconds()):
        await process.wait()


async def _clear(process: Process, mark: str) -> None:
    """See to it that nothing is left, also of a shim that did not end."""
    if process.returncode is None:
        process.kill()
    await anyio.to_thread.run_sync(shim.reap, mark, 5.0)  # where the shim itself was killed


def _bytes(text: str) -> bytes:
    """A text as programs read it: half a character, such as a model may say, has no bytes and becomes a `?`."""
    return text.encode(errors="replace")


def _check(launch: Launch) -> None:
    program = launch.argv[0]
    if not launch.cwd.is_dir():
        raise Unstartable(f"{program} is to work in {launch.cwd}, which is no folder: make it, or mend the agent's cwd")
    if shutil.which(program, path=launch.env.get("PATH")) is None:
        raise Unstartable(f"{program} is not on the PATH: install it, or put its folder on the PATH of the worker")


async def _start(launch: Launch, mark: str, lock: int, grace: timedelta) -> tuple[Process, int]:
    """The shim, and our end of its pipe: it ends with the last process that holds it, which is this one."""
    theirs, ours = os.pipe()
    try:
        process = await anyio.open_process(
            [
                *(sys.executable, "-I", "-S", shim.__file__),
                *(str(theirs), str(lock), str(grace.total_seconds()), mark),
                *launch.argv,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=launch.cwd,
            env={**launch.env, shim.MARK: mark},
            start_new_session=True,  # a Ctrl-C in the terminal is the worker's to answer
            pass_fds=(theirs,) if lock < 0 else (theirs, lock),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process, ours


@attrs.define(eq=False)
class _Run:
    """One program while it runs."""

    process: Process
    death: int
    limits: Limits
    on_line: OnLine
    hide: Callable[[str], str]
    skip: tuple[bytes, ...]
    lines: Lines
    log: Log | None = None
    began: float = attrs.field(factory=anyio.current_time)
    last_line: float | None = None
    error: Exception | None = None
    stderr: bytes = b""
    patience: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    texts: tuple[MemoryObjectSendStream[str], MemoryObjectReceiveStream[str]] = attrs.field(
        factory=lambda: anyio.create_memory_object_stream[str](_WAITING)
    )
    places: anyio.Semaphore = attrs.field(factory=lambda: anyio.Semaphore(_WAITING))
    asked: float | None = None
    leave: float = math.inf

    async def end(self, stdin: str, talks: bool) -> Ended:
        """Feed it, read it, and wait until it and its readers are done."""
        read = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._feed, stdin, talks)
            group.start_soon(_read_stderr, self)
            group.start_soon(self._read_stdout, read, group)
            stopped = await self._wait()
            with anyio.move_on_after(_DRAIN.total_seconds()):
                await read.wait()
            group.cancel_scope.cancel()
        if self.error is not None:
            raise self.error
        code = self.process.returncode
        stderr = self.hide(self.stderr.decode(errors="replace"))[-_STDERR:]
        return Ended(-signal.SIGKILL if code is None else code, stderr, stopped, self.lines.dropped)

    async def clear(self, mark: str) -> None:
        """See to it that nothing is left."""
        for end in self.texts:
            end.close()
        await self._let_go()
        await _clear(self.process, mark)
        await self.process.aclose()

    async def _wait(self) -> Stopped | None:
        """Wait for its end; past a limit, bring it about and say which."""
        self._be_patient()
        with self.patience:
            await self.process.wait()
        if not self.patience.cancelled_caught:
            return None
        wall, over = anyio.current_time() >= self._latest, self.last_line is not None or self.leave < math.inf
        await self._let_go()
        return "linger" if over else "wall" if wall else "idle"

    async def _let_go(self) -> None:
        death, self.death = self.death, -1
        await _let_go(self.process, death, self.limits.grace)

    def _be_patient(self) -> None:
        """Move the moment at which it has taken too long, after a sign of life."""
        if self.last_line is not None:
            silent = self.last_line + self.limits.linger.total_seconds()
        elif self.asked is not None:
            silent = math.inf
        else:
            silent = anyio.current_time() + self.limits.idle.total_seconds()
        self.patience.deadline = min(silent, self._latest, self.leave)

    @property
    def _latest(self) -> float:
        if self.limits.wall is None or self.asked is not None:
            return math.inf
        return self.began + self.limits.wall.total_seconds()

    async def _feed(self, text: str, talks: bool) -> None:
        assert self.process.stdin is not None
        _, texts = self.texts
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            # It need not read what it is told.
            await self.process.stdin.send(_bytes(text))
            if talks:
                async for text in texts:
                    await self.process.stdin.send(_bytes(text))
        await self.process.stdin.aclose()
        async for _ in texts:  # nobody is there to be told
            continue

    async def _tell(self, text: str) -> None:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # it has said its last
            await self.texts[0].send(text)

    async def _ask(self, asking: Asking) -> None:
        """Ask a person; the clocks stand still from the first open question to the last answer."""
        if self.asked is None:
            self.asked = anyio.current_time()
            self._be_patient()
        try:
            answer = await asking()
        except Exception as error:  # told once the tree is dead
            self._give_up(error)
            return
        finally:
            self.places.release()
            if self.places.value == _WAITING and self.asked is not None:
                self.began += anyio.current_time() - self.asked
                self.asked = None
        if isinstance(answer, Goodbye):
            self.leave = min(self.leave, anyio.current_time() + _GOODBYE.total_seconds())
        self._be_patient()
        await self._tell(answer.text if isinstance(answer, Goodbye) else answer)

    async def _read_stdout(self, read: anyio.Event, group: TaskGroup) -> None:
        assert self.process.stdout is not None
        async for chunk in chunks(self.process.stdout):
            await self._take(self.lines.feed(chunk), group)
            self._be_patient()
        await self._take(self.lines.rest(), group)
        read.set()

    async def _take(self, lines: Iterator[bytes], group: TaskGroup) -> None:
        for raw in lines:
            if self.error is not None or raw.startswith(self.skip):
                continue
            line = self.hide(raw.decode(errors="replace"))
            if self.log is not None:
                self.log.write(line)
            try:
                then = self.on_line(line)
            except Exception as error:  # the reader's; told once the tree is dead
                self._give_up(error)
                continue
            if isinstance(then, str):
                await self._tell(then)
            elif callable(then):
                await self.places.acquire()
                group.start_soon(self._ask, then)
            elif then and self.last_line is None:
                self.last_line = anyio.current_time()
                self.texts[0].close()

    def _give_up(self, error: Exception) -> None:
        self.error = self.error or error
        self.patience.cancel()


async def chunks(stream: ByteReceiveStream) -> AsyncIterator[bytes]:
    """What comes out of a pipe, as it comes, to its end."""
    with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            yield await stream.receive(65536)


def last_words(stderr: str) -> str:
    """The end of stderr, in one line and without colours; nothing where there is none."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", stderr).splitlines() if line.strip()]
    return f": {' / '.join(lines[-3:])[-500:]}" if lines else ""
