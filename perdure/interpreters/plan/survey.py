"""What a workflow may do, as plain values: what is compared, judged, and sent from one process to another.

Nothing of the user's code is in here: types, agents and functions are words. Two versions of one module can only be
loaded in two processes, so whatever compares them has to be able to cross.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

import attrs

from perdure.core import diagram, schema
from perdure.core.effect import Call, Effect, Op
from perdure.core.estimate import UNKNOWN, Span
from perdure.core.explore import Exploration, explore
from perdure.core.hints import label
from perdure.core.identity import scopes_of
from perdure.core.leaves import Ask, Step, Suspend
from perdure.core.retry import Retry
from perdure.interpreters.plan.leaf import Role, role_of, same_everywhere
from perdure.interpreters.plan.plan import AnyInput, plan

#: The answers of a gate that let a run pass, and how an answer says that nothing failed.
YES: Final = frozenset({"Approved", "True"})
FAILS: Final = " fails"

Fact: TypeAlias = tuple[str, str]

#: How a file is called as a module: no part of a meaning.
_MODULE: Final = re.compile(r"\bperdure_file_[0-9a-f]+\.")
_COMPARED: Final = re.compile(r"(?s)(.+) (<=|>=) (.+)")
_MIRRORED: Final = {"<=": ">", ">=": "<"}
_OPPOSITE: Final = {"True": "False", "False": "True"}


@attrs.frozen
class Asked:
    """A request is made.

    Attributes:
        traits: What is declared of it, in words, by name; what is not declared is not there.
        asked: What is asked, with placeholders such as `<ship/plan.summary>`.
        then: The place of the next node.
    """

    key: str
    role: Role
    name: str
    traits: Mapping[str, str]
    asked: str
    then: int

    @property
    def shape(self) -> tuple[str | None, ...]:
        """What makes it the same request under another name: its kind and its output type."""
        return tuple(self.traits.get(name) for name in ("kind", "output", "structure"))

    @property
    def takes_back(self) -> bool:
        """Whether it is made by a compensation."""
        return bool(scopes_of(self.key, ("undo",)))


@attrs.frozen
class Looked:
    """The program looks at a reply: by answer, the place of the next node. `missing` answers were not followed."""

    question: str
    answers: Mapping[str, int]
    missing: int = 0


@attrs.frozen
class Ended:
    """The program ended: `how` and `what` as in the core's diagram."""

    how: str
    what: str


Point: TypeAlias = Asked | Looked | Ended


@attrs.frozen
class Course:
    """A decision diagram: its nodes, each before all that follow it, the first one first.

    Attributes:
        unsure: Why there may be more than this; empty where the exploration was complete.
    """

    points: tuple[Point, ...]
    unsure: tuple[str, ...] = ()

    @functools.cached_property
    def requests(self) -> Mapping[str, Asked]:
        """The requests by key, in an order in which they may be made."""
        found: dict[str, Asked] = {}
        for point in self.points:
            if isinstance(point, Asked):
                found.setdefault(point.key, point)
        return found

    @functools.cached_property
    def when(self) -> Mapping[str, frozenset[Fact]]:
        """Every request by key, with the answers that are given on all paths to it."""
        given: dict[int, frozenset[Fact]] = {0: frozenset()}
        found: dict[str, frozenset[Fact]] = {}
        for at, point in enumerate(self.points):
            here = given[at]
            if isinstance(point, Asked):
                found[point.key] = found.get(point.key, here) & here
            for fact, then in following(point):
                there = here if fact is None else here | {fact}
                given[then] = given.get(then, there) & there
        return found


def following(point: Point) -> Iterator[tuple[Fact | None, int]]:
    """The places right after a node, each with the answer that leads there."""
    match point:
        case Asked(then=then):
            yield None, then
        case Looked(question=question, answers=answers):
            yield from (((question, answer), then) for answer, then in answers.items())
        case Ended():
            pass


@attrs.frozen
class Survey:
    """What a workflow may do.

    Attributes:
        workflow: Its name.
        calm: Where every request is answered.
        failing: Where each may fail as well, with all that it declares, and timers may come early.
        usd: What it may cost in US dollars, failures included.
        unpriced: The keys of the requests whose dollars nobody knows.
    """

    workflow: str
    calm: Course
    failing: Course
    usd: Span = UNKNOWN
    unpriced: tuple[str, ...] = ()

    @property
    def unsure(self) -> tuple[str, ...]:
        """Why there may be more than was seen; empty where the exploration was complete."""
        return tuple(dict.fromkeys((*self.calm.unsure, *(f"with failures: {why}" for why in self.failing.unsure))))


def survey(effect: Effect[Any, Any] | AnyInput, *, max_paths: int = 1000) -> Survey:
    """Explore a workflow. Nothing is executed.

    Args:
        effect: The workflow, called, or for any input.
        max_paths: How many paths to follow at most, with and without failures.

    Example:
        >>> from perdure import approval
        >>> [key for key in survey(approval("publish")).calm.requests]
        ['publish']
    """
    calm, failing = _explored(effect, max_paths)
    priced = plan(effect, faults=True, max_paths=max_paths)
    block = effect.block if isinstance(effect, (Call, AnyInput)) else None
    name = type(effect).__name__ if block is None else block.name
    return Survey(
        name, _course(calm), _course(failing, priced.assumed), priced.price.usd, tuple(sorted(priced.unpriced))
    )


