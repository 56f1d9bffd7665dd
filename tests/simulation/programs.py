"""Random workflows over the real combinators, each a JSON tree, so that a run of one can be stored and resumed.

Every node takes a number and yields one. What a step yields is its `base` and, above it, a nonce of the execution:
a value that was recorded once and replaced by that of another execution would show. Where no race, no time limit and
no person decides, the base of the end follows from the tree alone, and `model` says what it is.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import attrs
from returns.result import Failure, Result, Success

from perdure import (
    Approved,
    Do,
    Effect,
    Exhausted,
    Expired,
    Fault,
    Retry,
    StepFault,
    TimedOut,
    approval,
    compensate,
    ensure,
    fail,
    fallback,
    for_each,
    loop,
    now,
    parallel,
    race,
    retry,
    saga,
    scope,
    signal,
    sleep,
    step,
    suspend,
    timeout,
    workflow,
)

#: A node: its name, and what it takes. Any: JSON trees have no better type in Python.
Tree: TypeAlias = list[Any]

#: What is below is the base of a number, what is above its nonce.
NONCE = 1000


@attrs.frozen
class Refused(Fault):
    """The failure that a step declares."""

    base: int


Failing: TypeAlias = Refused | StepFault | Expired | TimedOut | Exhausted[int]
Numbers: TypeAlias = Effect[int, Failing]


def mixed(n: int, salt: int) -> int:
    """Another base that follows from this one."""
    return (7 * (n % NONCE) + salt) % NONCE


def bare(error: object) -> object:
    """A failure without nonces: what two executions of the same would agree on."""
    return attrs.evolve(error, state=error.state % NONCE) if isinstance(error, Exhausted) else error


# -- steps. The world calls them and puts the nonce on what they return. -----------------------------------------------


@step
def work(n: int) -> int:
    return mixed(n, 1)


@step
def check(n: int) -> Result[int, Refused]:
    return Failure(Refused(n % NONCE)) if n % NONCE % 3 == 0 else Success(mixed(n, 2))


@step
def crash(n: int) -> int:
    raise ValueError("it always does")


@step(retry=Retry(attempts=3, wait=timedelta(seconds=1), jitter=0.5))
def flaky(n: int) -> int:
    """The world lets its first attempt fail."""
    return mixed(n, 3)


@step(retry=Retry(attempts=3, wait=timedelta(milliseconds=200)))
def hopeless(n: int) -> int:
    raise OSError("it never works")


@step(repeat="once")
def once(n: int) -> int:
    return mixed(n, 4)


@step(timeout=timedelta(seconds=2), retry=Retry(attempts=2, wait=timedelta(milliseconds=100)))
def slow(n: int) -> int:
    """The world takes its time over it."""
    return mixed(n, 5)


@step
def heedful(n: int) -> int:
    """The world asks a person first, and lets the next attempt have the answer."""
    raise AssertionError("the world answers")


@step
def patient(n: int) -> int:
    """The world asks a person two things in the middle of it, and may not wait for long."""
    raise AssertionError("the world answers")


@step
def undo(n: int) -> None: ...


STEPS: dict[str, Callable[[int], Effect[int, Any]]] = {
    "work": work,
    "check": check,
    "crash": crash,
    "flaky": flaky,
    "hopeless": hopeless,
    "once": once,
    "slow": slow,
    "heedful": heedful,
    "patient": patient,
}

#: What people answer and send, by name, before the nonce.
BASES = {"left": 11, "right": 12, "news": 13, "more": 14}


# -- trees as effects --------------------------------------------------------------------------------------------------


@workflow
def program(text: str) -> Do[int, Refused | StepFault | Expired | TimedOut | Exhausted[int]]:
    """The workflow of every simulated run; `text` is its tree."""
    return (yield from effect(json.loads(text), 1))


def effect(tree: Tree, n: int) -> Numbers:
    """What a tree means, given a number."""
    match tree:
        case ["step", name]:
            return STEPS[name](n)
        case ["gate", name]:
            return suspend(name, int, prompt="How many?", show=n)
        case ["expiring", name, ms]:
            return suspend(name, int, expires=_ms(ms))
        case ["approve", name]:
            return approval(name, show=n).bind(lambda said: work(n) if isinstance(said, Approved) else fail(Refused(0)))
        case ["signal", name]:
            return signal(name, int)
        case ["sleep", ms]:
            return sleep(_ms(ms)).map(lambda _: n)
        case ["now"]:
            return now().map(lambda _: n)
        case ["then", first, second]:
            return effect(first, n).bind(functools.partial(effect, second))
        case ["both", limit, trees]:
            return parallel(*(effect(tree, n) for tree in trees), limit=limit).map(sum)
        case ["each", limit, count, body]:
            return for_each(range(count), lambda k: effect(body, n + k), limit=limit).map(sum)
        case ["race", trees]:
            return race(*(effect(tree, n) for tree in trees))
        case ["loop", rounds, body]:
            return loop(n, functools.partial(effect, body), until=lambda n: n % NONCE % 3 == 0, rounds=rounds)
        case ["fallback", first, second]:
            return fallback(effect(first, n), effect(second, n))
        case ["retry", attempts, body]:
            return retry(effect(body, n), Retry(attempts, timedelta(seconds=1)))
        case ["timeout", ms, body]:
            return timeout(effect(body, n), _ms(ms))
        case ["saga", body]:
            return saga(effect(body, n))
        case ["undo", body]:
            return compensate(effect(body, n), undo)
        case ["try", body]:
            return effect(body, n).attempt().map(lambda end: end.value_or(n))
        case ["ensure", body]:
            return ensure(effect(body, n), undo(n).attempt())
        case ["scope", body]:
            return scope("scope", effect(body, n))
        case _:
            raise AssertionError(f"no such node: {tree}")


def _ms(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)


# -- what must come of them --------------------------------------------------------------------------------------------


class Depends(Exception):
    """How it ends depends on the schedule."""


def model(tree: Tree, n: int) -> Result[int, object]:
    """The base of what a tree ends with, told without any of our code that runs workflows.

    Raises:
        Depends: That cannot be told from the tree.
    """
    match tree:
        case ["step", "work" | "check" | "flaky" as name]:
            if name == "check" and n % 3 == 0:
                return Failure(Refused(n))
            return Success(mixed(n, {"work": 1, "check": 2, "flaky": 3}[name]))
        case ["step", "crash"]:
            return Failure("StepFault: ValueError: it always does")
        case ["step", "hopeless"]:
            return Failure("RetriesExhausted: OSError: it never works")
        case ["gate" | "signal", name]:
            return Success(BASES[name])
        case ["sleep", _] | ["now"]:
            return Success(n)
        case ["then", first, second]:
            return model(first, n).bind(functools.partial(model, second))
        case ["both", _, trees]:
            return _all([model(tree, n) for tree in trees])
        case ["each", _, count, body]:
            return _all([model(body, (n + k) % NONCE) for k in range(count)])
        case ["loop", rounds, body]:
            state: Result[int, object] = Success(n)
            for _ in range(rounds):
                state = state.bind(functools.partial(model, body))
                if isinstance(state, Failure) or state.unwrap() % 3 == 0:
                    return state
            return Failure(Exhausted(state.unwrap(), rounds))
        case ["fallback", first, second]:
            return model(first, n).lash(lambda _: model(second, n))
        case ["retry", _, body] | ["saga" | "undo" | "ensure" | "scope", body]:
            return model(body, n)
        case ["try", body]:
            return Success(model(body, n).value_or(n))
        case _:
            raise Depends


def _all(ends: list[Result[int, object]]) -> Result[int, object]:
    failures = [end for end in ends if isinstance(end, Failure)]
    if any(end != failures[0] for end in failures):
        raise Depends  # who fails first is the failure of all
    return failures[0] if failures else Success(sum(end.unwrap() for end in ends) % NONCE)


def comparable(end: Result[int, Any]) -> Result[int, object]:
    """How a run ended, in the words of the model."""
    match end:
        case Success(n):
            return Success(n % NONCE)
        case Failure(StepFault(_, error, reason) as fault):
            return Failure(f"{type(fault).__name__}: {error}: {reason}")
        case _:
            return Failure(bare(end.failure()))


# -- random trees ------------------------------------------------------------------------------------------------------

_STEPS = ("work", "work", "work", "check", "crash", "flaky", "flaky", "hopeless", "once", "slow")


def draw(rng: random.Random, size: int) -> Tree:
    """A tree of about this many leaves."""
    if size <= 1:
        return _leaf(rng)
    left = rng.randint(1, size - 1)
    match rng.randrange(22):
        case 0 | 1 | 2 | 3 | 4 | 5 | 6:
            return ["then", draw(rng, left), draw(rng, size - left)]
        case 7 | 8 | 9:
            return ["both", rng.randint(0, 1), [draw(rng, left), draw(rng, size - left)]]
        case 10:
            return ["each", rng.randint(0, 2), rng.randint(1, 3), draw(rng, size // 2)]
        case 11 | 12:
            return ["race", [draw(rng, left), draw(rng, size - left)]]
        case 13:
            return ["loop", rng.randint(1, 3), draw(rng, size // 2)]
        case 14:
            return ["fallback", draw(rng, left), draw(rng, size - left)]
        case 15:
            return ["retry", 2, draw(rng, size - 1)]
        case 16:
            return ["timeout", rng.choice((50, 2_000, 60_000)), draw(rng, size - 1)]
        case 17:
            return ["saga", ["then", ["undo", draw(rng, left)], draw(rng, size - left)]]
        case 18:
            return ["then", ["undo", draw(rng, left)], draw(rng, size - left)]
        case 19:
            return ["try", draw(rng, size - 1)]
        case 20:
            return ["ensure", draw(rng, size - 1)]
        case _:
            return ["scope", draw(rng, size - 1)]


def asking(tree: Any, rng: random.Random) -> Any:
    """The same tree, in which some steps ask people: put in afterwards, so that all the others are what they were."""
    if tree == ["step", "work"]:
        return ["step", rng.choice(("work", "heedful", "patient"))]
    return [asking(part, rng) for part in tree] if isinstance(tree, list) else tree


def _leaf(rng: random.Random) -> Tree:
    match rng.randrange(20):
        case 0 | 1:
            return ["gate", rng.choice(("left", "right"))]
        case 2:
            return ["try", ["expiring", rng.choice(("left", "right")), rng.choice((0, 500, 5_000, 60_000))]]
        case 3:
            return ["approve", rng.choice(("left", "right"))]
        case 4 | 5 | 6:
            return ["signal", rng.choice(("news", "more"))]
        case 7 | 8:
            return ["sleep", rng.choice((1, 40, 1_000, 20_000))]
        case 9:
            return ["now"]
        case _:
            return ["step", rng.choice(_STEPS)]
