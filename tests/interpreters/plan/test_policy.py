"""A policy is held against every path; what breaks it is shown by the shortest one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from perdure import Approved, Do, Effect, Scripted, approval, ask, fallback, loop, step, suspend, workflow
from perdure.core.estimate import Estimate
from perdure.interpreters.plan.policy import BadPolicy, Verdict, judge, read
from perdure.interpreters.plan.survey import survey

bot = Scripted("bot", {})
SEEN = {"name": "nothing is deployed unseen", "steps": "deploy*", "needs": "approval"}


@step
def deploy_site(text: str) -> None: ...


@step
def push(text: str) -> str:
    return text


@workflow
def careful() -> Do[None, Any]:
    if isinstance((yield from approval("review-site")), Approved):
        yield from deploy_site("x")


def judged(effect: Effect[Any, Any], *tables: dict[str, Any], **options: Any) -> Verdict:
    return judge(read(list(tables)), survey(effect, **options))


def test_a_policy_holds_where_every_path_keeps_it() -> None:
    most = {"name": "few", "most": {"asks": 0, "people": 1, "steps": 1}}

    assert judged(careful(), SEEN, most) == Verdict()


def test_a_gate_that_was_denied_is_not_passed() -> None:
    @workflow
    def stubborn() -> Do[None, Any]:
        reply = yield from approval("review")
        yield from push(type(reply).__name__)
        yield from deploy_site("x")

    (violation,) = judged(stubborn(), SEEN).violations

    assert violation.said == "stubborn/deploy_site is reached without a yes at approval"
    assert violation.path == ("stubborn/review", "stubborn/review is Denied", "stubborn/push", "stubborn/deploy_site")


def test_a_yes_or_no_question_is_a_gate_too() -> None:
    @workflow
    def asked() -> Do[None, Any]:
        if (yield from suspend("go")):
            yield from deploy_site("x")

    assert judged(asked(), SEEN) == Verdict()


def test_a_gate_of_another_name_does_not_count() -> None:
    mine = {"name": "legal has seen it", "steps": "*/deploy_site", "needs": "approval:legal*"}

    (violation,) = judged(careful(), mine).violations

    assert violation.said == "careful/deploy_site is reached without a yes at approval:legal*"


def test_a_path_through_a_failure_counts() -> None:
    gate = approval("review", expires=timedelta(1)).map(lambda reply: isinstance(reply, Approved))

    @workflow
    def hasty() -> Do[None, Any]:
        outcome = yield from gate.attempt()
        if outcome.value_or(True):
            yield from deploy_site("x")

    (violation,) = judged(hasty(), SEEN).violations

    assert violation.path == ("hasty/review", "hasty/review fails with Expired", "hasty/deploy_site")


def test_the_longest_path_counts_with_rounds_and_fallbacks() -> None:
    rounds = loop("", lambda _: ask("write", bot, "Write"), until=lambda text: text == "good", rounds=3)
    many = {"name": "few asks", "most": {"asks": 3}}

    kept, broken = judged(rounds, many), judged(fallback(rounds, ask("last", bot, "Try")), many)

    assert kept == Verdict()
    assert broken.violations[0].said == "up to 4 asks on one path, and 3 are allowed"
    assert broken.violations[0].path[-1] == "fallback/1/last"


def test_a_price_counts_with_what_is_tried_when_something_fails() -> None:
    def dear(cents: int) -> Effect[Any, Any]:
        return ask("think", Scripted("bot", {}, estimate=Estimate(usd=cents / 100)), "Think")

    limit = {"name": "cheap", "most": {"dollars": 0.05}}

    assert judged(dear(5), limit) == Verdict()
    assert [v.said for v in judged(dear(6), limit).violations] == ["it may cost $0.06, and $0.05 are allowed"]
    assert [v.said for v in judged(fallback(dear(4), dear(4)), limit).violations] == [
        "it may cost $0.04 to $0.08, and $0.05 are allowed"
    ]


def test_a_price_that_nobody_knows_is_over_every_limit() -> None:
    @attrs.frozen
    class Silent:
        name: str = "silent"

    limit = {"name": "cheap", "most": {"dollars": 1000}}

    (unknown,) = judged(ask("think", Silent(), "Think"), limit).violations
    (unseen,) = judged(careful(), limit, max_paths=1).violations

    assert unknown.said == "nobody knows what think costs, and $1000 are allowed"
    assert unseen.said == "nobody knows what careful, of which not all was seen, costs, and $1000 are allowed"


def test_what_must_not_come_before_a_gate_is_told_with_the_gate() -> None:
    policy = {"name": "no network before the gate", "steps": "push*", "never-before": "approval:review*"}

    @workflow
    def early() -> Do[None, Any]:
        text = yield from push("x")
        if isinstance((yield from approval("review")), Approved):
            yield from push(text)

    @workflow
    def late() -> Do[None, Any]:
        if isinstance((yield from approval("review")), Approved):
            yield from push("x")

    @workflow
    def never() -> Do[None, Any]:
        yield from push("x")

    (violation,) = judged(early(), policy).violations

    assert (violation.said, violation.path) == (
        "early/push comes before early/review",
        ("early/push", "early/review"),
    )
    assert judged(late(), policy) == Verdict()
    assert judged(never(), policy) == Verdict()


def test_what_was_not_seen_whole_is_not_proved() -> None:
    found = judged(careful(), SEEN, max_paths=1)

    assert found == Verdict(unproved=("nothing is deployed unseen",))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "policy 1 has no name: say in a few words what it promises"),
        ({"name": "p", "stepz": "a"}, "policy 'p' has no key 'stepz': did you mean 'steps'?"),
        ({"name": "p"}, "policy 'p' asks for nothing: give it needs, never-before, or most"),
        ({"name": "p", "needs": "approval"}, "`steps` says what `needs` and `never-before` are about; give both"),
        ({"name": "p", "steps": "a", "most": {"asks": 1}}, "`steps` says what `needs` and `never-before` are about"),
        ({"name": "p", "steps": 3, "needs": "a"}, "steps = 3 is no pattern"),
        ({"name": "p", "steps": "a", "needs": "aproval:x"}, "'aproval': did you mean 'approval'?"),
        ({"name": "p", "most": {"ask": 1}}, "most counts no 'ask': did you mean 'asks'?"),
        ({"name": "p", "most": {"tokens": 1}}, "most counts no 'tokens'; there are asks, dollars, people, steps"),
        ({"name": "p", "most": {"dollars": "1"}}, "most dollars = '1' is no limit of them"),
        ({"name": "p", "most": {"dollars": float("nan")}}, "most dollars = nan is no limit of them"),
        ({"name": "p", "most": {"asks": 1.5}}, "most asks = 1.5 is no limit of them"),
        ({"name": "p", "most": {"asks": True}}, "most asks = True is no limit of them"),
        ({"name": "p", "most": 3}, "most = 3 is no table"),
    ],
)
def test_a_policy_that_says_nothing_clear_is_refused_with_what_was_meant(table: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        read([table])

    assert said in str(refused.value)
