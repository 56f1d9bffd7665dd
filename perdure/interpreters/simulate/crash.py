"""Crash safety by exhaustion: a run is let die at every point, and must end as if it had not.

Every single crash is tried, then every two and every three where that is wanted; what is too much is drawn by a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import attrs

from perdure.core.effect import Call
from perdure.interpreters.simulate.finding import Finding
from perdure.interpreters.simulate.invariants import by_itself
from perdure.interpreters.simulate.memory_store import MemoryStore, SharedStore
from perdure.interpreters.simulate.replies import Replies
from perdure.interpreters.simulate.script import Unused
from perdure.interpreters.simulate.told import Told
from perdure.interpreters.simulate.trial import Trial
from perdure.interpreters.simulate.verdict import judge

#: The labels of the points at which processes die, in their order.
Crashes: TypeAlias = tuple[str, ...]
#: Opens a database for one run: what it returns is called by each process of that run.
Databases: TypeAlias = Callable[[], Callable[[], SharedStore]]


class CrashUnsafe(AssertionError):
    """A crash changes how a run ends, or what it does.

    Attributes:
        at: The points of the first run that differs, such as `7:effect`; empty where it fails without any crash.
    """

    def __init__(self, message: str, at: Crashes) -> None:
        super().__init__(message)
        self.at = at


@attrs.frozen
class Tried:
    """How many ways to crash there were at one depth, and how many of them were tried.

    Attributes:
        crashes: How often each run crashed.
        runs: How many runs were made.
        of: How many there are; where not every run of fewer crashes was made, the least.
    """

    crashes: int
    runs: int
    of: int

    def __str__(self) -> str:
        what = {1: "crashes", 2: "pairs of crashes", 3: "triples"}.get(self.crashes, f"rows of {self.crashes} crashes")
        return f"{self.runs:,} {what}" + (f" (drawn from {self.of:,})" if self.runs < self.of else "")


@attrs.frozen
class CrashSafe:
    """Every run that crashed ended as the one that did not.

    Attributes:
        tried: By number of crashes, from 1.
        unused: Entries of the script that answered nothing.
    """

    tried: tuple[Tried, ...]
    unused: tuple[Unused, ...] = ()

    def __str__(self) -> str:
        return "safe against " + " and ".join(map(str, self.tried))


@attrs.frozen
class Failed:
    """A way to crash, and what was wrong then."""

    crashes: Crashes
    told: Told
    finding: Finding


def in_memory() -> Callable[[], SharedStore]:
    """A database in memory: a process that dies leaves it as it is."""
    store = MemoryStore()
    return lambda: store


class Matrix:
    """All the ways in which one run can crash.

    Args:
        call: What runs.
        replies: What the world answers.
        databases: Where runs are recorded.
    """

    def __init__(self, call: Call[Any, Any], replies: Replies, databases: Databases = in_memory) -> None:
        self._call, self._replies, self._databases = call, replies, databases
        self._once: set[str] = set()
        self._reference: Told | None = None

    def proved(self, *, depth: int = 1, seed: int = 0, budget: int = 2000) -> CrashSafe:
        """Try every way to crash up to `depth` times, or at each depth `budget` of them, drawn by the seed.

        Raises:
            CrashUnsafe: One of them changes what the run does; those of more crashes are not tried.
        """
        reference = self.reference
        finding = next(by_itself(reference), None)
        if finding is not None:
            raise CrashUnsafe(_report([Failed((), reference, finding)], Tried(0, 1, 1)), ())
        dice, tried = random.Random(seed), list[Tried]()
        before: list[tuple[Crashes, Told]] = [((), reference)]
        for crashes in range(1, depth + 1):
            ways = [(*past, point.label) for past, told in before for point in told.points[told.since :]]
            chosen = ways if len(ways) <= budget else [ways[n] for n in sorted(dice.sample(range(len(ways)), budget))]
            failed, before = list[Failed](), []
            for way in chosen:
                told, finding = self.judged(way)
                before.append((way, told))
                if finding is not None:
                    failed.append(Failed(way, told, finding))
            tried.append(Tried(crashes, len(chosen), len(ways)))
            if failed:
                raise CrashUnsafe(_report(failed, tried[-1]), failed[0].crashes)
        return CrashSafe(tuple(tried))

    def only(self, crashes: Crashes) -> CrashSafe:
        """Try one way to crash.

        Raises:
            CrashUnsafe: It changes what the run does.
            LookupError: The run does not come by one of the points.
        """
        for n in range(len(crashes)):  # what fewer crashes show is known first, as in the whole matrix
            told, finding = self.judged(crashes[: n + 1])
            if told.died <= n:
                known = [point.label for point in told.points[told.since :]]
                raise LookupError(
                    f"the run does not come by {crashes[n]!r}: there, it comes by {len(known)} points, {known[0]} to "
                    f"{known[-1]}, such as {', '.join(get_close_matches(crashes[n], known)) or known[len(known) // 2]}"
                )
            if finding is not None:
                failed = Failed(crashes[: n + 1], told, finding)
                raise CrashUnsafe(_report([failed], Tried(n + 1, 1, 1)), failed.crashes)
        return CrashSafe((Tried(len(crashes), 1, 1),))

    def judged(self, crashes: Crashes) -> tuple[Told, Finding | None]:
        """What comes of a run that crashes so, and what is wrong with it, if anything is."""
        reference = self.reference  # first: it decides what the world answers
        told = self._told(crashes)
        return told, judge(told, reference, frozenset(self._once))

    @property
    def reference(self) -> Told:
        """What comes of the run without any crash."""
        if self._reference is None:
            self._reference = self._told(())
        return self._reference

    def _told(self, crashes: Crashes) -> Told:
        told = Trial(self._call, self._replies, self._databases(), crashes).told()
        self._once.update(one.path for one in told.executed if one.once)
        return told


def _report(failed: Sequence[Failed], tried: Tried) -> str:
    first = failed[0]
    lines = [f"crash-unsafe: {len(failed)} of {tried} change the run" if tried.crashes else "unsafe without any crash"]
    lines += [f"  crash  {place}" for place in _places(first)]
    lines += [f"  step   {first.finding.step}"] if first.finding.step else []
    lines += [
        f"  wrong  {_indented(first.finding.wrong)}",
        f"  cause  {first.finding.cause}",
        f"  mend   {first.finding.mend}",
    ]
    if first.crashes:
        lines.append(f'  again  assert_crash_safe(…, only="{",".join(first.crashes)}")')
    if len(failed) > 1:
        steps = Counter(one.finding.step or "the run" for one in failed)
        lines.append("  in all " + ", ".join(f"{times} at {step}" for step, times in steps.most_common()))
    return "\n".join(lines)


def _places(failed: Failed) -> Iterator[str]:
    """Where it died, in words."""
    left = list(failed.told.points)
    for label in failed.crashes:
        while left and left[0].label != label:
            left.pop(0)
        if left:
            yield f"{label}  {left.pop(0).text}"


def _indented(text: str) -> str:
    return text.replace("\n", "\n         ")
