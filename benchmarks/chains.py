"""Chains of steps on a database, beside the raw loop that writes the same rows in the same number of commits."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import floor
from benchmarks.driven import commits, driven
from benchmarks.floor import Spent
from benchmarks.table import Row, at_most, micros, ratios, spread
from perdure import Do, Effect, step, workflow
from perdure.interpreters.durable.database import Durability


@step
async def one(n: int) -> int:
    """A step that does nothing, on the event loop."""
    return n


@step
def blocking(n: int) -> int:
    """A step that does nothing, in a thread."""
    return n


@workflow
def chain(n: int) -> Do[int]:
    """`n` async steps, one after the other."""
    total = 0
    for number in range(n):
        total += yield from one(number)
    return total


@workflow
def blocking_chain(n: int) -> Do[int]:
    """`n` sync steps, one after the other."""
    total = 0
    for number in range(n):
        total += yield from blocking(number)
    return total


Flow = Callable[[int], Effect[int]]


def rows(quick: bool) -> Iterator[Row]:
    """Time beside the floor, growth, commits and bytes."""
    lengths = {100: 3, 1_000: 3} if quick else {100: 15, 1_000: 11, 10_000: 3}
    durabilities: tuple[Durability, ...] = ("full", "fast")
    for durability in durabilities:
        measured = {n: pairs(chain, n, durability, count) for n, count in lengths.items()}
        for n, (ours, raw) in measured.items():
            yield _timed(f"chain, {durability}, async", n, ours, raw, 1.5 if durability == "full" else None)
        yield _growth(durability, {n: ours for n, (ours, _) in measured.items()})
        n = 100 if quick else 1_000
        yield _timed(f"chain, {durability}, sync", n, *pairs(blocking_chain, n, durability, 3 if quick else 5), None)
    yield from counted(100 if quick else 1_000)


def counted(n: int) -> Iterator[Row]:
    """What is the same on every machine: commits, and bytes of database for one and for four times as many steps."""
    with tempfile.TemporaryDirectory() as folder:
        for flow, name in ((chain, "async"), (blocking_chain, "sync")):
            made = commits(Path(folder, f"{name}.db"), flow(n), "full")
            bar = at_most(n + 2, made, "counted")
            yield Row(f"chain, full, {name}, commits", n, f"{made:,}", f"{n + 2:,}", bar=bar)
        sizes = {size: _bytes(Path(folder, f"{size}.db"), size) for size in (0, n, 4 * n)}
    few, many = ((sizes[size] - sizes[0]) / size for size in (n, 4 * n))
    growth = many / few
    bar = at_most(1.1, growth, "counted", f" x {n:,}")
    yield Row("chain, bytes a step", 4 * n, f"{many:,.0f} B", f"{few:,.0f} B", f"{growth:.2f}", bar)


def pairs(flow: Flow, n: int, durability: Durability, count: int) -> tuple[list[Spent], list[Spent]]:
    """Our runs and raw ones in turn, each on a new database, now one and now the other first."""
    ours: list[Spent] = []
    raw: list[Spent] = []
    with tempfile.TemporaryDirectory() as folder:
        pattern = Path(folder, "pattern.db")
        driven(pattern, flow(n), "fast")

        def drive(number: int) -> None:
            ours.append(driven(Path(folder, f"ours-{number}.db"), flow(n), durability))

        def write(number: int) -> None:
            raw.append(floor.write(pattern, Path(folder, f"raw-{number}.db"), durability))

        for number in range(count):
            for turn in (drive, write) if number % 2 else (write, drive):
                turn(number)
    return ours, raw


def _timed(what: str, n: int, ours: list[Spent], raw: list[Spent], limit: float | None) -> Row:
    ratio = ratios([spent.wall for spent in ours], [spent.wall for spent in raw])
    return Row(
        what,
        n,
        micros([spent.wall for spent in ours], n),
        micros([spent.wall for spent in raw], n),
        spread(ratio),
        at_most(limit, statistics.median(ratio), "ratio", " x") if limit else None,
    )


def _growth(durability: Durability, measured: dict[int, list[Spent]]) -> Row:
    """The CPU of a step in the longest chain, beside one in the shortest."""
    few, many = min(measured), max(measured)
    short = [spent.cpu / few for spent in measured[few]]
    long = [spent.cpu / many for spent in measured[many]]
    growth = statistics.median(long) / statistics.median(short)
    bar = at_most(1.3, growth, "ratio", f" x {few:,}")
    return Row(f"chain, {durability}, growth (CPU)", many, micros(long, 1), micros(short, 1), f"{growth:.2f}", bar)


def _bytes(path: Path, n: int) -> int:
    driven(path, chain(n), "fast")
    return path.stat().st_size
