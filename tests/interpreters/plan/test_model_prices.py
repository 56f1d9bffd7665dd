"""A model is priced by the list that came with its library: read as a file, and never guessed beyond it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import attrs
import pytest

from perdure import Do, McpServer, Model, Span, ask, plan, step, workflow
from perdure.core.estimate import UNPRICED, Estimate
from perdure.core.leaves import Ask
from perdure.interpreters.plan import models
from perdure.interpreters.plan.models import price_of


@attrs.frozen
class Answer:
    text: str


def price(agent: Model, prompt: str = "x" * 400, output: Any = str, **more: Any) -> Estimate:
    return price_of(agent, Ask("q", (agent,), prompt, output, **more), len(prompt))


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"litellm_provider": "acme", "input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    longer = {**entry, "input_cost_per_token_above_200k_tokens": 0.01, "input_cost_per_token_priority": 9.0}
    window = {**entry, "max_input_tokens": 5000}
    found = {"acme/small": entry, "big": longer, "free/big": entry, "acme/window": window}
    monkeypatch.setattr(models, "_prices", lambda: found)


def test_an_answer_of_text_may_take_a_turn_and_two_after_faults(listed: None) -> None:
    found = price(Model("acme/small", max_tokens=10))

    assert found.tokens_out == Span(0, None, 30)
    assert found.tokens_in.expected == 100
    assert found.tokens_in.max == 3 * 4 * 1400 + 3 * (10 + 4 * 6000)
    assert found.usd.max == pytest.approx(found.tokens_in.max * 0.001 + 30 * 0.002)
    assert (found.usd.min, found.usd.expected) == (0, None)


def test_a_typed_answer_may_be_repaired_too(listed: None) -> None:
    assert price(Model("acme/small", max_tokens=10), output=Answer).tokens_out.max == 50
    assert price(Model("acme/small", max_tokens=10), output=Answer, repair=0).tokens_out.max == 30


def test_the_dearest_price_of_a_token_bounds_it_and_no_other_service(listed: None) -> None:
    dear, cheap = price(Model("acme/big", max_tokens=10)), price(Model("acme/small", max_tokens=10))

    assert dear.usd.max is not None
    assert cheap.usd.max is not None
    assert 9 < dear.usd.max / cheap.usd.max < 11


@pytest.mark.parametrize("name", ["acme/unheard-of", "free/unheard-of", "other/big"])
def test_what_is_not_listed_is_unknown(name: str, listed: None) -> None:
    assert price(Model(name, max_tokens=10)) == UNPRICED


def test_a_model_with_tools_has_no_price_that_could_be_known(listed: None) -> None:
    def search(words: str) -> str:
        return words

    assert price(Model("acme/small", max_tokens=10, tools=(search,))) == UNPRICED
    assert price(Model("acme/small", max_tokens=10, mcp=[McpServer(name="web", command=["web"])])) == UNPRICED


def test_without_a_bound_on_the_answer_the_price_is_open(listed: None) -> None:
    assert price(Model("acme/small")).usd == Span()


def test_the_list_that_is_installed_knows_models_of_three_providers() -> None:
    for name in ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"):
        found = price(Model(name))
        assert found.usd.max is not None, name
        assert 0 < found.usd.max < 20


def test_a_plan_with_models_reads_the_list_and_imports_nothing_of_the_library() -> None:
    program = """
import sys
from perdure import Do, Model, ask, plan, workflow

@workflow
def flow() -> Do[str]:
    return (yield from ask("q", Model("openai/gpt-4o"), "why?"))

most = plan(flow()).price.usd.max
print(most is not None and most > 0, "litellm" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert done.stdout == "True False\n", done.stderr


@workflow
def depends(agent: Model) -> Do[str]:
    text = yield from fetch()
    return (yield from ask("q", agent, f"Of {text}"))


@step
def fetch() -> str:
    raise AssertionError("a plan executes nothing")


def test_where_the_prompt_depends_on_a_reply_no_turn_reads_more_than_the_model_can(listed: None) -> None:
    found = plan(depends(Model("acme/window", max_tokens=10))).price

    assert found.tokens_in == Span(0, None, 3 * 5000)
    assert found.usd.max == pytest.approx(3 * 5000 * 0.001 + 3 * 10 * 0.002)


def test_where_it_does_not_the_lower_of_the_two_bounds_counts(listed: None) -> None:
    short, long = (price(Model("acme/window", max_tokens=10), "x" * length).tokens_in for length in (0, 10_000))

    assert short.max == price(Model("acme/window", max_tokens=10), "").tokens_in.max <= 3 * 5000
    assert long == Span(0, 2500, 3 * 5000)


def test_what_a_model_can_read_at_once_is_not_guessed(listed: None) -> None:
    assert plan(depends(Model("acme/small", max_tokens=10))).price.usd.max is None
