"""Runs of the real coding agents (`-m harness`) against a provider on loopback: a fallback, and a killed worker."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from contract import NOTE, SCENES, Told, play
from hostile import HOSTILE, trusted
from scenes import alive, until
from subjects import SUBJECTS, environ

from perdure.agents.reply import Reply
from perdure.core.agents import McpServer
from perdure.core.leaves import Denied
from perdure.testing.models import FakeProvider, Heard, Said, Use, in_order

pytestmark = pytest.mark.harness


def needed(*names: str) -> Any:
    missing = "; ".join(filter(None, (SUBJECTS[name].missing for name in names)))
    return pytest.param(*names, marks=pytest.mark.skipif(bool(missing), reason=missing or "nothing is missing"))


def workflow(room: Path, *names: str, more: str = "") -> None:
    """A file with a workflow that asks these, in their order."""
    agents = [f"perdure.{SUBJECTS[name].make.__name__}(**{dict(SUBJECTS[name].options)!r}{more})" for name in names]
    (room / "work" / "flows.py").write_text(
        "import datetime\nimport perdure\nfrom perdure import Do, ask, workflow\n\n"
        "@workflow\ndef flow(prompt: str) -> Do[str]:\n"
        f"    return (yield from ask('work', [{', '.join(agents)}], prompt))\n"
    )


def environment(room: Path, provider: FakeProvider, *names: str) -> Mapping[str, str]:
    more: dict[str, str] = {"PERDURE_DB": str(room / "runs.db")}
    for name in names:
        more |= SUBJECTS[name].home(room / "home", provider.url)
    return environ(room / "home", more)


def started(room: Path, env: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "perdure", *words, "--json"],
        cwd=room / "work",
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def put(folder: Path, program: str, variables: Mapping[str, str]) -> None:
    """A program that starts the real one of its name with these variables."""
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    file = folder / program
    file.write_text(f'#!/bin/sh\nexec env {given} {shlex.quote(str(shutil.which(program)))} "$@"\n')
    file.chmod(0o700)


def ended(process: subprocess.Popen[str], code: int = 0) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err + out
    tree: dict[str, Any] = json.loads(out)
    return tree


@pytest.mark.parametrize(("first", "second"), [needed("claude_code", "codex")])
def test_the_second_agent_does_the_work_where_the_first_has_no_quota(first: str, second: str, room: Path) -> None:
    workflow(room, first, second)

    def script(heard: Heard) -> Said:
        if heard.api == "anthropic":
            return Said(status=429, error="You exceeded your current quota", headers={"retry-after": "1"})
        write = SUBJECTS[second].write(room / "work" / "made.txt", "made")
        return Said("all done") if heard.results else Said(uses=(write,))

    with FakeProvider(script) as provider:
        env = environment(room, provider, first, second)
        told = ended(started(room, env, "run", "flows.py:flow", "-i", '"do it"', "--id", "r"))
        shown = subprocess.run(
            [sys.executable, "-m", "perdure", "show", "r", "work"],
            cwd=room / "work",
            env=dict(env),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert told["output"] == "all done"
    assert (room / "work" / "made.txt").read_text() == "made"
    assert "claude-code: quota" in shown
    assert "codex" in shown
    assert {heard.api for heard in provider.heard} == {"anthropic", "responses"}


@pytest.mark.parametrize(("first", "second"), [needed("claude_code", "codex")])
def test_the_live_agents_of_the_example_ship(first: str, second: str, room: Path) -> None:
    """`examples/ship.py` as it is: what it does not say of its agents they find where their users would have put it."""
    plan, report = {"text": "Write it down.", "risky": False}, {"title": "Bees", "lines": ["They dance."]}

    def script(heard: Heard) -> Said:
        if heard.api == "gemini":
            return Said(json.dumps({"topic": "bees", "findings": ["They dance."]}))
        if heard.api == "chat":
            return Said(status=429, error="slow down", headers={"retry-after": "3600"})
        if heard.api == "anthropic":  # the model is asked for a plan, and Claude Code for the work
            limited = Said(status=429, error="You exceeded your current quota", headers={"retry-after": "1"})
            return Said(json.dumps(plan)) if heard.schema is not None and not heard.tools else limited
        write = SUBJECTS[second].write(room / "work" / "bees.txt", "dance")
        return Said(json.dumps(report)) if heard.results else Said(uses=(write,))

    with FakeProvider(script) as provider:
        (room / "bin").mkdir()
        for name in (first, second):
            subject = SUBJECTS[name]
            put(room / "bin", subject.program, subject.home(room / "home", provider.url))
        models = {
            "PATH": f"{room / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PERDURE_DB": str(room / "runs.db"),
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "ANTHROPIC_BASE_URL": provider.url,
            "GEMINI_API_BASE": f"{provider.url}/v1beta",
            **dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "sk-live-0123456789"),
        }
        env = environ(room / "home", models)
        example = Path(__file__).parents[2] / "examples" / "ship.py"
        words = ("run", f"{example}:ship", "-a", "topic=bees", "-a", "live=true", "--id", "r")
        waits = ended(started(room, env, *words), code=3)
        ended(started(room, env, "approve", "r"))
        told = ended(started(room, env, "resume", "r"))
        shown = {step: ended(started(room, env, "show", "r", step))["tries"] for step in ("plan", "implement")}

    assert waits["state"] == "waiting-approval"
    assert told["output"] == "report://bees/1"
    assert (room / "work" / "bees.txt").read_text() == "dance"
    hops = {step: [(hop["agent"], (hop["error"] or "").partition(" ")[0]) for hop in shown[step]] for step in shown}
    assert hops == {
        "plan": [("openai/gpt-4o", "rate"), ("anthropic/claude-sonnet-4-5", "")],
        "implement": [("claude-code", "quota"), ("codex", "")],
    }
    assert not [file for file in room.rglob("*") if file.is_file() and b"sk-live" in file.read_bytes()]


@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS])
def test_a_killed_worker_leaves_nothing_and_the_next_one_goes_on_with_the_conversation(name: str, room: Path) -> None:
    workflow(room, name)
    subject, work = SUBJECTS[name], room / "work"
    use = subject.run("echo $$ > started; while true; do echo . >> written; sleep 0.01; done")

    def script(heard: Heard) -> Said:
        if not heard.tools:
            return Said("Title")
        return Said("carried on") if "You were interrupted" in heard.prompt else Said(uses=(use,))

    with FakeProvider(script) as provider:
        env = environment(room, provider, name)
        worker = started(room, env, "run", "flows.py:flow", "-i", '"do it"', "--id", "r")
        until(lambda: (work / "written").exists() and (work / "started").read_text().strip(), "the tool at work")
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        before = len(provider.heard)

        told = ended(started(room, env, "resume", "r"))

    assert told["output"] == "carried on"
    assert not alive(int((work / "started").read_text()))
    size = os.stat(work / "written").st_size
    asked = [json.dumps(heard.body) for heard in provider.heard[before:] if heard.tools]
    assert asked
    assert all("do it" in body and "You were interrupted" in body for body in asked)
    assert os.stat(work / "written").st_size == size


@pytest.mark.parametrize("decision", ["approve", "deny"])
@pytest.mark.parametrize("name", [needed(name) for name, subject in SUBJECTS.items() if subject.asks])
def test_a_run_waits_without_a_process_until_a_person_has_answered(name: str, decision: str, room: Path) -> None:
    asking = {"confirm": True, "access": "edit"} | ({"tools": None} if "tools" in SUBJECTS[name].options else {})
    workflow(room, name, more=f" | {asking!r} | {{'hold': datetime.timedelta(seconds=1)}}")
    scene = SCENES["permit yes"]

    with FakeProvider(scene.says(SUBJECTS[name], room / "work")) as provider:
        env = environment(room, provider, name)
        worker = started(room, env, "run", "flows.py:flow", "-i", '"do it"', "--id", "r")
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 3, err + out
        assert not (room / "work" / "made.txt").exists()
        inbox = started(room, env, "inbox").communicate(timeout=60)[0]
        asked = inbox[inbox.index("flow/work:") :].split('"')[0].split()[0]
        assert "made.txt" in inbox
        note = ["--note", NOTE] if decision == "deny" else []
        answered = started(room, env, decision, "r", asked, *note)
        out, err = answered.communicate(timeout=60)
        assert answered.returncode == 0, err + out

        told = ended(started(room, env, "resume", "r"))

    assert told["output"] == ("all done" if decision == "approve" else "went on without")
    made = room / "work" / "made.txt"
    assert (made.read_text() if made.exists() else "") == ("made\n" if decision == "approve" else "")


@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS if name != "pi"])
def test_a_server_of_tools_is_started_with_its_variables_and_its_tool_is_used(name: str, room: Path) -> None:
    subject, server = SUBJECTS[name], str(Path(__file__).with_name("tool_server.py"))

    def script(heard: Heard) -> Said:
        if not heard.tools:
            return Said("Title")
        if heard.results:
            return Said("all done")
        through = {
            "ServerName": "wf",
            "ToolName": "secret_word",
            "Arguments": {},
            "toolSummary": "x",
            "toolAction": "x",
        }
        tool = next((tool for tool in heard.tools if "secret_word" in tool), None)
        return Said(uses=(Use(tool) if tool else Use("call_mcp_tool", through),))

    with FakeProvider(script) as provider:
        env = {**environment(room, provider, name), "WORD": "marmalade-and-honey"}
        options: dict[str, Any] = {"mcp": [McpServer(name="wf", command=[sys.executable, server], env=["WORD"])]}
        if "confirm" in subject.options:  # a server that it was given is used without asking
            options["access"] = "edit"
        scene = attrs.evolve(SCENES["hello"], options=options)
        (told,) = play(name, subject, scene, room / "work", env)

    assert isinstance(told.reply, Reply), told.reply
    assert told.reply.text == "all done"
    assert any("the word is marmalade-and-honey" in result for heard in provider.heard for result in heard.results)
    assert "marmalade" not in repr(told)
    assert told.left == set()


def told_of_the_network(*names: str) -> list[Any]:
    """Each of these with all that it can be told; who asks a person cannot be told to keep from it."""
    return [
        pytest.param(name, network, marks=needed(name).marks)
        for name in names
        for network in (None, True, False)
        if network is not False or not SUBJECTS[name].options.get("confirm")
    ]


@pytest.mark.parametrize(("name", "network"), told_of_the_network("codex", "codex_server"))
def test_a_command_of_codex_reaches_the_network_only_where_it_is_let(
    name: str, network: bool | None, room: Path
) -> None:
    subject, reaches = SUBJECTS[name], network is True

    def script(heard: Heard) -> Said:
        code = f"import urllib.request as web; web.urlopen('{provider.url}/reached')"
        return Said("all done") if heard.results else Said(uses=(subject.run(f'{sys.executable} -c "{code}"'),))

    with FakeProvider(script) as provider:
        env = environment(room, provider, name)
        scene = attrs.evolve(SCENES["hello"], options={"access": "edit", "network": network})
        (told,) = play(name, subject, scene, room / "work", env)

    assert isinstance(told.reply, Reply), told.reply
    assert told.reply.text == "all done"
    assert ("GET /reached" in provider.aside) is reaches
    searches = [tool for tool in provider.heard[0].body["tools"] if tool.get("type") == "web_search"]
    kept = [] if network is False else [{"type": "web_search", "external_web_access": reaches}]
    assert searches == kept


#: By which each reads a page.
READERS = {
    "claude_code": "WebFetch",
    "gemini": "web_fetch",
    "gemini_acp": "web_fetch",
    "opencode": "webfetch",
    "opencode_acp": "webfetch",
    "antigravity": "read_url_content",
}


@pytest.mark.parametrize(("name", "network"), told_of_the_network(*READERS))
def test_web_tools_are_there_only_where_the_network_is(name: str, network: bool | None, room: Path) -> None:
    subject = SUBJECTS[name]

    with FakeProvider(in_order("hello")) as provider:
        env = environment(room, provider, name)
        options = {"access": "read", "network": network} | ({"tools": None} if "tools" in subject.options else {})
        (told,) = play(name, subject, attrs.evolve(SCENES["hello"], options=options), room / "work", env)

    assert isinstance(told.reply, Reply), told.reply
    (tools,) = {heard.tools for heard in provider.heard if heard.tools}
    assert (READERS[name] in tools) is (network is True or "confirm" in subject.options)  # a person can be asked for it
    if network is False:
        reaching = ("web", "bash", "shell", "command")
        assert not [tool for tool in tools if any(word in tool.lower() for word in reaching)]


@pytest.mark.parametrize("name", [needed("opencode")])
def test_no_agent_of_the_project_takes_opencode_to_the_network_where_it_may_not(name: str, room: Path) -> None:
    more = {"permission": {"webfetch": "allow", "bash": "allow", "task": "allow", "*": "allow"}}
    agents = {"build": more, "mine": {"mode": "primary", "prompt": "You are mine.", **more}}
    (room / "work" / "opencode.json").write_text(json.dumps({**more, "default_agent": "mine", "agent": agents}))

    def script(heard: Heard) -> Said:
        if not heard.tools:
            return Said("Title")
        use = Use("webfetch", {"url": f"{provider.url}/reached", "format": "text"})
        return Said("all done") if heard.results else Said(uses=(use,))

    with FakeProvider(script) as provider:
        scene = attrs.evolve(SCENES["hello"], options={"access": "edit", "network": False})
        (told,) = play(name, SUBJECTS[name], scene, room / "work", environment(room, provider, name))

    assert isinstance(told.reply, Reply), told.reply
    assert "GET /reached" not in provider.aside
    (tools,) = {heard.tools for heard in provider.heard if heard.tools}
    assert {"webfetch", "bash", "task"}.isdisjoint(tools)
    assert "edit" in tools


def of_a_stranger(name: str, room: Path, script: Any, *, trust: bool, **options: Any) -> Told:
    """A turn where the folder is a hostile repository, and the model asks for all that its access does not give."""
    subject, work, home = SUBJECTS[name], room / "work", room / "home"
    (room / "marks").mkdir()
    HOSTILE[subject.program](work, room / "marks")
    with FakeProvider(script) as provider:
        env = dict(environment(room, provider, name))
        if trust:
            trusted(subject.program, home, work)
        options = ({"tools": None} if "tools" in subject.options else {}) | options
        if options.get("isolated"):
            more = at_home(subject.program, room, provider.url)
            env |= more
            options |= {"env": (*subject.options["env"], *more)}
            if (room / subject.program).exists():
                options |= {"program": str(room / subject.program)}
        make = attrs.evolve(subject, make=lambda **given: subject.make(**{**given, **options}))
        asks = bool(options.get("confirm", subject.options.get("confirm")))
        scene = attrs.evolve(SCENES["hello"], person=Denied(note=NOTE) if asks else None)
        (told,) = play(name, make, scene, work, env)
    return told


def at_home(program: str, room: Path, url: str) -> dict[str, str]:
    """What tells an isolated agent of the provider, whose home is another one than that of the worker."""
    home = room / "home"
    match program:
        case "pi":
            return {"PI_CODING_AGENT_DIR": str(home / ".pi" / "agent")}
        case "opencode":
            return {"OPENCODE_CONFIG": str(home / ".config" / "opencode" / "opencode.json")}
        case "codex":  # it reads no file of its home, so it is told in its arguments
            fake = {"name": "fake", "base_url": f"{url}/v1", "env_key": "FAKE_KEY", "wire_api": "responses"}
            words = ["-c", "model_provider=fake"]
            words += [word for key, value in fake.items() for word in ("-c", f'model_providers.fake.{key}="{value}"')]
            real = shlex.quote(str(shutil.which(program)))
            (room / program).write_text(f'#!/bin/sh\nfirst=$1\nshift\nexec {real} "$first" {shlex.join(words)} "$@"\n')
            (room / program).chmod(0o700)
    return {}


def asking_for_more(name: str, work: Path) -> Any:
    """A model that wants a file written, and a command run: by itself, and by an agent below it."""
    subject = SUBJECTS[name]
    run = subject.run(f"touch {work / 'ran.txt'}")
    wanted = [subject.write(work / "wrote.txt", "x"), run]
    if subject.program == "opencode":
        wanted.append(Use("task", {"description": "x", "prompt": "BELOW", "subagent_type": "general"}))

    def script(heard: Heard) -> Said:
        if not heard.tools:
            return Said("Title")
        if "BELOW" in heard.prompt:
            return Said("done below") if heard.results else Said(uses=(run,))
        ended = NOTE in heard.prompt or len(heard.results) >= len(wanted)
        return Said("all done") if ended else Said(uses=(wanted[len(heard.results)],))

    return script


@pytest.mark.parametrize("trust", [False, True], ids=["as it is", "trusted"])
@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS])
def test_who_may_only_read_changes_nothing_whatever_the_repository_says(name: str, trust: bool, room: Path) -> None:
    work = room / "work"

    told = of_a_stranger(name, room, asking_for_more(name, work), trust=trust, access="read")

    assert isinstance(told.reply, Reply), told.reply
    assert told.reply.text == "all done"
    assert not list(work.glob("*.txt"))
    if SUBJECTS[name].options.get("confirm") and SUBJECTS[name].program != "codex":  # its sandbox refuses by itself
        assert told.asked, "it is a person who decides"


@pytest.mark.parametrize("name", [needed("claude_code")])
def test_what_a_person_decides_about_no_repository_decides(name: str, room: Path) -> None:
    told = of_a_stranger(name, room, asking_for_more(name, room / "work"), trust=False, access="read", confirm=True)

    assert isinstance(told.reply, Reply), told.reply
    assert [wanted.tool for wanted in told.asked] == ["Write", "Bash"]
    assert not list((room / "work").glob("*.txt"))
    assert not list((room / "marks").iterdir())


@pytest.mark.parametrize("name", [needed("claude_code")])
def test_no_repository_widens_a_rule_of_a_tool(name: str, room: Path) -> None:
    told = of_a_stranger(name, room, asking_for_more(name, room / "work"), trust=False, tools=["Read", "Bash(ls:*)"])

    assert isinstance(told.reply, Reply), told.reply
    assert not list((room / "work").glob("*.txt"))


@pytest.mark.parametrize("name", [needed("codex_server")])
def test_a_folder_that_codex_may_edit_is_not_trusted_for_that(name: str, room: Path) -> None:
    told = of_a_stranger(name, room, asking_for_more(name, room / "work"), trust=False, access="edit")

    assert isinstance(told.reply, Reply), told.reply
    assert (room / "work" / "wrote.txt").exists()
    assert not list((room / "marks").iterdir())
    assert "trust" not in (room / "home" / ".codex" / "config.toml").read_text()


#: What an isolated OpenCode loads all the same: it cannot be told otherwise.
LOADED = {"plugin", "plugins", "plugin of settings"}


@pytest.mark.parametrize("access", ["read", "edit"])
@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS])
def test_no_program_of_the_repository_runs_in_who_is_isolated(name: str, access: str, room: Path) -> None:
    told = of_a_stranger(name, room, asking_for_more(name, room / "work"), trust=True, access=access, isolated=True)

    assert isinstance(told.reply, Reply), told.reply
    marks = {mark.name for mark in (room / "marks").iterdir()}
    assert marks == (LOADED if SUBJECTS[name].program == "opencode" else set())


#: By what a repository runs programs in who is not isolated, as far as `docs/harnesses.md` tells it.
RUNS = {
    "claude_code": {"settings-hook-SessionStart", "settings.local-apiKeyHelper", "mcp"},
    "pi": {"extension", "extension of settings", "package"},
    "opencode": {"plugin", "plugins", "tool", "mcp"},
    "opencode_acp": {"plugin", "plugins", "tool", "mcp"},
}
#: And in those that do so where the folder is trusted.
RUNS_TRUSTED = {
    "codex": {"mcp"},
    "gemini": {"hook-SessionStart", "mcp", "discovery"},
    "gemini_acp": {"hook-BeforeAgent", "mcp"},
}


@pytest.mark.parametrize("trust", [False, True], ids=["as it is", "trusted"])
@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS])
def test_what_a_repository_runs_is_what_is_told_of_it(name: str, trust: bool, room: Path) -> None:
    told = of_a_stranger(name, room, in_order("all done"), trust=trust, access="read")

    assert isinstance(told.reply, Reply), told.reply
    marks = {mark.name for mark in (room / "marks").iterdir()}
    expected = RUNS.get(name, set()) | (RUNS_TRUSTED.get(name, set()) if trust else set())
    assert marks >= expected
    assert bool(marks) == bool(expected)
