"""A plan shows each request with all that flows into it, says what it does not know, and is the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import attrs
import pytest

from perdure import (
    Approved,
    Defect,
    Denied,
    Do,
    Effect,
    Estimate,
    Expired,
    Plan,
    Retry,
    Scripted,
    approval,
    ask,
    for_each,
    parallel_map,
    plan,
    pure,
    race,
    register_sample,
    signal,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.core.explore import explore

writer, critic = Scripted("writer", {}), Scripted("critic", {})


@attrs.frozen
class Research:
    findings: list[str]
    source: str


@step(retry=Retry(attempts=3), timeout=timedelta(seconds=9), version="2", repeat="pure")
def publish(text: str, tags: frozenset[str]) -> str:
    raise AssertionError("a plan runs no step")


@workflow
def flow(topic: str, tone: str = "dry") -> Do[str]:
    research = yield from ask("research", [writer, critic], f"Research {topic}, {tone}.", Research)
    plan = yield from ask("plan", writer, f"Plan from {'; '.join(research.findings)} and {research.source.strip()}")
    match (yield from approval("go", prompt="Go?", show=plan, expires=timedelta(days=2))):
        case Approved():
            return (yield from publish(plan, frozenset({"a", "b", "c"})))
        case Denied():
            return "no"


# -- Requests. ---------------------------------------------------------------------------------------------------------


def test_a_request_is_shown_with_all_that_it_declares() -> None:
    leaf = plan(flow("bees")).leaves["flow/publish"]

    assert (leaf.role, leaf.kind, leaf.name, leaf.output) == ("step", "step", "publish", "str")
    assert (leaf.retry, leaf.timeout, leaf.version, leaf.repeat) == (
        Retry(attempts=3),
        timedelta(seconds=9),
        "2",
        "pure",
    )
    assert leaf.asked == "'<flow/plan>', {'a', 'b', 'c'}"
    assert leaf.feeds == ("flow/plan",)


def test_requests_come_in_the_order_of_the_program() -> None:
    assert list(plan(flow("bees")).leaves) == ["flow/research", "flow/plan", "flow/go", "flow/publish"]


def test_data_flows_through_lists_that_may_be_empty_and_through_what_is_made_of_text() -> None:
    leaves = plan(flow("bees")).leaves

    assert leaves["flow/plan"].feeds == ("flow/research",)
    assert "<flow/research.findings[0]>" in leaves["flow/plan"].asked
    assert leaves["flow/go"].feeds == ("flow/plan",)


def test_a_text_that_merely_looks_like_a_placeholder_feeds_nothing() -> None:
    @workflow
    def quoting() -> Do[str]:
        yield from ask("a", writer, "")
        return (yield from ask("b", writer, "if x <quoting/a2> or < quoting/a or <b>"))

    assert plan(quoting()).leaves["quoting/b"].feeds == ()


def test_what_flows_in_on_any_path_flows_in() -> None:
    @workflow
    def choosing() -> Do[str]:
        one, two = (yield from ask("one", writer, "")), (yield from ask("two", writer, ""))
        return (yield from ask("end", writer if (yield from suspend("q")) else critic, one if one == "x" else two))

    leaf = plan(choosing()).leaves["choosing/end"]

    assert leaf.feeds == ("choosing/one", "choosing/two")
    assert leaf.agents == ("writer", "critic")


@pytest.mark.parametrize(
    ("effect", "role"),
    [
        (approval("a"), "approval"),
        (suspend("a"), "approval"),
        (suspend("a", int), "answer"),
        (signal("a", int), "signal"),
        (sleep(timedelta(1)), "timer"),
        (ask("a", writer, ""), "ask"),
    ],
)
def test_a_request_has_the_role_that_people_know(effect: Effect[Any, Any], role: str) -> None:
    assert [leaf.role for leaf in plan(effect).leaves.values()] == [role]


def test_who_is_waited_for_is_listed() -> None:
    assert plan(flow("bees")).people == ("flow/go",)


# -- What is explored. -------------------------------------------------------------------------------------------------


def test_the_conditions_are_those_of_the_exploration() -> None:
    made, found = plan(flow("bees")), explore(flow("bees"))

    assert made.when == found.when
    assert made.always == found.always
    assert made.paths == found.paths


def test_a_workflow_is_planned_for_any_input_with_its_defaults() -> None:
    made = plan(flow)

    assert made.title == "flow(topic, tone='dry')"
    assert made.leaves["flow/research"].asked == "Research <topic>, dry."
    assert set(made.leaves) == set(plan(flow("bees")).leaves)


def test_arguments_of_any_input_branch_like_replies() -> None:
    @workflow
    def by_kind(kind: Literal["a", "b"], *more: str, **options: int) -> Do[str]:
        return (yield from ask(kind, writer, ""))

    assert set(plan(by_kind).leaves) == {"by_kind/a", "by_kind/b"}


def test_failures_and_expiry_are_followed_on_demand() -> None:
    @workflow
    def escalating() -> Do[object]:
        try:
            return (yield from approval("team", expires=timedelta(1)))
        except Expired:
            return (yield from approval("lead"))

    assert set(plan(escalating()).leaves) == {"escalating/team"}
    assert set(plan(escalating(), faults=True).leaves) == {"escalating/team", "escalating/lead"}


@workflow
def ten() -> Do[list[bool]]:
    said: list[bool] = []
    for _ in range(10):
        said.append((yield from suspend("yes")))
    return said


def test_all_combinations_are_followed_while_they_are_few() -> None:
    made = plan(ten(), max_paths=1024)

    assert (made.paths, made.complete, made.cut) == (1024, True, ())


def test_beyond_the_budget_every_answer_is_followed_once_and_the_plan_says_so() -> None:
    made = plan(ten(), max_paths=1000)

    assert made.paths == 11
    assert made.cut == ("more than 1000 paths: every answer was followed once, not in all combinations",)
    assert not made.complete
    assert "cut: more than 1000 paths: every answer was followed once" in str(made)


def test_each_can_be_asked_for_and_refused() -> None:
    once, cut = plan(ten(), each=True), plan(ten(), each=False, max_paths=5)

    assert once.cut == ("every answer was followed once, not in all combinations",)
    assert cut.paths == 5
    assert "more answers to follow" in cut.cut[0]


class Opaque:
    """A class that nothing can stand for."""


@workflow
def opaque() -> Do[str]:
    yield from signal("seen", Opaque)
    return (yield from ask("after", writer, ""))


def test_what_nothing_can_stand_for_breaks_the_plan_and_the_message_says_how_to_mend_it() -> None:
    made = plan(opaque())

    assert not made.complete
    assert "opaque/seen" in made.broken[0]
    assert "register_sample(Opaque, …)" in made.broken[0]
    assert "opaque/after" not in made.leaves


def test_a_registered_sample_stands_for_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.core.symbols._samples", {})
    register_sample(Opaque, Opaque)

    made = plan(opaque())

    assert made.complete
    assert "opaque/after" in made.leaves


def test_sizes_that_were_not_tried_are_named_though_nothing_depends_on_them() -> None:
    made = plan(flow("bees"))

    assert made.sized == ("flow/research.findings",)
    assert made.complete
    assert "complete for 0 and 1 items of research.findings: no other path" in str(made)


def test_items_are_told_apart_by_placeholders_without_any_doubt() -> None:
    @workflow
    def each_file() -> Do[list[str]]:
        files = yield from ask("files", writer, "", list[str])
        return (yield from for_each(files, lambda file: ask("read", writer, file), key=lambda file: file))

    made = plan(each_file())

    assert made.complete
    assert made.covers("each_file/all/a.py/read")
    assert made.covers("each_file/all/x%20y/read")
    assert not made.covers("each_file/all/a.py/write")


def test_only_an_effect_or_a_workflow_can_be_planned() -> None:
    with pytest.raises(Defect, match=r"plan\('flow'\): give an effect"):
        plan("flow")  # type: ignore[arg-type]  # not every caller has a checker


# -- The hash. ---------------------------------------------------------------------------------------------------------


def test_the_same_plan_has_the_same_hash() -> None:
    assert plan(flow("bees")).hash == plan(flow("bees")).hash


@workflow
def variant(change: str) -> Do[str]:
    estimate = Estimate(usd=2) if change == "estimate" else Estimate(usd=1)
    retry = Retry(attempts=2) if change == "retry" else None
    prompt = "other" if change == "prompt" else "text"
    agent = critic if change == "agent" else writer
    answer = yield from ask("a", agent, prompt, bool, retry=retry, estimate=estimate)
    if answer and change == "path":
        yield from suspend("gate")
    return "other" if change == "end" else "end"


@pytest.mark.parametrize("change", ["estimate", "retry", "prompt", "agent", "path", "end"])
def test_whatever_changes_a_plan_changes_its_hash(change: str) -> None:
    assert plan(variant(change)).hash != plan(variant("")).hash


def test_the_order_in_which_branches_are_listed_in_a_set_changes_no_hash(tmp_path: Any) -> None:
    program = """
