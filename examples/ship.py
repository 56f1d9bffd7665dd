"""Research, plan, ask a person, implement: the smallest workflow that is worth recording.

Its agents are deterministic and need no key; with `-a live=true` real ones stand in their place, and nothing else
changes. Run it, kill it, resume it, approve it:

    perdure run examples/ship.py:ship -i '"bees"'
    perdure approve @last
    perdure resume @last

SHIP_SECONDS says how long an agent pretends to think. SHIP_LEDGER names a file to which every attempt of every
agent adds a line before and after it worked: the witness of what was executed, beside what was recorded.
"""

import json
import os
import time
from collections.abc import Callable, Sequence

import attrs

import perdure
from perdure import (
    Agent,
    Approved,
    ClaudeCode,
    Codex,
    Denied,
    Do,
    Fault,
    Model,
    Scripted,
    StepFault,
    approval,
    ask,
    step,
    workflow,
)


@attrs.frozen
class Research:
    topic: str
    findings: list[str]


@attrs.frozen
class Plan:
    text: str
    risky: bool


@attrs.frozen
class Report:
    title: str
    lines: list[str]


@attrs.frozen
class Rejected(Fault):
    by: str
    note: str


@attrs.frozen
class Crew:
    """Who is asked: an agent, or a list, of which the next is asked where one cannot answer."""

    researcher: Agent | Sequence[Agent]
    planner: Agent | Sequence[Agent]
    writer: Agent | Sequence[Agent]


def ledger(event: str) -> None:
    """Say in a file, at once and for good, that an attempt began or ended."""
    path = os.environ.get("SHIP_LEDGER")
    if path:
        at = perdure.attempt()
        line = {"event": event, "path": at.path, "attempt": at.number, "key": at.idempotency_key, "pid": os.getpid()}
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, json.dumps(line).encode() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)


def agent(name: str, reply: Callable[[str], object]) -> Scripted:
    """An agent that thinks for a while and then answers the same as ever."""

    def think(prompt: str) -> object:
        ledger("begin")
        time.sleep(float(os.environ.get("SHIP_SECONDS", "0.2")))
        answer = reply(prompt)
        ledger("end")
        return answer

    return Scripted(name, think)


OFFLINE = Crew(
    agent("researcher", lambda prompt: Research(prompt.split()[-1], ["They dance.", "They count to four."])),
    agent(
        "planner", lambda prompt: Plan(f"1. Read about it. 2. Write it down. ({len(prompt)} characters asked)", True)
    ),
    agent("writer", lambda prompt: Report("Report", prompt.splitlines())),
)
#: The coding agents work in the folder where the run is started, and may change files there.
LIVE = Crew(
    Model("gemini/gemini-2.5-flash"),
    [Model("openai/gpt-4o"), Model("anthropic/claude-sonnet-4-5")],
    [ClaudeCode(), Codex()],
)


@step
def publish(report: Report) -> str:
    """Here a real workflow would open a pull request, with the idempotency key in its name."""
    ledger("begin")
    url = f"report://{report.title.lower()}/{len(report.lines)}"
    ledger("end")
    return url


@workflow
def ship(topic: str, live: bool = False) -> Do[str, Rejected | StepFault]:
    crew = LIVE if live else OFFLINE
    research = yield from ask("research", crew.researcher, f"Research {topic}", Research)
    plan = yield from ask("plan", crew.planner, f"Plan from: {'; '.join(research.findings)}", Plan)
    match (yield from approval("approve-plan", prompt=f"Ship {topic}?", show=plan)):
        case Denied(by=by, note=note):
            raise Rejected(by, note)
        case Approved():
            report = yield from ask("implement", crew.writer, f"Implement:\n{plan.text}", Report)
            return (yield from publish(report))
