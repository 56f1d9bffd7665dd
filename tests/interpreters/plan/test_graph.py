"""A graph says what its plan says: every request, every answer, every end; rounds once, branches side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from reference_workflows import REFERENCES
from strategies import concurrent_effects

from perdure import Do, Effect, for_each, parallel, parallel_map, plan, race, signal, sleep, step, suspend, workflow
from perdure.core.diagram import followed_first
from perdure.interpreters.plan.fold import Choice, End, Task
from perdure.interpreters.plan.graph import Graph, Node, graph_of
from perdure.interpreters.plan.shape import ordered


def drawn(effect: Effect[Any, Any] | Callable[..., Effect[Any, Any]]) -> Graph:
    return graph_of(plan(effect))


def edges(graph: Graph) -> list[str]:
    """The edges by the names of their ends; an end has its outcome as its name, and what has none its role."""
    names = {node.id: node.name or node.role for node in graph.nodes}
    said = {edge: f"[{edge.label}] " if edge.label else "" for edge in graph.edges}
    arrow = {True: "<-", False: "->"}
    return [f"{names[edge.source]} {said[edge]}{arrow[edge.back]} {names[edge.target]}" for edge in graph.edges]


def whole(graph: Graph) -> None:
    """What holds of every graph."""
    first = graph.nodes[0]
    assert first.role == "start"
    assert [node.id for node in graph.nodes] == [f"n{n}" for n in range(len(graph.nodes))]
    forward = {node.id: [edge.target for edge in graph.out_of(node.id) if not edge.back] for node in graph.nodes}
    order = followed_first([first.id], forward.__getitem__)
    assert set(order) == set(forward), "everything can be come to"
    place = {id: n for n, id in enumerate(order)}
    for edge in graph.edges:
        assert edge.back or place[edge.target] < place[edge.source], "no circle but by a new round"
        assert not edge.back or place[edge.target] > place[edge.source]
    assert len({(edge.source, edge.target, edge.back) for edge in graph.edges}) == len(graph.edges)
    for node in graph.nodes:
        ends = node.role in ("success", "failure", "unknown")
        assert bool(graph.out_of(node.id)) is not ends, node
        several = len(graph.out_of(node.id)) > 1
        assert not several or node.role in ("fork", "again") or all(edge.answers for edge in graph.out_of(node.id)), (
            node
        )


@pytest.mark.parametrize("name", REFERENCES)
def test_every_request_answer_and_end_of_the_plan_is_in_the_graph(name: str) -> None:
    made = plan(REFERENCES[name])
    graph = graph_of(made)
    pieces = ordered(made.folded)

    whole(graph)
    assert {node.key for node in graph.nodes if node.key} == {p.leaf.key for p in pieces if isinstance(p, Task)}
    sizes = {("0",), ("1",)} if any("for each" in node.name for node in graph.nodes) else set[tuple[str, ...]]()
    answers = {(given,) for p in pieces if isinstance(p, Choice) for given, _ in p.answers}
    assert {(given,) for edge in graph.edges for given in edge.answers} | sizes == answers | sizes
    ends = {p.what.partition("(")[2].removesuffix(")").replace(f"{name}/", "") for p in pieces if isinstance(p, End)}
    found = {node.name for node in graph.nodes if node.role in ("success", "failure")}
    assert len(found) == len(ends)


@settings(max_examples=150, deadline=None)
@given(concurrent_effects)
def test_any_effect_has_a_whole_graph_that_is_the_same_again(effect: Effect[Any, Any]) -> None:
    made = plan(effect)
    graph = graph_of(made)

    whole(graph)
    assert graph_of(made) == graph
    assert {node.key for node in graph.nodes if node.key} == {
        piece.leaf.key for piece in ordered(made.folded) if isinstance(piece, Task)
    }


def test_answers_lead_away_from_the_request_where_its_reply_is_looked_at_as_such() -> None:
    @workflow
    def gated() -> Do[str]:
        return "yes" if (yield from suspend("sure")) else "no"

    assert edges(drawn(gated())) == ["gated() -> sure", "sure [True] -> 'yes'", "sure [False] -> 'no'"]


def test_a_question_about_a_part_of_a_reply_is_a_condition() -> None:
    @workflow
    def counting() -> Do[str]:
        return "many" if (yield from suspend("n", int)) > 3 else "few"

    graph = drawn(counting())

    assert [node.role for node in graph.nodes] == ["start", "gate", "condition", "success", "success"]
    assert "n > 3 [True] -> 'many'" in edges(graph)


def test_rounds_are_drawn_once_and_lead_back() -> None:
    @workflow
    def polling() -> Do[str]:
        for _ in range(6):
            if (yield from suspend("ready")):
                return "ready"
        return "never"

    graph = drawn(polling())

    assert edges(graph) == [
        *("polling() -> ready", "ready [True] -> 'ready'", "ready [False] -> up to ×6"),  # noqa: RUF001
        *("up to ×6 <- ready", "up to ×6 -> 'never'"),  # noqa: RUF001
    ]
    assert [node.rounds for node in graph.nodes if node.role == "again"] == [6]


def test_rounds_within_rounds_lead_back_each_to_its_own() -> None:
    @workflow
    def nested() -> Do[None]:
        for _ in range(3):
            yield from suspend("outer", str)
            for _ in range(4):
                yield from suspend("inner", str)

    assert edges(drawn(nested())) == [
        *("nested() -> outer", "outer -> inner", "inner -> ×4"),  # noqa: RUF001
        *("×4 <- inner", "×4 -> ×3", "×3 <- outer", "×3 -> None"),  # noqa: RUF001
    ]


def test_branches_stand_between_a_fork_and_a_join() -> None:
    @workflow
    def branches() -> Do[str]:
        a, b = yield from parallel(suspend("a", str), suspend("b", str).bind(lambda _: suspend("c", str)))
        return a + b

    assert edges(drawn(branches())) == [
        *("branches() -> in parallel", "in parallel -> a", "in parallel -> b"),
        *("a -> join", "join -> '<a><c>'", "b -> c", "c -> join"),
    ]


def test_a_choice_within_a_branch_stays_in_it() -> None:
    @workflow
    def checked(n: int) -> Do[int]:
        if (yield from suspend("look")):
            yield from suspend("mend", str)
        return n

    @workflow
    def both() -> Do[int]:
        yield from parallel(checked(1), suspend("other", str))
        return 1

    assert edges(drawn(both())) == [
        *("both() -> in parallel", "in parallel -> look", "in parallel -> other"),
        *("look [True] -> mend", "look [False] -> join", "mend -> join", "join -> 1", "other -> join"),
    ]


def test_branches_within_branches_have_their_own_forks() -> None:
    @workflow
    def deep() -> Do[int]:
        inner = parallel(suspend("a", str), suspend("b", str)).map(lambda _: "")
        yield from parallel(inner, suspend("c", str))
        return 1

    assert edges(drawn(deep())) == [
        *("deep() -> in parallel", "in parallel -> in parallel", "in parallel -> c"),
        *("in parallel -> a", "in parallel -> b", "a -> join", "join -> join", "join -> 1", "b -> join", "c -> join"),
    ]


def test_of_a_race_the_first_wins() -> None:
    @workflow
    def racing() -> Do[str]:
        return (yield from race(suspend("a", str), signal("b", str)))

    assert "race -> b" in edges(drawn(racing()))
    assert "b -> first wins" in edges(drawn(racing()))


@step
def read(file: str) -> bool: ...


def test_what_is_done_for_one_item_is_done_for_each() -> None:
    @workflow
    def reading() -> Do[int]:
        files = yield from suspend("files", list[str])
        yield from for_each(files, read)
        return 0

    assert edges(drawn(reading())) == [
        *("reading() -> files", "files -> for each of files", "for each of files -> read", "read -> join", "join -> 0")
    ]


def test_equal_branches_are_no_rounds() -> None:
    @workflow
    def thrice() -> Do[int]:
        yield from parallel_map({file: read(file) for file in ("a", "b", "c")})
        return 0

    assert edges(drawn(thrice()))[0] == "thrice() -> in parallel"
    assert "again" not in {node.role for node in drawn(thrice()).nodes}


def test_equal_numbered_branches_are_drawn_once_with_their_number() -> None:
    @workflow
    def twice() -> Do[int]:
        yield from parallel(read("a"), read("b"))
        return 0

    assert edges(drawn(twice())) == [
        *("twice() -> in parallel ×2", "in parallel ×2 -> read", "read -> join", "join -> 0")  # noqa: RUF001
    ]


def test_an_end_far_below_is_drawn_again_where_it_is_come_to() -> None:
    @workflow
    def dropping() -> Do[str]:
        for name in ("a", "b", "c", "d", "e"):
            if not (yield from suspend(name)):
                return "dropped"
        return "kept"

    ends = [node for node in drawn(dropping()).nodes if node.name == "'dropped'"]

    assert 1 < len(ends) < 5


def test_what_the_plan_could_not_follow_is_unknown() -> None:
    @workflow
    def reads() -> Do[int]:
        return int((yield from suspend("n", str)))

    graph = drawn(reads())

    assert graph.nodes[-1].role == "unknown"
    assert graph.nodes[-1].said == ("broke",)
    assert graph.notes[-1] == "not complete: there may be other paths"


def test_answers_that_were_not_followed_are_counted() -> None:
    @workflow
    def many() -> Do[str]:
        found = ""
        for n in range(4):
            given = yield from suspend(f"g{n}", Literal["a", "b", "c"])
            found += "x" if given == "a" else "y" if given == "b" else "z"
        return found

    graph = graph_of(plan(many(), max_paths=5, each=False))

    unknown = [node for node in graph.nodes if node.role == "unknown"]
    assert {node.name for node in unknown} == {"not followed"}
    assert all(edge.label.endswith(" more") for node in unknown for edge in graph.into(node.id))


@step(repeat="once")
def pay(sum: int) -> None: ...


def test_a_node_says_who_is_asked_for_what_and_how_often() -> None:
    @workflow
    def kinds() -> Do[None]:
        yield from pay(3)
        yield from signal("go", int)
        yield from sleep(timedelta(hours=1))

    shown: list[Node] = list(drawn(kinds()).nodes[1:-1])

    assert [(node.role, node.name, node.said) for node in shown] == [
        ("step", "pay", ("step → None", "once")),
        ("signal", "go", ("signal → int",)),
        ("timer", "sleep", ("timer",)),
    ]


def test_no_text_of_a_graph_can_break_a_line_or_hide_something() -> None:
    @workflow
    def hostile(text: str) -> Do[str]:
        given = yield from suspend("pick", Literal["a\nb", "\u202eevil", "c"])
        return text if given == "c" else given

    graph = drawn(hostile("\ud800\x1b[31m\x00"))

    said = [graph.title, *graph.notes, *(edge.label for edge in graph.edges)]
    said += [text for node in graph.nodes for text in (node.name, node.scope, *node.said)]
    assert all(text.isprintable() for text in said)