from perdure import Do, ask, Scripted, plan, step, workflow
from test_plan import flow

@step
def keep(words: frozenset[str], how: object) -> None: ...

@workflow
def keeping() -> Do[None]:
    yield from keep(frozenset({"one", "two", "three", "four"}), print)

print(plan(flow).hash, plan(keeping()).hash)
"""
    said = set()
    for seed in ("1", "2", "3"):
        here = os.path.dirname(__file__)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": here}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        said.add(done.stdout)

    assert len(said) == 1


def test_a_plan_can_be_made_of_what_only_waits_for_a_moment() -> None:
    from perdure import sleep_until

    made: Plan = plan(sleep_until(datetime(2030, 1, 1, tzinfo=UTC)))

    assert made.leaves["sleep"].asked == "2030-01-01 00:00:00+00:00" or "2030" in made.leaves["sleep"].asked


def test_named_branches_keep_their_names() -> None:
    made = plan(parallel_map({"left": ask("a", writer, ""), "right": ask("a", critic, "")}))

    assert list(made.leaves) == ["all/left/a", "all/right/a"]


def test_what_a_race_closes_before_it_was_asked_is_not_in_the_plan() -> None:
    made = plan(race(pure(0), suspend("late", int)))

    assert made.complete
    assert dict(made.leaves) == {}
