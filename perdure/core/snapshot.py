"""All that a program holds at a moment, as a value. Where two are equal, the programs go on alike.

It is found by following objects, closures and the frames of bodies, and calls nothing of the user's. What compares by
identity, or has a part that cannot be seen, is equal to itself alone: two moments may be told apart in vain, and are
never mistaken for one.
"""

from __future__ import annotations

import functools
import gc
import itertools
import operator
import types
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import EnumType
from typing import Any, Final, TypeAlias

import attrs

from perdure.core.samples import SAMPLES

Snapshot: TypeAlias = tuple[object, ...]
_Inside: TypeAlias = Callable[[Any], Sequence[object]]  # Any: an object of the one class that it is for

#: Beyond so many objects it would cost more to compare programs than it spares.
_MOST: Final = 10_000


@attrs.frozen(eq=False)
class _Itself:
    """An object that is equal to itself alone, and is kept, so that no other one gets its id."""

    it: object

    def __eq__(self, other: object) -> bool:
        return type(other) is _Itself and self.it is other.it

    def __hash__(self) -> int:
        return id(self.it)


def snapshot(holding: object, *, apart: object = None) -> Snapshot | None:
    """What an object holds, and what that holds, down to plain values; or None, where that is too much or not seen.

    Two snapshots are equal where the same objects hold the same: equal values, shared in the same places.

    Args:
        holding: Where to begin.
        apart: An object that is not looked into: wherever it is held, its place is all that is told.

    Example:
        >>> def body(n):
        ...     yield n
        ...     yield 0
        >>> one, two, three = body(1), body(1), body(2)
        >>> _ = [next(each) for each in (one, two, three)]
        >>> snapshot(one) == snapshot(two), snapshot(one) == snapshot(three)
        (True, False)
    """
    return _told(holding, apart) if _SEES_ALL else None


def _told(holding: object, apart: object = None) -> Snapshot | None:
    told: list[object] = []
    # An id is of one object only as long as it lives, and some parts are made up to be looked at.
    known: dict[int, tuple[int, object]] = {id(apart): (0, apart)}
    todo = [holding]
    while todo:
        each = todo.pop()
        kind = type(each)
        if kind in _PLAIN:
            told += kind, each
        elif kind in _SHOWN:
            told += kind, repr(each)
        elif kind is _Itself:
            told.append(each)
        elif id(each) in known:
            told += None, known[id(each)][0]
        else:
            known[id(each)] = len(known), each
            parts = _parts(each, kind)
            if parts is None:
                told.append(_Itself(each))
            else:
                told += kind, len(parts)
                todo += reversed(parts)
            if len(known) > _MOST:
                return None
    return tuple(told)


_PLAIN: Final = frozenset({type(None), bool, int, str})
_SHOWN: Final = frozenset({float, complex, range, *SAMPLES})
_UNSET: Final = object()


def _parts(each: Any, kind: type) -> Sequence[object] | None:  # Any: an object of any class
    """What an object is made of, or None where that cannot be seen."""
    inside = _INSIDE.get(kind)
    if inside is not None:
        return inside(each)
    layout = _layout(kind)
    if layout is None:
        return None
    base, slots, has_dict = layout
    held = [_slot(slot, each) for slot in slots]
    if has_dict:
        for name, value in object.__getattribute__(each, "__dict__").items():
            held += name, value
    return [*_VALUES[base](each), *held]


def _slot(slot: types.MemberDescriptorType, each: object) -> object:
    try:
        return slot.__get__(each)
    except AttributeError:
        return _UNSET


@functools.lru_cache(maxsize=4096)
def _layout(kind: type) -> tuple[type, tuple[types.MemberDescriptorType, ...], bool] | None:
    """Of a class written in Python: the class that it builds on, its slots, and whether it has more attributes.

    None where its objects may hold more than that, or where each is one of a kind.
    """
    base = next(each for each in kind.__mro__ if not each.__flags__ & _HEAP)
    written = [each for each in kind.__mro__ if each.__flags__ & _HEAP]
    compared = base is not object or any("__eq__" in vars(each) for each in written)
    if base not in _VALUES or isinstance(kind, EnumType) or not (compared or kind.__module__.startswith(_OURS)):
        return None
    members = (member for each in written for member in vars(each).values())
    slots = tuple(member for member in members if type(member) is types.MemberDescriptorType)
    offsets = (kind.__dictoffset__, kind.__weakrefoffset__)
    pointers = len(slots) + sum(offset >= base.__basicsize__ for offset in offsets)
    room = kind.__basicsize__ - base.__basicsize__
    return (base, slots, kind.__dictoffset__ != 0) if room == pointers * _POINTER else None


