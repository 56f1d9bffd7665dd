"""Hidden non-determinism: what a workflow depends on besides its arguments and replies, named with line and mend.

A run is driven again from the top whenever it resumes, in another process and on another day. What the code asks must
be the same then.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from perdure.interpreters.durable.adapters import places
from perdure.interpreters.plan.rules import Finding
from perdure.interpreters.plan.source import functions, names, place
from perdure.interpreters.plan.survey import Asked, Course, Ended, Looked, Point
from perdure.interpreters.plan.watch import Deed
from perdure.interpreters.plan.witness import Question, Testimony, witness

#: By kind: the rule, why it matters, and what mends it.
_DEEDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "clock": (
        "hidden-clock",
        "a run that is driven again reads another time",
        "use now(), which is recorded: `at = yield from now()`",
    ),
    "dice": (
        "hidden-dice",
        "a run that is driven again draws something else",
        "draw it in a step, whose outcome is recorded",
    ),
    "io": (
        "hidden-io",
        "it is done again whenever the run is driven again, and may answer otherwise",
        "do it in a step, whose outcome is recorded",
    ),
    "environment": (
        "hidden-environment",
        "a run may be driven again where it says something else",
        "hand it to the workflow as an argument, or read it in a step",
    ),
}
#: Seeds of Python's hashes beside those of the first two processes.
_MORE_SEEDS: Final = range(3, 9)
_SLEEP: Final = (
    "the worker and all its other runs stand still meanwhile",
    "use sleep(…), for which no process has to wait: `yield from sleep(timedelta(…))`",
)
#: So much of what is asked is shown.
_SHOWN: Final = 120
_BRACES: Final = re.compile(r"\{([^{}]*)\}")


@contextlib.contextmanager
def looking(
    target: places.Target, fn: Callable[..., Any], arguments: str | None, *, max_paths: int = 1000
) -> Iterator[Callable[[], tuple[Finding, ...]]]:
    """Begin to look for what a workflow depends on and should not, in processes of their own.

    Args:
        target: Where the workflow is.
        fn: The function behind it.
        arguments: What it is called with, as a JSON object; None for any input.
        max_paths: How many paths to follow at most.

    Yields:
        What waits for the findings. It raises `Unusable` where the workflow ended a process.
    """
    with contextlib.ExitStack() as stack:

        def begin(how: Literal["once", "watched", "twice"], seed: int) -> Callable[[], Testimony]:
            question = Question(target.text, target.folder, arguments, max_paths, how)
            return stack.enter_context(witness(question, seed))

        one, two = begin("watched", 1), begin("twice", 2)

        def found() -> tuple[Finding, ...]:
            first, second = one(), two()
            # Two small sets may be in the same order by chance: where one is walked through, more processes look.
            seeds = _MORE_SEEDS if _first_order(fn) is not None else ()
            return findings(fn, first, second, (begin("once", seed)() for seed in seeds))

        yield found


def findings(
    fn: Callable[..., Any], watched: Testimony, twice: Testimony, more: Iterable[Testimony] = ()
) -> tuple[Finding, ...]:
    """What a workflow depends on and should not.

    Args:
        fn: The function behind the `@workflow`.
        watched: What the process saw that watched.
        twice: What the process saw that looked twice.
        more: What others saw; they are only asked while nothing was found.
    """
    done = tuple(_deed(deed) for deed in watched.deeds if deed.kind in _DEEDS)
    if (twice.changed or not done) and twice.again is not None:
        differs = _difference(twice.first, twice.again)
        if differs is not None:
            return (*done, _state(fn, twice.changed, *differs))
    if done:
        return done
    found = (_difference(watched.first, other.first) for other in itertools.chain([twice], more))
    differs = next((each for each in found if each is not None), None)
    return (_order(fn, watched.deeds, *differs),) if differs is not None else ()


def _deed(deed: Deed) -> Finding:
    rule, why, mend = _DEEDS[deed.kind]
    if deed.call == "time.sleep":
        why, mend = _SLEEP
    call = deed.call if deed.call == "os.environ" else f"{deed.call}()"
    return Finding(rule, _line(deed), f"{call} in the body of {deed.body}: {why}", mend)


def _line(deed: Deed) -> str:
    return f"{deed.file.rpartition('/')[2]}:{deed.line}"


# -- what differs ----------------------------------------------------------------------------------------------------


def _difference(one: tuple[Course, Course], two: tuple[Course, Course]) -> tuple[str, str] | None:
    """The first request, question or end that two explorations do not share: its place, and the two in words."""
    for a, b in zip(one, two, strict=True):
        for left, right in itertools.zip_longest(a.points, b.points):
            if _plain(left) != _plain(right):
                key = next((point.key for point in (left, right) if isinstance(point, Asked)), "")
                return key, f"{_told(left)} at one time, and {_told(right)} at another"
    return None


def _plain(point: Point | None) -> object:
    """What of a point must be the same in every process: of a request not who answers it, nor how often it is tried."""
    match point:
        case Asked():
            return point.key, point.shape, point.asked, point.then
        case Ended(how=how, what=what):  # it is known as text only, so a set in it is put into an order
            return how, _BRACES.sub(lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", what)
        case _:
            return point


def _told(point: Point | None) -> str:
    match point:
        case Asked(key=key, asked=asked):
            return f"{key} is asked{f' {_cut(asked)}' if asked else ''}"
        case Looked(question=question):
            return f"{_cut(question)} is looked at"
        case Ended(how=how, what=what):
            return f"the end is {how}: {_cut(what)}"
        case None:
            return "nothing more"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


# -- what is to blame ------------------------------------------------------------------------------------------------


def _state(fn: Callable[..., Any], changed: tuple[str, ...], key: str, differs: str) -> Finding:
    sites = [
        (place(each, node), node.id)
        for each, tree in functions(fn)
        for node in sorted(names(tree), key=lambda node: node.lineno)
        if node.id in changed
    ]
    where, what = sites[0] if sites else (key or fn.__name__, next(iter(changed), "something outside of it"))
    return Finding(
        "hidden-state",
        where,
        f"it changes {what}, and another run in the same process does otherwise: {differs}",
        "keep it in a local variable, or in what a step answers",
    )


def _order(fn: Callable[..., Any], deeds: tuple[Deed, ...], key: str, differs: str) -> Finding:
    site = _first_order(fn)
    if site is not None:
        where, what = site
        said = f"the order of the set {_cut(what)} is another in every process: {differs}"
        return Finding("set-order", where, said, f"use sorted({_cut(what)})")
    hashed = next((deed for deed in deeds if deed.kind == "hash"), None)
    if hashed is not None:
        return Finding(
            "hidden-hash",
            _line(hashed),
            f"{hashed.call}() in the body of {hashed.body} is another in every process: {differs}",
            "use what the value holds, or hashlib",
        )
    return Finding(
        "not-deterministic",
        key or fn.__name__,
        f"with the same replies, in two processes with another hash seed and time zone: {differs}",
        "let what is asked depend on arguments and replies alone",
    )


def _first_order(fn: Callable[..., Any]) -> tuple[str, str] | None:
    """Where a workflow's code first makes something of the order of a set: file and line, and the set."""
    sites = ((place(each, node), ast.unparse(node)) for each, tree in functions(fn) for node in _orders(each, tree))
    return next(sites, None)


