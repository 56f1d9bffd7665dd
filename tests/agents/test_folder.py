"""A folder is held by one that writes or by many that read, and by nobody where it cannot be."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from scenes import QUICK, fresh_mark

from perdure.agents.folder import held


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Path]:
    """A folder in which somebody works."""
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield tmp_path
    os.close(lock)


def hold(folder: Path, mine: dict[str, str], patience: timedelta = QUICK) -> int | None:
    """The lock that was given, or None where there was none to wait for in time."""

    async def main() -> int | None:
        with anyio.move_on_after(0.5):
            async with held(folder, alone=True, mark=fresh_mark(), patience=patience, mine=mine) as lock:
                return lock
        return None

    return anyio.run(main)


def test_a_folder_is_waited_for_while_somebody_works_there(taken: Path) -> None:
    assert hold(taken, {}) is None


def test_an_agent_within_an_agent_does_not_wait_for_it(taken: Path) -> None:
    assert hold(taken, {"PERDURE_AGENT": "the outer one"}) == -1


def test_a_folder_is_let_go_of_and_no_file_is_left(tmp_path: Path) -> None:
    first, second = hold(tmp_path, {}), hold(tmp_path, {})

    assert first is not None
    assert second is not None
    assert min(first, second) >= 0
    assert list(tmp_path.iterdir()) == []


def test_where_the_file_system_has_no_locks_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(sys.modules["fcntl"], "flock", flock)

    assert hold(tmp_path, {}) == -1
