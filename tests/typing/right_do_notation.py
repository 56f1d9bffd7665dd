# mypy: disable-error-code="unused-awaitable, empty-body"
"""`@workflow` over generators: every `yield from` has the value's type, and the failures are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Never, Protocol, assert_type

from given import Draft, RateLimited, Refused, Review, T, blob, draft, fetch, flag, number, review, text
from returns.result import Failure, Success

from perdure import Do, Effect, Fault, StepFault, parallel, pure, timeout, workflow


# program: a workflow has the declared value and failures
@workflow
def declared(x: int, *, y: str = "") -> Do[str, RateLimited | Refused]:
    n = yield from number()
    assert_type(n, int)
    s = yield from text()
    assert_type(s, str)
    return s + y


assert_type(declared(1), Effect[str, RateLimited | Refused])
assert_type(declared(x=1, y="z"), Effect[str, RateLimited | Refused])


# program: a workflow keeps its signature
class Declared(Protocol):
    def __call__(self, x: int, *, y: str = "") -> Effect[str, RateLimited | Refused]: ...


kept: Declared = declared


# program: a workflow without declared failures may fail with any Fault
@workflow
def beginner(x: int) -> Do[str]:
    s = yield from declared(x)
    return s + str((yield from blob())) + (yield from fetch("u"))


assert_type(beginner(1), Effect[str, Fault])


# program: a workflow that cannot fail
@workflow
def certain() -> Do[int, Never]:
    yes = yield from flag()
    return int(yes)


assert_type(certain(), Effect[int, Never])


# program: a workflow that yields nothing
@workflow
def silent() -> Do[None, RateLimited]:
    yield from number()


assert_type(silent(), Effect[None, RateLimited])


# program: a workflow may declare more than happens
@workflow
def careful() -> Do[int, RateLimited | Refused]:
    return (yield from number())


assert_type(careful(), Effect[int, RateLimited | Refused])


# program: a workflow with options keeps its signature
@workflow(name="other")
def renamed(x: int, *, y: str = "") -> Do[int, RateLimited]:
    return (yield from number())


assert_type(renamed(1, y="z"), Effect[int, RateLimited])


# program: plain control flow over precise values
@workflow
def looping(limit: int) -> Do[list[Draft], RateLimited | Refused]:
    drafts: list[Draft] = []
    while len(drafts) < limit:
        found = yield from draft(None)
        if (yield from review(found)).approved:
            drafts.append(found)
    return drafts


# program: an attempt is matched completely
@workflow
def matched() -> Do[int, Never]:
    match (yield from number().attempt()):
        case Success(value):
            assert_type(value, int)
            return value
        case Failure(error):
            assert_type(error, RateLimited)
            return 0


# program: a matched failure that is passed on is the one declared
@workflow
def passed_on() -> Do[int, Refused]:
    match (yield from number().bind(lambda n: text()).attempt()):
        case Success(value):
            assert_type(value, str)
            return len(value)
        case Failure(error):
            match error:
                case RateLimited():
                    return 0
                case Refused():
                    assert_type(error, Refused)
                    raise error


# program: values of a parallel are unpacked precisely
@workflow
def unpacked() -> Do[str, RateLimited | Refused]:
    n, s = yield from parallel(number(), text())
    assert_type(n, int)
    assert_type(s, str)
    return s * n


# program: an optional value is narrowed
@workflow
def narrowed(find: Callable[[], Effect[Draft | None, Never]]) -> Do[str, Never]:
    found = yield from find()
    return "" if found is None else found.text


# program: a helper without a decorator is inlined
def helper(n: int) -> Do[str, Refused]:
    s = yield from text()
    return s * n


@workflow
def inlining() -> Do[str, Refused]:
    s = yield from helper(2)
    assert_type(s, str)
    return s


# program: a workflow calls itself
@workflow
def recursive(n: int) -> Do[int, RateLimited]:
    if n == 0:
        return 0
    more = yield from recursive(n - 1)
    return more + (yield from number())


# program: a method is a workflow
class Crew:
    @workflow
    def draw(self, hint: str = "") -> Do[Draft, RateLimited]:
        return (yield from draft(hint))

    @staticmethod
    @workflow
    def check(found: Draft) -> Do[Review, Refused]:
        return (yield from review(found))

    @classmethod
    @workflow
    def named(cls, name: str) -> Do[str, Refused]:
        return name + (yield from text())

    @workflow
    def both(self) -> Do[Review, RateLimited | Refused]:
        return (yield from self.check((yield from self.draw("x"))))


assert_type(Crew().draw("x"), Effect[Draft, RateLimited])
assert_type(Crew().draw(hint="x"), Effect[Draft, RateLimited])
assert_type(Crew.check(Draft("")), Effect[Review, Refused])
assert_type(Crew.named("x"), Effect[str, Refused])
assert_type(Crew().both(), Effect[Review, RateLimited | Refused])


# program: a workflow in a function sees its surroundings
def make(prefix: str) -> Callable[[int], Effect[str, Refused]]:
    @workflow
    def inner(n: int) -> Do[str, Refused]:
        return prefix * n + (yield from text())

    return inner


# program: a generic workflow
@workflow
def twice(effect: Effect[T, RateLimited]) -> Do[tuple[T, T], RateLimited]:
    first = yield from effect
    second = yield from effect
    return first, second


assert_type(twice(number()), Effect[tuple[int, int], RateLimited])
assert_type(twice(pure("")), Effect[tuple[str, str], RateLimited])


# program: a call of a workflow composes as any effect does
assert_type(declared(1).map(len), Effect[int, RateLimited | Refused])
assert_type(declared(1) | pure(0), Effect[str | int, Never])
assert_type(timeout(certain(), timedelta(days=1)).attempt().map(lambda o: isinstance(o, Success)), Effect[bool, Never])


# program: a failure is caught around the yield and stays declared
@workflow
def catching() -> Do[int, RateLimited]:
    try:
        return (yield from number())
    except RateLimited:
        return 0


# program: a declared fault may be raised
@workflow
def raising() -> Do[int, Refused]:
    yes = yield from flag()
    if not yes:
        raise Refused("no")
    return 1


# program: a step's failures are those of its Result and the StepFault
@workflow
def stepping(urls: Iterator[str]) -> Do[list[str], StepFault]:
    pages: list[str] = []
    for url in urls:
        pages.append((yield from fetch(url)))
    return pages


# program: a union of all failures of both branches
@workflow
def branching(yes: bool) -> Do[int | str, RateLimited | Refused]:
    if yes:
        return (yield from number())
    return (yield from text())


assert_type(branching(True), Effect[int | str, RateLimited | Refused])
