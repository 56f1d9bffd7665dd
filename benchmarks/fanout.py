"""Steps side by side: what begins together is committed together, and so is what ends together."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chains import one, pairs
from benchmarks.driven import commits
from benchmarks.table import Row, at_most, micros, ratios, spread
from perdure import Do, parallel, workflow


@workflow
def fan(n: int) -> Do[int]:
    """`n` async steps at once."""
    done = yield from parallel(*(one(number) for number in range(n)))
    return len(done)


def rows(quick: bool) -> Iterator[Row]:
    """Time beside the floor, and commits."""
    n = 1_000
    ours, raw = pairs(fan, n, "full", 3 if quick else 7)
    ratio = ratios([spent.wall for spent in ours], [spent.wall for spent in raw])
    walls = [spent.wall for spent in ours], [spent.wall for spent in raw]
    yield Row("parallel, full, async", n, micros(walls[0], n), micros(walls[1], n), spread(ratio))
    yield from counted(n)


def counted(n: int) -> Iterator[Row]:
    """How many commits, however many steps."""
    with tempfile.TemporaryDirectory() as folder:
        made = commits(Path(folder, "fan.db"), fan(n), "full")
    yield Row("parallel, full, async, commits", n, f"{made:,}", "3", bar=at_most(20, made, "counted"))
