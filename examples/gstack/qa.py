"""The work is used as its users would: what breaks is fixed, one commit a fix, and tried again.

perdure run examples/gstack/qa.py:qa -a folder=shop
"""

from collections.abc import Sequence

from artefacts import Changes, Findings, Health, Mended, Severity, Stopped
from returns.result import Failure, Result, Success
from team import Team, team
from verdicts import Decided
from world import checks, checks_of, keep, passing, recall, source, try_fixes, use

from perdure import Do, Exhausted, StepFault, prompt, step, workflow
from perdure.components import Attempted, scan_fix_verify

#: Which bugs are fixed: the thoroughness that somebody wants.
TIERS: dict[str, tuple[Severity, ...]] = {
    "quick": ("critical", "high"),
    "standard": ("critical", "high", "medium"),
    "exhaustive": ("critical", "high", "medium", "low"),
}
#: So many fixes may make it worse before a person has to look.
MOST_REVERTS = 2


@prompt("prompts/qa/scan.md")
def scan_prompt(plan: str, code: str, used: Health) -> None: ...
@prompt("prompts/qa/fix.md")
def fix_prompt(bugs: Findings, code: str) -> None: ...


@step(name="triage")
def within(tier: str, seen: Findings) -> Findings:
    """The bugs of the tier, the worst first; the others are left for another day."""
    bugs = [one for one in seen.found if one.severity in TIERS[tier]]
    return Findings(sorted(bugs, key=lambda one: TIERS[tier].index(one.severity)))


@step(name="retest")
def retested(folder: str, mended: list[Mended]) -> Result[Decided, Stopped]:
    """Whether all is well now. Fixes that make it worse again and again are the end: somebody has to look."""
    reverted = [one.message for each in mended for one in each.fixes if one.status == "reverted"]
    if len(reverted) > MOST_REVERTS:
        return Failure(Stopped("qa", f"{len(reverted)} fixes made it worse and were taken back"))
    said = checks_of(folder)
    return Success(Decided(said.approved and not reverted, said.feedback or f"taken back: {reverted}"))


@workflow(name="scan")
def scanned(folder: str, cast: Team, tier: str) -> Do[list[Findings], StepFault | Stopped]:
    plan = yield from recall(folder, "plan")
    code = yield from source(folder)
    used = yield from use(folder)
    found = yield from cast.second.asks("scan", scan_prompt(plan, code, used), Findings)
    return [(yield from within(tier, found))]


@workflow(name="mend")
def mended(folder: str, cast: Team, bugs: Findings) -> Do[Mended, StepFault]:
    """All bugs in one question, so that its price is known; and a commit for each, so that each can be taken back."""
    code = yield from source(folder)
    changes = yield from cast.builder.asks("fix", fix_prompt(bugs, code), Changes)
    return (yield from try_fixes(folder, changes))


def done(fixes: Sequence[Attempted[Findings, Mended, StepFault]]) -> list[Mended]:
    return [outcome.unwrap() for _, outcome in fixes if isinstance(outcome, Success)]


@workflow
def qa(
    folder: str, tier: str = "standard", live: bool = False, rounds: int = 1
) -> Do[list[Mended], StepFault | Stopped | Exhausted[list[Attempted[Findings, Mended, StepFault]]]]:
    cast = team(folder, live)
    yield from passing("qa", checks(folder))
    fixes = yield from scan_fix_verify(
        scanned(folder, cast, tier),
        lambda bugs: mended(folder, cast, bugs),
        lambda fixes: retested(folder, done(fixes)),
        rounds=rounds,
    )
    for found in done(fixes):
        yield from keep(folder, "qa", found)
    return done(fixes)
