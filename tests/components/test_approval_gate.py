"""What a gate guards does not happen before an approval, and a denial is no success."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pattern_workflows import guarded, publish
from returns.result import Failure

from perdure import Approved, Denied, Expired, approval
from perdure.components import approval_gate, majority, panel
from perdure.testing import after, never, simulate


def test_what_is_guarded_happens_after_an_approval() -> None:
    sim = simulate(guarded("bees", risky=True), answers={"publish-it": after(timedelta(hours=3), Approved(by="ann"))})

    assert sim.value() == "published bees"
    assert sim.asked("publish")[0].began - sim.trace[0].began == timedelta(hours=3)


def test_whoever_is_asked_is_shown_what_it_is_about() -> None:
    gate = approval_gate("publish-it", publish("bees"), prompt="Sure?", show="bees", expires=timedelta(days=1))

    sim = simulate(gate, answers={"publish-it": "approve"})

    assert [record.given for record in sim.asked("publish-it")] == [["Sure?", "bees", "P1D"]]


def test_a_denial_is_the_value_and_nothing_of_what_is_guarded_happens() -> None:
    sim = simulate(guarded("bees", risky=True), answers={"publish-it": Denied(by="ann", note="not yet")})

    assert sim.value() == Denied(by="ann", note="not yet")
    assert sim.count("publish") == 0


def test_a_gate_that_nobody_answers_expires_and_nothing_of_what_is_guarded_happens() -> None:
    sim = simulate(guarded("bees", risky=True), answers={"publish-it": never})

    assert sim.outcome == Failure(Expired("publish-it", timedelta(days=1)))
    assert sim.count("publish") == 0


@pytest.mark.parametrize("risky", [True, False])
def test_nobody_is_asked_where_there_is_no_need_and_the_keys_are_the_same(risky: bool) -> None:
    sim = simulate(guarded("bees", risky=risky), answers={"publish-it": "approve"})

    assert sim.count("publish-it") == risky
    assert [record.path for record in sim.asked("publish")] == ["guarded/approval_gate/publish"]


@pytest.mark.parametrize(
    ("answers", "approved"), [("AAD", True), ("ADD", False), ("AAA", True), ("DDD", False), ("DAD", False)]
)
def test_two_of_three_people_must_approve(answers: str, approved: bool) -> None:
    people = panel(
        {name: approval(name) for name in ("ann", "ben", "cy")},
        majority(lambda answer: isinstance(answer, Approved), needed=2),
    )
    said = {name: "approve" if a == "A" else "deny" for name, a in zip(("ann", "ben", "cy"), answers, strict=True)}

    assert simulate(people, answers=said).value() is approved


def test_a_gate_without_an_end_stays_open() -> None:
    sim = simulate(approval_gate("go", publish("x")), answers={"go": after(timedelta(days=400), "approve")})

    assert sim.value() == "published x"
