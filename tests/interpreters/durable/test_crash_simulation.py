"""Crash everywhere: at every boundary of every scenario, once and twice, the end is the same.

Boundaries are before and after each commit, claim and start, and before and after each effect. The drive is the real
one; the world is `worlds`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest
from returns.result import Failure, Result, Success
from worlds import Boundaries, Lab

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
from perdure.core.effect import Call, Effect
from perdure.core.leaves import Step
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.ending import Finished
from perdure.interpreters.durable.errors import Drifted

YES = '{"_type":"Approved","by":"ana","note":"","at":null}'
NO = '{"_type":"Denied","by":"ana","note":"not today","at":null}'


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


def perform(asked: Asked) -> Answer:
    op = asked.op
    assert isinstance(op, Step)
    if op.name == "flaky" and asked.attempt.number < 3:
        return Failure(StepFault("flaky", "ConnectionError", "reset"))
    value = op.task.fn(*op.args, **op.kwargs)
    return value if isinstance(value, Result) else Success(value)


@attrs.frozen
class Scenario:
    call: Callable[[], Effect[Any, Any]]
    answers: Mapping[str, str] = {}
    signals: tuple[int, ...] = ()

    def lab(self, crash_at: int | None = None) -> Lab:
        call = self.call()
        assert isinstance(call, Call)
        lab = Lab(call, perform, boundaries=Boundaries(crash_at))
        for payload in self.signals:
            lab.store.send(lab.run_id, "news", str(payload))
        return lab


SCENARIOS = {
    "chain": Scenario(chain),
    "approved": Scenario(gated, {"go": YES}),
    "denied": Scenario(gated, {"go": NO}),
    "rollback": Scenario(trip),
    "fan-out": Scenario(fan_out),
    "days of sleep": Scenario(patient),
    "retries": Scenario(stubborn),
    "race and timeout": Scenario(racing),
    "early signals": Scenario(listening, signals=(1, 2)),
    "fallback": Scenario(backed_up),
}


def check(lab: Lab, scenario: Scenario, end: Finished, crashes: int) -> None:
    """The same end; recorded once; executed at most once more a crash, under one key."""
    rest = lab.to_the_end(scenario.answers)

    assert rest == end
    verify(lab.run_id, lab.entries)
    ends = Counter(entry.path for entry in lab.entries if entry.kind in ("end", "wake"))
    assert max(ends.values()) == 1
    begins = Counter(entry.path for entry in lab.entries if entry.kind == "begin")
    executed = Counter(path for path, _, _ in lab.executed)
    assert all(executed[path] <= begins[path] for path in executed)
    asked_to_fail = {path: 2 for path in executed if path.endswith("flaky")}
    assert all(count <= 1 + crashes + asked_to_fail.get(path, 0) for path, count in executed.items())
    assert len({(path, key) for path, _, key in lab.executed}) == len(executed)
    assert len({(path, number) for path, number, _ in lab.executed}) == len(lab.executed)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_crash_at_any_boundary_changes_nothing_but_attempts(scenario: Scenario) -> None:
    clean = scenario.lab()
    end = clean.to_the_end(scenario.answers)
    assert isinstance(end, Finished)

    for point in range(1, clean.boundaries.count + 1):
        check(scenario.lab(point), scenario, end, crashes=1)


class Twice(Boundaries):
    """Dies at a boundary, and again a few boundaries later."""

    def __init__(self, first: int, then: int) -> None:
        super().__init__(first)
        self._then = then

    def reach(self, what: str) -> None:
        try:
            super().reach(what)
        finally:
            if self.count == self.crash_at:
                self.crash_at, self._then = self.count + self._then, 10**9


@pytest.mark.parametrize("name", ["approved", "rollback", "fan-out", "retries", "race and timeout"])
def test_two_crashes_change_nothing_either(name: str) -> None:
    scenario = SCENARIOS[name]
    clean = scenario.lab()
    end = clean.to_the_end(scenario.answers)
    assert isinstance(end, Finished)

    for first, then in itertools.product(range(1, clean.boundaries.count + 1, 2), (1, 2, 3, 5)):
        lab = scenario.lab()
        lab.boundaries = lab.store.boundaries = Twice(first, then)
        check(lab, scenario, end, crashes=2)


def test_a_once_step_is_never_executed_twice_and_the_workflow_learns_that_nobody_knows() -> None:
    clean = Scenario(careful).lab()
    assert clean.to_the_end({}) == Finished(Success("charged"))
    told = set()

    for point in range(1, clean.boundaries.count + 1):
        lab = Scenario(careful).lab(point)
        rest = lab.to_the_end({})
        assert isinstance(rest, Finished)
        told.add(rest.outcome.unwrap())
        assert sum(path == "careful/charge" for path, _, _ in lab.executed) <= 1

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
    scenario = Scenario(impure)
    Dice.rolled = 0
    clean = scenario.lab()
    end = clean.to_the_end({})
    differs = 0

    for point in range(1, clean.boundaries.count + 1):
        Dice.rolled = 0
        try:
            differs += scenario.lab(point).to_the_end({}) != end
        except Drifted:
            differs += 1

    assert differs