def courses(effect: Effect[Any, Any] | AnyInput, *, max_paths: int = 1000) -> tuple[Course, Course]:
    """What a workflow may do where every request is answered, and where each may fail as well; without prices.

    What is asked is told so that a set in it, which has no order, reads the same in every process.
    """
    calm, failing = (_course(found, told=_told_anywhere) for found in _explored(effect, max_paths))
    return calm, failing


def _explored(effect: Effect[Any, Any] | AnyInput, max_paths: int) -> tuple[Exploration, Exploration]:
    calm, failing = (explore(effect, faults=faults, inputs=True, max_paths=max_paths) for faults in (False, True))
    return calm, failing


def _told_anywhere(op: Op[Any, Any], _: str) -> str:
    return _anywhere((op.args, op.kwargs) if isinstance(op, Step) else op.describe())


def _anywhere(value: Any) -> str:
    """As `repr`, but the same in every process. By exact class: a placeholder lies about its own."""
    kind = type(value)
    if kind in (set, frozenset):
        return f"{{{', '.join(sorted(map(_anywhere, value)))}}}"
    if kind in (list, tuple):
        return f"[{', '.join(map(_anywhere, value))}]"
    if kind is dict:
        return f"{{{', '.join(sorted(f'{_anywhere(key)}: {_anywhere(item)}' for key, item in value.items()))}}}"
    names = [
        *vars(kind).get("__dataclass_fields__", ()),
        *(each.name for each in vars(kind).get("__attrs_attrs__", ())),
    ]
    if names:
        return f"{kind.__name__}({', '.join(f'{name}={_anywhere(getattr(value, name, None))}' for name in names)})"
    return repr(value)


def _course(
    found: Exploration, assumed: tuple[str, ...] = (), told: Callable[[Op[Any, Any], str], str] | None = None
) -> Course:
    nodes = diagram.nodes(found.tree)
    places = {id(node): at for at, node in enumerate(nodes)}
    unsure = (*found.broken, *(f"assumed {what}" for what in dict.fromkeys((*found.assumed, *assumed))), *found.cut)
    return Course(tuple(_point(node, places, told or _shown) for node in nodes), tuple(map(_quiet, unsure)))


def _point(node: diagram.Node, places: Mapping[int, int], told: Callable[[Op[Any, Any], str], str]) -> Point:
    match node:
        case diagram.Asks(key=key, op=op, input=asked):
            return Asked(key, role_of(op), op.name, _traits(op), _quiet(told(op, asked)), places[id(node.then)])
        case diagram.Looks(question=question, answers=answers, missing=missing):
            return _looked(question, {given: places[id(then)] for given, then in answers}, missing)
        case diagram.Ends(how=how):
            return Ended(how, _quiet(str(node).removeprefix("= ").removeprefix(f"{how}: ")))


def _looked(question: str, answers: Mapping[str, int], missing: int) -> Looked:
    """`n <= 3` and `n >= 4` are asked as what they deny, so that a turned condition is the same question."""
    compared = _COMPARED.fullmatch(question)
    if compared is None or not answers.keys() <= _OPPOSITE.keys():
        return Looked(question, answers, missing)
    left, sign, right = compared.groups()
    turned = {_OPPOSITE[given]: then for given, then in answers.items()}
    return Looked(f"{left} {_MIRRORED[sign]} {right}", turned, missing)


def _shown(op: Op[Any, Any], asked: str) -> str:
    """What is asked, without what is declared beside it."""
    return op.prompt if isinstance(op, Ask) else repr((op.prompt, op.show)) if isinstance(op, Suspend) else asked


def _quiet(text: str) -> str:
    return _MODULE.sub("", same_everywhere(text))


# -- what is declared of a request -----------------------------------------------------------------------------------


def _traits(op: Op[Any, Any]) -> dict[str, str]:
    said = {
        "kind": op.kind,
        "output": label(op.output),
        "structure": _structure(op.output),
        "errors": " | ".join(map(label, op.errors)),
        "agents": " | ".join(map(_agent, op.agents)) if isinstance(op, Ask) else "",
        "budget": f"{op.budget} USD" if isinstance(op, Ask) and op.budget is not None else "",
        "repair": str(op.repair) if isinstance(op, Ask) and op.repair != attrs.fields(Ask).repair.default else "",
        "repeat": op.repeat,
        "retry": "" if op.retry is None else _retry(op.retry),
        "timeout": _span(op.timeout),
        "expires": _span(getattr(op, "expires", None)),
        "version": op.version,
    }
    return {name: _quiet(word) for name, word in said.items() if word}


def _structure(hint: Any) -> str:
    try:
        return schema.shape(hint)
    except schema.NoSchema:
        return ""


def _agent(agent: Any) -> str:  # Any: whatever has a name
    said = repr(agent)
    return agent.name if said == f"{type(agent).__name__}(name={agent.name!r})" else said


def _span(span: timedelta | None) -> str:
    return "" if span is None else str(span)


def _retry(retry: Retry) -> str:
    usual = Retry()
    more = [
        f"{field.name} {_word(getattr(retry, field.name))}"
        for field in attrs.fields(Retry)
        if field.name != "attempts" and getattr(retry, field.name) != getattr(usual, field.name)
    ]
    return ", ".join([f"{retry.attempts} attempts", *more])


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return " | ".join(getattr(each, "__name__", str(each)) for each in value)
    return str(value)
