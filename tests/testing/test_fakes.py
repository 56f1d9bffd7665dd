"""Agents for tests: what they answer, and that they keep what they were asked."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from returns.result import Failure, Success

from perdure import Defect, Estimate, StepFault, ask, plan, run_in_memory
from perdure.testing import FakeAgent, ScriptError, after, auto, each, fake_agent, never, simulate


def test_an_agent_answers_by_value_function_or_exception() -> None:
    def answered(answer: object) -> object:
        return simulate(ask("a", fake_agent("x", answer), "Why?")).outcome

    async def thinks(prompt: str) -> str:
        return f"{prompt}!"

    assert answered("yes") == Success("yes")
    assert answered(str.upper) == Success("WHY?")
    assert answered(thinks) == Success("Why?!")
    assert answered(ValueError("no idea")) == Failure(StepFault("a", "ValueError", "no idea"))
    assert answered(each("first", "second")) == Success("first")


def test_it_runs_on_every_interpreter_and_keeps_its_prompts() -> None:
    agent = fake_agent("x", "yes")

    assert asyncio.run(run_in_memory(ask("a", agent, "Why?"))) == Success("yes")
    assert simulate(ask("a", agent, "When?")).value() == "yes"
    assert agent.prompts == ("Why?", "When?")


def test_it_may_stand_in_a_script_in_place_of_another_agent() -> None:
    agent = fake_agent("x", each("a", "b"))

    assert simulate(ask("a", fake_agent("other", "other"), "Why?"), agents={"a": agent}).value() == "a"
    assert agent.prompts == ("Why?",)


def test_one_that_is_asked_too_often_ends_the_simulation() -> None:
    agent = fake_agent("x", each("a"))
    twice = ask("a", agent, "One?").bind(lambda _: ask("b", agent, "Two?"))

    with pytest.raises(ScriptError) as told:
        simulate(twice)

    assert str(told.value) == (
        "fake agent 'x' has 1 answers and is asked for the 2. time: 'Two?'. Add an answer to its each(…)"
    )


@pytest.mark.parametrize("answer", [after(timedelta(1), "a"), auto, never, each(auto)])
def test_what_takes_time_or_is_made_up_is_refused(answer: object) -> None:
    with pytest.raises(ScriptError, match="belongs into the script of the run"):
        simulate(ask("a", fake_agent("x", answer), "Why?"))


def test_a_plan_prices_it_by_what_it_says() -> None:
    agent = fake_agent("x", "yes", estimate=Estimate(usd=2))

    assert plan(ask("a", agent, "Why?")).price.usd.max == 2


def test_it_is_made_by_its_function() -> None:
    with pytest.raises(Defect, match="is made by fake_agent"):
        FakeAgent("x", {}).prompts
