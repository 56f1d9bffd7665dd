"""The example that a test file is about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from perdure.interpreters.durable.adapters import places

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Any:
    """`examples/NAME.py` for `test_NAME.py`, as the module that a run will find again; its workflow has its name."""
    name = request.path.stem.removeprefix("test_")
    block = places.load(places.Target(f"{EXAMPLES / name}.py:{name}", str(EXAMPLES)))
    return sys.modules[block.fn.__module__]
