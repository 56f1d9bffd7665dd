"""Edits of small workflows, labelled: a refactoring differs in nothing, a change of behaviour is told by its kind."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import timedelta
from enum import Enum
from typing import Any, TypeAlias

import attrs
import pytest

from perdure import (
    Approved,
    ClaudeCode,
    Denied,
    Do,
    Effect,
    Expired,
    Fault,
    Model,
    Retry,
    Scripted,
    StepFault,
    approval,
    ask,
    compensate,
    fallback,
    loop,
    parallel,
    pure,
    retry,
    saga,
    scope,
    signal,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.core.estimate import Estimate
from perdure.interpreters.plan.changes import (
    Added,
    Change,
    Changed,
    CompensationRemoved,
    ConditionChanged,
    EndChanged,
    GatePassedBy,
    GateRemoved,
    MoreOften,
    Moved,
    PriceChanged,
    Removed,
    Renamed,
)
from perdure.interpreters.plan.diff import difference
from perdure.interpreters.plan.survey import survey

Made: TypeAlias = Effect[Any, Any]
Pair: TypeAlias = tuple[Callable[[], Made], Callable[[], Made]]


class Risk(Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Plan:
    text: str
    risk: Risk
    cost: int
    tags: list[str]


@attrs.frozen
class Draft:
    text: str


@attrs.frozen
class Refused(Fault):
    why: str


fast, careful = Scripted("fast", {}), Scripted("careful", {})


@step
def fetch(url: str) -> str:
    return url


@step
def publish(text: str) -> str:
    return text


@step(repeat="once")
def charge(amount: int) -> str:
    return str(amount)


@step
def refund(receipt: str) -> None: ...


def planned() -> Effect[Plan, StepFault]:
    return ask("plan", fast, "Plan it", Plan)


REFACTORINGS: dict[str, Callable[[], Pair]] = {}
CHANGES: dict[str, tuple[type[Change], Callable[[], Pair]]] = {}


def refactoring(make: Callable[[], Pair]) -> Callable[[], Pair]:
    REFACTORINGS[make.__name__] = make
    return make


def change(kind: type[Change]) -> Callable[[Callable[[], Pair]], Callable[[], Pair]]:
    def label(make: Callable[[], Pair]) -> Callable[[], Pair]:
        CHANGES[make.__name__] = kind, make
        return make

    return label


# -- refactorings ----------------------------------------------------------------------------------------------------


@workflow(name="flow")
def shipped() -> Do[str, Any]:
    plan = yield from planned()
    match (yield from approval("gate", show=plan.text)):
        case Approved():
            return (yield from publish(plan.text))
        case Denied(note=note):
            return note


@refactoring
def a_variable_has_another_name() -> Pair:
    @workflow(name="flow")
    def renamed() -> Do[str, Any]:
        the_plan = yield from planned()
        match (yield from approval("gate", show=the_plan.text)):
            case Approved():
                return (yield from publish(the_plan.text))
            case Denied(note=reason):
                return reason

    return shipped, renamed


@refactoring
def a_helper_is_extracted() -> Pair:
    def decided(plan: Plan) -> Generator[Any, Any, str]:
        match (yield from approval("gate", show=plan.text)):
            case Approved():
                return (yield from publish(plan.text))
            case denied:
                return denied.note

    @workflow(name="flow")
    def extracted() -> Do[str, Any]:
        plan = yield from planned()
        return (yield from decided(plan))

    return shipped, extracted


@refactoring
def await_is_used_for_yield_from() -> Pair:
    @workflow(name="flow")
    async def awaited() -> str:
        plan = await planned()
        match await approval("gate", show=plan.text):
            case Approved():
                return await publish(plan.text)
            case Denied(note=note):
                return note

    return shipped, awaited


@refactoring
def binds_are_used_for_do_notation() -> Pair:
    def decided(plan: Plan, reply: Approved | Denied) -> Effect[str, Any]:
        return publish(plan.text) if isinstance(reply, Approved) else pure(reply.note)

    bound = planned().bind(lambda p: approval("gate", show=p.text).bind(lambda reply: decided(p, reply)))
    return shipped, lambda: scope("flow", bound)


@refactoring
def match_is_written_as_isinstance() -> Pair:
    @workflow(name="flow")
    def tested() -> Do[str, Any]:
        plan = yield from planned()
        reply = yield from approval("gate", show=plan.text)
        if isinstance(reply, Denied):
            return reply.note
        return (yield from publish(plan.text))

    return shipped, tested


@refactoring
def maps_are_fused() -> Pair:
    one = fetch("a").map(lambda text: text + "!").map(lambda text: text + "?")
    return lambda: one, lambda: fetch("a").map(lambda text: text + "!" + "?")


@refactoring
def a_bind_of_pure_is_dropped() -> Pair:
    return lambda: signal("n", int).bind(pure), lambda: signal("n", int)


@refactoring
def binds_are_nested_otherwise() -> Pair:
    return (
        lambda: fetch("a").bind(publish).bind(fetch),
        lambda: fetch("a").bind(lambda text: publish(text).bind(fetch)),
    )


def guarded(conditions: Callable[[Plan], bool]) -> Callable[[], Made]:
    @workflow(name="flow")
    def flow() -> Do[str, Any]:
        plan = yield from planned()
        if conditions(plan):
            return (yield from publish(plan.text))
        return "no"

    return flow


@refactoring
def a_conjunction_is_turned_around() -> Pair:
    return (
        guarded(lambda p: p.risk is Risk.LOW and p.cost < 10),
        guarded(lambda p: p.cost < 10 and p.risk is Risk.LOW),
    )


@refactoring
def a_conjunction_is_split_into_nested_ifs() -> Pair:
    def nested(plan: Plan) -> bool:
        if plan.cost < 10:
            return plan.risk is Risk.LOW
        return False

    return guarded(lambda p: p.risk is Risk.LOW and p.cost < 10), guarded(nested)


@refactoring
def a_law_of_de_morgan_is_used() -> Pair:
    return (
        guarded(lambda p: not (p.risk is Risk.HIGH or p.cost > 10)),
        guarded(lambda p: p.risk is not Risk.HIGH and not p.cost > 10),
    )


@refactoring
def a_comparison_is_denied() -> Pair:
    return guarded(lambda p: p.cost <= 10), guarded(lambda p: not p.cost > 10)


@refactoring
def a_comparison_is_mirrored() -> Pair:
    return guarded(lambda p: p.cost < 10), guarded(lambda p: 10 > p.cost)  # noqa: SIM300  # the refactoring itself


@refactoring
def a_chain_of_comparisons_is_reordered() -> Pair:
    def downwards(p: Plan) -> str:
        return "big" if p.cost > 100 else "middle" if p.cost > 10 else "small"

    def upwards(p: Plan) -> str:
        return "small" if p.cost <= 10 else "middle" if p.cost <= 100 else "big"

    return (
        lambda: planned().map(downwards),
        lambda: planned().map(upwards),
    )


@refactoring
def an_elif_chain_is_reordered() -> Pair:
    def one(p: Plan) -> str:
        return "A" if p.text == "a" else "B" if p.text == "b" else "C"

    def two(p: Plan) -> str:
        return "B" if p.text == "b" else "A" if p.text == "a" else "C"

    return lambda: planned().map(one), lambda: planned().map(two)


@refactoring
def pure_code_is_reordered() -> Pair:
    @workflow(name="flow")
    def early() -> Do[str, Any]:
        suffix = "!" * 2
        text = yield from fetch("a")
        return text + suffix

    @workflow(name="flow")
    def late() -> Do[str, Any]:
        text = yield from fetch("a")
        suffix = "!!"
        return text + suffix

    return early, late


@refactoring
def an_early_return_replaces_an_else() -> Pair:
    @workflow(name="flow")
    def early() -> Do[str, Any]:
        if not (yield from suspend("go")):
            return "no"
        return (yield from publish("x"))

    @workflow(name="flow")
    def late() -> Do[str, Any]:
        if (yield from suspend("go")):
            result = yield from publish("x")
        else:
            result = "no"
        return result

    return early, late


@refactoring
def a_loop_is_unrolled() -> Pair:
    @workflow(name="flow")
    def looped() -> Do[list[str], Any]:
        found = []
        for _ in range(2):
            found.append((yield from fetch("a")))
        return found

    @workflow(name="flow")
    def unrolled() -> Do[list[str], Any]:
        return [(yield from fetch("a")), (yield from fetch("a"))]

    return looped, unrolled


@refactoring
def a_prompt_is_put_together_otherwise() -> Pair:
    @workflow(name="flow")
    def formatted() -> Do[str, Any]:
        plan = yield from planned()
        return (yield from ask("write", fast, f"Write {plan.text} now"))

    @workflow(name="flow")
    def added() -> Do[str, Any]:
        plan = yield from planned()
        return (yield from ask("write", fast, "Write " + plan.text + " now"))

    return formatted, added


@refactoring
def a_look_that_decides_nothing_is_added() -> Pair:
    def looked(plan: Plan) -> str:
        _ = plan.cost > 3 and plan.risk is Risk.LOW
        return plan.text

    return lambda: planned().map(lambda p: p.text), lambda: planned().map(looked)


@refactoring
def a_failure_is_declared_by_raise_or_by_fail() -> Pair:
    from perdure import fail

    @workflow(name="flow")
    def raised() -> Do[str, Refused]:
        if (yield from suspend("go")):
            return "yes"
        raise Refused("no")

    @workflow(name="flow")
    def failed() -> Do[str, Refused]:
        if (yield from suspend("go")):
            return "yes"
        return (yield from fail(Refused("no")))

    return raised, failed


@refactoring
def keyword_arguments_are_given_in_another_order() -> Pair:
    return (
        lambda: suspend("go", prompt="Go?", show=1),
        lambda: suspend("go", show=1, prompt="Go?"),
    )


# -- changes ---------------------------------------------------------------------------------------------------------


def chain(*effects: Made) -> Callable[[], Made]:
    @workflow(name="flow")
    def flow() -> Do[None, Any]:
        for effect in effects:
            yield from effect

    return flow


@change(Added)
def a_step_is_added() -> Pair:
    return chain(fetch("a")), chain(fetch("a"), publish("x"))


@change(Removed)
def a_step_is_removed() -> Pair:
    return chain(fetch("a"), sleep(timedelta(1))), chain(fetch("a"))


@change(Moved)
def two_steps_change_places() -> Pair:
    return chain(fetch("a"), publish("x")), chain(publish("x"), fetch("a"))


@change(Renamed)
def a_step_is_renamed() -> Pair:
    return chain(signal("one", int), fetch("a")), chain(signal("first", int), fetch("a"))


@change(Renamed)
def a_scope_is_renamed() -> Pair:
    return chain(scope("in", fetch("a")), fetch("b")), chain(scope("inside", fetch("a")), fetch("b"))


@change(GateRemoved)
def a_gate_is_removed() -> Pair:
    @workflow(name="flow")
    def ungated() -> Do[str, Any]:
        plan = yield from planned()
        return (yield from publish(plan.text))

    return shipped, ungated


@change(GatePassedBy)
def a_low_risk_passes_by_the_gate() -> Pair:
    @workflow(name="flow")
    def hasty() -> Do[str, Any]:
        plan = yield from planned()
        if plan.risk is Risk.HIGH:
            reply = yield from approval("gate", show=plan.text)
            if isinstance(reply, Denied):
                return reply.note
        return (yield from publish(plan.text))

    return shipped, hasty


@change(GatePassedBy)
def a_denial_is_not_heeded() -> Pair:
    @workflow(name="flow")
    def deaf() -> Do[str, Any]:
        plan = yield from planned()
        yield from approval("gate", show=plan.text)
        return (yield from publish(plan.text))

    return shipped, deaf


@change(GatePassedBy)
def a_step_moves_before_its_gate() -> Pair:
    @workflow(name="flow")
    def first() -> Do[str, Any]:
        plan = yield from planned()
        text = yield from publish(plan.text)
        match (yield from approval("gate", show=plan.text)):
            case Approved():
                return text
            case Denied(note=note):
                return note

    return shipped, first


@change(ConditionChanged)
def a_threshold_is_another() -> Pair:
    return guarded(lambda p: p.cost < 10), guarded(lambda p: p.cost < 20)


@change(ConditionChanged)
def a_condition_is_turned_into_its_opposite() -> Pair:
    return guarded(lambda p: p.risk is Risk.LOW), guarded(lambda p: p.risk is Risk.HIGH)


@change(ConditionChanged)
def a_condition_is_dropped() -> Pair:
    return guarded(lambda p: p.risk is Risk.LOW and p.cost < 10), guarded(lambda p: p.cost < 10)


def tried(**options: Any) -> Callable[[], Made]:
    @step(name="work", **options)
    def work() -> str:
        return ""

    return chain(work())


@change(Changed)
def a_step_is_tried_again() -> Pair:
    return tried(), tried(retry=Retry(attempts=5))


@change(Changed)
def a_retry_waits_longer() -> Pair:
    return tried(retry=Retry()), tried(retry=Retry(wait=timedelta(minutes=1)))


@change(Changed)
def a_repeat_class_is_loosened() -> Pair:
    return tried(repeat="once"), tried(repeat="idempotent")


@change(Changed)
def a_step_gets_a_timeout() -> Pair:
    return tried(), tried(timeout=timedelta(minutes=5))


@change(Changed)
def a_step_gets_another_version() -> Pair:
    return tried(version="1"), tried(version="2")


@change(Changed)
def another_agent_is_asked() -> Pair:
    return lambda: ask("plan", fast, "Plan"), lambda: ask("plan", [fast, careful], "Plan")


@change(Changed)
def a_model_gets_another_temperature() -> Pair:
    return lambda: ask("plan", Model("acme/m"), "Plan"), lambda: ask("plan", Model("acme/m", temperature=0), "Plan")


@change(Changed)
def an_agent_is_let_onto_the_network() -> Pair:
    return lambda: ask("plan", ClaudeCode(), "Plan"), lambda: ask("plan", ClaudeCode(network=True), "Plan")


@change(Changed)
def a_budget_is_set() -> Pair:
    return lambda: ask("plan", fast, "Plan"), lambda: ask("plan", fast, "Plan", budget=0.5)


@change(Changed)
def an_answer_is_repaired_less_often() -> Pair:
    return lambda: ask("plan", fast, "Plan", bool), lambda: ask("plan", fast, "Plan", bool, repair=0)


@change(Changed)
def a_prompt_is_edited() -> Pair:
    return lambda: ask("plan", fast, "Plan"), lambda: ask("plan", fast, "Plan well")


@change(Changed)
def a_prompt_is_fed_by_another_answer() -> Pair:
    def fed(pick: Callable[[str, str], str]) -> Callable[[], Made]:
        @workflow(name="flow")
        def flow() -> Do[str, Any]:
            one, two = (yield from fetch("a")), (yield from fetch("b"))
            return (yield from ask("write", fast, f"Write {pick(one, two)}"))

        return flow

    return fed(lambda one, two: one), fed(lambda one, two: two)


@change(Changed)
def an_output_has_another_type() -> Pair:
    return lambda: ask("plan", fast, "Plan", Plan), lambda: ask("plan", fast, "Plan", Draft)


@change(Changed)
def a_field_is_added_to_an_output() -> Pair:
    def typed(*names: str) -> Callable[[], Made]:
        made = attrs.make_class("Output", {name: attrs.field(type=str) for name in names}, frozen=True)
        return lambda: ask("plan", fast, "Plan", made)

    return typed("text"), typed("text", "title")


@change(Changed)
def a_gate_expires() -> Pair:
    return lambda: approval("gate"), lambda: approval("gate", expires=timedelta(days=2))


@change(EndChanged)
def an_end_is_another() -> Pair:
    return lambda: fetch("a").map(lambda text: text), lambda: fetch("a").map(lambda text: [text])


@change(EndChanged)
def a_denial_is_a_success_now() -> Pair:
    def ended(refuse: bool) -> Callable[[], Made]:
        @workflow(name="flow")
        def flow() -> Do[str, Refused]:
            if (yield from suspend("go")):
                return "yes"
            if refuse:
                raise Refused("no")
            return "no"

        return flow

    return ended(True), ended(False)


@change(MoreOften)
def a_payment_is_tried_again() -> Pair:
    return chain(fetch("a"), charge(5)), chain(fetch("a"), retry(charge(5), Retry(attempts=2)))


@change(MoreOften)
def a_payment_is_made_twice() -> Pair:
    return chain(charge(5)), chain(charge(5), charge(5))


@change(PriceChanged)
def an_agent_costs_more() -> Pair:
    def costing(cents: int) -> Callable[[], Made]:
        return lambda: ask("plan", Scripted("bot", {}, estimate=Estimate(usd=cents / 100)), "Plan")

    return costing(3), costing(30)


@change(Added)
def a_failure_has_a_fallback() -> Pair:
    return lambda: fallback(fetch("a"), fetch("b")), lambda: fallback(fetch("a"), fetch("b"), fetch("c"))


@change(CompensationRemoved)
def a_compensation_is_dropped() -> Pair:
    def paid(undone: bool) -> Callable[[], Made]:
        receipt = compensate(charge(5), refund) if undone else charge(5)
        return lambda: saga(receipt.bind(publish))

    return paid(True), paid(False)


@change(Added)
def a_round_more_is_allowed() -> Pair:
    def looped(rounds: int) -> Callable[[], Made]:
        return lambda: loop("", fetch, until=lambda text: text == "good", rounds=rounds)

    return looped(2), looped(3)


@change(Added)
def a_branch_more_runs_beside() -> Pair:
    return lambda: parallel(fetch("a"), fetch("b")), lambda: parallel(fetch("a"), fetch("b"), fetch("c"))


@change(EndChanged)
def an_expired_gate_is_taken_for_a_yes() -> Pair:
    gate = approval("gate", expires=timedelta(days=2))

    def late(error: Expired) -> Effect[str, Any]:
        return pure("yes")

    return lambda: gate.map(lambda _: "yes"), lambda: gate.map(lambda _: "yes").lash(late)


# -- what is promised of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFACTORINGS)
def test_a_refactoring_differs_in_nothing(name: str) -> None:
    old, new = (survey(make()) for make in REFACTORINGS[name]())

    there, back = difference(old, new), difference(new, old)

    assert (there.changes, back.changes) == ((), ())
    assert there.unsure == ()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_behaviour_is_told_by_its_kind(name: str) -> None:
    kind, make = CHANGES[name]
    old, new = (survey(made()) for made in make())

    there, back = difference(old, new), difference(new, old)

    assert kind in {type(change) for change in there.changes}, there.changes
    assert back.changes


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(REFACTORINGS) >= 20
    assert len(CHANGES) >= 20
