"""The disk fills, fails or refuses, a record is tampered with, another process holds the lock: what a worker then says.

Whatever it says, what it told before as recorded is there, and once the fault is gone the run goes on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from processes import OUTPUT, RUN, Place, Said, no_strace, until, violations


def finished(place: Place) -> None:
    """Drive the run to its end, and hold it against every promise."""
    before = place.looked_at()
    said = (place.resume() if before.status is not None else place.run()).ended()
    if said.code == 3:
        said = place.approved().resume().ended()
    assert said.code == 0, said
    assert said.document["output"] == OUTPUT
    assert violations(place, [before], place.show()) == []


def told_as_done(said: Said) -> set[str]:
    """The steps that a command said were done, in what it tells people on the way."""
    words = [line.split() for line in said.err.splitlines()]
    return {word[2] for word in words if len(word) >= 3 and word[0].startswith("+") and word[1] == "done"}


def mounted(*words: str) -> None:
    """Mount something, or skip where that is not permitted."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"not permitted here: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes."""
    folder.mkdir()
    mounted("-t", "tmpfs", "-o", f"size={size}", "perdure-test", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into a folder, not even root."""
    if os.geteuid() != 0:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o500 if path.is_dir() else 0o400)
        try:
            yield
        finally:
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)
        return
    mounted("--bind", str(folder), str(folder))
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


# -- a full disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("free", [0, 56 << 10])
def test_on_a_full_disk_a_worker_says_so_and_the_run_goes_on_once_there_is_room(
    place: Place, tmp_path: Path, free: int
) -> None:
    with small_disk(tmp_path / "disk", 512 << 10) as disk:
        place = attrs.evolve(place, database=Path(shutil.copy(place.database, disk / "perdure.db")))
        filler = disk / "filler"
        with filler.open("wb") as file:
            file.write(bytes(shutil.disk_usage(disk).free - free))

        said = place.run().ended()
        moment = place.looked_at()
        filler.unlink()

        assert said.code == 7, said
        assert "full" in said.document["message"] or "No space" in said.document["message"]
        assert told_as_done(said) <= moment.finished
        finished(place)


# -- calls that fail -------------------------------------------------------------------------------------------------


@pytest.fixture
def strace() -> None:
    """Skip where system calls cannot be interfered with."""
    why = no_strace()
    if why is not None:
        pytest.skip(why)


def failing(place: Place, call: str, error: str, when: str) -> Said:
    """Start the run while a system call fails."""
    under = ["strace", "-f", "-qq", "-o", str(place.folder / "strace"), "-e", f"trace={call}"]
    said = place.call(
        "run",
        place.target,
        "-i",
        '"bees"',
        "--id",
        RUN,
        "--json",
        under=[*under, "-e", f"inject={call}:{error}:{when}"],
    )
    assert "INJECTED" in (place.folder / "strace").read_text()
    return said


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("nth", [3, 5])
def test_what_a_failing_disk_did_not_take_is_not_told_as_recorded(place: Place, nth: int) -> None:
    said = failing(place, "fdatasync", "error=EIO", f"when={nth}+")
    moment = place.looked_at()

    assert said.code == 7, said
    assert said.document["error"] == "unavailable"
    assert told_as_done(said) <= moment.finished
    finished(place)


@pytest.mark.usefixtures("strace")
def test_a_disk_that_fails_once_loses_nothing_that_was_told(place: Place) -> None:
    said = failing(place, "fdatasync", "error=EIO", "when=5")
    moment = place.looked_at()

    assert said.code in (3, 7), said
    assert told_as_done(said) <= moment.finished
    finished(place)


@pytest.mark.usefixtures("strace")
def test_a_write_that_finds_no_room_is_told_as_a_full_disk(place: Place) -> None:
    said = failing(place, "pwrite64", "error=ENOSPC", "when=30+")
    moment = place.looked_at()

    assert said.code == 7, said
    assert "full" in said.document["message"]
    assert told_as_done(said) <= moment.finished
    finished(place)


# -- a database that refuses -----------------------------------------------------------------------------------------


def test_a_read_only_database_can_be_looked_at_and_nothing_else(place: Place, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    shown = place.parked().show()
    kept = attrs.evolve(place, database=Path(shutil.move(place.database, tmp_path / "kept" / "perdure.db")))
    before = kept.database.read_bytes()

    with read_only(tmp_path / "kept"):
        again = kept.show()
        refused = [kept.call("resume", RUN, "--json"), kept.call("approve", RUN, "--json")]

    assert again == shown
    for said in refused:
        assert said.code == 7, said
        assert "nothing can be recorded" in said.document["message"]
    assert kept.database.read_bytes() == before
    assert len(kept.lines()) == 4


def test_a_record_that_was_changed_is_told_as_corrupt_and_its_step_is_not_executed_again(place: Place) -> None:
    place.parked().approved()
    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER journal_stays")
        changed = raw.execute(
            "UPDATE journal SET payload = replace(payload, 'They dance.', 'They stand.') "
            "WHERE kind = 'end' AND path = 'ship/research'"
        )
        assert changed.rowcount == 1
    before = place.lines()

    said = [place.resume().ended(), place.call("show", RUN, "--json"), place.resume().ended()]

    assert [each.code for each in said] == [6, 6, 6]
    assert "ship/research" in said[0].document["message"]
    assert place.lines() == before
    assert place.looked_at().status == "ready"


def test_a_worker_waits_for_a_database_that_another_process_holds(place: Place) -> None:
    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as raw:
        worker = place.run(SHIP_SECONDS="0.5")
        until(place.lines, "the first line of the ledger")
        raw.execute("BEGIN IMMEDIATE")
        before = place.looked_at()
        # Longer than SQLite itself waits, so that the worker has to try again.
        gone = worker.ends_within(6)
        moment = place.looked_at()
        raw.execute("ROLLBACK")
    said = worker.ended()

    assert not gone
    assert moment.journal == before.journal
    assert said.code == 3, said
    assert [line.path for line in place.lines() if line.event == "begin"] == ["ship/research", "ship/plan"]
    finished(place)
