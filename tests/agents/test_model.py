"""Models through the real litellm, against providers on loopback: each promise holds for three of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from returns.result import Failure, Success

from perdure import StepFault, ask, run_in_memory
from perdure.agents.model import _input as given
from perdure.agents.model import _whole as whole
from perdure.agents.model import speaker
from perdure.agents.reply import AgentError, Call, Cost, Event, Kind, Reply, Tell, Text, Usage
from perdure.core.agents import Model
from perdure.core.asked import Attempt
from perdure.core.leaves import Ask
from perdure.testing.models import FakeProvider, Said, Script, in_order
from perdure.testing.models import Use as Wanted

MESSAGE = SimpleNamespace(content="because", tool_calls=None, provider_specific_fields=None)
ATTEMPT = Attempt("run", "flow/q", 1, "key")

#: A model of each provider, and where below its address it is asked.
PROVIDERS = {
    "openai": ("openai/gpt-4o", "/v1"),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta"),
}


@attrs.frozen
class Review:
    """What a reviewer says."""

    approved: bool
    notes: list[str]


GOOD = '{"approved": true, "notes": ["fine"]}'


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test-0123456789")


def model(provider: str, at: FakeProvider, **more: Any) -> Model:
    name, path = PROVIDERS[provider]
    return Model(more.pop("model", name), base_url=at.url + path, **more)


@pytest.fixture(autouse=True, params=[False, True], ids=["at once", "streamed"])
def live(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether somebody listens: what holds of an answer that comes at once holds of one that comes in parts."""
    streams: bool = request.param
    monkeypatch.setattr(sys.modules[__name__], "LIVE", streams)
    return streams


#: Whether models are asked for streams in this test.
LIVE = False


def answered(agent: Model, output: Any = str, **more: Any) -> Any:
    """What an ask ends with, in memory."""
    watch = (lambda _, event: None) if LIVE else None
    return asyncio.run(run_in_memory(ask("q", agent, "why?", output, **more), watch=watch))


def turn(agent: Model, tell: Tell = lambda _: None) -> Reply:
    """One turn alone."""

    async def main() -> Reply:
        call = Call(ask=Ask("q", (agent,), "why?"), attempt=ATTEMPT, message="why?", live=LIVE)
        return await (await speaker(agent)).answer(call, tell)

    return asyncio.run(main())


# -- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_model_is_told_its_system_prompt_and_asked_once(provider: str) -> None:
    with FakeProvider(in_order("because")) as at:
        outcome = answered(model(provider, at, system="Be brief.", max_tokens=100))

    assert outcome == Success("because")
    [heard] = at.heard
    assert (heard.system, heard.prompt, heard.key) == ("Be brief.", "why?", "sk-test-0123456789")
    assert heard.schema is None
    assert at.aside == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_half_a_character_keeps_no_model_from_being_asked(provider: str) -> None:
    with FakeProvider(in_order("because")) as at:
        assert answered(model(provider, at, system="Be \ud83dbrief.")) == Success("because")

    assert at.heard[0].system == "Be ?brief."


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_model_that_can_is_held_to_the_schema_by_its_provider(provider: str) -> None:
    with FakeProvider(in_order(GOOD)) as at:
        outcome = answered(model(provider, at), Review)

    assert outcome == Success(Review(True, ["fine"]))
    [heard] = at.heard
    assert heard.schema is not None
    assert set(heard.schema["properties"]) == {"approved", "notes"}
    assert heard.prompt == "why?"


def test_a_model_that_nobody_knows_is_told_the_schema_in_words() -> None:
    with FakeProvider(in_order(f"My verdict:\n```json\n{GOOD}\n```")) as at:
        outcome = answered(model("openai", at, model="openai/of-my-own"), Review)

    assert outcome == Success(Review(True, ["fine"]))
    assert at.heard[0].schema is None
    assert "fits this JSON Schema" in at.heard[0].prompt


