"""A card never waits for another one at the end of a column; a new one is pulled when one leaves the board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import board
from returns.result import Failure, Success

from perdure import Defect, Effect, StepFault, fail, pure, sleep
from perdure.components import Halted, kanban
from perdure.testing import simulate

HOUR = timedelta(hours=1)


@attrs.frozen
class Card:
    """It takes so many hours in each column; where it takes none, it fails there."""

    name: str
    code: int = 1
    review: int = 1


def spend(hours: int, card: Card) -> Effect[Card, str]:
    return sleep(hours * HOUR).map(lambda _: card) if hours else fail("not done")


COLUMNS = {"code": lambda card: spend(card.code, card), "review": lambda card: spend(card.review, card)}


Spent = Mapping[str, tuple[int, int]]


def hours(cards: Sequence[Card], limit: int = 0, **limits: int) -> Spent:
    """When the work on a card in a column began and ended, by card and column."""
    sim = simulate(kanban(cards, COLUMNS, key=lambda card: card.name, limit=limit, limits=limits))
    start = min((record.began for record in sim.trace), default=None)
    spent = {}
    for record in sim.asked("sleep"):
        _, _, card, column, *_ = record.path.split("/")
        assert start is not None
        spent[f"{card} {column}"] = (record.began - start) // HOUR, (record.ended - start) // HOUR
    return spent


def test_a_card_moves_on_while_another_one_is_still_in_the_column_before() -> None:
    spent = hours([Card("slow", code=5), Card("fast")], limit=2)

    assert spent["fast review"] == (1, 2)
    assert spent["slow code"] == (0, 5)


def test_a_card_is_pulled_as_soon_as_another_one_leaves_the_board() -> None:
    spent = hours([Card("slow", code=5), Card("fast"), Card("next"), Card("last")], limit=2)

    assert (spent["next code"], spent["last code"]) == ((2, 3), (4, 5))


def test_a_card_that_fails_gives_its_place_free_and_takes_no_other_down() -> None:
    cards = [Card("bad", code=0), Card("poor", review=0), Card("good")]

    assert simulate(kanban(cards, COLUMNS, limit=1)).value() == [
        (cards[0], Failure(Halted("code", cards[0], "not done"))),
        (cards[1], Failure(Halted("review", cards[1], "not done"))),
        (cards[2], Success(cards[2])),
    ]


def test_each_card_ends_as_it_left_the_last_column_or_with_the_column_it_did_not_leave() -> None:
    ended = dict(simulate(board(["roof", "wall", "b.py"])).value())

    assert ended["roof"] == Success("published tidied built roof")
    assert ended["wall"] == Failure(Halted("code", "wall", StepFault("work", "OSError", "no bricks")))
    assert ended["b.py"] == Failure(Halted("tidy", "built b.py", StepFault("tidy", "OSError", "read-only")))


@pytest.mark.parametrize(("limit", "elapsed"), [(1, 6), (2, 4), (3, 2), (0, 2)])
def test_there_are_no_more_cards_on_the_board_than_the_limit(limit: int, elapsed: int) -> None:
    assert simulate(kanban([Card("a"), Card("b"), Card("c")], COLUMNS, limit=limit)).elapsed == elapsed * HOUR


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=6), st.integers(1, 3))
def test_no_place_is_ever_free_while_a_card_waits(work: list[tuple[int, int]], limit: int) -> None:
    cards = [Card(f"c{n}", code, review) for n, (code, review) in enumerate(work)]
    spent = hours(cards, limit)

    free = [0] * limit  # when each place is free again; the next card takes the one that is free first
    for card in cards:
        began = min(free)
        free[free.index(began)] = began + card.code + card.review
        assert spent[f"{card.name} code"] == (began, began + card.code)
        assert spent[f"{card.name} review"] == (began + card.code, began + card.code + card.review)


def test_an_empty_board_is_done() -> None:
    assert simulate(kanban([], {"code": pure})).value() == []


# -- Limits of columns. -----------------------------------------------------------------------------------------------


def test_a_column_never_holds_more_cards_than_its_limit_and_pulls_as_soon_as_it_has_room() -> None:
    spent = hours([Card("a"), Card("b", code=2, review=2), Card("c", code=2)], code=2, review=1)

    assert [spent[f"{card} code"] for card in "abc"] == [(0, 1), (0, 2), (1, 3)]
    assert [spent[f"{card} review"] for card in "abc"] == [(1, 2), (2, 4), (4, 5)]


def test_a_card_that_is_done_and_finds_the_next_column_full_keeps_its_place_and_no_heap_grows() -> None:
    spent = hours([Card("a", review=9), Card("b"), Card("c"), Card("d")], code=1, review=1)

    assert spent["b code"] == (1, 2)  # done, and then waiting for seven hours
    assert spent["c code"] == (10, 11)


def test_it_is_pull_and_no_barrier() -> None:
    """With a barrier after each column, or each pair of cards, the fast ones would wait for the slow one."""
    spent = hours([Card("slow", code=9), Card("b"), Card("c"), Card("d")], code=2, review=1)

    assert [spent[f"{card} review"] for card in "bcd"] == [(1, 2), (2, 3), (3, 4)]
    assert spent["slow review"] == (9, 10)


def test_who_has_waited_longest_is_pulled_first() -> None:
    spent = hours([Card("a", review=5), Card("b", code=3), Card("c", code=2)], review=1)

    assert [spent[f"{card} review"] for card in "acb"] == [(1, 6), (6, 7), (7, 8)]


def test_a_card_that_fails_makes_room_in_its_column() -> None:
    spent = hours([Card("bad", code=0), Card("good")], code=1, review=1)

    assert spent == {"good code": (0, 1), "good review": (1, 2)}


def test_the_limit_of_the_board_holds_beside_those_of_the_columns() -> None:
    spent = hours([Card("a"), Card("b"), Card("c")], limit=2, code=2, review=2)

    assert spent["c code"] == (2, 3)


def within(spent: Spent, column: str, cards: Sequence[Card], next: str | None) -> int:
    """The most cards that were in a column at once: each from its work there to its work in the next one."""
    stays = [
        (spent[f"{card.name} {column}"][0], spent[f"{card.name} {next or column}"][0 if next else 1]) for card in cards
    ]
    return max((sum(began <= at < left for began, left in stays) for at, _ in stays), default=0)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=7),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 4),
)
def test_no_limit_is_ever_exceeded_and_all_cards_get_through(
    work: list[tuple[int, int]], code: int, review: int, limit: int
) -> None:
    cards = [Card(f"c{n}", *spend) for n, spend in enumerate(work)]
    spent = hours(cards, limit, code=code, review=review)

    assert len(spent) == 2 * len(cards)
    assert within(spent, "code", cards, "review") <= (code or len(cards))
    assert within(spent, "review", cards, None) <= (review or len(cards))
    on_board = [(spent[f"{card.name} code"][0], spent[f"{card.name} review"][1]) for card in cards]
    assert all(sum(a <= at < b for a, b in on_board) <= (limit or len(cards)) for at, _ in on_board)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=7), st.integers(1, 3))
def test_a_place_in_the_last_column_is_never_free_while_a_card_waits_for_it(
    work: list[tuple[int, int]], review: int
) -> None:
    cards = [Card(f"c{n}", *spend) for n, spend in enumerate(work)]
    spent = hours(cards, review=review)

    free = [0] * review
    for card in sorted(cards, key=lambda card: spent[f"{card.name} review"][0]):
        ready = spent[f"{card.name} code"][1]
        began = max(ready, min(free))
        assert spent[f"{card.name} review"] == (began, began + card.review)
        free[free.index(min(free))] = began + card.review


def test_each_card_has_keys_of_its_own_whoever_came_before_it() -> None:
    paths = [record.path for record in simulate(board(["roof", "wall"])).trace]

    assert paths == [
        "board/kanban/all/roof/code/work",
        "board/kanban/all/wall/code/work",
        "board/kanban/all/roof/tidy/tidy",
        "board/kanban/all/roof/ship/publish",
    ]


def test_a_board_that_is_driven_again_begins_anew() -> None:
    effect = kanban([Card("a"), Card("b")], COLUMNS, limits={"code": 1})

    assert simulate(effect).value() == simulate(effect).value() == [(c, Success(c)) for c in (Card("a"), Card("b"))]


def test_a_board_without_columns_is_done_with_every_card() -> None:
    none: Mapping[str, Callable[[int], Effect[int, str]]] = {}

    assert simulate(kanban([1, 2], none)).value() == [(1, Success(1)), (2, Success(2))]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"limits": {"cod": 1}}, r"kanban\(limits={'cod': 1}\): .* one of \['code', 'review'\]"),
        ({"limits": {"code": -1}}, r"kanban\(limits={'code': -1}\)"),
        ({"limit": -1}, r"kanban\(limit=-1\)"),
        ({"key": lambda card: "same"}, "two cards with the key 'same'"),
        ({"key": lambda card: ""}, "two cards with the key ''"),
    ],
)
def test_limits_and_keys_that_cannot_be_are_refused(options: Any, told: str) -> None:
    with pytest.raises(Defect, match=told):
        simulate(kanban([Card("a"), Card("b")], COLUMNS, **options))
