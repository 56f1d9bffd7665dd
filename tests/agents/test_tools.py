"""Tools of models: described by their signature, called once for each time they are wanted, recorded one by one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, Literal

import attrs
import pytest
from returns.result import Failure, Result, Success
from speakers import Speaker
from worlds import Lab

from perdure import Attempt, Defect, Do, Model, StepFault, ask, attempt, run_in_memory, step, workflow
from perdure.agents import asking
from perdure.agents.asking import asks
from perdure.agents.reply import Began, Text, ToolEnded, ToolStarted, Use
from perdure.agents.tools import CUT_OFF, described, used
from perdure.core.agents import Agent
from perdure.core.asked import Again, Answer, Asked
from perdure.core.effect import Call as WorkflowCall
from perdure.core.leaves import Ask
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.ending import Finished, Parked
from perdure.interpreters.simulate.points import Points
from perdure.testing.models import FakeProvider, Said, by_turn, in_order
from perdure.testing.models import Use as Wanted

ATTEMPT = Attempt("run", "flow/q", 1, "key")


@attrs.frozen
class Place:
    city: str
    unit: Literal["C", "F"] = "C"


def weather(place: Place, days: int = 1) -> dict[str, float]:
    """What the weather will be."""
    return {place.city: 20.5 + days}


def broken(city: str) -> str:
    raise LookupError(f"no {city}")


def keyed(city: str) -> str:
    return f"{attempt().idempotency_key} {city}"


def call(tool: Any, input: Any, id: str = "1") -> str:
    return asyncio.run(used(tool, Use(id, tool.__name__, input), ATTEMPT, None))


# -- one tool --------------------------------------------------------------------------------------------------------


def test_a_tool_is_described_by_its_signature() -> None:
    said = described(weather)["function"]

    assert (said["name"], said["description"]) == ("weather", "What the weather will be.")
    assert set(said["parameters"]["properties"]) == {"place", "days"}
    assert said["parameters"]["$defs"]["Place"]["properties"]["unit"] == {"enum": ["C", "F"]}


def test_what_is_given_to_a_tool_is_read_by_its_types() -> None:
    assert json.loads(call(weather, {"place": {"city": "Rome", "unit": "C"}, "days": 2})) == {"Rome": 22.5}
    assert json.loads(call(weather, {"place": {"city": "Rome"}})) == {"Rome": 21.5}


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"place": "Rome"}, "The arguments do not fit: $.place: "),
        ({"place": {"city": "Rome"}, "days": "2"}, "The arguments do not fit: $.days: expected int"),
        ({"place": {"city": "Rome"}, "why": 1}, "The arguments do not fit: $: no parameter why"),
        ({}, "The arguments do not fit: $: missing place"),
        ("Rome", "The arguments do not fit: $: expected a JSON object"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model_and_the_tool_is_not_called(input: Any, said: str) -> None:
    assert call(weather, input).startswith(said)


def test_what_a_tool_raises_or_fails_with_is_told_to_the_model() -> None:
    def fails(city: str) -> Result[str, str]:
        return Failure("closed")

    assert call(broken, {"city": "Rome"}) == "It failed: LookupError: no Rome"

    def leaves(city: str) -> str:
        sys.exit(f"no {city}")

    assert call(fails, {"city": "Rome"}) == "It failed: closed"
    assert call(leaves, {"city": "Rome"}) == "It failed: SystemExit: no Rome"


def test_a_tool_has_an_idempotency_key_for_each_call() -> None:
    first, again, other = (call(keyed, {"city": "Rome"}, id) for id in ("1", "1", "2"))

    assert first == again != other
    assert not first.startswith(ATTEMPT.idempotency_key)


def test_a_tool_without_types_is_refused_in_words() -> None:
    def untyped(city) -> str:  # type: ignore[no-untyped-def]
        return city  # type: ignore[no-any-return]

    with pytest.raises(Defect, match="its parameter 'city' has no type"):
        described(untyped)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(Defect, match="two tools are called 'weather'"):
        Model("openai/gpt-4o", tools=[weather, weather])


# -- in a run --------------------------------------------------------------------------------------------------------


def lab(
    monkeypatch: pytest.MonkeyPatch, tools: list[Any], *wants: tuple[Use, ...], crashes: Sequence[str] = (), **more: Any
) -> Lab:
    """One ask of a model that is played."""
    played = Speaker("openai/gpt-4o", list(wants), says=lambda came: came[0])

    async def answering(agent: Agent, op: Ask[Any]) -> Speaker:
        return played

    monkeypatch.setattr(asking, "answering", answering)

    @workflow
    def flow() -> Do[str]:
        return (yield from ask("q", Model("openai/gpt-4o", tools=tools, **more), "why?"))

    made = flow()
    assert isinstance(made, WorkflowCall)
    handler = asks(None)

    def perform(asked: Asked) -> Answer | Again:
        return at_once(handler(asked))  # type: ignore[arg-type]  # a coroutine

    return Lab(made, perform, points=Points(crashes))


def outcome(world: Lab) -> Any:
    finished: Any = world.to_the_end({})
    return finished.outcome


def test_each_call_of_a_tool_is_an_attempt_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def note(text: str) -> str:
        called.append(text)
        return f"noted {text}"

    wants = (Use("1", "note", {"text": "a"}), Use("2", "note", {"text": "b"}))
    world = lab(monkeypatch, [note], wants)

    assert outcome(world) == Success("noted a")
    assert called == ["a", "b"]
    assert len(world.executed) == 4  # a reply, two calls, a reply
    assert [json.loads(e.payload).get("error") for e in world.entries if e.kind == "wait"] == [None, None, None]


def test_a_result_that_no_model_could_read_is_not_told_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    def everything() -> str:
        return "x" * 2_000_001

    said = outcome(lab(monkeypatch, [everything], (Use("1", "everything", {}),)))

    assert said == Success("It gave 2,000,001 characters, and no more than 2,000,000 are told: ask it for less")


def test_a_tool_that_is_no_tool_of_the_model_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(lab(monkeypatch, [], (Use("1", "approve", {}),))) == Success("There is no tool approve")


def test_a_model_that_comes_to_no_answer_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    wants = [(Use(str(n), "weather", {"place": {"city": "Rome"}}),) for n in range(9)]

    failed = outcome(lab(monkeypatch, [weather], *wants, turns=3))

    assert failed == Failure(StepFault("q", "budget", "openai/gpt-4o: budget: it came to no answer in 3 turns"))


def test_a_crash_anywhere_repeats_no_once_tool_and_loses_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    paid: list[int] = []

    @step(repeat="once")
    def pay(amount: int) -> str:
        paid.append(amount)
        return f"paid {amount}"

    wants = (Use("1", "pay", {"amount": 3}),)
    calm = lab(monkeypatch, [pay], wants)
    assert outcome(calm) == Success("paid 3")

    for point in calm.points.met:
        paid.clear()
        world = lab(monkeypatch, [pay], wants, crashes=[point.label])

        told = outcome(world)

        assert len(paid) <= 1, point
        assert told == Success("paid 3" if paid and told != Success(CUT_OFF) else CUT_OFF)


def test_a_crash_repeats_an_idempotent_tool_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def send(text: str) -> str:
        keys.append(attempt().idempotency_key)
        return "sent"

    wants = (Use("1", "send", {"text": "hi"}),)
    calm = lab(monkeypatch, [send], wants)
    outcome(calm)

    for point in calm.points.met:
        keys.clear()
        assert outcome(lab(monkeypatch, [send], wants, crashes=[point.label])) == Success("sent")
        assert len(set(keys)) == 1


# -- calls that wait for a person ------------------------------------------------------------------------------------

YES = '{"_type":"Approved","by":"ana","note":"","at":null}'
NO = '{"_type":"Denied","by":"ana","note":"too dear","at":null}'


def test_a_call_that_is_to_be_confirmed_is_made_once_somebody_says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    paid: list[int] = []

    def pay(amount: int) -> str:
        paid.append(amount)
        return f"paid {amount}"

    wants = (Use("1", "pay", {"amount": 3}), Use("2", "pay", {"amount": 4}))
    world = lab(monkeypatch, [pay, weather], wants, confirm=["pay"])

    assert isinstance(world.start(), Parked)
    assert paid == []
    (gate,) = at_once(world.store.gates(world.run_id))
    assert (gate.path, gate.name, gate.kind) == ("flow/q:pay", "pay", "approval")
    assert gate.prompt == "openai/gpt-4o wants to use pay in flow/q"
    assert json.loads(gate.show) == {"amount": 3}
    world.answer("pay", YES)
    assert isinstance(world.resume(), Parked)  # for the second call
    assert paid == [3]
    world.answer("pay", YES)
    assert world.resume() == Finished(Success("paid 3"))
    assert paid == [3, 4]
    assert [gate.path for gate in at_once(world.store.gates(world.run_id))] == ["flow/q:pay", "flow/q:pay#2"]


def test_a_denial_is_the_result_of_the_call_and_the_model_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def pay(amount: int) -> str:
        raise AssertionError("somebody said no")

    world = lab(monkeypatch, [pay], (Use("1", "pay", {"amount": 3}),), confirm=["pay"])

    ended = world.to_the_end({"pay": NO})

    assert ended == Finished(Success("The reviewer did not allow this call: too dear. Go on without it."))


def test_nobody_is_asked_about_a_call_that_cannot_be_made_or_of_another_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    def pay(amount: int) -> str:
        raise AssertionError("it does not fit")

    wants = (Use("1", "pay", {"amount": "3"}), Use("2", "weather", {"place": {"city": "Rome"}}))
    world = lab(monkeypatch, [pay, weather], wants, confirm=["pay"])

    assert outcome(world) == Success("The arguments do not fit: $.amount: expected int, got '3' (str)")
    assert not at_once(world.store.gates(world.run_id))


@pytest.mark.parametrize("repeat", ["idempotent", "once"])
def test_a_crash_anywhere_asks_once_and_calls_under_one_key(repeat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    @step(repeat=repeat)
    def pay(amount: int) -> str:
        keys.append(attempt().idempotency_key)
        return f"paid {amount}"

    wants = (Use("1", "pay", {"amount": 3}),)
    calm = lab(monkeypatch, [pay], wants, confirm=["pay"])
    assert calm.to_the_end({"pay": YES}) == Finished(Success("paid 3"))

    for point in calm.points.met:
        keys.clear()
        world = lab(monkeypatch, [pay], wants, crashes=[point.label], confirm=["pay"])

        ended: Any = world.to_the_end({"pay": YES})

        assert ended.outcome == Success("paid 3") or (repeat == "once" and ended.outcome == Success(CUT_OFF)), point
        assert len(set(keys)) <= 1, point
        assert len(keys) <= (1 if repeat == "once" else 2), point
        (gate,) = at_once(world.store.gates(world.run_id))
        assert gate.consumed is not None, point


def test_a_secret_in_what_is_asked_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-hunter2")

    def login(word: str) -> str:
        return "in"

    world = lab(monkeypatch, [login], (Use("1", "login", {"word": "hunter2-hunter2"}),), confirm=["login"])
    world.start()

    (gate,) = at_once(world.store.gates(world.run_id))
    assert json.loads(gate.show) == {"word": "[hidden]"}
    assert "hunter2" not in str(world.entries)


# -- through the real library ----------------------------------------------------------------------------------------

PROVIDERS = {
    "openai": ("openai/gpt-4o", "/v1"),
    "responses": ("openai/responses/gpt-4o", "/v1"),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_model_uses_a_tool_and_goes_on_with_what_it_gave(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test-0123456789")
    wanted = Said(uses=(Wanted("weather", {"place": {"city": "Rome", "unit": "C"}, "days": 1}),))

    with FakeProvider(by_turn(wanted, "It will be warm.")) as at:
        name, path = PROVIDERS[provider]
        model = Model(name, base_url=at.url + path, tools=[weather])
        seen: list[Any] = []
        effect = ask("q", model, "How will it be in Rome?")
        answer = asyncio.run(run_in_memory(effect, watch=lambda attempt, event: seen.append((attempt.number, event))))

    assert answer == Success("It will be warm.")
    assert [(number, type(event)) for number, event in seen if not isinstance(event, Text | Began)] == [
        (2, ToolStarted),
        (2, ToolEnded),
    ]
    assert "".join(event.delta for number, event in seen if isinstance(event, Text)) == "It will be warm."
    first, second = at.heard
    assert first.tools == ("weather",)
    assert "21.5" in second.results[0]
    assert second.prompt == "How will it be in Rome?"


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_the_form_of_an_answer_is_repaired_after_tools_were_used(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test-0123456789")
    wanted = Said(uses=(Wanted("weather", {"place": {"city": "Rome", "unit": "C"}, "days": 1}),))
    good = '{"city": "Rome", "unit": "C"}'

    with FakeProvider(in_order(wanted, "in Rome", good)) as at:
        name, path = PROVIDERS[provider]
        model = Model(name, base_url=at.url + path, tools=[weather])
        answer = asyncio.run(run_in_memory(ask("q", model, "Where?", Place)))

    assert answer == Success(Place("Rome"))
    assert len(at.heard) == 3
    assert "The form of your answer" in at.heard[2].prompt
