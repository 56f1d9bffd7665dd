"""Which form a type has.

`form(hint)` looks at one level of a declared type; everything about unions, records and foreign classes that the codec
and the schemas have to agree on is decided here.
"""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import enum
import functools
import json
import math
import typing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import attrs
import cattrs
import typing_extensions
from returns.maybe import Maybe, Some
from returns.result import Failure, Result, Success

from perdure.core.faults import STEP_FAULTS, StepFault
from perdure.core.forms import (
    ANYTHING,
    OBJECT,
    Arguments,
    Arm,
    Choice,
    Either,
    Empty,
    Field,
    Fixed,
    Foreign,
    Form,
    Items,
    NoSchema,
    Option,
    Place,
    Plain,
    Record,
    Table,
    Union,
    at,
)
from perdure.core.hints import UNIONS, field_hints, label, peel
from perdure.core.scalars import INTEGER_KEY, SCALARS, TEXT, NoneType, Scalar

_COLLECTIONS: Final[Mapping[Any, tuple[Callable[[list[Any]], Any], tuple[type, ...]]]] = {
    list: (list, (list,)),
    set: (set, (set,)),
    frozenset: (frozenset, (frozenset,)),
    abc.Sequence: (list, (list, tuple)),
    abc.MutableSequence: (list, (list,)),
    abc.Collection: (list, (list, tuple)),
    abc.Iterable: (list, (list, tuple)),
    abc.Set: (frozenset, (frozenset, set)),
    abc.MutableSet: (set, (set,)),
}
_TABLES: Final[Mapping[Any, tuple[type, ...]]] = {
    dict: (dict,),
    abc.Mapping: (abc.Mapping,),
    abc.MutableMapping: (abc.MutableMapping,),
}
_RESULTS: Final = (Result, Success, Failure)
_result_of: Final[Any] = Result  # both as values: these types are put together while the program runs
_union_of: Final[Any] = typing.Union


