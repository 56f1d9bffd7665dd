"""A watch ends with the first drift, after somebody was told of it; and it looks as often as it was told, no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Drift, fewer, replicas, told, watched
from returns.result import Failure

from perdure import Defect, Effect, StepFault, Waiting, pure
from perdure.components import drift_detector
from perdure.testing import each, simulate

DAY = timedelta(days=1)


def test_a_drift_is_told_once_and_ends_the_watch() -> None:
    sim = simulate(watched("eu"), steps={"replicas": each(3, 2)})

    assert sim.value() == Drift(True, "2 of 3")
    assert [record.name for record in sim.trace] == ["replicas", "sleep", "replicas", "page"]
    assert [record.given["what"] for record in sim.asked("page")] == ["2 of 3"]


def test_without_a_drift_nobody_is_told_and_nobody_waits_after_the_last_look() -> None:
    sim = simulate(watched("eu"))

    assert sim.value() == Drift(False, "3 of 3")
    assert [record.name for record in sim.trace] == ["replicas", "sleep", "replicas", "sleep", "replicas"]
    assert sim.elapsed == 2 * DAY


def test_what_has_drifted_by_the_first_look_is_told_at_once() -> None:
    sim = simulate(watched("eu"), steps={"replicas": 1})

    assert (sim.value(), sim.elapsed) == (Drift(True, "1 of 3"), timedelta(0))


def test_every_look_is_compared_with_the_baseline_and_not_with_the_last_look() -> None:
    compared: list[tuple[int, int]] = []

    def creeping(baseline: int, found: int) -> Effect[Drift, Never]:
        compared.append((baseline, found))
        return pure(Drift(found - baseline > 2, str(found)))

    watch = drift_detector(0, replicas("eu"), creeping, told, every=DAY)

    assert simulate(watch, steps={"replicas": each(1, 2, 3)}).value() == Drift(True, "3")
    assert set(compared) == {(0, 1), (0, 2), (0, 3)}


def test_an_alert_that_nobody_got_fails_the_watch() -> None:
    sim = simulate(watched("eu"), steps={"replicas": 2, "page": OSError("no signal")})

    assert sim.outcome == Failure(StepFault("page", "OSError", "no signal"))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=6))
def test_it_ends_at_the_first_look_that_differs_or_after_the_last(found: list[int]) -> None:
    watch = drift_detector(3, replicas("eu"), fewer, told, every=DAY, rounds=len(found))

    sim = simulate(watch, steps={"replicas": each(*found)})

    looks = found.index(2) + 1 if 2 in found else len(found)
    assert sim.count("replicas") == looks
    assert (sim.count("sleep"), sim.count("page")) == (looks - 1, int(2 in found))


@pytest.mark.parametrize("rounds", [0, -1])
def test_a_watch_that_never_looks_is_refused(rounds: int) -> None:
    with pytest.raises(Defect, match=rf"rounds={rounds}: a watch has at least one look"):
        simulate(drift_detector(3, replicas("eu"), fewer, told, every=DAY, rounds=rounds))


def test_between_two_nights_there_is_no_process(durable_store: Any) -> None:
    resting = durable_store.start(watched("eu"), id="watch").result()

    assert isinstance(resting, Waiting)
    assert resting.state == "waiting-timer"
