"""Random effects, for laws and for interpreters that must agree.

Every effect yields a `Small` or fails with a `Refused` or a `StepFault`, so values and failures can be recorded.
All leaves are real. To run one of the effects, let the handlers do what they do, and answer gates and signals by
their name from `ANSWERS`, as often as they are asked for. A run that is stored must be the call of a workflow:

    PROGRAMS["one"] = effect
    store.start(program("one"))

What a leaf answers depends only on its name and arguments. Therefore `effects` end the same under every schedule, and
`ended` says how. That needs care where branches are concurrent: here no branch cuts off another that could end
otherwise. `concurrent_effects` are without that care: for interpreters that fix the order of replies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Never

import attrs
from hypothesis import strategies as st
from returns.result import Failure, Result, Success

from perdure import (
    Do,
    Effect,
    Fault,
    Outcome,
    StepFault,
    compensate,
    fail,
    fallback,
    parallel,
    pure,
    race,
    saga,
    scope,
    signal,
    step,
    suspend,
    workflow,
)
from perdure.core.asked import blame, settle
from perdure.core.leaves import Step
from perdure.core.machine import Machine
from perdure.core.operations import unfold

Small = Literal[0, 1, 2]


@attrs.frozen
class Refused(Fault):
    """The failure that steps declare."""

    why: str


Random = Effect[Small, Refused | StepFault]

#: What gates and signals are answered with, by their name.
ANSWERS: dict[str, object] = {"gate": 1, "go": 2}
#: The effects behind `program`, by any name.
PROGRAMS: dict[str, Random] = {}


@workflow
def program(name: str) -> Do[Small, Refused | StepFault]:
    """An effect of `PROGRAMS` as a run that can be stored, and resumed in the same process."""
    return (yield from PROGRAMS[name])


def ended(effect: Effect[Any, Any]) -> Outcome[Any, Any]:
    """How an effect ends: its requests answered one by one, the first asked first."""
    machine = Machine(effect)
    while machine.outcome is None:
        key, request = next(iter(machine.pending.items()))
        machine.reply(key, _reply(request.op))
    return machine.outcome


def _reply(op: Any) -> Outcome[Any, Any]:
    if not isinstance(op, Step):
        return Success(ANSWERS[op.name])
    try:
        return settle(op, op.task.fn(*op.args, **op.kwargs))
    except Exception as error:
        return blame(op, error)


# -- Leaves. ------------------------------------------------------------------------------------------------------


@step
def zero() -> Small:
    return 0


@step
def two() -> Small:
    return 2


@step
def refuse() -> Result[Small, Refused]:
    return Failure(Refused("no"))


@step
def stumble() -> Small:
    raise ValueError("stumbled")


@step
def double(n: Small) -> Small:
    return _small(2 * n)


@step
def release(n: Small) -> None:
    """How every compensation takes back what was done."""


smalls: st.SearchStrategy[Small] = st.sampled_from((0, 1, 2))
errors: st.SearchStrategy[Refused] = st.builds(Refused, st.sampled_from(("a", "b")))
leaves: st.SearchStrategy[Random] = st.one_of(
    smalls.map(pure),
    errors.map(fail),
    st.sampled_from((zero, two, refuse, stumble)).map(lambda make: make()),
    st.builds(double, smalls),
    st.just(suspend("gate", Small)),
    st.just(signal("go", Small)),
)


# -- Combinations. Named functions, so that a counterexample can be read. -------------------------------------------


def _small(n: int) -> Small:
    small: tuple[Small, ...] = (0, 1, 2)
    return small[n % 3]


def scoped(effect: Random) -> Random:
    return scope("scope", effect)


def mapped(effect: Random) -> Random:
    return effect.map(lambda n: _small(n + 1))


def doubled(effect: Random) -> Random:
    return effect.bind(double)


def then(first: Random, second: Random) -> Random:
    return first.bind(lambda n: second if n else pure(n))


def renamed(effect: Random) -> Random:
    return effect.alt(lambda error: Refused(type(error).__name__))


def rescued(effect: Random, other: Random) -> Random:
    return effect.lash(lambda error: other if isinstance(error, Refused) else fail(error))


def attempted(effect: Random) -> Random:
    return effect.attempt().bind(Effect.from_result)


def fallen_back(first: Random, second: Random) -> Random:
    return fallback(first, second)


def undoable(effect: Random) -> Random:
    return compensate(effect, release)


def bracketed(effect: Random) -> Random:
    return saga(effect)


@workflow
def called(first: Random, second: Random) -> Do[Small, Refused | StepFault]:
    n = yield from first
    match (yield from second.attempt()):
        case Success(m):
            return _small(n + m)
        case Failure(error):
            return (yield from fail(error)) if n else n


def both(first: Random, second: Random, limit: int) -> Random:
    return parallel(first.attempt(), second.attempt(), limit=limit).bind(
        lambda ends: Effect.from_result(ends[0]).bind(lambda _: Effect.from_result(ends[1]))
    )


def unfolded(first: Random, second: Random) -> Random:
    """Both side by side, and behind each of them, as soon as it ends, the second once more."""

    def begun(name: str, effect: Random) -> Mapping[tuple[str, ...], Effect[tuple[str, Outcome[Small, Any]], Never]]:
        return {(name, "of"): effect.attempt().map(lambda outcome: (name, outcome))}

    ends = unfold(
        {**begun("a", first), **begun("b", second)},
        lambda ended: begun(f"{ended[0]}-again", second) if len(ended[0]) == 1 else {},
    )
    outcomes = ends.map(lambda ends: [outcome for _, outcome in sorted(ends, key=lambda end: end[0])])
    return outcomes.bind(
        lambda every: Effect.from_result(next((o for o in every if isinstance(o, Failure)), every[-1]))
    )


def twins(effect: Random) -> Random:
    return race(effect, effect)


def together(first: Random, second: Random, limit: int) -> Random:
    return parallel(first, second, limit=limit).map(lambda pair: _small(sum(pair)))


def against(first: Random, second: Random) -> Random:
    return race(first, second)


def _grown(inner: st.SearchStrategy[Random]) -> st.SearchStrategy[Random]:
    return st.one_of(
        *(st.builds(one, inner) for one in (scoped, mapped, doubled, renamed, attempted, undoable, bracketed, twins)),
        *(st.builds(two, inner, inner) for two in (then, rescued, fallen_back, called)),
        st.builds(both, inner, inner, st.integers(0, 1)),
        st.builds(unfolded, inner, inner),
    )


def _grown_concurrently(inner: st.SearchStrategy[Random]) -> st.SearchStrategy[Random]:
    return _grown(inner) | st.builds(together, inner, inner, st.integers(0, 1)) | st.builds(against, inner, inner)


#: Effects that end the same under every schedule.
effects: st.SearchStrategy[Random] = st.recursive(leaves, _grown, max_leaves=4)

#: Effects whose end may depend on which of two concurrent leaves answers first.
concurrent_effects: st.SearchStrategy[Random] = st.recursive(leaves, _grown_concurrently, max_leaves=4)
