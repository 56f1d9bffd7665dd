"""A folder is held by one that writes or by many that read, and by nobody where it cannot be."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from returns.result import Success
from scenes import QUICK, alive, fresh_mark, limits, python

import perdure
from perdure import Do, race, run_in_memory, step, workflow
from perdure.agents.folder import held
from perdure.agents.process import run_process


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


STUBBORN = """
    import os, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    while True: time.sleep(1000)
"""


@step
async def works(folder: str) -> str:
    def told(line: str) -> bool:
        Path(folder, "new").write_text(line)
        Path(folder, "new").rename(Path(folder, "pid"))
        return False

    await run_process(python(Path(folder), STUBBORN), told, mark=fresh_mark(), limits=limits())
    return "never"


@step(timeout=timedelta(seconds=60))
async def sees_it_work(folder: str) -> str:
    while not Path(folder, "pid").exists():
        await anyio.sleep(0.01)
    return "it works"


@step
def looks(folder: str) -> bool:
    return alive(int(Path(folder, "pid").read_text()))


@workflow
def works_and_looks(folder: str) -> Do[bool]:
    yield from race(works(folder), sees_it_work(folder))
    return (yield from looks(folder))


def test_a_step_after_a_lost_race_meets_nothing_of_what_was_given_up(tmp_path: Path) -> None:
    async def durably() -> object:
        async with await perdure.open_async(tmp_path / "runs.db") as store:
            return await (await store.start(works_and_looks(str(tmp_path)))).result()

    assert asyncio.run(durably()) == Success(False)
    Path(tmp_path, "pid").unlink()
    assert asyncio.run(run_in_memory(works_and_looks(str(tmp_path)))) == Success(False)
