"""What the codec promises: the same value comes back, or a refusal says where and why."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import socket
import string
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, NamedTuple, Never, NewType, NotRequired, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import attrs
import pydantic
import pytest
import sqlmodel
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.maybe import Maybe, Nothing, Some
from returns.result import Failure, Result, Success
from typing_extensions import TypeAliasType

from perdure.core import codec
from perdure.core.codec import CodecError, NoSchema, dumps, from_json, loads, to_json
from perdure.core.effect import Outcome
from perdure.core.faults import STEP_FAULTS, Exhausted, Fault, Interrupted, StepFault

T = TypeVar("T")
U = TypeVar("U")
UserId = NewType("UserId", str)
Tree = TypeAliasType("Tree", "int | list[Tree]")
Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Planet(enum.Enum):
    EARTH = (1, 2)
    MARS = (3, 4)


@attrs.frozen
class Point:
    """A point."""

    x: int
    y: float = 0.0


@attrs.define(slots=True)
class Node:
    name: str
    children: list[Node] = attrs.field(factory=list)
    parent: Node | None = None


@attrs.frozen
class Box(Generic[T]):
    item: T


@attrs.frozen
class Labelled(Box[list[T]], Generic[T, U]):
    text: U


@attrs.define
class Private:
    _secret: int
    shown: str = attrs.field(kw_only=True)
    size: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.size = len(self.shown)


@attrs.frozen
class Positive:
    n: int = attrs.field(validator=attrs.validators.gt(0))


@dataclasses.dataclass(frozen=True)
class Line(Generic[T]):
    start: T
    end: T
    tags: frozenset[str] = frozenset()


class Corner(NamedTuple):
    x: int
    y: int = 7


class Options(TypedDict):
    depth: int
    note: NotRequired[str]


class Model(pydantic.BaseModel):
    n: int
    at: datetime
    parts: tuple[Decimal, ...] = ()
    more: list[Model] = []


class Row(sqlmodel.SQLModel, table=True):
    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    at: datetime
    n: int


@attrs.frozen
class Refused(Fault):
    reason: str
    after: timedelta


@attrs.frozen
class Tagged:
    _type: str


UTC_NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


# -- Round trips. ----------------------------------------------------------------------------------------------

WRITTEN: list[tuple[Any, Any, Any]] = [
    (None, None, None),
    (True, bool, True),
    (10**40, int, 10**40),
    (1.5, float, 1.5),
    ("a\0\ud800", str, "a\0\ud800"),
    (b"\x00\xff", bytes, "AP8="),
    ([1, 2], list[int], [1, 2]),
    ([1], list, [1]),
    ({"a": [None]}, dict, {"a": [None]}),
    ((1, 2, 3), tuple[int, ...], [1, 2, 3]),
    ((1, "a"), tuple[int, str], [1, "a"]),
    ((), tuple[()], []),
    ({"b", "a"}, set[str], ["a", "b"]),
    (frozenset({2, 10}), frozenset[int], [10, 2]),
    ({1, "a"}, set[int | str], ["a", 1]),
    ({1: "a"}, dict[int, str], {"1": "a"}),
    ({Colour.RED: 1}, dict[Colour, int], {"red": 1}),
    ({Level.LOW: 1}, dict[Level, int], {"1": 1}),
    ({date(2024, 1, 2): 1}, dict[date, int], {"2024-01-02": 1}),
    ({uuid.UUID(int=1): 1}, dict[uuid.UUID, int], {"00000000-0000-0000-0000-000000000001": 1}),
    (Colour.BLUE, Colour, "blue"),
    (Level.HIGH, Level, 2),
    (Planet.MARS, Planet, "MARS"),
    ("a", Literal["a", 1, None], "a"),  # noqa: PYI061
    (Colour.RED, Literal[Colour.RED], "red"),
    (UserId("u"), UserId, "u"),
    (1, Annotated[int, "a number"], 1),
    (1, Annotated[int, ["unhashable"]], 1),
    ((1, 2), Pair[int], [1, 2]),
    ([1, [2, [3]]], Tree, [1, [2, [3]]]),
    ({"a": [1, None, 2.5]}, Json, {"a": [1, None, 2.5]}),
    (UTC_NOON, datetime, "2024-05-06T12:00:00+00:00"),
    (date(2024, 5, 6), date, "2024-05-06"),
    (time(1, 2, 3, 4), time, "01:02:03.000004"),
    (timedelta(), timedelta, "PT0S"),
    (timedelta(days=1, hours=2, seconds=1.5), timedelta, "P1DT2H1.5S"),
    (timedelta(microseconds=-1), timedelta, "-PT0.000001S"),
    (timedelta.min, timedelta, "-P999999999D"),
    (Decimal("1.50"), Decimal, "1.50"),
    (Decimal("-1E+9"), Decimal, "-1E+9"),
    (Path("a/b"), Path, "a/b"),
    (PurePath("a"), PurePath, "a"),
    (Point(1, 2.0), Point, {"x": 1, "y": 2.0}),
    (
        Node("a", [Node("b")]),
        Node,
        {"name": "a", "children": [{"name": "b", "children": [], "parent": None}], "parent": None},
    ),
    (Box(1), Box[int], {"item": 1}),
    (Box([1, "a"]), Box, {"item": [1, "a"]}),
    (Labelled([1], "a"), Labelled[int, str], {"item": [1], "text": "a"}),
    (Private(1, shown="ab"), Private, {"_secret": 1, "shown": "ab"}),
    (Line(1, 2), Line[int], {"start": 1, "end": 2, "tags": []}),
    (Corner(1), Corner, {"x": 1, "y": 7}),
    ({"depth": 1}, Options, {"depth": 1}),
    ({"depth": 1, "note": "n"}, Options, {"depth": 1, "note": "n"}),
    (Model(n=1, at=UTC_NOON), Model, {"n": 1, "at": "2024-05-06T12:00:00Z", "parts": [], "more": []}),
    (Some(1), Maybe[int], [1]),
    (Nothing, Maybe[int], None),
    (Some(None), Maybe[None], [None]),
    (Success(1), Result[int, str], {"ok": 1}),
    (Failure("a"), Result[int, str], {"err": "a"}),
    (Success(1), Outcome[int, Refused], {"ok": 1}),
    (Failure(Refused("no", timedelta(seconds=1))), Outcome[int, Refused], {"err": {"reason": "no", "after": "PT1S"}}),
    (Success(1), Success[int], {"ok": 1}),
    (None, int | None, None),
    (1, int | None, 1),
    (1, int | float, 1),
    (1.0, int | float, 1.0),
    (True, bool | int, True),
    (1, bool | int, 1),
    ("a", Literal["a", "b"], "a"),
    (Point(1), Point | None, {"x": 1, "y": 0.0}),
    (Point(1), Point | Corner, {"_type": "Point", "x": 1, "y": 0.0}),
    (Corner(1), Point | Corner | None, {"_type": "Corner", "x": 1, "y": 7}),
    (Point(1), Point | str, {"_type": "Point", "x": 1, "y": 0.0}),
    ("a", Point | str, "a"),
    ([Point(1)], Point | list[Point], [{"x": 1, "y": 0.0}]),
    (
        Model(n=1, at=UTC_NOON),
        Model | int,
        {"_type": "Model", "n": 1, "at": "2024-05-06T12:00:00Z", "parts": [], "more": []},
    ),
    (Box("a"), Box[int] | Box[str], {"_type": "Box[str]", "item": "a"}),
    (Tagged("t"), Tagged | int, {"_type": "t"}),
    (Tagged("t"), Tagged | Point, {"_type": "Tagged", "value": {"_type": "t"}}),
    (date(2024, 1, 2), date | str, {"_type": "date", "value": "2024-01-02"}),
    ("2024-01-02", date | str, {"_type": "str", "value": "2024-01-02"}),
    ({1}, set[int] | list[int], {"_type": "set", "value": [1]}),
    (["a"], list[int] | list[str], {"_type": "list[str]", "value": ["a"]}),
    ({"x": 1}, Point | dict[str, int], {"_type": "dict", "value": {"x": 1}}),
    ("red", Colour | str, {"_type": "str", "value": "red"}),
    (Nothing, Maybe[int] | None, {"_type": "Maybe", "value": None}),
    (None, Any, None),
    ({"a": [1, 2.5, "x", True]}, object, {"a": [1, 2.5, "x", True]}),
    (None, Any | None, None),
    ({"depth": 1}, Options | Point, {"_type": "Options", "value": {"depth": 1}}),
]


def _name(value: object) -> str:
    text = repr(sorted(value, key=repr) if isinstance(value, set) else value)  # the same in every process
    return "".join(c for c in text if c in string.printable)[:60]


@pytest.mark.parametrize(("value", "hint", "tree"), WRITTEN, ids=_name)
def test_a_value_is_written_in_one_way_and_comes_back(value: Any, hint: Any, tree: Any) -> None:
    assert to_json(value, hint) == tree
    assert json.dumps(to_json(value, hint)) == json.dumps(tree)

    back = loads(dumps(value, hint), hint)

    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "hint", "back"),
    [
        (2, float, 2.0),
        ([2], list[float | str], [2.0]),
        ((1, 2), Sequence[int], [1, 2]),
        ({1}, AbstractSet[int], frozenset({1})),
        (MappingProxyType({"a": 1}), Mapping[str, int], {"a": 1}),
        (Path("a"), PurePath, PurePath("a")),
    ],
)
def test_where_a_type_allows_several_classes_one_comes_back(value: Any, hint: Any, back: Any) -> None:
    found = loads(dumps(value, hint), hint)

    assert found == back
    assert repr(found) == repr(back)


def test_a_zone_becomes_its_offset_and_the_instant_stays() -> None:
    berlin = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    back = loads(dumps(berlin, datetime), datetime)

    assert back == berlin
    assert back.tzinfo == timezone(timedelta(hours=2))


def test_a_sqlmodel_table_comes_back_with_its_types() -> None:
    back = loads(dumps(Row(id=1, at=UTC_NOON, n=2), Row), Row)

    assert (back.id, back.at, back.n) == (1, UTC_NOON, 2)
    back.n = 3


def test_a_text_keeps_the_order_of_keys_and_is_ascii() -> None:
    assert dumps({"b": "é\0\udfff", "a": 1}, dict[str, str | int]) == '{"b":"\\u00e9\\u0000\\udfff","a":1}'


def test_canonical_text_sorts_keys() -> None:
    assert codec.canonical({"b": 1, "a": [1.0, None]}) == '{"a":[1.0,null],"b":1}'
    assert codec.digest("") == codec.digest(b"")


def test_same_named_records_in_one_union_are_told_apart_by_module() -> None:
    other = attrs.make_class("Point", {"x": attrs.field(type=int)}, frozen=True)
    other.__module__, other.__qualname__ = "elsewhere", "Point"
    hint: Any = Point | other

    assert to_json(other(1), hint) == {"_type": "elsewhere.Point", "x": 1}
    assert to_json(Point(1), hint)["_type"] == f"{__name__}.Point"
    assert from_json({"_type": "elsewhere.Point", "x": 1}, hint) == other(1)


def test_a_field_with_a_default_may_be_missing_so_that_old_records_stay_readable() -> None:
    assert from_json({"x": 1}, Point) == Point(1, 0.0)


def test_a_recorded_error_is_plain_args_unless_it_is_a_record() -> None:
    back = loads(dumps(Failure(KeyError("a", 1)), Result[int, KeyError]), Result[int, KeyError])

    assert type(back.failure()) is KeyError
    assert back.failure().args == ("a", 1)


@pytest.mark.parametrize(
    "fault", [kind("s", "E", "r") for kind in STEP_FAULTS.values()], ids=lambda f: type(f).__name__
)
def test_a_kept_failure_of_a_step_comes_back_as_the_kind_that_it_was(fault: StepFault) -> None:
    hint = list[tuple[str, Outcome[int, StepFault | Refused]]]
    kept = [("a", Failure(fault)), ("b", Failure(Refused("no", timedelta(seconds=1)))), ("c", Success(1))]

    assert loads(dumps(kept, hint), hint) == kept


# -- Refusals. -------------------------------------------------------------------------------------------------


class Loud(str):
    __slots__ = ()


@attrs.frozen
class Point3(Point):
    z: int = 0


@attrs.frozen
class Item:
    score: int


@attrs.frozen
class Basket:
    items: list[Item]


_LOOP: list[Any] = []
_LOOP.append(_LOOP)


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


UNWRITABLE: list[tuple[Any, Any, str]] = [
    ("1", int, "$: expected int, got '1' (str)"),
    (True, int, "$: expected int, got True"),
    (True, float, "$: expected float, got True"),
    (1, bool, "$: expected bool, got 1 (int)"),
    (1, str, "$: expected str, got 1 (int)"),
    (None, str, "$: expected str, got None"),
    (2**53 + 1, float, "$: expected float, got 9007199254740993 (int)"),
    (Loud("a"), str, "$: expected str, got 'a' (Loud)"),
    (float("nan"), float, "$: nan is not a number in JSON; say None or a text instead"),
    ([float("inf")], Any, "$[0]: inf is not a number in JSON; say None or a text instead"),
    ("\ud83d\ude00", str, "$: has a surrogate pair as two characters, which JSON would join into one; decode it first"),
    ((1,), Any, "$: a tuple would come back as a list; use a list, or declare the type as tuple[...]"),
    ({"a": {1}}, Any, "$.a: expected plain JSON, got {1} (set); declare its type instead of Any or object"),
    ({1: 2}, object, "$: has a key that is wrong: expected str, got 1 (int)"),
    ({"a b": (1,)}, Any, '$["a b"]: a tuple would come back as a list; use a list, or declare the type as tuple[...]'),
    ((1,), list[int], "$: expected list, got (1,) (tuple)"),
    ([1], tuple[int, ...], "$: expected tuple, got [1] (list)"),
    ((1,), tuple[int, int], "$: expected 2 items, got 1"),
    ((1, "a"), tuple[int, int], "$[1]: expected int, got 'a' (str)"),
    ({1, "a"}, set[int], "$[*]: expected int, got 'a' (str)"),
    ({"a": "b"}, dict[str, int], "$.a: expected int, got 'b' (str)"),
    ({"a": 1}, dict[int, int], "$: has a key that is wrong: expected int, got 'a' (str)"),
    (collections.OrderedDict(a=1), dict[str, int], "$: expected dict, got OrderedDict([('a', 1)]) (OrderedDict)"),
    ("green", Colour, "$: expected Colour, got 'green' (str)"),
    ("c", Literal["a", "b"], "$: expected Literal['a', 'b'], got 'c' (str)"),
    (True, Literal[1], "$: expected Literal[1], got True"),
    (
        datetime(2024, 1, 2),
        datetime,
        "$: 2024-01-02T00:00:00 is a naive datetime, which names no instant; give it a time zone",
    ),
    (UTC_NOON, date, f"$: expected date, got {UTC_NOON!r} (datetime)"[:82] + "... (datetime)"),
    (
        time(1, tzinfo=ZoneInfo("Europe/Berlin")),
        time,
        "$: the offset of Europe/Berlin depends on the day, so the time alone would lose its zone",
    ),
    (Decimal("NaN"), Decimal, "$: NaN is not a number"),
    (1, timedelta, "$: expected timedelta, got 1 (int)"),
    (Basket([Item(1), Item("x")]), Basket, "$.items[1].score: expected int, got 'x' (str)"),  # type: ignore[arg-type]
    (Point3(1), Point, "$: Point3 is a subclass of Point and would come back as one; declare Point3 itself"),
    (1, Point, "$: expected Point, got 1 (int)"),
    ({}, Options, "$.depth: is missing"),
    ({"depth": 1, "x": 2}, Options, "$.x: is no field of Options, which has: depth, note"),
    (b"", int | str, "$: expected int | str, got b'' (bytes)"),
    ([b""], list[int] | list[str], "$: expected list[int] | list[str], got [b''] (list)"),
    (1, Never, "$: expected no value at all, got 1 (int)"),
    (1, Maybe[int], "$: expected Some or Nothing, got 1 (int)"),
    (Some("a"), Maybe[int], "$[0]: expected int, got 'a' (str)"),
    (1, Result[int, str], "$: expected Success or Failure, got 1 (int)"),
    (Failure(1), Result[int, str], "$.err: expected str, got 1 (int)"),
    (_nested(129), Any, "$" + "[0]" * 128 + ": nested more than 128 levels deep, which not every Python reads back"),
    (_nested(129), Tree, "$" + "[0]" * 128 + ": nested more than 128 levels deep, which not every Python reads back"),
    (_LOOP, Any, "$" + "[0]" * 128 + ": nested more than 128 levels deep, which not every Python reads back"),
    (
        ValueError(b""),
        ValueError,
        "$[0]: expected plain JSON, got b'' (bytes); declare its type instead of Any or object",
    ),
    (
        UnicodeError(),
        ValueError,
        "$: UnicodeError is a subclass of ValueError and would come back as one; declare UnicodeError itself",
    ),
]


@pytest.mark.parametrize(("value", "hint", "message"), UNWRITABLE, ids=lambda v: _name(v))
def test_what_does_not_conform_is_not_recorded(value: Any, hint: Any, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        dumps(value, hint)

    assert str(caught.value) == message
    assert caught.value.path == message.partition(": ")[0]
    assert caught.value.reason == message.partition(": ")[2]


UNREADABLE: list[tuple[str, Any, str]] = [
    ('"false"', bool, "$: expected bool, got 'false' (str)"),
    ("5.9", int, "$: expected int, got 5.9 (float)"),
    ("true", int, "$: expected int, got True"),
    ("null", str, "$: expected str, got None"),
    ("1e999", float, "$: inf is not a number in JSON; say None or a text instead"),
    ("NaN", Any, "$: not a JSON text: NaN is not JSON"),
    ("[1", Any, "$: not a JSON text: Expecting ',' delimiter: line 1 column 3 (char 2)"),
    ("[" * 100_000, Any, "$: nested more than 128 levels deep"),
    (
        "[" * 129 + "]" * 129,
        Any,
        "$" + "[0]" * 128 + ": nested more than 128 levels deep, which not every Python reads back",
    ),
    ("{}", list[int], "$: expected a list, got {} (dict)"),
    ("[1,1]", set[int], "$: a set has every element once"),
    ("[[1]]", set[list[int]], "$: cannot be a set: unhashable type: 'list'"),
    ("[1]", tuple[int, int], "$: expected 2 items, got 1"),
    (
        '{"01":1}',
        dict[int, int],
        "$: has a key that is wrong: expected int, got '01' (str): not a whole number in decimal digits",
    ),
    (
        '"2024-01-02T03:04:05"',
        datetime,
        (
            "$: expected datetime, got '2024-01-02T03:04:05' (str): "
            "2024-01-02T03:04:05 is a naive datetime, which names no instant; give it a time zone"
        ),
    ),
    (
        '"P"',
        timedelta,
        (
            "$: expected timedelta, got 'P' (str): "
            "not an ISO-8601 duration of days, hours, minutes and seconds, e.g. P1DT2H30M or PT1.5S"
        ),
    ),
    ('"1_0"', Decimal, "$: expected Decimal, got '1_0' (str): not a decimal number"),
    (
        '"{00000000-0000-0000-0000-000000000001}"',
        uuid.UUID,
        "$: expected UUID, got '{00000000-0000-0000-0000-000000000001}' (str): not five groups of hexadecimal digits",
    ),
    ('"AP8"', bytes, "$: expected bytes, got 'AP8' (str): Incorrect padding"),
    ('"green"', Colour, '$: expected one of "red", "blue", got \'green\' (str)'),
    ("[]", Colour, '$: expected one of "red", "blue", got [] (list)'),
    ("1.0", Level, "$: expected one of 1, 2, got 1.0 (float)"),
    ("{}", Point, "$.x: is missing"),
    ('{"x":1,"z":2}', Point, "$.z: is no field of Point, which has: x, y"),
    ('{"items":[{"score":1},{"score":"x"}]}', Basket, "$.items[1].score: expected int, got 'x' (str)"),
    ('{"n":0}', Positive, "$: Positive refuses it: 'n' must be > 0: 0"),
    ('{"x":1}', Point | Corner, "$._type: expected one of Point, Corner, got None"),
    ('{"_type":"os.system"}', Point | Corner, "$._type: expected one of Point, Corner, got 'os.system' (str)"),
    ('{"_type":[]}', Point | Corner, "$._type: expected one of Point, Corner, got [] (list)"),
    (
        '{"_type":"str","value":"a","x":1}',
        date | str,
        "$: expected \"_type\" and \"value\" alone, got {'_type': 'str', 'value': 'a', 'x': 1} (dict)",
    ),
    ('{"_type":"date","value":1}', date | str, "$.value: expected date, got 1 (int)"),
    ("1", date | str, "$: expected date | str, got 1 (int)"),
    ("{}", Result[int, str], '$: expected an object with "ok" or "err" alone, got {} (dict)'),
    (
        '{"ok":1,"err":2}',
        Result[int, str],
        "$: expected an object with \"ok\" or \"err\" alone, got {'ok': 1, 'err': 2} (dict)",
    ),
    ('{"ok":"a"}', Result[int, str], "$.ok: expected int, got 'a' (str)"),
    ("[1,2]", Maybe[int], "$: expected null or a list of one item, got [1, 2] (list)"),
]


@pytest.mark.parametrize(("text", "hint", "message"), UNREADABLE, ids=lambda v: _name(v))
def test_what_does_not_conform_is_not_read(text: str, hint: Any, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        loads(text, hint)

    assert str(caught.value) == message


def test_depth_128_is_allowed() -> None:
    assert loads(dumps(_nested(128), Any), Any) == _nested(128)
    assert loads(dumps(_nested(128), Tree), Tree) == _nested(128)


def test_a_text_over_16_mib_is_refused_with_size_limit_and_way_out() -> None:
    with pytest.raises(CodecError) as caught:
        dumps("x" * codec.MAX_BYTES, str)

    assert caught.value.reason == (
        "takes 16,777,218 bytes as JSON, and a recorded value at most 16,777,216 (16 MiB); "
        "write it to a file and return the path"
    )


def test_an_int_with_more_digits_than_python_prints_is_refused() -> None:
    with pytest.raises(CodecError, match="cannot be written as JSON: Exceeds the limit"):
        dumps(10**5000, int)


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (socket.socket, "$: socket has no JSON form; perdure.register(socket, to=..., from_=...) gives it one"),
        (complex, "$: complex has no JSON form; perdure.register(complex, to=..., from_=...) gives it one"),
        (Loud, "$: Loud has no JSON form; perdure.register(Loud, to=..., from_=...) gives it one"),
        (enum.Enum, "$: Enum has no JSON form; perdure.register(Enum, to=..., from_=...) gives it one"),
        (
            dict[str, list[complex]],
            "$[*][*]: complex has no JSON form; perdure.register(complex, to=..., from_=...) gives it one",
        ),
        (Box[complex], "$.item: complex has no JSON form; perdure.register(complex, to=..., from_=...) gives it one"),
        (dict[Point, int], "$[*]: a key of a JSON object is a text, and Point is not one; use list[tuple[K, V]]"),
        (dict[bool, int], "$[*]: a key of a JSON object is a text, and bool is not one; use list[tuple[K, V]]"),
    ],
)
def test_a_type_without_a_json_form_is_named(hint: Any, message: str) -> None:
    with pytest.raises(NoSchema) as caught:
        to_json(None, hint)

    assert str(caught.value) == message


def test_a_name_that_a_module_does_not_have_is_told() -> None:
    @attrs.frozen
    class Local:
        inner: Missing  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(NoSchema, match="the annotations of Local mention 'Missing', which its module does not have"):
        to_json(None, Local)


def test_a_dataclass_whose_constructor_wants_what_is_not_kept_is_refused() -> None:
    @dataclasses.dataclass
    class Seeded:
        n: int
        seed: dataclasses.InitVar[int]

    with pytest.raises(NoSchema, match="an InitVar is not kept"):
        to_json(None, Seeded)


def test_a_type_that_grows_without_end_is_refused() -> None:
    with pytest.raises(NoSchema, match="has no end"):
        to_json(None, Growing[int])


@attrs.frozen
class Growing(Generic[T]):
    inner: Growing[list[T]] | None = None


def test_a_pydantic_model_is_read_strictly_and_written_strictly() -> None:
    with pytest.raises(CodecError, match="Model refuses it: 1 validation error"):
        from_json({"n": "1", "at": "2024-05-06T12:00:00Z"}, Model)
    with pytest.raises(CodecError, match="Model cannot be written"):
        to_json(Model.model_construct(n="1", at=UTC_NOON), Model)
    with pytest.raises(CodecError, match="Row refuses it: n is not as Row declares it"):
        from_json({"id": 1, "at": "2024-05-06T12:00:00Z", "n": "1"}, Row)


# -- Outcomes. -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "errors", "text"),
    [
        (Success(1), (), "1"),
        (
            Failure(Refused("no", timedelta(seconds=2))),
            (Refused,),
            '{"type":"Refused","value":{"reason":"no","after":"PT2S"}}',
        ),
        (Failure(StepFault("s", "E", "r")), (), '{"type":"StepFault","value":{"step":"s","error":"E","reason":"r"}}'),
        (
            Failure(Interrupted("s", "E", "r")),
            (Refused,),
            '{"type":"Interrupted","value":{"step":"s","error":"E","reason":"r"}}',
        ),
        (
            Failure(Exhausted(Point(1), 3)),
            (Exhausted[Point],),
            '{"type":"Exhausted","value":{"state":{"x":1,"y":0.0},"rounds":3,"alike":0}}',
        ),
        (Failure(Exhausted([1], 3)), (Exhausted,), '{"type":"Exhausted","value":{"state":[1],"rounds":3,"alike":0}}'),
        (Failure("late"), (str, int), '{"type":"str","value":"late"}'),
        (Failure(3), (str | int,), '{"type":"int","value":3}'),
        (Failure(Point(1)), (Point, Never), '{"type":"Point","value":{"x":1,"y":0.0}}'),
    ],
)
def test_an_outcome_is_recorded_by_its_declared_error(outcome: Any, errors: Any, text: str) -> None:
    assert codec.dump_outcome(outcome, int, errors) == text
    assert codec.load_outcome(isinstance(outcome, Success), text, int, errors) == outcome


def test_an_exception_that_is_no_record_is_recorded_by_its_args_and_made_afresh() -> None:
    text = codec.dump_outcome(Failure(LookupError("a", [1])), int, (LookupError,))

    first, second = (codec.load_outcome(False, text, int, (LookupError,)).failure() for _ in range(2))

    assert text == '{"type":"LookupError","value":["a",[1]]}'
    assert (type(first), first.args) == (LookupError, ("a", [1]))
    assert first is not second


def test_same_named_errors_are_told_apart_by_module() -> None:
    class StepFault(Fault):
        """Somebody else's."""

    text = codec.dump_outcome(Failure(StepFault("x")), int, (StepFault,))

    assert json.loads(text)["type"] == f"{__name__}.{StepFault.__qualname__}"
    assert codec.load_outcome(False, text, int, (StepFault,)) == Failure(StepFault("x"))


