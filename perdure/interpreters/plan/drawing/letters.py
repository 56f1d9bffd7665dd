"""Text in boxes: how wide it is, where it is broken, and what is left out where it is too long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

#: How wide a character of a fixed-width font is, by its size: none of the usual ones is wider.
EM: Final = 0.605
#: After these a line is broken: rather after the first ones.
_BREAKS: Final = (re.compile(r"\s+|[,|]\s*"), re.compile(r"[/(_-]+|\.(?!\d)"))


def cells(text: str) -> int:
    """How many characters wide it is: those of East Asia are twice as wide, and some have no width."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def width(lines: Iterable[str], size: float) -> float:
    """How many pixels wide the widest line is, in a font of that size."""
    return max((cells(line) for line in lines), default=0) * size * EM


def cut(text: str, room: int) -> str:
    """The text, with its middle left out where it is too long."""
    if cells(text) <= room:
        return text
    head, tail = room * 2 // 3, room - room * 2 // 3 - 1
    while cells(text[:head]) + cells(text[len(text) - tail :]) >= room:
        head, tail = head - 1, max(1, tail - 1)
    return f"{text[:head]}…{text[len(text) - tail :]}"


def wrapped(text: str, room: int, lines: int) -> list[str]:
    """The text in lines, broken where it is read easily; of a long one the beginning and the end."""
    rest, found = cut(text, room * lines - lines), list[str]()
    while cells(rest) > room and len(found) < lines - 1:
        at = _break(rest, room)
        found.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*found, cut(rest, room)]


def _break(text: str, room: int) -> int:
    """Where a text is broken whose first line has so much room: not so early that most of it stays empty."""
    for kind in _BREAKS:
        ends = [match.end() for match in kind.finditer(text, 0, room + 2)]
        fit = [end for end in ends if room * 0.45 < end and cells(text[:end].rstrip()) <= room]
        if fit:
            return fit[-1]
    at = room
    while cells(text[:at]) > room:
        at -= 1
    return at
