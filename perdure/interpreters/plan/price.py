"""What a plan may cost: estimates of leaves, folded over the diagram.

An interval holds for every path that was followed. What nobody knows opens it; nothing is guessed to be zero.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

import attrs

from perdure.core.agents import Agent, Model, priced
from perdure.core.diagram import Answer, Asks, Ends, Looks, Node, following, nodes
from perdure.core.effect import Op
from perdure.core.estimate import FREE, NOTHING, UNKNOWN, UNPRICED, Estimate, Span
from perdure.core.identity import scopes_of
from perdure.core.leaves import Ask, Child, Now, Signal, Sleep, Suspend
from perdure.interpreters.plan.models import price_of

#: Leaves that only wait cost nothing.
_WAITING: Final = (Suspend, Signal, Sleep, Now)


def estimate_of(op: Op[Any, Any], chars: int | None) -> Estimate | None:
    """What a leaf may cost with everything that may be tried for it; None where its author says nothing.

    Args:
        op: The leaf.
        chars: The length of what is asked, where it is known.
    """
    if isinstance(op, _WAITING):
        return FREE
    if isinstance(op, Ask):
        return _tried(op, [op.estimate or _said(agent, op, chars) for agent in op.agents])
    if isinstance(op, Child):
        return UNPRICED
    return None if op.estimate is None else _tried(op, [op.estimate])


def _said(agent: Agent, op: Ask[Any], chars: int | None) -> Estimate:
    return price_of(agent, op, chars) if isinstance(agent, Model) else priced(agent, chars, op.output)


def _tried(op: Op[Any, Any], each: list[Estimate]) -> Estimate:
    """At best the first agent answers at once, and that is expected; at worst all fail, as often as they may."""
    attempts = 1 if op.retry is None else op.retry.attempts
    best, worst = each[0], functools.reduce(operator.add, each)

    def span(of: Callable[[Estimate], Span], longest: float | None = None) -> Span:
        least, most = of(best), of(worst).max
        if longest is not None:
            most = longest if most is None else min(most, longest)
        usual = least.expected if most is None or least.expected is None else min(least.expected, most)
        return Span(least.min if most is None else min(least.min, most), usual, most).times(1, attempts, 1)

    return Estimate(
        tokens_in=span(lambda estimate: estimate.tokens_in),
        tokens_out=span(lambda estimate: estimate.tokens_out),
        usd=span(lambda estimate: estimate.usd),
        seconds=span(lambda estimate: estimate.seconds, op.timeout.total_seconds() if op.timeout is not None else None),
    )


# -- Side by side. ----------------------------------------------------------------------------------------------------


def charged(estimates: Mapping[str, Estimate | None], closed: Collection[str]) -> dict[str, Estimate]:
    """What each request adds to a path's sum.

    Of what runs side by side the seconds may overlap: they add to the upper bound only. And what may be closed before
    it answers may have cost nothing yet.

    Args:
        estimates: Of every request, by its key.
        closed: The keys of the requests that some path closes without a reply.
    """
    cut_short = {beside for key in closed if (beside := _beside(key))}
    found: dict[str, Estimate] = {}
    for key, estimate in estimates.items():
        cost, beside = estimate or FREE, _beside(key)
        if beside in cut_short:
            cost = cost.each(_at_most)
        elif beside:
            cost = attrs.evolve(cost, seconds=_at_most(cost.seconds))
        found[key] = cost
    return found


def _at_most(span: Span) -> Span:
    return span if span == NOTHING else Span(0, None, span.max)


def _beside(key: str) -> str:
    """The outermost `parallel` or `race` that a request is part of."""
    return next(iter(scopes_of(key, ("all", "race"))), "")


# -- Folding. ---------------------------------------------------------------------------------------------------------


def total(root: Node, costs: Mapping[str, Estimate], sizes: Collection[str]) -> Estimate:
    """What the whole may cost: the sum along each path, from the least of them to the most.

    What is expected of two ways is known only where they agree.

    Args:
        root: The diagram.
        costs: What each request adds, by its key.
        sizes: The questions for a size of which not all were tried: there may be more items, at the same cost each.
    """
    below: dict[int, Estimate] = {}
    for node in reversed(nodes(root)):
        below[id(node)] = _cost(node, below, costs, sizes)
    return below[id(root)]


def _cost(node: Node, below: Mapping[int, Estimate], costs: Mapping[str, Estimate], sizes: Collection[str]) -> Estimate:
    match node:
        case Ends(how="success" | "failure"):
            return FREE
        case Ends():
            return UNPRICED
        case Asks(key=key, then=then):
            return costs[key] + below[id(then)]
        case Looks(question=question, answers=answers, missing=missing):
            ways = [below[id(then)] for _, then in answers]
            either = functools.reduce(operator.or_, ways)
            if missing:
                return either | UNPRICED
            return either.each(_no_limit) if question in sizes else either


def _no_limit(span: Span) -> Span:
    return span if span.min == span.max else Span(span.min, None, None)


@attrs.frozen
class Way:
    """One path through the diagram.

    Attributes:
        answers: What it depends on.
        requests: The keys of what is asked on it, in order.
        end: How it ends.
        estimate: What it may cost.
    """

    answers: tuple[Answer, ...]
    requests: tuple[str, ...]
    end: str
    estimate: Estimate


Weight: TypeAlias = tuple[float, float]


def cheapest(root: Node, costs: Mapping[str, Estimate]) -> Way:
    """The path whose dollars may be the least."""
    return _best(root, costs, lambda usd: (0, usd.min), min)


def dearest(root: Node, costs: Mapping[str, Estimate]) -> Way:
    """The path whose dollars may be the most. What is open is more than what is known."""
    return _best(root, costs, lambda usd: (1, 0) if usd.max is None else (0, usd.max), max)


def _best(root: Node, costs: Mapping[str, Estimate], weight: Callable[[Span], Weight], pick: Callable[..., Any]) -> Way:
    below: dict[int, Weight] = {}
    for node in reversed(nodes(root)):
        there = [below[id(then)] for then in following(node)]
        opens, known = weight(costs[node.key].usd) if isinstance(node, Asks) else (0.0, 0.0)
        rest = pick(there) if there else (0.0, 0.0)
        below[id(node)] = opens + rest[0], known + rest[1]
    answers, requests, estimate, node = list[Answer](), list[str](), FREE, root
    while not isinstance(node, Ends):
        if isinstance(node, Asks):
            requests.append(node.key)
            estimate += costs[node.key]
            node = node.then
        else:
            given, then = pick(node.answers, key=lambda answer: below[id(answer[1])])
            answers.append(Answer(node.question, given))
            node = then
    if node.how in ("broke", "cut"):
        estimate += UNPRICED
    return Way(tuple(answers), tuple(requests), node.what, estimate)


def as_a_rule(costs: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """The same requests at what is expected of them, as if that were all."""
    return {
        key: cost.each(lambda span: UNKNOWN if span.expected is None else Span.exactly(span.expected))
        for key, cost in costs.items()
    }