def test_an_undeclared_error_is_refused() -> None:
    with pytest.raises(CodecError) as caught:
        codec.dump_outcome(Failure(KeyError("a")), int, (OSError, str))

    assert str(caught.value) == (
        "$: expected OSError | str | StepFault | StepTimedOut | RetriesExhausted | Interrupted, "
        "got KeyError('a') (KeyError)"
    )


def test_a_subclass_of_a_declared_error_is_refused_too() -> None:
    with pytest.raises(CodecError, match="KeyError is a subclass of LookupError and would come back as one"):
        codec.dump_outcome(Failure(KeyError("a")), int, (LookupError,))


def test_what_an_error_holds_must_be_json() -> None:
    with pytest.raises(CodecError, match=r"\$\.value\[0\]: expected plain JSON, got b''"):
        codec.dump_outcome(Failure(LookupError(b"")), int, (LookupError,))


def test_a_stored_name_is_never_looked_up() -> None:
    with pytest.raises(CodecError, match=r"\$\.type: expected one of StepFault, .* got 'os.system' \(str\)"):
        codec.load_outcome(False, '{"type":"os.system","value":["true"]}', int, ())


# -- Registered classes and display. ---------------------------------------------------------------------------


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.cents == other.cents

    def __hash__(self) -> int:
        return hash(self.cents)


