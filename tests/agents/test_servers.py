"""Servers of tools for models: on real processes, by the real library, and what is left of them when things end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from returns.result import Success
from scenes import alive, number_in, until
from speakers import Speaker

import perdure
from perdure import (
    Approved,
    Defect,
    Denied,
    Do,
    McpServer,
    Model,
    StepFault,
    ask,
    parallel,
    plan,
    run_in_memory,
    workflow,
)
from perdure.agents import asking, mcp, servers
from perdure.agents.asking import asks
from perdure.agents.mcp import known_as
from perdure.agents.reply import Use
from perdure.agents.servers import Servers
from perdure.agents.tools import CUT_OFF
from perdure.core.agents import Agent
from perdure.core.asked import NOTHING_KNOWN, Again, Asked, Attempt, answered
from perdure.core.leaves import Ask
from perdure.interpreters import memory
from perdure.testing.models import FakeProvider, Heard, Said
from perdure.testing.models import Use as Wanted

PROGRAM = str(Path(__file__).with_name("many_tools.py"))


def server(*words: str, name: str = "many", env: Sequence[str] = ()) -> McpServer:
    return McpServer(name=name, command=[sys.executable, PROGRAM, *words], env=env)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and an environment with two secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORD", "marmalade-and-honey")
    monkeypatch.setenv("HIDDEN", "correct horse battery")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    monkeypatch.delenv("PERDURE_AGENT", raising=False)
    return tmp_path


def many_tools() -> list[str]:
    """The tools of the server, by its own names."""
    source = Path(PROGRAM).read_text()
    return re.findall(r'^    "([\w.]+)": \(', source, re.MULTILINE)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def all_dead(place: Path) -> bool:
    return not any(alive(int(pid)) for pid in lines(place / "starts"))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Speaker]:
    """Who speaks for models, in place of litellm; the first is asked, and the others if it is given up."""
    speakers: list[Speaker] = []

    async def answering(agent: Agent, op: Ask[Any]) -> Speaker:
        return speakers[op.agents.index(agent)]

    monkeypatch.setattr(asking, "answering", answering)
    return speakers


def asked(played: list[Speaker], *wants: tuple[Use, ...], servers: Sequence[McpServer] = (), **more: Any) -> Any:
    """What an ask of a model ends with, in memory."""
    played.append(Speaker("openai/gpt-4o", list(wants)))
    model = Model("openai/gpt-4o", mcp=servers or [server()], **more)

    async def main() -> Any:
        outcome = await run_in_memory(ask("q", model, "why?"))
        assert all_dead(Path()), "a server outlives its run"
        return outcome

    return asyncio.run(main())


def use(tool: str, id: str = "1", **given: Any) -> tuple[Use, ...]:
    return (Use(id, f"many__{tool}", given),)


# -- what a person is asked first ------------------------------------------------------------------------------------


def decided(agent: Model, decision: Approved | Denied) -> tuple[list[str], Any]:
    """The names that a person was asked about, and what the ask ends with."""
    op: Ask[Any] = Ask("q", (agent,), "why?")
    names: list[str] = []

    async def main() -> Any:
        known = NOTHING_KNOWN
        async with Servers() as servers:
            handler = asks(None, servers=servers)
            for number in range(1, 20):
                then = await handler(Asked(op, Attempt("r", "q", number, "key"), known))
                if not isinstance(then, Again):
                    return then
                known = then.known
                if then.until is not None:
                    names.append(then.until.name)
                    known = answered(known, decision)
                    assert all_dead(Path()), "a server lives while a person is waited for"
            raise AssertionError("it comes to no end")

    return names, asyncio.run(main())


@pytest.mark.parametrize(("tool", "name"), [("pay", "many__pay"), ("pay.back", known_as("many", "pay.back"))])
def test_a_tool_of_a_server_waits_for_a_person_by_the_name_that_its_server_gives_it(
    tool: str, name: str, place: Path, played: list[Speaker]
) -> None:
    clerk = Model("openai/gpt-4o", mcp=[server()], confirm=[f"many__{tool}"])
    wants: list[tuple[Use, ...]] = [(Use("1", name, {"text": "3"}), Use("2", "many__look", {"text": "b"}))]
    played.append(Speaker(clerk.name, wants))

    assert decided(clerk, Approved()) == ([name], Success(f"{tool}: 3\nlook: b"))
    assert lines(place / "calls") == [f'{tool} {{"text": "3"}}', 'look {"text": "b"}']


def test_a_tool_of_a_server_is_not_called_where_a_person_says_no(place: Path, played: list[Speaker]) -> None:
    clerk = Model("openai/gpt-4o", mcp=[server()], confirm=["many__pay"])
    played.append(Speaker(clerk.name, [use("pay", text="3")]))

    names, outcome = decided(clerk, Denied(note="too much"))

    assert names == ["many__pay"]
    assert outcome == Success("The reviewer did not allow this call: too much. Go on without it.")
    assert lines(place / "calls") == []


def test_a_model_is_not_asked_where_a_tool_to_be_confirmed_is_none_of_its_server(
    place: Path, played: list[Speaker]
) -> None:
    outcome = asked(played, use("pay", text="3"), confirm=["many__pya"])

    assert str(outcome.failure()) == (
        "step 'q' failed: config: openai/gpt-4o: config: Model(confirm=…): 'many__pya' is none of the tools of its "
        "servers: " + ", ".join(f"many__{tool}" for tool in many_tools())
    )
    assert played[0].calls == []


# -- what a model is told --------------------------------------------------------------------------------------------


def test_a_model_is_offered_the_tools_of_all_pages_by_names_that_providers_take(
    place: Path, played: list[Speaker]
) -> None:
    assert asked(played) == Success("done")

    [call] = played[0].calls
    told = {tool["function"]["name"]: tool["function"] for tool in call.tools}
    assert len(told) == len(many_tools())
    assert "many__look" in told
    assert told["many__count"] == {"name": "many__count", "description": "count", "parameters": {"type": "object"}}
    assert all(mcp._FIT.fullmatch(name) and len(name) <= 64 for name in told)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b.c"), ("a", "b_c")),
        (("a", "b__c"), ("a__b", "c")),
        (("a.b", "c"), ("a_b", "c")),
        (("a", "x" * 80), ("a", "x" * 81)),
        (("1a", "b"), ("_1a", "b")),
    ],
)
def test_no_two_tools_have_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    names = known_as(*one), known_as(*other)

    assert names[0] != names[1]
    assert all(mcp._FIT.fullmatch(name) and len(name) <= 64 for name in names)


def test_two_servers_of_one_name_are_refused() -> None:
    with pytest.raises(Defect, match="two servers are called 'many'"):
        Model("openai/gpt-4o", mcp=[server(), server("mute")])


def test_a_function_that_is_called_as_a_tool_of_a_server_may_be_is_refused() -> None:
    def many__look(text: str) -> str:
        return text

    with pytest.raises(Defect, match="'many__look' is called as a tool of the server 'many'"):
        Model("openai/gpt-4o", tools=[many__look], mcp=[server()])


def test_a_server_without_a_program_is_refused() -> None:
    with pytest.raises(Defect, match="give the program"):
        McpServer(name="many", command=[])


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (use("look", text="here"), "look: here"),
        (use("count"), '{"count": 1}'),
        (use("fail"), "It failed: it is closed"),
        (use("picture"), "see:\n[image: image/png, which cannot be shown here]\na note\n[two: note://2]"),
        ((Use("1", "many__look", "here"),), "The arguments do not fit: $: expected a JSON object of arguments"),
        (use("approve"), "There is no tool many__approve"),
    ],
)
def test_what_a_tool_gives_is_told_to_the_model(
    wanted: tuple[Use, ...], told: str, place: Path, played: list[Speaker]
) -> None:
    assert asked(played, wanted) == Success(told)


def test_a_server_that_dies_is_told_to_the_model_and_started_again_for_the_next_call(
    place: Path, played: list[Speaker]
) -> None:
    dying, softly = known_as("many", "die"), known_as("many", "die.softly")
    told = asked(played, (Use("1", dying, {}), Use("2", softly, {}), Use("3", "many__count", {}))).unwrap()

    ended = "The server of tools 'many' ended in the middle of it: out of ink"
    assert told == f"{ended}\n{CUT_OFF}\n{ended}\n" + '{"count": 1}'
    assert len(lines(place / "starts")) == 3


# -- what a server is ------------------------------------------------------------------------------------------------


def test_a_server_sees_what_it_declares_and_no_other_secret_and_neither_is_recorded(
    place: Path, played: list[Speaker]
) -> None:
    assert asked(played, use("word"), servers=[server(env=["WORD"])]) == Success(
        "the word is [hidden], and HIDDEN is None"
    )


@pytest.mark.parametrize(
    ("which", "why"),
    [
        (server("refuse", "no such door: {WORD}", env=["WORD"]), "it ended with code 3: no such door: [hidden]"),
        (McpServer(name="many", command=["no-such-program"]), "no-such-program is not on the PATH"),
        (server(env=["NO_SUCH_VARIABLE"]), "env=['NO_SUCH_VARIABLE'] is declared, but NO_SUCH_VARIABLE is not set"),
    ],
)
def test_a_server_that_cannot_be_started_is_a_configuration_that_is_wrong(
    which: McpServer, why: str, place: Path, played: list[Speaker]
) -> None:
    fault = asked(played, servers=[which]).failure()

    assert isinstance(fault, StepFault)
    assert fault.error == "config"
    assert f"the server of tools 'many' cannot be used: {why}" in fault.reason
    assert played[0].calls == []


def test_a_secret_that_is_cut_in_two_where_its_words_begin_is_hidden_too(place: Path, played: list[Speaker]) -> None:
    words = "{WORD}" + "." * 492  # of which the last 500 characters are told

    fault = asked(played, servers=[server("refuse", words, env=["WORD"])]).failure()

    assert f"it ended with code 3: [hidden]{'.' * 492}" in fault.reason


def test_a_server_that_does_not_answer_is_given_up(
    place: Path, played: list[Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp, "_START", timedelta(milliseconds=300))
    monkeypatch.setattr(mcp, "_GRACE", timedelta(milliseconds=100))

    fault = asked(played, servers=[server("mute")]).failure()

    assert "it did not answer for 0 seconds" in fault.reason
    assert all_dead(place)


def test_the_next_agent_is_asked_where_a_server_cannot_be_started(place: Path, played: list[Speaker]) -> None:
    played += [Speaker("openai/gpt-4o", []), Speaker("openai/gpt-4o-mini", [use("count")])]
    agents = [Model("openai/gpt-4o", mcp=[server("refuse", "no")]), Model("openai/gpt-4o-mini", mcp=[server()])]

    # Where no model was asked nothing was paid, so it is known that the budget is kept to.
    assert asyncio.run(run_in_memory(ask("q", agents, "why?", budget=1.0))) == Success('{"count": 1}')
    assert all_dead(place)


# -- how long it lives -----------------------------------------------------------------------------------------------


def test_one_server_serves_all_calls_of_a_step_and_ends_with_it(place: Path, played: list[Speaker]) -> None:
    assert asked(played, use("count"), use("count"), use("count")) == Success('{"count": 3}')

    assert len(lines(place / "starts")) == 1
    assert all_dead(place)


def test_each_step_has_a_server_of_its_own(place: Path, played: list[Speaker]) -> None:
    played.append(Speaker("openai/gpt-4o", [use("count")]))
    model = Model("openai/gpt-4o", mcp=[server()])

    both = asyncio.run(run_in_memory(parallel(ask("a", model, "why?"), ask("b", model, "why?"))))

    assert both == Success(('{"count": 1}', '{"count": 1}'))
    assert len(set(lines(place / "starts"))) == 2


def test_what_a_server_leaves_behind_ends_with_it(place: Path, played: list[Speaker]) -> None:
    assert asked(played, use("spread")) == Success("spread")

    assert not alive(number_in(place / "child"))


def test_a_server_of_a_step_that_is_given_up_ends(place: Path, played: list[Speaker]) -> None:
    played.append(Speaker("openai/gpt-4o", [use("hold_pay")]))
    slow = ask("q", Model("openai/gpt-4o", mcp=[server()]), "why?")

    async def main() -> None:
        running = asyncio.create_task(run_in_memory(slow))
        while not lines(place / "calls"):
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert all_dead(place)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_server_of_a_step_that_is_cancelled_again_and_again_ends(place: Path, played: list[Speaker]) -> None:
    played.append(Speaker("openai/gpt-4o", [use("hold_pay")]))
    slow = ask("q", Model("openai/gpt-4o", mcp=[server()]), "why?")

    async def main() -> None:
        async with Servers() as servers:
            # So a time limit cancels: at every step of the loop, until its block has ended.
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(memory.run, slow, {Ask: asks(None, servers=servers)}, {})
                    while not lines(place / "calls"):
                        await asyncio.sleep(0.01)
                    scope.cancel()
            while not all_dead(place):
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_server_between_two_calls_of_a_step_that_does_not_come_back_ends(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_LINGER", timedelta(milliseconds=10))

    async def main() -> None:
        every = Servers()
        async with every.during(Attempt("r", "q", 1, "key")) as mine:
            assert await mine.offered([server()])
            mine.goes_on = True
        while not all_dead(place):
            await asyncio.sleep(0.01)
        async with every.during(Attempt("r", "q", 2, "key")) as mine:
            assert await mine.offered([server()])

    asyncio.run(asyncio.wait_for(main(), 60))

    assert len(lines(place / "starts")) == 2
    assert all_dead(place)


def test_a_server_is_started_again_only_once_the_one_before_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_LINGER", timedelta(0))
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def slow(server: McpServer, mark: str) -> AsyncIterator[SimpleNamespace]:
        log.append(f"{mark} begins")
        yield SimpleNamespace(offers=(), over=False)
        for _ in range(20):
            await asyncio.sleep(0)
        log.append(f"{mark} ends")

    monkeypatch.setattr(mcp, "talk", slow)

    async def main() -> None:
        async with Servers() as every:
            for number in (1, 2):
                async with every.during(Attempt("r", "q", number, "key")) as mine:
                    await mine.offered([server()])
                    mine.goes_on = True
                while every._between:
                    await asyncio.sleep(0)

    asyncio.run(main())

    assert log == ["r/key/many begins", "r/key/many ends"] * 2


def test_a_server_does_not_outlive_the_store_that_it_was_started_for(
    place: Path, played: list[Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "flows.py").write_text(FLOW)
    monkeypatch.syspath_prepend(str(place))
    played.append(Speaker("openai/gpt-4o", [use("hold_pay")]))
    flow = importlib.import_module("flows").flow

    with perdure.open(place / "runs.db") as store:
        store.start(flow("none"), id="r")
        until(lambda: lines(place / "calls"), "the call of the tool")
    del sys.modules["flows"]  # for good: another test has a module of that name

    assert all_dead(place)


def test_what_keeps_servers_leaves_none_behind(place: Path) -> None:
    async def main() -> None:
        async with Servers() as every:
            async with every.during(Attempt("r", "q", 1, "key")) as mine:
                await mine.offered([server()])
                mine.goes_on = True
            assert not all_dead(place)
        assert all_dead(place)

    asyncio.run(main())


def test_a_server_does_not_outlive_the_loop_that_it_was_started_on(place: Path) -> None:
    async def main() -> None:
        every = Servers()
        async with every.during(Attempt("r", "q", 1, "key")) as mine:
            await mine.offered([server()])
            mine.goes_on = True

    asyncio.run(main())

    assert all_dead(place)


# -- before anything runs --------------------------------------------------------------------------------------------


def test_a_plan_names_the_servers_and_starts_none(place: Path) -> None:
    @workflow
    def flow() -> Do[str]:
        return (yield from ask("q", Model("openai/gpt-4o", mcp=[server(), server(name="files")]), "why?"))

    told = str(plan(flow()))

    assert "tools from many, files" in told
    assert lines(place / "starts") == []


# -- through the real library of models, and on a database -----------------------------------------------------------

FLOW = f"""
import sys
from perdure import Do, McpServer, Model, ask, workflow

