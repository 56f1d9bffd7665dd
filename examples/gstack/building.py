"""The plan becomes code, on a branch of its own, until the project's own commands pass.

perdure run examples/gstack/building.py:build -a folder=shop
"""

from artefacts import Change, Stopped
from team import team
from world import branch, checks, commit, recall, source

from perdure import Do, Exhausted, StepFault, prompt, workflow
from perdure.components import review_loop


@prompt("prompts/build/build.md")
def build_prompt(plan: str, code: str, feedback: str | None) -> None: ...


@workflow
def build(folder: str, live: bool = False, rounds: int = 2) -> Do[str, StepFault | Stopped | Exhausted[str]]:
    builder = team(folder, live).builder
    plan = yield from recall(folder, "plan")
    yield from branch(folder, "work")

    @workflow
    def draft(feedback: str | None) -> Do[str, StepFault]:
        code = yield from source(folder)
        change = yield from builder.asks("build", build_prompt(plan, code, feedback), Change)
        return (yield from commit(folder, change))

    return (yield from review_loop(draft, lambda _: checks(folder), rounds=rounds))
