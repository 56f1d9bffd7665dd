"""A person allows or denies single calls of tools: from another process, before or after the worker has died."""

from __future__ import annotations

import signal
import sqlite3

import pytest
from terminal import Terminal, ended, until

from perdure.testing.models import FakeProvider, Said, Use, in_order

AGENTS = """
import os

import attrs

from perdure import Approved, Do, Model, ask, workflow
from perdure.agents.reply import Call, Reply, Started, Tell, Unanswered, Wanted

REMOVE = Wanted("call-1", "Bash", {"command": "rm -r old"})


@attrs.frozen
class Patient:
    name: str = "patient"
    native: bool = True

    async def answer(self, call: Call, tell: Tell) -> Reply:
        tell(Started("conversation-1"))
        said = await call.confirm(REMOVE)
        if isinstance(said, Approved):
            with open("ran", "a") as ran:
                ran.write("rm\\n")
        return Reply(text=f"{type(said).__name__} {said.note}".strip())


@attrs.frozen
class Impatient:
    name: str = "impatient"
    native: bool = True

    async def answer(self, call: Call, tell: Tell) -> Reply:
        if not call.permits:
            raise Unanswered(REMOVE, "conversation-1")
        return Reply(text=call.message)


def pay(cents: int) -> str:
    with open("ran", "a") as ran:
        ran.write(f"paid {cents}\\n")
    return "paid"


CLERK = Model("openai/gpt-4o", base_url=os.environ.get("FAST_URL", "") + "/v1", tools=[pay], confirm=["pay"])


@workflow
def patiently() -> Do[str]:
    return (yield from ask("tidy", Patient(), "Tidy up"))


@workflow
def impatiently() -> Do[str]:
    return (yield from ask("tidy", Impatient(), "Tidy up"))


@workflow
def settled() -> Do[str]:
    return (yield from ask("settle", CLERK, "Settle the bill"))
"""


@pytest.fixture
def agents(terminal: Terminal) -> Terminal:
    (terminal.folder / "agents.py").write_text(AGENTS)
    return terminal


def ran(terminal: Terminal) -> list[str]:
    """What the tools did, each time that they were called."""
    file = terminal.folder / "ran"
    return file.read_text().splitlines() if file.exists() else []


def asked(terminal: Terminal) -> bool:
    """Whether somebody is asked something."""
    if not terminal.database.exists():
        return False
    with sqlite3.connect(f"file:{terminal.database}?mode=ro", uri=True) as database:
        return bool(database.execute("SELECT 1 FROM gates WHERE status = 'open'").fetchall())


def test_a_running_worker_hears_the_answer(agents: Terminal) -> None:
    worker = agents.started("run", "agents.py:patiently", "--id", "r1")
    until(lambda: asked(agents))

    why = agents.here("why", "r1").out
    assert "and asks: Bash: patient wants to use Bash in patiently/tidy" in why
    assert "approval patiently/tidy:Bash" in why
    assert why.endswith("next: perdure approve r1 Bash\n")
    answered = agents.here("deny", "r1", "Bash", "--note", "not on a Friday")

    assert answered.code == 0, answered.err
    told = ended(worker)
    assert told.code == 0
    assert "asks       patiently/tidy  a person, at gate patiently/tidy:Bash" in told.err
    assert 'answered   patiently/tidy  {"_type": "Denied"' in told.err
    assert agents.here("show", "r1", "--json").document["output"] == "Denied not on a Friday"
    assert ran(agents) == []


