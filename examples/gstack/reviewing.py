"""Before anything is pushed: specialists side by side; what has one right fix is fixed, the rest a person chooses.

perdure run examples/gstack/reviewing.py:review -a folder=shop
"""

from collections.abc import Mapping

from artefacts import Change, Findings, Stopped, Triage
from team import team
from world import checks, commit, diff, keep, passing, recall, source

from perdure import Do, Effect, StepFault, prompt, step, suspend, workflow
from perdure.components import panel


@prompt("prompts/review/critical.md")
def critical(plan: str, diff: str) -> None: ...
@prompt("prompts/review/security.md")
def hostile(diff: str) -> None: ...
@prompt("prompts/review/adversary.md")
def adversary(diff: str) -> None: ...
@prompt("prompts/review/fix.md")
def fix_prompt(findings: Triage, chosen: str, code: str) -> None: ...


@step
def triage(found: dict[str, Findings]) -> Triage:
    """A place named twice is one finding. What its finder is not sure of is left out; what is critical is asked."""
    sure = {one.where: (who, one) for who, several in found.items() for one in several.found if one.confidence >= 7}
    split: dict[bool, list[str]] = {True: [], False: []}
    for who, one in sure.values():
        split[one.mechanical and one.severity != "critical"].append(f"[{one.severity}] {one.where}: {one.what} ({who})")
    return Triage(split[True], split[False])


@workflow
def review(folder: str, live: bool = False) -> Do[Triage, StepFault | Stopped]:
    cast = team(folder, live)
    plan = yield from recall(folder, "plan")
    changed = yield from diff(folder)

    def sorted_out(found: Mapping[str, Findings]) -> Effect[Triage, StepFault]:
        return triage(dict(found))

    specialists = {
        "critical": cast.first.asks("read", critical(plan, changed), Findings),
        "security": cast.first.asks("read", hostile(changed), Findings),
        "adversary": cast.second.asks("read", adversary(changed), Findings),
    }
    found = yield from panel(specialists, sorted_out)
    chosen = yield from suspend("choose-fixes", str, prompt="Which of those to ask about shall be fixed?", show=found)
    code = yield from source(folder)
    change = yield from cast.builder.asks("fix", fix_prompt(found, chosen, code), Change)
    yield from commit(folder, change)
    yield from passing("review", checks(folder))
    yield from keep(folder, "review", found)
    return found
