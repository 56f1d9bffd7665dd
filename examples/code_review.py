"""A bot that reviews a change: specialists side by side, a comment on what they found, and no rude or hollow comment.

Its agents are rules and need no key; with `-a live=true` real ones stand in their place, and nothing else changes. One
specialist may be down: then the change is not approved, and the comment says who could not look at it. Whether it is
approved the program decides; agents only find words for it.

    git diff main > change.diff
    perdure run examples/code_review.py:code_review -a path=change.diff
    cat change.diff.review.md
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from perdure import Agent, Do, Effect, Exhausted, Model, Scripted, StepFault, ask, pure, step, workflow
from perdure.components import NoQuorum, jury, panel, review_loop


@attrs.frozen
class Opinion:
    """What a specialist objects to: nothing, where it approves."""

    objections: list[str]


@attrs.frozen
class Review:
    """What a reader says of the bot's comment."""

    approved: bool
    feedback: str


@attrs.frozen
class Staff:
    """Who looks at a change, and who finds words for what was found."""

    specialists: Mapping[str, Agent]
    writer: Agent
    host: Agent
    sceptic: Agent


def added(diff: str) -> list[str]:
    return [line[1:] for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]


def secrets(diff: str) -> Opinion:
    return Opinion([f"a secret in `{line.strip()}`" for line in added(diff) if "password =" in line])


def style(diff: str) -> Opinion:
    return Opinion([f"a line of {len(line)} characters" for line in added(diff) if len(line) > 120])


def tests(diff: str) -> Opinion:
    return Opinion([] if "+++ b/tests/" in diff or not added(diff) else ["no test changes with it"])


def comment(prompt: str) -> str:
    """The objections as a list; with a kind word before it once somebody asked for one."""
    found, _, feedback = prompt.partition("\n\nIn the last draft: ")
    return f"Thank you for the change.\n\n{found}" if "kind" in feedback else found


RULES = {"secrets": secrets, "style": style, "tests": tests}
OFFLINE = Staff(
    {name: Scripted(name, rule) for name, rule in RULES.items()},
    writer=Scripted("writer", comment),
    host=Scripted("host", lambda draft: Review("Thank you" in draft, "be kind")),
    sceptic=Scripted("sceptic", lambda draft: Review("- " in draft, "say what was found")),
)

#: Models, and no coding agents: a change is what a stranger wrote. Of three makers, so that they do not all err alike.
LIVE = Staff(
    {
        "secrets": Model("openai/gpt-4o", system="Object to each secret that this diff adds, and to nothing else."),
        "style": Model("gemini/gemini-2.5-flash", system="Object to each line of this diff that is hard to read."),
        "tests": Model("anthropic/claude-sonnet-4-5", system="Object if this diff should change a test, and does not."),
    },
    writer=Model(
        "anthropic/claude-sonnet-4-5", system="Make a kind comment of these findings. Leave none of them out."
    ),
    host=Model("openai/gpt-4o-mini", system="Approve of this comment on a change if it is kind."),
    sceptic=Model("gemini/gemini-2.5-flash", system="Approve of this comment on a change if it says what was found."),
)


@step
def read(path: str) -> str:
    return Path(path).read_text()


@step
def post(path: str, verdict: str, text: str) -> str:
    """Here a real bot would call its forge. To post it twice is to post it once: the file is the same."""
    file = Path(f"{path}.review.md")
    file.write_text(f"**{verdict}**\n\n{text}\n")
    return f"{verdict}: {file}"


def findings(opinions: Mapping[str, Opinion]) -> list[str]:
    found = [f"- {name}: {what}" for name, opinion in opinions.items() for what in opinion.objections]
    return found + [f"- {name}: could not look at it" for name in RULES if name not in opinions]


def worded(opinions: Mapping[str, Opinion], staff: Staff) -> Effect[str, StepFault | Exhausted[str]]:
    """A comment on what was found, which both readers approve."""
    found = "\n".join(findings(opinions)) or "- nothing to object to"

    def write(feedback: str | None) -> Effect[str, StepFault]:
        return ask("write", staff.writer, found if feedback is None else f"{found}\n\nIn the last draft: {feedback}")

    def reader(agent: Agent) -> Callable[[str], Effect[Review, StepFault]]:
        return lambda draft: ask("judge", agent, draft, Review)

    return review_loop(write, jury({"host": reader(staff.host), "sceptic": reader(staff.sceptic)}), rounds=3)


@workflow
def code_review(path: str, live: bool = False) -> Do[str, StepFault | NoQuorum[Opinion, StepFault] | Exhausted[str]]:
    staff = LIVE if live else OFFLINE
    diff = yield from read(path)
    asked = {name: ask("look", agent, diff, Opinion) for name, agent in staff.specialists.items()}
    opinions = yield from panel(asked, pure, quorum=len(asked) - 1)
    text = yield from worded(opinions, staff)
    return (yield from post(path, "not approved" if findings(opinions) else "approved", text))
