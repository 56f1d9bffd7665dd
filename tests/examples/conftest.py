"""What the tests of examples share: the example that a test file is about, and what is run beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loading import loaded

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Any:
    """`examples/NAME.py` for `test_NAME.py`, as the module that a run will find again; its workflow has its name."""
    name = request.path.stem.removeprefix("test_")
    return loaded(EXAMPLES / f"{name}.py", name)


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., tuple[int, Any]]:
    """`perdure … --json` in the folder of the test: its exit code and its document."""

    def ran(*arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "perdure", *arguments, "--json"],
            cwd=tmp_path,
            env={**os.environ, "PERDURE_DB": str(tmp_path / "runs.db")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    return ran


@pytest.fixture
def warm(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What mypy found out of the libraries is found out once."""
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "mypy"))
