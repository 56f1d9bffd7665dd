"""Crash everywhere: at every point of every scenario, once, twice and three times, the end is the same.

The drive is the real one; the world and the judgement are the package's own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from returns.result import Failure, Result, Success

from perdure import (
    Approved,
    Denied,
    Do,
    Fault,
    Interrupted,
    Retry,
    StepFault,
    approval,
    compensate,
    fallback,
    for_each,
    now,
    parallel,
    race,
    retry,
    signal,
    sleep,
    step,
    suspend,
    timeout,
    workflow,
)
from perdure.core.asked import Answer, Asked
from perdure.core.effect import Call, Effect, Op
from perdure.core.leaves import Step
from perdure.interpreters.simulate.crash import CrashUnsafe, Matrix
from perdure.interpreters.simulate.replies import Replies

YES = Approved(by="ana")
NO = Denied(by="ana", note="not today")


@attrs.frozen
class NoSeat(Fault):
    row: int


@step
def add(a: int, b: int) -> int:
    return a + b


@step
def book(row: int) -> Result[int, NoSeat]:
    return Failure(NoSeat(row)) if row > 2 else Success(row)


@step
def release(row: int) -> None: ...


@step(retry=Retry(attempts=4, wait=timedelta(minutes=1), jitter=0))
def flaky(n: int) -> int:
    return n


@step(repeat="once")
def charge(amount: int) -> int:
    return amount


@workflow
def chain() -> Do[int]:
    total = 0
    for n in range(4):
        total = yield from add(total, n)
    return total


@workflow
def gated() -> Do[str]:
    total = yield from add(1, 2)
    match (yield from approval("go", prompt="Sure?", show=total)):
        case Approved(by=by):
            more = yield from add(total, 1)
            return f"{by}: {more}"
        case Denied(note=note):
            return note


@workflow
def trip() -> Do[int, NoSeat | StepFault]:
    for row in range(5):
        yield from compensate(book(row), release)
    return 0


@workflow
def fan_out() -> Do[int]:
    left, right = yield from parallel(add(1, 1), add(2, 2))
    many = yield from for_each(range(5), lambda n: add(n, left), limit=2)
    return sum(many) + right


@workflow
def patient() -> Do[bool]:
    before = yield from now()
    yield from sleep(timedelta(days=3))
    after = yield from now()
    return after - before >= timedelta(days=3)


@workflow
def stubborn() -> Do[int]:
    n = yield from flaky(7)
    m = yield from retry(book(9).attempt().bind(lambda _: flaky(1)), Retry(attempts=2, wait=timedelta(hours=1)))
    return n + m


@workflow
def racing() -> Do[int]:
    first = yield from race(add(1, 1), sleep(timedelta(days=9)).bind(lambda _: add(9, 9)))
    late = yield from timeout(suspend("never"), timedelta(hours=2)).attempt()
    return first if isinstance(late, Failure) else 0


@workflow
def listening() -> Do[list[int]]:
    heard: list[int] = []
    for _ in range(2):
        heard.append((yield from signal("news", int)))
    return heard


@workflow
def backed_up() -> Do[int]:
    return (yield from fallback(book(7), add(1, 1)))


@workflow
def careful() -> Do[str]:
    match (yield from charge(5).attempt()):
        case Success(amount):
            yield from add(amount, 1)
            return "charged"
        case Failure(error):
            return "unknown" if isinstance(error, Interrupted) else "failed"


@attrs.frozen
class Said:
    """What becomes of a request, and in which time."""

    answer: Answer | None
    delay: timedelta = timedelta(milliseconds=1)


def perform(asked: Asked, failed: int) -> Said:
    op = asked.op
    assert isinstance(op, Step)
    if op.name == "flaky" and failed < 2:
        return Said(Failure(StepFault("flaky", "ConnectionError", "reset")))
    value = op.task.fn(*op.args, **op.kwargs)
    return Said(value if isinstance(value, Result) else Success(value))


def answered(**answers: object) -> Callable[[Op[Any, Any], str], Said]:
    """People who answer gates, and who send signals, by name; the others are waited for in vain."""
    return lambda op, path: Said(Success(answers[op.name]) if op.name in answers else None)


def matrix(call: Effect[Any, Any], **answers: object) -> Matrix:
    assert isinstance(call, Call)
    return Matrix(call, Replies(perform, answered(**answers)))


SCENARIOS = {
    "chain": matrix(chain()),
    "approved": matrix(gated(), go=YES),
    "denied": matrix(gated(), go=NO),
    "rollback": matrix(trip()),
    "fan-out": matrix(fan_out()),
    "days of sleep": matrix(patient()),
    "retries": matrix(stubborn()),
    "race and timeout": matrix(racing()),
    "signals": matrix(listening(), news=1),
    "fallback": matrix(backed_up()),
    "at most once": matrix(careful()),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_no_crash_and_no_two_crashes_change_anything_but_attempts(scenario: Matrix) -> None:
    proved = scenario.proved(depth=2, budget=500)

    assert [tried.crashes for tried in proved.tried] == [1, 2]
    assert proved.tried[0].runs == proved.tried[0].of > 10


def test_three_crashes_of_a_short_run_change_nothing_either() -> None:
    proved = matrix(backed_up()).proved(depth=3)

    assert proved.tried[2].runs == proved.tried[2].of > 1000


def test_a_once_step_is_never_executed_twice_and_the_workflow_learns_that_nobody_knows() -> None:
    scenario = matrix(careful())
    clean, _ = scenario.judged(())
    told = set()

    for point in clean.points:
        run, wrong = scenario.judged((point.label,))
        assert wrong is None
        assert run.outcome is not None
        told.add(run.outcome.unwrap())
        assert sum(one.path == "careful/charge" for one in run.executed) <= 1

    assert told == {"charged", "unknown"}


class Dice:
    rolled = 0


@workflow
def impure() -> Do[int]:
    Dice.rolled += 1
    yield from add(Dice.rolled, 0)
    return (yield from (add(1, 1) if Dice.rolled % 2 else book(1)))


def test_a_workflow_that_reads_hidden_state_is_caught() -> None:
    """The law has teeth: what depends on how often the body was driven cannot pass."""
    with pytest.raises(CrashUnsafe, match="is asked with another input"):
        matrix(impure()).proved()
