from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.interpreters.durable import database
from perdure.interpreters.durable.database import APPLICATION_ID, SCHEMA, Database, open_database
from perdure.interpreters.durable.errors import Corrupt, DurableError, Unavailable
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import Run

RUN = Run("release-7", "release", "m:release", "/", "{}", "digest", 1)


def raw(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def forked(child: Callable[[], object]) -> int:
    """Run in a process of its own, and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        child()
        os._exit(0)
    finally:
        os._exit(1)


# -- making ----------------------------------------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_made_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "made" / "perdure.db"

    with contextlib.closing(Journal(open_database(path))) as journal:
        journal.start(RUN)
        assert journal.schema_version() == SCHEMA
        assert len(journal.database_id()) == 32
        assert journal.integrity() == []
        assert {file.name: mode(file) for file in path.parent.iterdir()} == {
            "perdure.db": 0o600,
            "perdure.db-wal": 0o600,
            "perdure.db-shm": 0o600,
        }
        assert mode(path.parent) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["perdure.db"]


def test_what_was_recorded_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    with contextlib.closing(Journal(open_database(path))) as journal:
        journal.start(RUN)
        name = journal.database_id()

    with contextlib.closing(Journal(open_database(path))) as journal:
        assert journal.find(RUN.run_id) == RUN
        assert journal.database_id() == name


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("fast", 1)])
def test_the_connections_are_set_for_durability(
    tmp_path: Path, durability: database.Durability, synchronous: int
) -> None:
    with contextlib.closing(open_database(tmp_path / "perdure.db", durability=durability)) as opened:
        told = {
            name: opened.writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in (
                "journal_mode", "synchronous", "busy_timeout", "foreign_keys", "trusted_schema", "cell_size_check",
                "mmap_size", "journal_size_limit",
            )
        }  # fmt: skip

    assert told == {
        "journal_mode": "wal",
        "synchronous": synchronous,
        "busy_timeout": 5000,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "journal_size_limit": 64 << 20,
    }


def test_processes_that_make_one_database_at_once_all_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    gate, opened = os.pipe()

    def child(number: int) -> Callable[[], None]:
        def make() -> None:
            os.close(opened)
            os.read(gate, 1)  # ends for all at once, when the last writer of the pipe is closed
            with contextlib.closing(Journal(open_database(path))) as journal:
                (tmp_path / f"{number}.id").write_text(journal.database_id())

        return make

    children = [forked(child(number)) for number in range(4)]
    os.close(opened)
    ends = [os.waitpid(pid, 0)[1] for pid in children]
    os.close(gate)

    assert ends == [0, 0, 0, 0]
    assert len({file.read_text() for file in tmp_path.glob("*.id")}) == 1
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix != ".id") == ["perdure.db"]
    with contextlib.closing(Journal(open_database(path))) as journal:
        assert journal.integrity() == []


def test_a_kill_while_it_is_made_leaves_nothing_or_all_of_it(tmp_path: Path) -> None:
    def calls_until(kill_at: int, path: Path) -> Callable[[], None]:
        def make() -> None:
            count = 0

            def on_call(_frame: object, event: str, called: object) -> None:
                nonlocal count
                owner = getattr(called, "__self__", None)
                if event == "c_call" and (isinstance(owner, (sqlite3.Connection, sqlite3.Cursor)) or owner is posix):
                    count += 1
                    if count == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.setprofile(on_call)
            open_database(path).close()
            sys.setprofile(None)
            path.with_suffix(".calls").write_text(str(count))

        return make

    posix = sys.modules["posix"]
    whole = tmp_path / "whole.db"
    open_database(tmp_path / "imports.db").close()
    os.waitpid(forked(calls_until(0, whole)), 0)
    total = int(whole.with_suffix(".calls").read_text())
    chosen = random.Random(7).sample(range(1, total + 1), 8)
    there, times = 0, 0

    for kill_at in sorted({1, *chosen, *range(total - 40, total, 5)}):
        path = tmp_path / f"killed-{kill_at}" / "perdure.db"
        path.parent.mkdir()
        _, end = os.waitpid(forked(calls_until(kill_at, path)), 0)
        assert os.WTERMSIG(end) == signal.SIGKILL
        there, times = there + path.exists(), times + 1
        with contextlib.closing(Journal(open_database(path))) as journal:
            assert journal.schema_version() == SCHEMA
            assert journal.integrity() == []
            assert journal.database_id()

    assert 0 < there < times  # some kills came after it had its name, and others before


def test_a_database_whose_content_did_not_reach_the_file_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, readers = database._connect, list[sqlite3.Connection]()

    def with_a_reader(path: Path, mode: Any = "rw") -> sqlite3.Connection:
        connected = connect(path, mode)
        if not readers:
            connected.execute("PRAGMA journal_mode=WAL")
            connected.execute("PRAGMA busy_timeout=0")
            readers.append(connect(path, mode))
            readers[0].execute("BEGIN")
            readers[0].execute("SELECT * FROM sqlite_master").fetchall()  # holds the log where it is
        return connected

    monkeypatch.setattr(database, "_connect", with_a_reader)
    with pytest.raises(Unavailable, match="did not reach the file"):
        open_database(tmp_path / "perdure.db")
    readers[0].close()

    assert list(tmp_path.iterdir()) == []


# -- refusing --------------------------------------------------------------------------------------------------------


def foreign(path: Path) -> None:
    raw(path, "PRAGMA journal_mode=WAL", "CREATE TABLE users (name TEXT)", "INSERT INTO users VALUES ('ada')")


def newer(path: Path) -> None:
    open_database(path).close()
    raw(path, f"PRAGMA user_version={SCHEMA + 1}")


def truncated(path: Path) -> None:
    open_database(path).close()
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize(
    ("make", "refusal", "reason"),
    [
        (foreign, Unavailable, "not one of perdure"),
        (newer, Unavailable, "made by a newer perdure .* upgrade perdure"),
        (lambda path: path.write_bytes(b""), Corrupt, "is empty or cut off"),
        (lambda path: path.write_bytes(b"no database" * 1000), Corrupt, "damaged, or no database"),
        (truncated, Corrupt, "is empty or cut off"),
        (lambda path: path.mkdir(), Unavailable, "is not a file"),
    ],
    ids=["foreign", "newer", "empty", "garbage", "truncated", "folder"],
)
def test_what_is_not_ours_is_refused_and_stays_as_it_is(
    tmp_path: Path, make: Callable[[Path], object], refusal: type[DurableError], reason: str
) -> None:
    path = tmp_path / "perdure.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(refusal, match=rf"perdure\.db.*{reason}"):
        open_database(path)

    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_newer_schema_that_is_only_in_the_log_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    open_database(path).close()

    def die_before_the_checkpoint() -> None:
        sqlite3.connect(path, isolation_level=None).execute(f"PRAGMA user_version={SCHEMA + 1}")
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(forked(die_before_the_checkpoint), 0)
    before = path.read_bytes()

    with pytest.raises(Unavailable, match="newer perdure"):
        open_database(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, there: bool) -> None:
    if there:
        open_database(tmp_path / "victim.db").close()
    (tmp_path / "perdure.db").symlink_to(tmp_path / "victim.db")

    with pytest.raises(Unavailable, match="symbolic link"):
        open_database(tmp_path / "perdure.db")

    assert (tmp_path / "victim.db").exists() == there


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {line.split(" ")[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    monkeypatch.setattr(database, "_NETWORK", frozenset(kinds))

    with pytest.raises(Unavailable, match="network file system"):
        open_database(tmp_path / "perdure.db")

    assert list(tmp_path.iterdir()) == []


def test_where_nothing_may_be_written_runs_can_still_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "perdure.db"
    with contextlib.closing(Journal(open_database(path))) as journal:
        journal.start(RUN)
    monkeypatch.setattr(database.os, "access", lambda *_: False)  # the tests may be root's, who may do everything

    with contextlib.closing(Journal(open_database(path))) as journal:
        assert journal.find(RUN.run_id) == RUN
        with pytest.raises(Unavailable, match="read-only"):
            journal.ask_cancel(RUN.run_id, "too late", 2)
    assert [file.name for file in tmp_path.iterdir()] == ["perdure.db"]


def test_where_nothing_may_be_written_a_log_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "perdure.db"
    with contextlib.closing(Journal(open_database(path))) as writing:
        writing.start(RUN)
        monkeypatch.setattr(database.os, "access", lambda *_: False)
        with contextlib.closing(Journal(Database(path, "full"))) as journal:
            assert journal.find(RUN.run_id) == RUN


def test_what_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Unavailable, match=r"perdure\.db cannot be opened"):
        open_database(tmp_path / "file" / "perdure.db")


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    journal = Journal(open_database(tmp_path / "perdure.db"))
    journal.close()

    with pytest.raises(Unavailable, match="closed"):
        journal.start(RUN)
    with pytest.raises(Unavailable, match="closed"):
        journal.find(RUN.run_id)


# -- migrating -------------------------------------------------------------------------------------------------------


def older(path: Path) -> None:
    path.touch(mode=0o600)
    raw(
        path,
        "PRAGMA journal_mode=WAL",
        f"PRAGMA application_id={APPLICATION_ID}",
        "CREATE TABLE before (what TEXT)",
        "INSERT INTO before VALUES ('kept')",
    )


def test_an_older_database_is_copied_and_then_migrated(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    older(path)

    with contextlib.closing(Journal(open_database(path))) as journal:
        assert journal.schema_version() == SCHEMA
        assert journal.start(RUN) == RUN

    (copy,) = tmp_path.glob("*.backup")
    assert copy.name == "perdure.db.schema-0.1.backup"
    assert mode(copy) == 0o600
    with contextlib.closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT what FROM before").fetchall() == [("kept",)]
        assert kept.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone() == (0,)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["perdure.db", "perdure.db.schema-0.1.backup"]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    older(path)
    raw(path, "CREATE TABLE signals (in_the_way TEXT)")

    with pytest.raises(Unavailable, match=r"perdure\.db cannot be used: table signals already exists"):
        open_database(path)

    with contextlib.closing(sqlite3.connect(path)) as kept:
        tables = {name for (name,) in kept.execute("SELECT name FROM sqlite_master")}
        assert kept.execute("PRAGMA user_version").fetchone() == (0,)
    assert tables == {"before", "signals"}


def test_processes_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    older(path)

    children = [forked(lambda: open_database(path).close()) for _ in range(3)]
    ends = [os.waitpid(pid, 0)[1] for pid in children]

    assert ends == [0, 0, 0]
    assert len(list(tmp_path.glob("*.backup"))) == 1
    with contextlib.closing(Journal(open_database(path))) as journal:
        assert journal.schema_version() == SCHEMA
