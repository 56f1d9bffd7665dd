"""A queue of tickets: each goes where its kind is seen to, and what no agent can answer well goes to a person.

Its agents are rules and need no key; with `-a live=true` real ones stand in their place, and nothing else changes. A
ticket is a text file in a folder, and its reply a file beside it. No ticket waits for another one, and none is dropped.

    mkdir tickets && echo 'How do I get a refund for a duck?' > tickets/duck.txt
    perdure run examples/triage.py:triage -a folder=tickets
    perdure answer @last -i '"Bring the duck."'
    perdure resume @last
    cat tickets/duck.reply.md
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Never

import attrs
from returns.result import Success

from perdure import (
    Agent,
    ClaudeCode,
    Codex,
    Do,
    Effect,
    Model,
    Outcome,
    Scripted,
    StepFault,
    ask,
    fallback,
    step,
    suspend,
    workflow,
)
from perdure.components import attempt_each, classify_and_route, escalation_chain

Category = Literal["bug", "question", "other"]


@attrs.frozen
class Ticket:
    name: str
    text: str


@attrs.frozen
class Answer:
    """What somebody would reply, and whether they would stand by it."""

    text: str
    sure: bool


@attrs.frozen
class Desk:
    """Who works on the queue."""

    classifier: Agent
    clerk: Agent
    expert: Agent
    engineers: list[Agent]


def ticket_in(prompt: str) -> str:
    return prompt.partition("\n\n")[2].lower()


def category(prompt: str) -> Category:
    return "bug" if "crash" in ticket_in(prompt) else "question" if "?" in ticket_in(prompt) else "other"


def by_book(prompt: str, word: str, text: str) -> Answer:
    """Sure of the one thing that is in the book, and of nothing else."""
    return Answer(text, True) if word in ticket_in(prompt) else Answer("I do not know.", False)


OFFLINE = Desk(
    classifier=Scripted("classifier", category),
    clerk=Scripted("clerk", lambda prompt: by_book(prompt, "password", "Choose `Forgot my password`.")),
    expert=Scripted("expert", lambda prompt: by_book(prompt, "invoice", "It is sent on the first of the month.")),
    engineers=[Scripted("engineer", lambda prompt: f"We have filed this: {ticket_in(prompt)}")],
)

#: A ticket is what a stranger wrote: whoever reads it in the source code may change nothing there.
LIVE = Desk(
    classifier=Model("gemini/gemini-2.5-flash"),
    clerk=Model("openai/gpt-4o-mini"),
    expert=Model("anthropic/claude-sonnet-4-5"),
    engineers=[ClaudeCode(access="read"), Codex(access="read")],
)


@step
def read(folder: str) -> list[Ticket]:
    return [Ticket(file.stem, file.read_text().strip()) for file in sorted(Path(folder).glob("*.txt"))]


@step
def send(folder: str, name: str, text: str) -> str:
    """Here a real queue would send a mail. To send it twice is to send it once: the file is the same."""
    file = Path(folder, f"{name}.reply.md")
    file.write_text(f"{text}\n")
    return str(file)


def person(ticket: Ticket, tried: Mapping[str, Outcome[Answer, StepFault]]) -> Effect[Answer, Never]:
    """Somebody who is shown the ticket, and what the agents would have said."""
    drafts = {level: outcome.unwrap().text for level, outcome in tried.items() if isinstance(outcome, Success)}
    asked = suspend("reply", str, prompt=f"What is the reply to {ticket.name}?", show={**drafts, "ticket": ticket.text})
    return asked.map(lambda text: Answer(text, True))


def to_person(ticket: Ticket) -> Effect[str, Never]:
    return person(ticket, {}).map(lambda answer: answer.text)


def answered(ticket: Ticket, desk: Desk) -> Effect[str, Never]:
    """The words of the first who is sure."""
    levels = {
        name: ask("answer", agent, f"Answer this, and say whether you are sure.\n\n{ticket.text}", Answer)
        for name, agent in (("clerk", desk.clerk), ("expert", desk.expert))
    }
    chain = escalation_chain(levels, good=lambda answer: answer.sure, human=lambda tried: person(ticket, tried))
    return chain.map(lambda got: got.answer.text)


def handled(ticket: Ticket, desk: Desk) -> Effect[str, Never]:
    """The words of whoever sees to tickets of this kind; of a person, where that is nobody, or nobody who is there."""

    def classify(ticket: Ticket) -> Effect[Category, StepFault]:
        return ask("classify", desk.classifier, f"Is this a bug or a question, or other?\n\n{ticket.text}", Category)

    def investigate(ticket: Ticket) -> Effect[str, StepFault]:
        return ask("investigate", desk.engineers, f"Find the cause of this, and change nothing.\n\n{ticket.text}")

    routes = {"bug": investigate, "question": lambda ticket: answered(ticket, desk)}
    return fallback(classify_and_route(ticket, classify, routes, otherwise=to_person), to_person(ticket))


@workflow
def triage(folder: str, live: bool = False) -> Do[list[str], StepFault]:
    def replied(ticket: Ticket) -> Effect[str, StepFault]:
        return handled(ticket, LIVE if live else OFFLINE).bind(lambda text: send(folder, ticket.name, text))

    tickets = yield from read(folder)
    done = yield from attempt_each(tickets, replied, key=lambda ticket: ticket.name)
    return [outcome.value_or(f"{ticket.name}: not sent") for ticket, outcome in done]