def test_a_worker_that_was_killed_while_it_asked_asks_nobody_twice_and_the_tool_runs_once(agents: Terminal) -> None:
    worker = agents.started("run", "agents.py:patiently", "--id", "r1")
    until(lambda: asked(agents))
    worker.send_signal(signal.SIGKILL)
    ended(worker)

    assert agents.here("why", "r1").out.startswith("r1 is stale: its worker died")
    assert agents.here("check", "agents.py:patiently", "--runs").code == 0
    said = agents.alone("approve", "r1", "Bash", "--by", "ana")
    assert agents.here("check", "agents.py:patiently", "--runs").code == 0
    resumed = agents.alone("resume", "r1")

    assert said.code == 0, said.err
    assert resumed.code == 0, resumed.err
    assert ran(agents) == ["rm"]
    assert agents.here("inbox", "--json").document["gates"] == []
    step = agents.here("show", "r1", "tidy", "--json").document
    assert step["attempts"] == 2
    assert [(one["path"], one["answer"]["by"]) for each in step["tries"] for one in each["asked"]] == [
        ("patiently/tidy:Bash", "ana")
    ]


def test_who_waits_without_a_process_is_in_the_inbox_and_goes_on_with_the_answer(agents: Terminal) -> None:
    suspended = agents.here("run", "agents.py:impatiently", "--id", "r1")

    assert suspended.code == 3
    assert "perdure approve r1 Bash" in suspended.err + suspended.out
    inbox = agents.here("inbox")
    assert "r1  impatiently/tidy:Bash  approval" in inbox.out
    assert "impatient wants to use Bash in impatiently/tidy" in inbox.out
    assert '"command": "rm -r old"' in inbox.out
    assert inbox.out.endswith("next: perdure approve r1 impatiently/tidy:Bash\n")
    why = agents.here("why", "r1").out
    assert why.startswith("r1 is waiting-approval: Bash: impatient wants to use Bash in impatiently/tidy\n")
    assert "approval impatiently/tidy:Bash" in why
    assert "nobody has answered" in agents.here("show", "r1", "tidy").out
    assert agents.here("show", "r1", "--json").document["steps"][0]["state"] == "waiting"
    assert agents.here("resume", "r1").code == 3

    assert agents.here("approve", "r1", "impatiently/tidy:Bash", "--by", "ana").code == 0
    assert agents.here("resume", "r1").code == 0

    shown = agents.here("show", "r1", "tidy").out
    assert "The reviewer allowed your call of Bash: go on with it." in shown
    assert 'asked a person, impatiently/tidy:Bash: {"_type": "Approved", "by": "ana"' in shown
    logs = agents.here("logs", "r1").out
    assert "waits      impatiently/tidy  for an answer to Bash, before another attempt" in logs
    assert 'answered   impatiently/tidy  {"_type": "Approved", "by": "ana"' in logs


def test_a_run_that_waits_or_was_answered_replays_and_can_be_kept_as_a_history(agents: Terminal) -> None:
    agents.here("run", "agents.py:impatiently", "--id", "r1")
    for state in ("waiting", "answered", "ended"):
        if state == "answered":
            agents.here("approve", "r1", "Bash")
        if state == "ended":
            agents.here("resume", "r1")
        file = f"{state}.jsonl"
        assert agents.here("export", "r1", "-o", file).code == 0

        replayed = agents.here("replay", file)
        assert replayed.code == 0, replayed.out + replayed.err

        checked = agents.here("check", "agents.py:impatiently", "--runs")
        assert checked.code == 0, checked.out + checked.err


@pytest.mark.parametrize(("verb", "told", "done"), [("approve", "paid", ["paid 5"]), ("deny", "too dear", [])])
def test_a_model_is_told_what_came_of_a_call_that_a_person_judged(
    verb: str, told: str, done: list[str], agents: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    with FakeProvider(in_order(Said(uses=(Use("pay", {"cents": 5}),)), "settled")) as model:
        suspended = agents.here("run", "agents.py:settled", "--id", "r1", FAST_URL=model.url)
        assert (suspended.code, ran(agents)) == (3, [])
        assert agents.here(verb, "r1", "pay", "--note", "too dear").code == 0
        resumed = agents.here("resume", "r1", FAST_URL=model.url)

    assert resumed.code == 0, resumed.err
    assert told in model.heard[1].results[0]
    assert ran(agents) == done
