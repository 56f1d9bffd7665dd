"""The work is used as its users would: what breaks is fixed, one commit a fix, and tried again.

perdure run examples/gstack/qa.py:qa -a folder=shop
"""

from collections.abc import Sequence

from artefacts import Change, Finding, Findings, Fixed, Health, Lines, Severity, Stopped
from returns.result import Failure, Result, Success
from team import Team, team
from verdicts import Decided
from world import checks, checks_of, keep, passing, recall, source, try_fix, use

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
def fix_prompt(bug: Finding, code: str) -> None: ...


@step(name="triage")
def within(tier: str, seen: Findings) -> list[Finding]:
    """The bugs of the tier, the worst first; the others are left for another day."""
    return sorted(
        (one for one in seen.found if one.severity in TIERS[tier]), key=lambda one: TIERS[tier].index(one.severity)
    )


@step(name="retest")
def retested(folder: str, fixed: list[Fixed]) -> Result[Decided, Stopped]:
    """Whether all is well now. Fixes that make it worse again and again are the end: somebody has to look."""
    reverts = [one.commit for one in fixed if one.status == "reverted"]
    if len(reverts) > MOST_REVERTS:
        return Failure(Stopped("qa", f"{len(reverts)} fixes made it worse and were taken back"))
    said = checks_of(folder)
    return Success(Decided(said.approved and not reverts, said.feedback or f"taken back: {reverts}"))


@step(name="report")
def reported(bugs: list[Finding], fixed: list[Fixed]) -> Lines:
    found = [f"[{bug.severity}] {bug.where}: {bug.what}" for bug in bugs]
    return Lines([*found, *(f"{one.status}: {one.commit}" for one in fixed)])


@workflow(name="scan")
def scanned(folder: str, cast: Team, tier: str) -> Do[list[Finding], StepFault | Stopped]:
    plan = yield from recall(folder, "plan")
    code = yield from source(folder)
    used = yield from use(folder)
    found = yield from cast.second.asks("scan", scan_prompt(plan, code, used), Findings)
    return (yield from within(tier, found))


@workflow(name="mend")
def mended(folder: str, cast: Team, bug: Finding) -> Do[Fixed, StepFault]:
    code = yield from source(folder)
    change = yield from cast.builder.asks("fix", fix_prompt(bug, code), Change)
    return (yield from try_fix(folder, change))


def landed(fixes: Sequence[Attempted[Finding, Fixed, StepFault]]) -> list[Fixed]:
    return [outcome.unwrap() for _, outcome in fixes if isinstance(outcome, Success)]


@workflow
def qa(
    folder: str, tier: str = "standard", live: bool = False, rounds: int = 1
) -> Do[Lines, StepFault | Stopped | Exhausted[list[Attempted[Finding, Fixed, StepFault]]]]:
    cast = team(folder, live)
    yield from passing("qa", checks(folder))
    fixes = yield from scan_fix_verify(
        scanned(folder, cast, tier),
        lambda bug: mended(folder, cast, bug),
        lambda fixes: retested(folder, landed(fixes)),
        rounds=rounds,
        limit=1,
    )
    report = yield from reported([bug for bug, _ in fixes], landed(fixes))
    yield from keep(folder, "qa", report)
    return report
