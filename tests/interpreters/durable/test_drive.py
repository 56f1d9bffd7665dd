"""What one drive promises: commits, parking, stopping, changed code, gates, signals, cancellation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from returns.result import Failure, Result, Success
from worlds import Lab

from perdure import (
    Approved,
    Cancelled,
    Denied,
    Do,
    Expired,
    Fault,
    Interrupted,
    RetriesExhausted,
    Retry,
    StepFault,
    StepTimedOut,
    TimedOut,
    approval,
    child,
    compensate,
    fail,
    for_each,
    parallel,
    parallel_map,
    race,
    signal,
    sleep,
    sleep_until,
    step,
    suspend,
    timeout,
    workflow,
)
from perdure.core.asked import Answer, Asked
from perdure.core.effect import Call, Effect
from perdure.core.leaves import Step
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked, Stopped
from perdure.interpreters.durable.errors import Blocked, Corrupt, Drifted, Fenced, NotFound, Owned
from perdure.interpreters.durable.ports import Batch, Claim
from perdure.interpreters.durable.takeover import begin
from perdure.interpreters.simulate.memory_store import MemoryStore
from perdure.interpreters.simulate.points import Crash, Points

YES = '{"_type":"Approved","by":"ana","note":"","at":null}'


@step
def add(a: int, b: int) -> int:
    return a + b


@step
def other(a: int, b: int) -> int:
    return a * b


def perform(asked: Asked) -> Answer:
    assert isinstance(asked.op, Step)
    value = asked.op.task.fn(*asked.op.args, **asked.op.kwargs)
    return value if isinstance(value, Result) else Success(value)


def lab(effect: Effect[Any, Any], **options: Any) -> Lab:
    assert isinstance(effect, Call)
    return Lab(effect, options.pop("perform", perform), **options)


def recoded(before: Lab, effect: Effect[Any, Any]) -> Lab:
    """The same database under other code."""
    assert isinstance(effect, Call)
    after = lab(effect)
    after.store, after.clock, after.worker, after.points = (
        before.store,
        before.clock,
        before.worker,
        before.points,
    )
    return after


def kinds(of: Lab) -> list[tuple[str, str, int]]:
    return [(entry.kind, entry.path, entry.attempt) for entry in of.entries]


def status(of: Lab) -> str:
    return of.store.rows[of.run_id].status


# -- commits ---------------------------------------------------------------------------------------------------------


@workflow
def chain(steps: int) -> Do[int]:
    total = 0
    for n in range(steps):
        total = yield from add(total, n)
    return total


def test_a_chain_of_n_steps_is_n_plus_one_commits_after_the_start() -> None:
    run = lab(chain(50))
    run.start()
    assert run.store.commits == 51


def test_what_ends_together_and_what_opens_together_is_one_commit() -> None:
    @workflow
    def wide() -> Do[int]:
        return len((yield from parallel(*[add(n, n) for n in range(1000)])))

    run = lab(wide())
    assert run.start() == Finished(Success(1000))
    assert run.store.commits <= 3


@attrs.frozen
class Box:
    items: tuple[float, ...]


@step
def pack() -> Box:
    return Box((1, 2))


@workflow
def look() -> Do[str]:
    return repr((yield from pack()).items)


def test_the_program_sees_what_was_recorded_and_not_what_the_step_returned() -> None:
    assert lab(look()).start() == Finished(Success("(1.0, 2.0)"))


# -- parking and stopping --------------------------------------------------------------------------------------------


@workflow
def gated() -> Do[bool]:
    yield from add(1, 1)
    return (yield from suspend("ok", prompt="Go?"))


def test_a_run_that_waits_for_a_person_parks_and_goes_on_when_answered() -> None:
    run = lab(gated())

    assert isinstance(run.start(), Parked)
    row = run.store.rows["run"]
    assert (row.status, row.owner) == ("parked", None)
    assert json.loads(row.reason or "")["waits"] == [
        {"path": "gated/ok", "name": "ok", "kind": "approval", "due": None}
    ]

    run.answer("ok", "true")
    assert run.resume() == Finished(Success(True))
    assert [path for path, _, _ in run.executed] == ["gated/add"]


def test_a_suspended_branch_does_not_stop_its_siblings() -> None:
    @workflow
    def mixed() -> Do[int]:
        _, total = yield from parallel(suspend("ok"), chain(5))
        return total

    run = lab(mixed())

    assert isinstance(run.start(), Parked)
    assert len(run.executed) == 5


def test_a_near_timer_is_waited_for_and_a_far_one_parks() -> None:
    @workflow
    def naps() -> Do[int]:
        yield from sleep(timedelta(seconds=20))
        yield from sleep(timedelta(hours=1))
        return 1

    run = lab(naps())
    began = run.clock.now()

    rest = run.start(Options(linger=timedelta(seconds=30)))

    assert isinstance(rest, Parked)
    assert rest.wake_at == began + 20_000 + 3_600_000
    run.clock.advance(3_600_000)
    assert run.resume() == Finished(Success(1))


def test_resuming_before_a_timer_is_due_parks_again_without_writing_entries() -> None:
    @workflow
    def nap() -> Do[None]:
        yield from sleep(timedelta(days=1))

    run = lab(nap())
    run.start()
    before = list(run.entries)

    assert isinstance(run.resume(), Parked)
    assert run.entries == before


def test_stopping_starts_nothing_new_records_what_ends_and_releases_the_run() -> None:
    run = lab(chain(10), stop_after=3)

    assert run.start() == Stopped("SIGTERM")

    assert status(run) == "ready"
    assert len(run.executed) == 3
    run.stop_after = None
    assert run.resume() == Finished(Success(45))
    assert len(run.executed) == 10


def test_an_attempt_that_outlives_the_grace_is_cut_off_and_made_again() -> None:
    run = lab(chain(3), seconds={"add": 60.0}, stop_after=1)

    assert run.start() == Stopped("SIGTERM")
    assert [entry.kind for entry in run.entries] == ["begin"]

    run.stop_after = None
    run.resume()
    assert [(path, number) for path, number, _ in run.executed][:2] == [("chain/add", 1), ("chain/add", 2)]


# -- owners ----------------------------------------------------------------------------------------------------------


def test_a_live_owner_is_not_taken_over() -> None:
    run = lab(gated())
    run.start()
    row = run.store.rows["run"]
    run.store.rows["run"] = attrs.evolve(
        row, status="running", owner="worker-2", lease_until=run.clock.boot() + 1000, lease_epoch="boot"
    )
    with pytest.raises(Owned, match="driven by worker worker-2"):
        run.resume()


def test_a_frozen_owner_is_taken_over_after_its_lease_and_then_fenced_out() -> None:
    """The world of the one that thaws still holds the old claim: nothing that it writes is taken."""
    run = lab(chain(3))
    fenced: list[str] = []

    def freeze(asked: Asked) -> Answer:
        if len(run.executed) == 2 and not fenced:
            fenced.append("frozen")
            run.clock.advance(31_000)  # past the lease
            thief = recoded(run, run.call)
            thief.worker = 10
            assert thief.resume() == Finished(Success(3))
        return perform(asked)

    run.perform = freeze

    with pytest.raises(Fenced):
        run.start()
    assert status(run) == "succeeded"
    assert {entry.fence for entry in run.entries} == {1, 2}


def test_a_worker_that_is_frozen_while_it_renews_its_lease_asks_once_more_before_it_starts_anything() -> None:
    run = lab(chain(1))
    renewed: list[int] = []

    class Freezing(MemoryStore):
        async def commit(self, batch: Batch) -> bool:
            done = await super().commit(batch)
            if not renewed:
                run.clock.advance(31_000)  # past the lease
            return done

        async def renew(self, claim: Claim, lease_until: int) -> None:
            await super().renew(claim, lease_until)
            renewed.append(lease_until)
            if len(renewed) == 1:
                run.clock.advance(31_000)

    run.store = Freezing()

    assert run.start() == Finished(Success(0))
    assert len(renewed) == 2
    assert renewed[1] > run.clock.boot()


def test_a_lease_is_renewed_by_the_drive_itself() -> None:
    left: list[int] = []

    def look(asked: Asked) -> Answer:
        left.append((run.store.rows["run"].lease_until or 0) - run.clock.boot())
        return perform(asked)

    run = lab(chain(2), perform=look, seconds={"add": 120.0})

    run.start()

    assert all(0 < lease <= 30_000 for lease in left)
    assert run.store.commits >= 3 + 2 * 120 // 30


def test_there_is_no_run_of_that_name() -> None:
    with pytest.raises(NotFound, match="no run 'run'"):
        lab(chain(1)).resume()


# -- changed code ----------------------------------------------------------------------------------------------------


@workflow(name="flow")
def first_version() -> Do[int]:
    one = yield from add(1, 1)
    two = yield from other(one, 2)
    yield from suspend("ok")
    return two


@workflow(name="flow")
def renamed() -> Do[int]:
    one = yield from step(name="plus")(add.task.fn)(1, 1)  # type: ignore[attr-defined]
    two = yield from other(one, 2)
    yield from suspend("ok")
    return two


@workflow(name="flow")
def swapped() -> Do[int]:
    one = yield from other(1, 1)
    two = yield from add(one, 2)
    yield from suspend("ok")
    return two


@workflow(name="flow")
def removed() -> Do[int]:
    one = yield from add(1, 1)
    yield from suspend("ok")
    return one


@workflow(name="flow")
def inserted_before() -> Do[int]:
    yield from step(name="new")(add.task.fn)(0, 0)  # type: ignore[attr-defined]
    one = yield from add(1, 1)
    two = yield from other(one, 2)
    yield from suspend("ok")
    return two


@workflow(name="flow")
def inserted_after() -> Do[int]:
    one = yield from add(1, 1)
    two = yield from other(one, 2)
    yield from suspend("ok")
    return two + (yield from add(10, 10))


@workflow(name="flow")
def wrapped() -> Do[int]:
    _, two = yield from parallel(add(1, 1), other(2, 2))
    yield from suspend("ok")
    return two


@workflow(name="flow")
def another_input() -> Do[int]:
    one = yield from add(1, 5)
    two = yield from other(one, 2)
    yield from suspend("ok")
    return two


@step(name="add")
def add_text(a: int, b: int) -> str:
    return str(a + b)


@workflow(name="flow")
def another_type() -> Do[str]:
    return (yield from add_text(1, 1))


@workflow(name="flow")
def ended_early() -> Do[int]:
    return (yield from add(1, 1))


def parked() -> Lab:
    run = lab(first_version())
    assert isinstance(run.start(), Parked)
    return run


@pytest.mark.parametrize("code", [swapped, removed, inserted_before, wrapped, another_type, ended_early])
def test_code_that_asks_otherwise_is_refused_and_nothing_is_executed_or_written(code: Any) -> None:
    before = parked()
    rows, entries, executed = dict(before.store.rows), list(before.entries), list(before.executed)

    with pytest.raises(Drifted, match="Nothing was executed and nothing was written"):
        recoded(before, code()).resume()

    assert (before.store.rows, before.entries, before.executed) == (rows, entries, executed)


def test_a_rename_is_recognised_and_mended_by_the_command_that_the_refusal_names() -> None:
    before = parked()
    after = recoded(before, renamed())

    with pytest.raises(Drifted) as refused:
        after.resume()

    assert "This looks like a rename: same kind, same output type, same place." in str(refused.value)
    assert "perdure resume run --rename add=plus" in str(refused.value)
    before.answer("ok", "true")
    assert after.resume(Options(rename={"add": "plus"})) == Finished(Success(4))
    assert after.executed == []


def test_a_renamed_step_keeps_its_name_on_later_resumes() -> None:
    before = parked()
    after = recoded(before, renamed())
    assert isinstance(after.resume(Options(rename={"add": "plus"})), Parked)

    before.answer("ok", "true")
    assert after.resume() == Finished(Success(4))


def test_a_renamed_step_that_was_cut_off_keeps_its_idempotency_key() -> None:
    run = lab(first_version(), seconds={"add": 60.0}, stop_after=1)
    run.start()

    after = recoded(run, renamed())
    after.resume(Options(rename={"add": "plus"}))

    assert run.executed[0][2] == after.executed[0][2]


def test_a_rename_of_nothing_is_refused() -> None:
    with pytest.raises(Drifted, match="nothing in run run is called zzz"):
        parked().resume(Options(rename={"zzz": "add"}))


def test_new_steps_behind_what_was_recorded_are_free() -> None:
    before = parked()
    before.answer("ok", "true")
    assert recoded(before, inserted_after()).resume() == Finished(Success(24))


def test_an_edited_input_keeps_the_recorded_outcome_and_says_so_once() -> None:
    before = parked()
    after = recoded(before, another_input())

    after.resume()
    after.resume()

    notes = [entry for entry in after.entries if entry.kind == "note"]
    assert [json.loads(note.payload)["changed"] for note in notes] == ["flow/add"]
    assert after.executed == []


def test_an_edited_input_can_be_executed_again_with_all_that_follows() -> None:
    before = parked()
    after = recoded(before, another_input())

    after.resume(Options(on_change="rerun"))
    after.answer("ok", "true")

    assert after.resume() == Finished(Success(12))
    assert [(path, number) for path, number, _ in after.executed] == [("flow/add", 2), ("flow/other", 2)]


def test_what_was_kept_once_can_still_be_executed_again_later() -> None:
    after = recoded(parked(), another_input())
    after.resume()

    after.resume(Options(on_change="rerun"))

    assert [path for path, _, _ in after.executed] == ["flow/add", "flow/other"]


def test_an_edited_input_can_be_refused() -> None:
    with pytest.raises(Drifted, match="--on-change keep"):
        recoded(parked(), another_input()).resume(Options(on_change="refuse"))


def test_a_changed_record_is_corrupt_and_never_taken_for_undone() -> None:
    run = parked()
    entries = run.store.journals["run"]
    entries[1] = entries[1]._replace(payload='{"ok":7}')

    with pytest.raises(Corrupt):
        run.resume()
    assert len(run.executed) == 2


# -- failures, retries, limits ---------------------------------------------------------------------------------------


@attrs.frozen
class Busy(Fault):
    by: str


@step(retry=Retry(attempts=3, wait=timedelta(hours=1), jitter=0))
def call() -> Result[int, Busy]:
    return Failure(Busy("them"))


@workflow
def calls() -> Do[int, Busy | StepFault]:
    return (yield from call())


def test_a_retry_waits_durably_and_a_resume_does_not_restart_the_wait() -> None:
    run = lab(calls())
    began = run.clock.now()
    rest = run.start()
    assert isinstance(rest, Parked)
    assert rest.waits[0]["kind"] == "retry"

    run.clock.advance(1_800_000)
    rest = run.resume()

    assert isinstance(rest, Parked)
    assert rest.wake_at is not None
    assert rest.wake_at - began < 3_600_100
    assert len(run.executed) == 1


def test_a_declared_failure_stays_what_it_is_after_the_last_attempt() -> None:
    assert lab(calls()).to_the_end({}) == Finished(Failure(Busy("them")))


def test_what_a_step_raises_is_counted_when_the_retries_are_used_up() -> None:
    def broken(asked: Asked) -> Answer:
        fault = StepFault("call", "OSError", "no route")
        fault.__cause__ = OSError("no route")
        return Failure(fault)

    run = lab(calls(), perform=broken)

    assert run.to_the_end({}) == Finished(Failure(RetriesExhausted("call", "OSError", "no route", 3)))
    assert [entry.kind for entry in run.entries] == ["begin", "wait", "begin", "wait", "begin", "note", "end"]
    assert "OSError: no route" in json.loads(run.entries[1].payload)["trace"]


def test_an_attempt_that_takes_longer_than_its_timeout_fails() -> None:
    @step(timeout=timedelta(seconds=5))
    def slow() -> int:
        return 1

    @workflow
    def hurried() -> Do[int]:
        return (yield from slow())

    rest = lab(hurried(), seconds={"slow": 60.0}).start()

    assert isinstance(rest, Finished)
    assert isinstance(rest.outcome.failure(), StepTimedOut)


def test_a_value_that_cannot_be_recorded_blocks_the_run_and_the_next_worker_tries_again() -> None:
    @step
    def lies() -> int:
        return "text"  # type: ignore[return-value]

    @workflow
    def trusting() -> Do[int]:
        return (yield from lies())

    run = lab(trusting())
    with pytest.raises(Blocked, match="run run is blocked"):
        run.start()

    assert status(run) == "blocked"
    run.perform = lambda asked: Success(5)
    assert run.resume() == Finished(Success(5))
    assert [number for _, number, _ in run.executed] == [1, 2]


def test_a_defect_blocks_the_run_and_loses_nothing() -> None:
    @workflow(name="flow")
    def buggy() -> Do[int]:
        one = yield from add(1, 1)
        raise KeyError(one)

    @workflow(name="flow")
    def mended() -> Do[int]:
        return (yield from add(1, 1))

    run = lab(buggy())
    with pytest.raises(Blocked, match="KeyError"):
        run.start()
    assert status(run) == "blocked"
    with pytest.raises(Blocked):
        run.resume()

    after = recoded(run, mended())
    assert after.resume() == Finished(Success(2))
    assert after.executed == []


def test_a_child_run_is_refused_in_words_until_it_exists_on_sql() -> None:
    @workflow
    def parent() -> Do[int]:
        return (yield from child(chain(2)))

    with pytest.raises(Blocked, match="call the workflow directly"):
        lab(parent()).start()


# -- gates and signals -----------------------------------------------------------------------------------------------


@workflow
def shown(what: str) -> Do[bool]:
    return isinstance((yield from approval("go", show=what)), Approved)


def test_an_approval_of_one_thing_never_approves_another() -> None:
    before = lab(shown("A"))
    before.start()
    before.answer("go", YES)

    after = recoded(before, shown("B"))
    rest = after.resume()

    assert isinstance(rest, Parked)
    assert [(gate.number, gate.status) for gate in after.store.gate_rows.values()] == [(1, "withdrawn"), (2, "open")]
    after.answer("go", YES)
    assert after.resume() == Finished(Success(True))


def test_a_gate_that_nobody_answers_in_time_fails_with_expired() -> None:
    @workflow
    def impatient() -> Do[bool, Expired]:
        return (yield from suspend("ok", expires=timedelta(days=2)))

    run = lab(impatient())
    assert run.to_the_end({}) == Finished(Failure(Expired("ok", timedelta(days=2))))
    assert [gate.status for gate in run.store.gate_rows.values()] == ["expired"]


@workflow
def hears() -> Do[list[int]]:
    return [(yield from signal("news", int)), (yield from signal("news", int))]


def test_signals_are_consumed_once_in_the_order_in_which_they_came() -> None:
    run = lab(hears())
    run.send("news", "1")
    assert isinstance(run.start(), Parked)
    run.send("news", "2")
    run.send("news", "3")

    assert run.resume() == Finished(Success([1, 2]))
    assert [row.consumed is not None for row in run.inbox] == [True, True, False]


def test_a_clock_that_was_set_back_between_two_messages_does_not_change_their_order() -> None:
    run = lab(hears())
    run.send("news", "1", at=5_000)
    run.send("news", "2", at=1_000)

    assert run.start() == Finished(Success([1, 2]))


def test_a_signal_that_does_not_fit_is_set_aside_and_does_not_wake_the_run() -> None:
    run = lab(hears())
    run.send("news", '"text"')
    assert isinstance(run.start(), Parked)

    assert run.inbox[0].refused is not None
    run.send("news", "1")
    run.send("news", "2")
    assert run.resume() == Finished(Success([1, 2]))


def test_the_gate_of_a_lost_race_is_withdrawn() -> None:
    @workflow
    def either() -> Do[object]:
        return (yield from race(suspend("ok"), sleep(timedelta(hours=1)).map(lambda _: "late")))

    run = lab(either())
    assert run.to_the_end({}) == Finished(Success("late"))
    assert [gate.status for gate in run.store.gate_rows.values()] == ["withdrawn"]


def test_a_gate_that_is_over_when_it_opens_expires_beside_a_long_step() -> None:
    @workflow
    def impatient() -> Do[bool]:
        yield from signal("news", int)
        return isinstance((yield from suspend("ok", expires=timedelta(0)).attempt()), Failure)

    @workflow
    def busy() -> Do[tuple[bool, int]]:
        return (yield from parallel(impatient(), add(1, 1)))

    run = lab(busy(), seconds={"add": 60.0})
    run.send("news", "1")

    assert run.start() == Finished(Success((True, 2)))
    assert [entry.kind for entry in run.entries if entry.path.endswith(("ok", "add"))] == [
        "begin",
        "wait",
        "wake",
        "end",
    ]
    assert [gate.status for gate in run.store.gate_rows.values() if gate.name == "ok"] == ["expired"]


# -- cancellation ----------------------------------------------------------------------------------------------------


@workflow
def trip() -> Do[bool]:
    yield from compensate(add(1, 1), lambda n: other(n, 0))
    yield from compensate(add(2, 2), lambda n: other(n, 0))
    return (yield from suspend("ok"))


def test_cancelling_a_parked_run_takes_back_what_it_did() -> None:
    run = lab(trip())
    run.start()
    run.cancel("changed my mind")

    assert run.resume() == Finished(Failure(Cancelled("changed my mind")))

    assert status(run) == "cancelled"
    assert [path for path, _, _ in run.executed][2:] == ["undo/other", "undo#2/other"]


def cut_off_in_its_first_step(call: Call[Any, Any]) -> Lab:
    run = lab(call, points=Points(["2:commit"]))
    with pytest.raises(Crash):
        run.start()
    return run


def test_what_was_cut_off_is_not_made_again_by_a_run_that_is_to_be_cancelled() -> None:
    run = cut_off_in_its_first_step(chain(3))
    run.cancel("enough")

    assert run.resume() == Finished(Failure(Cancelled("enough")))
    assert run.executed == []


def test_an_answer_that_came_meanwhile_is_taken_before_what_was_cut_off_is_made_again() -> None:
    @workflow
    def either() -> Do[int]:
        return (yield from race(suspend("go", int), add(1, 1)))

    run = cut_off_in_its_first_step(either())
    run.answer("go", "7")

    assert run.resume() == Finished(Success(7))
    assert run.executed == []


def cancelled(*crashes: str) -> Lab:
    run = lab(trip())
    run.start()
    run.cancel("enough")
    run.points = Points(crashes)
    return run


def test_a_crash_in_the_middle_of_a_cancellation_goes_on_with_it() -> None:
    clean = cancelled()
    clean.to_the_end({})

    for point in clean.points.met:
        run = cancelled(point.label)
        assert run.to_the_end({"ok": "true"}) == Finished(Failure(Cancelled("enough")))
        ends = [entry.path for entry in run.entries if entry.kind == "end" and "undo" in entry.path]
        assert ends == ["undo/other", "undo#2/other"]


def test_what_could_not_be_taken_back_is_noted() -> None:
    @workflow
    def stuck() -> Do[int]:
        yield from compensate(add(1, 1), lambda n: fail(Fault("no refund")))
        yield from fail(Fault("failed"))
        return 1

    run = lab(stuck())
    run.start()

    assert json.loads(run.entries[-1].payload) == {"not_undone": [{"path": "undo", "error": "no refund"}]}


def test_a_rollback_that_has_to_wait_is_not_cancelled_by_the_cancel_that_began_it() -> None:
    @workflow
    def slow_refund() -> Do[bool]:
        yield from compensate(add(1, 1), lambda n: sleep(timedelta(days=1)))
        return (yield from suspend("ok"))

    run = lab(slow_refund())
    run.start()
    run.cancel("enough")

    assert isinstance(run.resume(), Parked)
    run.clock.advance(86_400_000)
    assert run.resume() == Finished(Failure(Cancelled("enough")))


def test_for_each_resumes_in_the_middle() -> None:
    @workflow
    def many() -> Do[int]:
        return sum((yield from for_each(range(20), lambda n: add(n, n), key=str, limit=4)))

    run = lab(many(), stop_after=7)
    run.start()
    run.stop_after = None

    assert run.resume() == Finished(Success(380))
    assert len({path for path, _, _ in run.executed}) == 20
    assert len(run.executed) <= 20 + 4


def seen(answers: Mapping[str, str]) -> object:
    rest = lab(shown("A")).to_the_end(answers)
    assert isinstance(rest, Finished)
    return rest.outcome


def test_a_denial_is_a_decision_and_no_failure() -> None:
    assert seen({"go": '{"_type":"Denied","by":"bo","note":"","at":null}'}) == Success(False)
    assert Denied(by="bo") != Approved(by="bo")


# -- what a hostile reader found ---------------------------------------------------------------------------------------


@workflow
def gate_against_the_past() -> Do[str]:
    yield from race(
        suspend("first").map(lambda _: "answered"), sleep_until(datetime(2020, 1, 1, tzinfo=UTC)).map(lambda _: "late")
    )
    yield from suspend("second")
    return "ok"


def test_a_gate_that_is_closed_before_it_is_written_is_not_left_open() -> None:
    run = lab(gate_against_the_past())
    assert isinstance(run.start(), Parked)

    assert [(g.name, g.status) for g in run.store.gate_rows.values()] == [("first", "withdrawn"), ("second", "open")]
    run.answer("second", "true")
    assert run.resume() == Finished(Success("ok"))


@workflow(name="flow")
def planned(text: str) -> Do[bool]:
    yield from add(len(text), 1)
    return (yield from suspend("ok", show="the plan"))


def test_executing_anew_withdraws_the_gates_of_what_no_longer_counts() -> None:
    before = lab(planned("short"))
    before.start()
    after = recoded(before, planned("much longer"))

    assert isinstance(after.resume(Options(on_change="rerun")), Parked)

    assert [(gate.number, gate.status) for gate in after.store.gate_rows.values()] == [(1, "withdrawn"), (2, "open")]
    after.answer("ok", "true")
    assert after.resume() == Finished(Success(True))


@workflow
def limited() -> Do[bool, TimedOut]:
    return (yield from timeout(suspend("ok"), timedelta(seconds=2)))


def test_an_answer_in_time_wins_over_a_timer_that_is_seen_later() -> None:
    for answered_at, outcome in ((1000, Success(True)), (3000, Failure(TimedOut(timedelta(seconds=2))))):
        run = lab(limited())
        began = run.clock.now()
        run.start()
        run.answer("ok", "true", at=began + answered_at)
        run.clock.advance(9000)
        assert run.resume() == Finished(outcome)


def test_timers_that_are_seen_late_fire_in_due_order() -> None:
    @workflow
    def two_timers() -> Do[str]:
        return (
            yield from race(
                sleep(timedelta(seconds=2)).map(lambda _: "two"), sleep(timedelta(seconds=1)).map(lambda _: "one")
            )
        )

    run = lab(two_timers())
    run.start()
    run.clock.advance(9000)
    assert run.resume() == Finished(Success("one"))


@workflow(name="shown")
def renamed_gate(what: str) -> Do[bool]:
    return isinstance((yield from approval("okay", show=what)), Approved)


def test_renaming_a_gate_does_not_let_its_approval_pass_for_another_subject() -> None:
    for what, ended in (("A", True), ("B", False)):
        before = lab(shown("A"))
        before.start()
        before.answer("go", YES)
        rest = recoded(before, renamed_gate(what)).resume(Options(rename={"go": "okay"}))
        assert isinstance(rest, Finished) is ended


@workflow(name="calls")
def calls_renamed() -> Do[int, Busy | StepFault]:
    return (yield from step(name="dial", retry=Retry(attempts=3, wait=timedelta(hours=1), jitter=0))(call.task.fn)())  # type: ignore[attr-defined]


def test_all_attempts_of_a_renamed_step_share_one_key() -> None:
    before = lab(calls())
    before.start()
    after = recoded(before, calls_renamed())
    before.clock.advance(4_000_000)
    after.resume(Options(rename={"call": "dial"}))
    before.clock.advance(8_000_000)
    after.resume()

    keys = {key for _, _, key in [*before.executed, *after.executed]}
    assert [number for _, number, _ in [*before.executed, *after.executed]] == [1, 2, 3]
    assert len(keys) == 1


@step(repeat="once")
def pay(amount: int) -> int:
    return amount


@workflow
def pays_two(first: str, second: str) -> Do[dict[str, int], StepFault]:
    return (yield from parallel_map({first: pay(1), second: pay(2)}))


def test_names_can_be_exchanged_and_a_once_step_still_runs_once() -> None:
    before = lab(pays_two("x", "y"), stop_after=2, seconds={"pay": 60.0})
    before.start()

    rest = recoded(before, pays_two("x", "y")).resume(Options(rename={"x": "y", "y": "x"}))

    assert isinstance(rest, Finished)
    assert isinstance(rest.outcome.failure(), Interrupted)
    assert len(before.executed) == 2


def test_a_name_that_is_recorded_already_is_no_new_name() -> None:
    with pytest.raises(Drifted, match="two steps would be called flow/other"):
        parked().resume(Options(rename={"add": "other"}))


@workflow(name="flow")
def pays_and_plans(text: str) -> Do[object, StepFault]:
    return (yield from parallel(pay(1), add(len(text), 1), suspend("ok")))


def test_executing_anew_what_changed_never_repeats_a_once_step() -> None:
    before = lab(pays_and_plans("short"))
    before.start()
    after = recoded(before, pays_and_plans("much longer"))

    rest = after.resume(Options(on_change="rerun"))

    assert [path for path, _, _ in after.executed if path.endswith("pay")] == []
    assert isinstance(rest, Finished | Parked)


@workflow
def refunds_slowly(amount: int) -> Do[bool]:
    yield from compensate(add(amount, 1), lambda n: sleep(timedelta(days=1)))
    return (yield from suspend("ok"))


def test_a_run_that_is_being_cancelled_is_not_executed_anew() -> None:
    before = lab(refunds_slowly(1))
    before.start()
    before.cancel("enough")
    assert isinstance(before.resume(), Parked)

    with pytest.raises(Drifted, match="is being cancelled"):
        recoded(before, refunds_slowly(2)).resume(Options(on_change="rerun"))


@step(name="add")
def add_as_text(a: int, b: int) -> str:
    return str(a + b)


@workflow(name="chain")
def chain_of_text(steps: int) -> Do[str]:
    return (yield from add_as_text(0, 0))


def test_another_type_of_a_step_that_was_cut_off_is_another_step() -> None:
    before = lab(chain(3), seconds={"add": 60.0}, stop_after=1)
    before.start()
    with pytest.raises(Drifted, match="is another step than the one that was recorded"):
        recoded(before, chain_of_text(3)).resume()


@step
def grow(items: list[int]) -> int:
    items.append(1)
    return len(items)


@workflow
def grows() -> Do[int]:
    items: list[int] = []
    yield from grow(items)
    if items:
        yield from add(1, 1)
    yield from suspend("ok")
    return len(items)


def test_a_step_cannot_change_what_the_workflow_holds() -> None:
    run = lab(grows())
    run.start()
    run.answer("ok", "true")
    assert run.resume() == Finished(Success(0))


@workflow(name="undo")
def named_undo() -> Do[bool]:
    yield from compensate(add(1, 1), lambda n: add(n, 0))
    return (yield from suspend("ok"))


def test_a_workflow_called_undo_shares_no_key_with_its_rollback() -> None:
    run = lab(named_undo())
    run.start()
    run.cancel("enough")
    run.resume()
    assert [path for path, _, _ in run.executed] == ["undo/add", "undo#2/add"]


@workflow
def slow_beside_a_gate() -> Do[object]:
    return (yield from parallel(add(1, 1), suspend("ok")))


def test_a_stop_that_cuts_a_step_off_leaves_the_run_ready_and_not_waiting_for_a_person() -> None:
    run = lab(slow_beside_a_gate(), seconds={"add": 60.0}, stop_after=1)
    assert run.start() == Stopped("SIGTERM")
    assert status(run) == "ready"


def test_an_answer_that_does_not_decode_is_refused_and_asked_again() -> None:
    @workflow
    def number() -> Do[int]:
        return (yield from suspend("n", int))

    run = lab(number())
    run.start()
    run.answer("n", "1.0")
    assert isinstance(run.resume(), Parked)
    assert [(gate.number, gate.status) for gate in run.store.gate_rows.values()] == [(1, "withdrawn"), (2, "open")]
    run.answer("n", "1")
    assert run.resume() == Finished(Success(1))


def test_a_step_that_is_called_wrongly_blocks_the_run() -> None:
    @workflow
    def calls_wrongly() -> Do[int]:
        return (yield from add(1, 2, 3))  # type: ignore[call-arg]

    run = lab(calls_wrongly())
    with pytest.raises(Blocked, match="too many positional arguments"):
        run.start()
    assert status(run) == "blocked"


def test_a_prompt_may_hold_what_no_column_can() -> None:
    @workflow
    def odd() -> Do[bool]:
        return (yield from suspend("ok", prompt="\ud800 sure?"))

    run = lab(odd())
    run.start()
    assert [gate.prompt for gate in run.store.gate_rows.values()] == ["\\ud800 sure?"]


def test_an_expiry_beyond_the_calendar_blocks_the_run() -> None:
    @workflow
    def eternal() -> Do[bool, Expired]:
        return (yield from suspend("ok", expires=timedelta.max))

    with pytest.raises(Blocked):
        lab(eternal()).start()


def test_timers_of_closed_waits_are_forgotten() -> None:
    @workflow
    def many(rounds: int) -> Do[int]:
        for n in range(rounds):
            yield from timeout(add(n, 1), timedelta(days=1))
        return rounds

    sizes: list[int] = []
    run = lab(many(600))
    run.perform = lambda asked: (sizes.append(asked.attempt.number), perform(asked))[1]
    driven = begin(run.world(), at_once(run.store.start(run.row())), run.call, Options(), "memory")
    at_once(driven.run(run.effects(), lambda entry: None))
    assert len(driven._timers) < 200
