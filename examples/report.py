"""A research report: two sides argue from the same sources, each hearing the other, and a judge has heard all of it.

Its agents are rules and need no key; with `-a live=true` real ones stand in their place, and nothing else changes. What
a side quotes the program looks up in the sources: a quotation that is not there is told as such, whoever made it.

    mkdir bees && echo 'For: bees pollinate.' > bees/one.txt && echo 'Against: bees sting.' > bees/two.txt
    perdure run examples/report.py:report -a 'question=Shall we keep bees?' -a folder=bees
    cat bees/report.md
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from perdure import Agent, Do, Effect, Model, Scripted, StepFault, ask, step, workflow
from perdure.components import debate

SO_FAR = "\n\nSaid so far:\n"


@attrs.frozen
class Claim:
    """What a side says, and the words of the sources that bear it out."""

    text: str
    quote: str


@attrs.frozen
class Verdict:
    yes: bool
    why: str


Said = Sequence[tuple[Claim, Claim]]


@attrs.frozen
class Cast:
    """Who takes part."""

    pro: Agent
    con: Agent
    judge: Agent


def arguing(side: str) -> Callable[[str], Claim]:
    """Somebody who reads out the next line of the sources that is marked as being for their side."""

    def claim(prompt: str) -> Claim:
        sources, _, said = prompt.partition(SO_FAR)
        left = [line for line in sources.splitlines() if line.startswith(f"{side}: ") and line not in said]
        return Claim(left[0].partition(": ")[2], left[0]) if left else Claim("I have nothing to add.", "")

    return claim


def judge(prompt: str) -> Verdict:
    """Whoever could quote more is right."""
    said = prompt.partition(SO_FAR)[2]
    pro, con = (said.count(f"({side}: ") for side in ("For", "Against"))
    return Verdict(pro > con, f"{pro} for it, {con} against it.")


OFFLINE = Cast(Scripted("pro", arguing("For")), Scripted("con", arguing("Against")), Scripted("judge", judge))
#: The sides are of two makers, so that they do not think alike, and the judge is of a third one.
LIVE = Cast(
    Model("openai/gpt-4o"),
    Model("anthropic/claude-sonnet-4-5"),
    Model("gemini/gemini-2.5-flash"),
)


@step
def read(folder: str) -> str:
    return "\n".join(file.read_text().strip() for file in sorted(Path(folder).glob("*.txt")))


@step
def write(folder: str, question: str, sources: str, said: list[tuple[Claim, Claim]], verdict: Verdict) -> str:
    """The report. To write it twice is to write it once: the file is the same."""
    lines = [f"# {question}", f"**{'Yes' if verdict.yes else 'No'}.** {verdict.why}"]
    for number, pair in enumerate(said, 1):
        lines.append(f"## Round {number}")
        lines += [f"- {side}: {cited(claim, sources)}" for side, claim in zip(("for", "against"), pair, strict=True)]
    file = Path(folder, "report.md")
    file.write_text("\n\n".join(lines) + "\n")
    return str(file)


def cited(claim: Claim, sources: str) -> str:
    """A claim with its quotation, or with a word on why it has none."""
    if not claim.quote:
        return f"{claim.text} (without a source)"
    return f"{claim.text} (“{claim.quote}”)" if claim.quote in sources else f"{claim.text} (its quotation is not there)"


@workflow
def report(question: str, folder: str, rounds: int = 2, live: bool = False) -> Do[str, StepFault]:
    cast = LIVE if live else OFFLINE
    sources = yield from read(folder)

    def told(said: Said) -> str:
        claims = [f"- {claim.text} ({claim.quote})" for pair in said for claim in pair]
        return f"{question}\n\nSources:\n{sources}{SO_FAR}" + "\n".join(claims)

    def side(agent: Agent, what: str) -> Callable[[Said], Effect[Claim, StepFault]]:
        rule = f"Argue for the answer {what}, by one new claim. Quote the sources word for word."
        return lambda said: ask("claim", agent, f"{rule}\n\n{told(said)}", Claim)

    def decided(said: Said) -> Effect[str, StepFault]:
        verdict = ask(
            "judge", cast.judge, f"Decide by what was said, as far as the sources bear it out.\n\n{told(said)}", Verdict
        )
        return verdict.bind(lambda verdict: write(folder, question, sources, list(said), verdict))

    return (yield from debate(side(cast.pro, "yes"), side(cast.con, "no"), decided, rounds=rounds))