#: A flag of all classes that are written in Python. A few of others have it, too, and hide what their objects hold.
_HEAP: Final = 1 << 9
#: The machine's own objects compare by identity, and no program sees them.
_OURS: Final = "perdure.core."
_POINTER: Final = tuple.__itemsize__


# -- What there is inside of what Python brings along. ----------------------------------------------------------------


def _generator(each: Any) -> Sequence[object]:  # Any: a generator or a coroutine
    """Where a body waits, with its variables and what it has begun to compute: an iterator of a `for`, half a sum."""
    frame = each.gi_frame if type(each) is types.GeneratorType else each.cr_frame
    if frame is None:
        return ()
    variables = frame.f_locals  # shows which have a value; of some versions of Python it is a dict that the frame keeps
    held = [part for part in gc.get_referents(each) if part is not frame and part is not variables]
    return [frame.f_lasti, *variables, *held]


def _function(each: types.FunctionType) -> Sequence[object]:
    cells = each.__closure__ or ()
    return [each.__code__, _Itself(each.__globals__), each.__defaults__, each.__kwdefaults__, each.__dict__, *cells]


def _cell(each: types.CellType) -> Sequence[object]:
    try:
        return (each.cell_contents,)
    except ValueError:
        return ()


def _builtin(each: types.BuiltinMethodType) -> Sequence[object] | None:
    of = each.__self__
    return None if of is None or type(of) is types.ModuleType else (each.__name__, of)


def _raised(each: BaseException) -> Sequence[object]:
    return each.args, each.__cause__, each.__context__, each.__dict__


def _items(kind: type[Collection[Any]]) -> _Inside:
    return lambda each: [*kind.__iter__(each)]


#: Iterators of which Python tells how far they are.
_WALKS: Final[tuple[Iterator[Any], ...]] = (
    iter([]),
    iter(()),
    iter(range(0)),
    iter({}),
    reversed([]),
    enumerate(()),
    zip(),
    map(len, ()),
)
#: Exceptions that hold nothing besides what `_raised` tells.
_RAISED: Final[tuple[type[BaseException], ...]] = (
    BaseException,
    *BaseException.__subclasses__(),
    *Exception.__subclasses__(),
)
#: What others may build on.
_VALUES: Final[Mapping[type, _Inside]] = {
    object: lambda _: (),
    str: lambda each: (str.__str__(each),),
    dict: lambda each: [*itertools.chain.from_iterable(dict.items(each))],
    **{kind: _items(kind) for kind in (list, tuple, set, frozenset, deque)},
    **{kind: _raised for kind in _RAISED if kind.__basicsize__ == BaseException.__basicsize__},
}
_INSIDE: Final[Mapping[type, Callable[[Any], Sequence[object] | None]]] = {
    **{kind: inside for kind, inside in _VALUES.items() if kind is not object},
    types.GeneratorType: _generator,
    types.CoroutineType: _generator,
    types.FunctionType: _function,
    types.CellType: _cell,
    types.MethodType: lambda each: (each.__func__, each.__self__),
    types.BuiltinMethodType: _builtin,
    types.GenericAlias: lambda each: (each.__origin__, each.__args__),
    types.UnionType: lambda each: (each.__args__,),
    functools.partial: lambda each: (each.func, each.args, each.keywords, vars(each)),
    **{type(walk): operator.methodcaller("__reduce__") for walk in _WALKS},
}


def _sees_all() -> bool:
    """Whether this Python shows what a body has begun to compute. Where it does not, no two moments are alike."""

    def body() -> Iterator[None]:
        for _ in (0, 0):
            yield

    one, two = body(), body()
    next(one), next(two), next(two)
    return _told(one) != _told(two)


_SEES_ALL: Final = _sees_all()
