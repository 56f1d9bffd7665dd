"""A panel's quorum and its votes are counted by the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Opinion, summed_up, voted
from returns.result import Failure, Success

from perdure import Defect, Effect, Fault, fail, pure, sleep
from perdure.components import NoMajority, NoQuorum, majority, panel
from perdure.testing import after, simulate

HOUR = timedelta(hours=1)


class Refused(Fault): ...


class Absent(Fault): ...


PANEL: Mapping[str, Effect[int, Refused]] = {"ann": pure(1), "ben": fail(Refused("busy")), "cy": pure(3)}


def as_it_is(opinions: dict[str, int]) -> Effect[dict[str, int], Any]:
    return pure(opinions)


def test_the_moderator_hears_every_opinion_by_name() -> None:
    assert simulate(panel({"ann": pure(1), "ben": pure(2)}, as_it_is)).value() == {"ann": 1, "ben": 2}


def test_panelists_are_asked_side_by_side_under_their_names() -> None:
    sim = simulate(summed_up("it"), agents={"judge": after(HOUR, Opinion("ship", "fast")), "sum-up": "ok"})

    assert sim.elapsed == HOUR
    assert [record.path for record in sim.asked("judge")] == [
        f"summed_up/panel/all/{topic}/judge" for topic in ("speed", "risk", "style")
    ]
    assert sim.asked("sum-up")[0].given == "fast; fast; fast"


def test_a_limit_bounds_how_many_are_asked_at_once() -> None:
    slow = {name: sleep(HOUR).map(lambda _: 0) for name in "abc"}

    assert simulate(panel(slow, as_it_is, limit=2)).elapsed == 2 * HOUR
    assert simulate(panel(slow, as_it_is, limit=2, quorum=1)).elapsed == 2 * HOUR
    assert simulate(panel(slow, as_it_is)).elapsed == HOUR


def test_without_a_quorum_the_failure_of_one_is_that_of_the_panel() -> None:
    assert simulate(panel(PANEL, as_it_is)).outcome == Failure(Refused("busy"))


def test_with_a_quorum_those_who_fail_are_left_out() -> None:
    assert simulate(panel(PANEL, as_it_is, quorum=2)).value() == {"ann": 1, "cy": 3}


def test_a_panel_without_its_quorum_says_who_answered_and_why_the_others_did_not() -> None:
    outcome = simulate(panel(PANEL, as_it_is, quorum=3)).outcome

    assert outcome == Failure(
        NoQuorum({"ann": Success(1), "ben": Failure(Refused("busy")), "cy": Success(3)}, quorum=3)
    )


def test_a_moderator_that_fails_fails_the_panel() -> None:
    assert simulate(panel(PANEL, lambda _: fail(Absent()), quorum=1)).outcome == Failure(Absent())


@pytest.mark.parametrize("quorum", [0, 4])
def test_a_quorum_that_cannot_be_is_refused(quorum: int) -> None:
    with pytest.raises(Defect, match=rf"panel\(quorum={quorum}\) of 3: from 1 to all of them can be a quorum"):
        _ = panel(PANEL, as_it_is, quorum=quorum)


def test_a_panel_of_nobody_is_refused() -> None:
    with pytest.raises(Defect, match=r"panel\(quorum=None\) of 0"):
        _ = panel({}, as_it_is)


# -- Votes. ---------------------------------------------------------------------------------------------------------


def count(*votes: str, needed: int | None = None) -> Any:
    return simulate(majority(needed=needed)({f"v{n}": vote for n, vote in enumerate(votes)})).outcome


@pytest.mark.parametrize(
    ("votes", "needed", "choice"),
    [
        *(("yyn", None, "y"), ("yynn", None, ""), ("yn", None, ""), ("y", None, "y"), ("", None, "")),
        *(("yyyn", 3, "y"), ("yynn", 2, ""), ("yyn", 3, ""), ("abcc", 2, "c"), ("abc", 1, ""), ("aab", 1, "a")),
    ],
)
def test_a_majority_is_the_one_choice_with_the_most_votes_if_it_has_enough(
    votes: str, needed: int | None, choice: str
) -> None:
    outcome = count(*votes, needed=needed)

    if choice:
        assert outcome.unwrap() == choice
    else:
        enough = len(votes) // 2 + 1 if needed is None else needed
        assert outcome == Failure(NoMajority({f"v{n}": vote for n, vote in enumerate(votes)}, enough))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=7))
def test_more_than_half_decide(votes: list[str]) -> None:
    (top, times), *_ = Counter(votes).most_common()

    outcome = count(*votes)

    assert isinstance(outcome, Failure) == (2 * times <= len(votes))
    assert isinstance(outcome, Failure) or outcome.unwrap() == top


def test_votes_need_not_be_hashable() -> None:
    assert simulate(majority()({"a": ["x"], "b": ["x"], "c": []})).value() == ["x"]


def test_a_panel_of_agents_votes() -> None:
    assert simulate(voted("the cache")).value() == "ship"
    assert isinstance(simulate(voted("the risk")).outcome.unwrap(), str)


def test_those_who_did_not_answer_have_no_vote() -> None:
    silent = {"a": pure("x"), "b": pure("x"), "c": pure("y"), "d": fail(Absent()), "e": fail(Absent())}

    assert simulate(panel(silent, majority(), quorum=3)).value() == "x"


def test_a_majority_without_votes_is_refused() -> None:
    with pytest.raises(Defect, match=r"majority\(needed=0\): a choice needs at least one vote"):
        majority(needed=0)
