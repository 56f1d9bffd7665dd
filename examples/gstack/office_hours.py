"""Before anything is planned: is it worth building, for whom, and which part first? What comes of it is a design.

perdure run examples/gstack/office_hours.py:office_hours -a folder=shop -a idea='Greet visitors by name.'
"""

from collections.abc import Mapping

from artefacts import Design, Frame, Lines, Options, Questions
from team import Team, team
from verdicts import Decided, decided
from world import keep, survey

from perdure import Do, Effect, Exhausted, StepFault, prompt, suspend, workflow
from perdure.components import panel, review_loop


@prompt("prompts/office_hours/questions.md")
def questions_prompt(idea: str, frame: Frame, context: str) -> None: ...
@prompt("prompts/office_hours/press.md")
def press_prompt(idea: str, answers: str) -> None: ...
@prompt("prompts/office_hours/landscape.md")
def landscape_prompt(terms: str) -> None: ...
@prompt("prompts/office_hours/premises.md")
def premises_prompt(idea: str, answers: str, landscape: str, context: str) -> None: ...
@prompt("prompts/office_hours/options.md")
def options_prompt(idea: str, answers: str, premises: str) -> None: ...
@prompt("prompts/office_hours/design.md")
def design_prompt(idea: str, answers: str, premises: str, approach: str, feedback: str | None) -> None: ...
@prompt("prompts/office_hours/critique.md")
def critique_prompt(design: Design) -> None: ...


@workflow
def interview(team: Team, idea: str, context: str) -> Do[str, StepFault]:
    """Three questions, one at a time; and then one more push, for a first answer is the polished one."""
    frame = yield from suspend("frame", Frame, prompt="What is this for, and how far is it?", show=idea)
    wanted = yield from team.first.asks("questions", questions_prompt(idea, frame, context), Questions)
    said: list[str] = []
    for question in (wanted.first, wanted.second, wanted.third):
        said.append(f"{question}\n{(yield from suspend('answer', str, prompt=question))}")
    pressed = yield from team.first.asks("press", press_prompt(idea, "\n\n".join(said)), str)
    said.append(f"{pressed}\n{(yield from suspend('answer', str, prompt=pressed))}")
    return "\n\n".join(said)


@workflow
def office_hours(
    folder: str, idea: str, live: bool = False, rounds: int = 2
) -> Do[Design, StepFault | Exhausted[Design]]:
    cast = team(folder, live)
    context = yield from survey(folder)
    answers = yield from interview(cast, idea, context)

    asked = "Which words may be searched for? They leave this machine: name no secret. Without any nothing is searched."
    terms = yield from suspend("search-terms", str, prompt=asked)
    landscape = yield from cast.first.asks("landscape", landscape_prompt(terms), str)

    assumed = yield from cast.first.asks("premises", premises_prompt(idea, answers, landscape, context), Lines)
    premises = yield from suspend("agree-premises", str, prompt="What of this do you hold to be true?", show=assumed)

    def conclude(options: Mapping[str, Options]) -> Effect[str, StepFault]:
        return suspend("approach", str, prompt="Which of these ways, or which other?", show=dict(options))

    wording = options_prompt(idea, answers, premises)
    voices = {"first": cast.first, "second": cast.second}
    approach = yield from panel(
        {name: voice.asks("options", wording, Options) for name, voice in voices.items()}, conclude
    )

    def draft(feedback: str | None) -> Effect[Design, StepFault]:
        wording = design_prompt(idea, answers, premises, approach, feedback)
        return cast.first.asks("design", wording, Design)

    def review(design: Design) -> Effect[Decided, StepFault]:
        """An adversary reads it first, and a person decides with what they found."""
        critique = cast.second.asks("critique", critique_prompt(design), Lines)
        return critique.bind(lambda found: decided("approve-design", "Is this what shall be built?", (design, found)))

    design = yield from review_loop(draft, review, rounds=rounds)
    yield from keep(folder, "design", design)
    return design
