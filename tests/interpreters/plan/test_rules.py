"""Each rule finds its mistake, and leaves alone what is only near to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure import (
    Approved,
    Do,
    Effect,
    Interrupted,
    Scripted,
    approval,
    ask,
    compensate,
    loop,
    pure,
    saga,
    scope,
    signal,
    step,
    suspend,
    workflow,
)
from perdure.core.workflow import block_of
from perdure.interpreters.plan import source
from perdure.interpreters.plan.rules import Finding, findings
from perdure.interpreters.plan.survey import survey

bot = Scripted("bot", {})


@step
def note(text: str) -> None: ...


@step
def fetch(url: str) -> str:
    return url


@step(repeat="once")
def charge(amount: int) -> str:
    return str(amount)


def found(effect: Effect[Any, Any]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.where) for finding in findings(survey(effect))]


def test_two_different_requests_under_one_name_are_found() -> None:
    @workflow
    def mixed() -> Do[tuple[str, int], Any]:
        return (yield from ask("review", bot, "?")), (yield from ask("review", bot, "?", int))

    @workflow
    def alike() -> Do[tuple[str, str], Any]:
        return (yield from ask("review", bot, "?")), (yield from ask("review", bot, "!"))

    assert found(mixed()) == [("duplicate-name", "mixed/review#2")]
    assert found(alike()) == []


def test_a_loop_that_only_a_reply_ends_is_found() -> None:
    @workflow
    def endless() -> Do[str, Any]:
        while True:
            text = yield from ask("write", bot, "Write")
            if text == "good":
                return text

    bounded = loop("", lambda _: ask("write", bot, "Write"), until=lambda text: text == "good", rounds=20)

    assert found(endless()) == [("unbounded-loop", "endless/write")]
    assert found(bounded) == []


def test_a_path_that_raises_a_bug_is_found() -> None:
    @workflow
    def buggy() -> Do[None, Any]:
        if (yield from suspend("go")):
            raise ZeroDivisionError("a bug")

    (finding,) = findings(survey(buggy()))

    assert finding.rule == "defect"
    assert "ZeroDivisionError" in finding.said


def test_a_once_step_that_nobody_looks_after_is_found() -> None:
    @workflow
    def alone() -> Do[str, Any]:
        return (yield from charge(5))

    assert found(alone()) == [("once-alone", "alone/charge")]


def test_a_person_who_is_asked_after_an_interruption_looks_after_a_once_step() -> None:
    @workflow
    def asked() -> Do[str, Any]:
        outcome = yield from charge(5).attempt()
        if isinstance(outcome.swap().value_or(None), Interrupted):
            return "paid" if (yield from suspend("was-it-charged")) else "not paid"
        return (yield from Effect.from_result(outcome))

    assert found(asked()) == []


def test_a_compensation_looks_after_a_once_step() -> None:
    kept = saga(compensate(fetch("a"), note).bind(lambda _: charge(5)))

    assert found(kept) == []


def test_an_answer_on_which_nothing_depends_is_found() -> None:
    @workflow
    def deaf() -> Do[None, Any]:
        yield from approval("go")
        yield from signal("paid", int)
        yield from ask("think", bot, "Think")
        yield from signal("ping", type(None))

    assert found(deaf()) == [(("unused-answer"), f"deaf/{name}") for name in ("go", "paid", "think")]


@pytest.mark.parametrize(
    "use",
    [
        lambda text: fetch(f"about {text}"),
        lambda text: pure(text.strip()),
        lambda text: fetch("a") if text == "good" else pure("no"),
    ],
    ids=["asked", "returned", "looked at"],
)
def test_an_answer_that_is_used_is_not_found(use: Callable[[str], Effect[str, Any]]) -> None:
    assert found(scope("flow", ask("think", bot, "Think").bind(use))) == []


# -- what the text tells ---------------------------------------------------------------------------------------------


def read(flow: Callable[..., Any]) -> list[Finding]:
    block = block_of(flow)
    assert block is not None
    return list(source.findings(block.fn))


@workflow
def switched() -> Do[str, Any]:
    if False:
        yield from note("never")
    while 0:
        yield from note("never")
    return (yield from fetch("a"))
    yield from note("never")
    yield from note("and never, but told by the line above")
    return "never"
    yield from note("nor this")


@workflow
def silent() -> Do[str, Any]:
    if False:
        yield
    return "nothing to do"


@workflow
def dropping() -> Do[str, Any]:
    note("described")
    approval("go")
    return (yield from nested())


@workflow
def nested() -> Do[str, Any]:
    switched()
    print("this is no effect")
    reply = yield from approval("go")
    return "yes" if isinstance(reply, Approved) else "no"


def test_code_that_no_path_reaches_is_found_with_its_line() -> None:
    seen = read(switched)

    assert [finding.rule for finding in seen] == ["unreachable"] * 3
    assert {finding.said.partition(": ")[2] for finding in seen} == {
        "the condition is always False",
        "the condition is always 0",
        "the line before it is a return",
    }
    first = block_of(switched).fn.__code__.co_firstlineno  # type: ignore[union-attr]  # it is one
    assert sorted(finding.where for finding in seen) == [f"test_rules.py:{first + n}" for n in (3, 5, 7)]


def test_a_yield_that_only_makes_a_generator_is_no_dead_code() -> None:
    assert read(silent) == []


def test_effects_that_are_dropped_are_found_in_the_functions_that_are_named_too() -> None:
    dropped = [finding for finding in read(dropping) if finding.rule == "dropped-effect"]

    assert [finding.said.partition("(")[0] for finding in dropped] == ["note", "approval", "switched"]
    assert dropped[0].mend == "write `yield from note(…)`, or `await` in an async workflow"
