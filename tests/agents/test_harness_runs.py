"""An `ask` of a coding agent as a run: in memory, on a database, and when the worker is killed in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from returns.result import Failure, Success
from scenes import alive, number_in, until

from perdure import StepFault, ask, run_in_memory
from perdure.core.agents import ClaudeCode, Codex, Command

SESSION = "5f170155-0000-4000-8000-000000000001"

#: Speaks as Claude Code does. What it is told decides what it does, and each start leaves a line.
CLAUDE = r"""
import json, os, signal, sys, time

if "--version" in sys.argv:
    print("9.9.9 (Claude Code)")
    sys.exit()

told, argv = sys.stdin.read(), sys.argv[1:]
with open("starts", "a") as file:
    file.write(json.dumps({"told": told, "argv": argv}) + "\n")

def say(**event):
    print(json.dumps({**event, "session_id": SESSION}), flush=True)

def end(text, **more):
    say(type="result", subtype="success", is_error=False, result=text, usage={"input_tokens": 1, "output_tokens": 2},
        total_cost_usd=0.5, **more)
    sys.exit()

SESSION = argv[argv.index("--resume") + 1] if "--resume" in argv else "5f170155-0000-4000-8000-000000000001"
say(type="system", subtype="init", model="m", mcp_servers=[], apiKeySource="none")
if "refuse" in told:
    say(type="result", subtype="success", is_error=True, api_error_status=429, result="usage limit reached",
        usage={"input_tokens": 1, "output_tokens": 0}, total_cost_usd=0)
    sys.exit(1)
if "interrupted" in told or "work hard" not in told:
    if "JSON" in told and "form of your answer" not in told:
        end("half of it: {")
    end('{"value": 7}' if "form of your answer" in told else "done: " + os.environ.get("MY_KEY", ""))

# A tool that leaves the group, does not care for TERM, and writes for ever.
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("tool", "w") as file:
        file.write(f"{os.getpid()}\n")
    while True:
        open("written", "ab").write(b".")
        time.sleep(0.005)
time.sleep(1000)
"""

FLOW = """
from perdure import Do, ask, workflow
from perdure.core.agents import ClaudeCode

