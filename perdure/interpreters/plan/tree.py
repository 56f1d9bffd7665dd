"""A plan as a JSON tree: for programs, and for its hash. The same plan is the same tree in every process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from perdure.core.estimate import Estimate, Span
from perdure.core.retry import Retry
from perdure.interpreters.plan.fold import Again, Choice, End, Piece, Rounds, Task
from perdure.interpreters.plan.leaf import Leaf, same_everywhere

#: What JSON can hold.
Tree: TypeAlias = Mapping[str, Any] | Sequence[Any] | str | float | bool | None


def pieces_of(root: Piece) -> list[Mapping[str, Any]]:
    """The pieces as a list, the first one first; each names by position those that follow it."""
    order = in_order(root)
    places = {id(piece): place for place, piece in enumerate(order)}
    return [_piece(piece, [places[id(part)] for part in parts(piece)]) for piece in order]


def in_order(root: Piece) -> list[Piece]:
    """The pieces in the order of a reader, each once."""
    seen = set[int]()
    order: list[Piece] = []
    todo = [root]
    while todo:
        piece = todo.pop()
        if id(piece) not in seen:
            seen.add(id(piece))
            order.append(piece)
            todo += reversed(parts(piece))
    return order


def parts(piece: Piece) -> tuple[Piece, ...]:
    """The pieces right after this one; of rounds the body, and what comes after the last."""
    match piece:
        case Task(then=then):
            return (then,)
        case Choice(answers=answers):
            return tuple(then for _, then in answers)
        case Rounds(body=body, then=then):
            return body, then
        case Again() | End():
            return ()


def _piece(piece: Piece, then: list[int]) -> Mapping[str, Any]:
    match piece:
        case Task(leaf=leaf):
            return {"is": "task", "key": leaf.key, "then": then[0]}
        case Choice(question=question, answers=answers, missing=missing):
            ways = [{"given": given, "then": place} for (given, _), place in zip(answers, then, strict=True)]
            return {"is": "choice", "question": question, "answers": ways, "missing": missing}
        case Rounds(times=times, level=level):
            return {"is": "rounds", "times": times, "body": then[0], "then": then[1], "level": level}
        case Again(level=level):
            return {"is": "again", "level": level}
        case End(how=how, what=what, not_undone=left):
            return {"is": "end", "how": how, "what": same_everywhere(what), "not_undone": list(left)}


def leaf_tree(leaf: Leaf) -> dict[str, Any]:
    """A request."""
    return {
        "key": leaf.key,
        "role": leaf.role,
        "kind": leaf.kind,
        "name": leaf.name,
        "output": leaf.output,
        "errors": list(leaf.errors),
        "agents": list(leaf.agents),
        **({"confirms": True} if leaf.confirms else {}),  # else not said: a plan keeps the hash that it had
        **({"servers": list(leaf.servers)} if leaf.servers else {}),
        "repeat": leaf.repeat,
        "retry": None if leaf.retry is None else _retry(leaf.retry),
        "timeout_seconds": _seconds(leaf.timeout),
        "expires_seconds": _seconds(leaf.expires),
        "version": leaf.version,
        "asked": same_everywhere(leaf.asked),
        "feeds": list(leaf.feeds),
        "estimate": None if leaf.estimate is None else estimate_tree(leaf.estimate),
    }


def _retry(retry: Retry) -> dict[str, Any]:
    return {
        "attempts": retry.attempts,
        "wait_seconds": _seconds(retry.wait),
        "factor": retry.factor,
        "most_seconds": _seconds(retry.most),
        "jitter": retry.jitter,
        "on": [kind.__name__ for kind in retry.on],
        "within_seconds": _seconds(retry.within),
    }


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def estimate_tree(estimate: Estimate) -> dict[str, Any]:
    """An estimate; null stands for what nobody knows."""
    return {
        "tokens_in": _span(estimate.tokens_in),
        "tokens_out": _span(estimate.tokens_out),
        "usd": _span(estimate.usd),
        "seconds": _span(estimate.seconds),
    }


def _span(span: Span) -> dict[str, Any]:
    return {"min": span.min, "expected": span.expected, "max": span.max}


def canonical(tree: Tree) -> bytes:
    """The one spelling of a tree."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
