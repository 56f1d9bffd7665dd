"""A placeholder behaves as a value of its type, and costs a path only where the program looks at it."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Never, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import pytest
from pydantic import BaseModel, Field
from returns.maybe import Maybe, Nothing, Some
from returns.result import Failure, Result, Success
from sqlmodel import Field as SQLField
from sqlmodel import SQLModel
from typing_extensions import TypeAliasType

from perdure import Approved, Defect, Denied, Fault, signal
from perdure.core.diagram import Ends, nodes
from perdure.core.explore import Exploration, explore
from perdure.core.symbols import Budget, Oracle, register_sample, synth

T = TypeVar("T")


class Risk(Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Plan:
    summary: str
    risk: Risk
    good: bool

    @property
    def bad(self) -> bool:
        return not self.good


@attrs.define
class Draft:
    text: str
    final: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Box(Generic[T]):
    item: T
    full: bool = True


@attrs.frozen
class Shelf(Generic[T]):
    items: tuple[T, T]


@attrs.frozen
class Crates(Shelf[bool]):
    label: str = ""


@attrs.frozen
class Tree:
    leaf: bool
    children: list[Tree]


@attrs.frozen
class Total:
    one: bool
    both: bool = attrs.field(init=False)

    @both.default
    def _both(self) -> bool:
        return self.one


@attrs.frozen
class Refused(Fault):
    why: str
    final: bool


class Point(NamedTuple):
    x: bool
    y: int


class Options(TypedDict):
    fast: bool
    safe: NotRequired[bool]


class Model(BaseModel):
    approved: bool
    note: str


class Row(SQLModel, table=True):
    __tablename__ = "symbols_row"

    id: int | None = SQLField(default=None, primary_key=True)
    done: bool = False


class Aliased(BaseModel):
    done: bool = Field(alias="isDone")


class Opaque:
    """Nothing that the codec knows."""


Name = NewType("Name", str)
Maybes = TypeAliasType("Maybes", list[T] | None, type_params=(T,))


def looked(hint: Any, look: Callable[[Any], object], **options: Any) -> Exploration:
    """What happens to a program that looks at a reply `x` of this type."""
    return explore(signal("x", hint).map(look), **options)


def seen(hint: Any, look: Callable[[Any], object] = lambda x: x, **options: Any) -> set[str]:
    """What such a program may end with."""
    found = looked(hint, look, **options)
    return {end.what.removeprefix("Success(")[:-1] for end in nodes(found.tree) if isinstance(end, Ends)}


# -- The oracle. ------------------------------------------------------------------------------------------------------


def test_an_oracle_replays_its_script_and_then_takes_the_first_alternative() -> None:
    oracle = Oracle([("a", 1), ("b", 2)])

    chosen = [oracle.choose(question, (0, 1, 2)) for question in "abc"]

    assert chosen == [1, 2, 0]
    assert [(t.question, t.pick, t.width, t.answer) for t in oracle.taken] == [
        ("a", 1, 3, "1"),
        ("b", 2, 3, "2"),
        ("c", 0, 3, "0"),
    ]


def test_a_single_alternative_is_no_choice() -> None:
    oracle = Oracle(depth=0)

    assert oracle.choose("a", ["only"]) == "only"
    assert oracle.taken == []


def test_a_spent_budget_is_no_exception_that_a_program_could_catch() -> None:
    with pytest.raises(Budget, match="a"):
        Oracle(depth=0).choose("a", (1, 2))
    assert not issubclass(Budget, Exception)


def test_a_program_that_asks_something_else_the_second_time_is_found_out() -> None:
    with pytest.raises(Defect, match="depends on something besides its replies"):
        Oracle([("a", 1)]).choose("b", (0, 1))


# -- Every type that the codec knows. ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (None, {"None"}),
        (bool, {"True", "False"}),
        (Risk, {"<Risk.LOW: 'low'>", "<Risk.HIGH: 'high'>"}),
        (Literal["a", 2] | None, {"'a'", "2", "None"}),
        (Literal["only"], {"'only'"}),
        (bool | None, {"True", "False", "None"}),
        (int | str, {"<x>", "'<x>'"}),
        (str, {"'<x>'"}),
        (int, {"<x>"}),
        (float, {"<x>"}),
        (Plan, {"<x>"}),
        (Box[int], {"<x>"}),
        (Name, {"'<x>'"}),
        (Annotated[bool, "said aloud"], {"True", "False"}),
        (Maybes[bool], {"[]", "[True]", "[False]", "None"}),
        (list[int], {"[]", "[<x[0]>]"}),
        (Sequence[bool], {"[]", "[True]", "[False]"}),
        (tuple[int, bool], {"(<x[0]>, True)", "(<x[0]>, False)"}),
        (tuple[bool, ...], {"()", "(True,)", "(False,)"}),
        (set[Risk], {"set()", "{<Risk.LOW: 'low'>}", "{<Risk.HIGH: 'high'>}"}),
        (frozenset[bool], {"frozenset()", "frozenset({True})", "frozenset({False})"}),
        (dict[Literal["k"], bool], {"{}", "{'k': True}", "{'k': False}"}),
        (Mapping[Literal["k"], int], {"{}", "{'k': <x.value[0]>}"}),
        (Point, {"Point(x=True, y=<x.y>)", "Point(x=False, y=<x.y>)"}),
        (
            Options,
            {
                "{'fast': True}",
                "{'fast': False}",
                *(f"{{'fast': {f}, 'safe': {s}}}" for f in (True, False) for s in (True, False)),
            },
        ),
        (Model, {"Model(approved=True, note='<x.note>')", "Model(approved=False, note='<x.note>')"}),
        (Result[bool, Literal["e"]], {"<Success: True>", "<Success: False>", "<Failure: e>"}),
        (Success[Literal["v"]] | Failure[Literal["e"]], {"<Success: v>", "<Failure: e>"}),
        (Maybe[Literal[1]], {"<Some: 1>", "<Nothing>"}),
        (Total, {"Total(one=True, both=True)", "Total(one=False, both=False)"}),
        (Refused, {"Refused(why='<x.why>', final=True)", "Refused(why='<x.why>', final=False)"}),
        (ValueError, {"ValueError('<x>')"}),
        (Any, {"<x>"}),
        *((cls, {"<x>"}) for cls in (datetime, date, time, timedelta, UUID, Decimal, bytes, Path)),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_reply_is_every_value_that_its_type_tells_apart(hint: Any, expected: set[str]) -> None:
    assert seen(hint) == expected


def test_collections_have_the_sizes_that_are_asked_for() -> None:
    assert seen(list[int], len, sizes=(0, 2, 5)) == {"0", "2", "5"}


@pytest.mark.parametrize("hint", [Opaque, list[Opaque], Never])
def test_what_cannot_be_made_up_breaks_the_path_with_a_sentence(hint: Any) -> None:
    found = looked(hint, lambda x: x)

    assert not found.complete
    assert len(found.broken) == 1
    assert "register_sample" in found.broken[0] or "Never" in found.broken[0]


def test_a_registered_sample_stands_for_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.core.symbols._samples", {})
    one = Opaque()

    register_sample(Opaque, one)
    assert synth(Opaque, "x", Oracle()) is one

    register_sample(Opaque, Opaque)
    assert synth(Opaque, "x", Oracle()) is not synth(Opaque, "x", Oracle())

    register_sample(Plan, Plan("given", Risk.LOW, True))
    assert synth(list[Plan], "x", Oracle(sizes=(1,))) == [Plan("given", Risk.LOW, True)]


def test_models_of_pydantic_and_sqlmodel_are_filled_at_once() -> None:
    assert seen(Model, lambda model: model.approved) == {"True", "False"}
    assert seen(Aliased, lambda model: model.done) == {"True", "False"}
    assert seen(Row, lambda row: row.done) == {"True", "False"}


def test_approved_and_denied_are_told_apart_by_match() -> None:
    def decide(reply: Approved | Denied) -> str:
        match reply:
            case Approved():
                return "go"
            case Denied(note=note):
                return f"stop: {note}"

    assert seen(Approved | Denied, decide) == {"'go'", "'stop: <x.note>'"}


# -- Records. ---------------------------------------------------------------------------------------------------------


def test_a_field_costs_nothing_until_it_decides_something() -> None:
    def shown(plan: Plan) -> str:
        return f"{plan.summary} of {plan}"

    assert looked(Plan, shown).paths == 1
    assert seen(Plan, shown) == {"'<x.summary> of <x>'"}
    assert looked(Plan, lambda plan: plan.good).paths == 2
    assert looked(Plan, lambda plan: (plan.good, plan.good, plan.bad)).paths == 2


def test_a_record_is_of_its_class_in_every_respect_but_type() -> None:
    plan = synth(Plan, "x", Oracle())

    assert isinstance(plan, Plan)
    assert plan.__class__ is Plan
    assert attrs.fields(plan.__class__) == attrs.fields(Plan)
    assert plan.bad is False
    match plan:
        case Plan(summary, Risk.LOW):
            assert f"{summary}" == "<x.summary>"
        case _:
            pytest.fail("not matched")


def test_a_record_can_be_evolved_replaced_copied_and_compared() -> None:
    plan = synth(Plan, "x", Oracle())
    box = synth(Box[int], "y", Oracle())

    assert attrs.evolve(plan, good=False).good is False
    assert attrs.evolve(plan, good=False).summary == plan.summary
    assert dataclasses.replace(box, full=False) == Box(box.item, False)
    assert copy.copy(plan) == plan
    assert copy.deepcopy(plan) == plan
    assert plan == Plan(plan.summary, Risk.LOW, True)
    assert plan != Plan(plan.summary, Risk.HIGH, True)


def test_a_mutable_record_keeps_what_is_written_and_a_frozen_one_refuses() -> None:
    draft = synth(Draft, "x", Oracle())
    copied = copy.deepcopy(draft)

    draft.text = "mine"

    assert draft.text == "mine"
    assert f"{copied.text}" == "<x.text>"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        synth(Plan, "x", Oracle()).good = True


def test_type_variables_are_bound_through_arguments_and_bases() -> None:
    assert seen(Box[Literal["a", "b"]], lambda box: box.item) == {"'a'", "'b'"}
    assert seen(Box[list[bool]], lambda box: box.item, sizes=(1,)) == {"[True]", "[False]"}
    assert seen(Crates, lambda crates: crates.items[0] is crates.items[1]) == {"True", "False"}


def test_a_recursive_record_is_made_as_deep_as_someone_looks() -> None:
    def depth(tree: Tree) -> int:
        return 1 + max(map(depth, tree.children), default=0)

    found = looked(Tree, depth, depth=2)

    assert found.cut == ("len(x.children[0].children[0].children): more than 2 questions on one path",)
    assert found.paths == 3


def test_a_record_as_a_key_is_assumed_to_be_like_no_other() -> None:
    assert looked(Plan, lambda plan: plan in {Plan("a", Risk.LOW, True)}).assumed == ("hash(x)",)


# -- Numbers. ---------------------------------------------------------------------------------------------------------


def test_a_comparison_branches_once_and_later_ones_stay_consistent() -> None:
    def grade(score: float) -> str:
        if score >= 0.9:
            return "A"
        if score >= 0.5:
            return "B"
        return "impossible" if score > 0.9 else "C"

    found = looked(float, grade)

    assert found.paths == 3
    assert seen(float, grade) == {"'A'", "'B'", "'C'"}


def test_whole_numbers_have_nothing_in_between() -> None:
    assert seen(int, lambda n: "no" if n <= 2 or n >= 4 else n == 3) == {"'no'", "True"}
    assert looked(int, lambda n: 2 < n < 3).paths == 2
    assert seen(int, lambda n: n == 2.5) == {"False"}
    assert looked(float, lambda n: 2 < n < 3).paths == 3


def test_two_unknown_numbers_are_ordered_in_every_way() -> None:
    def order(pair: tuple[int, int]) -> str:
        a, b = pair
        if a < b:
            return "impossible" if b < a or a == b or b <= a else "<"
        return "==" if a == b else ">" if a > b else "impossible"

    assert seen(tuple[int, int], order) == {"'<'", "'=='", "'>'"}


def test_a_number_that_is_known_is_compared_as_what_it_is() -> None:
    def known(pair: tuple[int, int]) -> object:
        a, b = pair
        if a != 3:
            return "other"
        return (a + 0 > 2, b > a, {3: "three"}[a]) if b < 3 or b > 3 else (a <= b, b == a)

    found = looked(tuple[int, int], known)

    assert {"'other'", "(True, True)"} < seen(tuple[int, int], known)
    assert found.assumed == found.broken == ()


@pytest.mark.parametrize(
    "compute",
    [
        lambda n: n + 1,
        lambda n: 1 + n,
        lambda n: n - 1,
        lambda n: 2 * n,
        lambda n: n**2,
        lambda n: -n,
        lambda n: abs(n),
        lambda n: round(n),
        lambda n: math.floor(n),
        lambda n: sum([n, n]),
        lambda n: n * 0.5,
        lambda n: n / 2,
        lambda n: n // 2,
        lambda n: n % 2,
    ],
)
def test_arithmetic_forgets_the_interval_so_that_no_path_is_lost(compute: Callable[[Any], Any]) -> None:
    found = looked(int, lambda n: compute(n) > 10)

    assert found.complete
    assert seen(int, lambda n: compute(n) > 10) == {"True", "False"}


def test_the_same_computation_is_the_same_number() -> None:
    assert looked(int, lambda n: n + 1 > 10 and n + 1 <= 10).paths == 2
    assert seen(int, lambda n: n + 1 > 10 and n + 1 <= 10) == {"False"}


def test_arithmetic_knows_whole_numbers_from_others() -> None:
    assert seen(int, lambda n: [isinstance(m, int) for m in (n, n + 1, n / 2, n + 0.5, round(n / 2))]) == {
        "[True, True, False, False, True]"
    }


def test_a_division_by_what_may_be_zero_is_tried() -> None:
    found = looked(int, lambda n: 100 / n)

    assert found.paths == 2
    assert "ZeroDivisionError" in found.broken[0]


def test_a_count_is_one_of_the_small_sizes() -> None:
    assert seen(int, lambda n: list(range(n))) == {"[]", "[0]"}
    assert seen(int, lambda n: "ab"[:n], sizes=(1, 2)) == {"'a'", "'ab'"}
    assert seen(int, lambda n: n if n > 1 else "x" * n) == {"<x>", "''", "'x'"}


def test_a_number_that_must_be_known_is_assumed() -> None:
    assert looked(int, int).assumed == ("int(x)",)
    assert looked(int, lambda n: float(n) if n > 3 else 0.0).assumed == ("float(x)",)
    assert seen(int, lambda n: int(n) if n > 3 else "less") == {"4", "'less'"}
    assert looked(int, lambda n: {1: "a"}.get(n)).assumed == ("hash(x)",)
    assert not looked(int, lambda n: timedelta(days=n)).complete


# -- Text. ------------------------------------------------------------------------------------------------------------


def test_text_is_shown_by_its_name_and_asks_nothing() -> None:
    found = looked(str, lambda text: f"Fix {text}: " + text + "!")

    assert found.paths == 1
    assert found.complete
    assert seen(str, lambda text: f"Fix {text}: " + text + "!") == {"'Fix <x>: <x>!'"}


def test_questions_about_text_branch_once_and_are_remembered() -> None:
    def route(text: str) -> list[object]:
        return [text == "a", text == "a", text != "a", "q" in text, "q" in text, bool(text), bool(text)]

    assert seen(str, route) == {
        "[True, True, False, False, False, True, True]",
        *(f"[False, False, True, {q}, {q}, {e}, {e}]" for q in (True, False) for e in (True, False)),
    }


def test_text_that_equals_a_value_is_that_value_from_then_on() -> None:
    def answer(text: str) -> object:
        return (len(text), text.startswith("y"), text in {"yes"}, text < "z") if text == "yes" else "no"

    assert looked(str, answer).complete
    assert seen(str, answer) == {"(3, True, True, True)", "'no'"}


def test_what_is_made_from_text_can_be_asked_too() -> None:
    def agreed(text: str) -> object:
        return text.strip().lower() == "yes" and text.strip().lower() != "no"

    found = looked(str, agreed)

    assert found.complete
    assert found.paths == 2
    assert "? x.strip().lower() == 'yes' -> True" in str(found)
    assert seen(str, lambda text: f"{text[:100]}…") == {"'<x[:100]>…'"}
    assert looked(str, lambda text: ("Dear " + text).endswith("!")).paths == 2
    assert looked(str, lambda text: text.isdigit()).paths == 2


def test_two_texts_may_be_equal_and_are_sorted_in_every_way() -> None:
    assert seen(tuple[str, str], lambda pair: pair[0] == pair[1]) == {"True", "False"}
    assert seen(tuple[str, str], sorted) == {"['<x[0]>', '<x[1]>']", "['<x[1]>', '<x[0]>']"}
    assert seen(str, lambda text: text == copy.deepcopy(text)) == {"True"}


@pytest.mark.parametrize(
    ("look", "assumed"),
    [
        (len, "len(x)"),
        (lambda text: next(iter(text)), "list(x)"),
        (lambda text: text.splitlines(), "x.splitlines()"),
        (lambda text: text.strip().split(), "x.strip().split()"),
        (lambda text: {"a": 1}.get(text), "hash(x)"),
        (lambda text: text in {"a", "b"}, "hash(x)"),
    ],
)
def test_what_cannot_be_asked_of_text_is_named_as_assumed(look: Callable[[Any], object], assumed: str) -> None:
    found = looked(str, look)

    assert found.assumed == (assumed,)
    assert not found.complete


# -- Samples. ---------------------------------------------------------------------------------------------------------


def test_a_sample_is_assumed_only_once_something_depends_on_it() -> None:
    assert looked(datetime, lambda at: f"{at:%H} {at.isoformat()} {at}").complete
    assert looked(datetime, lambda at: at).complete
    assert looked(datetime, lambda at: at > datetime(2024, 1, 1, tzinfo=UTC)).assumed == (
        "x is 2000-01-01 00:00:00+00:00",
    )
    assert looked(Decimal, lambda amount: amount * 2 > 100).assumed == ("x is 0",)
    assert looked(timedelta, lambda wait: datetime(2000, 1, 1, tzinfo=UTC) + wait).assumed == ("x is 0:00:00",)
    assert looked(Path, lambda path: Path("a") / path / "b").assumed == ("x is placeholder",)
    assert looked(UUID, lambda uid: uid.version).assumed == ("x is 00000000-0000-0000-0000-000000000000",)


@pytest.mark.parametrize("cls", [datetime, date, time, timedelta, UUID, Decimal, bytes, Path])
def test_a_sample_is_an_instance_of_its_type(cls: type) -> None:
    value = synth(cls, "x", Oracle())

    assert isinstance(value, cls)
    assert f"{value}" == "<x>"


def test_of_any_nothing_is_known() -> None:
    assert looked(Any, lambda x: f"{x}").complete
    assert looked(Any, lambda x: "yes" if x else "no").assumed == ("x is None",)
    assert looked(Any, lambda x: isinstance(x, dict)).assumed == ("x is None",)
    assert looked(Any, lambda x: x["key"]).broken


def test_maybe_and_result_are_of_their_own_classes() -> None:
    def told(pair: tuple[Maybe[int], Result[int, str]]) -> list[str]:
        maybe, result = pair
        match maybe:
            case Some(n):
                first = f"some {n}"
            case _:
                first = "nothing" if maybe is Nothing else "impossible"
        match result:
            case Success(n):
                return [first, f"ok {n}"]
            case _:
                return [first, f"err {result.failure()}"]

    assert looked(tuple[Maybe[int], Result[int, str]], told).paths == 4
    assert "['some <x[0]>', 'err <x[1]>']" in seen(tuple[Maybe[int], Result[int, str]], told)
