# mypy: disable-error-code="unused-awaitable, empty-body"
"""What handles failures, what repeats, what takes back, and what shapes the keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Never, assert_type

from given import (
    F2,
    F3,
    F4,
    F5,
    F6,
    F7,
    F8,
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
    V7,
    V8,
    Draft,
    RateLimited,
    Refused,
    blob,
    e1,
    e2,
    e3,
    e4,
    e5,
    e6,
    e7,
    e8,
    grow,
    number,
    text,
    undo,
)

from perdure import (
    Effect,
    Exhausted,
    Fault,
    Retry,
    branch,
    compensate,
    ensure,
    fail,
    fallback,
    loop,
    pure,
    retry,
    saga,
    scope,
    sleep,
)

# program: fallback of two
assert_type(fallback(e1(), e2()), Effect[V1 | V2, F2])


# program: fallback of three
assert_type(fallback(e1(), e2(), e3()), Effect[V1 | V2 | V3, F3])


# program: fallback of four
assert_type(fallback(e1(), e2(), e3(), e4()), Effect[V1 | V2 | V3 | V4, F4])


# program: fallback of five
assert_type(fallback(e1(), e2(), e3(), e4(), e5()), Effect[V1 | V2 | V3 | V4 | V5, F5])


# program: fallback of six
assert_type(fallback(e1(), e2(), e3(), e4(), e5(), e6()), Effect[V1 | V2 | V3 | V4 | V5 | V6, F6])


# program: fallback of seven
assert_type(fallback(e1(), e2(), e3(), e4(), e5(), e6(), e7()), Effect[V1 | V2 | V3 | V4 | V5 | V6 | V7, F7])


# program: fallback of eight
assert_type(fallback(e1(), e2(), e3(), e4(), e5(), e6(), e7(), e8()), Effect[V1 | V2 | V3 | V4 | V5 | V6 | V7 | V8, F8])


# program: fallback to what cannot fail cannot fail
assert_type(fallback(number(), pure(0)), Effect[int, Never])


# program: fallback to the vague Fault is vague
assert_type(fallback(number(), text(), blob()), Effect[int | str | bytes, Fault])


# program: fallback over a list of one kind
def first_good(effects: Sequence[Effect[int, RateLimited]]) -> Effect[int, RateLimited]:
    return assert_type(fallback(*effects), Effect[int, RateLimited])


# program: a retried effect keeps its types
assert_type(retry(number()), Effect[int, RateLimited])
assert_type(retry(number(), Retry(attempts=5, on=RateLimited)), Effect[int, RateLimited])


# program: a finalizer adds nothing to the types
assert_type(ensure(number(), pure(None)), Effect[int, RateLimited])
assert_type(ensure(number(), sleep(timedelta(seconds=1))), Effect[int, RateLimited])


# program: a compensation adds nothing to the types
assert_type(compensate(number(), undo), Effect[int, RateLimited])
assert_type(compensate(number(), lambda n: pure(n + 1)), Effect[int, RateLimited])


# program: a saga keeps the types
assert_type(saga(number().bind(lambda n: text())), Effect[str, RateLimited | Refused])


# program: a scope keeps the types and takes notes of any kind
assert_type(scope("x", number(), why="y", cost=3), Effect[int, RateLimited])


# program: a branch unites both sides
assert_type(branch(True, number(), text()), Effect[int | str, RateLimited | Refused])


# program: a branch of which one side cannot fail
assert_type(branch(True, number(), pure("")), Effect[int | str, RateLimited])


# program: a loop may use up its rounds
assert_type(loop(0, grow, until=lambda n: n > 3, rounds=5), Effect[int, RateLimited | Exhausted[int]])


# program: a loop over a body that cannot fail may still use up its rounds
assert_type(loop(0, lambda n: pure(n + 1), until=lambda n: n > 3, rounds=5, name="grow"), Effect[int, Exhausted[int]])


# program: a loop carries an object
def better(draft: Draft) -> Effect[Draft, Refused]: ...


assert_type(loop(Draft(""), better, until=lambda d: bool(d.text), rounds=3), Effect[Draft, Refused | Exhausted[Draft]])


# program: a used-up loop gives back its last state
def settled(error: RateLimited | Exhausted[int]) -> Effect[int, RateLimited]:
    match error:
        case Exhausted(state, rounds):
            assert_type(state, int)
            assert_type(rounds, int)
            return pure(state)
        case RateLimited():
            return fail(error)


assert_type(loop(0, grow, until=lambda n: n > 3, rounds=5).lash(settled), Effect[int, RateLimited])
