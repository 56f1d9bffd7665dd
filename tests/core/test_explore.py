"""Exploration finds every path of a program, and says where it cannot."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Literal, Never

import attrs
import pytest
from returns.result import Result, Success

from perdure import (
    Approved,
    Denied,
    Do,
    Effect,
    Expired,
    Fault,
    Interrupted,
    Op,
    Retry,
    Scripted,
    StepFault,
    StepTimedOut,
    approval,
    ask,
    child,
    compensate,
    fail,
    fallback,
    for_each,
    now,
    parallel,
    pure,
    race,
    retry,
    saga,
    signal,
    sleep,
    sleep_until,
    step,
    suspend,
    timeout,
    workflow,
)
from perdure.core.diagram import Answer, Asks, Branch, Ends, conditions, lines, nodes, on_all_paths, reduced, same
from perdure.core.explore import bisimilar, explore
from perdure.core.symbols import synth

# -- A product: plan, implement with review, gate, ship. --------------------------------------------------------------


class Risk(Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Plan:
    summary: str
    risk: Risk


@attrs.frozen
class Patch:
    diff: str


@attrs.frozen
class Review:
    approved: bool
    feedback: str


@attrs.frozen
class Rejected(Fault):
    why: str


@attrs.frozen
class Conflict(Fault):
    branch: str


writer, critic = Scripted("writer", {}), Scripted("critic", {})


@step
def merge(patch: Patch) -> Result[str, Conflict]:
    raise AssertionError("an exploration runs no step")


@step
def revert(sha: str) -> None: ...


@step
def deploy(sha: str) -> str:
    raise AssertionError("an exploration runs no step")


@workflow
def reviewed(plan: Plan, rounds: int) -> Do[Patch, StepFault]:
    prompt = f"Implement {plan.summary}."
    patch = yield from implement(prompt)
    for _ in range(rounds):
        review = yield from ask("review", critic, f"Review {patch.diff}", Review)
        if review.approved:
            break
        patch = yield from implement(f"{prompt} Mind: {review.feedback}")
    return patch


def implement(prompt: str) -> Effect[Patch, StepFault]:
    return fallback(ask("implement", writer, prompt, Patch), ask("implement", critic, prompt, Patch))


@workflow
def ship(issue: str, rounds: int = 2) -> Do[str, StepFault | Rejected | Conflict]:
    plan = yield from ask("plan", writer, f"Plan {issue}", Plan)
    patch = yield from reviewed(plan, rounds)
    if plan.risk is Risk.HIGH:
        match (yield from approval("gate", prompt=f"Ship {patch.diff}?")):
            case Approved():
                pass
            case Denied(note=note):
                yield from fail(Rejected(note))
    sha = yield from compensate(merge(patch), revert)
    url, kind = yield from parallel(deploy(sha), ask("kind", writer, "Which kind?", Literal["fix", "feature"]))
    return f"{kind}: {url}"


PLAN = """\
ask ship/plan
ask ship/reviewed/fallback/0/implement
ask ship/reviewed/review
? ship/reviewed/review.approved -> True
    [1]
    ? ship/plan.risk -> LOW
        [2]
        step ship/merge
        step ship/all/0/deploy
        ask ship/all/1/kind
        ? ship/all/1/kind -> 'fix'
            = Success('fix: <ship/all/0/deploy>')
        ? ship/all/1/kind -> 'feature'
            = Success('feature: <ship/all/0/deploy>')
    ? ship/plan.risk -> HIGH
        suspend ship/gate
        ? ship/gate -> Approved
            goto [2]
        ? ship/gate -> Denied
            = Failure(Rejected(why='<ship/gate.note>'))
