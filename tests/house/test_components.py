"""Patterns are short compositions, and nothing below them knows that they exist."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perdure import components

PACKAGE = Path(__file__).parents[2] / "perdure"
FILES = sorted((PACKAGE / "components").glob("*.py"))
LONGEST = 20
PAGE = PACKAGE.parent / "docs" / "patterns.md"


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Every function of a file, and how many lines its body has without the docstring."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_pattern_is_longer_than_it_takes_to_read_it(file: Path) -> None:
    assert [(name, lines) for name, lines in functions(file) if lines > LONGEST] == []


def test_no_interpreter_and_no_line_of_the_core_imports_a_pattern() -> None:
    knowing = re.compile(r"perdure\.components|from perdure import .*\bcomponents\b")
    below = [file for room in ("core", "interpreters", "agents") for file in (PACKAGE / room).rglob("*.py")]

    assert len(below) > 50
    assert [str(file) for file in below if knowing.search(file.read_text())] == []


def test_what_is_offered_is_sorted_and_each_pattern_is_a_file_of_its_own() -> None:
    patterns = [name for name in components.__all__ if (PACKAGE / "components" / f"{name}.py").is_file()]

    assert sorted(components.__all__, key=lambda name: (not name[0].isupper(), name)) == components.__all__
    assert {"debate", "escalation_chain", "optimizer", "panel", "review_loop"} <= set(patterns)
    assert {"saga", "scan_fix_verify", "supervisor"} <= set(patterns)


# -- docs/patterns.md -------------------------------------------------------------------------------------------------


def shown(function: Callable[..., object]) -> str:
    """The signature of a function without its types."""
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return f"`{function.__name__}{inspect.Signature(bare)}`"


@pytest.mark.parametrize(
    "name", [name for name in components.__all__ if inspect.isfunction(getattr(components, name)) and name.islower()]
)
def test_the_page_of_patterns_has_every_signature_as_it_is(name: str) -> None:
    assert shown(getattr(components, name)) in PAGE.read_text()


def test_the_page_of_patterns_names_tests_that_there_are() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    tests = "".join(file.read_text() for file in (PACKAGE.parent / "tests" / "components").glob("test_*.py"))

    assert len(named) >= 20
    assert {name for name in named if f"def {name}(" not in tests} == set()
