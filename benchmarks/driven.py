"""A run on a database of its own, timed, or with its commits counted."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from returns.result import Result, Success

import perdure
from benchmarks.floor import Spent, spending
from perdure import Effect
from perdure.interpreters.durable.database import Durability

T = TypeVar("T")

#: No lease is renewed while we measure.
LEASE = timedelta(hours=1)


def driven(path: Path, effect: Effect[Any, Any], durability: Durability) -> Spent:
    """Start a run in a new database and drive it to its end; opening and closing are not counted."""

    async def drive() -> Spent:
        async with await perdure.open_async(path, durability=durability, lease=LEASE) as store:
            with spending() as spent:
                outcome = await (await store.start(effect)).result()
            succeeded(outcome)
        return spent[0]

    return asyncio.run(drive())


def succeeded(outcome: Result[T, Any]) -> T:  # Any: whatever it could fail with
    """The value of a run.

    Raises:
        RuntimeError: It did not succeed: there is nothing to measure.
    """
    if not isinstance(outcome, Success):
        raise RuntimeError(f"the run did not succeed: {outcome}")
    return outcome.unwrap()


def commits(path: Path, effect: Effect[Any, Any], durability: Durability) -> int:
    """How often SQLite commits from the run's start to its end, as its own trace tells."""

    async def drive() -> int:
        with _traced() as writes:
            async with await perdure.open_async(path, durability=durability, lease=LEASE) as store:
                writes.clear()
                await (await store.start(effect)).result()
                return len(writes)

    return asyncio.run(drive())


@contextlib.contextmanager
def _traced() -> Generator[list[str], None, None]:
    """The statements that end a transaction with something written, on every connection that is opened meanwhile."""
    writes: list[str] = []
    real = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **kwargs)

        def see(statement: str) -> None:
            word = statement.split(None, 1)[0].upper()
            alone = word in ("INSERT", "UPDATE", "DELETE", "REPLACE") and not connection.in_transaction
            if word in ("COMMIT", "END") or alone:
                writes.append(statement)

        connection.set_trace_callback(see)
        return connection

    sqlite3.connect = connect  # type: ignore[assignment]  # one of its overloads
    try:
        yield writes
    finally:
        sqlite3.connect = real
