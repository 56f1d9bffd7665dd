# mypy: disable-error-code="unused-awaitable, empty-body"
"""Side by side: each value keeps its place, all failures unite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Never, assert_type

from given import (
    F1,
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
    fetch,
    number,
    text,
)

from perdure import Effect, Fault, StepFault, TimedOut, for_each, parallel, parallel_map, pure, race, timeout

# program: parallel of two
assert_type(parallel(e1(), e2()), Effect[tuple[V1, V2], F1 | F2])


# program: parallel of three
assert_type(parallel(e1(), e2(), e3()), Effect[tuple[V1, V2, V3], F1 | F2 | F3])


# program: parallel of four
assert_type(parallel(e1(), e2(), e3(), e4()), Effect[tuple[V1, V2, V3, V4], F1 | F2 | F3 | F4])


# program: parallel of five
assert_type(parallel(e1(), e2(), e3(), e4(), e5()), Effect[tuple[V1, V2, V3, V4, V5], F1 | F2 | F3 | F4 | F5])


# program: parallel of six
assert_type(
    parallel(e1(), e2(), e3(), e4(), e5(), e6()),
    Effect[tuple[V1, V2, V3, V4, V5, V6], F1 | F2 | F3 | F4 | F5 | F6],
)


# program: parallel of seven
assert_type(
    parallel(e1(), e2(), e3(), e4(), e5(), e6(), e7()),
    Effect[tuple[V1, V2, V3, V4, V5, V6, V7], F1 | F2 | F3 | F4 | F5 | F6 | F7],
)


# program: parallel of eight
assert_type(
    parallel(e1(), e2(), e3(), e4(), e5(), e6(), e7(), e8()),
    Effect[tuple[V1, V2, V3, V4, V5, V6, V7, V8], F1 | F2 | F3 | F4 | F5 | F6 | F7 | F8],
)


# program: parallel takes a limit
assert_type(parallel(number(), text(), blob(), limit=2), Effect[tuple[int, str, bytes], RateLimited | Refused | Fault])


# program: parallel of a list of one kind
def all_of(effects: list[Effect[int, RateLimited]]) -> None:
    assert_type(parallel(*effects), Effect[tuple[int, ...], RateLimited])
    assert_type(parallel(*effects, limit=3), Effect[tuple[int, ...], RateLimited])


# program: parallel of nine of one kind
assert_type(parallel(e1(), e1(), e1(), e1(), e1(), e1(), e1(), e1(), e1()), Effect[tuple[V1, ...], F1])


# program: parallel of one
assert_type(parallel(number()), Effect[tuple[int, ...], RateLimited])


# program: parallel of effects of which one cannot fail
assert_type(parallel(number(), pure("")), Effect[tuple[int, str], RateLimited])


# program: parallel of effects that cannot fail
# pyright solves a union of two Never in the result of a function to Unknown.
assert_type(parallel(pure(1), pure("")), Effect[tuple[int, str], Never])  # pyright: ignore[reportAssertTypeFailure]


# program: parallel_map keeps the names
assert_type(parallel_map({"x": number(), "y": number()}), Effect[dict[str, int], RateLimited])
assert_type(parallel_map({1: number()}, limit=1), Effect[dict[int, int], RateLimited])


# program: parallel_map of annotated mixed effects
def named() -> Effect[dict[str, int | str], RateLimited | Refused]:
    effects: dict[str, Effect[int | str, RateLimited | Refused]] = {"n": number(), "t": text()}
    return assert_type(parallel_map(effects), Effect[dict[str, int | str], RateLimited | Refused])


# program: for_each applies a step
assert_type(for_each(["u"], fetch), Effect[list[str], StepFault])


# program: for_each applies a lambda and names the items
assert_type(for_each([1, 2], lambda n: text(), key=str, limit=2), Effect[list[str], Refused])


# program: for_each knows its items
assert_type(for_each({"a": 1}.items(), lambda kv: pure(kv), key=lambda kv: kv[0]), Effect[list[tuple[str, int]], Never])


# program: race of two
assert_type(race(e1(), e2()), Effect[V1 | V2, F1 | F2])


# program: race of three
assert_type(race(e1(), e2(), e3()), Effect[V1 | V2 | V3, F1 | F2 | F3])


# program: race of four
assert_type(race(e1(), e2(), e3(), e4()), Effect[V1 | V2 | V3 | V4, F1 | F2 | F3 | F4])


# program: race of five
assert_type(race(e1(), e2(), e3(), e4(), e5()), Effect[V1 | V2 | V3 | V4 | V5, F1 | F2 | F3 | F4 | F5])


# program: race of six
assert_type(race(e1(), e2(), e3(), e4(), e5(), e6()), Effect[V1 | V2 | V3 | V4 | V5 | V6, F1 | F2 | F3 | F4 | F5 | F6])


# program: race of seven
assert_type(
    race(e1(), e2(), e3(), e4(), e5(), e6(), e7()),
    Effect[V1 | V2 | V3 | V4 | V5 | V6 | V7, F1 | F2 | F3 | F4 | F5 | F6 | F7],
)


# program: race of eight
assert_type(
    race(e1(), e2(), e3(), e4(), e5(), e6(), e7(), e8()),
    Effect[V1 | V2 | V3 | V4 | V5 | V6 | V7 | V8, F1 | F2 | F3 | F4 | F5 | F6 | F7 | F8],
)


# program: race of a list of one kind
def first_of(effects: Sequence[Effect[int, RateLimited]]) -> Effect[int, RateLimited]:
    return assert_type(race(*effects), Effect[int, RateLimited])


# program: race of effects that cannot fail
# As for parallel: Never | Never is Unknown to pyright.
assert_type(race(pure(1), pure("")), Effect[int | str, Never])  # pyright: ignore[reportAssertTypeFailure]


# program: a timeout is one more failure
assert_type(timeout(number(), timedelta(seconds=5)), Effect[int, RateLimited | TimedOut])


# program: a timeout is the only failure of what cannot fail
assert_type(timeout(pure(1), timedelta(seconds=5)), Effect[int, TimedOut])


# program: a handled timeout leaves the type
assert_type(timeout(pure(1), timedelta(seconds=5)).lash(lambda late: pure(late.after)), Effect[int | timedelta, Never])
