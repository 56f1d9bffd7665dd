"""Folding shortens a diagram and changes nothing: unfolded, it has the same paths, but for the numbers in keys."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Literal, TypeAlias

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_workflows import REFERENCES

from perdure import (
    Do,
    Effect,
    Retry,
    Scripted,
    ask,
    loop,
    parallel,
    plan,
    retry,
    step,
    suspend,
    workflow,
)
from perdure.core.diagram import Asks, Ends, Looks, Node, following, nodes
from perdure.core.explore import explore
from perdure.interpreters.plan.fold import Again, Choice, End, Piece, Rounds, Task, folded, unnumbered, without_numbers
from perdure.interpreters.plan.settled import settled
from perdure.interpreters.plan.shape import ordered

writer, critic = Scripted("writer", {}), Scripted("critic", {})


# -- Diagrams without numbers: two are the same object where they have the same paths. --------------------------------

Pool: TypeAlias = dict[Any, Any]


def plain(root: Node, pool: Pool) -> object:
    """A diagram without the numbers in its keys."""
    keys = {node.key: node for node in nodes(root) if isinstance(node, Asks)}
    made: dict[int, object] = {}
    for node in reversed(nodes(root)):
        then = [made[id(each)] for each in following(node)]
        match node:
            case Asks(key=key, op=op):
                made[id(node)] = asking(key, op.name, then[0], pool)
            case Looks(question=question, answers=answers):
                made[id(node)] = looking(unnumbered(question, keys), [given for given, _ in answers], then, pool)
            case Ends(what=what):
                made[id(node)] = ending(unnumbered(what, keys), pool)
    return made[id(root)]


def unfolded(root: Piece, keys: Mapping[str, object], pool: Pool) -> object:
    """A folded plan, all rounds one after another, without the numbers in its keys."""
    known: dict[object, object] = {}

    def of(piece: Piece, again: Mapping[int, object]) -> object:
        place = id(piece), *((level, id(next)) for level, next in sorted(again.items()))
        if place not in known:
            known[place] = made(piece, again)
        return known[place]

    def made(piece: Piece, again: Mapping[int, object]) -> object:
        match piece:
            case Task(leaf=leaf, then=then):
                return asking(leaf.key, leaf.name, of(then, again), pool)
            case Choice(question=question, answers=answers):
                then_all = [of(then, again) for _, then in answers]
                return looking(unnumbered(question, keys), [given for given, _ in answers], then_all, pool)
            case Rounds(times=times, body=body, then=then, level=level):
                next = of(then, again)
                for _ in range(times):
                    next = of(body, {**again, level: next})
                return next
            case Again(level=level):
                return again[level]
            case End(what=what):
                return ending(unnumbered(what, keys), pool)

    return of(root, {})


def asking(key: str, name: str, then: object, pool: Pool) -> object:
    return pool.setdefault(("asks", without_numbers(key), name, id(then)), ["asks", key, then])


def looking(question: str, given: list[str], then: list[Any], pool: Pool) -> object:
    if len({id(each) for each in then}) == 1:  # it decides nothing
        return then[0]
    return pool.setdefault(("looks", question, *given, *map(id, then)), ["looks", question, then])


def ending(what: str, pool: Pool) -> object:
    return pool.setdefault(("ends", what), ["ends", what])


def same_paths(root: Node) -> bool:
    pool: Pool = {}
    keys = {node.key: node for node in nodes(root) if isinstance(node, Asks)}
    return plain(root, pool) is unfolded(folded(root), keys, pool)


# -- Random programs. --------------------------------------------------------------------------------------------------


@attrs.frozen
class Do1:
    """Ask for a yes or no, and look at it or not."""

    name: str


@attrs.frozen
class If:
    name: str
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@attrs.frozen
class For:
    times: int
    body: tuple[Statement, ...]
    out: Literal["never", "before", "after"]
    odd: int  # the round that is otherwise, if there is one


@attrs.frozen
class Quit:
    name: str


Statement: TypeAlias = Do1 | If | For | Quit
names = st.sampled_from(("a", "b", "c"))


def statements(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    block = st.lists(inner, max_size=2).map(tuple)
    return st.one_of(
        st.builds(If, names, block, block),
        st.builds(For, st.integers(1, 4), block, st.sampled_from(("never", "before", "after")), st.integers(0, 4)),
    )


programs = st.lists(
    st.recursive(st.one_of(st.builds(Do1, names), st.builds(Quit, names)), statements, max_leaves=5), max_size=4
).map(tuple)


def walk(body: tuple[Statement, ...]) -> Generator[Any, Any, bool]:
    """Go through the statements; True where the program quits."""
    for each in body:
        match each:
            case Do1(name=name):
                yield from suspend(name)
            case If(name=name, then=then, otherwise=otherwise):
                yes = yield from suspend(name)
                if (yield from walk(then if yes else otherwise)):
                    return True
            case Quit(name=name):
                if (yield from suspend(name)):
                    return True
            case For(times=times, body=inner, out=out, odd=odd):
                for n in range(times):
                    if out == "before" and (yield from suspend("stop")):
                        break
                    if n + 1 == odd:
                        yield from suspend("odd")
                    if (yield from walk(inner)):
                        return True
                    if out == "after" and (yield from suspend("stop")):
                        break
    return False


@workflow
def program(body: tuple[Statement, ...]) -> Do[bool]:
    return (yield from walk(body))


@settings(max_examples=300, deadline=None)
@given(programs)
def test_unfolding_gives_the_paths_of_the_diagram_back(body: tuple[Any, ...]) -> None:
    found = explore(program(body), max_paths=150)

    assert same_paths(found.tree)


@pytest.mark.parametrize("faults", [False, True], ids=["well", "faults"])
@pytest.mark.parametrize("name", REFERENCES)
def test_unfolding_gives_the_paths_of_the_reference_workflows_back(name: str, faults: bool) -> None:
    assert same_paths(explore(REFERENCES[name], faults=faults).tree)


# -- What is folded. ---------------------------------------------------------------------------------------------------


@attrs.frozen
class Review:
    verdict: Literal["yes", "no", "never"]
    urgent: bool
    notes: str


def rounds(effect: Effect[Any, Any], **options: Any) -> list[int]:
    """How often the loops of a plan may go round, the outermost first."""
    return [piece.times for piece in ordered(plan(effect, **options).folded)[::-1] if isinstance(piece, Rounds)]


@workflow
def polling(times: int) -> Do[str]:
    for _ in range(times):
        if (yield from suspend("done")):
            return "done"
    return "late"


@workflow
def reviewing(times: int) -> Do[str]:
    for _ in range(times):
        review = yield from ask("review", critic, "", Review)
        if review.urgent:
            yield from suspend("look")
        match review.verdict:
            case "yes":
                return "good"
            case "never":
                return "bad"
            case "no":
                yield from ask("write", writer, review.notes)
    return "late"


def test_a_loop_is_one_round_and_how_often() -> None:
    assert rounds(polling(20)) == [20]
    assert rounds(loop(0, lambda n: suspend("n", int), until=lambda n: n > 3, rounds=20)) == [20]


def test_the_last_round_may_look_at_nothing() -> None:
    """What a last review says changes nothing where the program goes on the same: it is a round all the same."""

    @workflow
    def lenient() -> Do[str]:
        for _ in range(5):
            yield from ask("write", writer, "")
            if (yield from suspend("good")):
                break
        return "done"

    assert rounds(lenient()) == [5]


def test_twenty_rounds_with_branches_and_ways_out_are_one_round_and_small() -> None:
    made = plan(reviewing(20))

    assert rounds(reviewing(20)) == [20]
    assert len(ordered(made.folded)) < 12


def test_where_combinations_are_too_many_the_rounds_are_one_all_the_same() -> None:
    made = plan(reviewing(20))

    assert made.cut == ("more than 1000 paths: every answer was followed once, not in all combinations",)
    assert not made.complete


def test_a_round_that_is_otherwise_is_not_folded_with_the_others() -> None:
    @workflow
    def third() -> Do[str]:
        for n in range(6):
            if n == 2:
                yield from suspend("odd")
            if (yield from suspend("done")):
                return "done"
        return "late"

    assert rounds(third()) == [2, 4]
    assert same_paths(explore(third()).tree)


@pytest.mark.parametrize("change", ["agent", "output", "end"])
def test_rounds_that_differ_in_what_they_do_are_not_one(change: str) -> None:
    @workflow
    def changing() -> Do[object]:
        for n in range(3):
            odd = n == 1
            asked: Effect[Any, Any] = ask(
                "write",
                critic if odd and change == "agent" else writer,
                "",
                Literal["yes", "no", "perhaps"] if odd and change == "output" else Literal["yes", "no"],
            )
            if (yield from asked) == "yes":
                return "else" if odd and change == "end" else "done"
        return "late"

    assert rounds(changing()) == []


def test_loops_fold_within_loops() -> None:
    @workflow
    def nested() -> Do[str]:
        for _ in range(4):
            for _ in range(3):
                if (yield from suspend("inner")):
                    break
            if (yield from suspend("outer")):
                return "done"
        return "late"

    assert rounds(nested()) == [4, 3]


def test_retries_fold_but_for_the_last_one_which_waits_for_no_other() -> None:
    @step
    def fragile() -> str:
        return ""

    assert rounds(retry(fragile(), Retry(attempts=9)), faults=True) == [8]


def test_equal_branches_side_by_side_fold() -> None:
    assert rounds(parallel(*(suspend("vote") for _ in range(7)))) == [7]


def test_a_long_program_folds_without_recursion() -> None:
    @workflow
    def long() -> Do[None]:
        for _ in range(5000):
            yield from suspend("one", str)
            yield from suspend("two", str)

    assert rounds(long()) == [5000]


def test_the_leaf_of_a_round_is_the_first_and_is_fed_as_all() -> None:
    @workflow
    def growing() -> Do[str]:
        text = "nothing"
        for _ in range(3):
            text = yield from ask("write", writer, f"Improve {text}.")
            if (yield from suspend("good")):
                break
        return text

    task = next(
        piece for piece in ordered(plan(growing()).folded) if isinstance(piece, Task) and piece.leaf.role == "ask"
    )

    assert task.leaf.key == "growing/write"
    assert task.leaf.feeds == ("growing/write", "growing/write#2")


def test_equal_tails_are_one_piece() -> None:
    @workflow
    def meeting() -> Do[str]:
        if (yield from suspend("left")):
            yield from suspend("a", str)
        else:
            yield from suspend("b", str)
        return (yield from suspend("end", str))

    tasks = [piece for piece in ordered(plan(meeting()).folded) if isinstance(piece, Task)]

    assert sorted(task.leaf.name for task in tasks) == ["a", "b", "end", "left"]


# -- Every answer once. ------------------------------------------------------------------------------------------------


def independent(count: int) -> Effect[Any, Any]:
    """Questions of which each decides about one more request."""

    @workflow
    def asking_all() -> Do[None]:
        for n in range(count):
            if (yield from suspend(f"q{n}")):
                yield from suspend(f"a{n}", str)

    return asking_all()


def test_answers_that_are_followed_once_are_joined_to_what_all_combinations_give() -> None:
    once, every = explore(independent(6), each=True), explore(independent(6))

    pool: Pool = {}
    assert once.paths < every.paths
    assert plain(settled(once.tree), pool) is plain(every.tree, pool)


def test_what_went_another_way_before_is_not_joined() -> None:
    @workflow
    def remembering() -> Do[str]:
        first, second = (yield from suspend("first")), (yield from suspend("second"))
        return f"{first} {second}"

    joined = settled(explore(remembering(), each=True).tree)

    assert any(isinstance(node, Looks) and node.missing for node in nodes(joined))


def test_questions_in_another_order_elsewhere_do_not_stop_it() -> None:
    @workflow
    def turned() -> Do[None]:
        order: list[str] = ["a", "b"] if (yield from suspend("turn")) else ["b", "a"]
        for name in order:
            if (yield from suspend(name)):
                yield from suspend(f"more-{name}", str)

    assert settled(explore(turned(), each=True).tree)
