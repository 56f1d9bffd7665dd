"""What schemas and shapes promise: they describe what the codec writes, and a shape changes when that does."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import socket
import subprocess
import sys
import typing
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Never, NewType, NotRequired, TypedDict, TypeVar

import attrs
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from returns.maybe import Maybe, Nothing, Some
from returns.result import Failure, Result, Success
from typing_extensions import TypeAliasType

from perdure.core import codec
from perdure.core.schema import NoSchema, json_schema, shape

T = TypeVar("T")
Text = NewType("Text", str)
Tree = TypeAliasType("Tree", "int | list[Tree]")


class Colour(enum.Enum):
    """What it looks like."""

    RED = "red"
    BLUE = 2


@attrs.frozen
class Point:
    """A place on paper."""

    x: int
    y: Annotated[float, "upwards"] = 0.0


@attrs.frozen
class Box(Generic[T]):
    item: T


@attrs.frozen
class Leaf:
    value: int


@dataclasses.dataclass(frozen=True)
class Branch:
    left: Leaf | Branch
    right: Branch | None = None


class Options(TypedDict):
    depth: int
    note: NotRequired[str]


class Inner(pydantic.BaseModel):
    n: int


class Model(pydantic.BaseModel):
    """Someone else's."""

    inner: Inner
    more: list[Model] = []


def draft(schema: Mapping[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


# -- Schemas. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (int, {"type": "integer"}),
        (None, {"type": "null"}),
        (Any, {}),
        (Never, {"not": {}}),
        (NewType("Name", str), {"type": "string"}),
        (Annotated[int, "how many", 3], {"type": "integer", "description": "how many"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (tuple[()], {"type": "array", "minItems": 0, "maxItems": 0}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (
            dict[Colour, int],
            {"type": "object", "propertyNames": {"enum": ["red", "2"]}, "additionalProperties": {"type": "integer"}},
        ),
        (Colour, {"enum": ["red", 2], "description": "What it looks like."}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),  # noqa: PYI061
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (
            date | str,
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"_type": {"const": "date"}, "value": {"type": "string", "format": "date"}},
                        "required": ["_type", "value"],
                        "additionalProperties": False,
                    },
                    {
                        "type": "object",
                        "properties": {"_type": {"const": "str"}, "value": {"type": "string"}},
                        "required": ["_type", "value"],
                        "additionalProperties": False,
                    },
                ]
            },
        ),
        (
            Result[int, str],
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"ok": {"type": "integer"}},
                        "required": ["ok"],
                        "additionalProperties": False,
                    },
                    {
                        "type": "object",
                        "properties": {"err": {"type": "string"}},
                        "required": ["err"],
                        "additionalProperties": False,
                    },
                ]
            },
        ),
        (
            Maybe[int],
            {
                "anyOf": [
                    {"type": "null"},
                    {"type": "array", "prefixItems": [{"type": "integer"}], "minItems": 1, "maxItems": 1},
                ]
            },
        ),
        (
            Point,
            {
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "number", "description": "upwards"}},
                "required": ["x", "y"],
                "additionalProperties": False,
                "description": "A place on paper.",
            },
        ),
        (
            Options,
            {
                "type": "object",
                "properties": {"depth": {"type": "integer"}, "note": {"type": "string"}},
                "required": ["depth"],
                "additionalProperties": False,
            },
        ),
        (
            Box[int] | int,
            {
                "anyOf": [{"$ref": "#/$defs/Box_tagged"}, {"type": "integer"}],
                "$defs": {
                    "Box_tagged": {
                        "type": "object",
                        "properties": {"_type": {"const": "Box"}, "item": {"type": "integer"}},
                        "required": ["_type", "item"],
                        "additionalProperties": False,
                    }
                },
            },
        ),
        (
            list[Box[int]],
            {
                "type": "array",
                "items": {"$ref": "#/$defs/Box[int]"},
                "$defs": {
                    "Box[int]": {
                        "type": "object",
                        "properties": {"item": {"type": "integer"}},
                        "required": ["item"],
                        "additionalProperties": False,
                    }
                },
            },
        ),
        (
            Tree,
            {
                "anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/Tree"}}],
                "$defs": {
                    "Tree": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/Tree"}}]}
                },
            },
        ),
    ],
    ids=str,
)
def test_a_schema_says_what_the_codec_writes(hint: Any, schema: Any) -> None:
    draft(schema)
    assert json_schema(hint) == schema


def test_a_text_in_annotated_describes_a_record_too() -> None:
    schema = json_schema(list[Annotated[Point, "the corner"]])

    assert schema["items"] == {"$ref": "#/$defs/Point", "description": "the corner"}


