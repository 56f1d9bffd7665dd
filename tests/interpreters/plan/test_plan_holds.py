"""What a plan says holds of every run: nothing is asked that is not in it, and nothing costs more or less.

The runs are simulated, by dice: every answer is any value of its type, every attempt takes any time that it may take.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from reference_workflows import REFERENCES
from returns.result import Failure, Success

from perdure import Effect, Estimate, Op, Scripted, Span, plan
from perdure.core.asked import Answer, blame
from perdure.core.leaves import Ask, Now, Sleep, Suspend
from perdure.interpreters.simulate.made import made
from perdure.interpreters.simulate.run import run
from perdure.interpreters.simulate.script import Cast, Cue
from perdure.testing import Record, Simulated
from perdure.testing.simulating import finished

RUNS = 200


class Dice(Cast):
    """Answers any attempt, as the seed decides.

    Without `faults` an attempt fails only where another one follows. Nothing here knows how a plan adds up.
    """

    def __init__(self, seed: int, *, faults: bool) -> None:
        super().__init__(seed=seed)
        self._faults = faults

    def find(self, op: Op[Any, Any], path: str, failed: int = 0, run: str = "") -> Cue | None:
        dice = random.Random(f"{self.seed}|{path}|{failed}")
        if isinstance(op, Sleep | Now):
            return None
        if isinstance(op, Suspend):
            late = self._faults and dice.random() < 0.3
            return Cue(None if late else Success(made(op.output, dice)), timedelta(hours=dice.randrange(24)))
        last = op.retry is None or failed + 1 >= op.retry.attempts
        fails = dice.random() < 0.3 and (self._faults or not last)
        each = estimates(op)
        tried = each if fails else each[: dice.randint(1, len(each))]
        seconds = sum(drawn(one.seconds, dice) for one in tried)
        if op.timeout is not None and not self._faults:
            seconds = min(seconds, op.timeout.total_seconds())
        return Cue(failure(op, dice) if fails else Success(made(op.output, dice)), timedelta(seconds=seconds))


def estimates(op: Op[Any, Any]) -> Sequence[Estimate]:
    """One attempt by each of those who may be tried."""
    agents = op.agents if isinstance(op, Ask) else ()
    found = [op.estimate or (agent.estimate if isinstance(agent, Scripted) else None) for agent in agents]
    return [estimate for estimate in found or [op.estimate] if estimate is not None]


def failure(op: Op[Any, Any], dice: random.Random) -> Answer:
    declared = [made(error, dice) for error in op.errors]
    return blame(op, dice.choice([OSError("gone"), *declared]))


def drawn(span: Span, dice: random.Random) -> float:
    assert span.max is not None
    return dice.choice((span.min, span.max, dice.uniform(span.min, span.max)))


def simulated(effect: Effect[Any, Any], seed: int, *, faults: bool) -> Simulated[Any, Any]:
    return finished(run(effect, Dice(seed, faults=faults), {}))


def went_wrong(sim: Simulated[Any, Any]) -> bool:
    """Whether the workflow saw a failure, or a timer that came before what it limits."""
    last: dict[str, Record] = {record.path: record for record in sim.trace}
    return any(
        isinstance(record.outcome, Failure) or (record.name == "timer" and record.outcome is not None)
        for record in last.values()
    )


def worked(sim: Simulated[Any, Any]) -> float:
    """For how many seconds at least one step or agent was at work."""
    busy = sorted((record.began, record.ended) for record in sim.trace if record.kind in ("step", "ask"))
    seconds, until = timedelta(0), None
    for began, ended in busy:
        since = began if until is None else max(began, until)
        seconds += max(ended - since, timedelta(0))
        until = ended if until is None else max(until, ended)
    return seconds.total_seconds()


def within(inner: Span, outer: Span) -> bool:
    """Whether all of a span is in another, but for what is lost where floats are added in another order."""
    assert inner.max is not None
    return outer.min - 1e-6 <= inner.min and (outer.max is None or inner.max <= outer.max + 1e-6)


@pytest.mark.parametrize("faults", [False, True], ids=["well", "faults"])
@pytest.mark.parametrize("name", REFERENCES)
def test_every_run_stays_inside_its_plan(name: str, faults: bool) -> None:
    effect = REFERENCES[name]
    plans = {wrong: plan(effect, faults=wrong) for wrong in (False, True)}
    seen = set()

    for seed in range(RUNS):
        sim = simulated(effect, seed, faults=faults)
        wrong = went_wrong(sim)
        held = plans[wrong]
        seen.add(wrong)

        assert [record.path for record in sim.trace if not held.covers(record.path)] == [], seed
        assert within(sim.cost.usd, held.price.usd), (seed, sim.cost.usd, held.price)
        assert within(sim.cost.tokens_in, held.price.tokens_in), (seed, sim.cost.tokens_in, held.price)
        assert within(Span.exactly(worked(sim)), held.price.seconds), (seed, worked(sim), held.price)

    assert faults in seen


@pytest.mark.parametrize("name", REFERENCES)
def test_the_plans_of_the_reference_workflows_are_complete(name: str) -> None:
    assert plan(REFERENCES[name]).complete
    assert plan(REFERENCES[name], faults=True).complete


def spread(effect: Effect[Any, Any]) -> tuple[float, float]:
    costs = [simulated(effect, seed, faults=False).cost.usd for seed in range(RUNS)]
    return min(cost.min for cost in costs), max(cost.max or 0 for cost in costs)


#: A list opens the price of one, and of the other no random run comes to the twentieth round.
@pytest.mark.parametrize("name", [name for name in REFERENCES if name not in ("fan_out", "review_loop")])
def test_the_bounds_are_no_wider_than_what_can_happen(name: str) -> None:
    """Some runs come near to the bounds, so that these are bounds and not just far away."""
    least, most = spread(REFERENCES[name])
    usd = plan(REFERENCES[name]).price.usd

    assert usd.max is not None
    assert least <= usd.min + 0.25 * (usd.max - usd.min)
    assert most >= usd.min + 0.25 * (usd.max - usd.min)


def test_a_list_of_more_items_than_were_tried_opens_the_price_and_is_covered_for_any_item() -> None:
    made = plan(REFERENCES["fan_out"])

    assert made.sized == ("fan_out/list.files",)
    assert made.price.usd.max is None
    assert made.covers("fan_out/all/src%2Fapp.py/one_file/review")
    assert not made.covers("fan_out/all/src%2Fapp.py/one_file/delete")
    assert not made.covers("fan_out/publish")


def test_without_a_list_only_the_very_keys_are_covered() -> None:
    made = plan(REFERENCES["rollout"])

    assert made.covers("rollout/state#6")
    assert not made.covers("rollout/state#7")
