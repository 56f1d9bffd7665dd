"""The demo really kills and resumes, and says what it saw."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from terminal import Terminal

EXAMPLE = Path(__file__).parents[2] / "examples" / "ship.py"


def test_the_demo_runs_the_example() -> None:
    shipped = resources.files("perdure.cli").joinpath("template", "ship.py")

    assert shipped.read_text() == EXAMPLE.read_text()


def test_the_demo_kills_resumes_approves_and_tells_what_it_saw(terminal: Terminal) -> None:
    folder = terminal.folder / "kept"

    said = terminal.alone("demo", "--yes", "--keep", str(folder), "--json")

    assert said.code == 0, said.err
    assert said.document["seen"] is True
    assert (said.document["attempts"]["ship/research"], said.document["attempts"]["ship/plan"]) == (1, 2)
    shown = [line.split()[2] for line in said.err.splitlines() if line.startswith("$ perdure ")]
    assert shown == ["run", "ps", "resume", "approve", "resume", "show"]
    assert "$ kill -9 " in said.err
    assert "demo  ship      stale" in said.err
    assert terminal.here("show", "demo", "--db", str(folder / "demo.db"), "--json").document["state"] == "succeeded"
    assert terminal.here("demo", "--yes", "--keep", str(folder)).code == 2


def test_the_demo_admits_what_it_did_not_see(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, does in (("kill_in_the_middle", None), ("run", None), ("document", {"steps": []})):
        monkeypatch.setattr(f"perdure.cli.demo._Stage.{part}", lambda *_, does=does, **__: does)

    said = terminal.here("demo", "--yes", "--json")

    assert (said.code, said.document["seen"]) == (1, False)
