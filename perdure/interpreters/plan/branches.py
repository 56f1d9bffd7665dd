"""What runs side by side, drawn side by side: between a fork and a join.

A plan makes requests in one order, those of one branch between those of another. A request's key says which branch it
is of. Where that leads to no clear picture, the order of the plan stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import attrs

from perdure.core.diagram import followed_first
from perdure.core.identity import scopes_of
from perdure.interpreters.plan.fold import without_numbers
from perdure.interpreters.plan.graph import Edge, Graph, Node
from perdure.interpreters.plan.leaf import TOKEN, key_in
from perdure.interpreters.plan.plan import Plan
from perdure.interpreters.plan.shape import meets
from perdure.interpreters.plan.words import Names, printable

_SIDE_BY_SIDE: Final = {"all": ("in parallel", ""), "race": ("race", "first wins")}


def side_by_side(graph: Graph, plan: Plan, names: Names) -> Graph:
    """The graph with its forks and joins.

    Args:
        graph: As the plan has it: one request after another.
        plan: The plan. Of its `sized` collections there may be more items: what is done for one is done for each.
        names: How requests are called.
    """
    work = _Work({node.id: node for node in graph.nodes}, graph.edges)
    for node in graph.nodes:
        if node.role == "again":
            work.copies(node, plan.leaves)
    for node in graph.nodes:
        tag = node.question.removeprefix("len(").removesuffix(")")
        if tag in plan.sized:
            work.for_each(node, f"for each of {printable(names.within(tag))}")
    scopes = {scope for node in graph.nodes for scope in scopes_of(node.key, _SIDE_BY_SIDE)}
    for scope in sorted(scopes, key=lambda scope: (scope.count("/"), scope)):
        work.fork(scope)
    return attrs.evolve(graph, nodes=tuple(work.nodes.values()), edges=work.edges)


def _branch_of(key: str, scope: str) -> str:
    return key[len(scope) + 1 :].partition("/")[0] if key.startswith(f"{scope}/") else ""


@attrs.frozen
class _Item:
    """Some nodes that are come to at one and left for one: a request, or a choice up to where its ways meet."""

    entry: str
    nodes: frozenset[str]
    then: str
    branch: str


@attrs.define(eq=False)
class _Work:
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    joins: dict[str, str] = attrs.field(factory=dict[str, str])
    after: dict[str, list[str]] = attrs.field(factory=dict[str, "list[str]"])

    def __attrs_post_init__(self) -> None:
        self._lead(self.edges)

    def _lead(self, edges: Iterable[Edge]) -> None:
        """From here on, these are the edges."""
        self.edges, self.after = tuple(edges), {id: [] for id in self.nodes}
        for edge in self.edges:
            if not edge.back:
                self.after[edge.source].append(edge.target)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _meet(self, id: str) -> str | None:
        """The first node to which all ways from this one lead."""
        return meets(followed_first([id], self.after.__getitem__), self.after.__getitem__)[id]

    def _until(self, start: str, end: str) -> frozenset[str]:
        """All nodes from one on, up to another."""
        return frozenset(followed_first([start], lambda at: [then for then in self.after[at] if then != end]))

    def _closed(self, nodes: Collection[str], entry: str) -> bool:
        """Whether these are come to at their entry only."""
        return all(edge.source in nodes for edge in self.edges if edge.target in nodes and edge.target != entry)

    # -- copies ----------------------------------------------------------------------------------------------------

    def copies(self, again: Node, keys: Iterable[str]) -> None:
        """Rounds that are the branches of one scope, all alike, are no rounds."""
        (back,) = (edge for edge in self.edges if edge.source == again.id and edge.back)
        body = self._until(back.target, again.id)
        scopes = {tuple(scopes_of(self.nodes[id].key, _SIDE_BY_SIDE)[-1:]) for id in body if self.nodes[id].key}
        if len(scopes) != 1 or (scope := scopes.pop()) == () or again.id in body:
            return
        plain = {without_numbers(self.nodes[id].key) for id in body if self.nodes[id].key}
        branches = {_branch_of(key, scope[0]) for key in keys if without_numbers(key) in plain} - {""}
        outside = [edge for edge in self.edges if edge.target == back.target and edge.source not in {*body, again.id}]
        leaving = any(edge.source in body and edge.target not in {*body, again.id} for edge in self.edges)
        if len(branches) != again.rounds or leaving or not self._closed(body, back.target):
            return
        name, joined = _SIDE_BY_SIDE[scope[0].rpartition("/")[2].partition("#")[0]]
        fork = self._fork(f"{name} ×{again.rounds}")  # noqa: RUF001
        self.nodes[again.id] = Node(again.id, "join", joined)
        self.joins[fork.id] = again.id
        kept = (edge for edge in self.edges if edge is not back)
        led = (attrs.evolve(edge, target=fork.id) if edge in outside else edge for edge in kept)
        self._lead([*led, Edge(fork.id, back.target)])

    # -- for each --------------------------------------------------------------------------------------------------

    def for_each(self, node: Node, name: str) -> None:
        """Where no item leads past what one item leads to, it is done for each."""
        ways = {edge.answers: edge for edge in self.edges if edge.source == node.id}
        none, one = ways.get(("0",)), ways.get(("1",))
        if len(ways) != 2 or none is None or one is None or self._meet(node.id) != none.target:
            return
        body = self._until(one.target, none.target)
        outside = [edge.source for edge in self.edges if edge.target == one.target and edge.source not in body]
        if not self._closed(body, one.target) or outside != [node.id]:
            return
        self.nodes[node.id] = attrs.evolve(node, role="fork", name=name)
        join = self._join(node.id, "")
        led = [
            attrs.evolve(edge, target=join.id) if edge.source in body and edge.target == none.target else edge
            for edge in self.edges
            if edge is not none and edge is not one
        ]
        self._lead([*led, attrs.evolve(one, answers=()), Edge(join.id, none.target)])

    def _fork(self, name: str) -> Node:
        id = f"+{len(self.nodes)}"
        fork = self.nodes[id] = Node(id, "fork", name)
        return fork

    def _join(self, fork: str, name: str) -> Node:
        join = self.nodes[f"{fork}-"] = Node(f"{fork}-", "join", name)
        self.joins[fork] = join.id
        return join

    # -- forks -----------------------------------------------------------------------------------------------------

    def fork(self, scope: str) -> None:
        """Draw what is done in a scope side by side, wherever it begins."""
        done = set[str]()
        for id in followed_first([next(iter(self.nodes))], self.after.__getitem__)[::-1]:
            if id not in done and self.nodes[id].key and self._branch(id, scope):
                items = self._items(id, scope)
                done |= {each for item in items for each in item.nodes}
                if len({item.branch for item in items}) > 1:
                    self._drawn_apart(scope, items)

    def _branch(self, id: str, scope: str) -> str:
        """Which branch of the scope a node belongs to; none, if it does not, or to several."""
        node = self.nodes[id]
        keys = [node.key] if node.key else []
        if node.question:
            known = {each.key for each in self.nodes.values()}
            keys += filter(None, (key_in(token, known) for token in TOKEN.findall(node.question)))
        found = {_branch_of(key, scope) for key in keys}
        return found.pop() if len(found) == 1 else ""

    def _items(self, start: str, scope: str) -> Sequence[_Item]:
        items: list[_Item] = []
        entry = start
        while (item := self._item(entry, scope, items)) is not None:
            items.append(item)
            entry = item.then
        return items

    def _item(self, entry: str, scope: str, before: Sequence[_Item]) -> _Item | None:
        node = self.nodes[entry]
        if node.role == "join":
            return None
        if node.role == "again":
            heads = {edge.target for edge in self.edges if edge.source == entry and edge.back}
            branch = next((item.branch for item in before if item.nodes & heads), "")
            inside, then = frozenset({entry}), self.after[entry][0]
        else:
            join, after = self.joins.get(entry), self.after[entry]
            then = self.after[join][0] if join else after[0] if len(after) == 1 else self._meet(entry) or ""
            inside = self._until(entry, then) if then else frozenset()
            branches = {
                self._branch(each, scope) for each in inside if self.nodes[each].key or self.nodes[each].question
            }
            branch = branches.pop() if len(branches) == 1 else ""
        if not branch or not then or not self._closed(inside, entry):
            return None
        sources = {edge.source for edge in self.edges if edge.target == entry and not edge.back}
        return _Item(entry, inside, then, branch) if not before or sources <= before[-1].nodes else None

    def _drawn_apart(self, scope: str, items: Sequence[_Item]) -> None:
        first, inside = items[0].entry, {id for item in items for id in item.nodes}
        name, joined = _SIDE_BY_SIDE[scope.rpartition("/")[2].partition("#")[0]]
        fork = self._fork(name)
        join = self._join(fork.id, joined)
        following = {item.entry: join.id for item in items}
        last: dict[str, str] = {}
        for item in items:
            if item.branch in last:
                following[last[item.branch]] = item.entry
            last[item.branch] = item.entry
        edges: list[Edge] = []
        for edge in self.edges:
            left = next((item for item in items if edge.source in item.nodes and edge.target == item.then), None)
            if edge.target == first and edge.source not in inside:
                edges.append(attrs.evolve(edge, target=fork.id))
            elif left is not None and not edge.back:
                edges.append(attrs.evolve(edge, target=following[left.entry]))
            else:
                edges.append(edge)
        firsts = {item.branch: item.entry for item in reversed(items)}  # of each branch, where it begins
        branches = sorted(
            dict.fromkeys(item.branch for item in items), key=lambda name: int(name) if name.isdecimal() else -1
        )
        edges += [Edge(fork.id, firsts[branch]) for branch in branches]
        self._lead([*edges, Edge(join.id, items[-1].then)])