@workflow
def flow(prompt: str) -> Do[str]:
    return (yield from ask("work", ClaudeCode(env=["MY_KEY"]), prompt))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, a PATH with a program `claude`, and an empty home."""
    work, folder, home = (tmp_path / name for name in ("work", "bin", "home"))
    for each in (work, folder, home):
        each.mkdir()
    program(folder / "claude", CLAUDE)
    (work / "flows.py").write_text(FLOW)
    monkeypatch.chdir(work)
    for name, value in {
        "PATH": f"{folder}:/usr/bin:/bin", "HOME": str(home), "MY_KEY": "correct horse battery",
        "PERDURE_DB": str(work / "runs.db"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("XDG_STATE_HOME", "PERDURE_AGENT"):
        monkeypatch.delenv(name, raising=False)
    return work


def program(path: Path, code: str) -> None:
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(stat.S_IRWXU)


def starts(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "starts").read_text().splitlines()]


def test_a_coding_agent_answers_in_memory(place: Path) -> None:
    assert anyio.run(run_in_memory, ask("q", ClaudeCode(), "hello")) == Success("done: ")


def test_a_coding_agent_answers_on_a_database_and_no_secret_is_in_it(place: Path) -> None:
    done = perdure_command("run", "flows.py:flow", "-i", '"hello"', "--id", "r", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == "done: [hidden]"
    everything = b"".join(path.read_bytes() for path in place.parent.rglob("*") if path.is_file())
    assert b"done: [hidden]" in everything
    assert b"correct horse" not in everything.replace(b"MY_KEY", b"")


def test_who_paid_is_recorded_and_shown_as_the_harness_says_it(place: Path) -> None:
    done = perdure_command("run", "flows.py:flow", "-i", '"refuse"', "--id", "r", "--json")

    assert done.returncode == 1, done.stderr
    shown = json.loads(perdure_command("show", "r", "work", "--json").stdout)
    assert {each["payer"] for each in shown["tries"]} == {"login"}  # also of a turn that came to nothing
    assert "paid by login" in perdure_command("show", "r", "work").stdout


def test_what_a_harness_does_can_be_followed_and_holds_no_secret(place: Path) -> None:
    perdure_command("run", "flows.py:flow", "-i", '"hello"', "--id", "r", "--json")

    [file] = place.parent.rglob("attempt-1.events.jsonl")
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(each["event"], each.get("agent", each.get("session"))) for each in told] == [
        ("Began", "claude-code"),
        ("Started", SESSION),
    ]
    assert file.parent == next(place.parent.rglob("attempt-1.log")).parent


def test_a_new_run_removes_what_an_old_one_left_once_that_has_ended(place: Path) -> None:
    def leavings() -> set[str]:
        return {path.parent.parent.name for path in place.parent.rglob("attempt-1.log")}

    perdure_command("run", "flows.py:flow", "-i", '"hello"', "--id", "old", "--json")
    for path in sorted(place.parent.rglob("agents/old/**/*")):
        os.utime(path, (0, 0))

    perdure_command("run", "flows.py:flow", "-i", '"hello"', "--id", "new", "--json")

    assert leavings() == {"new"}


def test_a_bound_that_is_no_number_is_told_before_anything_starts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEEP_MB", "much")

    done = perdure_command("run", "flows.py:flow", "-i", '"hello"', "--id", "r")

    assert done.returncode == 2
    assert "PERDURE_KEEP_MB='much': give a whole number below a million, or unset it" in done.stderr
    assert not (place / "starts").exists()


def test_the_next_agent_is_asked_where_the_first_is_over_its_limits(place: Path) -> None:
    other = Command(["cat"], name="other")

    outcome = anyio.run(run_in_memory, ask("q", [ClaudeCode(), other], "refuse this"))

    assert isinstance(outcome, Success)
    assert outcome.unwrap().endswith("refuse this")
    assert len(starts(place)) == 1


def test_the_form_of_an_answer_is_asked_for_again_in_the_same_conversation_without_tools(place: Path) -> None:
    assert anyio.run(run_in_memory, ask("q", ClaudeCode(), "give JSON", int)) == Success(7)

    first, second = starts(place)
    assert "--session-id" in first["argv"]
    assert second["argv"][second["argv"].index("--resume") + 1] == SESSION
    assert second["argv"][second["argv"].index("--tools") + 1] == ""


def test_a_program_that_is_missing_is_told_with_how_to_install_it(place: Path) -> None:
    outcome = anyio.run(run_in_memory, ask("q", Codex(), "hello"))

    fault = outcome.failure()
    assert isinstance(fault, StepFault)
    assert fault.error == "config"
    assert "codex is not on the PATH" in fault.reason
    assert "npm install -g @openai/codex" in fault.reason


def test_a_variable_that_is_not_set_is_told_before_anything_starts(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = anyio.run(run_in_memory, ask("q", ClaudeCode(env=["NO_SUCH_KEY"]), "hello"))

    assert "NO_SUCH_KEY is not set here" in outcome.failure().reason
    assert not (place / "starts").exists()


@pytest.mark.parametrize(
    ("code", "expected"),
    [("cat", Success("hello")), ("echo no >&2; exit 3", "crashed"), ("kill -9 $$", "crashed"), ("echo", "crashed")],
)
def test_any_command_answers_by_its_output_and_its_code(code: str, expected: object, place: Path) -> None:
    outcome = anyio.run(run_in_memory, ask("q", Command(["sh", "-c", code]), "hello"))

    if isinstance(expected, Success):
        assert outcome == expected
    else:
        assert isinstance(outcome, Failure)
        assert outcome.failure().error == expected


def test_the_answer_of_a_command_keeps_its_empty_lines(place: Path) -> None:
    assert anyio.run(run_in_memory, ask("q", Command(["cat"]), "\n# A\n\nb\n\n\nc\n\n")) == Success("# A\n\nb\n\n\nc")


@pytest.mark.parametrize("end", ["", "\\n"], ids=["one line", "many"])
def test_a_command_that_says_more_than_is_taken_has_no_answer(end: str, place: Path) -> None:
    code = f"import sys\nfor _ in range(12): sys.stdout.write('x' * 1_000_000 + '{end}')"

    outcome = anyio.run(run_in_memory, ask("q", Command([sys.executable, "-c", code]), "hello"))

    assert outcome.failure().error == "budget"
    assert "its answer is longer than 10000000 characters" in outcome.failure().reason


# -- when the worker dies --------------------------------------------------------------------------------------------


def perdure_command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perdure", *words], capture_output=True, text=True, timeout=60, check=False
    )


@attrs.frozen
class Cut:
    """A run whose worker was ended in the middle of the agent's work."""

    tool: int
    code: int