def test_the_last_registration_wins_also_where_the_class_was_used_before() -> None:
    codec.register(Money, to=lambda m: m.cents, from_=lambda cents: Money(int(cents)))
    assert dumps([Money(5)], list[Money]) == "[5]"

    codec.register(Money, to=lambda m: {"cents": m.cents}, from_=lambda tree: Money(tree["cents"]))

    assert dumps([Money(5)], list[Money]) == '[{"cents":5}]'
    assert loads('[{"cents":5}]', list[Money]) == [Money(5)]
    assert dumps(Money(5), Money | Point) == '{"_type":"Money","value":{"cents":5}}'
    with pytest.raises(CodecError, match=r"\$\[0\]: Money refuses it: 'cents'"):
        loads("[{}]", list[Money])
    with pytest.raises(CodecError, match=r"\$: expected Money, got 5"):
        dumps(5, Money)


def test_a_subclass_of_str_can_be_registered() -> None:
    class Slug(str):
        __slots__ = ()

    codec.register(Slug, to=str, from_=Slug)

    assert type(loads(dumps(Slug("a"), Slug), Slug)) is Slug


def test_what_a_hook_gives_must_be_plain_json() -> None:
    class Odd:
        pass

    codec.register(Odd, to=lambda _: {"when": UTC_NOON}, from_=lambda _: Odd())

    with pytest.raises(CodecError, match=r"\$\.when: expected plain JSON"):
        dumps(Odd(), Odd)