def test_a_recursive_record_refers_to_itself() -> None:
    schema = json_schema(Branch)

    assert schema["properties"]["right"] == {"anyOf": [{"$ref": "#/$defs/Branch"}, {"type": "null"}]}
    value = Branch(Branch(Leaf(1)), Branch(Leaf(2)))
    draft(schema).validate(codec.to_json(value, Branch))
    assert not draft(schema).is_valid({"left": {"value": 1}, "right": None})


def test_same_named_classes_get_definitions_of_their_own() -> None:
    other: Any = attrs.make_class("Point", {"z": attrs.field(type=str)}, frozen=True)
    hint = TUPLE[Point, other]

    schema = json_schema(hint)

    assert len(schema["$defs"]) == 2
    draft(schema).validate(codec.to_json((Point(1), other("a")), hint))
    assert not draft(schema).is_valid([{"z": "a"}, {"z": "a"}])


def test_a_pydantic_model_describes_itself_among_our_definitions() -> None:
    @attrs.frozen
    class Inner:
        text: str

    @attrs.frozen
    class Holder:
        ours: Inner
        theirs: Model | int

    Holder.__annotations__["ours"] = Inner
    schema = json_schema(Holder)

    value = Holder(Inner("a"), Model.model_validate({"inner": {"n": 1}, "more": [{"inner": {"n": 2}}]}))
    draft(schema).validate(codec.to_json(value, Holder))
    assert not draft(schema).is_valid({"ours": {"n": 1}, "theirs": 1})
    assert not draft(schema).is_valid({"ours": {"text": "a"}, "theirs": {"_type": "Model", "inner": {"text": "a"}}})
    assert json_schema(Model)["description"] == "Someone else's."


def test_a_registered_schema_is_used_as_it_is() -> None:
    class Odd:
        pass

    codec.register(Odd, to=lambda _: "odd", from_=lambda _: Odd(), schema={"const": "odd"})

    assert json_schema(list[Odd]) == {"type": "array", "items": {"const": "odd"}}


@pytest.mark.parametrize("describe", [json_schema, shape])
def test_a_type_without_a_json_form_is_named_with_its_path(describe: Callable[[Any], object]) -> None:
    @dataclasses.dataclass
    class Client:
        sockets: dict[str, list[socket.socket]]

    with pytest.raises(NoSchema) as caught:
        describe(Client)

    assert str(caught.value) == (
        "$.sockets[*][*]: socket has no JSON form; perdure.register(socket, to=..., from_=...) gives it one"
    )


@attrs.frozen
class Growing(Generic[T]):
    inner: Growing[list[T]] | None = None


@pytest.mark.parametrize("describe", [json_schema, shape])
def test_a_type_that_grows_without_end_is_refused(describe: Callable[[Any], object]) -> None:
    with pytest.raises(NoSchema, match=r"Growing\[int\] has no end"):
        describe(Growing[int])


# -- Any type and value. ---------------------------------------------------------------------------------------

Typed = tuple[Any, st.SearchStrategy[Any]]

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SCALARS: list[Typed] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, st.text()),
    (bytes, st.binary()),
    (datetime, st.datetimes(timezones=ZONES)),
    (date, st.dates()),
    (time, st.times()),
    (timedelta, st.timedeltas()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (uuid.UUID, st.uuids()),
    (Path, st.text().map(Path)),
    (Colour, st.sampled_from(Colour)),
    (Literal["a", 1, True], st.sampled_from(["a", 1, True])),
    (Point, st.builds(Point, st.integers(), st.floats(allow_nan=False, allow_infinity=False))),
    (
        Branch,
        st.recursive(
            st.builds(Branch, st.builds(Leaf, st.integers())), lambda b: st.builds(Branch, b, b), max_leaves=4
        ),
    ),
    (Options, st.fixed_dictionaries({"depth": st.integers()}, optional={"note": st.text()})),
    (Model, st.builds(Model, inner=st.builds(Inner, n=st.integers()))),
    (Tree, st.recursive(st.integers(), st.lists, max_leaves=4)),
    (
        Any,
        st.recursive(
            st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s), max_leaves=4
        ),
    ),
]
HASHABLE = [typed for typed in SCALARS if typed[0] not in (Options, Model, Tree, Any)]
KEYS = [typed for typed in SCALARS if typed[0] in (str, int, Colour, date, uuid.UUID, timedelta)]


# As values: checkers take no types that are put together while the program runs.
LIST, TUPLE, DICT, FROZENSET, BOX, MAYBE, RESULT, UNION = (
    typing.cast("Any", of) for of in (list, tuple, dict, frozenset, Box, Maybe, Result, typing.Union)
)


