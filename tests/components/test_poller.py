"""A poll waits by durable timers between its looks, and ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pattern_workflows import built, status
from returns.result import Failure

from perdure import Exhausted, Waiting
from perdure.components import poller
from perdure.testing import each, simulate

MINUTE = timedelta(minutes=1)


def waits(**options: Any) -> list[float]:
    """How many minutes it waits, each time, until it gives up."""
    poll = poller(status("b"), done=lambda seen: seen == "done", **{"every": MINUTE, "rounds": 5, **options})
    return [(record.ended - record.began) / MINUTE for record in simulate(poll).asked("sleep")]


@pytest.mark.parametrize(
    ("options", "minutes"),
    [
        ({}, [1, 1, 1, 1]),
        ({"factor": 2}, [1, 2, 4, 8]),
        ({"factor": 3, "longest": 5 * MINUTE}, [1, 3, 5, 5]),
        ({"factor": 2, "longest": MINUTE / 2}, [1, 1, 1, 1]),
        ({"rounds": 1}, []),
    ],
)
def test_waits_grow_by_the_factor_up_to_the_longest(options: dict[str, Any], minutes: list[float]) -> None:
    assert waits(**options) == minutes


def test_it_ends_with_what_was_seen_once_that_is_done_and_waits_no_longer() -> None:
    sim = simulate(built("nightly"), steps={"status": each("queued", "done")})

    assert sim.value() == "done"
    assert [record.name for record in sim.trace] == ["status", "sleep", "status"]


def test_what_is_never_done_is_exhausted_with_what_was_seen_last() -> None:
    sim = simulate(built("nightly"), steps={"status": each("queued", "10%", "20%")})

    assert sim.outcome == Failure(Exhausted("20%", rounds=3))


def test_a_poll_that_sees_the_same_again_and_again_can_give_up() -> None:
    poll = poller(status("b"), done=lambda seen: seen == "done", every=MINUTE, alike=3)

    outcome = simulate(poll, steps={"status": each("1%", "2%", "2%", "2%")}).outcome

    assert outcome == Failure(Exhausted("2%", rounds=4, alike=3))


def test_between_two_looks_there_is_no_process(durable_store: Any) -> None:
    resting = durable_store.start(built("nightly"), id="poll").result()

    assert isinstance(resting, Waiting)
    assert resting.state == "waiting-timer"