def test_cattrs_hooks_serve_families_of_types() -> None:
    def is_deque(hint: Any) -> bool:
        return getattr(hint, "__origin__", None) is collections.deque

    codec.converter.register_unstructure_hook_func(is_deque, list)
    codec.converter.register_structure_hook_func(is_deque, lambda tree, _: collections.deque(tree))

    assert loads(dumps(collections.deque([1]), collections.deque[int]), collections.deque[int]) == collections.deque(
        [1]
    )


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([Point(1), {Colour.RED: (1, {2})}], [{"x": 1, "y": 0.0}, {"<Colour.RED: 'red'>": [1, [2]]}]),
        (float("nan"), "nan"),
        (Success(Some(UTC_NOON)), {"ok": ["2024-05-06T12:00:00+00:00"]}),
        (Failure(Nothing), {"err": None}),
        (ValueError("x"), "ValueError('x')"),
        (Hostile(), "<Hostile>"),
        (datetime(2024, 1, 2), "datetime.datetime(2024, 1, 2, 0, 0)"),
        (Corner(1), {"x": 1, "y": 7}),
        ("\ud800", "\ud800"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_show_goes_by_runtime_class_and_never_raises(value: Any, shown: Any) -> None:
    assert codec.show(value) == shown
    json.dumps(codec.show(value))


def test_show_stays_small() -> None:
    wide: list[Any] = []
    for _ in range(100):
        wide = [wide, wide]

    assert len(json.dumps(codec.show(wide))) < 200_000
    assert len(codec.show(Loud("x" * 5_000))) == 1_000
    assert codec.show(10**5000) == "<int>"
    json.dumps(codec.show(_LOOP))


# -- Properties. -----------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())).filter(
    lambda text: text == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)


