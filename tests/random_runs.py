"""Whole runs of any effect with random replies, and what they cost: to hold a plan against.

Values are made from output types, costs and durations from the estimates of the leaves: nothing here knows how a plan
adds them up. What runs side by side runs side by side: who is done first replies first.
"""

from __future__ import annotations

import random
from typing import Any

import attrs
from returns.result import Failure, Success

from perdure import Effect, Estimate, Scripted, Span, StepFault, StepTimedOut
from perdure.core.forms import Choice, Form, Items, Record, Union
from perdure.core.leaves import Ask, Sleep, Suspend
from perdure.core.machine import Machine, Request
from perdure.core.recognise import form
from perdure.core.scalars import Scalar

WORDS = ("", "bees", "src/app.py", "What?")


@attrs.define
class Run:
    """One run.

    Attributes:
        keys: What was asked, in order.
        usd: What it cost.
        tokens: What was read by models.
        seconds: When the last work was done; waits take no time here.
    """

    keys: list[str] = attrs.field(factory=list)
    usd: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0


def run(effect: Effect[Any, Any], seed: int, *, faults: bool) -> Run:
    """Drive an effect to its end; with `faults` leaves may fail, and timers may fire at any time."""
    rng, made, machine = random.Random(seed), Run(), Machine(effect)
    done: dict[str, float] = {}
    asked: dict[str, Request] = {}
    while machine.outcome is None:
        for key in machine.cancelled:  # it may have cost nothing yet, or nearly all
            if rng.random() < 0.5:
                _pay(made, asked[key], rng)
            done.pop(key, None)
        machine.cancelled.clear()
        for request in machine.fresh():
            asked[request.key] = request
            made.keys.append(request.key)
            done[request.key] = made.seconds + _lasts(request, rng, faults)
        key = min(done, key=lambda key: (done[key], key))
        request = machine.pending[key]
        if not isinstance(request.op, (Sleep, Suspend)):
            made.seconds = max(made.seconds, done[key])
        del done[key]
        _pay(made, request, rng)
        machine.reply(key, _reply(request, rng, faults))
    return made


def _estimates(op: Any) -> list[Estimate]:
    """One attempt by each of those who may be tried."""
    if not isinstance(op, Ask):
        return [op.estimate] if op.estimate is not None else []
    assert all(isinstance(agent, Scripted) for agent in op.agents)
    found = [op.estimate or getattr(agent, "estimate", None) for agent in op.agents]
    return [estimate for estimate in found if estimate is not None]


def _tried(op: Any, rng: random.Random) -> list[Estimate]:
    """The attempts that it takes: all agents in vain some times, and then the first ones until one answers."""
    every = _estimates(op)
    rounds = rng.randrange(op.retry.attempts) if op.retry is not None else 0
    return every * rounds + every[: rng.randint(1, len(every))] if every else []


def _pay(made: Run, request: Request, rng: random.Random) -> None:
    for one in _tried(request.op, rng):
        made.usd += _drawn(one.usd, rng)
        made.tokens += _drawn(one.tokens_in, rng)


def _lasts(request: Request, rng: random.Random, faults: bool) -> float:
    op = request.op
    if isinstance(op, Sleep):
        return rng.choice((0.0, 1e9)) if faults else 1e9
    longest = op.timeout.total_seconds() if op.timeout is not None else 1e9
    return min(longest, sum(_drawn(one.seconds, rng) for one in _tried(op, rng)))


def _drawn(span: Span, rng: random.Random) -> float:
    assert span.max is not None
    return rng.choice((span.min, span.max, rng.uniform(span.min, span.max)))


def _reply(request: Request, rng: random.Random, faults: bool) -> Any:
    op = request.op
    if faults and rng.random() < 0.2:
        failures = list(op.errors)
        if not isinstance(op, (Sleep, Suspend)):
            failures += [StepFault] + ([StepTimedOut] if op.timeout is not None else [])
        if failures:
            return Failure(value(rng.choice(failures), rng))
    return Success(value(op.output, rng))


def value(hint: Any, rng: random.Random) -> Any:
    """Any value of a type."""
    return _of(form(hint), rng)


def _of(made: Form, rng: random.Random) -> Any:
    match made:
        case Scalar(classes=(kind, *_)):
            if kind is type(None):
                return None
            if kind is float:
                return rng.random()
            return {bool: rng.random() < 0.5, int: rng.randrange(1000), str: rng.choice(WORDS)}.get(kind)
        case Choice(pairs=pairs):
            return rng.choice(pairs)[0]
        case Union(arms=arms):
            return value(rng.choice(arms).hint, rng)
        case Items():
            return made.make([_distinct(made.item, n, rng) for n in range(rng.randrange(4))])
        case Record(cls=cls, fields=fields):
            return cls(**{field.init: value(field.hint, rng) for field in fields})
        case _:
            raise AssertionError(f"no reference workflow replies with {made}")


def _distinct(hint: Any, n: int, rng: random.Random) -> Any:
    made = value(hint, rng)
    return f"{made}{n}" if isinstance(made, str) else made
