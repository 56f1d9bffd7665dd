"""A review loop hands feedback on, returns what was approved, and is never a success otherwise. A jury is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pattern_workflows import Review, article, critic, edited, pedant, reviewed_by, written
from returns.result import Failure

from perdure import Defect, Effect, Exhausted, Fault, StepFault, ask, fail, pure
from perdure.components import Votes, jury, review_loop
from perdure.testing import after, each, fake_agent, simulate

NO, YES = Review(False, "no"), Review(True, "")


class Refused(Fault): ...


def test_the_producer_hears_the_feedback_on_its_last_draft_and_nothing_at_first() -> None:
    heard: list[str | None] = []

    def produce(feedback: str | None) -> Effect[str, StepFault]:
        heard.append(feedback)
        return written("bees")(feedback)

    agents = {"review": each(Review(False, "shorter"), Review(False, "kinder"), YES)}
    sim = simulate(review_loop(produce, reviewed_by(critic)), agents=agents)

    assert heard == [None, "shorter", "kinder"]
    assert sim.value() == "A text (bees, kinder)"


def test_the_reviewer_sees_each_draft_as_it_was_produced() -> None:
    sim = simulate(article("bees"))

    assert [record.given for record in sim.asked("review")] == ["A text (bees)", "A text (bees, shorter)"]


def test_nothing_is_produced_after_an_approval() -> None:
    sim = simulate(article("bees"), agents={"review": YES})

    assert sim.value() == "A text (bees)"
    assert [record.name for record in sim.trace] == ["write", "review"]


def test_a_loop_without_an_approval_is_exhausted_with_its_last_draft_which_was_reviewed_too() -> None:
    sim = simulate(article("bees"), agents={"review": NO})

    assert sim.outcome == Failure(Exhausted("A text (bees, no)", rounds=3))
    assert [record.name for record in sim.trace] == ["write", "review"] * 3


def test_the_last_draft_of_an_exhausted_loop_can_be_taken_by_whoever_wants_it() -> None:
    loop = review_loop(written("bees"), lambda _: pure(NO), rounds=2)

    kept = loop.lash(lambda ended: pure(ended.state) if isinstance(ended, Exhausted) else fail(ended))

    assert simulate(kept).value() == "A text (bees, no)"


def test_whatever_the_producer_or_the_reviewer_fails_with_is_the_failure_of_the_loop() -> None:
    assert simulate(review_loop(lambda _: fail(Refused()), reviewed_by(critic))).outcome == Failure(Refused())
    assert simulate(review_loop(written("bees"), lambda _: fail(Refused()))).outcome == Failure(Refused())


# -- A jury. --------------------------------------------------------------------------------------------------------


def votes(*approvals: bool, needed: int | None = None) -> Votes[Review]:
    reviews = {
        f"r{n}": (lambda draft, n=n, yes=yes: pure(Review(yes, f"{draft} {n}"))) for n, yes in enumerate(approvals)
    }
    return simulate(jury(reviews, needed=needed)("draft")).value()


@pytest.mark.parametrize(
    ("approvals", "needed", "approved"),
    [
        ((True, True, True), None, True),
        ((True, False, True), None, False),
        ((True, False, True), 2, True),
        ((True, False, False), 2, False),
        ((True, False, False), 1, True),
        ((False,), 1, False),
    ],
)
def test_a_jury_approves_when_enough_of_it_do_and_all_of_it_by_default(
    approvals: tuple[bool, ...], needed: int | None, approved: bool
) -> None:
    assert votes(*approvals, needed=needed).approved is approved


def test_the_feedback_of_a_jury_is_that_of_those_who_do_not_approve_by_name() -> None:
    assert votes(False, True, False).feedback == "r0: draft 0\nr2: draft 2"


def test_a_producer_hears_of_a_jury_what_each_reviewer_misses() -> None:
    sim = simulate(edited("bees"))

    assert sim.asked("write")[1].given == "bees, length: shorter\nstyle: a comma"
    assert "comma" in sim.value()


def test_reviewers_of_a_jury_judge_side_by_side() -> None:
    reviewers = jury({"length": reviewed_by(critic), "style": reviewed_by(pedant)})

    sim = simulate(reviewers("draft"), agents={"review": after(timedelta(hours=1), YES)})

    assert sim.elapsed == timedelta(hours=1)
    assert [record.path for record in sim.trace] == ["all/length/review", "all/style/review"]


def test_a_jury_fails_if_one_of_it_fails() -> None:
    mixed = jury({"a": lambda _: pure(YES), "b": lambda _: fail(Refused())}, needed=1)

    assert simulate(mixed("draft")).outcome == Failure(Refused())


@pytest.mark.parametrize("needed", [0, 3, -1])
def test_a_jury_of_which_too_many_or_nobody_must_approve_is_refused(needed: int) -> None:
    with pytest.raises(Defect, match=rf"jury\(needed={needed}\) of 2 reviewers: from 1 to all of them can be needed"):
        jury({"a": lambda _: pure(YES), "b": lambda _: pure(YES)}, needed=needed)


def test_a_jury_of_nobody_is_refused() -> None:
    with pytest.raises(Defect, match="of 0 reviewers"):
        jury({})


def test_a_loop_with_fake_agents_asks_them_in_turn() -> None:
    author, reader = fake_agent("author", each("one", "two")), fake_agent("reader", each(NO, YES))

    loop = review_loop(
        lambda feedback: ask("write", author, feedback or "begin"), lambda draft: ask("read", reader, draft, Review)
    )

    assert simulate(loop).value() == "two"
    assert (author.prompts, reader.prompts) == (("begin", "no"), ("one", "two"))
