"""A plan as a graph: what is asked, what decides, how it ends, and which answer leads where.

A pure value, of which every picture is made. Rounds are drawn once: a `again` node leads back to the first request of
the next round. What runs side by side is between a `fork` and a `join`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

import attrs

from perdure.core.diagram import followed_first
from perdure.interpreters.plan.fold import Again, Choice, End, Piece, Rounds, Task
from perdure.interpreters.plan.leaf import Leaf
from perdure.interpreters.plan.leaf import Role as LeafRole
from perdure.interpreters.plan.plan import Plan
from perdure.interpreters.plan.shape import ordered, shape_of
from perdure.interpreters.plan.text import completeness, price_line
from perdure.interpreters.plan.tree import in_order, parts
from perdure.interpreters.plan.words import Names, declared, priced, printable

#: What a node is to people. `unknown` is where the plan could not, or did not, go on.
Role: TypeAlias = Literal[
    "start",
    "agent",
    "step",
    "gate",
    "signal",
    "timer",
    "condition",
    "fork",
    "join",
    "again",
    "success",
    "failure",
    "unknown",
]
#: How a node stands in a run. `ahead`: it may still come. `skipped`: it was not taken, and will not be.
State: TypeAlias = Literal[
    "done", "failed", "running", "waiting", "retrying", "interrupted", "open", "passed", "ahead", "skipped"
]

#: An end that is come to from so many nodes further up is drawn once more.
_NEAR: Final = 2
_ROLES: Final[Mapping[LeafRole, Role]] = {
    "ask": "agent",
    "approval": "gate",
    "answer": "gate",
    "signal": "signal",
    "timer": "timer",
    "now": "timer",
}
_ENDS: Final[Mapping[str, Role]] = {"success": "success", "failure": "failure"}
#: The words for roles of requests whose outcome goes without saying.
_PLAIN: Final = {"approval": "approval", "timer": "timer", "now": "clock"}
#: Which branch it is, in a key: the picture shows that.
_BRANCH: Final = re.compile(r"(?<![\w.%~-])(?:all|race)(?:#\d+)?/[^/\s]+/")
_OUTCOME: Final = re.compile(r"(?s)(Success|Failure)\((.*)\)")


@attrs.frozen
class Mark:
    """What a run recorded of a node.

    Attributes:
        attempts: Of the last request that was made of it.
        times: How many requests were made of it, in rounds or for several items.
    """

    state: State
    attempts: int = 0
    times: int = 0


@attrs.frozen
class Node:
    """A node of the graph.

    Attributes:
        id: Its name within the graph; the first one is `n0`.
        name: What it is called: the request, the question, how the program ends.
        scope: The names of the scopes that it is in, without those that the picture shows.
        said: More about it, in lines.
        place: For a request, its position among the pieces of the plan.
        key: For a request, its key; of those of several rounds the first one's.
        question: What is looked at, as the plan has it: where the ways part, or where something is done for each.
        rounds: For `again`, how many rounds there are at most.
        mark: How it stands in a run.
    """

    id: str
    role: Role
    name: str
    scope: str = ""
    said: tuple[str, ...] = ()
    place: int = -1
    key: str = ""
    question: str = ""
    rounds: int = 0
    mark: Mark | None = None


@attrs.frozen
class Edge:
    """What leads from one node to the next.

    Attributes:
        answers: The answers that lead here; none where everything does.
        back: It leads to the next round.
        taken: Whether a run went here.
        stray: It leads to what a run did and the plan does not know.
    """

    source: str
    target: str
    answers: tuple[str, ...] = ()
    back: bool = False
    taken: bool = False
    stray: bool = False

    @property
    def label(self) -> str:
        """The answers, for people."""
        return " / ".join(map(printable, self.answers))


@attrs.frozen
class Graph:
    """All that a workflow may do, as nodes and edges.

    Attributes:
        title: The workflow, with its arguments or parameters.
        output: The label of the type of its outcome; empty where it is no workflow call.
        hash: That of the plan.
        nodes: The first one is the start; then as a reader meets them.
        edges: In the same order.
        notes: What it may cost, and whether there may be more.
        run: The run whose progress is marked; empty without one.
    """

    title: str
    output: str
    hash: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    notes: tuple[str, ...] = ()
    run: str = ""

    def out_of(self, id: str) -> list[Edge]:
        """The edges that leave a node."""
        return [edge for edge in self.edges if edge.source == id]

    def into(self, id: str) -> list[Edge]:
        """The edges that lead to a node."""
        return [edge for edge in self.edges if edge.target == id]


def graph_of(plan: Plan) -> Graph:
    """Draw a plan as nodes and edges.

    Example:
        >>> from perdure import approval, plan
        >>> made = graph_of(plan(approval("publish").map(lambda reply: type(reply).__name__)))
        >>> [(node.role, node.name) for node in made.nodes]
        [('start', 'Then'), ('gate', 'publish'), ('success', "'Approved'"), ('success', "'Denied'")]
        >>> [(edge.source, edge.label, edge.target) for edge in made.edges]
        [('n0', '', 'n1'), ('n1', 'Approved', 'n2'), ('n1', 'Denied', 'n3')]
    """
    from perdure.interpreters.plan.branches import side_by_side

    names = Names.of(plan)
    drawn = side_by_side(_Drawing(plan, names).graph(), plan, names)
    return _renumbered(_ends_near(_asked_at_once(drawn)))


# -- From pieces to nodes. ---------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Turn:
    """Rounds as they are come to: the same ones, come to from within others, lead back into those."""

    rounds: Rounds
    around: _Around


#: The rounds that a piece is drawn within, by level: as many of them as it can come to the next round of.
_Around: TypeAlias = Mapping[int, _Turn]


@attrs.define(eq=False)
class _Drawing:
    plan: Plan
    names: Names
    nodes: dict[object, Node] = attrs.field(factory=dict[object, Node])
    edges: dict[tuple[str, str, bool], Edge] = attrs.field(factory=dict[tuple[str, str, bool], Edge])
    turns: dict[object, _Turn] = attrs.field(factory=dict[object, _Turn])
    todo: list[tuple[str, Piece, _Around]] = attrs.field(factory=list["tuple[str, Piece, _Around]"])
    places: Mapping[int, int] = attrs.field(init=False)
    fixed: Collection[int] = attrs.field(init=False)
    levels: dict[int, frozenset[int]] = attrs.field(factory=dict[int, "frozenset[int]"])

    def __attrs_post_init__(self) -> None:
        self.places = {id(piece): place for place, piece in enumerate(in_order(self.plan.folded))}
        self.fixed = shape_of(self.plan.folded).fixed
        for piece in ordered(self.plan.folded):
            self.levels[id(piece)] = self._levels(piece)

    def graph(self) -> Graph:
        start = self.nodes["start"] = Node("0", "start", printable(self.plan.title))
        self._edge(start.id, self.plan.folded, {})
        while self.todo:
            place, piece, around = self.todo.pop()
            match piece:
                case Task(then=then):
                    self._edge(place, then, around)
                case Choice(answers=answers, missing=missing):
                    for given, then in answers:
                        self._edge(place, then, around, given)
                    if missing:
                        self._missing(place, missing)
                case Again(level=level):
                    turn = around[level]
                    self._edge(place, turn.rounds.body, {**turn.around, level: turn}, back=True)
                    self._edge(place, turn.rounds.then, turn.around)
                case Rounds() | End():
                    pass
        people = self.names.some(self.plan.people)
        notes = (
            price_line(self.plan),
            *((f"waits for people: {people}",) if people else ()),
            *completeness(self.plan, self.names),
        )
        return Graph(
            printable(self.plan.title),
            printable(self.plan.output),
            self.plan.hash,
            tuple(self.nodes.values()),
            tuple(self.edges.values()),
            tuple(map(printable, notes)),
        )

    def _levels(self, piece: Piece) -> frozenset[int]:
        """The rounds to the next of which a piece leads, by level."""
        match piece:
            case Again(level=level):
                return frozenset({level})
            case Rounds(body=body, then=after, level=level):
                return (self.levels[id(body)] - {level}) | self.levels[id(after)]
            case _:
                return frozenset[int]().union(*(self.levels[id(part)] for part in parts(piece)))

    def _edge(self, source: str, piece: Piece, around: _Around, given: str | None = None, back: bool = False) -> None:
        """Lead on to a piece; where that is drawn for the first time, it is drawn."""
        while isinstance(piece, Rounds):
            turn = self._turn(piece, around)
            around, piece = {**around, piece.level: turn}, piece.body
        around = self._needed(piece, around)
        identity = _identity(piece, around)
        node = self.nodes.get(identity)
        if node is None:
            node = self.nodes[identity] = self._node(str(len(self.nodes)), piece, around)
            self.todo.append((node.id, piece, around))
        edge = self.edges.setdefault((source, node.id, back), Edge(source, node.id, (), back))
        if given is not None:
            self.edges[source, node.id, back] = attrs.evolve(edge, answers=(*edge.answers, given))

    def _turn(self, rounds: Rounds, around: _Around) -> _Turn:
        around = self._needed(rounds, around)
        return self.turns.setdefault(_identity(rounds, around), _Turn(rounds, around))

    def _needed(self, piece: Piece, around: _Around) -> _Around:
        return {level: turn for level, turn in around.items() if level in self.levels[id(piece)]}

    def _node(self, name: str, piece: Piece, around: _Around) -> Node:
        match piece:
            case Task(leaf=leaf):
                return _request(name, leaf, self.names, self.places[id(piece)])
            case Choice(question=question):
                return Node(name, "condition", self._said(question), question=question)
            case End(how=how, what=what, not_undone=left):
                found = _OUTCOME.fullmatch(what)
                outcome = self._said(found[2] if found else what)
                broken = () if how in _ENDS else (how,)
                undone = (f"not undone: {printable(self.names.some(left))}",) if left else ()
                return Node(name, _ENDS.get(how, "unknown"), outcome, said=(*broken, *undone))
            case Again(level=level):
                rounds = around[level].rounds
                many = f"{'' if id(rounds) in self.fixed else 'up to '}×{rounds.times}"  # noqa: RUF001
                return Node(name, "again", many, rounds=rounds.times)
            case Rounds():
                raise AssertionError("rounds are no node: what is drawn is their body")

    def _said(self, text: str) -> str:
        return printable(self.names.within(_BRANCH.sub("", text)))

    def _missing(self, place: str, missing: int) -> None:
        node = self.nodes["missing", place] = Node(str(len(self.nodes)), "unknown", "not followed")
        self.edges[place, node.id, False] = Edge(place, node.id, (f"{missing} more",))


def _identity(piece: Piece, around: _Around) -> object:
    """The same for the same piece within the same rounds."""
    return id(piece), *((level, id(turn)) for level, turn in sorted(around.items(), key=lambda each: each[0]))


def _request(id: str, leaf: Leaf, names: Names, place: int) -> Node:
    scope, _, name = _BRANCH.sub("", leaf.key.removeprefix(names.prefix)).rpartition("/")
    who = _PLAIN.get(leaf.role) or f"{'|'.join(leaf.agents) or leaf.role} → {leaf.output}"
    more = " · ".join(filter(None, [priced(leaf), *declared(leaf)]))
    return Node(
        id,
        _ROLES.get(leaf.role, "step"),
        printable(unquote(name)),
        printable(unquote(scope)),
        tuple(map(printable, (who, more) if more else (who,))),
        place,
        leaf.key,
    )


# -- Tidying up. -------------------------------------------------------------------------------------------------------


def _asked_at_once(graph: Graph) -> Graph:
    """Answers lead away from the request itself, where the program looks at its reply as such and at once."""
    nodes = {node.id: node for node in graph.nodes}
    gone: dict[str, str] = {}
    for node in graph.nodes:
        before = graph.into(node.id)
        if node.role != "condition" or len(before) != 1 or before[0].answers:
            continue
        asked = nodes[before[0].source]
        if asked.key and asked.key == node.question and len(graph.out_of(asked.id)) == 1:
            gone[node.id] = asked.id
    return attrs.evolve(
        graph,
        nodes=tuple(
            attrs.evolve(node, question=node.key) if node.id in gone.values() else node
            for node in graph.nodes
            if node.id not in gone
        ),
        edges=tuple(
            attrs.evolve(edge, source=gone.get(edge.source, edge.source))
            for edge in graph.edges
            if edge.target not in gone
        ),
    )


def _ends_near(graph: Graph) -> Graph:
    """An end is drawn again for whoever comes to it from far above: lines across the whole picture say less."""
    out: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        if not edge.back:
            out[edge.source].append(edge.target)
    depth = dict.fromkeys(out, 0)
    for id in followed_first(list(out), out.__getitem__)[::-1]:
        for then in out[id]:
            depth[then] = max(depth[then], depth[id] + 1)
    nodes, edges = list(graph.nodes), list(graph.edges)
    for node in graph.nodes:
        if node.role not in ("success", "failure"):
            continue
        id, lowest = node.id, None
        for edge in sorted(graph.into(node.id), key=lambda edge: -depth[edge.source]):
            if lowest is not None and lowest - depth[edge.source] > _NEAR:
                id, lowest = f"{id}'", None
                nodes.append(attrs.evolve(node, id=id))
            lowest = depth[edge.source] if lowest is None else lowest
            edges[edges.index(edge)] = attrs.evolve(edge, target=id)
    return attrs.evolve(graph, nodes=tuple(nodes), edges=tuple(edges))


def _renumbered(graph: Graph) -> Graph:
    """The same graph, with its nodes in the order in which a reader meets them."""
    after: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        after[edge.source].append(edge.target)
    order: dict[str, str] = {}
    todo = [graph.nodes[0].id]
    while todo:
        id = todo.pop()
        if id not in order:
            order[id] = f"n{len(order)}"
            todo += reversed(after[id])
    nodes = {node.id: node for node in graph.nodes}
    place = {id: n for n, id in enumerate(order)}
    edges: Sequence[Edge] = sorted(graph.edges, key=lambda edge: place[edge.source])
    return attrs.evolve(
        graph,
        nodes=tuple(attrs.evolve(nodes[id], id=new) for id, new in order.items()),
        edges=tuple(attrs.evolve(edge, source=order[edge.source], target=order[edge.target]) for edge in edges),
    )
