"""A machine without I/O: feed it outcomes, it says which requests are open.

Every interpreter is a small loop around it. All structure (sequencing, do-blocks, parallel, race, sagas,
keys) is decided here, once and deterministically. Nothing recurses: what is pending lives in frames and a queue,
so depth and length of a program are bounded by memory alone, and nothing is kept of a finished step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeAlias

import attrs
from returns.result import Failure, Success
from typing_extensions import TypeVar

from perdure.core.effect import (
    All,
    Call,
    Effect,
    Fail,
    MayFail,
    Op,
    Outcome,
    Pure,
    Race,
    Saga,
    Scope,
    Then,
    Undo,
    UseYieldFrom,
)
from perdure.core.faults import Cancelled, Defect, Interrupted, Raised
from perdure.core.identity import Path

A = TypeVar("A")
E = TypeVar("E")

# What a fiber is to do next with its payload.
RUN: Final = 0  # evaluate this effect
VALUE: Final = 1  # go on with this value
ERROR: Final = 2  # go on with this failure
BLOCKED: Final = 3  # nothing: it waits for a reply or for its children

#: The nodes have forgotten their types when they meet here: a payload is an effect, a value or a failure.
Payload: TypeAlias = Any


@attrs.define(eq=False)
class Request:
    """One open leaf. `key` is its identity within the run."""

    key: str
    op: Op[Any, Any]
    fiber: Fiber = attrs.field(repr=False)


@attrs.define(eq=False)
class BodyFrame:
    body: Any  # a generator or a coroutine: both have send, throw and close
    call: Call[Any, Any]
    outer: Path
    started: bool = False
    thrown: BaseException | None = None
    error: Any = None


@attrs.frozen(eq=False)
class PathFrame:
    outer: Path


@attrs.define(eq=False)
class SagaFrame:
    outer: SagaFrame | None
    undos: list[Effect[Any, Any] | Rollback] = attrs.field(factory=list)  # pyright: ignore[reportUnknownVariableType]


@attrs.frozen(eq=False)
class UndoFrame:
    undo: Callable[[Any], Effect[object, Any]]


@attrs.define(eq=False)
class Join:
    """Where the children of All and Race meet."""

    parent: Fiber
    node: All[Any, Any] | Race[Any, Any]
    path: str
    slots: list[Any]
    waiting: int
    next: int = 0
    running: dict[int, Fiber] = attrs.field(factory=dict)  # pyright: ignore[reportUnknownVariableType]
    grown: Grown | None = None


@attrs.define(eq=False)
class Grown:
    """All children of a Join to which some have come: lists of its own, so that the description stays as it is."""

    children: list[Effect[Any, Any]]
    segments: list[str]
    names: set[str]


@attrs.define(eq=False)
class Rollback:
    """Undos on their way, the last first, each attempted whatever became of the others.

    Whatever cancels the fiber that is rolling back adopts the rollback instead of cutting it off.
    """

    parent: Fiber
    undos: list[Effect[Any, Any] | Rollback]
    mode: int  # how the parent goes on afterwards
    value: Payload
    adopter: Rollback | None = None
    adopted: Rollback | None = None
    running: Fiber | None = None


@attrs.define(eq=False)
class Fiber:
    """One thread of control: its scope, its saga, its stack of frames, and what it waits for."""

    path: Path
    saga: SagaFrame
    join: Join | Rollback | None = None
    index: int = 0
    frames: list[Any] = attrs.field(factory=list)  # pyright: ignore[reportUnknownVariableType]
    request: Request | None = None
    below: Join | Rollback | None = None
    dead: bool = False


class Machine(Generic[A, E]):
    """Drive one effect by replies.

    Attributes:
        pending: Open requests by key, in the order in which they were asked.
        cancelled: Keys whose requests were closed without a reply; the interpreter drains it.
        outcome: How the whole ended, once it has.
        not_undone: Paths and failures of compensations that failed themselves, and of what was cut off in the middle of
            something to compensate: it may have taken effect, and has no outcome to take back.

    Example:
        >>> from perdure import signal
        >>> machine = Machine(signal("go", int).map(lambda n: n + 1))
        >>> [request.key for request in machine.fresh()]
        ['go']
        >>> machine.reply("go", Success(1))
        >>> machine.outcome
        <Success: 2>
    """

    def __init__(self, effect: Effect[A, E], root: str = "") -> None:
        self.pending: dict[str, Request] = {}
        self.cancelled: list[str] = []
        self.outcome: Outcome[A, E | Cancelled] | None = None
        self.not_undone: list[tuple[str, object]] = []
        self._fresh: list[Request] = []
        self._todo: deque[tuple[Fiber, int, Payload]] = deque()
        saga, self._top = SagaFrame(None), Path(root)
        self._root = Fiber(self._top, saga, frames=[saga])  # the run itself is a saga
        self._rolling_back = False
        self._step(self._root, RUN, effect)
        self._drain()

    def fresh(self) -> list[Request]:
        """Requests opened since the last call and still open, in a deterministic order."""
        if not self._fresh:
            return []
        opened, self._fresh = self._fresh, []
        return opened if len(opened) == 1 else [r for r in opened if self.pending.get(r.key) is r]

    def reply(self, key: str, outcome: Outcome[Any, Any]) -> None:
        """Answer one open request and go on as far as possible.

        Raises:
            KeyError: The request is not open; look into `pending` first.
            Defect: The program did what no program may.
        """
        fiber = self.pending.pop(key).fiber
        fiber.request = None
        if isinstance(outcome, Success):
            self._step(fiber, VALUE, outcome.unwrap())
        else:
            self._step(fiber, ERROR, outcome.failure())
        self._drain()

    def result(self) -> Outcome[A, E | Cancelled]:
        """The outcome of a run that has ended."""
        if self.outcome is None:
            raise Defect(f"the run has not ended: {', '.join(self.pending)} are open")
        return self.outcome

    def cancel(self, reason: str = "") -> bool:
        """Close every open request and take back what was done; the outcome is `Failure(Cancelled(reason))`.

        Returns:
            False, and nothing changes, where the run has ended or is already taking back.
        """
        if self.outcome is not None or self._rolling_back:
            return False
        self._rolling_back = True
        undos = self._cancel(self._root)
        self._root.dead, self._root.path = False, self._top
        self._take_back(self._root, undos, ERROR, Cancelled(reason))
        self._drain()
        return True

    def close(self) -> None:
        """Drop the run without taking anything back: it is parked, or it will be driven again.

        Raises:
            Defect: A body performs effects in `finally`, which nobody is there to answer.
        """
        open_fibers = [self._root]
        while open_fibers:
            for undo in self._cancel(open_fibers.pop()):
                while isinstance(undo, Rollback):
                    if undo.running is not None:
                        open_fibers.append(undo.running)
                    undo = undo.adopted  # type: ignore[assignment]  # None ends the loop

    # -- evaluation ----------------------------------------------------------------------------------------

    def _drain(self) -> None:
        while self._todo:
            fiber, mode, value = self._todo.popleft()
            if not fiber.dead:
                self._step(fiber, mode, value)

    def _step(self, fiber: Fiber, mode: int, value: Payload) -> None:
        """Descend into effects, and unwind values or failures through the frames, until the fiber blocks."""
        frames = fiber.frames
        while True:
            if mode == RUN:
                mode, value = self._descend(fiber, value)
            if mode == BLOCKED:
                return
            if not frames:
                break
            frame = frames[-1]
            kind = type(frame)  # pyright: ignore[reportUnknownVariableType]  # frames are of many kinds
            if kind is BodyFrame:
                mode, value = self._resume(fiber, frame, mode, value)
                continue
            frames.pop()
            if kind is Then:
                then = frame.ok if mode == VALUE else frame.err
                if then is not None:
                    mode, value = RUN, _called(then, value, fiber, "map, bind, lash or alt")
            elif kind is PathFrame:
                fiber.path = frame.outer
            elif kind is UndoFrame:
                if mode == VALUE:
                    fiber.saga.undos.append(_called(frame.undo, value, fiber, "compensate"))
            elif kind is SagaFrame:
                if frame.outer is not None:
                    fiber.saga = frame.outer
                if mode == ERROR and frame.undos:
                    self._rolling_back = self._rolling_back or frame.outer is None
                    self._take_back(fiber, frame.undos, ERROR, value)
                    return
                if frame.outer is not None:  # an inner saga that succeeded hands its undos on
                    frame.outer.undos.extend(frame.undos)
        if fiber.join is None:
            self.outcome = Success(value) if mode == VALUE else Failure(value)
        elif isinstance(fiber.join, Join):
            self._joined(fiber.join, fiber.index, mode, value)
        else:
            self._undone(fiber.join, fiber, mode, value)

    def _descend(self, fiber: Fiber, effect: Effect[Any, Any]) -> tuple[int, Payload]:
        """Go down to the next leaf, pushing frames."""
        while True:
            match effect:
                case Op():
                    key = fiber.path.key(effect.name)
                    request = fiber.request = self.pending[key] = Request(key, effect, fiber)
                    self._fresh.append(request)
                    return BLOCKED, None
                case Then():
                    fiber.frames.append(effect)
                    effect = effect.source
                case Pure():
                    return VALUE, effect.value
                case Fail():
                    return ERROR, effect.error
                case Call():
                    fiber.frames.append(BodyFrame(_body(effect, fiber), effect, fiber.path))
                    fiber.path = Path(fiber.path.key(effect.block.name))
                    return VALUE, None
                case Scope():
                    fiber.frames.append(PathFrame(fiber.path))
                    fiber.path = Path(fiber.path.key(effect.segment))
                    effect = effect.source
                case All() | Race():
                    return self._fork(fiber, effect)
                case Saga():
                    fiber.saga = SagaFrame(fiber.saga)
                    fiber.frames.append(fiber.saga)
                    effect = effect.source
                case Undo():
                    fiber.frames.append(UndoFrame(effect.undo))
                    effect = effect.source
                case _:
                    raise Defect(f"{effect!r} is not an Effect{_under(fiber)}")

    def _resume(self, fiber: Fiber, frame: BodyFrame, mode: int, value: Payload) -> tuple[int, Payload]:
        try:
            if mode == VALUE:
                if frame.started:
                    asked = frame.body.send(UseYieldFrom(value))
                else:
                    frame.started = True
                    asked = frame.body.send(None)
            else:
                frame.error = value
                frame.thrown = value.with_traceback(None) if isinstance(value, BaseException) else Raised(value)
                asked = frame.body.throw(frame.thrown)
        except StopIteration as stop:
            fiber.frames.pop()
            fiber.path = frame.outer
            return VALUE, stop.value
        except Exception as raised:
            name, where = frame.call.block.name, _under(fiber)
            fiber.frames.pop()
            fiber.path = frame.outer
            if raised is frame.thrown:
                return ERROR, frame.error
            if isinstance(raised, Defect):
                raise
            if isinstance(raised, frame.call.block.expected):
                return ERROR, raised
            raise Defect(
                f"workflow {name!r} raised {raised!r}{where}, which it does not declare. If callers should handle it, "
                f"declare it: `-> Do[…, {type(raised).__name__}]` (a generic block can only pass on failures that it "
                "was given); else mend the bug"
            ) from raised
        if type(asked) is MayFail:
            return RUN, asked.effect
        name = frame.call.block.name
        if isinstance(asked, Effect):
            raise Defect(
                f"workflow {name!r} used `yield` where `yield from` is meant: write `value = yield from {asked!r}`"
            )
        raise Defect(f"workflow {name!r} awaited {asked!r}: only effects can be awaited here; put I/O into a @step")

    # -- concurrency ---------------------------------------------------------------------------------------

    def _fork(self, fiber: Fiber, node: All[Any, Any] | Race[Any, Any]) -> tuple[int, Payload]:
        size = len(node.children)
        if not size:
            if isinstance(node, All):
                return VALUE, ()
            raise Defect(f"a race of nothing can have no winner{_under(fiber)}")
        path = fiber.path.key("all" if isinstance(node, All) else "race")
        join = fiber.below = Join(fiber, node, path, [None] * size, size)
        for _ in range(min(node.limit or size, size) if isinstance(node, All) else size):
            self._spawn(join)
        return BLOCKED, None

    def _spawn(self, join: Join) -> None:
        index, join.next = join.next, join.next + 1
        saga = join.parent.saga
        child = Fiber(Path(f"{join.path}/{join.node.segments[index]}"), saga, join, index)
        if isinstance(join.node, Race):  # a loser takes back what it did
            child.saga = SagaFrame(saga)
            child.frames.append(child.saga)
        join.running[index] = child
        effect = _called(join.node.children.__getitem__, index, child, "for_each")
        self._todo.append((child, RUN, effect))

    def _joined(self, join: Join, index: int, mode: int, value: Payload) -> None:
        parent = join.parent
        join.running.pop(index, None)
        join.slots[index] = value
        join.waiting -= 1
        if isinstance(join.node, All):
            if mode == VALUE:
                if join.node.more is not None:
                    _grow(join, join.node.more, value)
                while join.next < len(join.slots) and not 0 < join.node.limit <= len(join.running):
                    self._spawn(join)
                if join.waiting:
                    return
            value = tuple(join.slots) if mode == VALUE else value
        elif mode == ERROR and join.waiting and not join.node.first_exit:
            return
        parent.below = None
        undos = [undo for child in join.running.values() for undo in self._cancel(child)]
        if undos:
            self._take_back(parent, undos, mode, value)
        else:
            self._todo.append((parent, mode, value))

    def _cancel(self, fiber: Fiber) -> list[Effect[Any, Any] | Rollback]:
        """Close a fiber and all below it; return what must be taken back, the oldest first."""
        undos: list[Effect[Any, Any] | Rollback] = []
        closing = [(fiber, False)]
        while closing:
            fiber, taken_back = closing.pop()
            fiber.dead = True
            own: list[Effect[Any, Any] | Rollback] = []
            while fiber.frames:
                frame = fiber.frames.pop()
                if isinstance(frame, SagaFrame):
                    own = frame.undos + own
                elif isinstance(frame, BodyFrame):
                    _close(frame)
                elif isinstance(frame, UndoFrame):
                    taken_back = True
            undos += own
            if isinstance(fiber.below, Join):
                closing += [(child, taken_back) for child in reversed(fiber.below.running.values())]
            elif fiber.below is not None:
                undos.append(fiber.below)
            fiber.below = None
            if fiber.request is not None and self.pending.pop(fiber.request.key, None) is not None:
                self.cancelled.append(fiber.request.key)
                if taken_back:
                    name = fiber.request.op.name
                    self.not_undone.append(
                        (fiber.request.key, Interrupted(name, "", "cut off before it had an outcome"))
                    )
                fiber.request = None
        return undos

    # -- compensation --------------------------------------------------------------------------------------

    def _take_back(self, fiber: Fiber, undos: list[Effect[Any, Any] | Rollback], mode: int, value: Payload) -> None:
        fiber.below = Rollback(fiber, undos, mode, value)
        self._next_undo(fiber.below)

    def _next_undo(self, rollback: Rollback) -> None:
        if not rollback.undos:
            if rollback.adopter is not None:
                self._next_undo(rollback.adopter)
            else:
                rollback.parent.below = None
                self._todo.append((rollback.parent, rollback.mode, rollback.value))
            return
        undo = rollback.undos.pop()
        if isinstance(undo, Rollback):
            undo.adopter, rollback.adopted = rollback, undo
            return
        child = Fiber(Path(rollback.parent.path.key("undo")), SagaFrame(None), rollback)
        rollback.running = child
        self._todo.append((child, RUN, undo))

    def _undone(self, rollback: Rollback, fiber: Fiber, mode: int, value: Payload) -> None:
        if mode == ERROR:
            self.not_undone.append((fiber.path.text, value))
        rollback.running = None
        self._next_undo(rollback)


def _body(call: Call[Any, Any], fiber: Fiber) -> Any:
    name = call.block.name
    try:
        body = call.block.fn(*call.args, **call.kwargs)
    except Exception as raised:
        raise Defect(f"workflow {name!r} cannot start with {call!r}{_under(fiber)}: {raised!r}") from raised
    if not hasattr(body, "send"):
        raise Defect(
            f"workflow {name!r} returned {body!r}: its body has no `yield from`, so nothing in it is an effect"
        )
    return body


def _called(function: Callable[[Any], Any], value: Payload, fiber: Fiber, where: str) -> Effect[Any, Any]:
    try:
        effect = function(value)
    except Defect:
        raise
    except Exception as bug:
        raise Defect(f"a function given to {where} raised {bug!r}{_under(fiber)}") from bug
    if not isinstance(effect, Effect):
        raise Defect(
            f"a function given to {where} returned {effect!r}, not an Effect{_under(fiber)}: wrap it in `pure(…)`"
        )
    return effect  # pyright: ignore[reportUnknownVariableType]  # the functions in nodes have forgotten their types


def _grow(join: Join, more: Callable[[Any], Mapping[str, Effect[Any, Any]]], value: Payload) -> None:
    try:
        found = more(value)
    except Defect:
        raise
    except Exception as bug:
        raise Defect(f"a function given to unfold raised {bug!r}{_under(join.parent)}") from bug
    grown, node = join.grown, join.node
    if grown is None:
        grown = join.grown = Grown([*node.children], [*node.segments], set(node.segments))
        join.node = attrs.evolve(node, children=grown.children, segments=grown.segments)
    if twice := found.keys() & grown.names:
        raise Defect(f"unfold began {min(twice)!r} twice{_under(join.parent)}: names are identities")
    grown.children += found.values()
    grown.segments += found
    grown.names.update(found)
    join.slots += [None] * len(found)
    join.waiting += len(found)


def _close(frame: BodyFrame) -> None:
    try:
        frame.body.close()
    except Exception as raised:
        raise Defect(
            f"workflow {frame.call.block.name!r} performs effects in `finally` or `except`, or raises there, while it "
            f"is being closed ({raised}): nobody is there to answer; use ensure(…) or a saga"
        ) from raised


def _under(fiber: Fiber) -> str:
    return f" under {fiber.path.text!r}" if fiber.path.text else ""
