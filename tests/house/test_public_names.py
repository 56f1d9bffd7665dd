"""What `perdure` offers is written down, described, and loads nothing heavy before it is used."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import perdure

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"

#: What a program that only describes work must never pay for.
HEAVY = (
    *("alembic", "anyio", "asyncio", "click", "jsonschema", "litellm", "multiprocessing", "pydantic", "rich"),
    *("sqlalchemy", "sqlite3", "sqlmodel", "starlette", "subprocess"),
)


def first_line(name: str) -> str:
    """What a public name says of itself: the first line of its docstring, or the comment above an alias."""
    value = getattr(perdure, name)
    if type(value).__name__ != "TypeAliasType":
        return (inspect.getdoc(value) or "").partition("\n")[0]
    source = inspect.getsource(sys.modules[value.__module__])
    found = re.search(rf"^#: (.+)\n{name} = TypeAliasType\(", source, re.MULTILINE)
    return found[1] if found else ""


def page() -> str:
    """docs/api.md as it must be."""
    rows = "\n".join(f"| `{name}` | {first_line(name)} |" for name in perdure.__all__)
    return f"""# The public names

All of `import perdure`. The docstrings say more; `tests/house/test_public_names.py` holds this page to them.

| name | what it is |
|---|---|
{rows}
"""


def test_the_page_of_public_names_is_what_the_package_offers() -> None:
    expected = page()

    assert PAGE.read_text() == expected, f"if the change is meant: python {Path(__file__).relative_to(ROOT)}"


@pytest.mark.parametrize("name", perdure.__all__)
def test_a_public_name_says_what_it_is(name: str) -> None:
    said = first_line(name)

    assert said.endswith((".", ":")), f"{name}: {said!r} is no sentence"


def test_public_names_are_sorted_and_private_ones_stay_private() -> None:
    assert sorted(perdure.__all__, key=lambda name: (not name[0].isupper(), name)) == perdure.__all__
    assert dir(perdure) == sorted(perdure.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Machine'"):
        perdure.Machine


@pytest.mark.parametrize("package", ["perdure", "perdure.testing"])
def test_checkers_and_programs_take_a_name_from_the_same_place(package: str) -> None:
    module = importlib.import_module(package)
    told: dict[str, str | None] = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", "typing"):
            told |= {alias.name: node.module for alias in node.names}

    assert told == module._HOMES
    assert set(told) == set(module.__all__)


def test_describing_work_loads_no_database_no_event_loop_and_no_command_line() -> None:
    program = f"""
import sys
from perdure import Do, approval, for_each, step, workflow
from perdure.components import attempt_each

@step
def double(n: int) -> int:
    return 2 * n

@workflow
def flow(n: int) -> Do[list[int]]:
    yield from approval("go")
    yield from attempt_each([n], double)
    return (yield from for_each(range(n), double))

flow(3)
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


if __name__ == "__main__":
    PAGE.write_text(page())
