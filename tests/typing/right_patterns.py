# mypy: disable-error-code="unused-awaitable, empty-body"
"""Patterns as users write them: generic in the caller's own values and failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, Never, Protocol, TypeAlias, assert_type

import attrs
from given import (
    Broken,
    Draft,
    Plan,
    RateLimited,
    Refused,
    Review,
    Score,
    Verdict,
    blob,
    draft,
    number,
    review,
    score,
    text,
    writer,
)
from returns.result import Failure, Success
from typing_extensions import TypeVar

from perdure import (
    Agent,
    Approved,
    Denied,
    Do,
    Effect,
    Exhausted,
    Expired,
    Fault,
    Op,
    Outcome,
    StepFault,
    approval,
    ask,
    compensate,
    fail,
    fallback,
    for_each,
    parallel,
    parallel_map,
    pure,
    retry,
    saga,
    scope,
    step,
    workflow,
)

A = TypeVar("A")
B = TypeVar("B")
D = TypeVar("D")
T = TypeVar("T")
R = TypeVar("R")
V = TypeVar("V")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True, default=Fault)


# program: a review loop keeps the caller's draft and failures
@workflow
def review_loop(
    produce: Callable[[str | None], Effect[D, E1]], check: Callable[[D], Effect[Verdict, E2]], *, rounds: int = 5
) -> Do[D, E1 | E2]:
    found = yield from produce(None)
    for _ in range(rounds - 1):
        verdict = yield from check(found)
        if verdict.approved:
            break
        found = yield from produce(verdict.feedback)
    return found


assert_type(review_loop(draft, review, rounds=3), Effect[Draft, RateLimited | Refused])


# program: a review loop over lambdas
assert_type(review_loop(lambda f: draft(f), lambda d: review(d)), Effect[Draft, RateLimited | Refused])


# program: a review loop that runs out says so
@workflow
def strict_loop(
    produce: Callable[[str | None], Effect[D, E1]], check: Callable[[D], Effect[Verdict, E2]], *, rounds: int = 5
) -> Do[D, E1 | E2 | Exhausted[D]]:
    found = yield from produce(None)
    for _ in range(rounds):
        verdict = yield from check(found)
        if verdict.approved:
            return found
        found = yield from produce(verdict.feedback)
    return (yield from fail(Exhausted(found, rounds)))


assert_type(strict_loop(draft, review), Effect[Draft, RateLimited | Refused | Exhausted[Draft]])


# program: an optimizer accepts any class that has a score
class Scored(Protocol):
    @property
    def score(self) -> float: ...
    @property
    def feedback(self) -> str: ...


@workflow
def optimizer(
    generate: Callable[[str | None], Effect[D, E1]], evaluate: Callable[[D], Effect[Scored, E2]], *, target: float
) -> Do[D, E1 | E2]:
    best = yield from generate(None)
    top = yield from evaluate(best)
    while top.score < target:
        best = yield from generate(top.feedback)
        top = yield from evaluate(best)
    return best


assert_type(optimizer(draft, score, target=0.9), Effect[Draft, RateLimited | Refused])


# program: a panel of named opinions and a moderator
@workflow
def panel(
    panelists: Mapping[str, Effect[A, E1]], moderate: Callable[[dict[str, A]], Effect[B, E2]], *, limit: int = 0
) -> Do[B, E1 | E2]:
    opinions = yield from parallel_map(panelists, limit=limit)
    return (yield from moderate(opinions))


assert_type(panel({"sec": number(), "perf": number()}, lambda opinions: text()), Effect[str, RateLimited | Refused])


# program: a debate with three kinds of speech
@workflow
def debate(
    pro: Callable[[Sequence[tuple[A, B]]], Effect[A, E1]],
    con: Callable[[Sequence[tuple[A, B]]], Effect[B, E2]],
    judge: Callable[[Sequence[tuple[A, B]]], Effect[V, E3]],
    *,
    rounds: int = 2,
) -> Do[V, E1 | E2 | E3]:
    said: list[tuple[A, B]] = []
    for _ in range(rounds):
        said.append((yield from parallel(pro(tuple(said)), con(tuple(said)))))
    return (yield from judge(said))


assert_type(
    debate(lambda said: number(), lambda said: text(), lambda said: blob()),
    Effect[bytes, RateLimited | Refused | Fault],
)


# program: an escalation that ends with a human cannot fail
@workflow
def escalation(levels: Sequence[Effect[A, Any]], *, good: Callable[[A], bool], human: Effect[A, E2]) -> Do[A, E2]:
    for n, level in enumerate(levels):
        match (yield from scope(f"level-{n}", level).attempt()):
            case Success(answer) if good(answer):
                return answer
            case _:
                pass
    return (yield from scope("human", human))


assert_type(escalation([number(), number()], good=lambda n: n > 0, human=pure(0)), Effect[int, Never])


# program: a supervisor keeps what its workers could not do
@workflow
def supervisor(
    plan: Effect[Sequence[T], E1],
    work: Callable[[T], Effect[R, Any]],
    again: Callable[[Sequence[tuple[T, R | None]]], Effect[Sequence[T], E3]],
) -> Do[list[tuple[T, R | None]], E1 | E3]:
    todo = yield from plan
    results: list[tuple[T, R | None]] = []
    while todo:
        done = yield from for_each(todo, lambda i: fallback(work(i), pure(None)))
        results += zip(todo, done, strict=True)
        todo = yield from again(results)
    return results


def tasks() -> Effect[Sequence[str], RateLimited]: ...
def redo(done: Sequence[tuple[str, str | None]]) -> Effect[Sequence[str], Broken]: ...


assert_type(supervisor(tasks(), lambda task: text(), redo), Effect[list[tuple[str, str | None]], RateLimited | Broken])


# program: a saga over a list of compensated steps
@workflow
def saga_of(*steps: Effect[A, E1]) -> Do[list[A], E1]:
    done: list[A] = []
    for action in steps:
        done.append((yield from action))
    return done


assert_type(saga(saga_of(compensate(number(), lambda n: pure(None)), number())), Effect[list[int], RateLimited])


# program: a gate on what a person decides
@workflow
def gated(found: D, then: Callable[[D], Effect[A, E1]]) -> Do[A, E1 | Refused | Expired]:
    match (yield from approval("publish", show=found, expires=timedelta(days=2))):
        case Approved():
            return (yield from then(found))
        case Denied(note=why):
            return (yield from fail(Refused(why)))


assert_type(gated(Draft(""), lambda d: number()), Effect[int, RateLimited | Refused | Expired])


# program: a combinator of effects that is no workflow
def or_else(effect: Effect[A, Any], value: B) -> Effect[A | B, Never]:
    return effect.lash(lambda _: pure(value))


assert_type(or_else(number(), "none"), Effect[int | str, Never])


# program: a combinator keeps the failure that it does not handle
def patiently(effect: Effect[A, E1]) -> Effect[A, E1 | StepFault]:
    return retry(effect).bind(lambda value: ask("log", writer, "p").map(lambda _: value))


assert_type(patiently(number()), Effect[int, RateLimited | StepFault])


# program: a service asked for by what it can do
class Store(Protocol):
    def load(self, name: str, /) -> Effect[Draft, RateLimited]: ...
    def save(self, found: Draft, /) -> Effect[None, Refused]: ...


class Disk:
    @workflow
    def load(self, name: str) -> Do[Draft, RateLimited]:
        return (yield from draft(name))

    def save(self, found: Draft) -> Effect[None, Refused]:
        return text().map(lambda _: None)


@workflow
def rewrite(store: Store, name: str) -> Do[Draft, RateLimited | Refused]:
    found = yield from store.load(name)
    yield from store.save(found)
    return found


assert_type(rewrite(Disk(), "x"), Effect[Draft, RateLimited | Refused])


# program: a generic class holds effects
@attrs.frozen
class Stage(Generic[A_co, E_co]):
    name: str
    work: Effect[A_co, E_co]

    def run(self) -> Effect[A_co, E_co]:
        return scope(self.name, self.work)


assert_type(Stage("one", number()).run(), Effect[int, RateLimited])


# program: steps that depend on an agent given as a value
class Crew:
    def __init__(self, writer: Agent, critic: Agent) -> None:
        self.writer = writer
        self.critic = critic

    @workflow
    def plan(self, goal: str) -> Do[Plan, StepFault]:
        plan = yield from ask("plan", [self.writer, self.critic], goal, Plan)
        assert_type(plan, Plan)
        return plan


assert_type(Crew(writer, writer).plan("x"), Effect[Plan, StepFault])


# program: an operation of one's own
@attrs.frozen
class Roll(Op[int, Never]):
    sides: int = 6

    @property
    def output(self) -> Any:
        return int


assert_type(Roll().map(str), Effect[str, Never])
assert_type(parallel(Roll(), number()), Effect[tuple[int, int], RateLimited])


# program: an operation of one's own in a workflow
@workflow
def rolled(times: int) -> Do[list[int], Never]:
    return (yield from for_each(range(times), lambda n: Roll(n)))


# program: an operation of one's own that is generic
@attrs.frozen
class Query(Op[A_co, Refused]):
    table: str
    row: type[A_co]


assert_type(Query("drafts", Draft).map(lambda d: d.text), Effect[str, Refused])


# program: an operation of one's own that is named by a field
@attrs.frozen
class Search(Op[list[str], Refused]):
    # pyright takes a field for less than the property that it overrides, even where nobody can set it.
    name: str  # pyright: ignore[reportIncompatibleMethodOverride]


assert_type(Search("web").map(len), Effect[int, Refused])


# program: names for effects and functions
Work: TypeAlias = "Effect[Draft, RateLimited | Refused]"
Worker: TypeAlias = Callable[[str], Work]


def worker(text: str) -> Work:
    return draft(text)


chosen: Worker = worker


# program: a function over outcomes
def succeeded(outcomes: Sequence[Outcome[A, E1]]) -> tuple[list[A], list[E1]]:
    values: list[A] = []
    errors: list[E1] = []
    for outcome in outcomes:
        match outcome:
            case Success(value):
                values.append(value)
            case Failure(error):
                errors.append(error)
    return values, errors


assert_type(for_each([1, 2], lambda n: text().attempt()).map(succeeded), Effect[tuple[list[str], list[Refused]], Never])


# program: a step made in a function
def fetcher(prefix: str) -> Callable[[str], Effect[str, StepFault]]:
    @step(name="fetch")
    async def get(url: str) -> str: ...

    return get


# program: higher orders keep the parameters they know
def logged(work: Callable[[A], Effect[B, E1]]) -> Callable[[A], Effect[B, E1]]:
    def wrapped(given: A) -> Effect[B, E1]:
        return scope("logged", work(given))

    return wrapped


assert_type(logged(review)(Draft("")), Effect[Review, Refused])
assert_type(logged(score)(Draft("")), Effect[Score, Refused])
