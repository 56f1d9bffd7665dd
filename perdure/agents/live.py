"""What an agent says and does, in a file of its attempt, for whoever looks on from another process.

It is no record: nothing reads it to go on, nothing waits for the disk, and where it cannot be written the run does not
care. A line is a JSON object: when, which event, and the event's own fields. Secrets were taken out before.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from perdure.agents.log import private
from perdure.agents.places import events_of
from perdure.agents.reply import Began, Event
from perdure.core.asked import Attempt

#: One line, read back.
Line: TypeAlias = Mapping[str, Any]  # JSON trees have no better type in Python

#: In bytes: a file that is larger begins anew, for the newest is what people look for.
_MOST: Final = 1_000_000
#: In characters, of each text in a line.
_LONGEST: Final = 20_000


def _now() -> int:
    return int(time.time() * 1000)


class Live:
    """Writes such files: a `Watch`.

    Args:
        environ: It says where they lie.
        now: The clock, in milliseconds since 1970.
        most: How large a file may grow, in bytes.
    """

    def __init__(self, environ: Mapping[str, str], now: Callable[[], int] = _now, most: int = _MOST) -> None:
        self._environ, self._now, self._most = environ, now, most
        self._works = True

    def __call__(self, attempt: Attempt, event: Event) -> None:
        """Add an event."""
        if not self._works:
            return
        fields = {name: _short(value) for name, value in attrs.asdict(event, recurse=False).items()}
        line = json.dumps({"at": self._now(), "event": type(event).__name__, **fields}, default=str) + "\n"
        try:
            self._add(events_of(self._environ, attempt), line.encode(), isinstance(event, Began))
        except OSError as error:
            self._works = False
            logging.getLogger("perdure").warning("what agents do cannot be followed from elsewhere: %s", error)

    def _add(self, path: Path, line: bytes, first: bool) -> None:
        if first or not path.exists():
            # Who reads an old file reads it to its end, and then finds this one in its place.
            path.unlink(missing_ok=True)
            file = private(path)
        elif path.stat().st_size + len(line) > self._most:
            began = path.read_bytes().partition(b"\n")[0]
            path.unlink(missing_ok=True)
            file, line = private(path), began + b"\n" + line
        else:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            os.write(file, line)
        finally:
            os.close(file)


def _short(value: Any) -> Any:  # Any: a JSON tree
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return value if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class Tail:
    """Reads such a file while it is written, from its beginning. It need not be there yet, or any more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._part = b""

    def more(self) -> list[Line]:
        """What was added since."""
        lines = self._read()
        if self._replaced():
            self.close()
            self._file, self._part = os.open(self._path, os.O_RDONLY), b""
            lines += self._read()
        return lines

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> list[Line]:
        if self._file < 0:
            return []
        while data := os.read(self._file, 65536):
            self._part += data
        *whole, self._part = self._part.split(b"\n")
        return [line for line in map(_parsed, whole) if line is not None]

    def _replaced(self) -> bool:
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return False
        return self._file < 0 or there.st_ino != os.fstat(self._file).st_ino


def _parsed(line: bytes) -> Line | None:
    """A line; None where a disk that was full, or a person, left something else."""
    try:
        tree = json.loads(line)
    except ValueError:
        return None
    return tree if isinstance(tree, dict) and isinstance(tree.get("at"), int) else None
