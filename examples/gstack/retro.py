"""What the cycle has left, and the history of the week, read again: what went well, and what to do otherwise.

perdure run examples/gstack/retro.py:retro -a folder=shop
"""

from artefacts import Metrics, Retro
from team import team
from world import gathered, keep, metrics

from perdure import Do, StepFault, prompt, workflow


@prompt("prompts/retro/retro.md")
def retro_prompt(metrics: Metrics, artefacts: str) -> None: ...


@workflow
def retro(folder: str, live: bool = False) -> Do[Retro, StepFault]:
    numbers = yield from metrics(folder)
    left = yield from gathered(folder)
    looked_back = yield from team(folder, live).clerk.asks("retro", retro_prompt(numbers, left), Retro)
    yield from keep(folder, "retro", looked_back)
    return looked_back