def form(hint: Any) -> Form:
    """The form of one level of `hint`.

    Raises:
        NoSchema: Its values have no JSON form.
    """
    hint = peel(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    cls = origin or hint
    if isinstance(cls, type) and cls in _registered:
        return _registered[cls]
    if origin is None and hint in SCALARS:
        return SCALARS[hint]
    if hint in (Any, object):
        return Plain()
    if hint in (typing.Never, typing.NoReturn, typing_extensions.Never):
        return Empty()
    if cls is Literal:
        return Choice(label(hint), [(value, _literal(value)) for value in args])
    if cls in UNIONS:
        return union(args)
    if cls in _RESULTS:
        ok, err = _halves([hint])
        return Either(ok, _with_step_faults(err))
    if cls in (Maybe, Some):
        return Option(args[0] if args else Any)
    if cls is tuple:
        return _tuple(hint, args)
    if cls in _COLLECTIONS:
        make, classes = _COLLECTIONS[cls]
        return Items(make, classes, args[0] if args else Any)
    if cls in _TABLES:
        key, item = args or (str, Any)
        with at("[*]"):
            return Table(_key(key), item, _TABLES[cls])
    return _of_class(hint, cls) if isinstance(cls, type) else _hooked(hint)


def union(hints: Sequence[Any], *, key: str = "_type", wrap: bool = False) -> Form:
    """The form of a union of `hints`; `wrap` puts every member in an object of `key` and "value"."""
    hints = _members(hints)
    if len(hints) == 1 and not wrap:
        return form(hints[0])
    forms = [form(hint) for hint in hints]
    tags = _tags([peel(hint) for hint in hints])
    several = sum(made.classes != (NoneType,) for made in forms) > 1
    places: list[Place] = []
    for n, made in enumerate(forms):
        if wrap:
            places.append("around")
        elif several and _bears_tag(made, key):
            places.append("inside")
        else:
            shared = any(made.kinds & other.kinds for m, other in enumerate(forms) if m != n)
            places.append("around" if shared else "none")
    if places != ["none"] * len(places):  # then no object may be bare, or its keys could be read as a tag
        places = ["around" if dict in made.kinds and p == "none" else p for made, p in zip(forms, places, strict=True)]
    return Union([Arm(*arm) for arm in zip(hints, forms, tags, places, strict=True)], key)


def _members(hints: Sequence[Any]) -> list[Any]:
    """The members of a union: nested ones opened, Literals and Results joined to one each, none twice."""
    flat: list[tuple[Any, Any]] = []
    todo = list(hints)
    while todo:
        hint = todo.pop(0)
        bare = peel(hint)
        if typing.get_origin(bare) in UNIONS:
            todo[:0] = typing.get_args(bare)
        elif (bare, hint) not in flat:
            flat.append((bare, hint))
    found: dict[Any, Any] = {}
    for bare, hint in flat:
        origin = typing.get_origin(bare)
        if origin is Literal:
            every = [arg for other, _ in flat if typing.get_origin(other) is Literal for arg in typing.get_args(other)]
            found.setdefault(Literal, Literal[tuple(every)])
        elif (origin or bare) in _RESULTS:
            results = [other for other, _ in flat if (typing.get_origin(other) or other) in _RESULTS]
            found.setdefault(Result, _result_of[*_halves(results)])
        elif bare is not typing.Never:
            found.setdefault(bare, hint)
    if Any in found or object in found:  # None is plain JSON already
        found.pop(NoneType, None)
    return list(found.values()) or [typing.Never]


def _halves(results: Sequence[Any]) -> list[Any]:
    """What Results, Successes and Failures hold: the type of the values and that of the errors."""
    ok, err = [], []
    for hint in results:
        origin, args = typing.get_origin(hint) or hint, typing.get_args(hint)
        if origin in (Result, Success):
            ok.append(args[0] if args else Any)
        if origin in (Result, Failure):
            err.append(args[-1] if args else Any)
    return [_union_of[tuple(half)] if half else typing.Never for half in (ok, err)]


def _with_step_faults(err: Any) -> Any:
    """Whoever declares `StepFault` may be given any of its kinds: kept in a value, each must come back as it was."""
    hints = _members([err])
    return _union_of[(*hints, *STEP_FAULTS.values())] if StepFault in map(peel, hints) else err


def _tags(hints: Sequence[Any]) -> list[str]:
    """For each the shortest name that no other bears: its class's, that with its module, or all of it."""
    levels = []
    for hint in hints:
        cls = typing.get_origin(hint) or hint
        levels.append((label(cls), label(hint), label(cls, full=True), label(hint, full=True)))
    tags = [level[0] for level in levels]
    for n in (1, 2, 3):
        often = Counter(tags)
        tags = [level[n] if often[tag] > 1 else tag for tag, level in zip(tags, levels, strict=True)]
    for tag, times in Counter(tags).items():
        if times > 1:
            raise NoSchema("$", f"{times} members of the union are called {tag}; JSON could not tell them apart")
    return tags


def _bears_tag(made: Form, key: str) -> bool:
    if isinstance(made, Record):
        return not made.is_dict and all(field.name != key for field in made.fields)
    return isinstance(made, Foreign) and made.kinds == OBJECT and key not in (made.fields or {})


def _literal(value: Any) -> Any:
    return value if not isinstance(value, enum.Enum) else dict(_enum(type(value)).pairs)[value]


def _enum(cls: type[enum.Enum]) -> Choice:
    members = list(cls)
    by_value = all(
        type(m.value) in (NoneType, bool, int, str) or (type(m.value) is float and math.isfinite(m.value))
        for m in members
    )
    doc = cls.__doc__ if cls.__doc__ != enum.Enum.__doc__ else None
    return Choice(cls.__name__, [(m, m.value if by_value else m.name) for m in members], doc)


def _key(hint: Any) -> Scalar | Choice:
    match form(hint):
        case Plain():
            return TEXT
        case Scalar() as scalar if scalar is SCALARS[int]:
            return INTEGER_KEY
        case Scalar(json=json_class) as scalar if json_class is str:
            return scalar
        case Choice(name, pairs):
            texts = [(value, tree if isinstance(tree, str) else json.dumps(tree)) for value, tree in pairs]
            if len({tree for _, tree in texts}) == len(texts):
                return Choice(name, texts)
        case _:
            pass
    raise NoSchema("$", f"a key of a JSON object is a text, and {label(hint)} is not one; use list[tuple[K, V]]")


def _tuple(hint: Any, args: tuple[Any, ...]) -> Form:
    if len(args) == 2 and args[1] is ...:
        return Items(tuple, (tuple,), args[0])
    return Items(tuple, (tuple,), Any) if hint is tuple else Fixed(args)


def _of_class(hint: Any, cls: type) -> Form:
    if issubclass(cls, enum.Enum) and list(cls):
        return _enum(cls)
    if hasattr(cls, "model_validate_json") and hasattr(cls, "model_dump"):
        return _model(cls)
    if (fields := _fields(hint, cls)) is not None:
        return Record(cls, fields)
    if issubclass(cls, Exception):
        return Arguments(cls)
    return _hooked(hint)


def _fields(hint: Any, cls: Any) -> Sequence[Field] | None:
    found: list[tuple[str, str, bool]]
    if attrs.has(cls):
        found = [(a.name, a.alias or a.name, a.default is not attrs.NOTHING) for a in attrs.fields(cls) if a.init]
    elif dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        found = [
            (f.name, f.name, f.default is not missing or f.default_factory is not missing)
            for f in dataclasses.fields(cls)
            if f.init
        ]
    elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
        found = [(name, name, name in cls._field_defaults) for name in cls._fields]
    elif typing_extensions.is_typeddict(cls):
        found = [(name, name, name not in cls.__required_keys__) for name in field_hints(hint)]
    else:
        return None
    hints = field_hints(hint)
    for name, value in hints.items():
        if isinstance(value, dataclasses.InitVar) and not hasattr(cls, name):
            raise NoSchema(f"$.{name}", f"an InitVar is not kept, so {label(cls)} could not be built again")
    fields = []
    for name, init, default in found:
        wrapper = typing.get_origin(hints.get(name))
        optional = wrapper is typing.NotRequired or (default and wrapper is not typing.Required)
        fields.append(Field(name, hints.get(name, Any), init, optional))
    return fields


# -- Classes that write and read themselves. -------------------------------------------------------------------


def _model(cls: Any) -> Foreign:
    """A pydantic or SQLModel class, by duck type."""
    dump = functools.partial(cls.model_dump, mode="json", by_alias=True, round_trip=True, warnings="error")

    def read(tree: Any) -> Any:
        return cls.model_validate_json(json.dumps(tree), strict=True)

    def read_row(tree: Any) -> Any:  # a SQLModel table validates only in this way, and converts
        row = cls.model_validate(tree)
        kept = dump(row)
        for name, value in tree.items():
            if name not in kept or (type(kept[name]), kept[name]) != (type(value), value):
                raise ValueError(f"{name} is not as {cls.__name__} declares it")
        return row

    root = getattr(cls, "__pydantic_root_model__", False)
    return Foreign(
        cls,
        dump,
        read_row if hasattr(cls, "__table__") else read,
        cls.model_json_schema,
        {name: field.annotation for name, field in cls.model_fields.items()},
        ANYTHING if root else OBJECT,
    )


#: cattrs hooks for what the forms above do not cover. What cattrs would do by itself is switched off: it converts.
converter: Final = cattrs.Converter()
_registered: Final[dict[type, Foreign]] = {}


def remember(cls: type, to: Callable[[Any], Any], from_: Callable[[Any], Any], schema: Mapping[str, Any]) -> None:
    """Let `cls` be written by `to` and read by `from_`, whatever form it would have."""
    _registered[cls] = Foreign(cls, to, from_, lambda: schema)


def _hooked(hint: Any) -> Foreign:
    cls = typing.get_origin(hint) or hint
    if not isinstance(cls, type) or issubclass(cls, tuple(SCALARS)):
        _unknown(hint)  # cattrs would take a subclass of str for a str
    write, read = converter.get_unstructure_hook(hint), converter.get_structure_hook(hint)
    return Foreign(hint, write, lambda tree: read(tree, hint), dict)


def _unknown(hint: Any) -> Any:
    name = label(hint)
    raise NoSchema("$", f"{name} has no JSON form; perdure.register({name}, to=..., from_=...) gives it one")


converter.register_structure_hook_factory(lambda _: True, _unknown)
converter.register_unstructure_hook_factory(lambda _: True, _unknown)
