"""Agents are data: they compare, and say at once what can never be right."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from perdure.core.agents import (
    Acp,
    Agent,
    Antigravity,
    ClaudeCode,
    Codex,
    Command,
    Gemini,
    Limits,
    McpServer,
    Model,
    OpenCode,
    Pi,
)
from perdure.core.faults import Defect
from perdure.core.operations import ask, step


@step(name="buy")
def pay() -> None:
    """A step that has another name than its function."""


def test_an_agent_is_a_value_that_compares_by_what_it_says() -> None:
    assert Model("openai/gpt-5", temperature=0) == Model("openai/gpt-5", temperature=0)
    assert Model("openai/gpt-5") != Model("openai/gpt-5", temperature=0)
    assert hash(ClaudeCode(mcp=[McpServer(name="runs", command=["perdure", "mcp"])])) == hash(
        ClaudeCode(mcp=[McpServer(name="runs", command=["perdure", "mcp"])])
    )


@pytest.mark.parametrize(
    "agent",
    [
        Acp(command=["agent", "--acp"]),
        Antigravity(),
        ClaudeCode(),
        Codex(),
        Command(["cat"]),
        Gemini(),
        Model("anthropic/claude-sonnet-4-5"),
        OpenCode(),
        Pi(),
    ],
    ids=lambda agent: agent.name,
)
def test_every_agent_has_a_name_and_can_be_asked(agent: Agent) -> None:
    assert isinstance(agent, Agent)
    assert agent.name


def test_a_coding_agent_may_edit_and_no_more_unless_somebody_says_so() -> None:
    assert ClaudeCode().access == "edit"
    assert ClaudeCode().network is None
    assert ClaudeCode().env == ()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Model("gpt-5"), "say the provider too"),
        (lambda: Model("openai/gpt-5", key="sk-live-1234567890"), "never a key itself"),
        (lambda: Model("openai/gpt-5", max_tokens=0), "max_tokens=0: a limit is more than nothing"),
        (lambda: Codex(env=["API-KEY"]), "never their values"),
        (lambda: Codex(name="my codex"), "cannot name a"),
        (lambda: Codex(env="API_KEY"), "write \\[…\\] around it"),
        (lambda: Model("openai/gpt-5", tools=[print, print]), "two tools are called 'print'"),
        (lambda: Command([]), "give the program and its arguments"),
        (lambda: Limits(wall=timedelta(0)), "a limit is more than nothing"),
        (lambda: Limits(usd=float("nan")), "usd=nan: a limit is more than nothing"),
        (lambda: Codex(access="readonly"), "Codex\\(access='readonly'\\): .* one of 'read', 'edit', 'full'"),  # type: ignore[arg-type]
        (lambda: McpServer(name="a b", command=["x"]), "cannot name a"),
        *(
            (lambda said=said: ask("q", Command(["cat"]), "hello", **said), "a repair a whole number from 0 on")
            for said in ({"budget": 0}, {"budget": inf}, {"budget": nan}, {"repair": -1}, {"repair": 1.5})
        ),
        (
            lambda: ClaudeCode(confirm=True, hold=timedelta(0)),
            "hold=.*: a limit is more than nothing",
        ),
        (lambda: Model("openai/gpt-5", confirm=["pay"]), "'pay' is none of its tools: it has no tools"),
        (
            lambda: Model("openai/gpt-5", tools=[print], confirm=["pay"]),
            "'pay' is none of its tools: its tools are print",
        ),
        (lambda: Model("openai/gpt-5", tools=[pay], confirm=["pay"]), "'pay' is none of its tools: its tools are buy"),
        (lambda: Model("openai/gpt-5", tools=[print], confirm="print"), "one text where a list of words belongs"),
    ],
)
def test_what_can_never_be_right_is_said_when_it_is_written(made: Any, said: str) -> None:
    with pytest.raises(Defect, match=said):
        made()


def test_a_refused_key_is_not_repeated() -> None:
    with pytest.raises(Defect) as refused:
        Model("openai/gpt-5", key="sk-live-1234567890")

    assert "sk-live" not in str(refused.value)


@pytest.mark.parametrize(
    "make", [lambda: ClaudeCode(env="KEY"), lambda: Command("wc -w"), lambda: ClaudeCode(tools="Read")]
)  # type: ignore[arg-type]
def test_one_word_in_place_of_a_list_is_refused(make: Any) -> None:
    with pytest.raises(Defect, match="one text where a list of words belongs"):
        make()
