"""Effect obeys the laws of the `returns` interfaces, and those that they leave out.

Programs are compared by what they ask and how they end, whatever is replied: keys and inputs included.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import attrs
import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from returns.contrib.hypothesis.laws import check_all_laws
from returns.result import Failure, Success
from strategies import (
    PROGRAMS,
    Random,
    Refused,
    bracketed,
    concurrent_effects,
    double,
    effects,
    ended,
    errors,
    program,
    refuse,
    smalls,
    two,
    undoable,
    zero,
)

from perdure import Effect, fail, pure, scope, step
from perdure.core.diagram import Ends, nodes
from perdure.core.explore import explore

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

# -- The laws of returns. -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def _observational() -> Iterator[None]:
    """The laws compare with `==`, which compares how effects are built; here it matters what they do."""

    def same(first: Effect[Any, Any], second: Effect[Any, Any]) -> None:
        assert first.equals(second), f"not the same:\n{explore(first)}\n\n{explore(second)}"

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("returns.interfaces.") and hasattr(module, "assert_equal"):
                patch.setattr(module, "assert_equal", same)
        yield


check_all_laws(
    Effect,
    container_strategy=lambda _: concurrent_effects,
    settings_kwargs={"max_examples": 25, "deadline": None, "suppress_health_check": list(HealthCheck)},
    type_strategies={TypeVar: lambda variable: concurrent_effects if variable.__bound__ else smalls},
)


# -- The laws that it leaves out. -----------------------------------------------------------------------------------


@attrs.frozen
class Methods:
    """The operations under a law, so that broken ones can take their place."""

    map: Callable[..., Random] = Effect.map
    bind: Callable[..., Random] = Effect.bind
    apply: Callable[..., Random] = Effect.apply
    alt: Callable[..., Random] = Effect.alt
    lash: Callable[..., Random] = Effect.lash
    attempt: Callable[..., Effect[Any, Any]] = Effect.attempt


@attrs.frozen
class Example:
    """Whatever a law is about."""

    effect: Random
    value: int
    error: Refused
    change: Callable[[Any], Any]
    other: Callable[[Any], Any]
    go_on: Callable[[Any], Random]
    handle: Callable[[Any], Random]
    functions: Effect[Callable[[Any], Any], Any]


_unary: Callable[..., Any] = lambda _: None  # noqa: E731  # hypothesis wants a function to imitate
changes = st.functions(like=_unary, returns=smalls, pure=True)
examples = st.builds(
    Example,
    concurrent_effects,
    smalls,
    errors,
    changes,
    changes,
    st.functions(like=_unary, returns=concurrent_effects, pure=True),
    st.functions(like=_unary, returns=concurrent_effects, pure=True),
    st.builds(lambda source, change: source.map(lambda _: change), concurrent_effects, changes),
)

Law = Callable[[Methods, Example], tuple[Effect[Any, Any], Effect[Any, Any]]]
LAWS: dict[str, Law] = {
    "map is bind and pure": lambda m, x: (
        m.map(x.effect, x.change),
        m.bind(x.effect, lambda value: pure(x.change(value))),
    ),
    "a pure value is bound by calling": lambda m, x: (m.bind(pure(x.value), x.go_on), x.go_on(x.value)),
    "binding binds": lambda m, x: (
        m.bind(m.bind(x.effect, x.go_on), x.handle),
        m.bind(x.effect, lambda value: m.bind(x.go_on(value), x.handle)),
    ),
    "apply is bind and map, the value first": lambda m, x: (
        m.apply(x.effect, x.functions),
        m.bind(x.effect, lambda value: m.map(x.functions, lambda function: function(value))),
    ),
    "alt changes a failure": lambda m, x: (m.alt(fail(x.error), x.change), fail(x.change(x.error))),
    "alt leaves a value": lambda m, x: (m.alt(pure(x.value), x.change), pure(x.value)),
    "alt with nothing to change is nothing": lambda m, x: (m.alt(x.effect, lambda error: error), x.effect),
    "alt after alt is one alt": lambda m, x: (
        m.alt(m.alt(x.effect, x.change), x.other),
        m.alt(x.effect, lambda error: x.other(x.change(error))),
    ),
    "alt is lash and fail": lambda m, x: (
        m.alt(x.effect, x.change),
        m.lash(x.effect, lambda error: fail(x.change(error))),
    ),
    "alt and map do not meet": lambda m, x: (
        m.alt(m.map(x.effect, x.change), x.other),
        m.map(m.alt(x.effect, x.other), x.change),
    ),
    "a failure is lashed by calling": lambda m, x: (m.lash(fail(x.error), x.handle), x.handle(x.error)),
    "lash leaves a value": lambda m, x: (m.lash(pure(x.value), x.handle), pure(x.value)),
    "lash with fail is nothing": lambda m, x: (m.lash(x.effect, fail), x.effect),
    "lashing lashes": lambda m, x: (
        m.lash(m.lash(x.effect, x.go_on), x.handle),
        m.lash(x.effect, lambda error: m.lash(x.go_on(error), x.handle)),
    ),
    "or is lash": lambda m, x: (x.effect | x.go_on(0), m.lash(x.effect, lambda _: x.go_on(0))),
    "an attempt of a value is a Success": lambda m, x: (m.attempt(pure(x.value)), pure(Success(x.value))),
    "an attempt of a failure is a Failure": lambda m, x: (m.attempt(fail(x.error)), pure(Failure(x.error))),
    "an attempt can be taken back": lambda m, x: (m.bind(m.attempt(x.effect), Effect.from_result), x.effect),
}


@pytest.mark.parametrize("law", LAWS)
@QUICK
@given(examples)
def test_law_holds(law: str, example: Example) -> None:
    left, right = LAWS[law](Methods(), example)

    assert left.equals(right)


BROKEN = {
    "bind adds a scope": Methods(bind=lambda effect, go_on: scope("more", effect.bind(go_on))),
    "map runs its source twice": Methods(map=lambda effect, change: effect.bind(lambda _: effect.map(change))),
    "lash maps values, too": Methods(lash=lambda effect, handle: effect.map(lambda _: 0).lash(handle)),
    "alt does nothing": Methods(alt=lambda effect, _: effect),
    "apply runs the function first": Methods(
        apply=lambda effect, functions: functions.bind(lambda function: effect.map(function))
    ),
    "attempt loses failures": Methods(attempt=lambda effect: effect.map(Success).lash(lambda _: pure(Success(0)))),
}


@pytest.mark.parametrize("bug", BROKEN)
def test_laws_tell_a_broken_method_apart(bug: str) -> None:
    def caught(found: tuple[str, Example]) -> bool:
        left, right = LAWS[found[0]](BROKEN[bug], found[1])
        return not left.equals(right)

    hypothesis.find(
        st.tuples(st.sampled_from(list(LAWS)), examples),
        caught,
        settings=settings(QUICK, max_examples=300, phases=[Phase.generate]),
        random=random.Random(0),
    )


# -- What the comparison sees. ----------------------------------------------------------------------------------------


@step
def zero_again() -> int:
    return 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (zero(), two()),
        (zero(), zero_again()),
        (double(1), double(2)),
        (zero(), scope("s", zero())),
        (zero().bind(lambda _: two()), two().bind(lambda _: zero())),
        (zero().map(lambda n: n), zero().map(lambda n: 2 - n)),
        (refuse(), refuse().alt(str)),
        (refuse(), refuse().lash(lambda _: pure(0))),
        (bracketed(undoable(zero()).bind(lambda _: refuse())), bracketed(zero().bind(lambda _: refuse()))),
        (pure(1), pure("1")),
        (fail(1), pure(1)),
    ],
)
def test_programs_that_behave_differently_are_not_equal(one: Effect[Any, Any], other: Effect[Any, Any]) -> None:
    assert not one.equals(other)
    assert one.equals(one)


def test_how_a_program_is_built_makes_no_difference() -> None:
    assert zero().bind(lambda n: pure(n + 1)).equals(zero().map(lambda n: n + 1))
    assert double(1).bind(lambda _: pure(3)).equals(double(1).map(lambda _: 3))


@QUICK
@given(effects)
def test_how_a_program_really_ends_is_among_what_was_explored(effect: Random) -> None:
    PROGRAMS["drawn"] = effect
    outcome = ended(effect)

    explored = explore(effect, faults=True)

    ends = {node.what for node in nodes(explored.tree) if isinstance(node, Ends)}
    if isinstance(outcome, Success) and not explored.cut:  # the text in a failure is a placeholder
        assert f"Success({outcome.unwrap()!r})" in ends
    assert ended(program("drawn")) == outcome
