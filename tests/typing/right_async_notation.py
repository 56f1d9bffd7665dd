# mypy: disable-error-code="unused-awaitable, empty-body"
"""`@workflow` over `async def`: the value stays precise, the failure is any Fault."""

from __future__ import annotations

from typing import Protocol, assert_type

from given import Draft, RateLimited, Refused, T, draft, fetch, number, review, text
from returns.result import Failure, Success

from perdure import Do, Effect, Fault, parallel, workflow


# program: awaiting an effect yields its value
@workflow
async def awaiting(x: int) -> str:
    n = await number()
    assert_type(n, int)
    return str(n + x)


assert_type(awaiting(1), Effect[str, Fault])


# program: a named async workflow
@workflow(name="other")
async def renamed(x: int, *, y: str = "") -> list[str]:
    return [y + await text() for _ in range(await number())]


assert_type(renamed(1, y="z"), Effect[list[str], Fault])


# program: an async workflow keeps its signature
class Renamed(Protocol):
    def __call__(self, x: int, *, y: str = "") -> Effect[list[str], Fault]: ...


kept: Renamed = renamed


# program: an async workflow that yields nothing
@workflow
async def silent() -> None:
    await number()


assert_type(silent(), Effect[None, Fault])


# program: an async method is a workflow
class Crew:
    @workflow
    async def draw(self, hint: str = "") -> Draft:
        return await draft(hint)


assert_type(Crew().draw("x"), Effect[Draft, Fault])


# program: a generic async workflow
@workflow
async def twice(effect: Effect[T, RateLimited]) -> tuple[T, T]:
    return await effect, await effect


assert_type(twice(number()), Effect[tuple[int, int], Fault])


# program: an awaited attempt is matched completely
@workflow
async def matched() -> int:
    match await number().attempt():
        case Success(value):
            assert_type(value, int)
            return value
        case Failure(error):
            assert_type(error, RateLimited)
            return 0


# program: an awaited parallel is unpacked precisely
@workflow
async def unpacked() -> str:
    n, s = await parallel(number(), text())
    assert_type(s, str)
    return s * n


# program: the notations call each other
@workflow
def generating() -> Do[str]:
    return (yield from awaiting(1)) + (yield from fetch("u"))


@workflow
async def calling() -> str:
    return await generating()


assert_type(calling(), Effect[str, Fault])


# program: an async helper is inlined
async def helper(found: Draft) -> bool:
    return (await review(found)).approved


@workflow
async def inlining() -> bool:
    yes = await helper(await draft(None))
    assert_type(yes, bool)
    return yes


# program: a failure is caught around the await
@workflow
async def catching() -> str:
    try:
        return await text()
    except Refused as refused:
        return refused.reason
