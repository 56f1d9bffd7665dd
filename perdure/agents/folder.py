"""One agent that writes at a time in a folder.

The lock is on the folder itself, so that no file is left in it. It is passed on to the agent's processes: as long as
one of an attempt that was cut off lives, the next attempt waits, and writes no byte.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.to_thread

from perdure.agents.shim import MARK, reap

#: File systems that know no such lock (some network ones) say one of these.
_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextlib.asynccontextmanager
async def held(
    folder: Path, *, alone: bool, mark: str, patience: timedelta, mine: Mapping[str, str] = os.environ
) -> AsyncIterator[int]:
    """Hold a folder, once whatever an earlier attempt under the same mark left behind is dead.

    Args:
        folder: Where the agent works.
        alone: Whether it may write; agents that only read share a folder.
        mark: Of the agent. What bears it, after `patience` or once the lock is ours, is killed: an attempt that its
            worker gave up, or a worker that is frozen.
        patience: How long such processes may take to end by themselves.
        mine: The environment of this process. Inside another agent's process the folder is that agent's already, and
            waiting for it would last for ever; so the lock is then not taken.

    Yields:
        The descriptor that holds the lock, for the process to inherit; -1 where there is none.
    """
    if MARK in mine:
        yield -1
        return
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        late = anyio.current_time() + patience.total_seconds()
        while (taken := _take(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)) is False:
            if anyio.current_time() > late:
                await anyio.to_thread.run_sync(reap, mark, 5.0)
            await anyio.sleep(0.05)
        await anyio.to_thread.run_sync(reap, mark, 5.0)
        yield -1 if taken is None else lock
    finally:
        os.close(lock)


def _take(lock: int, kind: int) -> bool | None:
    """Whether it is ours now; None where the file system has no locks."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True
