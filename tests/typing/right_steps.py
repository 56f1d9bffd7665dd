# mypy: disable-error-code="unused-awaitable, empty-body"
"""`@step` and `ask`: the parameters stay, the value is found, what a Result declares becomes the failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal, Never, Protocol, assert_type

import attrs
from given import Box, Broken, Draft, Plan, Refused, T, critic, fetch, writer
from returns.future import FutureResult, future_safe
from returns.io import IOResult, impure_safe
from returns.result import Result, safe

from perdure import (
    Agent,
    Do,
    Effect,
    Estimate,
    Outcome,
    Retry,
    Scripted,
    Span,
    StepFault,
    ask,
    plan,
    prompt,
    step,
    workflow,
)
from perdure import Plan as Planned


# program: a plain function
@step
def count(url: str) -> int: ...


assert_type(count("u"), Effect[int, StepFault])


# program: a coroutine function
@step
async def count_async(url: str) -> int: ...


assert_type(count_async("u"), Effect[int, StepFault])


# program: a function that returns nothing
@step
def send(url: str) -> None: ...


assert_type(send("u"), Effect[None, StepFault])


# program: a function with an optional value
@step
def find(url: str) -> Draft | None: ...


assert_type(find("u"), Effect[Draft | None, StepFault])


# program: a Result becomes value and failure
@step
def parse(text: str) -> Result[int, Refused]: ...


assert_type(parse("1"), Effect[int, Refused | StepFault])


# program: a Result with several failures
@step
def parse_more(text: str) -> Result[int, Refused | Broken]: ...


assert_type(parse_more("1"), Effect[int, Refused | Broken | StepFault])


# program: a coroutine function with a Result
@step
async def parse_async(text: str) -> Result[int, Refused | Broken]: ...


assert_type(parse_async("1"), Effect[int, Refused | Broken | StepFault])


# program: a function with a FutureResult
@step
def parse_later(text: str) -> FutureResult[int, Refused]: ...


assert_type(parse_later("1"), Effect[int, Refused | StepFault])


# program: a function with an IOResult
@step
def parse_outside(text: str) -> IOResult[int, Refused]: ...


assert_type(parse_outside("1"), Effect[int, Refused | StepFault])


# program: a function that does I/O made safe
@step(repeat="pure")
@impure_safe((ValueError,))
def parse_impure(text: str) -> int: ...


assert_type(parse_impure("1"), Effect[int, ValueError | StepFault])


# program: a coroutine function made safe
@step
@future_safe((ValueError,))
async def parse_future(text: str) -> int: ...


assert_type(parse_future("1"), Effect[int, ValueError | StepFault])


# program: a function made safe for one exception
@step
@safe((ValueError,))
def parse_safe(text: str) -> int: ...


assert_type(parse_safe("1"), Effect[int, ValueError | StepFault])


# program: a function made safe for all exceptions
@step
@safe
def parse_safest(text: str) -> int: ...


assert_type(parse_safest("1"), Effect[int, Exception | StepFault])


# program: positional, defaulted and keyword-only parameters stay
@step
def deploy(image: str, zone: str = "eu", *, dry: bool = False, **labels: str) -> int: ...


class Deploys(Protocol):
    def __call__(self, image: str, zone: str = "eu", *, dry: bool = False, **labels: str) -> Effect[int, StepFault]: ...


same: Deploys = deploy
assert_type(deploy("web"), Effect[int, StepFault])
assert_type(deploy("web", "us", dry=True, team="a"), Effect[int, StepFault])
assert_type(deploy(image="web", zone="us"), Effect[int, StepFault])


# program: many positional arguments stay
@step
def total(first: int, *more: int) -> int: ...


assert_type(total(1, 2, 3), Effect[int, StepFault])


# program: a generic function stays generic
@step
def boxed(value: T) -> Box[T]: ...


assert_type(boxed(1), Effect[Box[int], StepFault])
assert_type(boxed("a"), Effect[Box[str], StepFault])


# program: every option keeps the signature
@step(name="load", retry=Retry(), timeout=timedelta(seconds=5), repeat="idempotent", version="2")
def load(url: str, *, tries: int = 1) -> str: ...


assert_type(load("u", tries=2), Effect[str, StepFault])


# program: no option keeps the signature
@step()
def plainly(url: str, *, tries: int = 1) -> str: ...


assert_type(plainly("u", tries=2), Effect[str, StepFault])


# program: options on a coroutine function
@step(retry=Retry(attempts=5, on=(OSError, ValueError)))
async def load_async(url: str) -> bytes: ...


assert_type(load_async("u"), Effect[bytes, StepFault])


# program: options on a function with a Result
@step(repeat="once")
def pay(cents: int) -> Result[str, Refused]: ...


assert_type(pay(100), Effect[str, Refused | StepFault])


# program: options on a coroutine function with a Result
@step(repeat="pure")
async def measure(cents: int) -> Result[str, Refused]: ...


assert_type(measure(100), Effect[str, Refused | StepFault])


# program: options on a function with a FutureResult
@step(timeout=timedelta(seconds=1))
@future_safe((ValueError,))
async def measure_future(cents: int) -> int: ...


assert_type(measure_future(100), Effect[int, ValueError | StepFault])


# program: a retry takes one exception or several
assert_type(Retry(attempts=2, wait=timedelta(0), on=OSError), Retry)
assert_type(Retry(on=(OSError, ValueError), within=timedelta(hours=1)), Retry)


# program: a step is a value
def either(fast: bool) -> Callable[[str], Effect[str, StepFault]]:
    return fetch if fast else load


# program: an agent answers with text unless told otherwise
assert_type(ask("summarize", writer, "p"), Effect[str, StepFault])


# program: an agent answers with an object of a class
assert_type(ask("plan", writer, "p", Plan), Effect[Plan, StepFault])


# program: an agent answers with an object or nothing
assert_type(ask("plan", writer, "p", Plan | None), Effect[Plan | None, StepFault])


# program: an agent answers with one of some words
assert_type(ask("kind", writer, "p", Literal["fix", "feature"]), Effect[Literal["fix", "feature"], StepFault])


# program: an agent answers with a list
assert_type(ask("plans", writer, "p", list[Plan]), Effect[list[Plan], StepFault])


# program: an agent answers with one of two classes
assert_type(ask("plan", writer, "p", Plan | Draft), Effect[Plan | Draft, StepFault])


# program: an agent answers with a generic class
assert_type(ask("box", writer, "p", Box[int]), Effect[Box[int], StepFault])


# program: the output may be given by name
assert_type(ask("plan", writer, "p", output=tuple[int, str]), Effect[tuple[int, str], StepFault])


# program: several agents answer in the order of trial
assert_type(ask("plan", [writer, critic], "p"), Effect[str, StepFault])
assert_type(ask("plan", (writer, critic), "p", Plan, retry=Retry()), Effect[Plan, StepFault])
assert_type(ask("plan", [Scripted("a", {}), Scripted("b", str)], "p"), Effect[str, StepFault])


# program: any value with a name can be an agent
@attrs.frozen
class Model:
    name: str
    temperature: float = 0.0


assert_type(ask("plan", Model("m"), "p", Plan, timeout=timedelta(minutes=1)), Effect[Plan, StepFault])
assert_type(ask("plan", [Model("m"), writer], "p", Plan), Effect[Plan, StepFault])


# program: a function passes the type of the answer on
def asked(agents: Sequence[Agent], output: type[T]) -> Effect[T, StepFault]:
    return ask("it", agents, "p", output)


assert_type(asked([writer], Plan), Effect[Plan, StepFault])


# program: the outcome of an attempted step has both sides
assert_type(parse("1").attempt().map(lambda o: o), Effect[Outcome[int, Refused | StepFault], Never])


# program: an estimate is a number known exactly, or a span
assert_type(Estimate(usd=0.02, seconds=Span(1, 2, None)).usd, Span)
assert_type(Estimate(tokens_in=100) + Estimate(), Estimate)


# program: a step and an ask bear an estimate and keep their types
@step(estimate=Estimate(usd=Span(0.1, 0.1, 0.2)))
def charged(n: int) -> str:
    return str(n)


assert_type(charged(1), Effect[str, StepFault])
assert_type(ask("plan", writer, "p", Plan, estimate=Estimate(usd=1)), Effect[Plan, StepFault])
assert_type(ask("plan", writer, "p", estimate=None), Effect[str, StepFault])


# program: a plan is made of an effect or of a workflow
@workflow
def planned(n: int) -> Do[str, StepFault]:
    return (yield from charged(n))


assert_type(plan(planned(1), faults=True), Planned)
assert_type(plan(planned), Planned)
assert_type(plan(charged(1)).price, Estimate)


# program: a prompt in a file has the parameters of its function and gives a text
@prompt("research.md")
def research(topic: str, sources: int = 3) -> None: ...


assert_type(research("bees", sources=5), str)
assert_type(
    ask("plan", [Model("m"), Scripted("a", {})], research("bees"), Plan, budget=0.5, repair=1), Effect[Plan, StepFault]
)
