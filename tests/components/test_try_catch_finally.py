"""Failures are caught, and the last part comes after everything, however it went."""

from __future__ import annotations

import pytest
from pattern_workflows import cancel, careful, pay
from returns.result import Failure

from perdure import Defect, Effect, Fault, fail, pure
from perdure.components import try_catch_finally
from perdure.testing import simulate

CLOSE = cancel("it").attempt()


class Refused(Fault): ...


class Worse(Fault): ...


def test_a_body_that_succeeds_is_not_caught_and_the_last_part_comes_after_it() -> None:
    sim = simulate(careful("seat"), steps={"pay": "paid"})

    assert sim.value() == "paid"
    assert [record.path for record in sim.trace] == [
        "careful/try_catch_finally/try/pay",
        "careful/try_catch_finally/finally/cancel",
    ]


def test_a_failure_is_caught_and_the_last_part_comes_after_the_catcher() -> None:
    sim = simulate(careful("seat"))

    assert sim.value() == "published card refused"
    assert [record.name for record in sim.trace] == ["pay", "publish", "cancel"]


def test_the_last_part_comes_after_a_catcher_that_fails_too() -> None:
    sim = simulate(try_catch_finally(pay([]), catch=lambda _: fail(Worse()), finally_=CLOSE))

    assert sim.outcome == Failure(Worse())
    assert sim.count("cancel") == 1


def test_what_a_catcher_does_not_want_it_fails_with_again() -> None:
    def only_refused(error: Refused | Worse) -> Effect[str, Worse]:
        return pure("caught") if isinstance(error, Refused) else fail(error)

    assert simulate(try_catch_finally(fail(Refused()), catch=only_refused, finally_=CLOSE)).value() == "caught"
    assert simulate(try_catch_finally(fail(Worse()), catch=only_refused, finally_=CLOSE)).outcome == Failure(Worse())


def test_a_last_part_that_fails_changes_nothing_about_the_end() -> None:
    sim = simulate(careful("seat"), steps={"cancel": OSError("closed")})

    assert sim.value() == "published card refused"


def test_a_bug_is_not_caught() -> None:
    def wrong(error: object) -> Effect[str, Worse]:
        raise AssertionError("a bug was handed to a catcher")

    broken = pure(0).map(lambda n: 1 // n)

    with pytest.raises(Defect, match="ZeroDivisionError"):
        simulate(try_catch_finally(broken, catch=wrong, finally_=CLOSE))
