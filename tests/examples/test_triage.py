"""examples/triage.py: every ticket is replied to, by the first who is sure of it, and none waits for another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plans import without_agents
from returns.result import Success

import perdure
from perdure import Waiting, plan
from perdure.testing import assert_crash_safe, simulate

PASSWORD = "I forgot my password. What now?"
INVOICE = "Where is my invoice?"
DUCK = "May I bring a duck?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A queue with one ticket of each kind."""
    queue = tmp_path / "queue"
    queue.mkdir()
    for name, text in {"bug": "It crashes.", "duck": DUCK, "invoice": INVOICE, "praise": "Well done."}.items():
        (queue / f"{name}.txt").write_text(f"{text}\n")
    return queue


def one(example: Any, text: str) -> dict[str, object]:
    """A queue of one ticket, and no mail."""
    return {"read": [example.Ticket("t", text)], "send": "sent"}


def sent(sim: Any) -> dict[str, str]:
    return {record.given["name"]: record.given["text"] for record in sim.asked("send")}


@pytest.mark.parametrize(
    ("text", "asked", "reply"),
    [
        ("It crashes.", ["classify", "investigate"], "We have filed this: it crashes."),
        (PASSWORD, ["classify", "answer"], "Choose `Forgot my password`."),
        (INVOICE, ["classify", "answer", "answer"], "It is sent on the first of the month."),
        (DUCK, ["classify", "answer", "answer", "reply"], "By a person."),
        ("Well done.", ["classify", "reply"], "By a person."),
    ],
)
def test_a_ticket_goes_where_its_kind_is_seen_to_and_no_further_than_it_must(
    example: Any, text: str, asked: list[str], reply: str
) -> None:
    sim = simulate(example.triage("q"), steps=one(example, text), answers={"*/reply": "By a person."})

    assert [record.name for record in sim.trace] == ["read", *asked, "send"]
    assert sent(sim) == {"t": reply}


@pytest.mark.parametrize("down", ["classify", "investigate"])
def test_a_ticket_whose_agent_is_down_goes_to_a_person(example: Any, down: str) -> None:
    sim = simulate(
        example.triage("q"),
        steps=one(example, "It crashes."),
        agents={down: OSError("overloaded")},
        answers={"*/reply": "By a person."},
    )

    assert sent(sim) == {"t": "By a person."}


def test_with_the_clerk_down_the_expert_is_asked(example: Any) -> None:
    sim = simulate(example.triage("q"), steps=one(example, INVOICE), agents={"*/clerk/answer": OSError("overloaded")})

    assert sent(sim) == {"t": "It is sent on the first of the month."}


def test_a_reply_that_cannot_be_sent_is_told_and_keeps_no_other_from_being_sent(example: Any) -> None:
    tickets = [example.Ticket("a", PASSWORD), example.Ticket("b", INVOICE)]
    sim = simulate(
        example.triage("q"), steps={"read": tickets, "*/a/send": OSError("no such mailbox"), "*/b/send": "b.reply.md"}
    )

    assert sim.outcome == Success(["a: not sent", "b.reply.md"])


def test_while_a_person_is_waited_for_the_other_tickets_are_replied_to(
    example: Any, folder: Path, tmp_path: Path
) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        waiting = store.start(example.triage(str(folder)), id="r1").result()
        replied = sorted(file.name for file in folder.glob("*.reply.md"))
        shown = {gate.path.split("/")[2]: json.loads(gate.show) for gate in store.inbox()}
    with perdure.open(tmp_path / "runs.db") as store:
        for gate in store.inbox():
            store.answer("r1", "Thank you.", gate.path, by="ann")
        outcome = store.resume("r1").result()

    assert isinstance(waiting, Waiting)
    assert replied == ["bug.reply.md", "invoice.reply.md"]
    assert shown == {
        "duck": {"clerk": "I do not know.", "expert": "I do not know.", "ticket": DUCK},
        "praise": {"ticket": "Well done."},
    }
    names = ("bug", "duck", "invoice", "praise")
    assert outcome == Success([str(folder / f"{name}.reply.md") for name in names])
    assert (folder / "duck.reply.md").read_text() == "Thank you.\n"


def test_no_crash_changes_what_is_replied(example: Any, folder: Path) -> None:
    proved = assert_crash_safe(example.triage(str(folder)), answers={"*/reply": "Thank you."})

    (single,) = proved.tried
    assert single.runs == single.of >= 20


def test_live_others_are_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = plan(example.triage("q")), plan(example.triage("q", live=True))

    assert offline.complete
    assert live.complete
    assert without_agents(live) == without_agents(offline)
    assert [leaf.agents for leaf in live.leaves.values() if leaf.agents] == [
        ("gemini/gemini-2.5-flash",),
        ("claude-code", "codex"),
        ("openai/gpt-4o-mini",),
        ("anthropic/claude-sonnet-4-5",),
    ]


def test_who_reads_the_source_code_for_a_stranger_s_ticket_may_not_change_it(example: Any) -> None:
    assert {agent.access for agent in example.LIVE.engineers} == {"read"}
