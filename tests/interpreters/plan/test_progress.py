"""How far a run has come is read off its records: what is done, what waits, what may come, and what was not taken."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import pytest
from reference_workflows import REFERENCES
from returns.result import Success

from perdure import (
    Approved,
    Denied,
    Do,
    Effect,
    approval,
    for_each,
    parallel,
    plan,
    pure,
    race,
    step,
    suspend,
    workflow,
)
from perdure.core import codec
from perdure.core.machine import Machine
from perdure.interpreters.plan.drawing.outline import outline
from perdure.interpreters.plan.graph import Graph, State, graph_of
from perdure.interpreters.plan.progress import Made, marked
from perdure.interpreters.simulate.made import made as made_up


def driven(effect: Effect[Any, Any], replies: Mapping[str, Any], end: str = "") -> Graph:
    """The graph of a run in which these requests are answered and no others; the rest that is asked for waits."""
    machine, made = Machine(effect), dict[str, Made]()
    while True:
        for request in machine.fresh():
            made[request.key] = Made(request.key, request.op.kind, "waiting", 1)
        key = next((key for key in replies if key in machine.pending), None)
        if machine.outcome is not None or key is None:
            break
        tree = json.loads(codec.dumps(replies[key], machine.pending[key].op.output))
        made[key] = Made(key, made[key].kind, "done", 1, tree)
        machine.reply(key, Success(replies[key]))
    over = end or ("" if machine.outcome is None else "success" if isinstance(machine.outcome, Success) else "failure")
    machine.close()
    return marked(graph_of(plan(effect)), "run-1", list(made.values()), over)


def states(graph: Graph, *roles: str) -> list[tuple[str, State | None]]:
    """The names of the requests and ends with their states."""
    shown = roles or ("agent", "step", "gate", "signal", "timer", "success", "failure")
    return [(node.name, node.mark.state if node.mark else None) for node in graph.nodes if node.role in shown]


@step
def ship(what: str) -> str: ...


@workflow
def gated() -> Do[str]:
    match (yield from approval("go")):
        case Approved():
            return (yield from ship("it"))
        case Denied():
            return "denied"


def test_before_anything_is_asked_all_may_come() -> None:
    graph = marked(graph_of(plan(gated())), "run-1", [], "")

    assert {state for _, state in states(graph)} == {"ahead"}


def test_a_run_that_waits_may_go_either_way() -> None:
    assert states(driven(gated(), {})) == [
        *(("go", "waiting"), ("ship", "ahead"), ("'<ship>'", "ahead"), ("'denied'", "ahead"))
    ]


def test_what_an_answer_rules_out_is_not_taken() -> None:
    assert states(driven(gated(), {"gated/go": Denied()})) == [
        *(("go", "done"), ("ship", "skipped"), ("'<ship>'", "skipped"), ("'denied'", "done"))
    ]
    assert states(driven(gated(), {"gated/go": Approved()})) == [
        *(("go", "done"), ("ship", "waiting"), ("'<ship>'", "ahead"), ("'denied'", "skipped"))
    ]


def test_when_a_run_is_over_nothing_may_come() -> None:
    graph = driven(gated(), {}, end="cancelled")

    assert {state for _, state in states(graph)[1:]} == {"skipped"}


def test_the_way_that_was_taken_is_marked() -> None:
    graph = driven(gated(), {"gated/go": Denied()})
    names = {node.id: node.name for node in graph.nodes}

    assert [(names[edge.source], names[edge.target]) for edge in graph.edges if edge.taken] == [
        *(("gated()", "go"), ("go", "'denied'"))
    ]


@attrs.frozen
class Score:
    points: int
    tags: list[str]


@pytest.mark.parametrize(("points", "end"), [(7, "'high'"), (5, "'low'"), (-1, "'low'")])
def test_a_comparison_with_a_part_of_a_reply_is_decided_by_the_record(points: int, end: str) -> None:
    @workflow
    def judged() -> Do[str]:
        score = yield from suspend("score", Score)
        return "high" if score.points > 5 else "low"

    found = states(driven(judged(), {"judged/score": Score(points, [])}))

    assert [name for name, state in found if state == "done"] == ["score", end]


@pytest.mark.parametrize(("tags", "first"), [([], "'none'"), (["x"], "'some'"), (["x", "y", "z"], "'some'")])
def test_more_items_than_were_tried_are_as_many_as_the_most_that_were(tags: list[str], first: str) -> None:
    @workflow
    def tagged() -> Do[str]:
        score = yield from suspend("score", Score)
        return "some" if score.tags else "none"

    found = states(driven(tagged(), {"tagged/score": Score(0, tags)}))

    assert [name for name, state in found if state == "done"] == ["score", first]


def test_what_no_record_decides_shows_in_what_was_asked_next() -> None:
    @workflow
    def worded() -> Do[str]:
        text = yield from suspend("text", str)
        return (yield from suspend("a", str)) if text.startswith("x") else (yield from suspend("b", str))

    assert states(driven(worded(), {"worded/text": "no"}), "gate") == [
        *(("text", "done"), ("a", "skipped"), ("b", "waiting"))
    ]


@workflow
def polling() -> Do[str]:
    for _ in range(6):
        if (yield from suspend("ready")):
            return "ready"
        yield from suspend("more", str)
    return "never"


def polled(rounds: int, more: Mapping[str, Any] = {}) -> Graph:
    said: dict[str, Any] = {}
    for n in range(1, rounds + 1):
        suffix = f"#{n}" if n > 1 else ""
        said |= {f"polling/ready{suffix}": False, f"polling/more{suffix}": "m"}
    return driven(polling(), {**said, **more})


def test_rounds_are_counted_and_what_runs_is_shown() -> None:
    graph = polled(2)
    (ready,) = (node.mark for node in graph.nodes if node.name == "ready")

    assert ready is not None
    assert (ready.state, ready.times) == ("waiting", 3)
    assert [(edge.back, edge.taken) for edge in graph.edges if edge.source in rounds_of(graph)] == [
        *((True, True), (False, False))
    ]
    assert states(graph, "success") == [("'ready'", "ahead"), ("'never'", "ahead")]


def test_rounds_that_were_left_early_did_not_run_out() -> None:
    graph = polled(2, {"polling/ready#3": True})

    assert states(graph, "success") == [("'ready'", "done"), ("'never'", "skipped")]


def test_rounds_that_ran_out_lead_on() -> None:
    assert states(polled(6), "success") == [("'ready'", "skipped"), ("'never'", "done")]


def rounds_of(graph: Graph) -> list[str]:
    return [node.id for node in graph.nodes if node.role == "again"]


def test_a_join_waits_for_all_branches_and_a_race_for_the_first() -> None:
    @workflow
    def together() -> Do[str]:
        yield from parallel(suspend("a", str), suspend("b", str))
        return "both"

    @workflow
    def against() -> Do[str]:
        return (yield from race(suspend("a", str), suspend("b", str).bind(lambda _: suspend("c", str))))

    waiting = driven(together(), {"together/all/0/a": "x"})
    won = driven(against(), {"against/race/0/a": "x"})

    assert states(waiting, "join", "success") == [("", "ahead"), ("'both'", "ahead")]
    assert states(won, "join", "success")[0] == ("first wins", "passed")


def test_of_several_items_the_one_that_is_not_done_counts() -> None:
    @workflow
    def mended() -> Do[int]:
        files = yield from suspend("files", list[str])
        yield from for_each(files, ship, key=lambda file: file)
        return 0

    graph = driven(mended(), {"mended/files": ["src/a.py", "b"], "mended/all/src%2Fa.py/ship": "x"})
    (mark,) = (node.mark for node in graph.nodes if node.name == "ship")

    assert mark is not None
    assert (mark.state, mark.times) == ("waiting", 2)


def test_what_the_plan_does_not_know_is_shown_after_what_came_before_it() -> None:
    made = [
        Made("gated/go", "suspend", "done", 1, {"_type": "Approved"}),
        Made("gated/extra/lint", "step", "failed", 3),
        Made("gated/ship", "step", "running", 1),
    ]

    graph = marked(graph_of(plan(gated())), "run-1", made, "")

    stray = graph.nodes[-1]
    assert (stray.name, stray.scope, stray.key) == ("lint", "gated/extra", "gated/extra/lint")
    assert stray.mark is not None
    assert (stray.mark.state, stray.mark.attempts) == ("failed", 3)
    assert [(edge.stray, edge.taken, edge.label) for edge in graph.into(stray.id)] == [(True, True, "not in the plan")]
    assert graph.into(stray.id)[0].source == next(node.id for node in graph.nodes if node.name == "go")
    assert "not in the plan: gated/extra/lint  failed · attempt 3" in outline(plan(gated()), graph)


def test_after_a_failure_that_the_program_lives_with_it_goes_on() -> None:
    @workflow
    def careful() -> Do[str]:
        yield from ship("it").lash(lambda _: pure(""))
        yield from suspend("then", str)
        return "done"

    made = [Made("careful/ship", "step", "failed", 1), Made("careful/then", "suspend", "waiting", 1)]

    assert states(marked(graph_of(plan(careful())), "run-1", made, "")) == [
        *(("ship", "failed"), ("then", "waiting"), ("'done'", "ahead"))
    ]


def test_what_was_asked_for_is_shown_even_where_no_way_to_it_was_found() -> None:
    made = [Made("gated/ship", "step", "running", 2)]

    assert states(marked(graph_of(plan(gated())), "run-1", made, ""), "step") == [("ship", "running")]


def test_the_tree_has_a_sign_for_every_request() -> None:
    effect = gated()

    lines = outline(plan(effect), driven(effect, {"gated/go": Approved()})).splitlines()

    assert [line.split()[:3] for line in lines if " go " in line or "ship " in line][:2] == [
        *(["├─", "✓", "go"], ["│", "├─", "…"])
    ]
    assert "done" in lines[1]
    assert "waiting" in lines[3]


# -- Whole runs. -------------------------------------------------------------------------------------------------------


def records(effect: Effect[Any, Any], seed: int) -> tuple[Sequence[Made], str]:
    """A whole run with random replies."""
    rng, machine, made = random.Random(seed), Machine(effect), dict[str, Made]()
    while machine.outcome is None:
        for request in machine.fresh():
            made[request.key] = Made(request.key, request.op.kind, "waiting", 1)
        timers = [key for key, request in machine.pending.items() if request.op.kind == "sleep"]
        key = rng.choice([key for key in machine.pending if key not in timers] or timers)
        reply = made_up(machine.pending[key].op.output, rng)
        tree = json.loads(codec.dumps(reply, machine.pending[key].op.output))
        made[key] = Made(key, made[key].kind, "done", 1, tree)
        machine.reply(key, Success(reply))
    return list(made.values()), "success" if isinstance(machine.outcome, Success) else "failure"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", REFERENCES)
def test_a_whole_run_is_marked_from_its_start_to_one_end(name: str, seed: int) -> None:
    effect = REFERENCES[name]
    made, end = records(effect, seed)

    graph = marked(graph_of(plan(effect)), "run-1", made, end)

    assert not any(edge.stray for edge in graph.edges)
    assert sum(node.mark.times for node in graph.nodes if node.mark and node.key) >= len(made)
    ends = [node for node in graph.nodes if node.mark and node.role == end and node.mark.state != "skipped"]
    assert len(ends) == 1 or (ends and name == "optimizer"), "rounds compared with one another leave it open which"
    other: Literal["success", "failure"] = "failure" if end == "success" else "success"
    assert {node.mark.state for node in graph.nodes if node.mark and node.role == other} <= {"skipped"}
    taken = {edge.target for edge in graph.edges if edge.taken}
    shown = {node.id for node in graph.nodes if node.mark and node.mark.state not in ("skipped", "ahead")}
    without_items = {node.id for node in graph.nodes if node.role == "join"} - taken
    assert shown - without_items == taken | {"n0"}
