"""The Python API on a real database: start, wait, answer, signal, cancel, attach, close; blocking and async."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from returns.result import Failure, Success

import perdure
from perdure import (
    Approved,
    Cancelled,
    Do,
    Fault,
    Retry,
    Scripted,
    StepTimedOut,
    Waiting,
    approval,
    ask,
    attempt,
    child,
    compensate,
    parallel,
    pure,
    signal,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.interpreters.durable.errors import Blocked, Conflict, NotFound, Unusable


@attrs.frozen
class Draft:
    text: str
    words: int


@attrs.frozen
class Rejected(Fault):
    by: str


@step
def write(topic: str) -> Draft:
    return Draft(f"On {topic}", 2)


@step
async def polish(draft: Draft) -> Draft:
    await asyncio.sleep(0)
    return attrs.evolve(draft, text=draft.text + ".")


@step
def retract(draft: Draft) -> None:
    """Takes a draft back."""


@workflow
def publish(topic: str, *, loud: bool = False) -> Do[str]:
    draft = yield from compensate(write(topic), retract)
    draft = yield from polish(draft)
    match (yield from approval("publish", prompt="Sure?", show=draft)):
        case Approved():
            return draft.text.upper() if loud else draft.text
        case denied:
            raise Rejected(denied.by)


@workflow
def hears() -> Do[tuple[int, Draft]]:
    return (yield from signal("number", int)), (yield from signal("draft", Draft))


@workflow
def which() -> Do[Draft]:
    return (yield from suspend("which", Draft))


@workflow
def both() -> Do[bool]:
    left, right = yield from parallel(suspend("left"), suspend("right"))
    return left and right


@workflow
def naps() -> Do[str]:
    yield from sleep(timedelta(milliseconds=30))
    return "awake"


@step
def lies() -> int:
    return "text"  # type: ignore[return-value]


@workflow
def trusts() -> Do[int]:
    return (yield from lies())


@workflow
def has_child() -> Do[str]:
    return (yield from child(naps()))


@step(timeout=timedelta(milliseconds=30))
async def slow() -> int:
    await asyncio.sleep(3600)
    return 1


@workflow
def hurries() -> Do[int]:
    return (yield from slow())


_tries: list[str] = []


@step(retry=Retry(attempts=3, wait=timedelta(milliseconds=5)))
def flaky() -> int:
    _tries.append(attempt().idempotency_key)
    if len(_tries) < 3:
        raise OSError("again")
    return len(_tries)


@workflow
def persists() -> Do[int]:
    return (yield from flaky())


@workflow
def asks() -> Do[Draft]:
    return (yield from ask("draft", Scripted("writer", {"bees": Draft("bees", 1)}), "write of bees", Draft))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[perdure.Store]:
    with perdure.open(tmp_path / "p.db") as store:
        yield store


def waiting(outcome: object) -> Waiting:
    assert isinstance(outcome, Waiting)
    return outcome


def test_a_run_waits_as_rows_and_goes_on_when_approved(store: perdure.Store) -> None:
    handle = store.start(publish("bees", loud=True))

    seen = waiting(handle.result())
    assert (seen.state, seen.why) == ("waiting-approval", "publish: Sure?")
    assert seen.unblock == f"perdure approve {handle.run_id} publish"
    (gate,) = store.inbox()
    assert gate.show == '{"text": "On bees.", "words": 2}'

    store.approve(handle.run_id, by="ana")
    assert handle.result() == Success("ON BEES.")
    assert store.show(handle.run_id).state == "succeeded"


def test_a_denial_can_be_a_failure_of_a_class_below_the_declared_one(store: perdure.Store) -> None:
    handle = store.start(publish("bees"))
    handle.result()
    store.deny(handle.run_id, by="bo")

    assert handle.result() == Failure(Rejected("bo"))
    assert handle.result() == Failure(Rejected("bo"))
    paths = [entry.path for entry in store.journal(handle.run_id) if entry.kind == "end"]
    assert paths == ["publish/write", "publish/polish", "undo/retract"]


def test_the_first_decision_counts(store: perdure.Store) -> None:
    handle = store.start(publish("bees"))
    handle.result()
    first = store.approve(handle.run_id, by="ana")

    assert store.approve(handle.run_id, by="eve") == first
    with pytest.raises(Conflict, match="decided already, by ana"):
        store.deny(handle.run_id)


def test_starting_again_attaches_and_other_input_conflicts(store: perdure.Store) -> None:
    one = store.start(publish("bees"), key="k")
    assert store.start(publish("bees", loud=False), key="k").run_id == one.run_id
    with pytest.raises(Conflict):
        store.start(publish("wasps"), key="k")
    with pytest.raises(Conflict):
        store.start(naps(), id=one.run_id)


def test_what_cannot_be_stored_is_refused_at_the_start(store: perdure.Store) -> None:
    with pytest.raises(Unusable, match=r"wrap it in a @workflow"):
        store.start(pure(1))
    with pytest.raises(Unusable, match=r"\$\.topic: expected str"):
        store.start(publish(5))  # type: ignore[arg-type]

    @workflow
    def local() -> Do[int]:
        return (yield from pure(1))

    with pytest.raises(Unusable, match="defined inside a function"):
        store.start(local())
    with pytest.raises(Unusable):
        store.start(naps(), id="no/slashes")
    assert store.runs() == []


def test_an_answer_must_fit_the_gate(store: perdure.Store) -> None:
    handle = store.start(which())
    handle.result()

    with pytest.raises(Unusable, match=r"the answer to gate 'which' does not fit"):
        store.answer(handle.run_id, {"text": "x"})
    with pytest.raises(Unusable, match="is answered by a value: perdure answer"):
        store.approve(handle.run_id)
    store.answer(handle.run_id, Draft("mine", 1))
    assert handle.result() == Success(Draft("mine", 1))


def test_which_gate_must_be_said_where_several_are_open(store: perdure.Store) -> None:
    handle = store.start(both())
    handle.result()

    with pytest.raises(NotFound, match=r"has 2 open gates; name one"):
        store.approve(handle.run_id)
    with pytest.raises(NotFound, match=r"has no gate 'middle'; open are: left, right"):
        store.approve(handle.run_id, "middle")
    store.approve(handle.run_id, "left")
    store.approve(handle.run_id, "both/all/1/right")
    assert handle.result() == Success(True)


def test_signals_may_come_before_the_run_and_must_fit_the_wait(store: perdure.Store) -> None:
    store.signal("mine", "number", 7, key="once")
    store.signal("mine", "number", 7, key="once")
    handle = store.start(hears(), id="mine")
    assert waiting(handle.result()).state == "waiting-signal"

    with pytest.raises(Unusable, match="signal 'draft' does not fit"):
        store.signal("mine", "draft", 7)
    store.signal("mine", "draft", Draft("x", 1))
    assert handle.result() == Success((7, Draft("x", 1)))


def test_a_timer_is_fired_by_whoever_asks_for_the_result_later(store: perdure.Store) -> None:
    handle = store.start(naps())
    for _ in range(1000):
        outcome = handle.result()
        if not isinstance(outcome, Waiting):
            break
        threading.Event().wait(0.005)  # it is a real clock: asked again until the timer is due
    assert outcome == Success("awake")


def test_cancelling_takes_back_what_was_done(store: perdure.Store) -> None:
    handle = store.start(publish("bees"))
    handle.result()

    cancelled = store.cancel(handle.run_id, "wrong topic")

    assert cancelled.result() == Failure(Cancelled("wrong topic"))
    assert handle.result() == Failure(Cancelled("wrong topic"))
    assert store.show(handle.run_id).state == "cancelled"
    assert store.inbox() == []


def test_what_cannot_be_recorded_blocks_the_run_with_the_path(store: perdure.Store) -> None:
    handle = store.start(trusts())
    with pytest.raises(Blocked, match=r"is blocked: what came of trusts/lies, \$: expected int"):
        handle.result()
    assert store.show(handle.run_id).state == "blocked"


def test_children_are_refused_in_words(store: perdure.Store) -> None:
    with pytest.raises(Blocked, match="rows of their own do not exist yet on SQL"):
        store.start(has_child()).result()


def test_timeouts_and_retries_hold_on_the_real_clock(store: perdure.Store) -> None:
    _tries.clear()
    assert isinstance(store.start(hurries()).result().failure(), StepTimedOut)  # type: ignore[union-attr]
    handle = store.start(persists())
    while isinstance(outcome := handle.result(), Waiting):
        threading.Event().wait(0.005)
    assert outcome == Success(3)
    assert len(set(_tries)) == 1


def test_agents_answer_typed(store: perdure.Store) -> None:
    assert store.start(asks()).result() == Success(Draft("bees", 1))


def test_a_result_can_be_waited_for_with_a_limit(store: perdure.Store) -> None:
    with pytest.raises(TimeoutError):
        store.start(sleeps_long()).result(timedelta(milliseconds=20))


@workflow
def sleeps_long() -> Do[int]:
    return (yield from very_slow())


@step
async def very_slow() -> int:
    await asyncio.sleep(3600)
    return 1


def test_closing_a_store_lets_another_worker_go_on(tmp_path: Path) -> None:
    with perdure.open(tmp_path / "p.db") as first:
        handle = first.start(publish("bees"))
        handle.result()
        run_id = handle.run_id
    with pytest.raises(Unusable, match="this store is closed"):
        first.runs()
    with perdure.open(tmp_path / "p.db") as second:
        second.approve(run_id)
        assert second.resume(run_id).result() == Success("On bees.")


def test_two_stores_share_runs_and_an_answer_wakes_a_driven_one(tmp_path: Path) -> None:
    with perdure.open(tmp_path / "p.db") as mine, perdure.open(tmp_path / "p.db") as yours:
        handle = mine.start(publish("bees"), id="shared")
        handle.result()
        yours.approve("shared", by="you")
        assert handle.result() == Success("On bees.")
        assert yours.handle("shared").result() == Success("On bees.")


def test_a_store_may_be_used_from_many_threads(store: perdure.Store) -> None:
    outcomes: list[object] = []

    def work(n: int) -> None:
        handle = store.start(publish(f"topic {n}"))
        handle.result()
        store.approve(handle.run_id)
        outcomes.append(handle.result())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(o.unwrap() for o in outcomes) == [f"On topic {n}." for n in range(8)]  # type: ignore[attr-defined]


def test_the_async_store_does_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with await perdure.open_async(tmp_path / "p.db") as store:
            handles = [await store.start(publish(f"topic {n}")) for n in range(20)]
            for outcome in await asyncio.gather(*(handle.result() for handle in handles)):
                assert isinstance(outcome, Waiting)
            for gate in await store.inbox():
                await store.approve(gate.run_id)
            done = await asyncio.gather(*(handle.result() for handle in handles))
            assert done == [Success(f"On topic {n}.") for n in range(20)]

    asyncio.run(main())


def test_a_lease_that_cannot_be_renewed_in_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="at least"):
        perdure.open(tmp_path / "p.db", lease=timedelta(seconds=1))


def test_an_unknown_run_is_named(store: perdure.Store) -> None:
    with pytest.raises(NotFound, match="no run 'nope'"):
        store.show("nope")
