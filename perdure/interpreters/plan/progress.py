"""How far a run has come in the graph of its plan.

Nothing is executed again: which way was taken is read off the recorded outcomes, by the questions of the plan. Where a
question asks for more than a record tells, it shows in what was asked next.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final

import attrs

from perdure.core.diagram import followed_first
from perdure.interpreters.plan.fold import numbers_in, without_numbers
from perdure.interpreters.plan.graph import Edge, Graph, Mark, Node, Role, State
from perdure.interpreters.plan.plan import like
from perdure.interpreters.plan.words import printable

_LENGTH: Final = re.compile(r"len\((.+)\)")
_COMPARED: Final = re.compile(r"(?s)(.+) (==|<|>|<=|>=) (.+)")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_HOLDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {  # Any: two JSON values
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
#: States of a node from which a run has gone on.
_BEHIND: Final = ("done", "failed")
_ENDS: Final[Mapping[Role, State]] = {"success": "done", "failure": "failed"}


@attrs.frozen
class Made:
    """A request that a run made.

    Attributes:
        key: Its path.
        outcome: The recorded JSON of a success; only meant where `state` is `done`.
    """

    key: str
    kind: str
    state: State
    attempts: int
    outcome: Any = None  # Any: a JSON tree


def marked(graph: Graph, run: str, made: Sequence[Made], end: str) -> Graph:
    """The graph with marks: what is done, where the run is, what may come, and what was not taken.

    Args:
        graph: That of the run's workflow, with its input.
        run: What the run is called.
        made: What it has asked for, in that order.
        end: How it has ended: with a `success`, a `failure`, or otherwise; empty where it has not.
    """
    rounds = _in_rounds(graph)
    placed = {each.key: _places(graph, each.key, rounds) for each in made}
    walk = _Walk(graph, made, placed, rounds, end)
    walk.go()
    ahead = walk.ahead()
    nodes = tuple(attrs.evolve(node, mark=walk.mark(node, node.id in ahead)) for node in graph.nodes)
    edges = tuple(attrs.evolve(edge, taken=edge in walk.taken) for edge in graph.edges)
    strays, led = _strays(graph, made, placed)
    return attrs.evolve(graph, run=run, nodes=(*nodes, *strays), edges=(*edges, *led))


def _in_rounds(graph: Graph) -> set[str]:
    """The nodes from which a way leads back to themselves."""
    backs = [edge for edge in graph.edges if edge.back]
    return set[str]().union(*(_between(graph, edge.target, edge.source) for edge in backs))


def _between(graph: Graph, first: str, last: str) -> set[str]:
    """The nodes on the ways from one to another, and these two."""
    after = followed_first([first], lambda at: [edge.target for edge in graph.out_of(at) if not edge.back])
    before = followed_first([last], lambda at: [edge.source for edge in graph.into(at) if not edge.back])
    return set(after) & set(before)


def _places(graph: Graph, key: str, rounds: Container[str]) -> tuple[str, ...]:
    """The nodes that a request may be of: with its key, or with that of an earlier round, or of another item."""
    plain, numbers = without_numbers(key), numbers_in(key)
    found = list[str]()
    for node in graph.nodes:
        later = node.id in rounds and without_numbers(node.key) == plain
        if node.key == key or (later and all(map(operator.ge, numbers, numbers_in(node.key)))):
            found.append(node.id)
    return tuple(found) or tuple(
        node.id for node in graph.nodes if node.key and (without_numbers(node.key) == plain or like(node.key, key))
    )


def _strays(graph: Graph, made: Sequence[Made], placed: Mapping[str, tuple[str, ...]]) -> tuple[list[Node], list[Edge]]:
    """What the run did and the plan does not know, each after what the run asked for before."""
    nodes, edges, before = list[Node](), list[Edge](), graph.nodes[0].id
    for each in made:
        if placed[each.key]:
            before = placed[each.key][-1]
            continue
        scope, _, name = each.key.rpartition("/")
        mark = Mark(each.state, each.attempts, 1)
        words = printable(name), printable(scope), (printable(each.kind),)
        node = Node(f"m{len(nodes)}", "step", *words, key=each.key, mark=mark)
        nodes.append(node)
        edges.append(Edge(before, node.id, ("not in the plan",), taken=True, stray=True))
        before = node.id
    return nodes, edges


@attrs.define(eq=False)
class _Walk:
    """A walk along the graph, as far as the run has come."""

    graph: Graph
    made: Sequence[Made]
    placed: Mapping[str, tuple[str, ...]]
    rounds: Container[str]
    end: str
    been: dict[str, None] = attrs.field(factory=dict[str, None], init=False)
    taken: set[Edge] = attrs.field(factory=set[Edge], init=False)
    rests: dict[str, None] = attrs.field(factory=dict[str, None], init=False)
    nodes: dict[str, Node] = attrs.field(init=False)
    out: dict[str, list[Edge]] = attrs.field(init=False)
    records: dict[str, list[Made]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.nodes = {node.id: node for node in self.graph.nodes}
        self.out = {node.id: self.graph.out_of(node.id) for node in self.graph.nodes}
        self.records = {node.id: [] for node in self.graph.nodes}
        for each in self.made:
            for id in self.placed[each.key]:
                self.records[id].append(each)

    def go(self) -> None:
        """Walk from the start to where the run rests, or has ended."""
        todo, joins = [self.graph.nodes[0].id], dict[str, None]()
        while todo:
            id = todo.pop()
            node = self.nodes[id]
            if node.role == "join" and node.name == "" and id not in joins:
                joins[id] = None  # the others first: whoever is not done holds it up
            elif id not in self.been and not (node.role == "join" and self._held_up(id)):
                todo += self._at(node)
            if not todo:
                todo += [join for join in joins if join not in self.been and not self._held_up(join)][:1]

    def _at(self, node: Node) -> list[str]:
        """Come to a node, and find where the run went from there."""
        if node.key and not self.records[node.id]:
            self.rests[node.id] = None
            return []
        self.been[node.id] = None
        if node.role == "fork" and node.question and self._answers(node, {"0", "1"}) == {"0"}:
            return [self._join_of(node.id)]
        ways = [edge for edge in self._ways(node) if self.nodes[edge.target].role not in _ENDS or self._ended(edge)]
        if not ways and self.out[node.id]:
            self.rests[node.id] = None
        self.taken.update(ways)
        return [edge.target for edge in ways]

    def _ended(self, edge: Edge) -> bool:
        """Whether the run has ended as the way does."""
        return self.nodes[edge.target].role == self.end

    def _join_of(self, fork: str) -> str:
        """The join that belongs to a fork."""
        at, depth = fork, 0
        while True:
            depth += {"fork": 1, "join": -1}.get(self.nodes[at].role, 0)
            if depth == 0:
                return at
            at = next(edge.target for edge in self.out[at] if not edge.back)

    def _held_up(self, join: str) -> bool:
        """Whether something that leads to a join is not done."""
        if self.nodes[join].name:
            return False  # of a race, the first one counts
        before = followed_first([join], lambda at: [edge.source for edge in self.graph.into(at) if not edge.back])
        return any(id in self.rests or (id in self.been and self._open(id)) for id in before)

    def ahead(self) -> set[str]:
        """Where the run may still come to."""
        found = set[str]()
        todo = [] if self.end else [*self.rests, *(id for id in self.been if self._open(id))]
        while todo:
            id = todo.pop()
            if id not in found:
                found.add(id)
                todo += [edge.target for edge in self.out[id]]
        return found

    def mark(self, node: Node, ahead: bool) -> Mark:
        """How a node stands. What was asked for is shown, even where no way to it was found."""
        records = [
            each
            for each in self.records[node.id]
            if node.id in self.been or self.been.keys().isdisjoint(self.placed[each.key])
        ]
        if records:
            last = next((each for each in records if each.state not in _BEHIND), records[-1])
            return Mark(last.state, last.attempts or 1, len(records))
        if node.id in self.been and node.role in _ENDS:
            return Mark(_ENDS[node.role])
        if node.id in self.been:
            return Mark("passed")
        return Mark("ahead" if ahead else "skipped")

    def _failed(self, id: str) -> bool:
        return any(each.state == "failed" for each in self.records[id])

    def _open(self, id: str) -> bool:
        return any(each.state not in _BEHIND for each in self.records[id])

    # -- which way -------------------------------------------------------------------------------------------------

    def _ways(self, node: Node) -> list[Edge]:
        """The edges along which the run went on from a node."""
        edges = self.out[node.id]
        if node.key and not any(each.state == "done" for each in self.records[node.id]):
            # A failure leads on where the program goes on after it; where to, the plan may not know.
            return [edge for edge in edges if self._first(edge)[0]] if self._failed(node.id) else []
        if node.role == "again":
            last = max(len(self.records[id]) for id in self._body(node.id)) >= node.rounds
            return [edge for edge in edges if (edge.back or last) and self._went([edge])]
        if not any(edge.answers for edge in edges):
            return edges  # a fork, or whatever has one way
        answers = self._answers(node, {given for edge in edges for given in edge.answers})
        if answers:
            return [edge for edge in edges if answers & set(edge.answers)]
        return self._went(edges)

    def _went(self, edges: Sequence[Edge]) -> list[Edge]:
        """The ways of which a first request was made; else those that may end without one, where the run has ended."""
        first = {edge: self._first(edge) for edge in edges}
        asked = [edge for edge, (made, _) in first.items() if made]
        return asked or [edge for edge, (_, ends) in first.items() if self.end and ends]

    def _first(self, edge: Edge) -> tuple[bool, bool]:
        """Whether a request that may come first on a way was made, in a next round once more; whether the end may."""
        seen, todo, made, ends = set[Edge](), [edge], False, False
        while todo:
            way = todo.pop()
            if way in seen:
                continue
            seen.add(way)
            node = self.nodes[way.target]
            if node.key:
                made = made or len(self.records[node.id]) > (1 if way.back else 0)
            else:
                ends = ends or node.role == self.end
                todo += self.out[node.id]
        return made, ends

    def _body(self, again: str) -> set[str]:
        """The nodes of one round."""
        (head,) = (edge.target for edge in self.out[again] if edge.back)
        return _between(self.graph, head, again)

    def _answers(self, node: Node, possible: set[str]) -> set[str]:
        """The answers that the records give to a question: several, where it was asked in rounds or for items."""
        given = set[str]()
        for each in self.made:
            if each.state != "done":
                continue
            # A question in rounds has the key of the first round, and one about items that of the first item.
            keys = [self.nodes[id].key for id in self.placed[each.key]]
            names = keys if node.id in self.rounds else [key for key in keys if like(key, each.key)]
            for name in {each.key, *names}:
                given |= _among(_answer(node.question, name, each.outcome), possible)
        return given


# -- Questions. --------------------------------------------------------------------------------------------------------


def _among(answers: set[str], possible: set[str]) -> set[str]:
    """Those that the plan has; a size over those that were tried is taken for the largest one."""
    sizes = {answer for answer in possible if answer.isdigit()}
    if sizes == possible and answers and not answers & possible and all(answer.isdigit() for answer in answers):
        return {max((size for size in sizes if all(int(size) <= int(a) for a in answers)), key=int, default="")}
    return answers & possible


class _Unknown(Exception):
    """A record does not tell."""


def _answer(question: str, key: str, outcome: Any) -> set[str]:  # Any: a JSON tree
    """What a recorded outcome says to a question of the plan: one answer in all its spellings; none if it cannot tell.

    Example:
        >>> sorted(_answer("f/review.score > 0.5", "f/review", {"score": 0.7}))
        ['True']
        >>> sorted(_answer("f/gate", "f/gate", {"_type": "Approved", "note": ""}))
        ['Approved']
    """
    try:
        if sized := _LENGTH.fullmatch(question):
            value = _value(sized[1], key, outcome)
            return {str(len(value))} if isinstance(value, list | dict | str) else set()
        if compared := _COMPARED.fullmatch(question):
            value = _value(compared[1], key, outcome)
            return {str(_HOLDS[compared[2]](value, ast.literal_eval(compared[3])))}
        return _spelled(_value(question, key, outcome))
    except (_Unknown, ValueError, SyntaxError, TypeError):
        return set()


def _value(text: str, key: str, outcome: Any) -> Any:  # Any: JSON trees
    """The part of an outcome that is named: `ship/plan.steps[0].text`."""
    if not text.startswith(key):
        raise _Unknown
    rest, at = text[len(key) :], 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None:
            raise _Unknown
        try:
            outcome = outcome[step[1] if step[1] is not None else int(step[2])]
        except (KeyError, IndexError, TypeError):
            raise _Unknown from None
        at = step.end()
    return outcome


def _spelled(value: Any) -> set[str]:  # Any: a JSON tree
    if isinstance(value, dict):
        return {str(value["_type"])} if "_type" in value else set()
    if value is None:
        return {"None", "NoneType", "Nothing"}
    if isinstance(value, str):
        return {repr(value), value}
    return {repr(value)}
