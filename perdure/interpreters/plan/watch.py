"""What workflow code does besides asking: clocks, dice, files and the environment, seen while it is explored.

Calls are seen by Python's own hooks, for profilers and for auditors. One counts where it comes from code that the
machine has called: the body of a workflow, or a function that was given to bind, loop and the like. What perdure, a
step or an import does is not the workflow's.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import attrs

#: hash: differs from process to process, and is wrong only where something depends on it.
Kind: TypeAlias = Literal["clock", "dice", "io", "environment", "hash"]


@attrs.frozen
class Deed:
    """Something that workflow code did.

    Attributes:
        call: What was called, as it is written: `datetime.now`.
        file: Where, as an absolute path, and `line`.
        body: The function that the machine called: a workflow, as a rule.
    """

    kind: Kind
    call: str
    file: str
    line: int
    body: str


_CLOCKS: Final = frozenset(
    name + end for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time") for end in ("", "_ns")
)
#: By the module and the name of a builtin function.
_BUILTINS: Final[Mapping[tuple[str, str], Kind]] = {
    **{("time", name): "clock" for name in (*_CLOCKS, "sleep")},
    **{("posix", name): "io" for name in vars(sys.modules["posix"])},
    **{("posix", name): "dice" for name in ("urandom", "getrandom")},
    **{("builtins", name): "hash" for name in ("hash", "id")},
    ("builtins", "input"): "io",
    ("_thread", "start_new_thread"): "io",
    ("_uuid", "generate_time_safe"): "dice",
}
#: Of those, the ones that ask nothing of the system.
_PURE: Final = frozenset(
    {"fspath", "strerror", "_path_normpath", "WEXITSTATUS", "WIFEXITED", "WIFSIGNALED", "WTERMSIG"}
)
#: What a class method or a method of `Random` is called.
_METHODS: Final = frozenset({"now", "utcnow", "today", "random", "getrandbits", "seed"})
_NAMES: Final = frozenset(name for _, name in _BUILTINS) | _METHODS
#: Functions of the standard library that are written in Python.
_PYTHON: Final[Mapping[CodeType, str]] = {
    os.environ.__class__.__getitem__.__code__: "os.environ",
    os.environ.__class__.__iter__.__code__: "os.environ",
    random.Random.seed.__code__: "random.Random",
}
#: What is audited and is input or output.
_AUDITED: Final = (
    "open",
    "os.",
    "socket.",
    "subprocess.",
    "sqlite3.connect",
    "shutil.",
    "tempfile.",
    "urllib.",
    "ctypes.",
)

#: Callers whose business it is not to be the workflow's: messages, imports, data that comes with Python.
_ASIDE: Final = frozenset({"logging", "warnings", "traceback", "linecache", "importlib", "zoneinfo", "encodings"})
#: The modules that call the workflow's functions; others of perdure call hooks of types and the like.
_CALLERS: Final = frozenset({"perdure.core.machine", "perdure.core.effect", "perdure.core.operations"})
#: What one call is told as, where it does several of them: the last of these.
_RANK: Final[tuple[Kind, ...]] = ("hash", "environment", "clock", "dice", "io")
_PACKAGE: Final = str(Path(__file__).resolve().parents[2]) + os.sep
_LIBRARIES: Final = tuple(
    {sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


#: Modules by the names that people import.
_WRITTEN: Final[Mapping[str, str]] = {"genericpath": "os.path", "posixpath": "os.path", "posix": "os"}


class Watch:
    """Sees what is done by workflow code in this thread, while it is entered.

    Attributes:
        deeds: What was seen, each call once, in order.

    Example:
        >>> import time
        >>> from perdure import pure
        >>> from perdure.core.machine import Machine
        >>> with Watch() as watch:
        ...     _ = Machine(pure(1).map(lambda n: n + time.time_ns()))
        >>> [(deed.kind, deed.call) for deed in watch.deeds]
        [('clock', 'time.time_ns')]
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int, str], Deed] = {}
        self._before: Callable[..., object] | None = None
        self._collecting = False

    @property
    def deeds(self) -> tuple[Deed, ...]:
        return tuple(self._seen.values())

    def __enter__(self) -> Self:
        _audit_once()
        _watching.append(self)
        # A collection comes at any moment, and what finalizers and the like do then is not the workflow's. Others have
        # their callbacks between these two.
        gc.callbacks.insert(0, self._collection_starts)
        gc.callbacks.append(self._collection_stops)
        self._before = sys.getprofile()
        sys.setprofile(self._profiled)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setprofile(self._before)
        gc.callbacks.remove(self._collection_starts)
        gc.callbacks.remove(self._collection_stops)
        _watching.remove(self)

    def _collection_starts(self, phase: str, _: dict[str, int]) -> None:
        self._collecting = self._collecting or phase == "start"

    def _collection_stops(self, phase: str, _: dict[str, int]) -> None:
        self._collecting = self._collecting and phase != "stop"

    def _profiled(self, frame: FrameType, event: str, called: Any) -> None:  # Any: of any class of builtin
        if event == "c_call":
            if called.__name__ in _NAMES:
                found = _builtin(called)
                if found is not None:
                    self._note(frame, *found)
        elif event == "call" and frame.f_code in _PYTHON:
            name = _PYTHON[frame.f_code]
            if name == "os.environ":
                self._note(frame.f_back, "environment", name)
            elif frame.f_locals.get("a") is None:  # without a seed
                self._note(frame.f_back, "dice", name)

    def audited(self, frame: FrameType, event: str) -> None:
        """Take note of what was audited."""
        self._note(frame, "io", event)

    def _note(self, frame: FrameType | None, kind: Kind, call: str) -> None:
        if self._collecting:
            return
        chain: list[FrameType] = []
        while frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
            chain.append(frame)
            frame = frame.f_back
        caller = None if frame is None else frame.f_globals.get("__name__")
        if not chain or caller not in _CALLERS:
            return
        if caller == "perdure.core.operations" and _is_library(chain[-1].f_code.co_filename):
            return  # it was asked by us, and not by what the workflow gave us
        if any(
            str(each.f_globals.get("__name__")).partition(".")[0] in _ASIDE or each.f_code.co_name == "__del__"
            for each in chain
        ):
            return
        # Where a library does it, it is told as the library's function that was called.
        at = next((n for n, each in enumerate(chain) if not _is_library(each.f_code.co_filename)), len(chain) - 1)
        name = call if at == 0 else _function(chain[at - 1], call)
        file, line = os.path.abspath(chain[at].f_code.co_filename), chain[at].f_lineno
        body = chain[-1].f_code.co_qualname.partition(".<locals>")[0]
        known = self._seen.get((file, line, name))
        if known is None or _RANK.index(known.kind) < _RANK.index(kind):
            self._seen[file, line, name] = Deed(kind, name, file, line, body)


