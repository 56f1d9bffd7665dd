"""A design becomes a plan: reviewed through four lenses, one after the other, each by two voices apart from each other.

perdure run examples/gstack/planning.py:autoplan -a folder=shop
perdure run examples/gstack/planning.py:plan_eng_review -a folder=shop
"""

from collections.abc import Mapping
from typing import Never

import attrs
from artefacts import Drafted, Plan, PlanReview, Stopped, Voice
from team import Team, team
from verdicts import Decided, decided
from world import keep, recall

from perdure import Denied, Do, Effect, Exhausted, StepFault, approval, prompt, scope, suspend, workflow
from perdure.components import panel, review_loop


@prompt("prompts/plan/voice.md")
def voice_prompt(lens: str, dimensions: str, plan: str) -> None: ...
@prompt("prompts/plan/weigh.md")
def weigh_prompt(
    lens: str, dimensions: str, posture: str, before: list[PlanReview], voices: dict[str, Voice], plan: str
) -> None: ...
@prompt("prompts/plan/plan.md")
def plan_prompt(design: str, reviews: list[PlanReview], feedback: str | None) -> None: ...
@prompt("prompts/plan/ceo.md")
def ceo() -> None: ...
@prompt("prompts/plan/design.md")
def design() -> None: ...
@prompt("prompts/plan/eng.md")
def eng() -> None: ...
@prompt("prompts/plan/devex.md")
def devex() -> None: ...


@attrs.frozen
class Lens:
    """How a plan is looked at.

    Attributes:
        dimensions: What is scored.
        question: What a person is asked first, where one is there.
        default: What is taken where all is decided by itself.
    """

    name: str
    dimensions: str
    question: str
    default: str


CEO = Lens("ceo", ceo(), "Expand the scope, expand it selectively, hold it, or reduce it?", "expand selectively")
DESIGN = Lens("design", design(), "Which parts of the surface matter most?", "all of them")
ENG = Lens("eng", eng(), "Is all of this needed for a first version?", "the scope stands")
DEVEX = Lens("devex", devex(), "Who uses it, and what have they used before?", "whoever the README is written for")


@workflow(name="review")
def through(
    lens: Lens, folder: str, cast: Team, before: list[PlanReview] | None = None
) -> Do[PlanReview, StepFault | Stopped]:
    """Two voices that heard nothing of each other, and whoever weighs them, having heard the reviews before this one.

    Alone, a review asks a person for its posture; among others it takes its own.
    """
    plan = yield from recall(folder, "design")
    posture = lens.default if before is not None else (yield from suspend("posture", str, prompt=lens.question))
    wording = voice_prompt(lens.name, lens.dimensions, plan)

    def weigh(voices: Mapping[str, Voice]) -> Effect[PlanReview, StepFault]:
        weighing = weigh_prompt(lens.name, lens.dimensions, posture, before or [], dict(voices), plan)
        return cast.first.asks("weigh", weighing, PlanReview)

    voices = {"first": cast.first, "second": cast.second}
    review = yield from panel({name: voice.asks("voice", wording, Voice) for name, voice in voices.items()}, weigh)
    yield from keep(folder, f"plan-{lens.name}", review)
    return review


@workflow
def plan_ceo_review(folder: str, live: bool = False) -> Do[PlanReview, StepFault | Stopped]:
    return (yield from through(CEO, folder, team(folder, live)))


@workflow
def plan_design_review(folder: str, live: bool = False) -> Do[PlanReview, StepFault | Stopped]:
    return (yield from through(DESIGN, folder, team(folder, live)))


@workflow
def plan_eng_review(folder: str, live: bool = False) -> Do[PlanReview, StepFault | Stopped]:
    return (yield from through(ENG, folder, team(folder, live)))


@workflow
def plan_devex_review(folder: str, live: bool = False) -> Do[PlanReview, StepFault | Stopped]:
    return (yield from through(DEVEX, folder, team(folder, live)))


@workflow
def lenses(folder: str, ui: bool, dx: bool, live: bool) -> Do[list[PlanReview], StepFault | Stopped]:
    """Strictly one after the other: each has what those before it decided."""
    reviews: list[PlanReview] = []
    for lens in (CEO, *([DESIGN] if ui else []), ENG, *([DEVEX] if dx else [])):
        reviews.append((yield from scope(lens.name, through(lens, folder, team(folder, live), [*reviews]))))
    return reviews


@workflow
def autoplan(
    folder: str, ui: bool = False, dx: bool = True, live: bool = False, rounds: int = 2
) -> Do[Plan, StepFault | Stopped | Exhausted[Drafted]]:
    """What has one right answer is decided by itself; premises and challenges are a person's, and so is the plan."""
    cast = team(folder, live)
    design = yield from recall(folder, "design")
    stand = yield from approval("premises-stand", prompt="Do these premises still stand?", show=design)
    if isinstance(stand, Denied):
        raise Stopped("autoplan", f"the premises do not stand: {stand.note}")

    def draft(feedback: str | None) -> Effect[Drafted, StepFault | Stopped]:
        def plan(found: list[PlanReview]) -> Effect[Drafted, StepFault]:
            planned = cast.first.asks("plan", plan_prompt(design, found, feedback), Plan)
            return planned.map(lambda plan: Drafted(plan, found))

        return lenses(folder, ui, dx, live).bind(plan)

    def approve(drafted: Drafted) -> Effect[Decided, Never]:
        asked = "Is this the plan? A no says what changes: which taste, which challenge, which task."
        return decided("approve-plan", asked, drafted)

    drafted = yield from review_loop(draft, approve, rounds=rounds)
    yield from keep(folder, "plan", drafted.plan)
    return drafted.plan
