# mypy: disable-error-code="unused-awaitable, empty-body"
"""What the methods of Effect do to the types of value and failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never, assert_type

from given import Broken, RateLimited, Refused, blob, flag, number, outside, text
from returns.maybe import Maybe
from returns.result import Failure, Result, Success

from perdure import Effect, Fault, Outcome, fail, pure

# program: an effect without a declared failure may fail with a Fault
assert_type(blob(), Effect[bytes, Fault])


# program: pure yields its value and cannot fail
assert_type(pure(1), Effect[int, Never])


# program: fail has no value
assert_type(fail(Refused()), Effect[Never, Refused])


# program: any value can be a failure
assert_type(fail("too late"), Effect[Never, str])


# program: map changes the value and keeps the failure
assert_type(number().map(str), Effect[str, RateLimited])


# program: bind unites the failures
assert_type(number().bind(lambda n: text()), Effect[str, RateLimited | Refused])


# program: nested binds unite the failures of all and see all values
assert_type(
    number().bind(lambda n: text().bind(lambda s: blob().map(lambda b: (n, s, b)))),
    Effect[tuple[int, str, bytes], RateLimited | Refused | Fault],
)


# program: bind after pure adds nothing to the failures
assert_type(pure(1).bind(lambda n: text()), Effect[str, Refused])


# program: bind of a pure function's effect keeps the failures
assert_type(number().bind(lambda n: pure(str(n))), Effect[str, RateLimited])


# program: two effects that cannot fail bind to one that cannot
assert_type(pure(1).bind(lambda n: pure("")), Effect[str, Never])


# program: bind accepts a conditional lambda of two kinds of effect
assert_type(flag().bind(lambda yes: number() if yes else pure(0)), Effect[int, RateLimited])


# program: bind to a failure leaves only failures
assert_type(number().bind(lambda n: fail(Broken())), Effect[Never, RateLimited | Broken])


# program: the vague Fault joins the precise failures
assert_type(blob().bind(lambda b: number()), Effect[int, Fault | RateLimited])


# program: lash removes the failure
assert_type(number().lash(lambda e: pure(0)), Effect[int, Never])


# program: lash unites both values and brings its own failure
assert_type(number().lash(lambda e: text()), Effect[int | str, Refused])


# program: lash sees the precise failure
assert_type(text().lash(lambda e: pure(e.reason)), Effect[str, Never])


# program: lash subtracts a failure by narrowing
def only_refused(error: RateLimited | Refused) -> Effect[str, Refused]:
    match error:
        case RateLimited():
            return pure("later")
        case _:
            return fail(error)


assert_type(number().bind(lambda n: text()).lash(only_refused), Effect[str, Refused])


# program: a handler that names every failure needs no default case
def settle(error: RateLimited | Refused | Broken) -> Effect[str, Broken]:
    match error:
        case RateLimited():
            return pure("later")
        case Refused(reason):
            return pure(reason)
        case Broken():
            return fail(error)


def three() -> Effect[int, RateLimited | Refused | Broken]:
    return number().bind(lambda n: text()).bind(lambda s: fail(Broken()))


assert_type(three().lash(settle), Effect[int | str, Broken])


# program: alt changes the failure and keeps the value
assert_type(number().alt(lambda e: Broken()), Effect[int, Broken])


# program: swap exchanges value and failure
assert_type(number().swap(), Effect[RateLimited, int])


# program: attempt makes the outcome a value
assert_type(number().attempt(), Effect[Outcome[int, RateLimited], Never])


# program: an attempted pure value can only have succeeded
assert_type(pure(1).attempt(), Effect[Outcome[int, Never], Never])


# program: apply unites the failures of value and function
def shout() -> Effect[Callable[[int], str], Refused]: ...


assert_type(number().apply(shout()), Effect[str, RateLimited | Refused])


# program: the or-operator keeps both values and the last failure
assert_type(number() | text(), Effect[int | str, Refused])


# program: a chain of or-operators keeps the last failure
assert_type(number() | text() | pure(b""), Effect[int | str | bytes, Never])


# program: bind_result unites the failure of a Result
assert_type(number().bind_result(outside), Effect[int, RateLimited | Refused])


# program: the constructors know what can happen
assert_type(Effect.from_value(1), Effect[int, Never])
assert_type(Effect.from_failure(Refused()), Effect[Never, Refused])
assert_type(Effect.from_result(outside(1)), Effect[int, Refused])


# program: nothing becomes the failure that was given for it
def looked_up(found: Maybe[int]) -> Effect[int, Refused]:
    return assert_type(Effect.from_maybe(found, Refused()), Effect[int, Refused])


# program: equals answers yes or no
assert_type(pure(1).equals(number()), bool)


# program: an outcome is matched exactly and completely
def told(outcome: Outcome[int, RateLimited]) -> str:
    match outcome:
        case Success(value):
            assert_type(value, int)
            return str(value)
        case Failure(error):
            assert_type(error, RateLimited)
            return "later"


# program: an outcome whose failures are named needs no default case
def told_apart(outcome: Outcome[int, RateLimited | Refused]) -> str:
    match outcome:
        case Success(value):
            return str(value)
        case Failure(RateLimited()):
            return "later"
        case Failure(error):
            assert_type(error, RateLimited | Refused)
            return "no"


# program: an outcome is a Result of returns
def as_result(outcome: Outcome[int, Refused]) -> Result[int, Refused]:
    return outcome


# program: a value of a subtype may stand for a wider one
def widened() -> Effect[object, RateLimited]:
    return number()


# program: fewer failures may stand for more
def more_failures() -> Effect[int, RateLimited | Refused]:
    return number()


# program: what cannot fail may stand for what can
def may_fail() -> Effect[int]:
    return pure(1)


# program: every fault may stand for the beginner's failure
def beginners() -> Effect[int]:
    return number()


# program: a list of effects that was annotated keeps values and failures
def mixed() -> list[Effect[int | str, RateLimited | Refused]]:
    effects: list[Effect[int | str, RateLimited | Refused]] = [number(), text()]
    return effects
