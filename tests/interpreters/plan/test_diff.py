"""What a difference says, what it warns of, and that it is never silently empty."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from perdure import Approved, Do, Effect, approval, loop, pure, scope, signal, sleep, step, suspend, workflow
from perdure.core import codec
from perdure.interpreters.plan import facts
from perdure.interpreters.plan.changes import (
    Added,
    Change,
    Changed,
    CompensationRemoved,
    ConditionChanged,
    Differs,
    EndChanged,
    GatePassedBy,
    GateRemoved,
    Moved,
    Renamed,
)
from perdure.interpreters.plan.diff import Difference, difference
from perdure.interpreters.plan.survey import Course, Ended, Looked, Survey, survey


@step
def fetch(url: str) -> str:
    return url


@step
def publish(text: str) -> str:
    return text


def between(old: Effect[Any, Any], new: Effect[Any, Any], **options: Any) -> Difference:
    return difference(survey(old, **options), survey(new, **options))


def flow(gated: bool, limit: int) -> Effect[Any, Any]:
    @workflow(name="flow")
    def flow() -> Do[None, Any]:
        if gated and not isinstance((yield from approval("gate")), Approved):
            return
        if (yield from signal("cost", int)) < limit:
            yield from publish("x")

    return flow()


def test_a_change_behind_a_gate_that_was_removed_as_well_is_told_too() -> None:
    changes = between(flow(True, 10), flow(False, 20)).changes

    assert GateRemoved("flow/gate", ("flow/cost", "flow/publish")) in changes
    assert ConditionChanged("flow/publish", "flow/cost < 10 is True", "flow/cost < 20 is True") in changes


def test_a_renamed_scope_is_told_once_however_much_is_in_it() -> None:
    inside = fetch("a").bind(publish).bind(fetch)

    (change,) = between(scope("before", inside), scope("after", inside)).changes

    assert change == Renamed("before", "after", "before=after")


def test_requests_that_move_into_another_scope_are_renamed_one_by_one() -> None:
    two = scope("a", signal("one", int)).bind(lambda _: scope("b", signal("two", int)))

    changes = between(two, scope("x", two)).changes

    assert changes == (
        Renamed("a/one", "x/a/one", "a/one=x/a/one"),
        Renamed("b/two", "x/b/two", "b/two=x/b/two"),
    )


def test_a_step_that_needed_a_yes_in_one_of_several_rounds_is_told_when_it_needs_none() -> None:
    def rounds(insist: bool) -> Effect[Any, Any]:
        @workflow(name="flow")
        def flow() -> Do[None, Any]:
            for _ in range(2):
                if isinstance((yield from approval("gate")), Approved):
                    yield from publish("x")
                    return
            if not insist:
                yield from publish("x")

        return flow()

    passed = [change for change in between(rounds(True), rounds(False)).changes if isinstance(change, GatePassedBy)]

    assert [(change.key, change.gate) for change in passed] == [("flow/publish", "any gate")]
    assert passed[0].path == "flow/gate, flow/gate is Denied, flow/gate#2, flow/publish"


def test_every_occurrence_follows_a_rename() -> None:
    def thrice(name: str) -> Effect[Any, Any]:
        once = signal(name, int)
        return once.bind(lambda _: once).bind(lambda _: once)

    assert between(thrice("one"), thrice("other")).changes == (Renamed("one", "other", "one=other"),)


def test_what_quotes_a_renamed_answer_has_not_changed() -> None:
    def fed(name: str) -> Effect[Any, Any]:
        return scope("flow", signal(name, str).bind(lambda text: publish(f"about {text}") if text else pure("")))

    assert between(fed("topic"), fed("subject")).changes == (Renamed("flow/topic", "flow/subject", "topic=subject"),)


def test_a_rename_is_told_with_an_option_that_means_nothing_else() -> None:
    def flow(*keys: str) -> Effect[Any, Any]:
        made: Effect[Any, Any] = pure(None)
        for key in keys:
            *scopes, name = key.split("/")
            request: Effect[Any, Any] = signal(name, int)
            for each in reversed(scopes):
                request = scope(each, request)
            made = made.bind(lambda _, request=request: request)
        return made

    def options(old: Effect[Any, Any], new: Effect[Any, Any]) -> list[str]:
        return [change.option for change in between(old, new).changes if isinstance(change, Renamed)]

    assert options(flow("a/one"), flow("a/other")) == ["one=other"]
    assert options(flow("a/one", "b/one"), flow("a/other", "b/one")) == ["a/one=a/other"]
    assert options(flow("one", "one"), flow("one", "other")) == ["one#2=other"]
    assert options(flow("a/one", "two"), flow("one", "two")) == ["a/one=one"]
    assert options(flow("in/one", "in/two"), flow("in/one", "out/two")) == ["in#2/two=out/two"]
    both = scope("in", flow("one", "two"))
    assert options(both, flow("in/one", "out/two")) == ["in/two=out/two"]


def test_an_output_class_that_only_has_another_name_is_told_without_a_warning() -> None:
    def typed(name: str, field: str) -> Effect[Any, Any]:
        return signal("s", attrs.make_class(name, {field: attrs.field(type=str)}, frozen=True))

    renamed, refitted = between(typed("A", "x"), typed("B", "x")), between(typed("A", "x"), typed("B", "y"))

    assert [(change.said, change.warning) for change in renamed.changes] == [("output A → B", "")]
    assert [bool(change.warning) for change in refitted.changes] == [False, True]


@pytest.mark.parametrize(
    ("change", "warns"),
    [
        (Added("a", "step -> str"), False),
        (Moved("a", "b"), False),
        (Changed("a", "repeat", "once", "idempotent"), True),
        (Changed("a", "repeat", "idempotent", "pure"), True),
        (Changed("a", "repeat", "idempotent", "once"), False),
        (Changed("a", "output", "Plan", "Draft"), False),
        (Changed("a", "kind", "step", "ask"), True),
        (Changed("a", "structure", "1", "2"), True),
        (Changed("a", "version", "1", "2"), True),
        (Changed("a", "agents", "fast", "careful"), False),
        (GateRemoved("a"), True),
        (CompensationRemoved("a", "step -> None"), True),
    ],
)
def test_what_somebody_must_look_at_warns(change: Change, warns: bool) -> None:
    assert bool(change.warning) is warns


def test_where_no_change_has_a_name_the_shortest_path_is_told() -> None:
    def turned(yes: Effect[Any, Any], no: Effect[Any, Any]) -> Effect[Any, Any]:
        return suspend("go").bind(lambda go: yes if go else no).bind(lambda _: sleep(timedelta(1)))

    left, right = scope("l", fetch("a")), pure("no")
    both = fetch("a").bind(lambda _: scope("l", fetch("a")))

    changes = between(turned(left, both), turned(right, both)).changes

    assert any(isinstance(change, (ConditionChanged, Differs)) for change in changes), changes


def test_an_answer_that_only_one_version_can_get_is_a_difference() -> None:
    def ends(*answers: str) -> Survey:
        course = Course((Looked("word", dict.fromkeys(answers, 1)), Ended("success", "Success(None)")))
        return Survey("flow", course, course)

    less, more = difference(ends("a", "b"), ends("a")), difference(ends("a"), ends("a", "b"))

    assert less.changes == (Differs("the workflow", "word", "a | b", "a"),)
    assert more.changes == (Differs("the workflow", "word", "a", "a | b"),)
    assert difference(ends("a", "b"), ends("b", "a")).changes == ()


def test_ends_that_differ_alike_on_many_paths_are_told_once_by_the_shortest() -> None:
    def counted(word: str) -> Effect[Any, Any]:
        return loop("", fetch, until=lambda text: text == "good", rounds=4).map(lambda _: word)

    ends = [change for change in between(counted("old"), counted("new")).changes if isinstance(change, EndChanged)]

    assert [end.path for end in ends] == ["loop/round/1/fetch == 'good' is True"]


def test_what_was_not_seen_is_never_taken_for_equal_without_a_word() -> None:
    long = loop("", fetch, until=lambda text: text == "good", rounds=9)

    found = between(long, long, max_paths=3)

    assert not found
    assert found.unsure


def test_a_survey_crosses_to_another_process_unchanged() -> None:
    seen = survey(flow(True, 10))

    assert codec.loads(codec.dumps(seen, Survey), Survey) == seen


def test_what_follows_from_an_answer_holds_for_every_number() -> None:
    """Against arithmetic: whatever is said to follow does so for all numbers that fit what is known."""
    signs: dict[str, Callable[[float, float], bool]] = {
        "==": lambda x, n: x == n,
        "<": lambda x, n: x < n,
        ">": lambda x, n: x > n,
    }
    numbers = [n / 2 for n in range(-8, 9)]
    followed = 0
    for sign, bound, asked, value in (
        (s, b, a, v) for s in signs for a in signs for b in range(-3, 4) for v in range(-3, 4)
    ):
        for holds in (True, False):
            told = facts.answer(f"n {asked} {value}", [(f"n {sign} {bound}", str(holds))])
            possible = {signs[asked](x, value) for x in numbers if signs[sign](x, bound) is holds}
            assert told is None or possible == {told == "True"}, (sign, bound, holds, asked, value)
            assert told is not None or len(possible) == 2
            followed += told is not None

    assert followed > 300


def test_random_boolean_conditions_differ_exactly_where_their_truth_tables_do() -> None:
    random_numbers = random.Random(11)

    def drawn(depth: int) -> Callable[[list[bool]], bool]:
        if depth == 0:
            at = random_numbers.randrange(3)
            return lambda bits: bits[at]
        left, right = drawn(depth - 1), drawn(depth - 1)
        return random_numbers.choice(
            [
                lambda bits: left(bits) and right(bits),
                lambda bits: left(bits) or right(bits),
                lambda bits: not left(bits),
                lambda bits: right(bits) if left(bits) else not right(bits),
            ]
        )

    def decided(condition: Callable[[list[bool]], bool]) -> Effect[Any, Any]:
        @workflow(name="flow")
        def flow() -> Do[str, Any]:
            bits = []
            for name in "abc":
                bits.append((yield from suspend(name)))
            return "yes" if condition(bits) else "no"

        return flow()

    tables = [[bool(n & 4), bool(n & 2), bool(n & 1)] for n in range(8)]
    equal = 0
    for _ in range(60):
        one, two = drawn(2), drawn(2)
        alike = all(one(bits) is two(bits) for bits in tables)
        equal += alike
        assert bool(between(decided(one), decided(two))) is not alike

    assert 0 < equal < 60
