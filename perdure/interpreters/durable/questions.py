"""What may be asked of a database: one method a question, each answered by one select, none waiting for a writer."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from perdure.interpreters.durable import texts
from perdure.interpreters.durable.database import Database, explained
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import Entry, Gate, Outside, Run, SignalRow, Status
from perdure.interpreters.durable.recorded import Recorded


@attrs.frozen
class Sizes:
    """How large a database is, in bytes. `free` is inside the file and used again; `log` is the write-ahead log."""

    file: int
    free: int
    log: int


class Questions:
    """The questions; any thread may ask.

    All raise `Unavailable` where the database cannot be used, and `Corrupt` where it cannot be read.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._reading = threading.Lock()

    @property
    def path(self) -> Path:
        """The database file."""
        return self.database.path

    def database_id(self) -> str:
        """Distinguishes this database in idempotency keys."""
        return str(self._ask(texts.META_VALUE, key="database_id")[0][0])

    def find(self, run_id: str) -> Run | None:
        return next((Run(*row) for row in self._ask(texts.RUN, run_id=run_id)), None)

    def find_by_key(self, key: str) -> Run | None:
        """The run that was started under a key."""
        return next((Run(*row) for row in self._ask(texts.RUN_OF_KEY, key=key)), None)

    def entries(self, run_id: str) -> list[Entry]:
        """The whole journal of a run, in order."""
        return self.entries_after(run_id, 0)

    def entries_after(self, run_id: str, seq: int) -> list[Entry]:
        """What was recorded since the entry with this number."""
        return list(map(Entry._make, self._ask(texts.ENTRIES, run_id=run_id, seq=seq)))

    def gates(self, run_id: str) -> list[Gate]:
        """All gates of a run, oldest first."""
        return [Gate(*row) for row in self._ask(texts.GATES_OF, run_id=run_id)]

    def open_gates(self, run_id: str | None = None) -> list[Gate]:
        """What waits for somebody, oldest first: of one run, or of all."""
        if run_id is not None:
            return [gate for gate in self.gates(run_id) if gate.status == "open"]
        return [Gate(*row) for row in self._ask(texts.OPEN_GATES)]

    def signals(self, run_id: str) -> list[SignalRow]:
        """A run's inbox, by name and then in the order of sending; consumed ones too."""
        return [SignalRow(*row) for row in self._ask(texts.SIGNALS_OF, run_id=run_id)]

    def recorded(self, run: Run) -> Recorded:
        """All of a run."""
        return Recorded(run, self.entries(run.run_id), self.gates(run.run_id), self.signals(run.run_id))

    def outside(self, run_id: str, awaits: Sequence[str]) -> Outside:
        """What others left for a run, and its owner has not consumed; of messages, those of the names awaited."""
        gates = [Gate(*row) for row in self._ask(texts.ANSWERED, run_id=run_id)]
        signals = [SignalRow(*row) for row in self._ask(texts.SENT, run_id=run_id, awaits=json.dumps(awaits))]
        run = self.find(run_id)
        return Outside(gates, signals, run.cancel if run is not None else None)

    def runs(self, *, statuses: Iterable[Status] | None = None, since: int = 0, limit: int = 50) -> list[Run]:
        """Runs, newest first.

        Args:
            statuses: Only those that stand so; None for all.
            since: Only those started then or later, in milliseconds since 1970.
            limit: No more than these.
        """
        wanted = None if statuses is None else json.dumps(list(statuses))
        return [Run(*row) for row in self._ask(texts.NEWEST, statuses=wanted, since=since, limit=limit)]

    def match(self, prefix: str, *, limit: int = 20) -> list[str]:
        """Ids of runs that begin so; only the one, where it is a whole id."""
        if self.find(prefix) is not None:
            return [prefix]
        # No id holds a character behind "~".
        rows = self._ask(texts.BEGINNING, first=prefix, last=f"{prefix}~", limit=limit)
        return [run_id for (run_id,) in rows]

    def last(self) -> str | None:
        """The id of the run that was started last."""
        return next((run.run_id for run in self.runs(limit=1)), None)

    def schema_version(self) -> int:
        """The number of the last migration that this database has seen."""
        return self._number("user_version")

    def integrity(self) -> list[str]:
        """What SQLite itself finds wrong with the file. Reads all of it."""
        try:
            found = [str(row[0]) for row in self._ask("PRAGMA integrity_check")]
        except Corrupt as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def sizes(self) -> Sizes:
        page, log = self._number("page_size"), Path(f"{self.path}-wal")
        return Sizes(
            file=page * self._number("page_count"),
            free=page * self._number("freelist_count"),
            log=log.stat().st_size if log.exists() else 0,
        )

    def _number(self, pragma: str) -> int:
        return int(self._ask(f"PRAGMA {pragma}")[0][0])

    def _ask(self, statement: str, **given: str | int | None) -> Sequence[tuple[Any, ...]]:  # Any: what a row holds
        with self._reading:
            try:
                return self.database.reader.execute(statement, given).fetchall()
            except UnicodeEncodeError:
                return []  # no database holds such a text
            except sqlite3.Error as error:
                raise explained(error, self.path) from error