? ship/reviewed/review.approved -> False
    ask ship/reviewed/fallback#2/0/implement
    ask ship/reviewed/review#2
    ? ship/reviewed/review#2.approved -> True
        goto [1]
    ? ship/reviewed/review#2.approved -> False
        ask ship/reviewed/fallback#3/0/implement
        goto [1]"""


def test_a_workflow_of_some_size_is_a_handful_of_paths_and_a_plan_to_read() -> None:
    found = explore(ship("bees"))

    assert str(found) == PLAN
    assert found.paths == 15
    assert found.complete


def test_an_outline_says_what_always_happens_and_when_the_rest_does() -> None:
    found = explore(ship("bees", rounds=1))

    assert found.outline().splitlines() == [
        "ship/plan",
        "ship/reviewed/fallback/0/implement",
        "ship/reviewed/review",
        "ship/reviewed/fallback#2/0/implement  when ship/reviewed/review.approved -> False",
        "ship/gate  when ship/plan.risk -> HIGH",
        "ship/merge  sometimes",
        "ship/all/0/deploy  sometimes",
        "ship/all/1/kind  sometimes",
    ]
    assert found.always == {"ship/plan", "ship/reviewed/fallback/0/implement", "ship/reviewed/review"}
    assert found.when["ship/gate"] == {Answer("ship/plan.risk", "HIGH")}


def test_inputs_show_where_replies_flow() -> None:
    shown = str(explore(ship("bees", rounds=1), inputs=True))

    assert "ask ship/plan 'Plan bees'" in shown
    assert "'Implement <ship/plan.summary>. Mind: <ship/reviewed/review.feedback>'" in shown
    assert "step ship/merge (<ship/reviewed/fallback/0/implement>,)" in shown


def test_a_plan_is_the_same_text_every_time() -> None:
    assert str(explore(ship("bees"), inputs=True, faults=True, each=True)) == str(
        explore(ship("bees"), inputs=True, faults=True, each=True)
    )


def test_the_leaves_are_in_the_diagram_for_whoever_prices_them() -> None:
    asked = {node.key: node.op for node in nodes(explore(ship("bees")).tree) if isinstance(node, Asks)}

    assert asked["ship/plan"] == ask("plan", writer, "Plan bees", Plan)


# -- How many paths. --------------------------------------------------------------------------------------------------


@workflow
def booleans(count: int) -> Do[list[bool], Never]:
    said: list[bool] = []
    for _ in range(count):
        said.append((yield from suspend("yes")))
    return said


def test_ten_booleans_are_1024_paths_or_11_with_each_answer_once() -> None:
    every, each = explore(booleans(10), max_paths=2000), explore(booleans(10), each=True)

    assert (every.paths, each.paths) == (1024, 11)
    assert every.complete
    assert not each.complete
    assert each.cut == ("every answer was followed once, not in all combinations",)
    assert set(each.when) == set(every.when)


@workflow
def counted(count: int) -> Do[int, Never]:
    total = 0
    for _ in range(count):
        total += yield from suspend("yes")
    return total


def test_paths_that_come_to_the_same_go_on_as_one() -> None:
    found = explore(counted(10))

    assert found.paths == 1 + sum(range(1, 11))  # of n answers only the sum is kept, which is one of n + 1
    assert found.complete
    assert {end.what for end in nodes(found.tree) if isinstance(end, Ends)} == {f"Success({n})" for n in range(11)}


@pytest.mark.parametrize("faults", [False, True])
def test_stages_one_after_the_other_add_their_paths_and_do_not_multiply_them(faults: bool) -> None:
    @workflow
    def stage(n: int) -> Do[Patch, StepFault]:
        return (yield from reviewed(Plan(f"part {n}", Risk.LOW), 2))

    @workflow
    def stages(count: int) -> Do[None, StepFault]:
        for n in range(count):
            yield from stage(n)

    one, two, nine = (explore(stages(count), faults=faults, inputs=True) for count in (1, 2, 9))

    assert nine.complete
    assert nine.paths - one.paths == 8 * (two.paths - one.paths)


def test_each_is_complete_where_there_is_nothing_to_combine() -> None:
    assert explore(booleans(1), each=True).complete


def test_a_loop_is_one_path_a_round() -> None:
    assert explore(ship("bees", rounds=20), each=True).paths < 30


@workflow
def unread(count: int) -> Do[int, Never]:
    for _ in range(count):
        yield from suspend("yes")
    return count


def test_answers_that_change_nothing_vanish() -> None:
    assert str(explore(unread(2))) == "suspend unread/yes\nsuspend unread/yes#2\n= Success(2)"


def test_paths_beyond_the_budget_are_counted_as_not_followed() -> None:
    found = explore(booleans(10), max_paths=5)

    assert found.paths == 5
    assert found.cut == ("36 more answers to follow after 5 paths",)
    assert "more, not followed" in str(found)


# -- Where it breaks, and says so. ------------------------------------------------------------------------------------


@step
def write() -> str:
    return "…"


@step
def good() -> bool:
    return True


@pytest.mark.parametrize("look", [json.loads, int, lambda text: {"a": 1}[text]], ids=["json", "int", "route"])
def test_what_raises_on_a_placeholder_breaks_the_path_there(look: Callable[[str], object]) -> None:
    found = explore(write().map(look))

    assert not found.complete
    assert found.broken
    assert "= broke: a function given to map, bind, lash or alt raised" in str(found)


def test_other_paths_are_followed_beside_a_broken_one() -> None:
    @workflow
    def sometimes() -> Do[int]:
        if (yield from good()):
            raise LookupError("no such thing")
        return 1

    found = explore(sometimes())

    assert "LookupError('no such thing')" in found.broken[0]
    assert "= Success(1)" in str(found)


def test_the_length_of_text_is_assumed() -> None:
    found = explore(write().map(lambda text: "long" if len(text) > 1000 else "short"))

    assert found.assumed == ("len(write)",)
    assert not found.complete


@workflow
def again() -> Do[None]:
    while not (yield from good()):
        pass


@workflow
def forever() -> Do[None]:
    while True:
        yield from write()


def test_a_loop_without_an_end_is_cut_where_the_budget_is_spent() -> None:
    asking, blind = explore(again(), depth=20), explore(forever(), length=50)

    assert asking.paths == 21
    assert asking.cut == ("again/good#21: more than 20 questions on one path",)
    assert blind.cut == ("forever/write#51: more than 50 requests on one path",)
    assert "= cut: again/good#21" in str(asking)


def test_a_workflow_that_reads_a_clock_is_found_out() -> None:
    ticks = itertools.count()

    @workflow
    def ticking() -> Do[object]:
        plan = yield from ask("plan", writer, "", Plan)
        return (yield from good()) if next(ticks) % 2 else plan.risk

    found = explore(ticking())

    assert any("depends on something besides its replies" in reason for reason in found.broken)


def test_a_cut_body_that_wants_to_go_on_is_a_broken_one() -> None:
    @workflow
    def stubborn() -> Do[None]:
        try:
            while not (yield from good()):
                pass
        finally:
            yield from write()

    found = explore(parallel(stubborn(), again()), depth=2)

    assert any("finally" in reason for reason in found.broken)


def test_annotations_that_cannot_be_read_break_the_path() -> None:
    @step
    def lost() -> Unwritten:  # type: ignore[name-defined]  # noqa: F821
        ...

    assert explore(lost()).broken == ("""NameError("name 'Unwritten' is not defined") at lost""",)


def test_a_step_that_never_succeeds_fails() -> None:
    @step
    def refuse() -> Result[Never, Rejected]:
        raise AssertionError

    assert str(explore(refuse())) == (
        "step refuse\n"
        "? refuse fails -> Rejected\n"
        "    = Failure(Rejected(why='<refuse.Rejected.why>'))\n"
        "? refuse fails -> StepFault\n"
        "    = Failure(StepFault(step='refuse', error='<refuse.StepFault.error>', reason='<refuse.StepFault.reason>'))"
    )


# -- Faults. ----------------------------------------------------------------------------------------------------------


def failures(effect: Effect[Any, Any]) -> set[str]:
    """The classes of the failures that the effect ends with."""
    found = explore(effect.alt(lambda error: type(error).__name__), faults=True)
    return {end.what for end in nodes(found.tree) if isinstance(end, Ends) and end.how == "failure"}


@step(timeout=timedelta(seconds=1), retry=Retry(attempts=2))
def slow() -> int:
    return 1


@step(repeat="once")
def pay() -> Result[int, Rejected]:
    return Success(1)


def test_with_faults_every_leaf_fails_in_each_way_it_may() -> None:
    assert failures(merge(Patch("d"))) == {"Failure('Conflict')", "Failure('StepFault')"}
    assert failures(slow()) == {f"Failure('{n}')" for n in ("StepFault", "StepTimedOut", "RetriesExhausted")}
    assert failures(pay()) == {"Failure('Rejected')", "Failure('StepFault')", "Failure('Interrupted')"}
    assert failures(ask("plan", writer, "")) == {"Failure('StepFault')"}
    assert failures(suspend("gate")) == failures(signal("go", int)) == failures(sleep(timedelta(1))) == set()
    assert failures(suspend("gate", expires=timedelta(1))) == {"Failure('Expired')"}
    assert failures(child(ship("bees"), name="kid")) == {
        "Failure('StepFault')",
        "Failure('Rejected')",
        "Failure('Conflict')",
    }


def test_without_faults_nothing_fails() -> None:
    assert explore(merge(Patch("d"))).paths == 1
    assert explore(child(ship("bees"), name="kid")).paths == 1


def test_faults_are_caught_as_declared() -> None:
    def told(error: StepFault | Rejected) -> Effect[str, Never]:
        match error:
            case Interrupted():
                return pure("unknown")
            case StepTimedOut(step=name) | StepFault(step=name):
                return pure(f"broken {name}")
            case Rejected():
                return pure("refused")

    ends = {end.what for end in nodes(explore(pay().lash(told), faults=True).tree) if isinstance(end, Ends)}

    assert ends == {"Success(1)", "Success('unknown')", "Success('broken pay')", "Success('refused')"} - {
        "Success(1)"
    } | {"Success(<pay>)"}


def test_a_saga_takes_back_and_a_failed_compensation_is_named() -> None:
    found = explore(saga(compensate(good(), lambda _: write()).bind(lambda _: fail(Rejected("late")))), faults=True)

    assert "step undo/write" in str(found)
    assert "= Failure(Rejected(why='late')), not undone: undo" in str(found)
    assert "= Failure(Rejected(why='late'))\n" in str(found) + "\n"


@attrs.frozen
class Dice(Op[int, Never]):
    @property
    def output(self) -> Any:
        return Literal[1, 6]


def test_leaves_of_ones_own_are_explored_by_their_output() -> None:
    assert str(explore(Dice())) == "dice dice\n? dice -> 1\n    = Success(1)\n? dice -> 6\n    = Success(6)"


# -- Time and concurrency. --------------------------------------------------------------------------------------------


def test_concurrent_requests_are_answered_in_the_order_they_were_asked() -> None:
    assert str(explore(parallel(write(), good()).map(lambda both: both[1]))).splitlines()[:2] == [
        "step all/0/write",
        "step all/1/good",
    ]
    assert str(explore(race(write(), good()))).endswith("= Success('<race/0/write>')")


def test_timers_fire_last() -> None:
    found = explore(timeout(write(), timedelta(minutes=1)))

    assert found.paths == 1
    assert str(found).endswith("= Success('<race/body/write>')")


def test_with_faults_timers_also_fire_first() -> None:
    shown = str(explore(timeout(suspend("gate", str), timedelta(minutes=1)), faults=True))

    assert "? race/timer/timer fires before race/body/gate -> no\n    = Success('<race/body/gate>')" in shown
    assert "-> yes\n    = Failure(TimedOut(" in shown


def test_the_shorter_of_two_timers_fires_first() -> None:
    late = sleep(timedelta(hours=1)).map(lambda _: "late")
    early = sleep(timedelta(minutes=1)).map(lambda _: "early")
    at_noon = sleep_until(datetime(2000, 1, 1, 0, 30, tzinfo=UTC)).map(lambda _: "noon")

    assert str(explore(race(late, early))).endswith("= Success('early')")
    assert str(explore(race(late, at_noon))).endswith("= Success('noon')")
    assert str(explore(race(late, early.bind(lambda _: at_noon)))).endswith("= Success('noon')")


def test_what_depends_on_the_time_is_assumed_and_what_shows_it_is_not() -> None:
    assert explore(now().map(lambda at: f"{at}")).complete
    assert explore(now().map(lambda at: at.hour > 12)).assumed == ("now is 2000-01-01 00:00:00+00:00",)


def test_time_passes_while_timers_fire() -> None:
    hour = timedelta(hours=1)
    patient = retry(fail(Rejected("no")), Retry(attempts=9, wait=hour, most=hour, factor=1, within=3 * hour))

    assert [key for key in explore(patient).when if "sleep" in key] == [
        "retry/sleep",
        "retry/sleep#2",
        "retry/sleep#3",
    ]


def test_expiry_is_a_fault_of_the_gate() -> None:
    effect = suspend("gate", expires=timedelta(days=1)).lash(lambda error: pure(type(error) is Expired))

    assert explore(effect).paths == 2
    assert explore(effect, faults=True).paths == 3


# -- Long and deep. ---------------------------------------------------------------------------------------------------


@workflow
def long(count: int) -> Do[int]:
    for _ in range(count):
        yield from write()
    if (yield from good()):
        yield from write()
    return count


def test_a_workflow_of_two_thousand_steps_is_explored() -> None:
    found = explore(long(2000))

    assert found.paths == 2
    assert found.complete
    assert len(str(found).splitlines()) == 2000 + 6
    assert len(found.always) == len(found.when) - 1 == 2001
    assert found.outline().endswith("long/write#2001  when long/good -> True")


def test_a_fan_out_of_two_thousand_is_explored() -> None:
    assert explore(for_each(range(2000), lambda _: write(), limit=0)).complete


def deep(count: int, last: str) -> Branch:
    """As many questions in a row, each of which ends one path."""
    branch = Branch((), end=Ends("success", last))
    for n in range(count):
        request = ("step", f"s{n}", "", Dice())
        branch = Branch([request], f"q{n}", [("True", Branch((), end=Ends("success", str(n)))), ("False", branch)])
    return branch


def test_a_diagram_may_be_deeper_than_the_stack() -> None:
    root = reduced(deep(3000, "end"))

    assert len(nodes(root)) == 9_001
    assert same(root, reduced(deep(3000, "end")))
    assert not same(root, reduced(deep(3000, "another end")))
    assert on_all_paths(root) == {"s2999"}
    assert sum(1 for _ in lines(reduced(deep(500, "end")))) == 2001


def test_conditions_grow_along_a_diagram() -> None:
    assert conditions(reduced(deep(3, "end")))["s0"] == {Answer("q2", "False"), Answer("q1", "False")}


# -- Comparing programs. ----------------------------------------------------------------------------------------------


def test_programs_that_ask_and_end_the_same_are_bisimilar() -> None:
    assert bisimilar(ship("bees", 1), ship("bees", 1))
    assert bisimilar(unread(2), suspend_twice())
    assert not bisimilar(ship("bees"), ship("ants"))
    assert not bisimilar(ship("bees", 1), ship("bees", 2))


@workflow(name="unread")
def suspend_twice() -> Do[int, Never]:
    first = yield from suspend("yes")
    second = yield from suspend("yes")
    return 2 if first else 1 + 1 + 0 * second


def test_how_a_program_fails_tells_it_apart() -> None:
    assert not bisimilar(write() | pure("a"), write() | pure("b"))
    assert not bisimilar(fail(Rejected("x")), fail(Conflict("x")))


def test_equal_ends_are_one_node() -> None:
    ends = [end.what for end in nodes(explore(counted(2)).tree) if isinstance(end, Ends)]

    assert sorted(ends) == ["Success(0)", "Success(1)", "Success(2)"]


def test_a_failure_of_any_value_is_shown_as_what_it_is() -> None:
    assert str(explore(fail("plain"))) == "= Failure('plain')"


# -- What was tried. --------------------------------------------------------------------------------------------------


def test_a_request_is_kept_as_it_is_made_on_each_path() -> None:
    @workflow
    def joining() -> Do[str]:
        words = yield from ask("words", writer, "", list[str])
        return (yield from ask("join", writer, " ".join(words)))

    asked = explore(joining()).asked

    assert list(asked) == ["joining/words", "joining/join"]
    assert {op.describe() for op in asked["joining/join"]} == {"", "<joining/words[0]>"}


def test_collections_and_counts_of_which_some_sizes_were_tried_are_named() -> None:
    @workflow
    def sized() -> Do[int]:
        words = yield from signal("words", dict[str, int])
        return len(words) + len(range((yield from signal("count", int))))

    assert explore(sized()).sized == ("sized/count", "sized/words")
    assert explore(ship("bees")).sized == ()


def test_requests_that_a_path_closes_are_named() -> None:
    limited = timeout(write(), timedelta(minutes=1))

    assert explore(limited).closed == {"race/timer/timer"}
    assert explore(limited, faults=True).closed == {"race/timer/timer", "race/body/write"}
    assert explore(parallel(write(), write())).closed == frozenset()


def test_answers_that_were_not_followed_are_counted() -> None:
    assert explore(booleans(10), max_paths=5).left == 36
    assert explore(booleans(3)).left == 0


def test_a_program_may_be_made_of_placeholders() -> None:
    found = explore(lambda oracle: ship(synth(str, "issue", oracle)), inputs=True)

    assert "ask ship/plan 'Plan <issue>'" in str(found)
