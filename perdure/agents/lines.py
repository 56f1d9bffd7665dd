"""Lines out of chunks, in bounded memory. What is too long is counted and dropped, not kept and not an error."""

from __future__ import annotations

from collections.abc import Iterator


class Lines:
    """Puts lines together as the chunks come.

    Args:
        longest: In bytes. A longer line is dropped.

    Attributes:
        dropped: How many lines were too long.
    """

    def __init__(self, longest: int = 10_000_000) -> None:
        self._longest = longest
        self._parts: list[bytes] = []  # joined once a line: adding to one string would copy it at every chunk
        self._size = 0
        self.dropped = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that this chunk ends, without their ends."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._add(end)
            yield from self._ended()
        self._add(rest)

    def rest(self) -> Iterator[bytes]:
        """What there is of the line that has begun, if one has: the last one may have no end."""
        if self._size:
            yield from self._ended()

    def _ended(self) -> Iterator[bytes]:
        line, too_long = b"".join(self._parts), self._size > self._longest
        self._parts, self._size = [], 0
        self.dropped += too_long
        if not too_long:
            yield line.removesuffix(b"\r")

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._longest:
            self._parts.clear()
        elif part:
            self._parts.append(part)
