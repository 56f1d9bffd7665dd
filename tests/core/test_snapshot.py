"""Two moments of a program are equal only where nothing in the program can tell them apart."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from returns.result import Failure, Success

from perdure import Model, StepFault, ask, signal
from perdure.core import snapshot as snapshots
from perdure.core.machine import Machine
from perdure.core.snapshot import snapshot
from perdure.core.symbols import Oracle, synth

Body = Iterator[Any]


def after(steps: int, body: Body) -> Body:
    for _ in range(steps):
        next(body)
    return body


class Level(Enum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Point:
    x: int


@attrs.frozen
class Note:
    text: str
    urgent: bool


@attrs.define(slots=False)
class Open:
    x: int


@dataclass
class Pair:
    left: int
    right: list[int]


class Words(list[str]):
    pass


class Named(Exception):
    pass


class Nameless:
    """Compares by identity."""


def raised(error: Exception, note: str = "") -> Exception:
    with contextlib.suppress(type(error)):
        raise error
    if note:
        error.add_note(note)
    return error


def adder(n: int) -> Callable[[int], int]:
    return lambda m: n + m


def default(n: int) -> Callable[[int], int]:
    def add(m: int, by: int = n, *, times: int = n) -> int:
        return m + by * times

    return add


def walked(walk: Iterator[Any], steps: int) -> Iterator[Any]:
    return after(steps, walk)


@pytest.mark.parametrize(
    "made",
    [
        lambda: None,
        lambda: (1, 2.5, "a", b"b", True, range(3)),
        lambda: [1, [2, {"a": {3}}], frozenset({4}), deque([5])],
        lambda: datetime(2026, 1, 2, tzinfo=UTC),
        lambda: timedelta(minutes=3),
        lambda: Level.LOW,
        lambda: Point(1),
        lambda: Open(1),
        lambda: Pair(1, [2]),
        lambda: Words(["a"]),
        lambda: Success(Point(1)),
        lambda: Counter("aab"),
        lambda: raised(Named("no")),
        lambda: raised(ValueError("no"), "seen"),
        lambda: StepFault("build", "no", "it broke"),
        lambda: adder(3),
        lambda: default(3),
        lambda: functools.partial(adder, 3),
        lambda: [].append,
        lambda: Point(1).__eq__,
        lambda: dict[str, Point] | list[int],
        lambda: walked(iter([1, 2, 3]), 2),
        lambda: walked(enumerate(["a", "b"]), 1),
        lambda: walked(iter({1: 2, 3: 4}), 1),
        lambda: Model("anthropic/claude-sonnet-4-5"),
        lambda: ask("plan", Model("openai/gpt-5"), "Plan", Point),
        lambda: Machine(signal("go", int).map(lambda n: n + 1)),
    ],
)
def test_what_is_made_alike_is_equal(made: Callable[[], object]) -> None:
    one, two = snapshot(made()), snapshot(made())

    assert one is not None
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, 0.0),
        (0.0, -0.0),
        ("1", 1),
        ([1], (1,)),
        ([1, [2]], [[1], 2]),
        ([[1, 2]], [[1], 2]),
        ([], [[]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Level.LOW, Level.HIGH),
        (Point(1), Point(2)),
        (Point(1), Open(1)),
        (Open(1), SimpleNamespace(x=1)),
        (Pair(1, [2]), Pair(1, [3])),
        (Words(["a"]), ["a"]),
        (Success(1), Failure(1)),
        (raised(Named("a")), raised(Named("b"))),
        (raised(ValueError("a")), raised(ValueError("a"), "seen")),
        (StepFault("build", "no", "it broke"), StepFault("test", "no", "it broke")),
        (adder(1), adder(2)),
        (default(1), default(2)),
        (functools.partial(adder, 1), functools.partial(adder, 2)),
        ([1].append, [2].append),
        ([].append, [].pop),
        (list[int], list[str]),
        (int | str, int | None),
        (walked(iter([1, 2]), 0), walked(iter([1, 2]), 1)),
        (walked(iter(range(3)), 0), walked(iter(range(3)), 1)),
        (walked(zip([1, 2], [3, 4], strict=True), 0), walked(zip([1, 2], [3, 4], strict=True), 1)),
        ([iter({1: 0}), iter({2: 0})], [iter({1: 0}), iter({3: 0})]),
        (walked(map(str, [1, 1]), 0), walked(map(str, [1, 1]), 1)),
    ],
)
def test_what_differs_is_told_apart(one: object, other: object) -> None:
    assert snapshot(one) != snapshot(other)


@pytest.mark.parametrize(
    "made",
    [
        object,
        Nameless,
        random.Random,
        itertools.count,
        lambda: itertools.chain([1]),
        lambda: itertools.cycle([1]),
        lambda: array("i", [1]),
    ],
)
def test_what_compares_by_identity_or_cannot_be_seen_is_equal_to_itself_alone(made: Callable[[], object]) -> None:
    one, two = made(), made()

    assert snapshot([one]) == snapshot([one])
    assert snapshot([one]) != snapshot([two])


def test_sharing_is_part_of_what_is_held() -> None:
    one: list[int] = []
    other: list[int] = []

    assert snapshot((one, one)) == snapshot((other, other))
    assert snapshot((one, one)) != snapshot((one, other))
    assert snapshot((one, other, one)) != snapshot((one, other, other))


def test_what_holds_itself_comes_to_an_end() -> None:
    def knot() -> list[object]:
        held: list[object] = []
        held.append(held)
        return held

    assert snapshot(knot()) == snapshot(knot())


def straight() -> Body:
    yield 0
    yield 0


def looped() -> Body:
    for _ in (0, 0):
        yield 0


def summed() -> Body:
    _ = [(yield 0), (yield 0)]


def nested() -> Body:
    yield from looped()


def handled() -> Body:
    try:
        raise Named("first")
    except Named:
        yield 0
    try:
        raise Named("second")
    except Named:
        yield 0


def entered() -> Body:
    with contextlib.suppress(Named):
        yield 0
    yield 0


@pytest.mark.parametrize("body", [straight, looped, summed, nested, handled, entered])
def test_where_a_body_waits_and_what_it_has_begun_to_compute_is_told(body: Callable[[], Body]) -> None:
    assert snapshot(after(1, body())) != snapshot(after(2, body()))


def test_a_value_of_a_variable_is_not_taken_for_that_of_another() -> None:
    def either(left: bool) -> Body:
        if left:
            one = 1
        else:
            other = 1
        del left
        yield 0
        yield (one, other)

    assert snapshot(after(1, either(True))) != snapshot(after(1, either(False)))


def test_what_a_body_has_let_go_of_is_forgotten() -> None:
    def letting_go(n: int) -> Body:
        yield n
        del n
        yield 0

    assert snapshot(after(1, letting_go(1))) != snapshot(after(1, letting_go(2)))
    assert snapshot(after(2, letting_go(1))) == snapshot(after(2, letting_go(2)))


def test_what_a_function_of_a_body_changes_is_seen_in_the_body() -> None:
    def shared(n: int) -> Body:
        seen: list[int] = []

        def inner() -> Body:
            seen.append(n)
            yield 0

        yield from inner()
        yield seen

    def counting(n: int) -> Body:
        count = 0

        def inner() -> Body:
            nonlocal count
            count = n
            yield 0

        yield from inner()
        yield count

    for body in (shared, counting):
        one, two = after(2, body(1)), after(2, body(2))
        assert snapshot(one) != snapshot(two)


@pytest.mark.parametrize(
    "asked", [lambda note: note.urgent, lambda note: note.text == "a", lambda note: note.text + "b" == "c"]
)
def test_what_was_asked_of_a_placeholder_is_known_as_long_as_it_is_held(asked: Callable[[Note], bool]) -> None:
    def note(oracle: Oracle, *, looked: bool) -> Note:
        made: Note = synth(Note, "note", oracle)
        if looked:
            asked(made)
        return made

    oracles = [Oracle() for _ in range(3)]
    looked, too, not_yet = (note(oracle, looked=n < 2) for n, oracle in enumerate(oracles))

    assert snapshot(looked, apart=oracles[0]) == snapshot(too, apart=oracles[1])
    assert snapshot(looked, apart=oracles[0]) != snapshot(not_yet, apart=oracles[2])


def test_looking_asks_nothing_and_assumes_nothing() -> None:
    oracle = Oracle()
    held = [synth(hint, hint.__name__, oracle) for hint in (Note, str, int, datetime)]

    assert snapshot(held, apart=oracle) is not None
    assert (oracle.taken, oracle.assumed) == ([], {})


def test_what_is_too_much_to_look_at_has_no_snapshot() -> None:
    assert snapshot([[n] for n in range(20_000)]) is None


def test_a_python_that_hides_what_a_body_computes_takes_no_two_moments_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert snapshots._SEES_ALL
    monkeypatch.setattr(snapshots, "_SEES_ALL", False)

    assert snapshot(after(1, looped())) is None


def test_a_failure_that_a_machine_holds_is_told() -> None:
    def failing(why: str) -> Machine[Any, Any]:
        machine = Machine(signal("go", int).lash(lambda error: signal("after", str).map(lambda said: (said, error))))
        machine.reply("go", Failure(StepFault("go", why, why)))
        return machine

    assert snapshot(failing("a")) == snapshot(failing("a"))
    assert snapshot(failing("a")) != snapshot(failing("b"))
