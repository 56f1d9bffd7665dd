"""How a transaction is made: alone or with others, all or nothing, and what it did when nobody can say.

None is open across anything slow, and each may be made again: what is there already is found, and not doubled.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, TypeVarTuple

from perdure.interpreters.durable import reserve
from perdure.interpreters.durable.database import Busy, Database, explained
from perdure.interpreters.durable.errors import DiskFull, DurableError, Unavailable, Unusable
from perdure.interpreters.durable.questions import Questions

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def tried(call: Callable[[], T], catches: type[Exception] = DurableError) -> T | Exception:
    """What a call returned or raised."""
    try:
        return call()
    except catches as error:
        return error


def _nothing(*_: object) -> None:
    return None


class Transactions(Questions):
    """One transaction at a time, from any thread, each on the one connection that writes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._writing = threading.RLock()
        self._joined = False
        self._touched = 0
        self._version = 0
        self._unsure = False

    def close(self) -> None:
        """Close the database."""
        with self._writing, self._reading:
            self.database.close()

    def seen(self) -> tuple[int, int]:
        """Changes whenever anybody but a worker on this journal has written. Never waits for a writer."""
        if self._writing.acquire(blocking=False):
            try:
                self._look()
            except sqlite3.Error as error:
                raise explained(error, self.path) from error
            finally:
                self._writing.release()
        return self._version, self._touched

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Make several of a worker's writes in one transaction, and tell for each what it returned or raised.

        One that raises has written nothing, and the others are not the worse for it.

        Args:
            calls: Calls of this journal's `start`, `commit` and `renew`: they look before they write.
        """
        with self._writing:
            try:
                execute = self._begin()
                self._joined = True
                try:
                    answers = [tried(call) for call in calls]
                finally:
                    self._joined = False
                execute("COMMIT")
                self._look()
            except Exception as error:
                self._undo(error)
                if isinstance(explained(error, self.path), Busy):
                    return [explained(error, self.path) for _ in calls]
                # Whatever it was, it was one's fault: alone, each meets only its own.
                return [tried(call, Exception) for call in calls]
            except BaseException as error:
                self._undo(error)
                raise
            return answers

    def _transact(self, body: Callable[[*Ts], T], found: Callable[[*Ts], T | None] = _nothing, /, *given: *Ts) -> T:
        """Run `body` in a transaction, or in the one that is open.

        Args:
            body: What is said. If it raises a `DurableError`, it has written nothing.
            found: Looks whether it is there all the same: where a commit raises, it may have been done.
            given: What both are called with.
        """
        with self._writing:
            if self._joined:
                return body(*given)
            try:
                execute = self._begin()
                answer = body(*given)
                execute("COMMIT")
            except sqlite3.Error as error:
                return self._settled(error, functools.partial(found, *given))
            except (UnicodeEncodeError, OverflowError) as error:
                self._undo(error)
                raise Unusable(f"this cannot be stored: {error}") from error
            except BaseException as error:
                self._undo(error)
                raise
            return answer

    def _settled(self, error: sqlite3.Error, found: Callable[[], T | None]) -> T:
        """What a transaction that failed has done after all.

        Raises:
            DurableError: Nothing.
        """
        self._undo(error)
        why = explained(error, self.path)
        if isinstance(why, Busy):
            raise why from error
        if isinstance(why, DiskFull):
            reserve.give_back(self.path)
        try:
            answer = found()
            if answer is not None and self._unsure:
                self._reach_disk()
        except (sqlite3.Error, Busy) as worse:
            if isinstance(worse, Busy) or isinstance(explained(worse, self.path), Busy):
                raise Unavailable(f"{why}; it may be recorded all the same: look before you say it again") from error
            raise explained(worse, self.path) from error
        if answer is None:
            raise why from error
        return answer

    def _begin(self) -> Callable[[str], object]:
        """Open a transaction; what is said to the connection that it is open on, to commit it."""
        if self._unsure:
            self._reach_disk()
        execute = self.database.writer.execute
        execute("BEGIN IMMEDIATE")
        return execute

    def _reach_disk(self) -> None:
        """Bring what the log holds into the database and both to the disk."""
        (busy, *_) = self.database.writer.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        if busy:
            raise Busy(f"{self.path} is in use by another process, and what was recorded last cannot be made safe")
        self._unsure = False

    def _undo(self, error: BaseException) -> None:
        """Leave no transaction open, and no connection that may know less of the file than the file does."""
        broken = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR
        try:
            raw = self.database.writer
            if raw.in_transaction:  # after some errors SQLite has rolled back by itself
                raw.execute("ROLLBACK")
        except (sqlite3.Error, Unavailable):
            broken = True
        if broken:
            self.database.discard()
            self._unsure = True  # what reads as recorded may be in memory only
            self._touched += 1  # a new connection cannot tell what changed under the old one

    def _touch(self, body: Callable[[], T], found: Callable[[], T | None]) -> T:
        """A transaction of somebody else than the worker, which the workers on this journal are to notice."""
        try:
            return self._transact(body, found)
        finally:
            self._touched += 1

    def _look(self) -> None:
        (self._version,) = self.database.writer.execute("PRAGMA data_version").fetchone()

    def _say(self, statement: str, given: dict[str, Any]) -> sqlite3.Cursor:  # Any: texts and numbers
        return self.database.writer.execute(statement, given)
