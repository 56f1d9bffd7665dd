"""Paths that come to the same go on as one: nothing is found that is not there, and nothing is missed."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success
from strategies import Random, Refused, concurrent_effects, effects, refuse, undoable, zero

from perdure import Do, Effect, StepFault, parallel, saga, sleep, sleep_until, step, suspend, timeout, workflow
from perdure.core import diagram
from perdure.core.explore import Exploration, explore
from perdure.interpreters.plan.policy import Policy, Selector, judge
from perdure.interpreters.plan.survey import Survey, survey

SOME = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def surveyed_one_by_one(effect: Effect[Any, Any]) -> Survey:
    """With every path followed from its start to its end, however much it has in common with others."""
    alone = functools.partial(explore, joins=False)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("plan", "survey"):
            patch.setattr(f"perdure.interpreters.plan.{module}.explore", alone)
        return survey(effect)


def both(effect: Effect[Any, Any], *, faults: bool = False) -> tuple[Exploration, Exploration]:
    joined, every = (explore(effect, faults=faults, inputs=True, joins=joins) for joins in (True, False))
    return joined, every


def assert_same(joined: Exploration, every: Exploration) -> None:
    assert not every.cut
    assert diagram.same(joined.tree, every.tree), f"{joined}\n\n{every}"
    assert list(joined.asked) == list(every.asked)
    assert (joined.broken, joined.assumed, joined.cut) == (every.broken, every.assumed, every.cut)
    assert (joined.closed, joined.sized) == (every.closed, every.sized)
    assert joined.paths <= every.paths


# -- Random programs. -------------------------------------------------------------------------------------------------


@workflow
def in_turn(parts: list[Random], keeps: bool) -> Do[Literal[0, 1, 2], Refused | StepFault]:
    """A few stages, whose failures are passed over, and whose values may be kept."""
    kept: list[object] = []
    for part in parts:
        match (yield from part.attempt()):
            case Success(value):
                kept += [value] if keeps else []
            case Failure(_):
                yield from zero()
    return 1 if len(kept) > 1 else 0


@SOME
@given(st.lists(effects | concurrent_effects, min_size=1, max_size=2), st.booleans(), st.booleans())
def test_joined_paths_are_the_same_program(parts: list[Random], keeps: bool, faults: bool) -> None:
    joined, every = both(in_turn(parts, keeps), faults=faults)
    assume(not every.cut)

    assert_same(joined, every)


POLICIES = (
    *(Policy(f"{a} before {b}", Selector.of(b), needs=Selector.of(a)) for a, b in [("zero", "two"), ("gate", "zero")]),
    *(Policy(f"no {b} after {a}", Selector.of(a), never_before=Selector.of(b)) for a, b in [("zero", "refuse")]),
    *(Policy(f"{most} steps", most={"steps": most, "people": 1}) for most in (0, 2, 4, 6)),
)


@SOME
@given(st.lists(effects, min_size=1, max_size=2), st.booleans())
def test_joined_paths_are_judged_the_same(parts: list[Random], keeps: bool) -> None:
    effect = in_turn(parts, keeps)
    joined, every = survey(effect), surveyed_one_by_one(effect)
    assume(not every.unsure)

    assert judge(POLICIES, joined) == judge(POLICIES, every)
    assert joined == every


# -- Where a program keeps what decides later. ------------------------------------------------------------------------


@attrs.frozen
class Note:
    urgent: bool
    text: str
    size: int


@step
def read(name: str) -> Note: ...


@step
def told(what: str) -> None: ...


@workflow
def asked(name: str = "note") -> Do[Note]:
    """Looks, and lets go of what it saw."""
    note = yield from read(name)
    if note.urgent:
        yield from told("urgent")
    return note


def kept_by_an_inner_workflow() -> Effect[Any, Any]:
    @workflow
    def outer() -> Do[None]:
        seen: list[bool] = []

        @workflow
        def inner() -> Do[None]:
            seen.append((yield from read("note")).urgent)

        yield from inner()
        if seen[0]:
            yield from told("seen")

    return outer()


def kept_in_a_cell() -> Effect[Any, Any]:
    @workflow
    def outer() -> Do[None]:
        urgent = False

        @workflow
        def inner() -> Do[None]:
            nonlocal urgent
            urgent = (yield from read("note")).urgent

        yield from inner()
        if urgent:
            yield from told("seen")

    return outer()


class Box:
    """A mutable object of a class of the user's, which compares by identity."""

    def __init__(self) -> None:
        self.full = False


def kept_in_an_object() -> Effect[Any, Any]:
    @workflow
    def inner(box: Box) -> Do[None]:
        box.full = (yield from read("note")).urgent

    @workflow
    def outer() -> Do[None]:
        box = Box()
        yield from inner(box)
        yield from told("between")
        if box.full:
            yield from told("full")

    return outer()


def kept_by_the_place_in_a_loop() -> Effect[Any, Any]:
    @workflow
    def outer() -> Do[None]:
        for flag in (yield from suspend("flags", tuple[bool, bool, bool])):
            if flag:
                yield from told("flag")

    return outer()


