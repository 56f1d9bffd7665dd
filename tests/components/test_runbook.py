"""The riskier an action of a runbook is, the more people must say yes before; a no stops all that follows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import cancel, failover, run
from returns.result import Failure, Success

import perdure
from perdure import Approved, Denied, Expired, StepFault, compensate, pure
from perdure.components import Action, Halted, Risk, runbook, saga
from perdure.testing import after, each, never, simulate

HOUR = timedelta(hours=1)
ANN, BEN = Approved(by="ann"), Approved(by="ben")
NO = Denied(by="cy", note="not today")
ANSWERS = {"approve-drain": ANN, "approve-promote": ANN, "confirm-promote": BEN}
LOOKED = {"look": "status: ok"}
DRAINED = {**LOOKED, "drain": "drain eu: ok"}


def ran(sim: Any) -> list[str]:
    """The commands that were run."""
    return [record.given["command"] for record in sim.asked("run")]


def test_each_action_waits_for_as_many_people_as_its_risk_asks_for() -> None:
    sim = simulate(failover("eu"), answers=ANSWERS)

    assert sim.value() == {**DRAINED, "promote": "promote: ok"}
    assert [record.path.removeprefix("failover/runbook/") for record in sim.trace] == [
        "look/run",
        "drain/gates/approve-drain",
        "drain/run",
        "promote/gates/approve-promote",
        "promote/gates/confirm-promote",
        "promote/run",
    ]


@pytest.mark.parametrize(
    ("gate", "at", "done"),
    [
        ("approve-drain", "drain", LOOKED),
        ("approve-promote", "promote", DRAINED),
        ("confirm-promote", "promote", DRAINED),
    ],
)
def test_a_denial_stops_the_runbook_and_says_what_was_done(gate: str, at: str, done: dict[str, str]) -> None:
    sim = simulate(failover("eu"), answers={**ANSWERS, gate: NO})

    assert sim.outcome == Failure(Halted(at, done, NO))
    assert len(ran(sim)) == len(done)


@pytest.mark.parametrize("by", ["ann", ""])
def test_one_person_cannot_both_approve_and_confirm(by: str) -> None:
    said = {**ANSWERS, "approve-promote": Approved(by=by), "confirm-promote": Approved(by=by)}
    sim = simulate(failover("eu"), answers=said)

    twice = Denied(by=by, note="approved and confirmed by the same person")
    assert sim.outcome == Failure(Halted("promote", DRAINED, twice))
    assert ran(sim) == ["status", "drain eu"]


def test_a_gate_is_opened_only_when_it_is_the_turn_of_its_action() -> None:
    sim = simulate(failover("eu"), answers={**ANSWERS, "approve-drain": after(HOUR / 2, ANN)})

    assert sim.asked("approve-promote")[0].began == sim.asked("approve-drain")[0].began + HOUR / 2


def test_a_gate_that_nobody_answers_stops_the_runbook_once_it_expires() -> None:
    sim = simulate(failover("eu"), answers={"approve-drain": never})

    assert sim.outcome == Failure(Halted("drain", LOOKED, Expired("approve-drain", HOUR)))
    assert ran(sim) == ["status"]


def test_a_gate_without_an_end_stays_open() -> None:
    action = Action(run("drain"), risk="risky")
    sim = simulate(runbook({"drain": action}), answers={"approve-drain": after(timedelta(days=400), ANN)})

    assert sim.value() == {"drain": "drain: ok"}


def test_an_action_that_fails_stops_the_runbook_and_says_what_was_done() -> None:
    sim = simulate(failover("eu"), answers=ANSWERS, steps={"run": each("status: ok", OSError("no route"))})

    assert sim.outcome == Failure(Halted("drain", LOOKED, StepFault("run", "OSError", "no route")))
    assert sim.count("approve-promote") == 0


def test_in_a_saga_a_denial_takes_back_what_was_done() -> None:
    actions = {
        "book": Action(compensate(run("book"), cancel), risk="safe"),
        "pay": Action(run("pay"), risk="risky"),
    }
    sim = simulate(saga(runbook(actions)), answers={"approve-pay": NO})

    assert [record.given["booking"] for record in sim.asked("cancel")] == ["book: ok"]


def test_no_action_is_safe_by_default_and_another_risk_is_refused() -> None:
    with pytest.raises(TypeError, match="risk"):
        Action(run("drain"))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="'risk' must be in"):
        Action(run("drain"), risk="harmless")  # type: ignore[arg-type]


NEEDED: dict[Risk, int] = {"safe": 0, "risky": 1, "critical": 2}


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from(sorted(NEEDED)), max_size=4), st.data())
def test_nothing_is_done_with_fewer_different_people_than_its_risk_asks_for(
    risks: list[Risk], data: st.DataObject
) -> None:
    """Whatever people say: an action was done if and only if it and all before it had their people."""
    answer = st.sampled_from([ANN, BEN, NO])
    actions = {f"a{n}": Action(pure(n), risk=risk) for n, risk in enumerate(risks)}
    said = {f"{gate}-{name}": data.draw(answer) for name in actions for gate in ("approve", "confirm")}

    outcome = simulate(runbook(actions), answers=said).outcome

    allowed = []
    for n, risk in enumerate(risks):
        asked = [said[f"{gate}-a{n}"] for gate in ("approve", "confirm")][: NEEDED[risk]]
        yes = {one.by for one in asked if isinstance(one, Approved)}
        allowed.append(len(yes) == NEEDED[risk])
    passed = allowed.index(False) if False in allowed else len(allowed)
    done = {f"a{n}": n for n in range(passed)}
    match outcome:
        case Failure(Halted(at, state)):
            assert (at, state) == (f"a{len(done)}", done)
        case ended:
            assert all(allowed)
            assert ended == Success(done)


def test_on_a_database_too_people_see_what_it_is_about_and_a_denial_is_told_with_what_was_done(
    durable_store: perdure.Store,
) -> None:
    durable_store.start(failover("eu"), id="failover").result()
    (gate,) = durable_store.inbox()

    durable_store.deny("failover", "approve-drain", by="cy", note="not today")
    outcome = durable_store.resume("failover").result()

    assert json.loads(gate.show) == "eu serves 4 users"
    assert isinstance(outcome, Failure)
    halted = outcome.failure()
    assert isinstance(halted, Halted)
    assert (halted.at, halted.state, attrs.evolve(halted.because, at=None)) == ("drain", LOOKED, NO)