def test_whoever_knows_better_than_the_list_says_so() -> None:
    with FakeProvider(in_order(GOOD)) as at:
        answered(model("openai", at, model="openai/of-my-own", native=True), Review)

    assert at.heard[0].schema is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_form_of_an_answer_is_repaired_in_the_same_conversation(provider: str) -> None:
    with FakeProvider(in_order('{"approved": "false", "notes": []}', GOOD)) as at:
        outcome = answered(model(provider, at, system="Be brief."), Review)

    assert outcome == Success(Review(True, ["fine"]))
    first, second = at.heard
    assert "$.approved: 'false' is not of type 'boolean'" in second.prompt
    assert second.turns == first.turns + 2
    conversation = json.dumps(second.body)
    assert "why?" in conversation
    assert '\\"false\\"' in conversation


def test_an_answer_that_never_fits_ends_as_what_it_is_and_was_paid_for_each_time() -> None:
    with FakeProvider(in_order("I would rather not use braces")) as at:
        outcome = answered(model("openai", at), Review)

    assert isinstance(outcome.failure(), StepFault)
    assert outcome.failure().error == "invalid_output"
    assert len(at.heard) == 3


def test_the_key_is_taken_from_the_variable_that_the_agent_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_KEY", "work-0123456789")

    with FakeProvider(in_order("yes"), key="work-0123456789") as at:
        assert answered(model("openai", at, key="WORK_KEY")) == Success("yes")


def test_a_variable_that_is_not_set_is_named() -> None:
    with FakeProvider(in_order("yes")) as at:
        outcome = answered(model("openai", at, key="NO_SUCH_KEY"))

    assert outcome == Failure(
        StepFault("q", "auth", "openai/gpt-4o: auth: the environment variable NO_SUCH_KEY is not set")
    )
    assert at.heard == []


# -- usage and price -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tokens_are_counted_once_by_kind_and_priced_by_the_list_that_came_with_the_library(provider: str) -> None:
    cached = 4
    # Anthropic counts what it read from its cache beside what it read, the others among it.
    read = 7 if provider == "anthropic" else 11
    with FakeProvider(in_order(Said("yes", input_tokens=read, cached_tokens=cached, output_tokens=3))) as at:
        reply = turn(model(provider, at))

    assert reply.usage == Usage(input=7, output=3, cache_read=4)
    assert reply.cost.source == "priced"
    assert reply.cost.usd is not None
    assert Decimal(0) < reply.cost.usd < Decimal("0.001")
    assert reply.version.startswith("litellm 1.")


def test_a_price_that_nobody_knows_is_unknown_and_not_zero() -> None:
    with FakeProvider(in_order("yes")) as at:
        reply = turn(model("openai", at, model="openai/of-my-own"))

    assert reply.cost == Cost(None, "unknown")
    assert reply.usage.input == 11


@attrs.frozen
class Answered:
    """What litellm makes of an answer, as far as it is read."""

    usage: Any
    choices: tuple[Any, ...] = (SimpleNamespace(finish_reason="stop", message=MESSAGE),)
    model: str = "gpt-4o"
    _hidden_params: Any = attrs.field(factory=lambda: {"response_cost": 0.25}, alias="hidden")


def counted(prompt: int, completion: int, cached: int = 0) -> Any:
    details = SimpleNamespace(cached_tokens=cached)
    return SimpleNamespace(
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_tokens_details=details,
        completion_tokens_details=None,
    )


CALL = Call(ask=Ask("q", (Model("openai/gpt-4o"),), "why?"), attempt=ATTEMPT, message="why?")


@pytest.mark.parametrize("usage", [None, counted(0, 0), counted(-5, 1), counted(5, -1)])
def test_what_is_not_counted_is_unknown_in_tokens_and_dollars(usage: Any) -> None:
    reply = whole(Answered(usage), CALL, [])  # type: ignore[arg-type]

    assert (reply.usage, reply.cost) == (Usage(), Cost())


