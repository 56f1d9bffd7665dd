"""Real databases for simulated runs: each run has a file of its own, and each process opens it anew.

A process that dies here is an exception, and not a kill: the file system keeps what was written, so that nothing need
reach the disk. What a kill and a power cut leave behind is for tests with real processes.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from perdure.interpreters.durable.database import open_database
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.sqlite import SqliteStore
from perdure.interpreters.simulate.memory_store import SharedStore


class _File:
    """A database file, open for one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: SqliteStore | None = None

    def open(self) -> SharedStore:
        """Open it for the next process; what the one before held is let go."""
        self.close()
        self._store = SqliteStore(Journal(open_database(self._path, durability="fast")))
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


@contextlib.contextmanager
def on_sqlite() -> Iterator[Callable[[], Callable[[], SharedStore]]]:
    """Makes databases in a temporary folder, one a run; they are gone with it."""
    with TemporaryDirectory(prefix="perdure-") as folder, contextlib.ExitStack() as last:
        made, path = Path(folder) / "made.db", Path(folder) / "run.db"
        open_database(made).close()

        def database() -> Callable[[], SharedStore]:
            last.close()  # the run before has ended
            shutil.copyfile(made, path)
            file = _File(path)
            last.callback(file.close)
            return file.open

        yield database