def _wider(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return st.one_of(
        inner.map(lambda t: (LIST[t[0]], st.lists(t[1], max_size=3))),
        inner.map(lambda t: (TUPLE[t[0], ...], st.lists(t[1], max_size=3).map(tuple))),
        inner.map(lambda t: (BOX[t[0]], t[1].map(Box))),
        inner.map(lambda t: (MAYBE[t[0]], st.just(Nothing) | t[1].map(Some))),
        st.tuples(inner, inner).map(lambda p: (TUPLE[p[0][0], p[1][0]], st.tuples(p[0][1], p[1][1]))),
        st.tuples(inner, inner).map(lambda p: (RESULT[p[0][0], p[1][0]], p[0][1].map(Success) | p[1][1].map(Failure))),
        st.tuples(st.sampled_from(KEYS), inner).map(
            lambda p: (DICT[p[0][0], p[1][0]], st.dictionaries(p[0][1], p[1][1], max_size=3))
        ),
        st.sampled_from(HASHABLE).map(lambda t: (FROZENSET[t[0]], st.frozensets(t[1], max_size=3))),
        st.lists(inner, min_size=2, max_size=3).map(
            lambda members: (UNION[tuple(hint for hint, _ in members)], st.one_of(*(values for _, values in members)))
        ),
    )


TYPED = st.recursive(st.sampled_from(SCALARS), _wider, max_leaves=4)


@given(st.data())
@settings(deadline=None, max_examples=250)
def test_every_value_comes_back_and_its_schema_agrees(data: st.DataObject) -> None:
    hint, values = data.draw(TYPED)
    value = data.draw(values)

    text = codec.dumps(value, hint)

    back = codec.loads(text, hint)
    assert back == value
    assert codec.dumps(back, hint) == text
    draft(json_schema(hint)).validate(json.loads(text))


@given(TYPED)
@settings(deadline=None, max_examples=100)
def test_a_shape_is_a_digest_and_repeats(typed: Typed) -> None:
    assert len(shape(typed[0])) == 64
    assert shape(typed[0]) == shape(typed[0])


# -- Shapes. ---------------------------------------------------------------------------------------------------


def _record(name: str, doc: str = "", **fields: Any) -> Any:
    cls = attrs.make_class(name, {field: attrs.field(type=hint) for field, hint in fields.items()})
    cls.__doc__ = doc
    return cls


def test_a_shape_ignores_words_defaults_order_and_names_of_records() -> None:
    @attrs.frozen
    class Before:
        """Some words."""

        a: Annotated[int, "a note"]
        b: str

    @attrs.frozen
    class After:
        """Other words."""

        b: Text = Text("default")
        a: int = 3

    assert shape(Before) == shape(After)
    assert shape(int | str) == shape(str | int)
    assert shape(Literal["a", "b"]) == shape(Literal["b", "a"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_record("A", a=int), _record("A", b=int)),
        (_record("A", a=int), _record("A", a=str)),
        (_record("A", a=int), _record("A", a=int, b=int)),
        (_record("A", a=int), _record("A", a=int | None)),
        (_record("A", a=int) | int, _record("B", a=int) | int),
        (Literal["a"], Literal["b"]),
        (Literal[1], Literal[True]),
        (list[int], list[float]),
        (list[int], set[int]),
        (date | str, datetime | str),
        (dict[str, int], dict[int, int]),
        (dict[Literal["a"], int], dict[Literal["b"], int]),
        (tuple[int, str], tuple[str, int]),
        (Result[int, str], Result[str, int]),
        (Maybe[int], int | None),
        (Branch, Leaf),
        (Model, Inner),
        (Any, Never),
        (LookupError, Any),
    ],
    ids=str,
)
def test_a_shape_changes_with_what_is_recorded(one: Any, other: Any) -> None:
    assert shape(one) != shape(other)


def test_a_shape_of_a_pydantic_model_is_that_of_its_fields() -> None:
    class Described(pydantic.BaseModel):
        """Other words."""

        n: int = pydantic.Field(3, description="a number", title="N")

    assert shape(Described) == shape(Inner)


def test_a_recursive_shape_does_not_depend_on_names() -> None:
    @attrs.frozen
    class First:
        kids: list[First]

    @attrs.frozen
    class Second:
        kids: list[Second]

    assert shape(First) == shape(Second)
    assert shape(list[First]) != shape(First)


PROGRAM = """
from datetime import date
from perdure.core import codec, schema
import attrs

@attrs.frozen
class A:
    tags: set[str | int | date]
    more: dict[str, frozenset[str]] | None

value = A({"b", "a", 3, date(2024, 1, 2), "x"}, {"k": frozenset("hello")})
print(codec.digest(codec.canonical(codec.to_json(value, A))), schema.shape(A), schema.shape(A | int | str))
print(schema.json_schema(A | int | str))
"""


def test_digests_and_shapes_do_not_depend_on_the_hash_seed() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert told[0] == told[1]
    assert len(told[0].splitlines()) == 2
