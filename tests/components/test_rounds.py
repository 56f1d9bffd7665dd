"""A loop ends: when its rounds are used up, and when it fails alike again and again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Never

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Judged, Review, Score
from returns.result import Failure, Success

from perdure import Defect, Do, Effect, Exhausted, Outcome, components, loop, pure, step, workflow
from perdure.components import (
    Rounds,
    delegation,
    optimizer,
    poller,
    review_loop,
    scan_fix_verify,
    self_improve,
    supervisor,
)
from perdure.testing import each, simulate


@workflow
def failing(failures: Sequence[object], rounds: int, alike: int) -> Do[str, Exhausted[int]]:
    """Fails so often, each time with the next of these failures."""
    left = Rounds(rounds, alike)
    for n, failure in enumerate(failures):
        yield from left.another(n, failure)
    return "good at last"


def test_a_loop_that_becomes_good_before_its_last_round_is_over_succeeds() -> None:
    assert simulate(failing("abc", 4, 0)).value() == "good at last"


def test_a_loop_that_uses_up_its_rounds_is_exhausted_with_its_last_state() -> None:
    assert simulate(failing("abc", 3, 0)).outcome == Failure(Exhausted(2, rounds=3))


def test_a_loop_that_fails_alike_in_a_row_ends_early_and_says_so() -> None:
    assert simulate(failing("abbbc", 9, 3)).outcome == Failure(Exhausted(3, rounds=4, alike=3))


def test_failures_that_are_alike_but_not_in_a_row_do_not_end_a_loop() -> None:
    assert simulate(failing("ababab", 9, 2)).value() == "good at last"


@pytest.mark.parametrize("failure", [None, "", 0, False])
def test_no_failure_is_alike_before_there_are_two(failure: object) -> None:
    assert simulate(failing([failure], 9, 2)).value() == "good at last"
    assert simulate(failing([failure] * 2, 9, 2)).outcome == Failure(Exhausted(1, rounds=2, alike=2))


@workflow
def deaf(rounds: int, alike: int) -> Do[list[Outcome[None, Exhausted[None]]], Never]:
    """Goes on whatever it is told."""
    left = Rounds(rounds, alike)
    told = []
    for _ in range(4):
        told.append((yield from left.another(None).attempt()))
    return told


def test_whoever_does_not_stop_is_told_again() -> None:
    assert simulate(deaf(3, 0)).value()[2:] == [Failure(Exhausted(None, 3)), Failure(Exhausted(None, 4))]
    assert simulate(deaf(9, 3)).value()[2:] == [Failure(Exhausted(None, 3, 3)), Failure(Exhausted(None, 4, 4))]


def test_in_the_last_round_failing_alike_is_told_as_that() -> None:
    assert simulate(failing("aa", 2, 2)).outcome == Failure(Exhausted(1, rounds=2, alike=2))


@attrs.frozen(eq=False)
class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise AssertionError("was compared")


def test_failures_are_not_compared_unless_somebody_asks_for_it() -> None:
    assert simulate(failing([Incomparable()] * 3, 9, 0)).value() == "good at last"


def test_a_loop_that_is_driven_again_counts_again() -> None:
    loop = failing("aab", 9, 3)

    assert simulate(loop).value() == simulate(loop).value() == "good at last"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from("ab"), max_size=8), st.integers(1, 9), st.sampled_from([0, 2, 3]))
def test_a_loop_ends_at_the_first_of_both(failures: list[str], rounds: int, alike: int) -> None:
    stuck = [n for n in range(alike, len(failures) + 1) if alike and len(set(failures[n - alike : n])) == 1]
    ends = [(n, alike) for n in stuck[:1] if n <= rounds]
    ends += [(rounds, 0)] if rounds <= len(failures) else []
    end = min(ends, key=lambda end: (end[0], -end[1]), default=None)

    outcome = simulate(failing(failures, rounds, alike)).outcome

    assert outcome == (Failure(Exhausted(end[0] - 1, *end)) if end else Success("good at last"))


@pytest.mark.parametrize(
    ("rounds", "alike", "told"),
    [
        (0, 0, "rounds=0: a loop has at least one round"),
        (3, 1, "alike=1: failures are alike from the second one on; 0 lets all rounds be used"),
        (3, -2, "alike=-2: "),
    ],
)
def test_rounds_that_cannot_be_are_refused(rounds: int, alike: int, told: str) -> None:
    with pytest.raises(Defect, match=told):
        Rounds(rounds, alike)


@step
def verdict() -> Review:
    return Review(False, "no")


@step
def rating() -> Score:
    return Score(0, "no")


@step
def more() -> list[int]:
    return [1]


@step
def status() -> str:
    return "no"


@attrs.frozen
class Task:
    worker: str
    after: Sequence[int] = ()


@step
def planned(wrong: str | None) -> list[Task]:
    return [Task("x")]


@step
def judged() -> Judged:
    return Judged(False, "no", [], "")


#: Every pattern that loops, and that of the core, with failures of its rounds that are not alike.
LOOPS: Mapping[str, tuple[Effect[Any, Any], Mapping[str, Sequence[object]]]] = {
    "review_loop": (
        review_loop(lambda _: pure("draft"), lambda _: verdict(), rounds=4, alike=2),
        {"verdict": [Review(False, text) for text in "abab"]},
    ),
    "optimizer": (
        optimizer(lambda _: pure("draft"), lambda _: rating(), target=1, rounds=4, alike=2),
        {"rating": [Score(0, text) for text in "abab"]},
    ),
    "scan_fix_verify": (
        scan_fix_verify(pure([1]), pure, lambda _: verdict(), rounds=4, alike=2),
        {"verdict": [Review(False, text) for text in "abab"]},
    ),
    "supervisor": (
        supervisor(pure([0]), pure, lambda _: more(), rounds=4, alike=2),
        {"more": [[1], [2], [1], [2]]},
    ),
    "poller": (
        poller(status(), done=lambda seen: seen == "yes", every=timedelta(0), rounds=4, alike=2),
        {"status": [*"abab"]},
    ),
    "delegation": (
        delegation(planned, {"w": lambda task, before: pure(1)}, rounds=4, alike=2),
        {"planned": [[Task("x")], [Task("y")], [Task("x")], [Task("y")]]},
    ),
    "self_improve": (
        self_improve(pure(0), lambda runs, wrong: pure("change"), lambda _: judged(), pure, rounds=4, alike=2),
        {"judged": [Judged(False, text, [], "") for text in "abab"]},
    ),
    "loop": (
        loop("", lambda _: status(), until=lambda seen: seen == "yes", rounds=4, alike=2),
        {"status": [*"abab"]},
    ),
}

#: Whose rounds do not fail: so often both sides of a debate speak, and so often a watch finds nothing amiss.
NEVER_FAILING = {"debate", "drift_detector"}


def test_no_pattern_that_loops_is_without_that_brake() -> None:
    functions = {name: getattr(components, name) for name in components.__all__ if name.islower()}
    looping = {name for name, function in functions.items() if "rounds" in inspect.signature(function).parameters}

    assert looping - NEVER_FAILING == LOOPS.keys() - {"loop"}


@pytest.mark.parametrize("loop", LOOPS)
def test_every_pattern_that_loops_can_be_told_to_stop_after_failing_alike(loop: str) -> None:
    effect, _ = LOOPS[loop]

    ended = simulate(effect).outcome.failure()

    assert isinstance(ended, Exhausted)
    assert (ended.rounds, ended.alike) == (2, 2)


@pytest.mark.parametrize("loop", LOOPS)
def test_no_pattern_that_loops_stops_early_where_its_rounds_fail_each_in_their_own_way(loop: str) -> None:
    effect, failures = LOOPS[loop]

    ended = simulate(effect, steps={name: each(*each_of) for name, each_of in failures.items()}).outcome.failure()

    assert isinstance(ended, Exhausted)
    assert (ended.rounds, ended.alike) == (4, 0)