def kept_by_an_iterator_that_tells_nothing() -> Effect[Any, Any]:
    @workflow
    def inner(counter: Iterator[int]) -> Do[None]:
        if (yield from read("note")).urgent:
            next(counter)

    @workflow
    def outer() -> Do[None]:
        counter = itertools.count()
        yield from inner(counter)
        yield from told("between")
        yield from told(str(next(counter)))

    return outer()


def kept_in_half_a_sum() -> Effect[Any, Any]:
    @workflow
    def inner() -> Do[int]:
        return 1 if (yield from read("note")).urgent else 0

    @workflow
    def outer() -> Do[int]:
        return (yield from inner()) + (yield from inner()) + (yield from inner())

    return outer()


def kept_by_a_placeholder() -> Effect[Any, Any]:
    @workflow
    def outer() -> Do[None]:
        note = yield from asked()
        yield from told("between")
        if note.urgent and note.text.strip() == "now" and note.size > 3:
            yield from told("now")
        if note.text.strip() == "now" and note.size > 5:
            yield from told("large")

    return outer()


def kept_by_what_is_taken_back() -> Effect[Any, Any]:
    @workflow
    def inner() -> Do[None, Refused | StepFault]:
        if (yield from read("note")).urgent:
            yield from undoable(zero())
        else:
            yield from zero()

    @workflow
    def outer() -> Do[None, Refused | StepFault]:
        yield from inner()
        yield from refuse()

    return saga(outer())


def kept_by_a_function() -> Effect[Any, Any]:
    @workflow
    def inner() -> Do[bool]:
        return (yield from read("note")).urgent

    def after(urgent: bool) -> Effect[None, StepFault]:
        return told("between").bind(lambda _: told("urgent" if urgent else "calm"))

    return inner().bind(after)


HOUR = timedelta(hours=1)
#: When an exploration begins.
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)


@workflow
def perhaps_waiting() -> Do[None]:
    if (yield from read("note")).urgent:
        yield from sleep(HOUR)


def kept_by_the_clock() -> Effect[Any, Any]:
    @workflow
    def outer() -> Do[None]:
        yield from perhaps_waiting()
        yield from asked()
        yield from parallel(
            sleep(HOUR).bind(lambda _: told("an hour later")),
            sleep_until(BEGIN + 1.5 * HOUR).bind(lambda _: told("at half past one")),
        )

    return outer()


def kept_by_a_timer() -> Effect[Any, Any]:
    @workflow
    def one() -> Do[None]:
        yield from perhaps_waiting()
        yield from sleep(2 * HOUR)
        yield from told("two hours later")

    @workflow
    def other() -> Do[None]:
        yield from sleep(HOUR)
        yield from asked()
        yield from sleep_until(BEGIN + 2.5 * HOUR)
        yield from told("at half past two")

    return parallel(one(), other())


def kept_until_it_is_closed() -> Effect[Any, Any]:
    @workflow
    def outer() -> Do[None]:
        first = yield from read("first")
        try:
            for n in range(4):
                yield from asked(f"note {n}")
        finally:
            urgent = first.urgent
        if urgent:
            yield from told("first")

    return outer()


@pytest.mark.parametrize("faults", [False, True])
@pytest.mark.parametrize(
    "made",
    [
        kept_by_an_inner_workflow,
        kept_in_a_cell,
        kept_in_an_object,
        kept_by_the_place_in_a_loop,
        kept_by_an_iterator_that_tells_nothing,
        kept_in_half_a_sum,
        kept_by_a_placeholder,
        kept_by_what_is_taken_back,
        kept_by_a_function,
        kept_by_the_clock,
        kept_by_a_timer,
        kept_until_it_is_closed,
    ],
)
def test_what_decides_later_keeps_paths_apart_wherever_it_is_kept(
    made: Callable[[], Effect[Any, Any]], faults: bool
) -> None:
    assert_same(*both(made(), faults=faults))


def test_what_is_let_go_of_keeps_no_paths_apart() -> None:
    @workflow
    def outer() -> Do[None]:
        for n in range(5):
            yield from asked(f"note {n}")

    joined, every = both(outer())

    assert_same(joined, every)
    assert every.paths == 2**5
    assert joined.paths == 2 * 5


def test_what_was_closed_keeps_no_paths_apart_and_is_named_all_the_same() -> None:
    @workflow
    def limited() -> Do[None]:
        if (yield from read("note")).urgent:
            yield from timeout(told("urgent"), HOUR)

    @workflow
    def outer() -> Do[None]:
        for _ in range(5):
            yield from limited()
        yield from asked()
        yield from told("done")

    joined, every = both(outer())

    assert_same(joined, every)
    assert len(joined.closed) == 5
    assert joined.paths == 2 * 6


def test_a_body_that_asks_in_finally_is_not_blamed_where_paths_join() -> None:
    @workflow
    def outer() -> Do[None]:
        for n in range(4):
            try:
                yield from asked(f"note {n}")
            finally:
                yield from told("done")

    joined, every = both(outer())

    assert_same(joined, every)
    assert joined.complete
    assert joined.paths < every.paths
