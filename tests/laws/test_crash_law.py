"""The crash law: whatever a workflow is, no crash changes how it ends, what it asks, or when.

Random concurrent programs with timers, time limits, retries and steps that take their time: a false alarm would fail
here. That true ones are not missed is for `tests/interpreters/simulate/test_crash_bugs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Result, Success
from strategies import ANSWERS, PROGRAMS, Random, Refused, Small, against, program, release, together
from strategies import concurrent_effects as untimed

from perdure import Effect, Retry, StepFault, compensate, fail, fallback, pure, retry, sleep, step, suspend, timeout
from perdure.testing import after, assert_crash_safe, each

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
_names = count()

milliseconds = st.sampled_from((0, 1, 3, 17, 60_000)).map(lambda n: timedelta(milliseconds=n))


@step(retry=Retry(attempts=3, wait=timedelta(milliseconds=5)))
def flaky() -> Small:
    raise ConnectionError("reset")


@step(timeout=timedelta(milliseconds=10))
def slow() -> Small:
    return 1


@step(repeat="once")
def charge() -> Result[Small, Refused]:
    return Success(2)


def patient(wait: timedelta) -> Random:
    return sleep(wait).bind(lambda _: pure(1))


def limited(effect: Random, limit: timedelta) -> Random:
    return timeout(effect, max(limit, timedelta(milliseconds=1))).lash(
        lambda error: pure(0) if not isinstance(error, Refused | StepFault) else fail(error)
    )


def tried_again(effect: Random) -> Random:
    return retry(effect, Retry(attempts=2, wait=timedelta(milliseconds=7)))


def expiring(wait: timedelta) -> Random:
    return suspend("late", Small, expires=max(wait, timedelta(milliseconds=1))).lash(lambda _: pure(2))


def undoable(effect: Random) -> Random:
    return compensate(effect, release)


def attempted(effect: Random) -> Random:
    return effect.attempt().bind(Effect.from_result)


def fallen_back(first: Random, second: Random) -> Random:
    return fallback(first, second)


leaves: st.SearchStrategy[Random] = st.one_of(
    untimed,
    st.sampled_from((flaky, slow, charge)).map(lambda make: make()),
    st.builds(patient, milliseconds),
    st.builds(expiring, milliseconds),
)
timed: st.SearchStrategy[Random] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(limited, inner, milliseconds),
        *(st.builds(one, inner) for one in (tried_again, undoable, attempted)),
        st.builds(fallen_back, inner, inner),
        st.builds(together, inner, inner, st.integers(0, 1)),
        st.builds(against, inner, inner),
    ),
    max_leaves=4,
)


@st.composite
def scripts(draw: st.DrawFn) -> Mapping[str, Mapping[str, object]]:
    """How long everything takes, and how it ends."""
    reset = ConnectionError("reset")
    steps = {
        "zero": after(draw(milliseconds), 0),
        "two": after(draw(milliseconds), 2),
        "slow": after(draw(milliseconds), 1),
        "charge": after(draw(milliseconds), draw(st.sampled_from((Success(2), Failure(Refused("broke")))))),
        "flaky": after(draw(milliseconds), each(*[reset] * draw(st.integers(0, 2)), *[1] * 20)),
    }
    answers = {name: after(draw(milliseconds), answer) for name, answer in {**ANSWERS, "late": 1}.items()}
    return {"steps": steps, "answers": answers}


def called(effect: Random) -> Effect[Small, Refused | StepFault]:
    name = f"program-{next(_names)}"
    PROGRAMS.clear()
    PROGRAMS[name] = effect
    return program(name)


@given(timed, scripts())
@SETTINGS
def test_no_crash_changes_anything(effect: Random, script: Mapping[str, Mapping[str, object]]) -> None:
    proved = assert_crash_safe(called(effect), answers=script["answers"], steps=script["steps"])

    assert proved.tried[0].runs >= 3


@given(timed, scripts())
@settings(SETTINGS, max_examples=20)
def test_no_two_crashes_change_anything(effect: Random, script: Mapping[str, Mapping[str, object]]) -> None:
    assert_crash_safe(called(effect), answers=script["answers"], steps=script["steps"], depth=2, budget=60)


@given(timed, scripts())
@settings(SETTINGS, max_examples=3)
def test_no_crash_changes_anything_on_sqlite(effect: Random, script: Mapping[str, Mapping[str, object]]) -> None:
    assert_crash_safe(called(effect), answers=script["answers"], steps=script["steps"], on="sqlite", budget=30)
