# mypy: disable-error-code="empty-body, var-annotated, no-any-return, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUnusedVariable=false, reportUnknownArgumentType=false
"""Wrong uses of the patterns that perdure brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, Never

import attrs
from given import Broken, Draft, RateLimited, Refused, Review, Score, draft, grow, number, review, score, text

from perdure import Denied, Do, Effect, Estimate, Exhausted, Outcome, pure, workflow
from perdure.components import (
    Action,
    Attempted,
    Halted,
    Proposed,
    Rounds,
    Rule,
    approval_gate,
    check_suite,
    classify_and_route,
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
    scan_fix_verify,
    self_improve,
    sidecar,
    supervisor,
    try_catch_finally,
)


# program: a review that does not say whether it approves
@attrs.frozen
class Remark:
    feedback: str


def remark(found: Draft) -> Effect[Remark, Refused]: ...


# mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Effect[Remark, Refused]]";
#   expected "Callable[[Draft], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(found: Draft) -> Effect[Remark, Refused]" … "Remark" is not a
#   subtype of "Verdict"
remarked = review_loop(draft, remark)


# program: a review that does not say why
@attrs.frozen
class Nod:
    approved: bool


def nod(found: Draft) -> Effect[Nod, Refused]: ...


# mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Effect[Nod, Refused]]";
#   expected "Callable[[Draft], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(found: Draft) -> Effect[Nod, Refused]" … "Nod" is not a subtype of
#   "Verdict"
nodded = review_loop(draft, nod)


# program: a review that approves in words
@attrs.frozen
class Words:
    approved: str
    feedback: str


def words(found: Draft) -> Effect[Words, Refused]: ...


# mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Effect[Words, Refused]]";
#   expected "Callable[[Draft], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(found: Draft) -> Effect[Words, Refused]" … "Words" is not a subtype
#   of "Verdict"
said = review_loop(draft, words)


# program: a review that is a plain function
def plain(found: Draft) -> Review: ...


# mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Review]"; expected
#   "Callable[[Draft], Effect[Verdict, Never]]"
# pyright [reportArgumentType]: Argument of type "(found: Draft) -> Review" … Function return type "Review" is
#   incompatible with type "Effect[Verdict, E2@review_loop]"
plainly = review_loop(draft, plain)


# program: a review of another draft
def review_number(found: int) -> Effect[Review, Refused]: ...


# mypy [misc]: Cannot infer value of type parameter "A" of "review_loop"
# pyright [reportArgumentType]: Argument of type "(found: int) -> Effect[Review, Refused]" … Parameter 1: type "Draft"
#   is incompatible with type "int"
other = review_loop(draft, review_number)


# program: an exhausted review loop is forgotten
def forgotten() -> Effect[Draft, RateLimited | Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[Draft, RateLimited | Refused |
    #   Exhausted[Draft]]", expected "Effect[Draft, RateLimited | Refused]")
    # pyright [reportReturnType]: Type "Effect[Draft, RateLimited | Refused | Exhausted[Draft]]" is not assignable to
    #   return type "Effect[Draft, RateLimited | Refused]"
    return review_loop(draft, review)


# program: an exhausted review loop is forgotten in a workflow
@workflow
def unmentioned() -> Do[Draft, RateLimited | Refused]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[RateLimited | Refused |
    #   Exhausted[Draft]]", expected type "MayFail[RateLimited | Refused]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "RateLimited | Refused |
    #   Exhausted[Draft]" is not a subtype of "RateLimited | Refused"
    return (yield from review_loop(draft, review))


# program: reviewers without names
# mypy [call-overload]: No overload variant of "jury" matches argument type "list[Callable[[Draft], Effect[Review,
#   Refused]]]"
# pyright [reportCallIssue]: No overloads for "jury" match the provided arguments
# pyright [reportArgumentType]: Argument of type "list[(draft: Draft) -> Effect[Review, Refused]]" cannot be assigned
#   to parameter "reviews"
unnamed_jury = jury([review, review])


# program: a juror without a verdict
# mypy [type-var]: Value of type variable "V" of "jury" cannot be "Remark"
# pyright [reportCallIssue]: No overloads for "jury" match the provided arguments
# pyright [reportArgumentType]: Argument of type "dict[str, (found: Draft) -> Effect[Remark, Refused]]" … "Remark" is
#   not a subtype of "Verdict"
jurors = review_loop(draft, jury({"a": remark}))


# program: an evaluation without a score
# mypy [arg-type]: Argument 2 to "optimizer" has incompatible type "Callable[[Draft], Effect[Review, Refused]]";
#   expected "Callable[[Draft], Effect[Scored, Refused]]"
# pyright [reportArgumentType]: Argument of type "(draft: Draft) -> Effect[Review, Refused]" … "Review" is not a
#   subtype of "Scored"
unscored = optimizer(draft, review, target=1)


# program: an optimizer without a target
# mypy [call-arg]: Missing named argument "target" for "optimizer"
# pyright [reportCallIssue]: Argument missing for parameter "target"
aimless = optimizer(draft, score)


# program: a fixer of other findings
def lines() -> Effect[list[str], Broken]: ...
def checked(fixes: Sequence[Attempted[int, int, RateLimited]]) -> Effect[Review, Refused]: ...


# mypy [arg-type]: Argument 2 to "scan_fix_verify" has incompatible type "Callable[[int], Effect[int, RateLimited]]";
#   expected "Callable[[str], Effect[int, RateLimited]]"
# mypy [arg-type]: Argument 3 to "scan_fix_verify" has incompatible type "Callable[[Sequence[tuple[int, Success[int] |
#   Failure[RateLimited]]]], Effect[Review, Refused]]"; expected "Callable[[Sequence[tuple[str, Success[int] |
#   Failure[RateLimited]]]], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[int, RateLimited]" … Parameter 1: type "str" is
#   incompatible with type "int"
# pyright [reportArgumentType]: Argument of type "(fixes: Sequence[Attempted[int, int, RateLimited]]) ->
#   Effect[Review, Refused]" … "Attempted[str, int, RateLimited]" is not a subtype of "Attempted[int, int,
#   RateLimited]"
unfixed = scan_fix_verify(lines(), grow, checked)


# program: a verifier that takes every fix for a success
def optimist(fixes: Sequence[tuple[int, int]]) -> Effect[Review, Refused]: ...
def sizes() -> Effect[list[int], Broken]: ...


# mypy [arg-type]: Argument 3 to "scan_fix_verify" has incompatible type "Callable[[Sequence[tuple[int, int]]],
#   Effect[Review, Refused]]"; expected "Callable[[Sequence[tuple[int, Success[int] | Failure[RateLimited]]]],
#   Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(fixes: Sequence[tuple[int, int]]) -> Effect[Review, Refused]" …
#   "Attempted[int, int, RateLimited]" is not a subtype of "tuple[int, int]"
hoped = scan_fix_verify(sizes(), grow, optimist)


# program: a verifier that says yes or no
def yes_or_no(fixes: Sequence[Attempted[int, int, RateLimited]]) -> Effect[bool, Refused]: ...


# mypy [arg-type]: Argument 3 to "scan_fix_verify" has incompatible type "Callable[[Sequence[tuple[int, Success[int] |
#   Failure[RateLimited]]]], Effect[bool, Refused]]"; expected "Callable[[Sequence[tuple[int, Success[int] |
#   Failure[RateLimited]]]], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(fixes: Sequence[Attempted[int, int, RateLimited]]) -> Effect[bool,
#   Refused]" … "bool" is not a subtype of "Verdict"
answered = scan_fix_verify(sizes(), grow, yes_or_no)


# program: a panel's quorum is forgotten
def quorate() -> Effect[str, Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[str, Refused | NoQuorum[int, RateLimited]]",
    #   expected "Effect[str, Refused]")
    # pyright [reportReturnType]: Type "Effect[str, Refused | NoQuorum[int, RateLimited]]" is not assignable to return
    #   type "Effect[str, Refused]"
    return panel({"a": number()}, lambda opinions: text(), quorum=1)


# program: a moderator of what nobody says
def moderate(opinions: dict[str, str]) -> Effect[str, Refused]: ...


# mypy [arg-type]: Argument 2 to "panel" has incompatible type "Callable[[dict[str, str]], Effect[str, Refused]]";
#   expected "Callable[[dict[str, int]], Effect[str, Refused]]"
# pyright [reportArgumentType]: Argument of type "(opinions: dict[str, str]) -> Effect[str, Refused]" … Parameter 1:
#   type "dict[str, int]" is incompatible with type "dict[str, str]"
unheard = panel({"a": number()}, moderate)


# program: a vote that counts what nobody says
def colour(found: Draft) -> str: ...


# mypy [arg-type]: Argument 1 to "majority" has incompatible type "Callable[[Draft], str]"; expected "Callable[[int],
#   str]"
# pyright [reportArgumentType]: Argument of type "(Mapping[str, Draft]) -> Effect[str, NoMajority[str]]" … "int" is
#   not a subtype of "Draft"
uncounted = panel({"a": number()}, majority(colour))


# program: a debater who hears only the other side
def deaf(said: Sequence[str]) -> Effect[int, Refused]: ...
def against(said: Sequence[tuple[int, str]]) -> Effect[str, Refused]: ...
def judged(said: Sequence[tuple[int, str]]) -> Effect[bool, Never]: ...


# mypy [arg-type]: Argument 1 to "debate" has incompatible type "Callable[[Sequence[str]], Effect[int, Refused]]";
#   expected "Callable[[Sequence[tuple[int, str]]], Effect[int, Refused]]"
# pyright [reportArgumentType]: Argument of type "(said: Sequence[str]) -> Effect[int, Refused]" … "tuple[int, str]"
#   is not a subtype of "str"
half_heard = debate(deaf, against, judged)


# program: a boss who takes every task for done
def tasks() -> Effect[Sequence[int], RateLimited]: ...
def trusting(done: Sequence[tuple[int, int]]) -> Effect[Sequence[int], Broken]: ...


# mypy [arg-type]: Argument 3 to "supervisor" has incompatible type "Callable[[Sequence[tuple[int, int]]],
#   Effect[Sequence[int], Broken]]"; expected "Callable[[Sequence[tuple[int, Success[int] | Failure[RateLimited]]]],
#   Effect[Sequence[int], Broken]]"
# pyright [reportArgumentType]: Argument of type "(done: Sequence[tuple[int, int]]) -> Effect[Sequence[int], Broken]"
#   … "Attempted[int, int, RateLimited]" is not a subtype of "tuple[int, int]"
trusted = supervisor(tasks(), grow, trusting)


# program: a boss who wants other tasks than there are workers for
def elsewhere(done: Sequence[Attempted[int, int, RateLimited]]) -> Effect[Sequence[str], Broken]: ...


# mypy [arg-type]: Argument 3 to "supervisor" has incompatible type "Callable[[Sequence[tuple[int, Success[int] |
#   Failure[RateLimited]]]], Effect[Sequence[str], Broken]]"; expected "Callable[[Sequence[tuple[int, Success[int] |
#   Failure[RateLimited]]]], Effect[Sequence[int], Broken]]"
# pyright [reportArgumentType]: Argument of type "(done: Sequence[Attempted[int, int, RateLimited]]) ->
#   Effect[Sequence[str], Broken]" … "Sequence[str]" is not a subtype of "Sequence[int]"
misplaced = supervisor(tasks(), grow, elsewhere)


# program: an escalation without a last level
# mypy [call-arg]: Missing named argument "human" for "escalation_chain"
# pyright [reportCallIssue]: Argument missing for parameter "human"
# pyright [reportOperatorIssue]: Operator ">" not supported for types "A@escalation_chain" and "Literal[0]"
endless = escalation_chain({"small": number()}, good=lambda n: n > 0)


# program: an escalation judged by another answer's measure
def long(answer: str) -> bool: ...
def decide(tried: Mapping[str, Outcome[int, RateLimited]]) -> Effect[int, Never]: ...


# mypy [arg-type]: Argument "good" to "escalation_chain" has incompatible type "Callable[[str], bool]"; expected
#   "Callable[[int], bool]"
# pyright [reportArgumentType]: Argument of type "(answer: str) -> bool" … Parameter 1: type "int" is incompatible
#   with type "str"
mismeasured = escalation_chain({"small": number()}, good=long, human=decide)


# program: an escalation whose level is not looked at
def answer() -> Effect[int, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[Answered[int], Never]", expected "Effect[int,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[Answered[int], Never]" is not assignable to return type "Effect[int,
    #   Never]"
    return escalation_chain({"small": number()}, good=lambda n: n > 0, human=decide)


# program: a gate whose denial is not looked at
def ungated() -> Effect[int, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int | Denied, RateLimited]", expected
    #   "Effect[int, RateLimited]")
    # pyright [reportReturnType]: Type "Effect[int | Denied, RateLimited]" is not assignable to return type
    #   "Effect[int, RateLimited]"
    return approval_gate("go", number())


# program: a gate whose end is forgotten
@workflow
def endless_gate() -> Do[int | Denied, RateLimited]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[RateLimited | Expired]", expected type
    #   "MayFail[RateLimited]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "RateLimited | Expired" is
    #   not a subtype of "RateLimited"
    return (yield from approval_gate("go", number(), expires=timedelta(days=1)))


# program: a route for a category that there is not
def sort(found: Draft) -> Effect[Literal["a", "b"], Refused]: ...
def see_to(found: Draft) -> Effect[int, Never]: ...


Sorts = Literal["a", "b"]
# mypy [dict-item]: Dict entry 1 has incompatible type "Literal['c']": "Callable[[Draft], Effect[int, Never]]";
#   expected "Literal['a', 'b']": "Callable[[Draft], Effect[int, Never]]"
# pyright [reportAssignmentType]: Type "dict[str, (found: Draft) -> Effect[int, Never]]" is not assignable to declared
#   type "Mapping[Sorts, (Draft) -> Effect[int, Never]]" Type "Literal['c']" is not assignable to type "Sorts"
#   "Literal['c']" is not assignable to type "Literal['a']" "Literal['c']" is not assignable to type "Literal['b']"
routes: Mapping[Sorts, Callable[[Draft], Effect[int, Never]]] = {"a": see_to, "c": see_to}


# program: a category without a route is forgotten
def unrouted(found: Draft) -> Effect[int, Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, Refused | Unrouted[str]]", expected
    #   "Effect[int, Refused]")
    # pyright [reportReturnType]: Type "Effect[int, Refused | Unrouted[Literal['a', 'b']]]" is not assignable to
    #   return type "Effect[int, Refused]"
    return classify_and_route(found, sort, {"a": see_to})


# program: a synthesis that takes every source for a success
def hopeful(found: Mapping[str, int]) -> Effect[Draft, Refused]: ...


# mypy [arg-type]: Argument 2 to "gather_and_synthesize" has incompatible type "Callable[[Mapping[str, int]],
#   Effect[Draft, Refused]]"; expected "Callable[[Mapping[str, Success[int] | Failure[RateLimited]]], Effect[Draft,
#   Refused]]"
# pyright [reportArgumentType]: Argument of type "(found: Mapping[str, int]) -> Effect[Draft, Refused]" …
#   "Outcome[int, RateLimited]" is not a subtype of "int"
synthesized = gather_and_synthesize({"a": number()}, hopeful)


# program: a poll without a wait
# mypy [call-arg]: Missing named argument "every" for "poller"
# pyright [reportCallIssue]: Argument missing for parameter "every"
# pyright [reportOperatorIssue]: Operator ">" not supported for types "A@poller" and "Literal[3]"
hasty = poller(number(), done=lambda n: n > 3)


# program: a poll that waits a number
# mypy [arg-type]: Argument "every" to "poller" has incompatible type "int"; expected "timedelta"
# pyright [reportArgumentType]: Argument of type "Literal[60]" cannot be assigned to parameter "every"
numbered = poller(number(), done=lambda n: n > 3, every=60)


# program: a table that something falls through
# mypy [call-arg]: Missing named argument "otherwise" for "decision_table"
# pyright [reportCallIssue]: Argument missing for parameter "otherwise"
# pyright [reportOperatorIssue]: Operator "<" not supported for types "T_contra@Rule" and "Literal[3]"
holey = decision_table(3, {"small": Rule(when=lambda n: n < 3, then=lambda n: number())})


# program: a last part that may fail
def caught(error: RateLimited) -> Effect[int, Never]: ...


# mypy [arg-type]: Argument "finally_" to "try_catch_finally" has incompatible type "Effect[str, Refused]"; expected
#   "Effect[object, Never]"
# pyright [reportArgumentType]: Argument of type "Effect[str, Refused]" … "Refused" is not a subtype of "Never"
shaky = try_catch_finally(number(), catch=caught, finally_=text())


# program: a catcher of other failures
def other_caught(error: Refused) -> Effect[int, Never]: ...


# mypy [arg-type]: Argument "catch" to "try_catch_finally" has incompatible type "Callable[[Refused], Effect[int,
#   Never]]"; expected "Callable[[RateLimited], Effect[int, Never]]"
# pyright [reportArgumentType]: Argument of type "(error: Refused) -> Effect[int, Never]" … Parameter 1: type
#   "RateLimited" is incompatible with type "Refused"
uncaught = try_catch_finally(number(), catch=other_caught, finally_=pure(None))


# program: a check without a verdict
# mypy [type-var]: Value of type variable "V" of "check_suite" cannot be "int"
# pyright [reportCallIssue]: No overloads for "check_suite" match the provided arguments
# pyright [reportArgumentType]: Argument of type "dict[str, Effect[int, RateLimited]]" … "int" is not a subtype of
#   "Verdict"
unchecked = check_suite({"a": number()})


# program: an action of a risk that there is not
# mypy [arg-type]: Argument "risk" to "Action" has incompatible type "Literal['harmless']"; expected "Literal['safe',
#   'risky', 'critical']"
# pyright [reportArgumentType]: Argument of type "Literal['harmless']" cannot be assigned to parameter "risk"
harmless = Action(number(), risk="harmless")


# program: an action whose risk nobody says
# mypy [call-arg]: Missing named argument "risk" for "Action"
# pyright [reportCallIssue]: Argument missing for parameter "risk"
untold = Action(number())


# program: a halted runbook is forgotten
def halted_forgotten() -> Effect[dict[str, int], RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[dict[str, int], Halted[dict[str, int],
    #   RateLimited | Denied]]", expected "Effect[dict[str, int], RateLimited]")
    # pyright [reportReturnType]: Type "Effect[dict[str, int], Halted[dict[str, int], RateLimited | Denied]]" is not
    #   assignable to return type "Effect[dict[str, int], RateLimited]"
    return runbook({"look": Action(number(), risk="safe")})


# program: a comparison that does not say whether it drifted
def uncompared(wanted: int, found: int) -> Effect[Score, Never]: ...


# mypy [type-var]: Value of type variable "A" of "drift_detector" cannot be "Score"
# pyright [reportArgumentType]: Argument of type "(wanted: int, found: int) -> Effect[Score, Never]" … Type "Score" is
#   not assignable to type "Comparison"
undrifted = drift_detector(3, number(), uncompared, lambda score: pure(None), every=timedelta(days=1))


# program: a column that makes something else of a card
def renamed(card: int) -> Effect[str, RateLimited]: ...


# mypy [dict-item]: Dict entry 0 has incompatible type "str": "Callable[[int], Effect[str, RateLimited]]"; expected
#   "str": "Callable[[int], Effect[int, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "dict[str, (card: int) -> Effect[str, RateLimited]]" … "str" is not a
#   subtype of "int"
other_column = kanban([1, 2], {"code": renamed})


# program: a queue that checks without a verdict
# mypy [arg-type]: Argument "check" to "merge_queue" has incompatible type "Callable[[int], Effect[int,
#   RateLimited]]"; expected "Callable[[int], Effect[Verdict, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[int, RateLimited]" … "int" is not a subtype of
#   "Verdict"
unverified = merge_queue(3, [1], rebase=lambda trunk, change: number(), check=grow, land=grow)


# program: a shadow without a score
def unscored_review(n: int) -> Effect[Review, Refused]: ...


# mypy [arg-type]: Argument 3 to "sidecar" has incompatible type "Callable[[int], Effect[Review, Refused]]"; expected
#   "Callable[[int], Effect[Scored, Refused]]"
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[Review, Refused]" … "Review" is not a subtype of
#   "Scored"
unscored_shadow = sidecar(number(), number(), unscored_review)


# program: a plan that does not say who does its tasks
def undelegated(wrong: str | None) -> Effect[list[Draft], Refused]: ...
def worked(task: Draft, before: Sequence[int]) -> Effect[int, Refused]: ...


# mypy [type-var]: Value of type variable "T" of "delegation" cannot be "Draft"
# pyright [reportArgumentType]: Argument of type "(wrong: str | None) -> Effect[list[Draft], Refused]" …
#   "list[Draft]" is not a subtype of "Sequence[T@delegation]"
# pyright [reportArgumentType]: Argument of type "dict[str, (task: Draft, before: Sequence[int]) -> Effect[int,
#   Refused]]" … "Delegated*" is not assignable to "Draft"
nobody = delegation(undelegated, {"a": worked})


# program: a plan that is priced without a budget
@attrs.frozen
class Job:
    worker: str
    after: list[int]


def planned(wrong: str | None) -> Effect[list[Job], Refused]: ...
def done(job: Job, before: Sequence[int]) -> Effect[int, RateLimited]: ...


# mypy [call-overload]: No overload variant of "delegation" matches argument types
# pyright [reportCallIssue]: No overloads for "delegation" match the provided arguments
unbounded = delegation(planned, {"a": done}, prices={"a": Estimate(usd=1)})


# program: a plan that is too dear is forgotten
def dear() -> Effect[list[int], Refused | Exhausted[Sequence[Job]] | Halted[dict[int, int], RateLimited]]:
    # mypy [return-value]: Incompatible return value type (got "Effect[list[int], Refused | Exhausted[Sequence[Job]] |
    #   Halted[dict[int, int], RateLimited] | OverBudget[Sequence[Job]]]"
    # pyright [reportReturnType]: "OverBudget[Sequence[Job]]" is not assignable to "Refused"
    return delegation(planned, {"a": done}, prices={"a": Estimate(usd=1)}, budget_usd=1)


# program: a change that is judged without a diff
@attrs.frozen
class Judged:
    approved: bool
    feedback: str
    diff: list[str]
    digest: str


def proposing(runs: Sequence[int], wrong: str | None) -> Effect[Draft, Broken]: ...
def judging(change: Draft) -> Effect[Judged, Refused]: ...
def put(proposed: Proposed[Draft, Judged]) -> Effect[int, Never]: ...
def put_draft(change: Draft) -> Effect[int, Never]: ...


# mypy [type-var]: Value of type variable "J" of "self_improve" cannot be "Review"
# pyright [reportArgumentType]: Argument of type "(draft: Draft) -> Effect[Review, Refused]" … Type "Review" is not
#   assignable to type "Diffed"
undiffed = self_improve(tasks(), proposing, review, lambda proposed: pure(0))


# program: a change that is adopted without what it was judged by
# mypy [arg-type]: Argument 4 to "self_improve" has incompatible type "Callable[[Draft], Effect[int, Never]]"; expected
#   "Callable[[Proposed[Draft, Judged]], Effect[int, Never]]"
# pyright [reportArgumentType]: Argument of type "(change: Draft) -> Effect[int, Never]" … "Proposed[Draft, Judged]" is
#   not assignable to "Draft"
unseen = self_improve(tasks(), proposing, judging, put_draft)


# program: a denial of a change is not looked at
def adopted() -> Effect[int, RateLimited | Broken | Refused | Exhausted[Proposed[Draft, Judged]]]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int | Denied, RateLimited | Broken | Refused |
    #   Exhausted[Proposed[Draft, Judged]]]", expected "Effect[int, RateLimited | Broken | Refused |
    #   Exhausted[Proposed[Draft, Judged]]]")
    # pyright [reportReturnType]: Type "Effect[int | Denied, RateLimited | Broken | Refused | Exhausted[Proposed[Draft,
    #   Judged]]]" is not assignable to return type
    return self_improve(tasks(), proposing, judging, put)


# program: a brake that nobody pulls
@workflow
def rolling(first: Draft) -> Do[Score, Refused | Exhausted[Draft]]:
    left = Rounds(3)
    while (found := (yield from score(first))).score < 1:
        # mypy [unused-awaitable]: Value of type "Effect[None, Exhausted[Draft]]" must be used
        # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[None, Exhausted[Draft]]" and
        #   is not used; assign to variable "_" if this is intentional
        left.another(first)
    return found


# program: a brake whose end is not declared
@workflow
def undeclared_end(first: Draft) -> Do[Score, Refused]:
    left = Rounds(3)
    while (found := (yield from score(first))).score < 1:
        # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[Exhausted[Draft]]", expected type
        #   "MayFail[Refused]")
        # pyright [reportReturnType]: Return type of generator function must be compatible … "Exhausted[Draft]" is not
        #   a subtype of "Refused"
        yield from left.another(first)
    return found
