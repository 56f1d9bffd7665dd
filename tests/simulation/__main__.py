"""`python -m tests.simulation`: many worlds, or one, or the engine with bugs in it."""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from .mutants import MUTANTS, found, mutated
from .report import Tally, smallest, tally, text
from .world import play

#: How many worlds one process plays before it tells how they went.
_CHUNK = 50


def main(arguments: list[str]) -> int:
    """Play and tell; the exit code."""
    given = _parser().parse_args(arguments)
    if given.mutants:
        return _mutants()
    if given.seed is not None:
        return _one(given.seed, frozenset(given.without), dict(one.split("=", 1) for one in given.program))
    minutes = given.minutes + 60 * given.hours
    worlds = given.schedules if given.schedules is not None else (math.inf if minutes else 1000)
    return _many(given.first, worlds, 60 * minutes or math.inf, given.processes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--schedules", type=int, metavar="N", help="so many worlds (1000, if no time is given)")
    parser.add_argument("--minutes", type=float, default=0, metavar="M", help="as many worlds as there is time for")
    parser.add_argument("--hours", type=float, default=0, metavar="H", help="the same, for a night")
    parser.add_argument("--from", type=int, default=0, metavar="SEED", dest="first", help="the first world's seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="one a core by default")
    parser.add_argument("--seed", type=int, metavar="N", help="one world, with all that happens in it")
    parser.add_argument("--without", type=_numbers, default=(), metavar="1,2", help="leave out these of its faults")
    parser.add_argument("--program", action="append", default=[], metavar="RUN=JSON", help="let a run be of this tree")
    parser.add_argument("--mutants", action="store_true", help="put bugs into the engine, and see each of them found")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number)


def _one(seed: int, without: frozenset[int], trees: dict[str, str]) -> int:
    played = play(seed, without, trees)
    print(text(played, turns=sys.maxsize))
    return 1 if played.broken is not None else 0


def _many(first: int, worlds: float, seconds: float, processes: int) -> int:
    began, total = time.monotonic(), Tally()
    chunks = _chunks(first, worlds)
    # Not forked: a process that plays worlds has a database of its own in memory.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the processes that are started here
        running = {pool.submit(tally, chunk) for chunk in itertools.islice(chunks, 2 * processes)}
        signal.signal(signal.SIGINT, interrupt)
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    total.add(one.result())
                    more = next(chunks, None) if time.monotonic() - began < seconds else None
                    if more is not None:
                        running.add(pool.submit(tally, more))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # and tell how far it came
    again = f"python -m tests.simulation --schedules {total.worlds}" + (f" --from {first}" if first else "")
    print(total.text(time.monotonic() - began, processes, again))
    for seed, _, _ in sorted(total.broken)[:3]:
        print(f"\nthe smallest world like that of seed {seed}:")
        print(text(smallest(play(seed))))
    return 1 if total.broken else 0


def _chunks(first: int, worlds: float) -> Iterator[range]:
    for start in itertools.count(first, _CHUNK):
        if start - first >= worlds:
            return
        yield range(start, int(min(start + _CHUNK, first + worlds)))


def _mutants() -> int:
    survivors = 0
    for mutant in MUTANTS:
        with mutated(mutant):
            caught = found(mutant)
        survivors += caught is None
        how = "SURVIVES" if caught is None else f"seed {caught.seed:>4}: {caught.broken}"
        print(f"{mutant.name}\n    {how[:150]}")
    print(f"{len(MUTANTS) - survivors} of {len(MUTANTS)} bugs are found")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