def test_what_a_gateway_counts_beside_is_not_taken_away_twice() -> None:
    assert whole(Answered(counted(5, 1, cached=100)), CALL, []).usage == Usage(input=5, output=1, cache_read=100)  # type: ignore[arg-type]
    assert whole(Answered(counted(105, 1, cached=100)), CALL, []).usage == Usage(input=5, output=1, cache_read=100)  # type: ignore[arg-type]


def test_an_answer_without_one_is_a_passing_fault() -> None:
    with pytest.raises(AgentError) as raised:
        whole(Answered(counted(5, 1), ()), CALL, [])  # type: ignore[arg-type]

    assert (raised.value.kind, raised.value.cost.usd) == ("transient", Decimal("0.25"))


# -- failures --------------------------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[Said, Kind]] = {
    "401": (Said(status=401, error="bad key"), "auth"),
    "403": (Said(status=403, error="not allowed"), "auth"),
    "404": (Said(status=404, error="no such model"), "config"),
    "400": (Said(status=400, error="no such option"), "config"),
    "too long": (Said(status=400, error="prompt is too long: 300000 tokens > 200000 maximum"), "context"),
    "too long elsewhere": (Said(status=400, error="This model's maximum context length is 8192 tokens"), "context"),
    "429": (Said(status=429, error="slow down", headers={"retry-after": "20"}), "rate"),
    "quota": (Said(status=429, error="You exceeded your current quota", error_type="insufficient_quota"), "quota"),
    "balance": (Said(status=400, error="Your credit balance is too low"), "quota"),
    "500": (Said(status=500, error="oops"), "transient"),
    "503": (Said(status=503, error="oops"), "transient"),
    "529": (Said(status=529, error="Overloaded"), "rate"),
    "cut": (Said("half of this never comes", cut=True), "transient"),
    "slow": (Said("late", delay=timedelta(seconds=30)), "transient"),
    "length": (Said("and so", finish="length"), "context"),
    "our length": (Said("and so", finish="length"), "budget"),
    "filter": (Said("", finish="content_filter"), "refused"),
    "nothing": (Said(""), "transient"),
}


def failure(provider: str, script: Script, **more: Any) -> tuple[AgentError, FakeProvider]:
    with FakeProvider(script) as at, pytest.raises(AgentError) as raised:
        turn(model(provider, at, **more))
    return raised.value, at


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", FAILURES)
def test_each_failure_is_told_by_its_kind_after_one_request(case: str, provider: str) -> None:
    said, kind = FAILURES[case]
    limit = {"slow": {"timeout": timedelta(milliseconds=300)}, "our length": {"max_tokens": 2}}.get(case, {})

    error, at = failure(provider, in_order(said), **limit)

    assert error.kind == kind, error
    assert len(at.heard) == 1, "litellm tried again by itself"
    assert (error.retry_after == timedelta(seconds=20)) == (case == "429")
    if said.status != 200:
        assert said.error in error.message
        assert "litellm" not in error.message
    if case in ("401", "404", "429"):
        assert error.status == said.status
        assert error.cost == Cost(Decimal(0), "priced")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_without_a_key_nothing_is_sent(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name)

    error, at = failure(provider, in_order("yes"))

    assert error.kind == "auth"
    assert at.heard == []


def test_a_server_that_is_not_there_is_a_passing_fault() -> None:
    with FakeProvider(in_order("yes")) as at:
        gone = model("anthropic", at)

    with pytest.raises(AgentError) as raised:
        turn(gone)

    assert raised.value.kind == "transient"


