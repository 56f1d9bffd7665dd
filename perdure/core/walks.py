"""Walking JSON, whatever its type: room, paths, and words for what is refused.

A walk stops at the first thing wrong. Where it happened is put together while the error is on its way out, so that the
good case pays nothing for it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from perdure.core.forms import CodecError, dot

#: Deeper JSON is refused: some Pythons cannot read back what others wrote.
MAX_DEPTH: Final = 128

#: Takes what it walks, and how many levels of lists and objects it may still open.
Walk = Callable[[Any, int], Any]


def brief(value: object, limit: int = 60) -> str:
    """A value for people: its repr, cut, and its class."""
    try:
        shown = repr(value)
    except Exception:  # a user's __repr__, or a structure too deep for any
        shown = "..."
    if len(shown) > limit:
        shown = f"{shown[:limit]}..."
    return shown if value is None or isinstance(value, bool) else f"{shown} ({type(value).__name__})"


def refused(expected: str, value: object) -> CodecError:
    """For a value of another class."""
    return CodecError("$", f"expected {expected}, got {brief(value)}")


def too_deep() -> CodecError:
    """For a list or object where no room is left."""
    return CodecError("$", f"nested more than {MAX_DEPTH} levels deep, which not every Python reads back")


def nothing(value: Any, _room: int) -> Any:
    """The walk of a type without values."""
    raise refused("no value at all", value)


def not_exactly(cls: type, value: object) -> CodecError:
    """For a value whose class is not `cls` itself."""
    name, found = cls.__name__, type(value).__name__
    if isinstance(value, cls):
        return CodecError("$", f"{found} is a subclass of {name} and would come back as one; declare {found} itself")
    return refused(name, value)


_EXACT: Final = 2**53  # beyond, floats skip whole numbers
_SPLIT: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def string(value: Any, _room: int) -> Any:
    """A str that JSON gives back."""
    if type(value) is not str:
        raise refused("str", value)
    if not value.isascii() and _SPLIT.search(value):
        raise CodecError("$", "has a surrogate pair as two characters, which JSON would join into one; decode it first")
    return value


def number(value: Any, _room: int) -> Any:
    """A float that JSON gives back. An int is one where that is exact, a bool never."""
    if type(value) is float:
        if math.isfinite(value):
            return value
        raise CodecError("$", f"{value} is not a number in JSON; say None or a text instead")
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return float(value)
    raise refused("float", value)


def each(walk: Walk, items: Iterable[Any], room: int, where: str = "") -> list[Any]:
    """Every item walked. `where` is the segment for all of them, where order means nothing."""
    if not room:
        raise too_deep()
    done: list[Any] = []
    try:
        for item in items:
            done.append(walk(item, room - 1))
    except CodecError as error:
        error.under(where or f"[{len(done)}]")
        raise
    return done


def entries(keys: Walk, items: Walk, table: Mapping[Any, Any], room: int) -> dict[Any, Any]:
    """Every key and item walked."""
    if not room:
        raise too_deep()
    done = {}
    for key, item in table.items():
        try:
            walked = keys(key, room)
        except CodecError as error:
            raise CodecError("$", f"has a key that is wrong: {error.reason}") from None
        try:
            done[walked] = items(item, room - 1)
        except CodecError as error:
            error.under(dot(key if type(key) is str else str(walked)))
            raise
    return done


def inside(walk: Walk, value: Any, room: int, key: str) -> Any:
    """What goes into, or comes out of, an object under `key`."""
    if not room:
        raise too_deep()
    try:
        return walk(value, room - 1)
    except CodecError as error:
        error.under(dot(key))
        raise


def plain(value: Any, room: int) -> Any:
    """A copy of `value`, which is JSON and nothing else: the codec of `Any`, both ways."""
    cls = type(value)
    if cls is str:
        return string(value, room)
    if value is None or cls is bool or cls is int:
        return value
    if cls is float:
        return number(value, room)
    if cls is list:
        return each(plain, value, room)
    if cls is dict:
        return entries(string, plain, value, room)
    if cls is tuple:
        raise CodecError("$", "a tuple would come back as a list; use a list, or declare the type as tuple[...]")
    raise CodecError("$", f"expected plain JSON, got {brief(value)}; declare its type instead of Any or object")


def no_constant(name: str) -> Any:
    """Refuse what Python alone takes for JSON."""
    raise ValueError(f"{name} is not JSON")


#: Reads texts. What Python alone takes for JSON, such as `NaN`, is a ValueError.
DECODER: Final = json.JSONDecoder(parse_constant=no_constant)


def encoder(*, sort_keys: bool) -> Callable[[Any], str]:
    """Writes trees as compact ASCII text, or raises a CodecError where they are no JSON.

    `JSONEncoder.encode` makes its C encoder anew for each; here it is made once.
    """
    slow = json.JSONEncoder(sort_keys=sort_keys, allow_nan=False, check_circular=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    quick = make and make(
        None, slow.default, json.encoder.encode_basestring_ascii, None, ":", ",", sort_keys, slow.skipkeys, False
    )

    def write(tree: Any) -> str:
        try:
            return "".join(quick(tree, 0)) if quick else slow.encode(tree)
        except (TypeError, ValueError, RecursionError) as error:  # the last: it contains itself
            raise CodecError("$", f"cannot be written as JSON: {error}") from None

    return write


def canonical(tree: Any) -> str:
    """One text for one JSON tree, whatever the order of its keys: what digests are made of.

    Example:
        >>> canonical({"b": 1, "a": [2.0]})
        '{"a":[2.0],"b":1}'

    Raises:
        CodecError: It is not JSON.
    """
    return _canonical(tree)


_canonical: Final = encoder(sort_keys=True)
