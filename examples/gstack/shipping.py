"""A branch is made ready and handed in: nothing is pushed that was not verified just before.

perdure run examples/gstack/shipping.py:ship -a folder=shop
"""

from artefacts import Audit, Lines, Release, Stopped
from team import team
from world import checks, diff, keep, merge_base, open_request, passing, prepare, push, recall, verify

from perdure import Denied, Do, StepFault, approval, prompt, step, workflow

#: Tests are to cover so much of what is new, in per cent, or a person waives it.
COVERAGE = 60


@prompt("prompts/ship/audit.md")
def audit_prompt(plan: str, diff: str) -> None: ...
@prompt("prompts/ship/object.md")
def object_prompt(diff: str) -> None: ...


@step
def exceptions(audit: Audit, against: Lines) -> Lines:
    """What only a person can let pass."""
    low = [f"tests cover {audit.coverage} % of it"] if audit.coverage < COVERAGE else []
    level = [f"it is a {audit.level} version"] if audit.level != "patch" else []
    return Lines([*low, *level, *(f"not done: {what}" for what in audit.undone), *against.lines])


@workflow
def ship(folder: str, live: bool = False) -> Do[Release, StepFault | Stopped]:
    cast = team(folder, live)
    branch = yield from merge_base(folder)
    yield from passing("ship", checks(folder))
    plan = yield from recall(folder, "plan")
    changed = yield from diff(folder)
    audit = yield from cast.first.asks("audit", audit_prompt(plan, changed), Audit)
    against = yield from cast.second.asks("object", object_prompt(changed), Lines)
    waiving = yield from exceptions(audit, against)
    decision = yield from approval("ship-it", prompt="Hand it in? Here is what only you can let pass.", show=waiving)
    if isinstance(decision, Denied):
        raise Stopped("ship", f"not handed in: {decision.note}")
    release = yield from prepare(folder, branch, audit)
    yield from passing("ship", verify(folder))
    yield from push(folder, release)
    yield from open_request(folder, release, audit)
    yield from keep(folder, "ship", release)
    return release
