"""Every case is asserted by a test, or the page says why it does not apply."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

#: The numbers of all cases, by what they are about.
CASES = {
    "durability and resume": {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13},
    "retries and time limits": {14, 15, 18, 19},
    "control flow": {20, 21, 22, 23, 25, 28, 29, 31, 32, 33},
    "suspension": {34, 35, 37, 39, 40},
    "operation": {41, 42, 43},
    "caches, time travel, agents": {44, 45, 47, 48, 49, 50},
}


def numbers(text: str) -> set[int]:
    """The cases that a docstring begins with."""
    found = re.match(r"Cases? (\d+(?:(?:, | and )\d+)*): \S", text)
    return {int(number) for number in re.findall(r"\d+", found[1])} if found else set()


def in_file(path: Path) -> dict[str, str]:
    """The tests of a file, each with its docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {node.name: ast.get_docstring(node) or "" for node in functions}


CASE_TESTS = {
    f"{path.name}::{name}": doc
    for path in sorted(HERE.glob("test_conformance_*.py"))
    for name, doc in in_file(path).items()
}


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the page."""
    section = (HERE / "README.md").read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ELSEWHERE, NOT_APPLYING = table("Asserted elsewhere"), table("What does not apply")


@pytest.mark.parametrize("test", CASE_TESTS)
def test_a_test_names_its_cases(test: str) -> None:
    assert numbers(CASE_TESTS[test])
    assert len(CASE_TESTS[test].splitlines()) == 1


def test_every_case_is_a_test_or_in_a_table_and_there_are_no_others() -> None:
    here = set[int]().union(*map(numbers, CASE_TESTS.values()))
    told = here | {int(row[0]) for row in [*ELSEWHERE, *NOT_APPLYING]}

    assert told == set[int]().union(*CASES.values())


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: row[2].strip("`").split("::")[1])
def test_a_test_that_the_page_names_exists(row: list[str]) -> None:
    path, name = row[2].strip("`").split("::")

    assert name in in_file(ROOT / path)


@pytest.mark.parametrize("row", NOT_APPLYING, ids=lambda row: f"case {row[0]}")
def test_what_does_not_apply_has_a_reason(row: list[str]) -> None:
    _, what, why = row

    assert what
    assert len(why.split()) >= 4 or why == "not in this release"
