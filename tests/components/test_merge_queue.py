"""What lands was checked on top of all that landed before it, and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Review, merged
from returns.result import Failure, Success

from perdure import Effect, StepFault, fail, pure
from perdure.components import Halted, Merged, Rejected, merge_queue
from perdure.testing import each, simulate

NO = Rejected("2 tests failed")


def test_a_change_is_checked_on_top_of_all_that_landed_before_it() -> None:
    sim = simulate(merged("a", "c"))

    assert sim.value() == Merged("trunk+a+c", (("a", Success("trunk+a")), ("c", Success("trunk+a+c"))))
    assert [(record.name, *record.given.values()) for record in sim.trace] == [
        ("rebase", "trunk", "a"),
        ("suite", "trunk+a"),
        ("push", "trunk+a"),
        ("rebase", "trunk+a", "c"),
        ("suite", "trunk+a+c"),
        ("push", "trunk+a+c"),
    ]


def test_a_change_that_is_not_good_is_left_out_and_the_others_go_on_without_it() -> None:
    sim = simulate(merged("a", "b", "c"))

    assert sim.value() == Merged(
        "trunk+a+c", (("a", Success("trunk+a")), ("b", Failure(NO)), ("c", Success("trunk+a+c")))
    )
    assert [record.given["candidate"] for record in sim.asked("push")] == ["trunk+a", "trunk+a+c"]


@pytest.mark.parametrize("at", ["rebase", "suite"])
def test_a_change_that_cannot_be_rebased_or_checked_is_left_out(at: str) -> None:
    good = {"rebase": "trunk+c", "suite": Review(True, "")}[at]
    sim = simulate(merged("a", "c"), steps={at: each(OSError("conflict"), good)})

    assert sim.value().trunk == "trunk+c"
    assert sim.value().changes[0] == ("a", Failure(StepFault(at, "OSError", "conflict")))


def test_a_change_that_cannot_land_halts_the_queue_with_what_has_landed() -> None:
    sim = simulate(merged("a", "b", "c", "d"), steps={"push": each("trunk+a", OSError("protected"))})

    so_far = Merged("trunk+a", (("a", Success("trunk+a")), ("b", Failure(NO))))
    assert sim.outcome == Failure(Halted("land", so_far, StepFault("push", "OSError", "protected")))
    assert [record.given["change"] for record in sim.asked("rebase")] == ["a", "b", "c"]


def test_the_next_change_is_put_on_the_trunk_as_landing_left_it() -> None:
    sim = simulate(merged("a", "c"), steps={"push": each("sha1", "sha2")})

    assert sim.asked("rebase")[1].given == {"trunk": "sha1", "change": "c"}
    assert sim.value().trunk == "sha2"


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from(["good", "bad", "conflict"]), max_size=6))
def test_the_trunk_is_all_good_changes_in_their_order(changes: list[str]) -> None:
    checked: list[Sequence[int]] = []

    def rebase(trunk: tuple[int, ...], change: int) -> Effect[tuple[int, ...], str]:
        return fail("conflict") if changes[change] == "conflict" else pure((*trunk, change))

    def check(candidate: tuple[int, ...]) -> Effect[Review, str]:
        checked.append(candidate)
        return pure(Review(changes[candidate[-1]] == "good", "bad"))

    def land(candidate: tuple[int, ...]) -> Effect[tuple[int, ...], str]:
        assert candidate in checked
        return pure(candidate)

    nothing: tuple[int, ...] = ()
    queue = simulate(merge_queue(nothing, range(len(changes)), rebase=rebase, check=check, land=land)).value()

    assert queue.trunk == tuple(n for n, kind in enumerate(changes) if kind == "good")
    assert [isinstance(outcome, Success) for _, outcome in queue.changes] == [kind == "good" for kind in changes]
