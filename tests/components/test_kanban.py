"""A card never waits for another one at the end of a column; a new one is pulled when one leaves the board."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import board
from returns.result import Failure, Success

from perdure import Effect, StepFault, fail, pure, sleep
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


def hours(cards: Sequence[Card], limit: int) -> dict[str, tuple[int, int]]:
    """When the work on a card in a column began and ended, by card and column."""
    sim = simulate(kanban(cards, COLUMNS, key=lambda card: card.name, limit=limit))
    start = min((record.began for record in sim.trace), default=None)
    spent = {}
    for record in sim.asked("sleep"):
        _, _, card, _, column, *_ = record.path.split("/")
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
