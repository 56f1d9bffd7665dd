# mypy: disable-error-code="unused-awaitable, empty-body"
"""The patterns that perdure brings: what goes in comes out, and failures unite and vanish as they do at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, Never, TypeAlias, assert_type

import attrs
from given import (
    F1,
    F2,
    V1,
    Broken,
    Draft,
    RateLimited,
    Refused,
    Review,
    Score,
    blob,
    draft,
    e1,
    e2,
    flag,
    grow,
    number,
    review,
    score,
    text,
)
from returns.result import Failure, Success

from perdure import (
    Denied,
    Do,
    Effect,
    Estimate,
    Exhausted,
    Expired,
    Fault,
    Outcome,
    StepFault,
    TimedOut,
    fail,
    pure,
    step,
    suspend,
    workflow,
)
from perdure.components import (
    Action,
    Answered,
    Attempted,
    Checked,
    Decided,
    Halted,
    Merged,
    NoMajority,
    NoQuorum,
    OverBudget,
    Proposed,
    Rejected,
    Rounds,
    Rule,
    Shadowed,
    Unrouted,
    Verdict,
    Votes,
    approval_gate,
    attempt_each,
    check_suite,
    classify_and_route,
    compensate,
    content_pipeline,
    debate,
    decision_table,
    delegation,
    drift_detector,
    escalation_chain,
    gather_and_synthesize,
    jury,
    kanban,
    majority,
    merge_queue,
    optimizer,
    panel,
    poller,
    review_loop,
    runbook,
    saga,
    scan_fix_verify,
    self_improve,
    sidecar,
    supervisor,
    try_catch_finally,
)

# program: review_loop keeps the draft, unites the failures and may be exhausted
assert_type(review_loop(draft, review), Effect[Draft, RateLimited | Refused | Exhausted[Draft]])


# program: review_loop of what cannot fail is only ever exhausted
def sure(feedback: str | None) -> Effect[Draft, Never]: ...


assert_type(review_loop(sure, review), Effect[Draft, Refused | Exhausted[Draft]])


# program: review_loop over lambdas
assert_type(
    review_loop(lambda f: draft(f), lambda d: review(d), rounds=3, alike=2),
    Effect[Draft, RateLimited | Refused | Exhausted[Draft]],
)


# program: a review may be any class with a verdict
@attrs.define
class Report:
    """Its verdict is worked out, and there is more to it."""

    findings: list[str]

    @property
    def approved(self) -> Literal[True, False]:
        return not self.findings

    @property
    def feedback(self) -> str:
        return "; ".join(self.findings)


def report(found: Draft) -> Effect[Report, Broken]: ...


assert_type(review_loop(draft, report), Effect[Draft, RateLimited | Broken | Exhausted[Draft]])


# program: a loop that is exhausted can be matched on, with its last state
def published() -> Effect[Draft, RateLimited | Refused]:
    def last(problem: RateLimited | Refused | Exhausted[Draft]) -> Effect[Draft, RateLimited | Refused]:
        match problem:
            case Exhausted(state):
                assert_type(state, Draft)
                return pure(state)
            case other:
                assert_type(other, RateLimited | Refused)
                return fail(other)

    return review_loop(draft, review).lash(last)


# program: a jury is a review, and keeps the reviewers' own class
assert_type(jury({"a": review, "b": review}, needed=1)(Draft("")), Effect[Votes[Review], Refused])
assert_type(review_loop(draft, jury({"a": review})), Effect[Draft, RateLimited | Refused | Exhausted[Draft]])


# program: a jury of reviewers who fail each in their own way
mixed: Mapping[str, Callable[[Draft], Effect[Review | Report, Refused | Broken]]] = {"a": review, "b": report}
assert_type(review_loop(draft, jury(mixed)), Effect[Draft, RateLimited | Refused | Broken | Exhausted[Draft]])


# program: a jury of reviewers each with a class of their own
either: Callable[[Draft], Effect[Votes[Verdict], Fault]] = jury({"a": review, "b": report})


# program: optimizer returns the candidate
assert_type(optimizer(draft, score, target=0.9), Effect[Draft, RateLimited | Refused | Exhausted[Draft]])


# program: a score may be a whole number
@attrs.frozen
class Points:
    score: int
    feedback: str


def points(found: Draft) -> Effect[Points, Never]: ...


assert_type(optimizer(draft, points, target=10), Effect[Draft, RateLimited | Exhausted[Draft]])


# program: scan_fix_verify keeps what the fixers fail with as values
def findings() -> Effect[list[int], Broken]: ...
def verified(fixes: Sequence[Attempted[int, int, RateLimited]]) -> Effect[Review, Refused]: ...


assert_type(
    scan_fix_verify(findings(), grow, verified),
    Effect[
        list[tuple[int, Outcome[int, RateLimited]]],
        Broken | Refused | Exhausted[list[tuple[int, Outcome[int, RateLimited]]]],
    ],
)


# program: scan_fix_verify with a verifier that does not look at the fixes
assert_type(
    scan_fix_verify(findings(), grow, lambda fixes: review(Draft(str(len(fixes)))), key=str),
    Effect[
        list[tuple[int, Outcome[int, RateLimited]]],
        Broken | Refused | Exhausted[list[tuple[int, Outcome[int, RateLimited]]]],
    ],
)


# program: panel fails with its panelists where all must answer
assert_type(panel({"a": number(), "b": number()}, lambda said: text()), Effect[str, RateLimited | Refused])


# program: panel with a quorum fails with its panelists no more
assert_type(panel({"a": number()}, lambda said: text(), quorum=1), Effect[str, Refused | NoQuorum[int, RateLimited]])


# program: panel of panelists who cannot fail
assert_type(panel({"a": flag()}, lambda said: text()), Effect[str, Refused])


# program: majority concludes with a choice
assert_type(panel({"a": number()}, majority()), Effect[int, RateLimited | NoMajority[int]])


# program: majority of what an opinion votes for
def vote(found: Review) -> bool:
    return found.approved


assert_type(
    panel({"a": review(Draft("")), "b": review(Draft(""))}, majority(vote), quorum=2),
    Effect[bool, NoMajority[bool] | NoQuorum[Review, Refused]],
)


# program: debate has three kinds of speech
assert_type(
    debate(lambda said: number(), lambda said: text(), lambda said: blob()),
    Effect[bytes, RateLimited | Refused | Fault],
)


# program: debaters and judge see what both sides said
def for_it(said: Sequence[tuple[int, str]]) -> Effect[int, F1]: ...
def against(said: Sequence[tuple[int, str]]) -> Effect[str, F2]: ...
def judged(said: Sequence[tuple[int, str]]) -> Effect[bool, Never]: ...


assert_type(debate(for_it, against, judged, rounds=3), Effect[bool, F1 | F2])


# program: supervisor keeps what its workers fail with as values
def todo() -> Effect[Sequence[str], RateLimited]: ...
def once_more(done: Sequence[Attempted[str, str, StepFault]]) -> Effect[Sequence[str], Broken]: ...


@step
def carry(task: str) -> str: ...


assert_type(
    supervisor(todo(), carry, once_more),
    Effect[
        list[tuple[str, Outcome[str, StepFault]]],
        RateLimited | Broken | Exhausted[list[tuple[str, Outcome[str, StepFault]]]],
    ],
)


# program: escalation_chain that ends with a person cannot fail
def decide(tried: Mapping[str, Outcome[int, RateLimited]]) -> Effect[int, Never]: ...


assert_type(
    escalation_chain({"small": number(), "large": number()}, good=lambda n: n > 0, human=decide),
    Effect[Answered[int], Never],
)


# program: escalation_chain whose last answer is a person's
assert_type(
    escalation_chain({"small": number()}, good=lambda n: n > 0, human=lambda tried: suspend("decide", int)),
    Effect[Answered[int], Never],
)


# program: escalation_chain where its value is wanted
def wanted() -> Effect[Answered[float] | None, Never]:
    return escalation_chain({"small": number()}, good=lambda n: n > 0, human=decide)


# program: escalation_chain fails as its last level does
assert_type(
    escalation_chain({"small": number()}, good=lambda n: n > 0, human=lambda tried: text().map(len)),
    Effect[Answered[int], Refused],
)


# program: a saga of the components is the core's
assert_type(saga(compensate(e1(), lambda made: e2())), Effect[V1, F1])


# program: attempt_each cannot fail
assert_type(attempt_each([1, 2], grow), Effect[list[tuple[int, Outcome[int, RateLimited]]], Never])


# program: the outcomes of attempt_each are matched
@workflow
def grown() -> Do[list[int], Never]:
    sizes: list[int] = []
    for item, outcome in (yield from attempt_each([1, 2], grow, key=str, limit=1)):
        match outcome:
            case Success(size):
                assert_type(size, int)
                sizes.append(size)
            case Failure(problem):
                assert_type(problem, RateLimited)
                sizes.append(item)
    return sizes


# program: approval_gate yields what it guards, or who denied it
assert_type(approval_gate("go", number()), Effect[int | Denied, RateLimited])
assert_type(approval_gate("go", number(), when=False, show="it"), Effect[int | Denied, RateLimited])


# program: approval_gate that expires says so
assert_type(approval_gate("go", number(), expires=timedelta(days=1)), Effect[int | Denied, RateLimited | Expired])


# program: a denial is matched away before the value is used
@workflow
def guarded() -> Do[int, RateLimited]:
    match (yield from approval_gate("go", number())):
        case Denied(note=note):
            return len(note)
        case value:
            assert_type(value, int)
            return value


# program: classify_and_route may find no route
def sort(found: Draft) -> Effect[Literal["a", "b"], Refused]: ...
def see_to(found: Draft) -> Effect[int, RateLimited]: ...


routes: Mapping[Literal["a", "b"], Callable[[Draft], Effect[int, RateLimited]]] = {"a": see_to, "b": see_to}
assert_type(
    classify_and_route(Draft(""), sort, routes), Effect[int, Refused | RateLimited | Unrouted[Literal["a", "b"]]]
)


# program: classify_and_route with a way for the rest finds one always
def rest(found: Draft) -> Effect[int, Broken]: ...


assert_type(classify_and_route(Draft(""), sort, routes, otherwise=rest), Effect[int, Refused | RateLimited | Broken])


# program: gather_and_synthesize fails as its synthesis does
def whole(found: Mapping[str, Outcome[int, RateLimited]]) -> Effect[Draft, Refused]: ...


assert_type(gather_and_synthesize({"a": number(), "b": number()}, whole), Effect[Draft, Refused])


# program: poller keeps what it sees
assert_type(
    poller(number(), done=lambda n: n > 3, every=timedelta(minutes=1)), Effect[int, RateLimited | Exhausted[int]]
)


# program: decision_table says by which rule
assert_type(
    decision_table(
        3,
        {
            "small": Rule(when=lambda n: n < 3, then=lambda n: number()),
            "large": Rule(when=lambda n: n > 3, then=lambda n: number()),
        },
        otherwise=lambda n: text().map(len),
    ),
    Effect[Decided[int], RateLimited | Refused],
)


# program: try_catch_finally fails as its catcher does
def caught(error: RateLimited) -> Effect[str, Refused]: ...


assert_type(try_catch_finally(number(), catch=caught, finally_=flag()), Effect[int | str, Refused])


# program: try_catch_finally whose catcher cannot fail cannot fail
assert_type(try_catch_finally(number(), catch=lambda error: pure(0), finally_=text().attempt()), Effect[int, Never])


# program: check_suite cannot fail, and keeps the checks' own class
assert_type(
    check_suite({"a": review(Draft("")), "b": review(Draft(""))}, needed=1), Effect[Checked[Review, Refused], Never]
)


# program: check_suite of checks each with a class of their own
own: Effect[Checked[Verdict, Fault], Never] = check_suite({"a": review(Draft("")), "b": report(Draft(""))})


# program: check_suite is a review
assert_type(
    review_loop(draft, lambda found: check_suite({"a": review(found)})), Effect[Draft, RateLimited | Exhausted[Draft]]
)


# program: runbook halts with what its actions did
actions = {"look": Action(number(), risk="safe"), "drop": Action(number(), risk="critical", show="4 tables")}
assert_type(runbook(actions), Effect[dict[str, int], Halted[dict[str, int], RateLimited | Denied]])


# program: runbook whose gates expire says so
assert_type(
    runbook(actions, expires=timedelta(hours=1)),
    Effect[dict[str, int], Halted[dict[str, int], RateLimited | Denied | Expired]],
)


# program: where and why a runbook halted is matched
@workflow
def emergency() -> Do[str, Never]:
    match (yield from runbook(actions).attempt()):
        case Success(done):
            assert_type(done, dict[str, int])
            return "done"
        case Failure(Halted(at, state, because)):
            assert_type(state, dict[str, int])
            assert_type(because, RateLimited | Denied)
            return at


# program: drift_detector keeps the comparison
@attrs.frozen
class Drift:
    drifted: bool
    what: str


def compared(wanted: int, found: int) -> Effect[Drift, Refused]: ...
def alerted(drift: Drift) -> Effect[None, Broken]: ...


assert_type(
    drift_detector(3, number(), compared, alerted, every=timedelta(days=1)),
    Effect[Drift, RateLimited | Refused | Broken],
)


# program: drift_detector over lambdas
assert_type(
    drift_detector(
        3,
        number(),
        lambda wanted, found: pure(Drift(wanted != found, "")),
        lambda drift: text().map(lambda _: drift.what),
        every=timedelta(days=1),
    ),
    Effect[Drift, RateLimited | Refused],
)


# program: content_pipeline halts with what there was
assert_type(content_pipeline(3, {"a": grow, "b": grow}), Effect[int, Halted[int, RateLimited]])


# program: kanban cannot fail
assert_type(
    kanban([1, 2], {"a": grow, "b": grow}, key=str),
    Effect[list[tuple[int, Outcome[int, Halted[int, RateLimited]]]], Never],
)


# program: merge_queue leaves out what is not good and halts where it cannot land
def rebased(trunk: Draft, change: int) -> Effect[Draft, RateLimited]: ...
def landed(trunk: Draft) -> Effect[Draft, Broken]: ...


Queue: TypeAlias = Merged[Draft, int, RateLimited | Refused | Rejected]
assert_type(
    merge_queue(Draft(""), [1, 2], rebase=rebased, check=review, land=landed), Effect[Queue, Halted[Queue, Broken]]
)


# program: sidecar fails as its primary does
def other_draft() -> Effect[Draft, Broken]: ...


assert_type(
    sidecar(draft(None), other_draft(), score), Effect[Shadowed[Draft, Broken | Refused | TimedOut], RateLimited]
)


# program: sidecar whose primary cannot fail cannot fail
assert_type(sidecar(sure(None), other_draft(), points), Effect[Shadowed[Draft, Broken | TimedOut], Never])


# program: delegation may have no sound plan, and may halt
@attrs.frozen
class Job:
    worker: Literal["a", "b"]
    after: list[int]


def planned(wrong: str | None) -> Effect[list[Job], Refused]: ...
def done(job: Job, before: Sequence[int]) -> Effect[int, RateLimited]: ...


assert_type(
    delegation(planned, {"a": done, "b": done}, fuel=5),
    Effect[list[int], Refused | Exhausted[Sequence[Job]] | Halted[dict[int, int], RateLimited]],
)


# program: delegation within a budget may be over it
assert_type(
    delegation(planned, {"a": done, "b": done}, prices={"a": Estimate(usd=1)}, budget_usd=5),
    Effect[
        list[int],
        Refused | Exhausted[Sequence[Job]] | OverBudget[Sequence[Job]] | Halted[dict[int, int], RateLimited],
    ],
)


# program: self_improve keeps the change and the judge's own class, and may be denied
@attrs.frozen
class Judged:
    approved: bool
    feedback: str
    diff: list[str]
    digest: str
    tests: int


def proposing(runs: Sequence[str], wrong: str | None) -> Effect[Draft, Broken]: ...
def judging(change: Draft) -> Effect[Judged, Refused]: ...
def adopting(proposed: Proposed[Draft, Judged]) -> Effect[int, RateLimited]: ...


assert_type(
    self_improve(todo(), proposing, judging, adopting),
    Effect[int | Denied, RateLimited | Broken | Refused | Exhausted[Proposed[Draft, Judged]]],
)


# program: self_improve over lambdas
assert_type(
    self_improve(
        todo(),
        lambda runs, wrong: proposing(runs, wrong),
        lambda change: judging(change),
        lambda proposed: adopting(proposed),
    ),
    Effect[int | Denied, RateLimited | Broken | Refused | Exhausted[Proposed[Draft, Judged]]],
)


# program: a loop of one's own with the brake of the patterns
@workflow
def patient(first: str) -> Do[Score, Refused | Exhausted[Score]]:
    left = Rounds(10, alike=3)
    while (found := (yield from score(Draft(first)))).score < 1:
        assert_type(left.another(found, found.feedback), Effect[None, Exhausted[Score]])
        yield from left.another(found, found.feedback)
    return found
