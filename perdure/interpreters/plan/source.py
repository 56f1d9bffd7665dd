"""What only a workflow's text can tell: code that no path reaches, and effects that are described and dropped.

The text is parsed, never run. Names are looked up where the function was defined.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any, Final

from perdure.core import operations
from perdure.core.leaves import Task
from perdure.core.workflow import block_of
from perdure.interpreters.plan.rules import Finding

#: What makes an effect of its arguments; called alone in a line it does nothing.
_EFFECTS: Final = frozenset(
    name
    for name, value in vars(operations).items()
    if isinstance(value, FunctionType) and value.__module__ == operations.__name__ and not name.startswith("_")
) - {"step"}


def findings(fn: Callable[..., Any]) -> tuple[Finding, ...]:
    """What the text of a workflow, and of the functions of its module that it names, is found to have.

    Args:
        fn: The function behind a `@workflow`. One whose text is nowhere, as in an interactive session, has nothing.
    """
    found: dict[Finding, None] = {}
    for each, tree in functions(fn):
        for finding in (*_unreachable(each, tree), *_dropped(each, tree)):
            found[finding] = None
    return tuple(found)


def functions(fn: Callable[..., Any]) -> Iterator[tuple[Callable[..., Any], ast.AST]]:
    """A function and those of its module that it names, and so on, each with its text where that can be read."""
    todo, seen = [fn], set[Any]()
    while todo:
        each = todo.pop()
        tree = None if each in seen else _parsed(each)
        seen.add(each)
        if tree is None:
            continue
        todo += [other for name in sorted({node.id for node in names(tree)}) if (other := _own(each, name)) is not None]
        yield each, tree


def names(tree: ast.AST) -> Iterator[ast.Name]:
    """Where a text names something."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Name))


def _parsed(fn: Callable[..., Any]) -> ast.AST | None:
    try:
        lines, first = inspect.getsourcelines(fn)
    except (OSError, TypeError):
        return None
    try:
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except SyntaxError:  # a lambda in the middle of a line
        return None
    return ast.increment_lineno(tree, first - 1)


def _own(fn: Callable[..., Any], name: str) -> Callable[..., Any] | None:
    """A workflow or plain function of the same module, by the name that `fn` uses. Steps are impure and may do all."""
    value = getattr(fn, "__globals__", {}).get(name)
    block = block_of(value)
    inner = block.fn if block is not None else value
    if isinstance(inner, FunctionType) and not _is_step(inner) and inner.__module__ == fn.__module__:
        return inner
    return None


def _is_step(value: object) -> bool:
    return isinstance(getattr(value, "task", None), Task)


# -- code that no path reaches ---------------------------------------------------------------------------------------


def _unreachable(fn: Callable[..., Any], tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.If, ast.While)) and isinstance(node.test, ast.Constant):
            dead: Sequence[ast.stmt] = node.orelse if node.test.value else node.body
            if dead and not _makes_a_generator(dead):
                yield _never(fn, dead[0], f"the condition is always {node.test.value!r}")
        for block in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            if isinstance(block, list):
                yield from _after_an_exit(fn, block)


def _after_an_exit(fn: Callable[..., Any], block: Sequence[ast.AST]) -> Iterator[Finding]:
    for before, node in itertools.pairwise(block):
        if isinstance(before, (ast.Return, ast.Raise, ast.Break, ast.Continue)) and isinstance(node, ast.stmt):
            if not _makes_a_generator([node]):
                yield _never(fn, node, f"the line before it is a {type(before).__name__.lower()}")
            return


def _makes_a_generator(block: Sequence[ast.stmt]) -> bool:
    """`if False: yield` is how a body without effects is written."""
    return len(block) == 1 and isinstance(block[0], ast.Expr) and isinstance(block[0].value, ast.Yield)


def _never(fn: Callable[..., Any], node: ast.stmt, why: str) -> Finding:
    return Finding("unreachable", place(fn, node), f"no path comes here: {why}", "delete it, or mend the condition")


# -- effects that are dropped ----------------------------------------------------------------------------------------


def _dropped(fn: Callable[..., Any], tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _describes(fn, node.value.func):
            called = ast.unparse(node.value.func)
            yield Finding(
                "dropped-effect",
                place(fn, node),
                f"{called}(…) only describes an effect; alone in a line it does nothing",
                f"write `yield from {called}(…)`, or `await` in an async workflow",
            )


def _describes(fn: Callable[..., Any], called: ast.expr) -> bool:
    value: Any = getattr(fn, "__globals__", {})
    for name in ast.unparse(called).split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return (
        block_of(value) is not None
        or _is_step(value)
        or (getattr(value, "__module__", "") == operations.__name__ and getattr(value, "__name__", "") in _EFFECTS)
    )


def place(fn: Callable[..., Any], node: ast.stmt | ast.expr) -> str:
    """The file and line of a piece of a function's text."""
    return f"{(inspect.getsourcefile(fn) or '?').rpartition('/')[2]}:{node.lineno}"
