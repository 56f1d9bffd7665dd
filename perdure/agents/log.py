"""What an agent printed, as it printed it, bounded: the beginning and the end of it, in a file for its owner only."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Self


def private(path: Path) -> int:
    """A file to write, for its owner only: one that is there is replaced, a link is refused."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)


class Log:
    """A file that takes half of what it may at once, and then the end of what came, when it is closed.

    Args:
        path: Where; a file that is there is replaced, a link is refused.
        most: In bytes.
    """

    def __init__(self, path: Path, most: int = 20_000_000) -> None:
        self._file = os.fdopen(private(path), "wb", buffering=0)
        self._half = most // 2
        self._room = self._half
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._left_out = 0

    def write(self, line: str) -> None:
        """Add a line, given without its end."""
        data = line.encode("utf-8", "replace") + b"\n"
        if not self._tail and not self._left_out and len(data) <= self._room:
            self._file.write(data)
            self._room -= len(data)
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size > self._half:
            self._tail_size -= len(self._tail[0])
            self._left_out += len(self._tail.popleft())

    def close(self) -> None:
        """Write the end."""
        if self._left_out:
            self._file.write(f"... {self._left_out} bytes left out ...\n".encode())
        for data in self._tail:
            self._file.write(data)
        self._tail.clear()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
