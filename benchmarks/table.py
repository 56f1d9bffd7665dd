"""One line a fact: what it is, what it costs, what the raw floor costs, and the bar that it must keep."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

import attrs

#: counted: the same on every machine. ratio: of two times taken in turn, so that noise meets both. absolute: of this
#: machine, and nothing that a check may depend on.
Kind = Literal["counted", "ratio", "absolute"]


@attrs.frozen
class Bar:
    """What a row promises: `value` is at most `limit`."""

    text: str
    value: float
    limit: float
    kind: Kind

    @property
    def kept(self) -> bool:
        return self.value <= self.limit


@attrs.frozen
class Row:
    """One measurement; `ours`, `floor` and `ratio` are for people."""

    what: str
    n: int
    ours: str
    floor: str = ""
    ratio: str = ""
    bar: Bar | None = None


def micros(seconds: Iterable[float], n: int) -> str:
    """The median per step."""
    return f"{statistics.median(seconds) / n * 1e6:.1f} us"


def millis(seconds: Iterable[float], n: int) -> str:
    """The median per ask."""
    return f"{statistics.median(seconds) / n * 1e3:.2f} ms"


def ratios(ours: Sequence[float], floor: Sequence[float]) -> list[float]:
    """Of pairs taken in turn, the smallest first."""
    return sorted(a / b for a, b in zip(ours, floor, strict=True))


def spread(values: Sequence[float]) -> str:
    """The median, and between what it lies."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def at_most(limit: float, value: float, kind: Kind, unit: str = "") -> Bar:
    """The bar `value` ≤ `limit`."""
    return Bar(f"<= {limit:,g}{unit}", value, limit, kind)


_HEADS = ("what", "n", "ours", "raw floor", "ratio", "bar", "")


def text_of(rows: Sequence[Row]) -> str:
    """The rows as aligned columns."""
    cells = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 1 <= column <= 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    said = ("", "") if row.bar is None else (row.bar.text, "ok" if row.bar.kept else "OVER")
    return (row.what, f"{row.n:,}", row.ours, row.floor, row.ratio, *said)
