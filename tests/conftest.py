"""What every test has: a place of its own for what agents leave."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`: a few, for the tests start processes of their own, too."""
    return min(os.cpu_count() or 1, 4)


@pytest.fixture(autouse=True, scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is left in the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
