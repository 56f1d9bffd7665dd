"""A script is data: what stands where, what is answered from it, and what is said where it does not fit."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import pytest
from returns.maybe import Maybe
from returns.result import Failure, Result, Success
from step_kinds import Dice

from perdure import (
    Approved,
    Defect,
    Denied,
    Do,
    Effect,
    Estimate,
    Expired,
    Fault,
    Op,
    Scripted,
    Span,
    StepFault,
    approval,
    ask,
    child,
    now,
    signal,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.core.codec import from_json, to_json
from perdure.interpreters.simulate.example import example
from perdure.interpreters.simulate.made import made
from perdure.interpreters.simulate.script import (
    Answers,
    Cast,
    Cue,
    ScriptError,
    Unscripted,
    after,
    auto,
    each,
    never,
)

DAY = timedelta(days=1)


@attrs.frozen
class Plan:
    text: str
    steps: int = 1


@attrs.frozen
class Refused(Fault):
    why: str


@attrs.frozen
class Model:
    """An agent that is not scripted."""

    name: str


writer, echo = Model("writer"), Scripted("echo", lambda prompt: prompt)


@step
def fetch(url: str, *, tries: int = 1) -> Result[str, Refused]:
    return Success(url)


@step(repeat="once")
def charge(cents: int) -> str:
    return "charged"


@workflow
def letter(topic: str) -> Do[str, Refused]:
    yield from approval("send")
    return topic


plan = ask("plan", writer, "Plan it.", Plan)
gate = approval("go", show="the plan")
message = signal("message", str)


def cue(effect: Effect[Any, Any], entry: object, failed: int = 0) -> Cue:
    """What becomes of a leaf that is scripted by one entry."""
    assert isinstance(effect, Op)
    found = Cast({"*": entry}, {"*": entry}, {"*": entry}).find(effect, f"flow/{effect.name}", failed)
    assert found is not None
    return found


def find(cast: Cast, effect: Effect[Any, Any], path: str = "", failed: int = 0) -> Any:
    assert isinstance(effect, Op)
    found = cast.find(effect, path or effect.name, failed)
    return None if found is None else found.answer


# -- which entry ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ({"*": "pattern", "message": "name", "flow/message": "path"}, "path"),
        ({"*": "pattern", "message": "name", "other/message": "path"}, "name"),
        ({"other/*": "other", "flow/*": "first", "*": "second"}, "first"),
        ({"m?ss[a-e]ge": "of the name"}, "of the name"),
    ],
)
def test_a_path_counts_before_a_name_and_a_name_before_the_first_pattern(script: Answers, answer: str) -> None:
    assert find(Cast(script), message, "flow/message") == Success(answer)


def test_gates_signals_and_child_runs_are_answered_apart_from_agents_and_steps() -> None:
    cast = Cast({"*": "yes"}, {"*": Plan("1")}, {"*": "page"})

    assert find(cast, suspend("say", str)) == find(cast, message) == find(cast, child(letter("bees"))) == Success("yes")
    assert find(cast, plan) == Success(Plan("1"))
    assert find(cast, fetch("home")) == Success("page")


def test_time_is_nobodys_to_script() -> None:
    cast = Cast({"*": 1}, {"*": 1}, {"*": 1})

    assert find(cast, sleep(DAY)) is None
    assert find(cast, now()) is None


# -- what may stand there ---------------------------------------------------------------------------------------------


def test_a_value_answers_every_time() -> None:
    cast = Cast(agents={"plan": Plan("1")})

    assert [find(cast, plan), find(cast, plan, "plan#2")] == [Success(Plan("1"))] * 2


def test_each_answers_one_after_another_and_the_same_attempt_the_same_again() -> None:
    cast = Cast(agents={"plan": each(Plan("1"), ConnectionError("busy"), Plan("3"))})

    first, failing, last = find(cast, plan, "a"), find(cast, plan, "b", 0), find(cast, plan, "b", 1)
    assert first == find(cast, plan, "a") == Success(Plan("1"))
    assert failing == find(cast, plan, "b", 0) == Failure(StepFault("plan", "ConnectionError", "busy"))
    assert last == Success(Plan("3"))


def test_each_that_is_used_up_names_the_step_and_the_line() -> None:
    cast = Cast(agents={"plan": each(Plan("1"))})
    find(cast, plan, "flow/plan")

    with pytest.raises(ScriptError) as told:
        find(cast, plan, "flow/plan#2")

    assert str(told.value) == (
        "agents['plan']: each(…) has 1 answers, and ask 'plan' (flow/plan#2) is use number 2: add an answer, or give a "
        "plain value that answers every time"
    )


def test_two_casts_of_one_script_begin_anew() -> None:
    script = {"plan": each(Plan("1"))}

    assert find(Cast(agents=script), plan) == find(Cast(agents=script), plan) == Success(Plan("1"))


def test_a_function_is_called_with_what_is_asked() -> None:
    assert cue(ask("say", writer, "Hello"), str.upper).answer == Success("HELLO")
    assert cue(suspend("say", str, show=Plan("1")), lambda shown: shown.text).answer == Success("1")
    assert cue(message, lambda: "hi").answer == Success("hi")
    assert cue(fetch("home", tries=2), lambda url, tries: f"{url} {tries}").answer == Success("home 2")
    assert cue(child(letter("bees")), lambda topic: topic).answer == Success("bees")


def test_an_async_function_is_one_too_but_waits_for_nothing_real() -> None:
    async def at_once(url: str) -> str:
        return f"page of {url}"

    class Forever:
        def __await__(self) -> Any:
            yield

    async def later(url: str) -> str:
        await Forever()
        return url

    assert cue(fetch("home"), at_once).answer == Success("page of home")
    with pytest.raises(ScriptError, match=re.escape("after(timedelta(…), answer) is a wait in virtual time")):
        cue(fetch("home"), later)


def test_an_exception_is_the_failure_as_if_code_had_raised_it() -> None:
    def refuse(url: str) -> str:
        raise Refused(url)

    assert cue(fetch("home"), Refused("no")).answer == Failure(Refused("no"))
    assert cue(fetch("home"), refuse).answer == Failure(Refused("home"))
    assert cue(fetch("home"), Failure(Refused("no"))).answer == Failure(Refused("no"))
    assert cue(fetch("home"), OSError("gone")).answer == Failure(StepFault("fetch", "OSError", "gone"))
    assert cue(child(letter("bees")), Refused("no")).answer == Failure(Refused("no"))


def test_the_cause_of_a_fault_is_kept_for_the_retry_that_asks_for_it() -> None:
    error = OSError("gone")
    answer = cue(fetch("home"), error).answer

    assert answer is not None
    assert answer.failure().__cause__ is error


def test_what_a_function_asserts_is_for_the_test() -> None:
    def strict(prompt: str) -> str:
        assert "bees" in prompt, "no bees"
        return prompt

    with pytest.raises(AssertionError, match="no bees"):
        cue(ask("say", writer, "Hello"), strict)


def test_delays_add_up_around_anything() -> None:
    assert cue(plan, after(DAY, after(DAY, Plan("1")))) == Cue(Success(Plan("1")), 2 * DAY)
    assert cue(plan, each(after(DAY, Plan("1")))).delay == DAY
    assert cue(plan, after(DAY, each(lambda prompt: Plan(prompt)))) == Cue(Success(Plan("Plan it.")), DAY)
    assert cue(gate, after(DAY, "approve")) == Cue(Success(Approved()), DAY)


@pytest.mark.parametrize("delay", [-DAY, 2])
def test_a_delay_is_a_duration(delay: Any) -> None:
    with pytest.raises(Defect, match="a delay is a timedelta that is not negative"):
        after(delay, 1)


def test_never_never_comes() -> None:
    assert cue(gate, never).answer is None
    assert cue(fetch("home"), each(never)).answer is None


def test_auto_is_a_value_of_the_type_that_the_seed_decides() -> None:
    def answered(seed: int) -> Any:
        cast = Cast(agents={"plan": auto}, seed=seed)
        return [find(cast, plan, f"plan#{n}").unwrap() for n in range(20)]

    assert answered(1) == answered(1) != answered(2)
    assert {type(one) for one in answered(1)} == {Plan}
    assert len(set(answered(1))) > 10


@pytest.mark.parametrize(
    ("entry", "decision", "yes"),
    [
        ("approve", Approved(), True),
        ("deny", Denied(), False),
        (True, Approved(), True),
        (False, Denied(), False),
        (Approved(by="ann"), Approved(by="ann"), True),
        (Denied(), Denied(), False),
    ],
)
def test_either_kind_of_gate_takes_either_kind_of_yes_and_no(entry: object, decision: object, yes: bool) -> None:
    assert cue(gate, entry).answer == Success(decision)
    assert cue(suspend("ok"), entry).answer == Success(yes)


def test_at_another_gate_approve_is_a_text() -> None:
    assert cue(suspend("say", str), "approve").answer == Success("approve")


def test_everything_can_be_approved_and_every_agent_be_made_up_by_a_word() -> None:
    cast = Cast("approve", "auto")

    assert find(cast, gate) == Success(Approved())
    assert find(cast, suspend("ok")) == Success(True)
    assert isinstance(find(cast, plan).unwrap(), Plan)
    assert cast.unused() == ()
    with pytest.raises(Unscripted):
        find(cast, suspend("say", str))


# -- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "entry", "message"),
    [
        (
            plan,
            5,
            (
                "agents['*'] is not an answer of ask 'plan' (flow/plan): $: expected Plan, got 5 (int). "
                'Its type is Plan: Plan(text="…")'
            ),
        ),
        (
            gate,
            Approved,
            "answers['*']: the class Approved is no answer; give a value of it, such as Approved(by=\"…\")",
        ),
        (
            gate,
            Refused("no"),
            "answers['*']: gate 'go' (flow/go) cannot fail with Refused(why='no'): it has no failures",
        ),
        (
            suspend("ok", expires=DAY),
            Refused("no"),
            "answers['*']: gate 'ok' (flow/ok) cannot fail with Refused(why='no'): what it declares is Expired",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_the_line_of_the_script(
    effect: Effect[Any, Any], entry: object, message: str
) -> None:
    with pytest.raises(ScriptError) as told:
        cue(effect, entry)

    assert str(told.value) == message


def test_a_gate_that_expires_may_be_said_to_have_expired() -> None:
    assert cue(suspend("ok", expires=DAY), Expired("ok", DAY)).answer == Failure(Expired("ok", DAY))


def test_a_part_of_a_script_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(Defect, match=re.escape("answers='deny': give a mapping from names to answers or \"approve\"")):
        Cast("deny")  # type: ignore[arg-type]
    with pytest.raises(Defect, match=re.escape("steps='auto': give a mapping from names to answers")):
        Cast(steps="auto")  # type: ignore[arg-type]


# -- what is not scripted ---------------------------------------------------------------------------------------------


def test_a_step_a_scripted_agent_and_a_child_run_answer_by_themselves() -> None:
    cast = Cast()

    assert find(cast, fetch("home")) is None
    assert find(cast, ask("say", [echo, echo], "Hello")) is None
    assert find(cast, child(letter("bees"))) is None


@pytest.mark.parametrize(
    ("effect", "message"),
    [
        (
            plan,
            (
                "ask 'plan' (flow/plan) would ask Model 'writer', and a simulation asks nobody real. "
                'Add to agents: {"plan": Plan(text="…")}'
            ),
        ),
        (
            ask("plan", [echo, writer], "Plan it.", Literal["a", "b"]),
            (
                "ask 'plan' (flow/plan) would ask Model 'writer', and a simulation asks nobody real. "
                'Add to agents: {"plan": "a"}'
            ),
        ),
        (
            gate,
            'gate \'go\' (flow/go) waits for an answer that nobody scripted. Add to answers: {"go": Approved(by="…")}',
        ),
        (
            message,
            (
                "signal 'message' (flow/message) waits for an answer that nobody scripted. "
                'Add to answers: {"message": "…"}'
            ),
        ),
        (
            charge(5),
            (
                "step 'charge' (flow/charge) runs at most once, so a simulation does not run it by itself. "
                'Add to steps: {"charge": "…"}'
            ),
        ),
        (
            Dice(6),
            "dice 'dice' (flow/dice) is an operation of your own that nobody scripted. Add to steps: {\"dice\": 1}",
        ),
    ],
)
def test_what_must_be_scripted_is_told_with_the_line_to_add(effect: Effect[Any, Any], message: str) -> None:
    with pytest.raises(Unscripted) as told:
        find(Cast(), effect, f"flow/{effect.name}")  # type: ignore[attr-defined]

    assert str(told.value) == message


def test_entries_that_answered_nothing_are_told_with_the_name_that_may_be_meant() -> None:
    cast = Cast({"aprove": True, "go": True, "x": True}, {"plan": Plan("1")}, {"fetch": "page"})
    find(cast, gate, "flow/go")
    find(cast, fetch("home"), "flow/fetch")
    with pytest.raises(Unscripted):
        find(cast, approval("approve"))

    assert list(map(str, cast.unused())) == [
        "answers['aprove'] was never used; did you mean 'approve'?",
        "answers['x'] was never used",
        "agents['plan'] was never used",
    ]


# -- how long it takes ------------------------------------------------------------------------------------------------


def test_what_answers_by_itself_takes_what_it_is_estimated_to_take_as_the_seed_decides() -> None:
    @step(estimate=Estimate(seconds=Span(2, 3, 8)))
    def work() -> None: ...

    op = work()
    assert isinstance(op, Op)
    lasted = [Cast(seed=seed).lasts(op, "work") for seed in range(50)]

    assert all(timedelta(seconds=2) <= one <= timedelta(seconds=8) for one in lasted)
    assert len(set(lasted)) == 50
    assert Cast(seed=3).lasts(op, "work") == Cast(seed=3).lasts(op, "work") != Cast(seed=3).lasts(op, "work", 1)


@pytest.mark.parametrize(
    ("seconds", "lasted"), [(Span(), timedelta(0)), (Span(1, 4, None), 4 * DAY / 86400), (Span(2), 2 * DAY / 86400)]
)
def test_an_open_estimate_lasts_as_long_as_is_usual_and_none_no_time(seconds: Span, lasted: timedelta) -> None:
    agent = Scripted("a", {}, Estimate(seconds=seconds))
    op = ask("say", agent, "Hello")
    assert isinstance(op, Op)

    assert Cast().lasts(op, "say") == lasted


# -- examples and values of any type ----------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    left: int
    right: str


class Options(TypedDict, total=False):
    depth: int


@attrs.frozen
class Tree:
    label: str
    below: list[Tree]


TYPES: dict[Any, str] = {
    bool: "True",
    None: "None",
    float: "1.0",
    Literal["it's", 2]: '"it\'s"',
    Colour: "Colour.RED",
    Pair: 'Pair(left=1, right="…")',
    Options: '{"depth": 1}',
    Plan: 'Plan(text="…")',
    Tree: 'Tree(label="…", below=[Tree(label=…, below=…)])',
    Plan | None: 'Plan(text="…")',
    Approved | Denied: 'Approved(by="…")',
    dict[str, tuple[int, ...]]: '{"…": (1,)}',
    tuple[int]: "(1,)",
    tuple[int, str]: '(1, "…")',
    set[int]: "{1}",
    list[Literal["a", "b"]]: '["a"]',
    list[str]: '["…"]',
    frozenset[str]: 'frozenset(["…"])',
    Result[int, str]: "Success(1)",
    Maybe[int]: "Some(1)",
    Refused: 'Refused(why="…")',
    ValueError: 'ValueError("…")',
    Any: "…",
    datetime: "datetime(2030, 1, 1, tzinfo=UTC)",
    date: "date(2030, 1, 1)",
    time: "time(12)",
    timedelta: "timedelta(hours=1)",
    Decimal: 'Decimal("1")',
    UUID: "UUID(int=1)",
    Path: 'Path("…")',
    bytes: 'b"…"',
    Callable[[], int]: "Callable[[], int](…)",
}


@pytest.mark.parametrize("hint", TYPES, ids=str)
def test_an_example_of_a_type_is_how_python_builds_it(hint: Any) -> None:
    assert example(hint) == TYPES[hint]


@pytest.mark.parametrize("hint", [hint for hint in TYPES if hint != Callable[[], int]], ids=str)
def test_a_value_that_is_made_up_is_one_that_can_be_recorded(hint: Any) -> None:
    for seed in range(30):
        value = made(hint, random.Random(seed))

        assert to_json(from_json(to_json(value, hint), hint), hint) == to_json(value, hint)


def test_what_cannot_be_made_up_is_told() -> None:
    from typing import Never

    with pytest.raises(Defect, match=r"script a value of it$"):
        made(Callable[[], int], random.Random(0))
    with pytest.raises(Defect, match="of the type Never"):
        made(Never, random.Random(0))
