"""An agent that speaks the Agent Client Protocol: what it may do, what it answers, and what becomes of its errors."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from subjects import SUBJECTS, environ

from perdure.agents import shim
from perdure.agents.harness.coding import Coding
from perdure.agents.harness.known import adapter_of
from perdure.agents.places import mark_of
from perdure.agents.reply import (
    AgentError,
    Call,
    Confirm,
    Event,
    Reply,
    Started,
    ToolEnded,
    ToolStarted,
    Unanswered,
    Wanted,
)
from perdure.core.agents import Acp, McpServer
from perdure.core.asked import Attempt, nobody
from perdure.core.leaves import Approved, Ask, Denied
from perdure.testing.models import FakeProvider, Said, by_turn

AGENT = str(Path(__file__).with_name("fake_acp_agent.py"))


def answer(
    agent: Acp,
    environ: dict[str, str],
    prompt: str,
    session: Any = None,
    events: list[Event] | None = None,
    confirm: Confirm = nobody,
) -> Reply:
    adapter = adapter_of(agent)
    assert adapter is not None
    key, tell = uuid.uuid4().hex, [] if events is None else events
    attempt = Attempt("run", "q", 1, key)
    call = Call(ask=Ask("q", (agent,), prompt), attempt=attempt, message=prompt, session=session, confirm=confirm)
    try:
        return anyio.run(Coding("acp", agent, adapter, environ).answer, call, tell.append)
    finally:
        assert shim.marked(mark_of(attempt)) == set()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "WORD": "marmalade-and-honey"}


def fake(tmp_path: Path, **options: Any) -> Acp:
    return Acp(command=[sys.executable, AGENT], cwd=str(tmp_path), **options)


def test_the_answer_is_what_is_said_after_the_last_tool(env: dict[str, str], tmp_path: Path) -> None:
    events: list[Event] = []

    reply = answer(fake(tmp_path), env, "write", events=events)

    assert (reply.text, reply.session, reply.version) == ("done: write.", "session-0", "1.2.3")
    assert reply.cost.source == "unknown"
    told = [event for event in events if isinstance(event, Started | ToolStarted | ToolEnded)]
    assert told == [
        Started("session-0", version="1.2.3"),
        ToolStarted("call-write", "write", None),
        ToolEnded("call-write", True, "ok"),
    ]


@pytest.mark.parametrize(("access", "done"), [("read", "read"), ("edit", "read write"), ("full", "read write run")])
def test_permissions_are_given_by_what_the_agent_may_do(
    access: Any, done: str, env: dict[str, str], tmp_path: Path
) -> None:
    assert answer(fake(tmp_path, access=access), env, "read write run").text == f"done: {done}."


def test_a_person_is_asked_for_what_it_may_not_do_by_itself(env: dict[str, str], tmp_path: Path) -> None:
    asked: list[Wanted] = []

    async def confirm(wanted: Wanted) -> Approved | Denied:
        asked.append(wanted)
        return Approved() if wanted.tool == "edit" else Denied(note="not here")

    reply = answer(fake(tmp_path, access="read", confirm=True), env, "read write run", confirm=confirm)

    assert [(wanted.tool, wanted.input) for wanted in asked] == [
        ("edit", {"title": "write"}),
        ("execute", {"title": "run"}),
    ]
    told = json.loads((tmp_path / "sessions.json").read_text())["session-0"]
    assert told == ["read write run", "The reviewer did not allow your call of execute: not here. Go on without it."]
    assert reply.text == "done: ."  # to what it was told last


def test_where_nobody_answers_the_turn_is_cancelled(env: dict[str, str], tmp_path: Path) -> None:
    async def confirm(_: Wanted) -> Approved | Denied:
        await anyio.sleep_forever()
        raise AssertionError

    with pytest.raises(Unanswered) as raised:
        answer(
            fake(tmp_path, access="read", confirm=True, hold=timedelta(milliseconds=200)), env, "run", confirm=confirm
        )

    assert (raised.value.wanted.tool, raised.value.session) == ("execute", "session-0")
    assert json.loads((tmp_path / "cancelled.json").read_text()) == {"sessionId": "session-0"}


def test_a_turn_that_is_cancelled_goes_on_with_no_reason_of_an_earlier_no(env: dict[str, str], tmp_path: Path) -> None:
    async def confirm(wanted: Wanted) -> Approved | Denied:
        if wanted.tool == "execute":
            await anyio.sleep_forever()
        return Denied(note="not here")

    agent = fake(tmp_path, access="read", confirm=True, hold=timedelta(milliseconds=200))
    with pytest.raises(Unanswered):
        answer(agent, env, "write run", confirm=confirm)

    assert json.loads((tmp_path / "sessions.json").read_text())["session-0"] == ["write run"]


def test_an_old_conversation_that_is_played_back_late_is_no_answer(env: dict[str, str], tmp_path: Path) -> None:
    answer(fake(tmp_path), env, "one")
    (tmp_path / "late").touch()

    reply = answer(fake(tmp_path), env, "two", "session-0")

    assert reply.text == "done: ."


def test_a_conversation_is_continued_and_what_is_played_back_is_no_answer(env: dict[str, str], tmp_path: Path) -> None:
    first = answer(fake(tmp_path), env, "one")
    second = answer(fake(tmp_path), env, "two", first.session)

    assert second.text == "done: ."
    assert json.loads((tmp_path / "sessions.json").read_text()) == {"session-0": ["one", "two"]}


def test_a_lost_conversation_is_begun_anew(env: dict[str, str], tmp_path: Path) -> None:
    assert answer(fake(tmp_path), env, "one", "gone").session == "session-0"


def test_instructions_come_before_the_first_prompt_only(env: dict[str, str], tmp_path: Path) -> None:
    agent = fake(tmp_path, system="You are strict.")

    answer(agent, env, "two", answer(agent, env, "one").session)

    assert json.loads((tmp_path / "sessions.json").read_text()) == {"session-0": ["You are strict.\n\none", "two"]}


def test_servers_of_tools_are_passed_on_with_their_variables(env: dict[str, str], tmp_path: Path) -> None:
    answer(fake(tmp_path, mcp=[McpServer(name="wf", command=["serve", "--fast"], env=["WORD"])]), env, "one")

    assert json.loads((tmp_path / "servers.json").read_text()) == [
        {
            "name": "wf",
            "command": "serve",
            "args": ["--fast"],
            "env": [{"name": "WORD", "value": "marmalade-and-honey"}],
        }
    ]


def test_it_reads_no_file_through_us(env: dict[str, str], tmp_path: Path) -> None:
    assert answer(fake(tmp_path), env, "file").text == "fs/read_text_file is not offered"


@pytest.mark.parametrize(
    ("prompt", "kind", "said"),
    [
        ("refuse", "refused", "it declines"),
        ("too many", "rate", "rate limited"),
        ("break", "auth", 'Internal error: {"details": "invalid api key"}'),
        ("silent", "crashed", "it stopped without an answer"),
        ("die", "crashed", "out of memory"),
    ],
)
def test_a_failure_has_its_kind(prompt: str, kind: str, said: str, env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AgentError) as raised:
        answer(fake(tmp_path), env, prompt)

    assert raised.value.kind == kind
    assert said in raised.value.message
    assert raised.value.session == "session-0"


# -- the real ones ---------------------------------------------------------------------------------------------------


COMMANDS = {"gemini": ["gemini", "--acp", "--skip-trust", "-m", "gemini-2.5-flash"], "opencode": ["opencode", "acp"]}


@pytest.mark.harness
@pytest.mark.parametrize(("access", "written"), [("read", False), ("edit", True)])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_real_agent_asks_and_is_answered(name: str, access: Any, written: bool, room: Path) -> None:
    subject = SUBJECTS[name]
    if subject.missing:
        pytest.skip(subject.missing)
    target = room / "work" / "made.txt"
    script = by_turn(Said(uses=(subject.write(target, "made"),)), "all done", aside=Said("Title"))
    with FakeProvider(script) as provider:
        env = environ(room / "home", subject.home(room / "home", provider.url))
        _let_it_ask(room / "home")
        agent = Acp(command=COMMANDS[name], cwd=str(room / "work"), env=subject.options["env"], access=access)
        if (name, access) == ("opencode", "read"):
            with pytest.raises(AgentError, match="it stopped without an answer"):
                answer(agent, env, "do it")
        else:
            assert answer(agent, env, "do it").text == "all done"

    assert target.exists() == written


def _let_it_ask(home: Path) -> None:
    (home / ".gemini").mkdir()
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"maxAttempts": 1}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    if (file := home / ".config" / "opencode" / "opencode.json").exists():
        asks = {"model": "fake/fake-model", "permission": {"bash": "ask", "edit": "ask"}}
        file.write_text(json.dumps({**json.loads(file.read_text()), **asks}))
