"""A provider of models for tests: models find it, it keeps what it hears, and it says what is scripted."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from perdure import ClaudeCode, Command, Defect, Model, StepFault, ask, run_in_memory
from perdure.agents.harness.known import ADAPTERS, adapter_named
from perdure.testing.models import KEY, FakeProvider, Heard, Said, Use, by_turn, pointing

MODELS = ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"]
CHAT = {"model": "any", "messages": [{"role": "user", "content": "Why?"}]}


def asked(model: Model) -> Any:
    return asyncio.run(run_in_memory(ask("q", model, "Why?")))


def post(url: str, tree: object) -> tuple[int, Any]:
    """What a request without a key is answered."""
    try:
        with urllib.request.urlopen(url, json.dumps(tree).encode()) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_led_to_it_by_its_base_url(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    with FakeProvider("because", key=KEY) as provider:
        outcome = asked(Model(name, base_url=provider.base_url(name), key="SOME_KEY"))

    assert outcome == Success("because")
    assert [(heard.model, heard.prompt) for heard in provider.heard] == [(name.partition("/")[2], "Why?")]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_says_nothing_of_it_is_led_to_it_by_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with FakeProvider("because", key=KEY) as provider:
        for variable, value in provider.environ.items():
            monkeypatch.setenv(variable, value)
        outcome = asked(Model(name))

    assert outcome == Success("because")
    assert len(provider.heard) == 1


def test_it_speaks_for_no_other_provider() -> None:
    with FakeProvider("because") as provider, pytest.raises(Defect, match="anthropic/… and gemini/… do, not as"):
        provider.base_url("mistral/mistral-large")


def test_it_is_on_this_machine_alone() -> None:
    with FakeProvider("because") as provider:
        assert provider.url.startswith("http://127.0.0.1:")


def test_any_other_key_is_refused_as_the_provider_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-of-somebody")
    with FakeProvider("because", key=KEY) as provider:
        outcome = asked(Model(MODELS[0], base_url=provider.base_url(MODELS[0]), key="SOME_KEY"))

    assert isinstance(outcome, Failure)
    fault = outcome.failure()
    assert isinstance(fault, StepFault)
    assert (fault.error, "[hidden]" in fault.reason) == ("auth", True)


def test_a_script_that_raises_is_an_error_of_the_server_and_says_what_it_was() -> None:
    def script(heard: Heard) -> Said:
        raise LookupError(heard.prompt)

    with FakeProvider(script) as provider:
        status, tree = post(f"{provider.url}/v1/chat/completions", CHAT)

    assert (status, tree["error"]["message"]) == (500, "the script failed: LookupError('Why?')")


def test_what_is_no_request_for_an_answer_is_kept_aside() -> None:
    with FakeProvider("because") as provider:
        assert post(f"{provider.url}/v1/embeddings", {})[0] == 404
        assert post(f"{provider.url}/v1/chat/completions", ["no", "object"])[0] == 404
        assert post(f"{provider.url}/v1/messages/count_tokens", {})[0] == 200
        with urllib.request.urlopen(f"{provider.url}/v1/models") as reply:
            assert json.load(reply)["data"][0]["id"] == "fake-model"

    assert provider.heard == []
    assert provider.aside == [
        "POST /v1/embeddings",
        "POST /v1/chat/completions",
        "POST /v1/messages/count_tokens",
        "GET /v1/models",
    ]


def test_answers_by_turn_follow_the_conversation_and_not_the_count_of_requests() -> None:
    script = by_turn(Said(uses=(Use("look", {"at": "bees"}),)), "They dance.", aside="A title")
    tools = [{"type": "function", "function": {"name": "look"}}]
    looked: list[Any] = [*CHAT["messages"], {"role": "tool", "content": "a dance"}]

    with FakeProvider(script) as provider:
        url = f"{provider.url}/v1/chat/completions"
        said = [
            post(url, {**CHAT, **more})[1]["choices"][0]["message"]
            for more in ({"tools": tools}, {"tools": tools}, {"tools": tools, "messages": looked}, {})
        ]

    assert [message["content"] for message in said] == [None, None, "They dance.", "A title"]
    assert [use["function"] for use in said[1]["tool_calls"]] == [{"name": "look", "arguments": '{"at": "bees"}'}]
    assert provider.heard[2].results == ("a dance",)


def test_every_coding_agent_that_can_be_installed_can_be_pointed_at_it(tmp_path: Path) -> None:
    installable = [agent for agent, module in ADAPTERS.items() if adapter_named(module).package]
    assert ClaudeCode in installable

    for agent in installable:
        home = tmp_path / agent.__name__
        home.mkdir()
        here = pointing(agent, "http://127.0.0.1:8080")
        environ = here.home(home)

        assert environ["HOME"] == str(home)
        assert all(Path(environ[f"XDG_{what}_HOME"]).is_relative_to(home) for what in ("CONFIG", "DATA", "CACHE"))
        assert {name: environ[name] for name in here.environ} == here.environ
        assert agent(model=here.model, env=here.env).env == tuple(here.environ)
        written = [*environ.values(), *(file.read_text() for file in home.rglob("*") if file.is_file())]
        assert any("http://127.0.0.1:8080" in text for text in written)
        assert any(KEY in text for text in written)


def test_nothing_that_takes_it_for_a_proxy_gets_out_and_what_tried_is_told() -> None:
    with FakeProvider("because") as provider:
        here = pointing(ClaudeCode, provider.url)
        with tempfile.TemporaryDirectory() as home:
            proxy = here.home(Path(home))["HTTPS_PROXY"]
        out = urllib.request.build_opener(urllib.request.ProxyHandler({"https": proxy}))
        with pytest.raises(OSError, match="403"):
            out.open("https://updates.example/latest")

    assert provider.aside == ["CONNECT updates.example:443"]


def test_how_any_other_program_is_pointed_at_it_is_not_known() -> None:
    with pytest.raises(
        Defect, match=r"how Command is pointed at a provider is up to its program; it is known of Claude"
    ):
        pointing(Command, "http://127.0.0.1:8080")


def test_as_a_program_it_prints_its_address_and_says_the_same_to_everybody() -> None:
    words = [sys.executable, "-m", "perdure.testing.models", "bees", "dance"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().strip()
            answers = [post(f"{url}/v1/chat/completions", CHAT)[1] for _ in range(2)]
        finally:
            program.send_signal(signal.SIGTERM)

    assert [answer["choices"][0]["message"]["content"] for answer in answers] == ["bees dance"] * 2
