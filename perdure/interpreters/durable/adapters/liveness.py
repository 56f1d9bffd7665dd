"""Who is alive on this machine: each worker holds an exclusive lock on a file beside the database.

The kernel drops the lock when the process dies, however it dies. A frozen process keeps it, and waits for its lease
to end. Neither decides what may be written: the fence does. This only decides how soon a run is taken over.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path


class FlockLiveness:
    """This worker's lock, and a look at others'.

    Args:
        folder: Where the lock files are; made if absent, for its owner only.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._me = f"{os.uname().nodename[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._path = folder / f"{self._me}.lock"
        # Python's descriptors are not inherited by what we execute, so a child cannot keep us alive. The file gets its
        # name only once it is locked: until then nobody can take it for a dead worker's.
        unlocked = folder / f"{self._me}.new"
        self._lock = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unlocked.rename(self._path)
        self._epoch = _boot_id()
        self._sweep()

    @property
    def me(self) -> str:
        """The name under which this worker owns runs."""
        return self._me

    @property
    def epoch(self) -> str:
        """The boot that this is."""
        return self._epoch

    def alive(self, owner: str) -> bool:
        """Whether that worker's process still holds its lock."""
        if owner == self._me:
            return True
        if os.sep in owner:
            return False
        return _held(self._folder / f"{owner}.lock")

    def close(self) -> None:
        """Let go."""
        if self._lock >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def _sweep(self) -> None:
        """Remove the lock files of workers that died without a chance to."""
        for path in self._folder.glob("*.lock"):
            if path != self._path and not _held(path):
                path.unlink(missing_ok=True)


def _held(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it cannot be looked at, so it is not known to be dead: the lease decides
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "this-boot"  # no such file on macOS: leases are then told apart by boot time alone
