"""Waiting for people and messages: approvals, denials, answers, signals, timers."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from returns.result import Failure, Success

from perdure import (
    Approved,
    Denied,
    Do,
    Expired,
    Fault,
    StepFault,
    Store,
    Waiting,
    approval,
    parallel,
    signal,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.interpreters.durable.errors import NotFound, Unusable
from perdure.testing import assert_crash_safe, never, simulate

DAY = timedelta(days=1)


@attrs.frozen
class Order:
    number: int


@attrs.frozen
class Refused(Fault):
    by: str


@step
def act() -> str:
    return "acted"


@workflow
def gated() -> Do[str, StepFault | Refused]:
    match (yield from approval("gate")):
        case Approved():
            return (yield from act())
        case Denied(by=by):
            raise Refused(by)


@workflow
def lenient() -> Do[tuple[bool, str], StepFault]:
    decision = yield from approval("gate")
    return isinstance(decision, Approved), (yield from act())


@workflow
def hears() -> Do[tuple[int, Order], StepFault]:
    yield from act()
    return (yield from signal("number", int)), (yield from signal("order", Order))


@workflow
def asks_a_person() -> Do[Order]:
    return (yield from suspend("which", Order))


@workflow
def waits_beside_work() -> Do[tuple[bool, str], StepFault]:
    return (yield from parallel(suspend("gate"), act()))


@workflow
def naps() -> Do[str]:
    yield from sleep(3 * DAY)
    return "awake"


def acted(store: Store, run_id: str) -> list[str]:
    return [entry.path for entry in store.journal(run_id) if entry.kind == "end" and entry.path.endswith("act")]


def test_a_gate_parks_the_run_and_an_approval_lets_it_finish(durable_store: Store) -> None:
    """Case 34: a run waits for a person as rows, with nothing done behind the gate, and goes on when approved."""
    handle = durable_store.start(gated())
    seen = handle.result()
    assert isinstance(seen, Waiting)
    assert seen.state == "waiting-approval"
    assert acted(durable_store, handle.run_id) == []

    durable_store.approve(handle.run_id)
    assert handle.result() == Success("acted")


def test_a_gate_survives_a_crash_at_any_point() -> None:
    """Case 34: whenever a worker dies around a gate, the decision counts once."""
    (single,) = assert_crash_safe(gated(), answers="approve", on="sqlite").tried

    assert single.runs == single.of


def test_a_denial_that_the_workflow_makes_a_failure_fails_the_run_and_nothing_follows(durable_store: Store) -> None:
    """Case 35: who denies stops what the gate guards."""
    handle = durable_store.start(gated())
    handle.result()
    durable_store.deny(handle.run_id, by="ben")

    assert handle.result() == Failure(Refused("ben"))
    assert acted(durable_store, handle.run_id) == []


def test_a_denial_that_the_workflow_takes_as_a_decision_lets_it_go_on(durable_store: Store) -> None:
    """Case 35: a run may go on after a denial, if its code says so, and the decision is a typed value."""
    handle = durable_store.start(lenient())
    handle.result()
    durable_store.deny(handle.run_id)

    assert handle.result() == Success((False, "acted"))


def test_what_is_not_asked_cannot_be_approved(durable_store: Store) -> None:
    """Case 37: an approval of something that does not wait is refused, and is not kept for later."""
    handle = durable_store.start(hears())
    handle.result()

    with pytest.raises(NotFound):
        durable_store.approve(handle.run_id, "gate")


def test_a_message_of_another_name_moves_nothing_and_the_right_one_arrives_typed(durable_store: Store) -> None:
    """Case 39: a signal is matched by its name, and its payload is an object of the declared class."""
    handle = durable_store.start(hears())
    handle.result()
    durable_store.signal(handle.run_id, "other", 1)
    assert isinstance(handle.result(), Waiting)
    durable_store.signal(handle.run_id, "number", 1)
    durable_store.signal(handle.run_id, "order", Order(2))

    assert handle.result() == Success((1, Order(2)))


def test_a_message_that_comes_before_its_wait_is_not_lost(durable_store: Store) -> None:
    """Case 39: a signal that is sent early, even before its run exists, is there once the run comes to it."""
    durable_store.signal("early", "order", Order(2))
    durable_store.signal("early", "number", 1)

    assert durable_store.start(hears(), id="early").result() == Success((1, Order(2)))


def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays_open(durable_store: Store) -> None:
    """Case 40: a person is held to the type that was asked for, and may answer again."""
    handle = durable_store.start(asks_a_person())
    handle.result()

    with pytest.raises(Unusable, match="number"):
        durable_store.answer(handle.run_id, {"number": "many"})
    assert [gate.name for gate in durable_store.inbox()] == ["which"]
    durable_store.answer(handle.run_id, {"number": 3})
    assert handle.result() == Success(Order(3))
    assert durable_store.inbox() == []


def test_a_question_that_nobody_answers_in_time_expires() -> None:
    """Case 40: a gate with a limit ends as a failure of its own type."""
    sim = simulate(suspend("which", Order, expires=DAY), answers={"which": never})

    assert sim.outcome == Failure(Expired("which", DAY))
    assert sim.elapsed == DAY


def test_a_wait_does_not_hold_up_what_stands_beside_it(durable_store: Store) -> None:
    """Case 33: while one branch waits for a person, its siblings are done."""
    handle = durable_store.start(waits_beside_work())
    assert isinstance(handle.result(), Waiting)
    assert len(acted(durable_store, handle.run_id)) == 1

    durable_store.approve(handle.run_id)
    assert handle.result() == Success((True, "acted"))


def test_every_wait_says_for_what_and_which_command_ends_it(durable_store: Store) -> None:
    """Case 43: a person, a message, a time: each is told with the exact command, or the moment, that moves the run."""
    gate, message, timer = durable_store.start(gated()), durable_store.start(hears()), durable_store.start(naps())
    for handle in (gate, message, timer):
        assert isinstance(handle.result(), Waiting)
    shown = {handle.run_id: durable_store.show(handle.run_id) for handle in (gate, message, timer)}

    assert shown[gate.run_id].state == "waiting-approval"
    assert shown[gate.run_id].unblock == f"perdure approve {gate.run_id} gate"
    assert shown[message.run_id].state == "waiting-signal"
    assert shown[message.run_id].unblock == f"perdure signal {message.run_id} number -i JSON"
    assert shown[timer.run_id].state == "waiting-timer"
    assert shown[timer.run_id].why.startswith("due ")


def test_a_long_timer_needs_no_process(durable_store: Store) -> None:
    """Case 41: a run that waits for a time is left alone until then, and asking again does not restart its wait."""
    handle = durable_store.start(naps())
    handle.result()
    due = durable_store.show(handle.run_id).why

    assert isinstance(durable_store.resume(handle.run_id).result(), Waiting)
    assert durable_store.show(handle.run_id).why == due