@given(ANY_TEXT)
@settings(deadline=None, max_examples=200)
def test_any_text_without_split_pairs_round_trips(text: str) -> None:
    assert loads(dumps(text, str), str) == text
    assert loads(dumps({text: text}, Any), Any) == {text: text}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(), lambda s: st.lists(s) | st.dictionaries(ANY_TEXT, s)
    )
)
@settings(deadline=None, max_examples=200)
def test_any_means_plain_json(value: Any) -> None:
    try:
        text = dumps(value, Any)
    except CodecError as error:
        assert "not a number in JSON" in error.reason or "surrogate" in error.reason  # noqa: PT017
    else:
        assert loads(text, Any) == value
        assert dumps(loads(text, Json), Json) == text


@given(st.binary(max_size=40) | ANY_TEXT, st.sampled_from([hint for _, hint, _ in WRITTEN]))
@settings(deadline=None, max_examples=300)
def test_reading_garbage_is_a_codec_error_and_nothing_else(garbage: str | bytes, hint: Any) -> None:
    text = garbage if isinstance(garbage, str) else garbage.decode("latin-1")
    for written in (text, json.dumps(text), json.dumps({"_type": text}), json.dumps([text])):
        try:
            loads(written, hint)
        except CodecError as error:
            assert error.path.startswith("$")  # noqa: PT017


@given(st.sampled_from(WRITTEN), st.sampled_from([hint for _, hint, _ in WRITTEN]))
@settings(deadline=None, max_examples=500)
def test_a_value_under_any_other_type_is_refused_or_comes_back(written: tuple[Any, Any, Any], hint: Any) -> None:
    value = written[0]
    try:
        text = dumps(value, hint)
    except CodecError:
        return
    assert loads(text, hint) == value