def noted(place: Path) -> bool:
    """Whether it is recorded which conversation the agent began: a worker that dies before that begins another."""
    with contextlib.closing(sqlite3.connect(f"file:{place / 'runs.db'}?mode=ro", uri=True)) as database:
        return bool(database.execute("SELECT 1 FROM journal WHERE kind = 'note'").fetchall())


def cut(place: Path, end: Callable[[subprocess.Popen[bytes]], None]) -> Cut:
    words = ("run", "flows.py:flow", "-i", '"work hard"', "--id", "r", "--json")
    worker = subprocess.Popen(
        [sys.executable, "-m", "perdure", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until((place / "written").exists, "the first byte of the tool")
    until(lambda: noted(place), "the record of the conversation")
    end(worker)
    return Cut(number_in(place / "tool"), worker.wait(30))


@pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by /proc")
def test_a_killed_worker_takes_the_agent_along_and_the_next_one_goes_on_with_the_conversation(place: Path) -> None:
    was = cut(place, lambda worker: worker.send_signal(signal.SIGKILL))

    done = perdure_command("resume", "r", "--json")

    assert was.code == -signal.SIGKILL
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == "done: [hidden]"
    assert not alive(was.tool), "a tool of the lost attempt still writes"
    size = (place / "written").stat().st_size
    first, second = starts(place)
    assert first["told"] == "work hard"
    assert second["argv"][second["argv"].index("--resume") + 1] == SESSION
    assert second["told"].startswith("You were interrupted")
    assert (place / "written").stat().st_size == size


@pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by /proc")
def test_a_worker_that_is_told_to_stop_leaves_nothing_running(place: Path) -> None:
    was = cut(place, lambda worker: worker.send_signal(signal.SIGTERM))

    assert was.code == 143
    until(lambda: not alive(was.tool), "the end of the tool")
    assert perdure_command("resume", "r", "--json").returncode == 0
    assert "--resume" in starts(place)[1]["argv"]


def test_the_prompt_is_in_no_list_of_processes(place: Path) -> None:
    seen: list[bytes] = []

    def end(worker: subprocess.Popen[bytes]) -> None:
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(each.read_bytes())
            except OSError:
                continue
        os.kill(worker.pid, signal.SIGKILL)

    cut(place, end)

    agents = [line for line in seen if b"stream-json" in line]
    assert agents
    assert not any(b"work hard" in line or b"correct horse" in line for line in agents)


@pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by /proc")
def test_a_run_that_is_given_up_ends_the_whole_tree(place: Path) -> None:
    async def main() -> None:
        running = asyncio.create_task(run_in_memory(ask("q", ClaudeCode(), "work hard")))
        while not (place / "written").exists():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(asyncio.wait_for(main(), 60))

    assert not alive(number_in(place / "tool"))