many = McpServer(name="many", command=[sys.executable, {PROGRAM!r}], env=["WORD"])


@workflow
def flow(url: str, prompt: str = "why?") -> Do[str]:
    return (yield from ask("q", Model("openai/gpt-4o", base_url=url, mcp=[many]), prompt))
"""


def perdure_command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perdure", *words], capture_output=True, text=True, timeout=120, check=False
    )


#: A model that is played, so that litellm need not be loaded: it wants a tool by its name, and says what that gave.
PLAYED = """
from perdure.agents import asking
from perdure.agents.reply import Reply, Use


class Speaker:
    name, native = "openai/gpt-4o", True

    async def answer(self, call, tell):
        with open("turns", "a") as file:
            file.write("turn\\n")
        if call.session is None:
            return Reply(text="", uses=(Use("1", call.ask.prompt, {}),), session=[])
        return Reply(text=call.results[0].text)


async def answering(agent, op):
    return Speaker()


asking.answering = answering
"""


def flows(place: Path, monkeypatch: pytest.MonkeyPatch, before: str = "") -> None:
    (place / "flows.py").write_text(before + FLOW)
    monkeypatch.setenv("PERDURE_DB", str(place / "runs.db"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


PROVIDERS = {
    "openai": ("openai/gpt-4o", "/v1"),
    "responses": ("openai/responses/gpt-4o", "/v1"),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_takes_the_tools_of_a_server_and_hears_what_they_gave(
    provider: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "sk-test-0123456789")
    softly = known_as("many", "die.softly")
    wanted = Said(uses=(Wanted("many__look", {"text": "here"}), Wanted(softly), Wanted("many__count")))

    with FakeProvider(lambda heard: Said("It is there.") if heard.results else wanted) as at:
        name, path = PROVIDERS[provider]
        model = Model(name, base_url=at.url + path, mcp=[server()])
        assert asyncio.run(run_in_memory(ask("q", model, "Where is it?"))) == Success("It is there.")

    first, second = at.heard
    assert set(first.tools) == {known_as("many", tool) for tool in many_tools()}
    looked, died, counted = second.results
    assert "look: here" in looked
    assert "ended in the middle of it" in died
    assert "count" in counted


def test_a_run_uses_a_tool_of_a_server_and_records_no_secret(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows(place, monkeypatch)
    seen: list[bytes] = []

    def script(heard: Heard) -> Said:
        seen.extend(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK))
        return Said(heard.results[0]) if heard.results else Said(uses=(Wanted("many__word"),))

    with FakeProvider(script) as at:
        done = perdure_command("run", "flows.py:flow", "-a", f"url={at.url}/v1", "--id", "r", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == "the word is [hidden], and HIDDEN is None"
    assert "many__word" in at.heard[0].tools
    assert at.heard[1].results == ("the word is [hidden], and HIDDEN is None",)
    everything = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file()) + b"".join(seen)
    assert b"many__word" in everything
    assert b"many_tools" in b"".join(seen)
    assert b"marmalade" not in everything + done.stderr.encode()
    assert all_dead(place)
    shown = json.loads(perdure_command("show", "r", "q", "--json").stdout)
    assert [tried["tool"] for tried in shown["tries"]] == [None, "many__word", None]


@pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by /proc")
@pytest.mark.parametrize(("tool", "times", "told"), [("hold_look", 2, "open"), ("hold_pay", 1, CUT_OFF)])
def test_a_worker_that_is_killed_in_a_call_takes_the_server_along_and_repeats_only_what_is_harmless(
    tool: str, times: int, told: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows(place, monkeypatch, PLAYED)
    words = ("run", "flows.py:flow", "-a", "url=none", "-a", f"prompt=many__{tool}", "--id", "r", "--json")
    worker = subprocess.Popen(
        [sys.executable, "-m", "perdure", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: lines(place / "calls"), "the call of the tool")
    worker.send_signal(signal.SIGKILL)
    worker.wait(30)
    until(lambda: all_dead(place), "the end of the server")
    (place / "door").touch()

    done = perdure_command("resume", "r", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == told
    assert lines(place / "calls") == [f"{tool} {{}}"] * times
    assert len(lines(place / "turns")) == 2, "a turn that was recorded was paid for again"
    assert all_dead(place)


def test_without_the_library_the_run_waits_for_it_to_be_installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flows(place, monkeypatch, PLAYED)
    (place / "sitecustomize.py").write_text(
        "import sys\n\nclass Missing:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'mcp':\n            raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')\n\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(place))

    done = perdure_command("run", "flows.py:flow", "-a", "url=none", "--id", "r", "--json")

    assert done.returncode == 7, done.stdout
    assert json.loads(done.stdout)["next"][0] == "pip install 'perdure[mcp]'"
    assert lines(place / "starts") == []
