"""What agents leave is kept while its run goes on, and then within bounds of age and size."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perdure.agents.retention import Keep, tidy

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def leave(home: Path, run: str, step: str, *, days: float = 0, size: int = 10, name: str = "attempt-1.log") -> Path:
    """What a step left so many days ago."""
    folder = home / "perdure" / "agents" / run / step
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    at = (NOW - timedelta(days=days)).timestamp()
    for each in (file, folder):
        os.utime(each, (at, at))
    return folder


def swept(home: Path, ended: dict[str, Collection[str]], now: datetime = NOW, **settings: str) -> list[str]:
    """Whom it asked about."""
    asked: list[str] = []

    def steps(run: str) -> Collection[str]:
        asked.append(run)
        return ended.get(run, ())

    tidy({"XDG_STATE_HOME": str(home), **settings}, lambda: "d" * 32, steps, now)
    return asked


def test_what_is_old_is_removed_once_its_run_has_ended(tmp_path: Path) -> None:
    over, goes_on = leave(tmp_path, "over", "s1", days=31), leave(tmp_path, "parked", "s2", days=300)
    young = leave(tmp_path, "young", "s3", days=29)

    asked = swept(tmp_path, {"over": ["s1"], "young": ["s3"]})

    assert not over.exists()
    assert not over.parent.exists()
    assert goes_on.exists()
    assert young.exists()
    assert sorted(asked) == ["over", "parked"]


def test_a_run_of_the_same_name_in_another_database_is_left_alone(tmp_path: Path) -> None:
    mine, other = leave(tmp_path, "r1", "mine", days=40), leave(tmp_path, "r1", "other", days=40)

    swept(tmp_path, {"r1": ["mine"]})

    assert (mine.exists(), other.exists()) == (False, True)


def test_the_oldest_goes_first_where_all_together_is_too_large(tmp_path: Path) -> None:
    folders = [leave(tmp_path, f"r{n}", "s", days=10 - n, size=400_000) for n in range(5)]
    held = leave(tmp_path, "held", "s", days=20, size=400_000)

    swept(tmp_path, {f"r{n}": ["s"] for n in range(5)}, PERDURE_KEEP_MB="1")

    assert held.exists()  # of a run that has not ended, though it is the oldest
    assert [folder.exists() for folder in folders] == [False, False, False, False, True]


def test_a_step_is_as_old_as_the_last_that_was_written_for_it(tmp_path: Path) -> None:
    folder = leave(tmp_path, "r1", "s", days=40)
    leave(tmp_path, "r1", "s", days=1, name="attempt-2.log")
    os.utime(folder, (0, 0))

    swept(tmp_path, {"r1": ["s"]})

    assert folder.exists()


def test_it_is_done_once_a_day(tmp_path: Path) -> None:
    leave(tmp_path, "r1", "s", days=40)
    assert swept(tmp_path, {}) == ["r1"]
    assert swept(tmp_path, {}, NOW + timedelta(hours=23)) == []

    assert swept(tmp_path, {}, NOW + timedelta(hours=25)) == ["r1"]


def test_runs_in_memory_have_ended_with_their_process(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = leave(tmp_path, f"memory-{os.getpid()}", "s", days=40)
    old = leave(tmp_path, f"memory-{gone.pid}", "s", days=40)

    swept(tmp_path, {})

    assert (mine.exists(), old.exists()) == (True, False)


def test_the_bounds_are_settings_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    assert Keep.of({}) == Keep(timedelta(days=30), 1_000_000_000)
    assert Keep.of({"PERDURE_KEEP_DAYS": "7", "PERDURE_KEEP_MB": "50"}) == Keep(timedelta(days=7), 50_000_000)
    with pytest.raises(ValueError, match="PERDURE_KEEP_DAYS='soon': give a whole number"):
        Keep.of({"PERDURE_KEEP_DAYS": "soon"})


def test_where_no_agent_left_anything_nothing_is_made(tmp_path: Path) -> None:
    swept(tmp_path, {})

    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "mine"
    other.mkdir()
    (other / "s").mkdir()
    (tmp_path / "perdure" / "agents").mkdir(parents=True)
    (tmp_path / "perdure" / "agents" / "r1").symlink_to(other)
    os.utime(other / "s", (0, 0))

    swept(tmp_path, {"r1": ["s"]})

    assert (other / "s").exists()
