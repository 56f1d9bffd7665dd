"""What the stages of a cycle make and hand on: every artefact has a type, so none can be left half done.

What an agent must produce is a field. A required section that is missing is an answer of the wrong type, and the agent
is told so; no list of boxes has to be gone through afterwards.
"""

from typing import Literal

import attrs

from perdure import Fault

Severity = Literal["critical", "high", "medium", "low"]


@attrs.frozen
class Stopped(Fault):
    """A stage does not go on, and why: mend it, and run the stage again."""

    stage: str
    why: str


@attrs.frozen
class Unwell(Fault):
    """What was released was taken back."""

    what: str


@attrs.frozen
class Lines:
    """What somebody says, a line for each thing; nothing, where there is nothing to say."""

    lines: list[str]


@attrs.frozen
class Frame:
    """What somebody is here for, and how far they are."""

    goal: Literal["startup", "intrapreneurship", "hackathon", "open-source", "learning", "fun"]
    traction: Literal["idea", "users", "customers", "infrastructure"]


@attrs.frozen
class Questions:
    """The three questions that matter most here."""

    first: str
    second: str
    third: str


@attrs.frozen
class Option:
    name: str
    effort: Literal["S", "M", "L"]
    gains: str
    risks: str


@attrs.frozen
class Options:
    """Two or three ways to build it."""

    ways: list[Option]


@attrs.frozen
class Design:
    """What is to be built, for whom, and why it should be."""

    title: str
    problem: str
    evidence: str
    wedge: str
    premises: list[str]
    approach: str
    success: list[str]
    assignment: str


@attrs.frozen
class Voice:
    """What one reviewer says of a plan, without having heard another."""

    score: int
    concerns: list[str]


@attrs.frozen
class Decision:
    """A question of a review: `mechanical` has one right answer, `taste` two good ones; a `challenge` goes against what
    the person said, and is never decided for them."""

    what: str
    kind: Literal["mechanical", "taste", "challenge"]
    principle: str
    why: str
    rejected: str


@attrs.frozen
class PlanReview:
    score: int
    examined: list[str]
    decisions: list[Decision]
    failure_modes: list[str]
    out_of_scope: list[str]
    already_there: list[str]
    summary: str


@attrs.frozen
class Plan:
    """What is built, in which order, and how it is known to work."""

    summary: str
    tasks: list[str]
    tests: list[str]
    deferred: list[str]


@attrs.frozen
class Drafted:
    """A plan that is up for approval, and the reviews that led to it."""

    plan: Plan
    reviews: list[PlanReview]


@attrs.frozen
class File:
    path: str
    text: str


@attrs.frozen
class Change:
    """An edit: the whole text of every file in it. A coding agent that wrote them itself leaves `files` empty."""

    message: str
    files: list[File]


@attrs.frozen
class Changes:
    """Several edits, each on top of the one before."""

    changes: list[Change]


@attrs.frozen
class Checks:
    """What the project's own commands say."""

    approved: bool
    feedback: str


@attrs.frozen
class Finding:
    """What is wrong where, how bad it is, how sure its finder is from 1 to 10, and whether it has one right fix."""

    where: str
    what: str
    severity: Severity
    confidence: int
    mechanical: bool


@attrs.frozen
class Findings:
    found: list[Finding]


@attrs.frozen
class Triage:
    """Findings that are fixed unasked, and those that a person chooses from."""

    automatic: list[str]
    to_ask: list[str]


@attrs.frozen
class Fixed:
    """A fix in a commit of its own, and whether it stayed."""

    message: str
    status: Literal["verified", "reverted", "nothing to do"]


@attrs.frozen
class Mended:
    fixes: list[Fixed]


@attrs.frozen
class Posture:
    """How safe it is: what was confirmed by somebody who saw only the place."""

    confirmed: list[str]
    blocking: bool


@attrs.frozen
class Audit:
    """What a change is, against its plan."""

    level: Literal["patch", "minor", "major"]
    coverage: int
    undone: list[str]
    changelog: list[str]


@attrs.frozen
class Release:
    """A commit of a branch that is up for landing."""

    branch: str
    version: str
    commit: str


@attrs.frozen
class Health:
    """How the live site is: what it says, and what goes wrong there."""

    text: str
    errors: list[str]


@attrs.frozen
class Watch:
    """Whether it is worse than it was before, and how."""

    drifted: bool
    what: str


@attrs.frozen
class Metrics:
    """What the history of a week says in numbers."""

    commits: int
    fixes: int
    files: list[str]
    tests_touched: int


@attrs.frozen
class Retro:
    wins: list[str]
    to_improve: list[str]
    habits: list[str]


#: What is kept as a file.
Artefact = Lines | Design | PlanReview | Plan | Triage | Mended | Posture | Release | Watch | Retro
