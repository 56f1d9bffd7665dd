"""A process that died in its last step, and the one that takes the run up: what it spends beyond its imports."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chains import one
from benchmarks.table import Row, at_most
from perdure import Do, step, workflow

_DIES = "BENCHMARK_DIES"


@step
async def last() -> int:
    """The step that the first process does not survive."""
    if _DIES in os.environ:
        os._exit(0)
    return 1


@workflow
def dying(n: int) -> Do[int]:
    """`n` steps that finish, and one that does not."""
    for number in range(n):
        yield from one(number)
    return (yield from last())


def rows(quick: bool) -> Iterator[Row]:
    """CPU from the end of the imports to the end of the run."""
    n = 1_000 if quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        died = Path(folder, "died")
        died.mkdir()
        _process("begin", died, n)
        ours, floor = [], []
        for number in range(1 if quick else 5):
            again = Path(folder, f"again-{number}")
            shutil.copytree(died, again)
            floor.append(_process("read", again, n))
            ours.append(_process("resume", again, n))
    spent, raw = statistics.median(ours), statistics.median(floor)
    bar = at_most(0.5, spent, "absolute", " s")
    yield Row("resume beyond imports, CPU", n, f"{spent:.3f} s", f"{raw:.3f} s", f"{spent / raw:.1f}", bar)


def _process(what: str, folder: Path, n: int) -> float:
    """Do it in a fresh process; what that says it spent."""
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks import resume; resume.{what}({str(folder / 'runs.db')!r}, {n})"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **({_DIES: "1"} if what == "begin" else {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout or "0"))


# -- in the fresh process ----------------------------------------------------------------------------------------------


def begin(path: str, n: int) -> None:
    """Drive a run into its death."""
    import perdure

    async def drive() -> None:
        async with await perdure.open_async(path, durability="fast") as store:
            await (await store.start(dying(n), id="run")).result()

    asyncio.run(drive())


def resume(path: str, n: int) -> None:  # noqa: ARG001  # as the others
    """Take it up and end it."""
    import time

    import perdure
    import perdure.interpreters.durable.adapters.worker

    async def drive() -> None:
        async with await perdure.open_async(path) as store:
            await (await store.resume("run")).result()

    cpu = time.process_time()
    asyncio.run(drive())
    print(json.dumps(time.process_time() - cpu))


def read(path: str, n: int) -> None:
    """The floor: select the rows and decode what they hold."""
    import sqlite3
    import time

    cpu = time.process_time()
    entries = sqlite3.connect(path).execute("SELECT * FROM journal ORDER BY seq").fetchall()
    decoded = [json.loads(entry[9]) for entry in entries if entry[2] == "end"]
    print(json.dumps(time.process_time() - cpu))
    assert len(decoded) == n
