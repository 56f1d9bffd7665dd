"""The rooms import inward only, and a breach is reported by name: a contract that never fails proves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What is added to a file, and what must then be said. One file a breach, so that none hides another.
BREACHES = {
    "a room imports its neighbour": (
        "agents/planted.py",
        "import perdure.interpreters.memory",
        "perdure.agents.planted -> perdure.interpreters.memory",
    ),
    "the core imports outward": ("core/planted_outward.py", "import perdure.api", "perdure.core.planted_outward -> "),
    "the core reads a clock": ("core/planted_clock.py", "import time", "perdure.core.planted_clock -> time"),
    "a component draws a random number": (
        "components/planted.py",
        "import random",
        "perdure.components.planted -> random",
    ),
    "a file of the core, not the codec, knows cattrs": (
        "core/faults.py",
        "import cattrs",
        "perdure.core.faults -> cattrs",
    ),
    "the drive makes a thread": (
        "interpreters/durable/drive.py",
        "import threading",
        "perdure.interpreters.durable.drive -> threading",
    ),
    "the drive knows an adapter": (
        "interpreters/durable/replay.py",
        "import perdure.interpreters.durable.adapters.clock",
        "perdure.interpreters.durable.replay -> perdure.interpreters.durable.adapters.clock",
    ),
    "a third module speaks the protocol of servers of tools": (
        "agents/planted_client.py",
        "import mcp",
        "perdure.agents.planted_client",
    ),
    "a new room has no place": ("unplaced/__init__.py", "", "- perdure.unplaced"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the package in a folder, whatever is installed."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def said_of_breaches(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy with every breach planted."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copytree(ROOT / "perdure", copy / "perdure", ignore=shutil.ignore_patterns("__pycache__"))
    for place, line, _ in BREACHES.values():
        file = copy / "perdure" / place
        file.parent.mkdir(exist_ok=True)
        with file.open("a") as out:
            out.write(f"\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_every_room_imports_inward_only() -> None:
    done = lint(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("breach", BREACHES)
def test_a_planted_breach_is_reported_by_name(breach: str, said_of_breaches: str) -> None:
    _, _, expected = BREACHES[breach]

    assert expected in said_of_breaches
