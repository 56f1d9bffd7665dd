"""What the tests that kill share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Place


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database: to make one takes as long as to start a worker."""
    place = Place(tmp_path_factory.mktemp("made"))
    said = place.call("db", "upgrade")
    assert said.code == 0, said
    return place.database


@pytest.fixture
def place(tmp_path: Path, made: Path) -> Iterator[Place]:
    """A folder with an empty database. What is left running there is ended afterwards."""
    there = Place(tmp_path)
    shutil.copyfile(made, there.database)
    yield there
    there.close()
