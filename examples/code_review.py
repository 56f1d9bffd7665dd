"""A bot that reviews a change: specialists side by side, a comment on what they found, and no rude or hollow comment.

Its agents are rules and need no key. One specialist may be down: then the change is not approved, and the comment
says who could not look at it. Whether it is approved the program decides; agents only find words for it.

    git diff main > change.diff
    perdure run examples/code_review.py:code_review -a path=change.diff
    cat change.diff.review.md
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from perdure import Do, Effect, Exhausted, Scripted, StepFault, ask, pure, step, workflow
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


SPECIALISTS = {rule.__name__: Scripted(rule.__name__, rule) for rule in (secrets, style, tests)}
writer = Scripted("writer", comment)
host = Scripted("host", lambda draft: Review("Thank you" in draft, "be kind"))
sceptic = Scripted("sceptic", lambda draft: Review("- " in draft, "say what was found"))


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
    return found + [f"- {name}: could not look at it" for name in SPECIALISTS if name not in opinions]


def worded(opinions: Mapping[str, Opinion]) -> Effect[str, StepFault | Exhausted[str]]:
    """A comment on what was found, which both readers approve."""
    found = "\n".join(findings(opinions)) or "- nothing to object to"

    def write(feedback: str | None) -> Effect[str, StepFault]:
        return ask("write", writer, found if feedback is None else f"{found}\n\nIn the last draft: {feedback}")

    def reader(agent: Scripted) -> Callable[[str], Effect[Review, StepFault]]:
        return lambda draft: ask("judge", agent, draft, Review)

    return review_loop(write, jury({"host": reader(host), "sceptic": reader(sceptic)}), rounds=3)


@workflow
def code_review(path: str) -> Do[str, StepFault | NoQuorum[Opinion, StepFault] | Exhausted[str]]:
    diff = yield from read(path)
    asked = {name: ask("look", agent, diff, Opinion) for name, agent in SPECIALISTS.items()}
    opinions = yield from panel(asked, pure, quorum=len(asked) - 1)
    text = yield from worded(opinions)
    return (yield from post(path, "not approved" if findings(opinions) else "approved", text))
