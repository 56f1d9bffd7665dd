"""What is found is mended side by side; a fix that fails takes no other down; nothing counts before it is verified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest
from pattern_workflows import Review, clean
from returns.result import Failure, Success

from perdure import Effect, Exhausted, Fault, fail, pure, step
from perdure.components import Attempted, attempt_each, scan_fix_verify
from perdure.testing import after, each, simulate

NO, YES = Review(False, "no"), Review(True, "")
HOUR = timedelta(hours=1)


class Refused(Fault): ...


@step
def scan() -> list[int]:
    return [1, 2, 3]


@step
def fix(n: int) -> int:
    if n == 2:
        raise OSError("read-only")
    return -n


@step
def verify(fixes: int) -> Review:
    return YES


def verified(fixes: Sequence[Attempted[int, int, Any]]) -> Effect[Review, Any]:
    return verify(len(fixes))


def test_a_fix_that_fails_does_not_lose_those_of_its_siblings() -> None:
    (first, second, third) = simulate(scan_fix_verify(scan(), fix, verified)).value()

    assert (first, third) == ((1, Success(-1)), (3, Success(-3)))
    assert second[1].failure().error == "OSError"


def test_the_verifier_sees_which_fixes_failed() -> None:
    seen: list[Sequence[Attempted[int, int, Refused]]] = []

    def look(fixes: Sequence[Attempted[int, int, Refused]]) -> Effect[Review, Refused]:
        seen.append(fixes)
        return pure(YES)

    simulate(scan_fix_verify(pure([1, 0]), lambda n: pure(n) if n else fail(Refused()), look)).value()

    assert seen == [((1, Success(1)), (0, Failure(Refused())))]


@pytest.mark.parametrize(("limit", "hours"), [(1, 3), (2, 2), (3, 1), (0, 1)])
def test_fixes_run_side_by_side_within_the_bound(limit: int, hours: int) -> None:
    sim = simulate(scan_fix_verify(scan(), fix, verified, limit=limit), steps={"fix": after(HOUR, 0)})

    assert sim.elapsed == hours * HOUR


def test_the_fan_out_is_bounded_where_nobody_says_by_how_much() -> None:
    sim = simulate(scan_fix_verify(scan(), fix, verified), steps={"scan": list(range(17)), "fix": after(HOUR, 0)})

    assert sim.elapsed == 3 * HOUR


def test_a_first_scan_that_finds_nothing_ends_it_without_a_verdict() -> None:
    sim = simulate(scan_fix_verify(scan(), fix, verified), steps={"scan": []})

    assert sim.value() == []
    assert [record.name for record in sim.trace] == ["scan"]


def test_what_is_not_verified_is_scanned_and_fixed_again() -> None:
    sim = simulate(scan_fix_verify(scan(), fix, verified), steps={"scan": each([1, 2], [4]), "verify": each(NO, YES)})

    assert [finding for finding, _ in sim.value()] == [1, 2, 4]
    assert [record.given for record in sim.asked("verify")] == [{"fixes": 2}, {"fixes": 3}]


def test_what_was_rejected_is_not_a_success_because_a_later_scan_finds_nothing() -> None:
    sim = simulate(scan_fix_verify(scan(), fix, verified), steps={"scan": each([1], [], []), "verify": NO})

    assert sim.outcome == Failure(Exhausted([(1, Success(-1))], rounds=3))


def test_what_is_never_verified_is_exhausted_with_all_fixes() -> None:
    sim = simulate(scan_fix_verify(scan(), fix, verified, rounds=2), steps={"scan": [1], "verify": NO})

    assert sim.outcome == Failure(Exhausted([(1, Success(-1))] * 2, rounds=2))


def test_findings_are_known_by_their_keys() -> None:
    paths = [record.path for record in simulate(clean("src")).asked("tidy")]

    assert paths[:2] == ["clean/scan_fix_verify/all/src%2Fa.py/tidy", "clean/scan_fix_verify/all/src%2Fb.py/tidy"]


def test_a_scan_or_a_verifier_that_fails_ends_it() -> None:
    assert simulate(scan_fix_verify(fail(Refused()), fix, verified)).outcome == Failure(Refused())
    assert simulate(scan_fix_verify(scan(), fix, lambda _: fail(Refused()))).outcome == Failure(Refused())


@attrs.frozen
class Ticket:
    number: int


def test_attempts_keep_the_order_and_the_items_themselves() -> None:
    tickets = [Ticket(3), Ticket(1), Ticket(2)]

    done = simulate(attempt_each(tickets, lambda ticket: pure(ticket.number), limit=1)).value()

    assert done == [(Ticket(3), Success(3)), (Ticket(1), Success(1)), (Ticket(2), Success(2))]
