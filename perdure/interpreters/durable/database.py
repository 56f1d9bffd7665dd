"""The database file: made whole or not at all, checked before anything is written, never followed through a link.

What is found at the path and is not ours stays as it is, byte for byte.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, Literal, TypeAlias

from perdure.interpreters.durable.errors import Corrupt, DiskFull, DurableError, Unavailable

#: How much a commit promises. full: it outlives a power cut. fast: it outlives the process; a power cut may take the
#: last commits, and leaves the database sound.
Durability: TypeAlias = Literal["full", "fast"]

#: "Perd", in the file's header: the database is ours.
APPLICATION_ID: Final = 0x50657264
#: The schema that this code reads and writes: the number of the last migration.
SCHEMA: Final = 1

#: How long one statement waits for another process's write, in milliseconds.
_BUSY: Final = 5000
#: The least that a database can have, in bytes: one page.
_SMALLEST: Final = 512
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
# SQLite's locks and shared memory do not hold between machines.
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "fuse.sshfs", "fuse.s3fs"}
)


class Busy(Unavailable):
    """Another process was writing for longer than one try waits. Nothing was written; the same call may be repeated."""


class Database:
    """An open database: one connection that writes and one that reads, so that no question waits for a disk.

    Neither connection begins or ends a transaction by itself.
    """

    def __init__(self, path: Path, durability: Durability, *, readonly: bool = False) -> None:
        self.path = path
        self.durability = durability
        self._readonly = readonly
        self._writer: sqlite3.Connection | None = None
        self._closed = False
        self.reader = self._opened()
        self.reader.execute("PRAGMA query_only=ON")

    @property
    def writer(self) -> sqlite3.Connection:
        """The connection that writes, opened again if it was discarded."""
        if self._writer is None:
            if self._closed:
                raise Unavailable(f"{self.path} is closed")
            if self._readonly:
                raise Unavailable(f"{self.path} was opened to be looked at: nothing can be recorded")
            self._writer = self._opened()
        return self._writer

    def discard(self) -> None:
        """Drop the connection that writes: after an I/O error, it knows less of the file than the file does."""
        if self._writer is not None:
            with contextlib.suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None

    def close(self) -> None:
        """Close both connections. The last process to close leaves no file but the database."""
        self._closed = True
        self.reader.close()
        self.discard()

    def _opened(self) -> sqlite3.Connection:
        raw = _connect(self.path, "ro" if self._readonly else "rw")
        for pragma in (
            f"synchronous={'FULL' if self.durability == 'full' else 'NORMAL'}",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
            "mmap_size=0",
            f"journal_size_limit={64 << 20}",
            *(("fullfsync=1", "checkpoint_fullfsync=1") if sys.platform == "darwin" else ()),
        ):
            raw.execute(f"PRAGMA {pragma}")
        return raw


def open_database(path: Path, *, durability: Durability = "full", readonly: bool = False) -> Database:
    """Open the database at `path`: made if it is not there, migrated (after a copy) if an earlier release made it.

    Args:
        path: The file.
        durability: What a commit promises.
        readonly: Neither make nor migrate it, and change not a byte of it.

    Raises:
        Unavailable: It cannot be opened or made, is no database of ours, or of a later release. Nothing was written.
        Corrupt: It is no database at all. Nothing was written.
    """
    path = Path(os.path.abspath(path))
    try:
        _refuse_network(path)
        if not os.path.lexists(path) and not readonly:
            _create(path)
        schema = _checked(path)
        if schema < SCHEMA and readonly:
            raise Unavailable(
                f"{path} was made by an earlier perdure (schema {schema}, this one has {SCHEMA}), and is not migrated "
                "by looking at it: perdure db upgrade"
            )
        if schema < SCHEMA:
            _migrate(path, schema)
        return Database(path, durability, readonly=readonly)
    except sqlite3.Error as error:
        raise explained(error, path) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened: {error.strerror or error}") from error


def explained(error: BaseException, path: Path) -> DurableError:
    """What an error of SQLite means for a person."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return Busy(f"{path} is locked by another process, which has been writing for too long")
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"the disk is full: nothing more fits into {path} ({_free(path)} bytes free in {path.parent}). "
            "What was recorded stays. Make room, then resume."
        )
    if code == sqlite3.SQLITE_READONLY:
        return Unavailable(f"{path} is read-only: runs can be looked at, and nothing can be recorded")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Corrupt(f"{path} is damaged, or no database: {error}. See `perdure doctor`; restore it from a backup.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return Corrupt(f"{path} holds something else than what was to be recorded: {error}. Nothing was written.")
    return Unavailable(f"{path} cannot be used: {error}")


def _free(path: Path) -> int | str:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return "unknown"


# -- looking before touching -----------------------------------------------------------------------------------------


def _connect(path: Path, mode: Literal["ro", "rw"] = "rw") -> sqlite3.Connection:
    """A connection in autocommit to a file that is there. SQLite's own code opens it, always: a descriptor of ours
    that is closed would drop the locks that other connections of this process hold.
    """
    how = f"mode={mode}"
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        # Nobody can write here, not even the files that readers share; with a WAL, there may still be a writer.
        how = "mode=ro" if _size(Path(f"{path}-wal")) else "mode=ro&immutable=1"
    return sqlite3.connect(
        f"{path.as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY / 1000
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _checked(path: Path) -> int:
    """The schema of the database that is there, if it is ours and this code knows it."""
    if path.is_symlink():
        raise Unavailable(f"{path} is a symbolic link, and is not followed: name the database itself")
    if not path.is_file():
        raise Unavailable(f"{path} is not a file")
    if _size(path) < _SMALLEST:  # SQLite would take it for a new database, and write one
        raise Corrupt(f"{path} is empty or cut off. Restore it from a backup, or remove it and begin anew.")
    with contextlib.closing(_connect(path, "ro")) as raw:
        application, schema = _pragma(raw, "application_id"), _pragma(raw, "user_version")
    if application != APPLICATION_ID:
        raise Unavailable(f"{path} is a database, but not one of perdure. Nothing was written; choose another path.")
    if schema > SCHEMA:
        raise Unavailable(
            f"{path} was made by a newer perdure (schema {schema}, this one knows {SCHEMA}). "
            "Nothing was written; upgrade perdure."
        )
    return schema


def _pragma(raw: sqlite3.Connection, name: str) -> int:
    (value,) = raw.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _refuse_network(path: Path) -> None:
    """Refuse what is known to be a network's file system; where mounts cannot be read, nothing is known."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
    except OSError:
        return
    folder = os.path.realpath(path.parent) + "/"
    found, kind = "", ""
    for line in mounts.splitlines():
        _, where, fs, *_ = line.split(" ")
        where = where.replace("\\040", " ").rstrip("/") + "/"
        if folder.startswith(where) and len(where) >= len(found):
            found, kind = where, fs
    if kind in _NETWORK:
        raise Unavailable(f"{path} is on a network file system ({kind}), where locks do not hold: choose a local disk")


# -- making and migrating --------------------------------------------------------------------------------------------


def _create(path: Path) -> None:
    """Make a database under another name, and give it this one once it is whole. Another may be faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _private(path) as temporary:
        with contextlib.closing(_connect(temporary)) as raw:
            raw.execute("PRAGMA journal_mode=WAL")
            raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
            _upgrade(raw)
            # Closing does this too, and keeps it to itself when it fails: then the name would stand for an empty file.
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if _size(Path(f"{temporary}-wal")):
            raise Unavailable(f"{path} cannot be made: what was written did not reach the file")
        with contextlib.suppress(FileExistsError):
            _publish(temporary, path)


def _migrate(path: Path, schema: int) -> None:
    """Bring an older database to this schema, with a copy of what it was beside it."""
    with contextlib.closing(_connect(path)) as raw:

        def keep() -> None:
            # Nobody else can write now, and a second connection sees what was there before.
            with _private(path) as copy:
                with contextlib.closing(_connect(path)) as other:
                    other.execute("VACUUM INTO ?", (str(copy),))
                _sync(copy)
                for number in range(1, 1000):
                    with contextlib.suppress(FileExistsError):
                        _publish(copy, path.with_name(f"{path.name}.schema-{schema}.{number}.backup"))
                        return

        _upgrade(raw, keep)


def _upgrade(raw: sqlite3.Connection, before: Callable[[], None] = lambda: None) -> None:
    """Run what is missing of the migrations, in one transaction: all of it is there afterwards, or nothing."""
    from alembic import command  # half a second that few processes need to spend
    from alembic.config import Config
    from sqlalchemy import StaticPool, create_engine
    from sqlalchemy.exc import DBAPIError

    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    try:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # what SQLAlchemy has begun is in its own books only
            if _pragma(raw, "user_version") >= SCHEMA:
                return  # another process was faster
            before()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            raw.execute("INSERT OR IGNORE INTO meta VALUES ('database_id', ?)", (secrets.token_hex(16),))
            raw.execute(f"PRAGMA user_version={SCHEMA}")
    except DBAPIError as error:
        raise (error.orig or error) from error


@contextlib.contextmanager
def _private(path: Path) -> Generator[Path, None, None]:
    """A new empty file beside `path`, readable by its owner only, gone afterwards."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        yield temporary
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{temporary}{end}").unlink(missing_ok=True)


def _publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, for good.

    Raises:
        FileExistsError: Something has that name.
    """
    os.link(temporary, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
