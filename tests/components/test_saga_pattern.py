"""A saga takes back what was done, in reverse: on failure, on cancellation, and as far as it can."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pattern_workflows
from pattern_workflows import book, cancel, pay, trip
from returns.result import Failure

import perdure
from perdure import (
    Cancelled,
    Do,
    Interrupted,
    StepFault,
    approval,
    components,
    for_each,
    parallel,
    pure,
    step,
    workflow,
)
from perdure.components import compensate, saga
from perdure.testing import after, each, simulate

BROKEN = StepFault("pay", "ConnectionError", "card refused")


def test_it_is_the_saga_of_the_core() -> None:
    assert (components.saga, components.compensate) == (perdure.saga, perdure.compensate)


def test_compensations_run_in_reverse_and_the_saga_fails_as_its_step_did() -> None:
    sim = simulate(trip("seat", "room"))

    assert [record.given["booking"] for record in sim.asked("cancel")] == ["room 17", "seat 17"]
    assert sim.outcome == Failure(BROKEN)
    assert sim.not_undone == ()


def test_what_failed_itself_is_not_taken_back() -> None:
    sim = simulate(trip("seat", "room"), steps={"book": each("seat 1", OSError("full"))})

    assert [record.given["booking"] for record in sim.asked("cancel")] == ["seat 1"]


def test_a_saga_that_succeeds_takes_nothing_back() -> None:
    sim = simulate(trip("seat", "room"), steps={"pay": "paid"})

    assert sim.value() == "paid"
    assert sim.count("cancel") == 0


def test_what_could_not_be_undone_is_reported_and_the_rest_is_undone_all_the_same() -> None:
    sim = simulate(trip("seat", "room"), steps={"cancel": each(OSError("closed"), None)})

    assert sim.count("cancel") == 2
    assert sim.outcome == Failure(BROKEN)
    assert [(path, str(error)) for path, error in sim.not_undone] == [
        ("trip/undo", "step 'cancel' failed: OSError: closed")
    ]


@workflow
def regions(names: list[str]) -> Do[list[str], StepFault]:
    deployed = for_each(names, lambda name: compensate(pattern_workflows.book(name), pattern_workflows.cancel), limit=1)
    return (yield from saga(deployed))


def test_a_list_of_steps_is_a_saga_of_for_each() -> None:
    script = each("eu 1", "us 1", OSError("asia is down"))

    sim = simulate(regions(["eu", "us", "asia"]), steps={"book": script})

    assert [record.given["booking"] for record in sim.asked("cancel")] == ["us 1", "eu 1"]


@workflow
def held(place: str) -> Do[str, StepFault]:
    seat = yield from compensate(pattern_workflows.book(place), pattern_workflows.cancel)
    yield from approval("keep")
    return seat


def test_a_cancelled_run_takes_back_what_its_saga_did(durable_store: perdure.Store) -> None:
    handle = durable_store.start(held("seat"), id="held")
    handle.result()

    outcome = durable_store.cancel("held", "another trip").result()

    assert outcome == Failure(Cancelled("another trip"))
    ends = [entry.path for entry in durable_store.journal("held") if entry.kind == "end"]
    assert ends == ["held/book", "undo/cancel"]


def test_on_a_database_too_what_could_not_be_undone_is_noted(durable_store: perdure.Store) -> None:
    outcome = durable_store.start(stuck("seat"), id="stuck").result()
    notes = [json.loads(entry.payload) for entry in durable_store.journal("stuck") if entry.kind == "note"]

    assert outcome == Failure(BROKEN)
    assert [note["not_undone"] for note in notes if "not_undone" in note] == [
        [{"path": "stuck/undo", "error": "step 'unbook' failed: OSError: closed"}]
    ]


@perdure.step
def unbook(booking: str) -> None:
    raise OSError("closed")


@workflow
def stuck(place: str) -> Do[str, StepFault]:
    return (
        yield from saga(
            compensate(pattern_workflows.book(place), unbook).bind(lambda seat: pattern_workflows.pay([seat]))
        )
    )


CUT_OFF = Interrupted("book", "", "cut off before it had an outcome")


def test_what_a_sibling_s_failure_cuts_off_has_no_outcome_to_take_back_and_is_reported() -> None:
    booked = parallel(compensate(book("seat"), cancel), book("room"), pay([]))

    sim = simulate(saga(booked), steps={"book": after(timedelta(hours=1), "17")})

    assert isinstance(sim.outcome, Failure)
    assert (sim.count("cancel"), sim.not_undone) == (0, (("all/0/book", CUT_OFF),))  # nobody would take back the room


def test_what_a_cancelled_run_cuts_off_is_reported_beside_what_it_takes_back() -> None:
    sim = simulate(
        for_each(["seat", "room"], lambda what: compensate(book(what), cancel), limit=1),
        steps={"book": after(timedelta(hours=1), "17")},
        cancel_after=timedelta(minutes=90),
    )

    assert (sim.count("cancel"), sim.not_undone) == (1, (("all/1/book", CUT_OFF),))


@step
async def endless() -> int:
    await asyncio.Event().wait()
    return 1


@step
async def breaks() -> int:
    raise OSError("full")


@workflow
def cut_off() -> Do[tuple[int, int]]:
    return (yield from saga(parallel(compensate(endless(), lambda _: pure(None)), breaks())))


def test_on_a_database_too_what_is_cut_off_is_reported(durable_store: perdure.Store) -> None:
    assert isinstance(durable_store.start(cut_off(), id="cut").result(), Failure)

    notes = [json.loads(entry.payload) for entry in durable_store.journal("cut") if entry.kind == "note"]
    assert [left["path"] for note in notes for left in note.get("not_undone", ())] == ["cut_off/all/0/endless"]
