"""What a simulation tells of a run has the types of the effect."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from given import Draft, RateLimited, Refused, number
from hypothesis import strategies as st
from returns.result import Failure, Success

from perdure import Cancelled, Do, Effect, Outcome, StepFault, step, workflow
from perdure.testing import CrashSafe, Simulate, Simulated, after, assert_crash_safe, each, never, simulate
from perdure.testing.strategies import fault_plans, inputs_of, of, outputs_of, scripts


@workflow
def ship(topic: str) -> Do[Draft, RateLimited | Refused]:
    yield from number()
    return Draft(topic)


@step
def fetch(url: str) -> int:
    return len(url)


# program: a simulated run ends as the effect says
def ends() -> str:
    sim = simulate(ship("bees"), answers="approve", agents={"plan": each(1, after(timedelta(days=1), 2), never)})
    assert_type(sim, Simulated[Draft, RateLimited | Refused])
    assert_type(sim.value(), Draft)
    assert_type(sim.outcome, Outcome[Draft, RateLimited | Refused | Cancelled])
    match sim.outcome:
        case Success(draft):
            return draft.text
        case Failure(error):
            assert_type(error, RateLimited | Refused | Cancelled)
            return str(error)


# program: the fixture is the same function
def test_it(simulate: Simulate) -> None:
    assert_type(simulate(fetch("x"), steps={"fetch": 1}, seed=3).value(), int)


# program: a proof says what was tried, whatever the effect
def test_crashes() -> None:
    assert_type(assert_crash_safe(ship("bees"), answers="approve", on="sqlite", depth=2), CrashSafe)


# program: strategies are of the types that they are made from
def drawn(data: st.DataObject) -> None:
    assert_type(data.draw(of(int | None)), int | None)
    assert_type(inputs_of(fetch), st.SearchStrategy[Effect[int, StepFault]])
    assert_type(data.draw(outputs_of(ship)), Draft)
    assert_type(simulate(ship("bees"), **data.draw(scripts(ship("bees")))).value(), Draft)
    assert_type(simulate(ship("bees"), **data.draw(fault_plans(ship("bees")))).value(), Draft)
