"""A diagram in which every answer was followed once, drawn as if what follows did not depend on how one came there.

Where a question comes again on another path, only one of its answers was followed there. If that one leads to the
same as before, the others are taken to do so too. It is a guess, and whoever shows the diagram says so.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any

from perdure.core.diagram import Asks, Ends, Looks, Node, following, looks, nodes


def settled(root: Node) -> Node:
    """The diagram, with questions that were answered elsewhere joined to the ones that they repeat."""
    order = nodes(root)
    whole: dict[str, list[Looks]] = {}
    for node in order:
        if isinstance(node, Looks) and not node.missing:
            whole.setdefault(node.question, []).append(node)
    made: dict[int, Node] = {}
    pool: dict[Any, Node] = {}
    for node in _ordered(order, whole):
        match node:
            case Ends():
                made[id(node)] = node
            case Asks(kind=kind, key=key, input=input, op=op, then=then):
                after = made[id(then)]
                made[id(node)] = pool.setdefault((kind, key, input, id(after)), Asks(kind, key, input, op, after))
            case Looks(question=question, answers=answers, missing=missing):
                now = tuple((given, made[id(then)]) for given, then in answers)
                repeated = (made[id(one)] for one in whole.get(question, ()) if missing and id(one) in made)
                same = next((one for one in repeated if _within(question, now, one)), None)
                identity = question, missing, *((given, id(then)) for given, then in now)
                made[id(node)] = same or pool.setdefault(identity, looks(question, now, missing))
    return made[id(root)]


def _within(question: str, answers: tuple[tuple[str, Node], ...], one: Node) -> bool:
    """Whether the answers lead where they lead there."""
    if isinstance(one, Looks) and one.question == question:
        there = dict(one.answers)
        return all(there.get(given) is then for given, then in answers)
    return all(then is one for _, then in answers)  # a question that decided nothing is not in the diagram


def _ordered(order: list[Node], whole: dict[str, list[Looks]]) -> list[Node]:
    """Every node after what follows it, and after the whole questions that it may repeat, where that can be."""
    by_id = {id(node): node for node in order}
    needs = {
        id(node): [
            *map(id, following(node)),
            *(map(id, whole.get(node.question, ())) if isinstance(node, Looks) and node.missing else ()),
        ]
        for node in order
    }
    try:
        return [by_id[each] for each in TopologicalSorter(needs).static_order()]
    except CycleError:  # questions come in another order elsewhere
        return order[::-1]
