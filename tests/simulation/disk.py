"""The database of a simulated world: real SQLite in shared memory, and a wire to it that breaks when it is told to.

Every process of the world has connections of its own, as real ones have; SQLite's own locks and its own rollback hold
between them. Only the file is missing, and with it `fsync`: what is committed is there.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeAlias

from perdure.interpreters.durable.database import Database, open_database

#: What may befall the next transaction.
#:
#: busy: another process writes. statement: an I/O error in the middle. refused: an I/O error, and the commit is not
#: done. lost: an I/O error, and the commit is done all the same. unsafe: as `lost`, and the log cannot be brought to
#: the disk at once. full: the disk is. unread: an I/O error of the next question.
Mood: TypeAlias = Literal["busy", "statement", "refused", "lost", "unsafe", "full", "unread"]

#: What may befall a write, and how often as against the others.
MOODS: tuple[Mood, ...] = ("busy", "busy", "statement", "refused", "lost", "lost", "unsafe", "unsafe", "full")

#: No such folder: nothing is ever opened there, and messages name no path of this machine.
_PATH = Path("/simulated/perdure.db")


class Wire(sqlite3.Connection):
    """A connection that may break."""

    database: SimulatedDatabase | None = None

    def execute(self, sql: str, given: Any = (), /) -> sqlite3.Cursor:
        if self.database is not None and self.database.mood is not None:
            self._suffer(sql, self.database)
            if sql.startswith("PRAGMA wal_checkpoint") and self.database.mood == "unsafe":
                self.database.mood = None
                return super().execute("SELECT 1, 0, 0")  # busy
        return super().execute(sql, given)

    def executemany(self, sql: str, given: Iterable[Any], /) -> sqlite3.Cursor:
        if self.database is not None and self.database.mood is not None:
            self._suffer(sql, self.database)
        return super().executemany(sql, given)

    def _suffer(self, sql: str, database: SimulatedDatabase) -> None:
        match database.mood:
            case "busy" if sql == "BEGIN IMMEDIATE":
                code = sqlite3.SQLITE_BUSY
            case "statement" if sql != "BEGIN IMMEDIATE" and self.in_transaction:
                code = sqlite3.SQLITE_IOERR_WRITE
            case "refused" if sql == "COMMIT":
                code = sqlite3.SQLITE_IOERR_FSYNC
            case "lost" | "unsafe" if sql == "COMMIT" and self.in_transaction:
                super().execute(sql)
                code = sqlite3.SQLITE_IOERR_FSYNC
            case "full" if sql == "COMMIT":
                super().execute("ROLLBACK")
                code = sqlite3.SQLITE_FULL
            case "unread" if not self.in_transaction:
                code = sqlite3.SQLITE_IOERR_READ
            case _:
                return
        database.happened = database.mood
        if database.mood != "unsafe":
            database.mood = None
        error = sqlite3.OperationalError("simulated")
        error.sqlite_errorcode = code
        raise error


class SimulatedDatabase(Database):
    """What one process has open.

    Attributes:
        mood: What is to befall it next.
        happened: What has.
    """

    def __init__(self, disk: Disk) -> None:
        self.path, self.durability = _PATH, "full"
        self.mood: Mood | None = None
        self.happened: Mood | None = None
        self._disk = disk
        self._readonly = False
        self._writer: sqlite3.Connection | None = None
        self._closed = False
        self.reader = self._opened()

    def discard(self) -> None:
        """Drop the connection that writes."""
        self._let_go(self._writer)
        self._writer = None

    def close(self) -> None:
        """As when a process ends, in whichever way: what was not committed is rolled back."""
        self._closed = True
        self.discard()
        self._let_go(self.reader)

    def _opened(self) -> sqlite3.Connection:
        wire = self._disk.connect()
        wire.database = self
        return wire

    def _let_go(self, raw: sqlite3.Connection | None) -> None:
        if isinstance(raw, Wire):
            raw.database = None
            self._disk.disconnect(raw)


class Disk:
    """One database in memory that many connections share, made anew for every world.

    Connections are used again from one world to the next: to open one costs more than most of what is said on it.
    """

    def __init__(self) -> None:
        self._uri = f"file:/simulation-{os.getpid()}?vfs=memdb"
        self._idle: list[Wire] = []
        self._lent: list[Wire] = []
        self.observer = self.connect()
        _migrated().backup(self.observer)

    def connect(self) -> Wire:
        """A connection to it, which knows nothing of any transaction."""
        if self._idle:
            wire = self._idle.pop()
        else:
            wire = sqlite3.connect(self._uri, uri=True, isolation_level=None, timeout=0, factory=Wire)
            wire.execute("PRAGMA foreign_keys=ON")
        self._lent.append(wire)
        return wire

    def disconnect(self, wire: Wire) -> None:
        """Give a connection back."""
        if wire.in_transaction:
            wire.execute("ROLLBACK")
        self._lent.remove(wire)
        self._idle.append(wire)

    def empty(self) -> None:
        """Begin anew. The schema stays, for to read it takes every connection longer than most worlds last."""
        for wire in [wire for wire in self._lent if wire is not self.observer]:
            self.disconnect(wire)
        self.observer.execute("BEGIN IMMEDIATE")
        for table in ("runs", "journal", "gates", "signals"):
            self.observer.execute(f"DELETE FROM {table}")
        self.observer.execute("COMMIT")


@functools.cache
def disk() -> Disk:
    """The disk of this process."""
    return Disk()


def _migrated() -> sqlite3.Connection:
    """What the real code makes of a path where nothing is, in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perdure.db"
        open_database(path).close()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode=DELETE")  # memory has no write-ahead log
            file.execute("UPDATE meta SET value = 'simulated' WHERE key = 'database_id'")  # keys follow from the seed
            memory = sqlite3.connect(":memory:", isolation_level=None)
            file.backup(memory)
            return memory
