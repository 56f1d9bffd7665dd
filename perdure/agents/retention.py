"""How long what agents leave is kept: while its run goes on, and then within bounds of age and size."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import attrs

from perdure.agents.places import root_of

#: It is looked for so often, by each database.
_EVERY: Final = timedelta(days=1)
_MEMORY: Final = re.compile(r"memory-(\d+)")


@attrs.frozen
class Keep:
    """The bounds.

    Attributes:
        age: Nothing is kept that was last written to so long ago.
        size: All together is no larger, in bytes: the oldest goes first.
    """

    age: timedelta = timedelta(days=30)
    size: int = 1_000_000_000

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Keep:
        """As `PERDURE_KEEP_DAYS` and `PERDURE_KEEP_MB` say.

        Raises:
            ValueError: One of them is no whole number.
        """
        for name in ("PERDURE_KEEP_DAYS", "PERDURE_KEEP_MB"):
            if not re.fullmatch(r"[0-9]{1,6}", environ.get(name, "0")):
                raise ValueError(f"{name}={environ[name]!r}: give a whole number below a million, or unset it")
        days, megabytes = environ.get("PERDURE_KEEP_DAYS", "30"), environ.get("PERDURE_KEEP_MB", "1000")
        return cls(timedelta(days=int(days)), int(megabytes) * 1_000_000)


@attrs.frozen
class _Left:
    """What one step left."""

    folder: Path
    size: int
    last: float


def tidy(
    environ: Mapping[str, str],
    database_id: Callable[[], str],
    ended: Callable[[str], Container[str]],
    now: datetime,
) -> None:
    """Remove what is beyond the bounds, of runs that have ended. At most once a day; what cannot be removed stays.

    Args:
        environ: It says where it lies, and what the bounds are.
        database_id: Of the database whose runs are looked at. What the runs of another left is left alone.
        ended: The beginnings of the idempotency keys of a run's steps, 16 characters each, if it has ended there.
        now: The time.

    Raises:
        ValueError: The bounds are none.
    """
    keep, root = Keep.of(environ), root_of(environ)
    if not root.is_dir():
        return
    mark = root / f".tidied-{database_id()[:16]}"
    try:
        if mark.exists() and now.timestamp() - mark.stat().st_mtime < _EVERY.total_seconds():
            return
        mark.touch(mode=0o600)
        os.utime(mark, (now.timestamp(), now.timestamp()))
        _sweep(root, keep, ended, now)
    except OSError as error:
        logging.getLogger("perdure").warning("what agents left in %s could not be tidied: %s", root, error)


def _sweep(root: Path, keep: Keep, ended: Callable[[str], Container[str]], now: datetime) -> None:
    left = sorted((found for run in _folders(root) for found in _steps(run)), key=lambda found: found.last)
    size, known = sum(found.size for found in left), dict[str, Container[str]]()
    for found in left:
        if size <= keep.size and now.timestamp() - found.last < keep.age.total_seconds():
            continue
        run = found.folder.parent
        if run.name not in known:
            memory = _MEMORY.fullmatch(run.name)
            known[run.name] = ended(run.name) if memory is None else _ended_in_memory(run, int(memory[1]))
        if found.folder.name in known[run.name]:
            shutil.rmtree(found.folder, ignore_errors=True)
            size -= found.size
            if not any(run.iterdir()):
                run.rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def _steps(run: Path) -> Iterator[_Left]:
    for folder in _folders(run):
        size, last = 0, folder.stat().st_mtime
        for where, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # an agent may be at work there
                    file = os.lstat(os.path.join(where, name))
                    size, last = size + file.st_size, max(last, file.st_mtime)
        yield _Left(folder, size, last)


def _ended_in_memory(run: Path, process: int) -> Container[str]:
    """Runs in memory have ended with their process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return {folder.name for folder in _folders(run)}
    except PermissionError:  # it is somebody else's now
        return ()
    return ()
