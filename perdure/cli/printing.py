"""What people and programs read: the only place that writes to stdout and stderr.

Recorded text is data. Whatever could move a cursor, hide text or reach a clipboard is shown, not sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import click

#: Controls of C0 and C1, separators, bidirectional overrides, invisible tags, lone surrogates. Not newline and tab.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
#: No more characters of a value are shown, unless all are asked for.
SHOWN = 2000


def visible(text: str) -> str:
    """Text with every control character written out, such as `\\x1b`. Line ends stay."""
    return _UNSAFE.sub(_written, text)


def line(text: object, room: int = 200) -> str:
    """As `visible`, on one line and cut."""
    said = visible(str(text)).replace("\n", "\\n").replace("\t", "\\t")
    return said if len(said) <= room else said[: room - 1] + "…"


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def pretty(tree: Any) -> str:  # Any: a JSON tree
    """JSON for people: indented, readable in every script, and still JSON."""
    text = json.dumps(tree, indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def cut(text: str, command: str, full: bool) -> str:
    """A long value's beginning, and the command that shows all of it."""
    if full or len(text) <= SHOWN:
        return text
    return f"{text[:SHOWN]}\n… {len(text) - SHOWN:,} more characters: {command}"


def ago(milliseconds: int) -> str:
    """How long, in the two largest units: `3d 4h`, `12s`, `0.2s`."""
    if milliseconds < 10_000:
        return f"{max(0, milliseconds) / 1000:.1f}s"
    seconds, parts = milliseconds // 1000, []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def count(number: int, what: str, several: str = "") -> str:
    """So many of something: `1 change`, `2 changes`."""
    return f"{number:,} {what if number == 1 else several or what + 's'}"


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def duration(text: str) -> timedelta:
    """The other way: `90s`, `5m`, `1d12h`; a bare number is seconds.

    Raises:
        ValueError: It is none.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return timedelta(seconds=float(text))
    if not re.fullmatch(r"(\d+[dhms])+", text):
        raise ValueError(f"{text!r} is no duration: write 90s, 5m, 2h or 1d12h")
    return sum((timedelta(**{_UNITS[u]: int(n)}) for n, u in re.findall(r"(\d+)([dhms])", text)), timedelta())


# -- writing ---------------------------------------------------------------------------------------------------------

_COLOURS = {
    "succeeded": "green",
    "done": "green",
    "ok": "green",
    "running": "cyan",
    "failed": "red",
    "dead": "red",
    "blocked": "red",
    "bad": "red",
    "stale": "yellow",
    "interrupted": "yellow",
    "retrying": "yellow",
    "cancelled": "magenta",
    "paused": "magenta",
}


def state(word: str, width: int = 0) -> str:
    """A state's name, coloured where colours are shown; the word alone says it too."""
    colour = _COLOURS.get(word, "blue" if word.startswith("waiting") else None)
    return click.style(word.ljust(width), fg=colour) if colour else word.ljust(width)


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Columns as wide as their widest cell; the first of a row that is a state is coloured. The last may run on."""
    cells = [[line(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in [list(head), *cells]) for n in range(len(head))]

    def drawn(row: Sequence[str], coloured: bool) -> str:
        parts = [
            state(cell, width) if coloured and (cell in _COLOURS or cell.startswith("waiting-")) else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([drawn(head, False), *(drawn(row, True) for row in cells)])


def out(text: str) -> None:
    """Write to stdout."""
    click.echo(text)


def err(text: str) -> None:
    """Write to stderr."""
    click.echo(text, err=True)


def document(name: str, fields: Mapping[str, Any], next: Sequence[str]) -> None:  # Any: JSON trees
    """The one JSON document of a command. ASCII only, so that no terminal can be told anything by it."""
    out(json.dumps(document_tree(name, fields, next), indent=2))


def document_tree(name: str, fields: Mapping[str, Any], next: Sequence[str]) -> dict[str, Any]:
    """A document, as `schemas/<name>.json` has it."""
    return {"schema": f"perdure.{name}/1", **fields, "next": list(next)}


@contextlib.contextmanager
def stdout_kept() -> Iterator[None]:
    """While user code runs, its prints and its children's go to stderr: stdout is the result's."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def flush() -> None:
    """Hand over what is still in buffers; for a process that is about to end without ceremony."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
