"""Memory: the reference for what an effect means, on asyncio and on trio."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import attrs
import pytest
from returns.io import IOResult, IOSuccess
from returns.result import Failure, Success
from step_kinds import OUTCOMES, Dice, Refused, plain, safely, safely_later, typed

from perdure import (
    Approved,
    Attempt,
    Defect,
    Do,
    Effect,
    Expired,
    RetriesExhausted,
    Retry,
    Scripted,
    StepFault,
    StepTimedOut,
    TimedOut,
    approval,
    ask,
    attempt,
    child,
    fail,
    for_each,
    now,
    parallel,
    pure,
    race,
    retry,
    run_in_memory,
    signal,
    sleep,
    sleep_until,
    step,
    suspend,
    timeout,
    workflow,
)
from perdure.core.asked import Asked

QUICK = timedelta(milliseconds=1)
LONG = timedelta(hours=1)


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Any:
    def run(effect: Effect[Any, Any], **options: Any) -> Any:
        async def main() -> Any:
            with anyio.fail_after(30):
                return await run_in_memory(effect, **options)

        return anyio.run(main, backend=request.param)

    return run


@step
def from_io() -> IOResult[int, str]:
    return IOSuccess(2)


@pytest.mark.parametrize(("effect", "outcome"), [*OUTCOMES, (from_io(), Success(2))])
def test_what_code_returns_or_raises_is_an_outcome(run: Any, effect: Effect[Any, Any], outcome: Any) -> None:
    assert run(effect) == outcome


@pytest.mark.parametrize("effect", [safely(0), safely_later(0)])
def test_what_safe_declares_stays_what_it_is(run: Any, effect: Effect[Any, Any]) -> None:
    assert isinstance(run(effect).failure(), ZeroDivisionError)


def test_sync_steps_run_side_by_side_in_threads(run: Any) -> None:
    meeting = threading.Barrier(2)

    @step
    def meet() -> bool:
        meeting.wait(timeout=20)
        return threading.current_thread() is not threading.main_thread()

    assert run(parallel(meet(), meet())) == Success((True, True))


def test_gates_and_signals_are_answered_beforehand_by_name_or_path(run: Any) -> None:
    @workflow
    def waits() -> Do[tuple[bool, str]]:
        yes = yield from approval("go")
        word = yield from signal("word", str)
        return isinstance(yes, Approved), word

    assert run(waits(), answers={"go": Approved(by="ana"), "waits/word": "hi"}) == Success((True, "hi"))


def test_a_gate_that_nobody_answers_is_a_defect_that_says_what_to_give(run: Any) -> None:
    with pytest.raises(Defect, match=r"nobody answers suspend 'ok' in memory: give answers=\{'ok': …\}"):
        run(parallel(suspend("ok"), plain(1)))


def test_an_expiring_gate_expires(run: Any) -> None:
    assert run(suspend("ok", expires=QUICK)) == Failure(Expired("ok", QUICK))


def test_time_is_recorded_and_passes(run: Any) -> None:
    @workflow
    def naps() -> Do[timedelta]:
        before = yield from now()
        yield from sleep(timedelta(milliseconds=20))
        yield from sleep_until(datetime(2020, 1, 1, tzinfo=UTC))
        return (yield from now()) - before

    outcome = run(naps())
    assert timedelta(milliseconds=20) <= outcome.unwrap() < timedelta(minutes=1)


def test_the_loser_of_a_race_is_cancelled(run: Any) -> None:
    assert run(race(sleep(LONG), plain(1))) == Success(2)
    assert run(timeout(sleep(LONG), QUICK)) == Failure(TimedOut(QUICK))


def test_nothing_begins_before_the_loser_of_a_race_has_ended(run: Any) -> None:
    said: list[str] = []

    @step
    async def leaves_slowly() -> str:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.02)  # as it takes time to end the tree of an agent
            said.append("left")
        return "never"

    @step
    async def follows() -> str:
        said.append("began")
        return "second"

    raced = race(leaves_slowly(), plain(1)).bind(lambda _: follows())
    assert run(raced) == Success("second")
    assert said == ["left", "began"]


def test_a_failure_cancels_the_siblings(run: Any) -> None:
    assert run(parallel(sleep(LONG), typed(0))) == Failure(Refused("zero"))


def test_a_step_is_tried_again_by_its_policy_under_one_key(run: Any) -> None:
    seen: list[Attempt] = []

    @step(retry=Retry(attempts=3, wait=QUICK, on=(OSError,)))
    def flaky() -> int:
        seen.append(attempt())
        if len(seen) < 3:
            raise OSError("again")
        return len(seen)

    assert run(flaky()) == Success(3)
    assert [a.number for a in seen] == [1, 2, 3]
    assert len({a.idempotency_key for a in seen}) == 1


def test_a_policy_retries_only_what_it_names(run: Any) -> None:
    seen: list[int] = []

    @step(retry=Retry(attempts=3, wait=QUICK, on=(OSError,)))
    def wrong() -> int:
        seen.append(1)
        raise ValueError("no use")

    assert run(wrong()) == Failure(StepFault("wrong", "ValueError", "no use"))
    assert seen == [1]


def test_exhausted_retries_say_how_often(run: Any) -> None:
    @step(retry=Retry(attempts=2, wait=QUICK))
    def hopeless() -> int:
        raise OSError("again")

    assert run(hopeless()) == Failure(RetriesExhausted("hopeless", "OSError", "again", 2))


def test_an_attempt_that_takes_too_long_times_out(run: Any) -> None:
    @step(timeout=timedelta(milliseconds=20))
    async def slow() -> int:
        await anyio.sleep(3600)
        return 1

    assert isinstance(run(slow()).failure(), StepTimedOut)


def test_retry_around_an_effect_gives_up_after_its_deadline(run: Any) -> None:
    policy = Retry(attempts=100, wait=timedelta(milliseconds=5), within=timedelta(milliseconds=40))
    assert run(retry(fail(Refused("no")), policy)) == Failure(Refused("no"))


def test_agents_are_asked_in_turn(run: Any) -> None:
    broken = Scripted("broken", lambda prompt: 1 // 0)
    knows = Scripted("knows", {"bees": 4})

    assert run(ask("count", [broken, knows], "How many bees?", int)) == Success(4)
    failed = run(ask("count", [broken, knows], "How many wasps?", int)).failure()
    assert failed.reason.startswith("every agent failed: broken: ")


def test_an_agent_may_be_asynchronous_and_sees_its_attempt(run: Any) -> None:
    async def think(prompt: str) -> str:
        await anyio.sleep(0)
        return f"{attempt().path} {prompt}"

    assert run(ask("q", Scripted("thinker", think), "why?")) == Success("q why?")


def test_an_agent_that_nothing_here_can_run_is_a_defect(run: Any) -> None:
    @attrs.frozen
    class Oracle:
        name: str

    with pytest.raises(Defect, match="nothing here can run Oracle 'delphi'"):
        run(ask("q", Oracle("delphi"), "why?"))


def test_a_child_is_a_run_of_its_own(run: Any) -> None:
    @workflow
    def inner() -> Do[str]:
        return (yield from where())

    @step
    def where() -> str:
        return attempt().path

    @workflow
    def outer() -> Do[str]:
        return (yield from child(inner()))

    assert run(outer()) == Success("inner/where")


def test_an_operation_of_ones_own_needs_a_handler(run: Any) -> None:
    async def roll(asked: Asked) -> Any:
        assert isinstance(asked.op, Dice)
        return Success(asked.op.sides)

    assert run(Dice(6), handlers={Dice: roll}) == Success(6)
    with pytest.raises(Defect, match=r"nothing here handles Dice 'dice': give the interpreter a handler"):
        run(Dice(6))


def test_attempt_answers_only_inside_a_step() -> None:
    with pytest.raises(Defect, match="only inside a running step"):
        attempt()


def test_a_defect_arrives_as_itself_and_not_in_a_group(run: Any) -> None:
    @workflow
    def broken() -> Do[int]:
        yield from parallel(plain(1), plain(2))
        raise KeyError("oops")

    with pytest.raises(Defect, match="KeyError"):
        run(broken())


def test_any_value_may_flow_for_nothing_is_encoded(run: Any) -> None:
    lock = threading.Lock()
    assert run(pure(lock).bind(lambda held: pure(held))).unwrap() is lock


def test_for_each_keeps_the_order_of_its_items(run: Any) -> None:
    assert run(for_each(range(50), plain, limit=7)) == Success(list(range(1, 51)))