_MAKE_SETS: Final = frozenset({"set", "frozenset"})
_SET_METHODS: Final = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_IN_ORDER: Final = frozenset(
    {"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "dict", "str", "repr", "for_each"}
)


def _orders(fn: Callable[..., Any], tree: ast.AST) -> Iterator[ast.expr]:
    """The sets in a text of whose order something is made, the first one first."""
    known = _sets_by_name(fn, tree)

    def is_set(node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return name in known
            case ast.Call(func=ast.Name(id=name)):
                return name in _MAKE_SETS
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                return name in _SET_METHODS and is_set(value)
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
                return is_set(left) or is_set(right)
            case _:
                return False

    # A set that was given a name is only known after the text that names it: once more, until nothing is new.
    while new := {name for name, value in _assigned(tree) if name not in known and is_set(value)}:
        known |= new
    yield from sorted((node for node in _taken_in_order(tree) if is_set(node)), key=lambda node: node.lineno)


def _sets_by_name(fn: Callable[..., Any], tree: ast.AST) -> set[str]:
    """Names that stand for a set from outside: of the module, or an argument."""
    held = {name for name, value in getattr(fn, "__globals__", {}).items() if isinstance(value, (set, frozenset))}
    hinted = {
        node.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.arg)
        and node.annotation is not None
        and re.match(r"(set|frozenset|Set|AbstractSet)\b", ast.unparse(node.annotation))
    }
    return held | hinted


def _assigned(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                yield name, value
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                yield name, value
            case _:
                pass


def _taken_in_order(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.For(iter=it) | ast.comprehension(iter=it):
                yield it
            case ast.Call(func=ast.Name(id=name), args=args) if name in _IN_ORDER:
                yield from args
            case ast.Call(func=ast.Attribute(attr="join" | "pop"), args=args):
                yield from args
                if not args and isinstance(node.func, ast.Attribute):
                    yield node.func.value
            case ast.Starred(value=value) | ast.FormattedValue(value=value):
                yield value
            case _:
                pass