@pytest.mark.parametrize("case", ["in a text", "in a word"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_ends_without_a_last_word_is_never_an_answer(provider: str, case: str) -> None:
    text = "half of this never comes" if case == "in a text" else "half"

    with FakeProvider(in_order(Said(text, parts=4, short=True))) as at, pytest.raises(AgentError) as raised:
        streamed(model(provider, at))

    assert raised.value.kind == "transient"


# -- streams ---------------------------------------------------------------------------------------------------------


def streamed(agent: Model, tell: Tell = lambda _: None) -> Reply:
    async def main() -> Reply:
        call = Call(ask=Ask("q", (agent,), "why?"), attempt=ATTEMPT, message="why?", live=True)
        return await (await speaker(agent)).answer(call, tell)

    return asyncio.run(main())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_model_says_is_told_while_it_says_it(provider: str) -> None:
    door, told = threading.Event(), list[Event]()

    def tell(event: Event) -> None:
        told.append(event)
        door.set()  # only now the provider goes on

    with FakeProvider(in_order(Said("as it comes", parts=3, door=door))) as at:
        reply = streamed(model(provider, at), tell)

    assert told == [Text("as i"), Text("t co"), Text("mes")]
    assert reply.text == "as it comes"
    assert at.heard[0].stream


@pytest.mark.parametrize("provider", ["openai", "anthropic"])  # of Gemini's an answer at once is understood, too
def test_a_server_that_does_not_stream_is_told_with_what_mends_it(provider: str) -> None:
    with FakeProvider(in_order(Said("all of it", streams=False))) as at, pytest.raises(AgentError) as raised:
        streamed(model(provider, at))

    assert raised.value.kind == "transient"
    assert "stream=False" in raised.value.message


def test_a_server_that_has_no_streams_is_asked_at_once() -> None:
    told: list[Event] = []

    with FakeProvider(in_order("all of it")) as at:
        streamed(model("openai", at, stream=False), told.append)

    assert not at.heard[0].stream
    assert told == [Text("all of it")]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_tool_is_wanted_in_a_stream_as_it_is_at_once(provider: str) -> None:
    def look(city: str) -> str:
        """Look."""
        return city

    wanted = Said("I look.", uses=(Wanted("look", {"city": "Rome"}), Wanted("look", {"city": "Oslo"})), parts=2)
    with FakeProvider(in_order(wanted)) as at:
        reply = turn(model(provider, at, tools=[look]))

    assert [(use.name, use.input) for use in reply.uses] == [("look", {"city": "Rome"}), ("look", {"city": "Oslo"})]
    assert reply.text == "I look."
    assert len({use.id for use in reply.uses}) == 2


def test_a_model_that_declines_in_a_field_of_its_own_is_heard() -> None:
    error, _ = failure("openai", in_order(Said("", refusal="I will not.")))

    assert (error.kind, error.message) == ("refused", "I will not.")


def test_tokens_that_a_stream_does_not_count_are_unknown_and_not_guessed() -> None:
    with FakeProvider(in_order(Said("yes", counts=False))) as at:
        reply = streamed(model("openai", at))

    assert (reply.usage, reply.cost) == (Usage(), Cost(None, "unknown"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_takes_too_long_altogether_is_given_up(provider: str) -> None:
    never = threading.Event()
    with FakeProvider(in_order(Said("for ever", parts=2, door=never))) as at, pytest.raises(AgentError) as raised:
        streamed(model(provider, at, timeout=timedelta(milliseconds=300)))

    assert raised.value.kind == "transient"


@pytest.mark.parametrize("arguments", ['{"x": NaN}', '{"x": 1e999}', "[" * 5000])
def test_arguments_that_cannot_be_recorded_are_what_does_not_fit(arguments: str) -> None:
    assert given(arguments) == arguments


# -- loading ---------------------------------------------------------------------------------------------------------


def test_the_library_is_loaded_without_a_word_to_the_network() -> None:
    program = """
import socket, sys
def refuse(*args): raise SystemExit(f"it connects to {args[1]}")
socket.socket.connect = refuse
from perdure.agents.model import load
assert "litellm" not in sys.modules
print(load().supports_response_schema("openai/gpt-4o"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_on_another_loop_than_its_own_it_says_so() -> None:
    import anyio

    async def main() -> Any:
        return await run_in_memory(ask("q", Model("openai/gpt-4o"), "why?"))

    outcome = anyio.run(main, backend="trio")

    assert "asyncio only" in outcome.failure().reason
