"""The machine alone, and the memory interpreter: a step without anything kept of it."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator

from returns.result import Success

from benchmarks.chains import chain
from benchmarks.floor import spending
from benchmarks.table import Row, at_most, micros
from perdure import run_in_memory
from perdure.core.machine import Machine


def rows(quick: bool) -> Iterator[Row]:
    """CPU per step, for chains of three lengths."""
    for n in (100, 1_000, 10_000):
        times = [_machine(n) for _ in range(5 if quick else 31)]
        per_step = statistics.median(times) / n * 1e6
        yield Row("machine, CPU", n, micros(times, n), bar=at_most(5, per_step, "absolute", " us"))
    n = 1_000
    yield Row("in memory, CPU", n, micros([_memory(n) for _ in range(3 if quick else 9)], n))


def _machine(n: int) -> float:
    answer = Success(1)
    with spending() as spent:
        machine = Machine(chain(n))
        while machine.outcome is None:
            for request in machine.fresh():
                machine.reply(request.key, answer)
    return spent[0].cpu


def _memory(n: int) -> float:
    async def drive() -> float:
        with spending() as spent:
            await run_in_memory(chain(n))
        return spent[0].cpu

    return asyncio.run(drive())
