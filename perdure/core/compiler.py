"""From the form of a type to two functions: value to JSON tree, and back.

A hint is walked once; what remains is closures over closures. cattrs converts where we refuse, and on the way out
checks nothing and knows no paths, so it only serves the classes that users have hooks for (`recognise.converter`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from returns.maybe import Nothing, Some
from returns.result import Failure, Success

from perdure.core.forms import (
    Arguments,
    Arm,
    Choice,
    CodecError,
    Either,
    Empty,
    Fixed,
    Foreign,
    Form,
    Items,
    NoSchema,
    Option,
    Plain,
    Record,
    Table,
    Union,
    at,
    dot,
)
from perdure.core.hints import label, peel
from perdure.core.recognise import form
from perdure.core.scalars import TEXT, Scalar
from perdure.core.walks import (
    Walk,
    brief,
    canonical,
    each,
    entries,
    inside,
    not_exactly,
    nothing,
    number,
    plain,
    refused,
    string,
    too_deep,
)


class Codec(NamedTuple):
    """The two ways of one type."""

    encode: Walk
    decode: Walk


class Codecs(dict[Any, Codec]):
    """The codec of every hint so far, made when first asked for."""

    def __missing__(self, hint: Any) -> Codec:
        # Published when whole, so that another thread never meets half a codec.
        made: dict[Any, Codec] = {}
        try:
            codec = self._make(hint, made)
        except RecursionError:
            raise NoSchema("$", f"{label(hint)} has no end: it contains ever larger types") from None
        self.update(made)
        self[hint] = codec
        return codec

    def of(self, hint: Any) -> Codec:
        try:
            return self[hint]
        except TypeError:  # unhashable, such as Annotated[int, []]
            return self._make(hint, {})

    def _make(self, hint: Any, made: dict[Any, Codec]) -> Codec:
        hint = peel(hint)
        try:
            if (ready := made.get(hint) or self.get(hint)) is not None:
                return ready
        except TypeError:
            return build(form(hint), lambda inner: self._make(inner, made))
        whole: list[Codec] = []  # filled below; a recursive type reaches itself through it
        made[hint] = Codec(lambda v, room: whole[0].encode(v, room), lambda t, room: whole[0].decode(t, room))
        made[hint] = build(form(hint), lambda inner: self._make(inner, made))
        whole.append(made[hint])
        return made[hint]


Of = Callable[[Any], Codec]


def build(made: Form, of: Of) -> Codec:
    """The codec of one form; `of` gives those of the hints in it."""
    match made:
        case Scalar():
            return _scalar(made)
        case Plain():
            return Codec(plain, plain)
        case Empty():
            return Codec(nothing, nothing)
        case Choice():
            return _choice(made)
        case Items():
            return _items(made, of)
        case Fixed():
            return _fixed(made, of)
        case Table():
            return _table(made, of)
        case Record():
            return _record(made, of)
        case Union():
            return _union(made, of)
        case Either():
            return _either(made, of)
        case Option():
            return _option(made, of)
        case Arguments():
            return _arguments(made)
        case Foreign():
            return _foreign(made)


# -- Scalars. --------------------------------------------------------------------------------------------------


def _scalar(made: Scalar) -> Codec:
    if made is TEXT:
        return Codec(string, string)
    if made.classes == (float,):
        return Codec(number, number)
    name, write, read, classes, kind = made.name, made.write, made.read, made.classes, made.json

    def same(value: Any, _room: int) -> Any:
        if type(value) is kind:
            return value
        raise refused(name, value)

    if write is None or read is None:
        return Codec(same, same)

    def encode(value: Any, _room: int) -> Any:
        if type(value) not in classes:
            raise refused(name, value)
        try:
            return write(value)
        except ValueError as error:
            raise CodecError("$", str(error)) from None

    def decode(tree: Any, _room: int) -> Any:
        if type(tree) is not kind:
            raise refused(name, tree)
        try:
            return read(tree)
        except (ValueError, OverflowError) as error:
            raise CodecError("$", f"expected {name}, got {brief(tree)}: {error}") from None

    return Codec(encode, decode)


def _choice(made: Choice) -> Codec:
    # By class as well: True, 1 and 1.0 are one key of a dict.
    trees = {(type(value), value): tree for value, tree in made.pairs}
    values = {(type(tree), tree): value for value, tree in made.pairs}
    classes, kinds = frozenset(made.classes), made.kinds
    allowed = ", ".join(json.dumps(tree) for _, tree in made.pairs)

    def encode(value: Any, _room: int) -> Any:
        if type(value) in classes and (type(value), value) in trees:
            return trees[type(value), value]
        raise refused(made.name, value)

    def decode(tree: Any, _room: int) -> Any:
        if type(tree) in kinds and (type(tree), tree) in values:
            return values[type(tree), tree]
        raise refused(f"one of {allowed}", tree)

    return Codec(encode, decode)


# -- Collections. ----------------------------------------------------------------------------------------------


def _items(made: Items, of: Of) -> Codec:
    make, classes, unordered = made.make, made.classes, made.unordered
    expected = " or ".join(cls.__name__ for cls in classes)
    with at("[*]"):
        item = of(made.item)

    def encode(value: Any, room: int) -> Any:
        if type(value) not in classes:
            raise refused(expected, value)
        if unordered:  # iterates otherwise in every process, and digests must not
            return sorted(each(item.encode, value, room, "[*]"), key=canonical)
        return each(item.encode, value, room)

    def decode(tree: Any, room: int) -> Any:
        if type(tree) is not list:
            raise refused("a list", tree)
        done = each(item.decode, tree, room)
        if make is list:
            return done
        try:
            value = make(done)
        except TypeError as error:
            raise CodecError("$", f"cannot be a {make.__name__}: {error}") from None
        if len(value) != len(done):
            raise CodecError("$", f"a {make.__name__} has every element once")
        return value

    return Codec(encode, decode)


def _fixed(made: Fixed, of: Of) -> Codec:
    items = []
    for n, hint in enumerate(made.items):
        with at(f"[{n}]"):
            items.append(of(hint))
    encoders, decoders = [item.encode for item in items], [item.decode for item in items]

    def all_of(walks: list[Walk], values: Any, room: int) -> list[Any]:
        if len(values) != len(walks):
            raise CodecError("$", f"expected {len(walks)} items, got {len(values)}")
        left = iter(walks)
        return each(lambda value, room: next(left)(value, room), values, room)

    def encode(value: Any, room: int) -> Any:
        if type(value) is not tuple:
            raise refused("tuple", value)
        return all_of(encoders, value, room)

    def decode(tree: Any, room: int) -> Any:
        if type(tree) is not list:
            raise refused("a list", tree)
        return tuple(all_of(decoders, tree, room))

    return Codec(encode, decode)


def _table(made: Table, of: Of) -> Codec:
    cls: Any = made.classes[0]
    key = build(made.key, of)
    with at("[*]"):
        item = of(made.item)

    def encode(value: Any, room: int) -> Any:
        if type(value) is not cls and (cls is dict or not isinstance(value, cls)):
            raise refused(cls.__name__, value)
        return entries(key.encode, item.encode, value, room)

    def decode(tree: Any, room: int) -> Any:
        if type(tree) is not dict:
            raise refused("an object", tree)
        done = entries(key.decode, item.decode, tree, room)
        if len(done) != len(tree):
            raise CodecError("$", "has two keys that mean the same")
        return done

    return Codec(encode, decode)


def _option(made: Option, of: Of) -> Codec:
    with at("[0]"):
        item = of(made.item)

    def encode(value: Any, room: int) -> Any:
        if value is Nothing:
            return None
        if type(value) is not Some:
            raise refused("Some or Nothing", value)
        return each(item.encode, [value.unwrap()], room)

    def decode(tree: Any, room: int) -> Any:
        if tree is None:
            return Nothing
        if type(tree) is not list or len(tree) != 1:
            raise refused("null or a list of one item", tree)
        return Some(each(item.decode, tree, room)[0])

    return Codec(encode, decode)


# -- Records and unions. ---------------------------------------------------------------------------------------


def _record(made: Record, of: Of) -> Codec:
    cls, name = made.cls, made.cls.__name__
    encoders, decoders = [], []
    for field in made.fields:
        with at(dot(field.name)):
            codec = of(field.hint)
        encoders.append((field.name, field.name, codec.encode, field.default))
        decoders.append((field.name, field.init, codec.decode, field.default))
    attributes = [(field, walk) for field, _, walk, _ in encoders]

    def walked(walks: list[tuple[str, str, Walk, bool]], tree: Any, room: int) -> dict[str, Any]:
        if type(tree) is not dict:
            raise refused(f"an object for {name}", tree)
        if not room:
            raise too_deep()
        done = {}
        field = ""
        try:
            for field, to, walk, default in walks:
                if field in tree:
                    done[to] = walk(tree[field], room - 1)
                elif not default:
                    raise CodecError("$", "is missing")
        except CodecError as error:
            error.under(dot(field))
            raise
        if len(done) != len(tree):
            known = [field for field, _, _, _ in walks]
            extra = next(key for key in tree if key not in known)
            raise CodecError(f"${dot(str(extra))}", f"is no field of {name}, which has: {', '.join(known) or 'none'}")
        return done

    def encode(value: Any, room: int) -> Any:
        if type(value) is not cls:
            raise not_exactly(cls, value)
        if not room:
            raise too_deep()
        tree = {}
        field = ""
        try:
            for field, walk in attributes:
                tree[field] = walk(getattr(value, field), room - 1)
        except CodecError as error:
            error.under(dot(field))
            raise
        except AttributeError:
            raise CodecError(f"${dot(field)}", "is not set") from None
        return tree

    def decode(tree: Any, room: int) -> Any:
        values = walked(decoders, tree, room)
        try:
            return cls(**values)
        except Exception as error:  # a validator, __post_init__
            raise CodecError("$", f"{name} refuses it: {error}") from error

    return Codec((lambda value, room: walked(encoders, value, room)) if made.is_dict else encode, decode)


def _arguments(made: Arguments) -> Codec:
    cls = made.cls

    def encode(value: Any, room: int) -> Any:
        if type(value) is not cls:
            raise not_exactly(cls, value)
        return each(plain, value.args, room)

    def decode(tree: Any, room: int) -> Any:
        if type(tree) is not list:
            raise refused(f"a list of the args of {cls.__name__}", tree)
        args = each(plain, tree, room)
        try:
            return cls(*args)
        except Exception as error:  # its __init__ wants others than the args it passes on
            raise CodecError(
                "$", f"{cls.__name__}(*args) fails: {error}; make it a record with @attrs.frozen"
            ) from error

    return Codec(encode, decode)


def _foreign(made: Foreign) -> Codec:
    cls = made.classes[0]

    def encode(value: Any, room: int) -> Any:
        if type(value) is not cls and (made.fields is not None or not isinstance(value, cls)):
            raise not_exactly(cls, value)
        try:
            tree = made.write(value)
        except Exception as error:  # the user's code
            raise CodecError("$", f"{cls.__name__} cannot be written: {error}") from error
        return plain(tree, room)

    def decode(tree: Any, room: int) -> Any:
        tree = plain(tree, room)
        try:
            return made.read(tree)
        except Exception as error:  # the user's code
            raise CodecError("$", f"{cls.__name__} refuses it: {error}") from error

    return Codec(encode, decode)


def _either(made: Either, of: Of) -> Codec:
    with at(".ok"):
        ok = of(made.ok)
    with at(".err"):
        err = of(made.err)

    def encode(value: Any, room: int) -> Any:
        if type(value) is Success:
            return {"ok": inside(ok.encode, value.unwrap(), room, "ok")}
        if type(value) is Failure:
            return {"err": inside(err.encode, value.failure(), room, "err")}
        raise refused("Success or Failure", value)

    def decode(tree: Any, room: int) -> Any:
        if type(tree) is dict and len(tree) == 1:
            if "ok" in tree:
                return Success(inside(ok.decode, tree["ok"], room, "ok"))
            if "err" in tree:
                return Failure(inside(err.decode, tree["err"], room, "err"))
        raise refused('an object with "ok" or "err" alone', tree)

    return Codec(encode, decode)


def _union(made: Union, of: Of) -> Codec:
    key = made.key
    encoders: list[tuple[Arm, Walk]] = []
    bare: dict[type, Walk] = {}
    tagged: dict[str, tuple[Arm, Walk]] = {}
    for arm in made.arms:
        codec = of(arm.hint)
        encoders.append((arm, _tagging(key, arm, codec.encode)))
        if arm.place == "none":
            bare.update(dict.fromkeys(arm.form.kinds, codec.decode))
        else:
            tagged[arm.tag] = arm, codec.decode
    if float in bare:
        bare.setdefault(int, bare[float])
    names = " | ".join(arm.tag for arm in made.arms)
    known: dict[type, list[Walk]] = {}

    def fitting(cls: type) -> list[Walk]:
        exact = [walk for arm, walk in encoders if cls in arm.form.classes]
        near = [walk for arm, walk in encoders if issubclass(cls, arm.form.classes)]
        return exact or near or (fitting(float) if cls is int else [])

    def encode(value: Any, room: int) -> Any:
        cls = type(value)
        walks = known.get(cls)
        if walks is None:
            walks = known[cls] = fitting(cls)
        if len(walks) == 1:
            return walks[0](value, room)
        for walk in walks:  # such as list[int] | list[str]: the first that takes it
            try:
                return walk(value, room)
            except CodecError:
                pass
        raise refused(names, value)

    def decode(tree: Any, room: int) -> Any:
        kind = type(tree)
        if kind in bare:
            return bare[kind](tree, room)
        if kind is not dict or not tagged:
            raise refused(names, tree)
        tag = tree.get(key)
        if type(tag) is not str or tag not in tagged:
            raise CodecError(f"${dot(key)}", f"expected one of {', '.join(tagged)}, got {brief(tag)}")
        arm, walk = tagged[tag]
        rest = {name: item for name, item in tree.items() if name != key}
        if arm.place == "inside":
            return walk(rest, room)
        if rest.keys() != {"value"}:
            raise CodecError("$", f'expected {json.dumps(key)} and "value" alone, got {brief(tree)}')
        return inside(walk, rest["value"], room, "value")

    return Codec(encode, decode)


def _tagging(key: str, arm: Arm, walk: Walk) -> Walk:
    tag = arm.tag
    if arm.place == "inside":
        return lambda value, room: {key: tag, **walk(value, room)}
    if arm.place == "around":
        return lambda value, room: {key: tag, "value": inside(walk, value, room, "value")}
    return walk
