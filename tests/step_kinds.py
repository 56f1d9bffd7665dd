"""Steps of every kind, and what comes of each: on every interpreter the same."""

from __future__ import annotations

from typing import Any

import anyio
import attrs
from returns.future import future_safe
from returns.io import IOFailure, IOResult, IOSuccess, impure_safe
from returns.result import Failure, Result, Success, safe

from perdure import Effect, Fault, Op, StepFault, step


@attrs.frozen
class Refused(Fault):
    why: str


@step
def plain(n: int) -> int:
    return n + 1


@step
async def asynchronous(n: int) -> int:
    await anyio.sleep(0)
    return n + 1


@step
def typed(n: int) -> Result[int, Refused]:
    return Success(n + 1) if n else Failure(Refused("zero"))


@step
async def typed_later(n: int) -> Result[int, Refused]:
    return Success(n + 1) if n else Failure(Refused("zero"))


@step
@safe((ZeroDivisionError,))
def safely(n: int) -> int:
    return 2 // n


@step
@safe
def safely_anything(n: int) -> int:
    return 2 // n


@step
@impure_safe((ZeroDivisionError,))
def safely_outside(n: int) -> int:
    return 2 // n


@step
def outside(n: int) -> IOResult[int, Refused]:
    return IOSuccess(n + 1) if n else IOFailure(Refused("zero"))


@step
@future_safe((ZeroDivisionError,))
async def safely_later(n: int) -> int:
    return 2 // n


@step
def raises() -> int:
    raise OSError("disk on fire")


@step
def raises_what_it_declares(n: int) -> Result[int, Refused]:
    raise Refused("raised")


@attrs.frozen
class Dice(Op[int, Fault]):
    """An operation of one's own."""

    sides: int

    @property
    def output(self) -> Any:
        return int


OUTCOMES: list[tuple[Effect[Any, Any], Any]] = [
    (plain(1), Success(2)),
    (asynchronous(1), Success(2)),
    (typed(1), Success(2)),
    (typed(0), Failure(Refused("zero"))),
    (typed_later(0), Failure(Refused("zero"))),
    (safely(2), Success(1)),
    (safely_later(2), Success(1)),
    (safely_outside(2), Success(1)),
    (outside(1), Success(2)),
    (outside(0), Failure(Refused("zero"))),
    (raises(), Failure(StepFault("raises", "OSError", "disk on fire"))),
    (raises_what_it_declares(1), Failure(Refused("raised"))),
    (
        safely_anything(0),
        Failure(StepFault("safely_anything", "ZeroDivisionError", "integer division or modulo by zero")),
    ),
]