def _builtin(called: Any) -> tuple[Kind, str] | None:
    """The kind and the name of a builtin function, if it is one of those that are looked for."""
    name, owner = called.__name__, getattr(called, "__self__", None)
    if isinstance(owner, type):  # a class method
        return ("clock", f"{owner.__name__}.{name}") if owner.__module__ == "datetime" and name in _METHODS else None
    if isinstance(owner, random.Random):
        shared = getattr(random, "_inst", None)  # what `random.random` and the others are methods of
        return ("dice", f"random.{name}") if owner is shared and name in _METHODS else None
    module = called.__module__
    kind = _BUILTINS.get((module, name))
    if kind is None or name in _PURE:
        return None
    return kind, name if module == "builtins" else f"{_WRITTEN.get(module, module)}.{name}"


def _function(frame: FrameType, call: str) -> str:
    """A function of a library as people write it."""
    module, name = str(frame.f_globals.get("__name__")), frame.f_code.co_qualname
    if call == "os.environ" and module in ("os", "collections.abc", "_collections_abc"):
        return "os.getenv" if name == "getenv" else "os.environ"
    if module == "random" and name.startswith("Random."):
        return call if call == "random.Random" else f"random.{frame.f_code.co_name}"
    if module == "pathlib" and "." in name:
        return name
    return f"{_WRITTEN.get(module, module)}.{name.removesuffix('.__init__')}"


@functools.lru_cache(maxsize=1024)
def _is_library(file: str) -> bool:
    return file.startswith(("<", *_LIBRARIES))


#: Who watches, the last one first asked. An audit hook stays for the life of a process, so there is one for all.
_watching: Final[list[Watch]] = []


@functools.cache
def _audit_once() -> None:
    sys.addaudithook(_audited)


def _audited(event: str, _: tuple[object, ...]) -> None:
    if _watching and event.startswith(_AUDITED):
        _watching[-1].audited(sys._getframe(1), event)
