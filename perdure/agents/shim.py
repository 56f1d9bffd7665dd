"""The process between a worker and a harness: it ends the harness's whole tree, also where the worker was killed.

    python -I -S shim.py DEATH_FD LOCK_FD GRACE_SECONDS MARK PROGRAM [ARGUMENT...]

It holds the reading end of a pipe whose writing end only the worker has, so that the pipe ends when the worker does,
however that happens. Then, on SIGTERM, and once the program has ended by itself, it ends what is left: TERM to the
group, grace, KILL to the group, then KILL to every process that descends from it or bears the mark in its environment.
Only when none is left does it let go of the lock, and ends as the program ended: by its code, or by its signal.

It runs alone, by the standard library, and loads nothing of perdure. The functions that find and kill are the worker's
too, for the day on which the shim itself was killed. Without /proc (macOS) only the group is found: a process that
left it is not.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator

#: The variable by which every process of an agent is known, also one that left group and session.
MARK = "PERDURE_AGENT"


def marked(mark: str) -> set[int]:
    """The living processes of this user that bear the mark, without this one."""
    wanted = f"\0{MARK}={mark}\0".encode()
    return {pid for pid in _processes() if pid != os.getpid() and wanted in b"\0" + _read(pid, "environ")}


def descendants(root: int) -> set[int]:
    """The living processes below one."""
    children: dict[int, list[int]] = {}
    for pid in _processes():
        fields = _stat(pid)
        if fields and fields[0] not in (b"Z", b"X"):
            children.setdefault(int(fields[1]), []).append(pid)
    found: set[int] = set()
    waiting = [root]
    while waiting:
        below = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(below)
        waiting += below
    return found


def above(pid: int) -> Iterator[int]:
    """The processes above one: its parent, and so on."""
    while (fields := _stat(pid)) and (pid := int(fields[1])) > 0:
        yield pid


def marks(pid: int) -> list[str]:
    """The mark that a process bears, if it bears one."""
    environment = b"\0" + _read(pid, "environ")
    return [os.fsdecode(rest.partition(b"\0")[0]) for rest in environment.split(f"\0{MARK}=".encode())[1:]]


def kill(pids: set[int], number: int = signal.SIGKILL) -> None:
    """Send each a signal; what has ended meanwhile has ended."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def reap(mark: str, seconds: float) -> set[int]:
    """Kill whatever bears the mark until nothing does, and say what still lived in the end."""
    end = time.monotonic() + seconds
    while (found := marked(mark)) and time.monotonic() < end:
        kill(found)
        time.sleep(0.02)
    return found


def _processes() -> Iterator[int]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    yield from (int(name) for name in names if name.isdigit())


def _stat(pid: int) -> list[bytes]:
    """Its state, its parent, and more; nothing once it has ended."""
    return _read(pid, "stat").rpartition(b")")[2].split()  # the name before it may hold anything


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:  # it has ended, or is another user's
        return b""


class _Shim:
    """One program and what came of it.

    Args:
        death: The reading end of the worker's pipe.
        grace: Seconds between TERM and KILL.
        mark: Of every process of this agent.
        argv: The program and its arguments.
    """

    def __init__(self, death: int, grace: float, mark: str, argv: list[str]) -> None:
        self._death, self._grace, self._mark = death, grace, mark
        self._worker = os.getppid()
        self._asked_to_stop = False
        self._status: int | None = None
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken by it
        signal.signal(signal.SIGTERM, self._stop)
        _adopt_orphans()
        self._leader = self._start(argv)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)  # the pipes are the program's alone: they end with it

    def run(self) -> int:
        """Wait for the end, or bring it about; the status as `waitpid` tells it."""
        self._wait(lambda: self._status is not None or self._over())
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._status is None:
            self._signal_group(signal.SIGTERM)
            self._wait(lambda: self._status is not None, self._grace)
        if self._status is not None and not self._gone():  # what a program leaves behind has no task any more
            self._signal_group(signal.SIGTERM)
            kill(self._left(), signal.SIGTERM)
            self._wait(self._gone, min(self._grace, 1.0))
        while not self._gone():
            self._signal_group(signal.SIGKILL)
            kill(self._left())
            self._wait(self._gone, 0.02)
        return 0 if self._status is None else self._status

    def _start(self, argv: list[str]) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(argv[0], argv)
        except OSError as error:
            os.write(2, f"perdure: cannot start {argv[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def _stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _over(self) -> bool:
        """Whether nobody waits for the program any more.

        A child that the worker forked without exec holds the pipe too; that the parent is another one tells then.
        """
        ended = bool(select.select([self._death], [], [], 0)[0])
        return self._asked_to_stop or ended or os.getppid() != self._worker

    def _left(self) -> set[int]:
        return marked(self._mark) | descendants(os.getpid())

    def _gone(self) -> bool:
        self._collect()
        return not (self._signal_group(0) or self._left())

    def _signal_group(self, number: int) -> bool:
        """Whether there was a group to send it to."""
        try:
            os.killpg(self._leader, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _wait(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        while not done():
            left = 1.0 if end is None else min(0.05, end - time.monotonic())
            if left <= 0:
                return
            # Once the worker's pipe has ended it would wake us for ever.
            watched = [self._woken, self._death] if end is None else [self._woken]
            if self._woken in select.select(watched, [], [], left)[0]:
                os.read(self._woken, 4096)
            self._collect()

    def _collect(self) -> None:
        """Take note of every child that has ended: the program, and the orphans that were adopted."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._leader:
                self._status = status


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own has died (Linux): none leaves the tree by a double fork."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _end_as(status: int) -> None:
    """End this process as that one ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program's core is enough
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


def main(arguments: list[str]) -> None:
    """Run as the usage above says."""
    death, lock, grace, mark, *argv = arguments
    os.set_inheritable(int(death), False)
    if int(lock) >= 0:
        os.set_inheritable(int(lock), True)  # the program holds the lock too: killing this process frees nothing
    _end_as(_Shim(int(death), float(grace), mark, argv).run())


if __name__ == "__main__":
    main(sys.argv[1:])
