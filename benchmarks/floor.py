"""The raw floor: `sqlite3` and nothing else, writing the rows of a finished run again, in as many commits.

Tables, indexes and triggers are those of the run's own database, the rows are its own rows, and the pragmas are ours.
"""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import attrs

from perdure.interpreters.durable.database import Durability

Tuple = tuple[Any, ...]  # Any: a row of a table


@attrs.frozen
class Spent:
    """Seconds that something took: on the clock, and of CPU."""

    wall: float
    cpu: float


@contextlib.contextmanager
def spending() -> Generator[list[Spent], None, None]:
    """Measure a block; the list holds what it took, afterwards."""
    spent: list[Spent] = []
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.append(Spent(time.perf_counter() - wall, time.process_time() - cpu))


def write(finished: Path, target: Path, durability: Durability) -> Spent:
    """Write the one run that a database holds into a new one.

    Returns:
        What the inserts and commits took; the new database is made before.
    """
    with contextlib.closing(sqlite3.connect(finished)) as source:
        ddl = [sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
        (run,) = source.execute("SELECT * FROM runs").fetchall()
        columns = [name for _, name, *_ in source.execute("PRAGMA table_info(runs)")]
        entries = source.execute("SELECT * FROM journal ORDER BY seq").fetchall()
    ended = dict(zip(columns, run, strict=True))
    begun = {**ended, "status": "running", "outcome": None, "outcome_digest": None, "finished_at": None}
    commits = list(_commits(entries))
    with contextlib.closing(_made(target, ddl, durability)) as raw:
        insert_run = f"INSERT INTO runs VALUES ({', '.join('?' * len(columns))})"
        insert = f"INSERT INTO journal VALUES ({', '.join('?' * len(entries[0]))})"
        with spending() as spent:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute(insert_run, tuple(begun.values()))
            raw.execute("COMMIT")
            for rows in commits[:-1]:
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(insert, rows)
                raw.execute("COMMIT")
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(insert, commits[-1])
            raw.execute(
                "UPDATE runs SET status = :status, outcome = :outcome, outcome_digest = :outcome_digest, "
                "finished_at = :finished_at WHERE run_id = :run_id",
                ended,
            )
            raw.execute("COMMIT")
    return spent[0]


def _commits(entries: list[Tuple]) -> Iterator[list[Tuple]]:
    """Entries as they were committed: outcomes, and with them what then began."""
    rows: list[Tuple] = []
    for entry in entries:
        if rows and entry[2] == "end" and rows[-1][2] == "begin":
            yield rows
            rows = []
        rows.append(entry)
    yield rows


def _made(path: Path, ddl: list[str], durability: Durability) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    for statement in ddl:
        raw.execute(statement)
    for pragma in (
        f"synchronous={'FULL' if durability == 'full' else 'NORMAL'}",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
        "mmap_size=0",
        f"journal_size_limit={64 << 20}",
    ):
        raw.execute(f"PRAGMA {pragma}")
    return raw
