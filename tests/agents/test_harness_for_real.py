"""Runs of the real coding agents (`-m harness`) against a provider on loopback: a fallback, and a killed worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from contract import SCENES, play
from fake_models import Heard, Provider, Said, Use
from scenes import alive, until
from subjects import SUBJECTS, environ

from perdure.agents.reply import Reply
from perdure.core.agents import McpServer

pytestmark = pytest.mark.harness


def needed(*names: str) -> Any:
    missing = "; ".join(filter(None, (SUBJECTS[name].missing for name in names)))
    return pytest.param(*names, marks=pytest.mark.skipif(bool(missing), reason=missing or "nothing is missing"))


def workflow(room: Path, *names: str) -> None:
    """A file with a workflow that asks these, in their order."""
    agents = [f"perdure.{SUBJECTS[name].make.__name__}(**{dict(SUBJECTS[name].options)!r})" for name in names]
    (room / "work" / "flows.py").write_text(
        "import perdure\nfrom perdure import Do, ask, workflow\n\n@workflow\ndef flow(prompt: str) -> Do[str]:\n"
        f"    return (yield from ask('work', [{', '.join(agents)}], prompt))\n"
    )


def environment(room: Path, provider: Provider, *names: str) -> Mapping[str, str]:
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


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err + out
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

    with Provider(script) as provider:
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


@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS])
def test_a_killed_worker_leaves_nothing_and_the_next_one_goes_on_with_the_conversation(name: str, room: Path) -> None:
    workflow(room, name)
    subject, work = SUBJECTS[name], room / "work"
    use = subject.run("echo $$ > started; while true; do echo . >> written; sleep 0.01; done")

    def script(heard: Heard) -> Said:
        if not heard.tools:
            return Said("Title")
        return Said("carried on") if "You were interrupted" in heard.prompt else Said(uses=(use,))

    with Provider(script) as provider:
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

    with Provider(script) as provider:
        env = {**environment(room, provider, name), "WORD": "marmalade-and-honey"}
        scene = attrs.evolve(
            SCENES["hello"],
            options={"mcp": [McpServer(name="wf", command=[sys.executable, server], env=["WORD"])]},
        )
        (told,) = play(name, subject, scene, room / "work", env)

    assert isinstance(told.reply, Reply), told.reply
    assert told.reply.text == "all done"
    assert any("the word is marmalade-and-honey" in result for heard in provider.heard for result in heard.results)
    assert "marmalade" not in repr(told)
    assert told.left == set()
