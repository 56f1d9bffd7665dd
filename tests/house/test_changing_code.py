"""docs/changing-code.md is true, row by row: a run that waits at a gate is resumed with edited code."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from loading import loaded

import perdure
from perdure import Waiting
from perdure.cli.main import cli
from perdure.interpreters.durable.errors import Corrupt, Drifted

PAGE = Path(__file__).parents[2] / "docs" / "changing-code.md"

CODE = """
from datetime import timedelta

import attrs

from perdure import Do, Retry, approval, parallel, step, workflow


@attrs.frozen
class Note:
    text: str


@step
def count(n: int) -> int:
    return n


@step
def write(n: int) -> Note:
    return Note(str(n))


@workflow
def flow(n: int) -> Do[int]:
    first = yield from count(n)
    note = yield from write(first)
    yield from parallel(count(1), count(2))
    yield from approval("ok", prompt="Good?", show=note)
    return first
"""

FIRST = "    first = yield from count(n)\n"
SECOND = "    note = yield from write(first)\n"
GATE = '    yield from approval("ok", prompt="Good?", show=note)\n'


@attrs.frozen
class Edit:
    """What is replaced, by what."""

    old: str
    new: str


EDITS: Mapping[str, Edit] = {
    "a new step behind what is recorded": Edit("    return first", "    return (yield from count(first))"),
    "the body of a step's function": Edit("Note(str(n))", "Note(str(n) + '!')"),
    "a step's retry, timeout or repeat": Edit(
        "@step\ndef write", "@step(retry=Retry(attempts=9), timeout=timedelta(seconds=9), repeat='pure')\ndef write"
    ),
    "a default in the output type": Edit("text: str", "text: str = ''"),
    "the output class has another name": Edit("Note", "Memo"),
    "a new workflow parameter with a default": Edit("flow(n: int)", "flow(n: int, more: int = 1)"),
    "another argument or prompt for a finished step": Edit("write(first)", "write(first + 1)"),
    "a parameter of a finished step has another name": Edit(
        "write(n: int) -> Note:\n    return Note(str(n))", "write(k: int) -> Note:\n    return Note(str(k))"
    ),
    "an open gate shows or asks something else": Edit("Good?", "Really?"),
    "a finished step has another name": Edit("write(", "compose("),
    "a finished step moved into another workflow": Edit(
        "@workflow\n" + CODE.partition("@workflow\n")[2],
        "@workflow\ndef inner(n: int) -> Do[Note]:\n    return (yield from write(n))\n\n\n@workflow\n"
        + CODE.partition("@workflow\n")[2].replace("write(first)", "inner(first)"),
    ),
    "an open gate has another name": Edit('"ok"', '"okay"'),
    "a new step before what is recorded": Edit(FIRST, "    yield from count(9)\n" + FIRST),
    "a new step before an open gate": Edit(GATE, "    yield from count(9)\n" + GATE),
    "a finished step is gone": Edit(SECOND, "    note = Note('')\n"),
    "an open gate is gone": Edit(GATE, ""),
    "two finished steps are swapped": Edit(FIRST + SECOND, SECOND.replace("first", "n") + FIRST),
    "a field more in the output type": Edit("text: str", "text: str\n    risky: bool = False"),
    "another declared version": Edit("@step\ndef write", "@step(version='2')\ndef write"),
    "a workflow parameter has another name": Edit(
        f"flow(n: int) -> Do[int]:\n{FIRST}", f"flow(k: int) -> Do[int]:\n{FIRST}".replace("(n)", "(k)")
    ),
    "the workflow has another name, or file": Edit("def flow", "def river"),
}


def table() -> dict[str, str]:
    """The page's table: the edit, and what a resume does."""
    return dict(re.findall(r"^\| (?!edit)([^|]+?) \| ([^|]+?) \|$", PAGE.read_text(), re.MULTILINE))


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of a module outlives its file: not in memory, and not as bytecode, blind to edits of one second."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("perdure_file_"):
            del sys.modules[name]


def resumed(tmp_path: Path, old: str, new: str) -> str:
    """What becomes of a run of the old code under the new: the first word of its row."""
    file = tmp_path / "flows.py"
    file.write_text(old)
    with perdure.open(tmp_path / "runs.db") as store:
        module = loaded(file, "flow")
        assert isinstance(store.start(module.flow(5), id="r").result(), Waiting)
        recorded = store.journal("r")
    del sys.modules[module.__name__]
    file.write_text(new)
    with perdure.open(tmp_path / "runs.db") as store:
        try:
            resting = store.resume("r").result()
        except Drifted:
            assert store.journal("r") == recorded, "a refusal writes nothing"
            return "exit 5"
        except Corrupt:
            assert store.journal("r") == recorded, "a refusal writes nothing"
            return "exit 6"
        (gate,) = store.inbox()
        added = store.journal("r")[len(recorded) :]
    assert isinstance(resting, Waiting)
    if gate.number == 2:
        return "asks again"
    if any("changed" in entry.payload for entry in added if entry.kind == "note"):
        return "kept"
    assert not added, "nothing is executed again"
    return "goes on"


def foreseen(tmp_path: Path, old: str, new: str) -> dict[str, Any]:
    """What `check --runs` says of a run of the old code, as its document has it."""
    file, database = tmp_path / "flows.py", tmp_path / "runs.db"
    file.write_text(old)
    with perdure.open(database) as store:
        module = loaded(file, "flow")
        assert isinstance(store.start(module.flow(5), id="r").result(), Waiting)
    del sys.modules[module.__name__]
    file.write_text(new)
    before = database.read_bytes()
    target = [f"{file}:river", "--runs-of", f"{file}:flow"] if "def river" in new else [f"{file}:flow", "--runs"]
    said = CliRunner().invoke(cli, ["--db", str(database), "--json", "check", *target])
    assert database.read_bytes() == before
    (run,) = json.loads(said.stdout)["runs"]
    assert said.exit_code == 1 or run["verdict"] == "goes-on"
    return dict(run)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("edit", EDITS)
def test_what_the_page_says_is_foreseen_by_check(edit: str, tmp_path: Path) -> None:
    run = foreseen(tmp_path, CODE, CODE.replace(EDITS[edit].old, EDITS[edit].new))

    word, _, more = table()[edit].partition(":")
    if word.startswith("exit"):
        assert run["verdict"] == ("needs-rename" if "--rename" in more else "cannot")
    else:
        assert run["verdict"] == "goes-on"
        assert bool(run["changed"]) == (word == "kept")
        assert bool(run["again"]) == (word == "asks again")


def test_the_table_has_every_edit_that_is_tried_and_no_other() -> None:
    assert list(table()) == list(EDITS)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("edit", EDITS)
def test_a_suspended_run_under_edited_code_does_what_the_page_says(edit: str, tmp_path: Path) -> None:
    assert EDITS[edit].old in CODE
    new = CODE.replace(EDITS[edit].old, EDITS[edit].new)

    assert resumed(tmp_path, CODE, new) == table()[edit].partition(":")[0]


@pytest.mark.usefixtures("fresh")
def test_unchanged_code_goes_on_and_writes_nothing(tmp_path: Path) -> None:
    assert resumed(tmp_path, CODE, CODE) == "goes on"
