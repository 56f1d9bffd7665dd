"""What is said about worlds: how one went, how many went, and the smallest world in which the same goes wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from .world import Played, play

#: Promises by what it means to break one; whatever else is broken is told by its own name.
LOST = frozenset({"nothing acknowledged is lost"})
STUCK = frozenset({"no run is stuck"})
DOUBLED = frozenset(
    {
        "an outcome is recorded once",
        "an attempt is made once",
        "`once` is never executed twice",
        "what is recorded is not executed again",
        "a worker executes a step once, and again only to retry it",
        "an answer is consumed once",
        "a message is consumed once",
        "a message arrives once",
        "one answer counts",
        "nobody is asked twice",
    }
)

_TRACE = 25


@attrs.define
class Tally:
    """What many worlds came to.

    Attributes:
        worlds: How many were played.
        counts: What happened in them, by kind.
        faults: How many faults there were.
        broken: Seeds of worlds in which a promise was broken, each with the promise and the detail.
    """

    worlds: int = 0
    turns: int = 0
    runs: int = 0
    faults: int = 0
    counts: Counter[str] = attrs.field(factory=Counter)
    broken: list[tuple[int, str, str]] = attrs.field(factory=list)

    def add(self, other: Tally) -> None:
        """Count another tally, too."""
        self.worlds += other.worlds
        self.turns += other.turns
        self.runs += other.runs
        self.faults += other.faults
        self.counts += other.counts
        self.broken += other.broken

    def text(self, seconds: float, processes: int, again: str) -> str:
        """For people."""
        kinds = Counter(_kind(promise) for _, promise, _ in self.broken)
        lines = [
            f"{self.worlds:,} schedules in {seconds:,.0f} s: {self.worlds / seconds:,.0f} a second",
            f"{self.runs:,} runs, {self.turns:,} turns, {self.faults:,} faults, {processes} at a time:",
            *(f"  {count:>9,}  {what}" for what, count in sorted(self.counts.items(), key=lambda i: (-i[1], i[0]))),
            *(f"broken in seed {seed}: {promise}: {detail[:300]}" for seed, promise, detail in sorted(self.broken)),
            ", ".join(f"{kinds[kind]} {kind}" for kind in ("lost", "doubled", "stuck", "otherwise wrong")),
            f"again: {again}",
        ]
        return "\n".join(lines)


def _kind(promise: str) -> str:
    for kind, promises in (("lost", LOST), ("doubled", DOUBLED), ("stuck", STUCK)):
        if promise in promises:
            return kind
    return "otherwise wrong"


def tally(seeds: Iterable[int]) -> Tally:
    """Play the worlds of these seeds."""
    made = Tally()
    for seed in seeds:
        played = play(seed)
        made.worlds += 1
        made.turns += played.turns
        made.runs += len(played.trees)
        made.faults += len(played.faults)
        made.counts.update(fault.what for fault in played.faults)
        if played.broken is not None:
            made.broken.append((seed, played.broken.promise, str(played.broken).partition(": ")[2]))
    return made


def smallest(played: Played) -> Played:
    """A world of the same seed, with fewer faults and smaller programs, in which the same promise is broken."""
    assert played.broken is not None
    promise, shrunk = played.broken.promise, True

    def still(without: frozenset[int], trees: Mapping[str, str]) -> bool:
        nonlocal played
        again = play(played.seed, without, trees)
        if again.broken is None or again.broken.promise != promise:
            return False
        played = again
        return True

    while shrunk:
        shrunk = False
        for number in sorted({fault.number for fault in played.faults}, reverse=True):
            shrunk = still(played.without | {number}, played.trees) or shrunk
        for run_id, tree in list(played.trees.items()):
            for part in sorted(_parts(json.loads(tree)), key=len):
                if len(part) < len(tree) and still(played.without, {**played.trees, run_id: part}):
                    shrunk = True
                    break
    return played


def _parts(tree: object) -> Iterable[str]:
    """Every tree within a tree."""
    if isinstance(tree, list):
        if tree and isinstance(tree[0], str):
            yield json.dumps(tree)
        for part in tree:
            yield from _parts(part)


def text(played: Played, *, turns: int = _TRACE) -> str:
    """One world, for people."""
    again = f"python -m tests.simulation --seed {played.seed}"
    if played.without:
        again += f" --without {','.join(map(str, sorted(played.without)))}"
    again += "".join(f" --program '{run_id}={tree}'" for run_id, tree in played.trees.items() if played.chosen)
    lines = [f"seed {played.seed}, {played.turns} turns, digest {played.digest[:16]}"]
    lines += [f"  {run_id} is {tree}" for run_id, tree in played.trees.items()]
    lines += ["faults:", *(f"  {fault}" for fault in played.faults)] if played.faults else ["no faults"]
    lines += ["the last turns:"]
    lines += [f"  at {at:>7} ms  {who:<36} {where}" for at, who, where in played.trace[-turns:]]
    lines += [f"broken: {played.broken}" if played.broken is not None else "every promise is kept", f"again: {again}"]
    return "\n".join(lines)
