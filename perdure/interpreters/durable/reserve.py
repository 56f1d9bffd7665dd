"""A little room kept beside the database, so that a full disk can still be written down.

When nothing more fits, the room is given back, and the last small commit says that the run is blocked and why. It is
kept again when the database is next opened.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

#: Some dozens of pages of the log: a row and its way into the file.
_BYTES: Final = 256 << 10


def _file(database: Path) -> Path:
    return database.with_name(f"{database.name}.reserve")


def keep(database: Path) -> None:
    """Keep room, if there is any and nobody does already."""
    file = _file(database)
    with contextlib.suppress(OSError):  # full or read-only: then there is nothing to keep
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, bytes(_BYTES))  # a hole would keep nothing
        finally:
            os.close(descriptor)


def give_back(database: Path) -> None:
    """Make the room free."""
    with contextlib.suppress(OSError):
        _file(database).unlink()
