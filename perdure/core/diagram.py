"""What a program may do, as a decision diagram: it asks, it looks at a reply, it ends.

Paths grow into a tree of `Branch`es, which `reduced` folds: questions whose answers change nothing vanish, and equal
tails are one node. Nothing here recurses: a path may be as long as memory allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

from perdure.core.effect import Op

T = TypeVar("T")


@attrs.frozen(eq=False)
class Asks:
    """The program makes a request, and goes on.

    Attributes:
        input: What is asked, as text; empty where inputs are not told apart.
        op: The leaf itself. Its arguments hold placeholders, where they come from replies.
    """

    kind: str
    key: str
    input: str
    op: Op[Any, Any] = attrs.field(repr=False)
    then: Node = attrs.field(repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.input}".rstrip()


@attrs.frozen(eq=False)
class Looks:
    """The program looks at a reply, and goes on by what it sees. `missing` answers were not followed."""

    question: str
    answers: tuple[tuple[str, Node], ...] = attrs.field(repr=False)
    missing: int = 0


@attrs.frozen(eq=False)
class Ends:
    """The program ended, or could not be followed further.

    Attributes:
        how: With a success or a failure; `broke` where it raised what is no failure, `cut` where a budget was spent.
        what: The outcome, or the reason.
        not_undone: The keys of compensations that failed.
    """

    how: Literal["success", "failure", "broke", "cut"]
    what: str
    not_undone: tuple[str, ...] = ()

    def __str__(self) -> str:
        left = f", not undone: {', '.join(self.not_undone)}" if self.not_undone else ""
        return f"= {'' if self.how in ('success', 'failure') else self.how + ': '}{self.what}{left}"


Node: TypeAlias = Asks | Looks | Ends


@attrs.frozen
class Answer:
    """One reply that decides something."""

    question: str
    given: str

    def __str__(self) -> str:
        return f"{self.question} -> {self.given}"


@attrs.define(eq=False)
class Branch:
    """All paths from one point on, as found so far: requests, and then a question or the end.

    `answers` are in the order of the alternatives; None stands for one that is not followed yet.
    """

    asked: Sequence[tuple[str, str, str, Op[Any, Any]]]  # the fields of Asks
    question: str = ""
    answers: list[tuple[str, Branch] | None] = attrs.field(factory=list["tuple[str, Branch] | None"])
    end: Ends | None = None


def reduced(root: Branch) -> Node:
    """The diagram of all paths."""
    nodes: dict[int, Node] = {}
    pool: dict[Any, Node] = {}
    for branch in followed_first([root], _branches):
        node = branch.end or _looks(branch, nodes)
        if isinstance(node, Ends):
            node = pool.setdefault((node.how, node.what, node.not_undone), node)
        elif isinstance(node, Looks):
            identity = node.question, node.missing, *((given, id(then)) for given, then in node.answers)
            node = pool.setdefault(identity, node)
        for kind, key, input, op in reversed(branch.asked):
            node = pool.setdefault((kind, key, input, id(node)), Asks(kind, key, input, op, node))
        nodes[id(branch)] = node
    return nodes[id(root)]


def _branches(branch: Branch) -> list[Branch]:
    return [found[1] for found in branch.answers if found]


def _looks(branch: Branch, nodes: Mapping[int, Node]) -> Node:
    answers = tuple((found[0], nodes[id(found[1])]) for found in branch.answers if found)
    return looks(branch.question, answers, len(branch.answers) - len(answers))


def looks(question: str, answers: tuple[tuple[str, Node], ...], missing: int) -> Node:
    """A look at a reply; or what follows, where all answers lead to the same."""
    if not missing and len({id(then) for _, then in answers}) == 1:
        return answers[0][1]
    return Looks(question, answers, missing)


def following(node: Node) -> tuple[Node, ...]:
    """The nodes right after this one."""
    match node:
        case Asks(then=then):
            return (then,)
        case Looks(answers=answers):
            return tuple(then for _, then in answers)
        case Ends():
            return ()


def nodes(root: Node) -> list[Node]:
    """Every node once, before all that follow it."""
    return followed_first([root], following)[::-1]


def followed_first(starts: Iterable[T], follow: Callable[[T], Sequence[T]]) -> list[T]:
    """All that can be come to, each once and after what follows it. By object, without recursion."""
    found: list[T] = []
    entered = set[int]()
    todo = [(start, False) for start in starts]
    while todo:
        each, done = todo.pop()
        if done:
            found.append(each)
        elif id(each) not in entered:
            entered.add(id(each))
            todo.append((each, True))
            todo += [(then, False) for then in follow(each)]
    return found


def same(one: Node, two: Node) -> bool:
    """Whether two reduced diagrams say the same."""
    todo: list[tuple[Node, Node]] = [(one, two)]
    seen = set[tuple[int, int]]()
    while todo:
        a, b = todo.pop()
        if a is b or (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        match a, b:
            case Asks(), Asks() if (a.kind, a.key, a.input) == (b.kind, b.key, b.input):
                pass
            case Looks(), Looks() if (a.question, a.missing) == (b.question, b.missing) and (
                [given for given, _ in a.answers] == [given for given, _ in b.answers]
            ):
                pass
            case Ends(), Ends() if (a.how, a.what, a.not_undone) == (b.how, b.what, b.not_undone):
                pass
            case _:
                return False
        todo += zip(following(a), following(b), strict=True)
    return True


def conditions(root: Node) -> dict[str, frozenset[Answer]]:
    """For every request the answers that are given on all paths to it."""
    given: dict[int, frozenset[Answer]] = {id(root): frozenset()}
    found: dict[str, frozenset[Answer]] = {}
    for node in nodes(root):
        here = given[id(node)]
        if isinstance(node, Asks):
            found[node.key] = found.get(node.key, here) & here
        for then, fact in zip(following(node), _facts(node), strict=True):
            there = here | fact
            given[id(then)] = given.get(id(then), there) & there
    return found


def _facts(node: Node) -> Iterator[frozenset[Answer]]:
    if isinstance(node, Asks):
        yield frozenset()
    elif isinstance(node, Looks):
        yield from (frozenset((Answer(node.question, given),)) for given, _ in node.answers)


def on_all_paths(root: Node) -> frozenset[str]:
    """The keys of the requests that are made whatever the replies. No path makes one twice, so counting paths tells."""
    order = nodes(root)
    below: dict[int, int] = {}
    for node in reversed(order):
        below[id(node)] = sum(below[id(then)] for then in following(node)) or 1
    above = dict.fromkeys(below, 0)
    above[id(root)] = 1
    through: dict[str, int] = {}
    for node in order:
        if isinstance(node, Asks):
            through[node.key] = through.get(node.key, 0) + above[id(node)] * below[id(node)]
        for then in following(node):
            above[id(then)] += above[id(node)]
    return frozenset(key for key, paths in through.items() if paths == below[id(root)])


def lines(root: Node) -> Iterator[str]:
    """The diagram as text. What several answers lead to is drawn once, under a number, and referred to by `goto`."""
    uses: dict[int, int] = {}
    for each in nodes(root):
        for then in following(each):
            uses[id(then)] = uses.get(id(then), 0) + 1
    numbers: dict[int, int] = {}
    todo: list[tuple[str, Node | str]] = [("", root)]
    while todo:
        indent, line = todo.pop()
        if isinstance(line, str):
            yield indent + line
            continue
        node = line
        if uses.get(id(node), 0) > 1 and not isinstance(node, Ends):
            if id(node) in numbers:
                yield f"{indent}goto [{numbers[id(node)]}]"
                continue
            numbers[id(node)] = len(numbers) + 1
            yield f"{indent}[{numbers[id(node)]}]"
        match node:
            case Asks():
                yield f"{indent}{node}"
                todo.append((indent, node.then))
            case Ends():
                yield f"{indent}{node}"
            case Looks():
                if node.missing:
                    todo.append((indent, f"? {node.question} -> … {node.missing} more, not followed"))
                for given, then in reversed(node.answers):
                    todo.append((indent + "    ", then))
                    todo.append((indent, f"? {node.question} -> {given}"))
