"""A product cycle, from an idea to a look back: every stage is a workflow of its own, and this is all of them.

    perdure run examples/gstack/playground.py:playground -a folder=shop
    perdure run examples/gstack/cycle.py:cycle -a folder=shop -a idea='Greet visitors by name.'
    perdure inbox

Each stage leaves its artefacts in `shop/artefacts`. The agents are rules and need no key; with `-a live=true` real ones
stand in their place, and nothing else changes.
"""

from artefacts import Design, Drafted, Findings, Mended, Retro, Stopped, Unwell
from building import build
from landing import land_and_deploy
from office_hours import office_hours
from planning import autoplan
from qa import qa
from retro import retro
from reviewing import review
from security import cso
from shipping import ship
from watching import canary

from perdure import Do, Exhausted, StepFault, workflow
from perdure.components import Attempted

Spent = (
    Exhausted[Design] | Exhausted[Drafted] | Exhausted[str] | Exhausted[list[Attempted[Findings, Mended, StepFault]]]
)


@workflow
def cycle(
    folder: str, idea: str, ui: bool = False, dx: bool = True, live: bool = False, rounds: int = 2
) -> Do[Retro, StepFault | Stopped | Unwell | Spent]:
    yield from office_hours(folder, idea, live, rounds)
    yield from autoplan(folder, ui, dx, live, rounds)
    yield from build(folder, live, rounds)
    yield from review(folder, live)
    yield from qa(folder, live=live)
    yield from cso(folder, live=live)
    yield from ship(folder, live)
    yield from land_and_deploy(folder)
    yield from canary(folder)
    return (yield from retro(folder, live))
