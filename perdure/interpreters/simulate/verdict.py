"""Whether a run that crashed is the run that did not: same inputs, same outcomes at the same moments, same end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from perdure.core.faults import Interrupted
from perdure.interpreters.durable.ports import Entry
from perdure.interpreters.simulate.finding import Finding, dice, difference, engine
from perdure.interpreters.simulate.invariants import by_itself, fed_again
from perdure.interpreters.simulate.told import Told

#: When, which kind, which path, and what.
_Content: TypeAlias = tuple[int, str, str, str]


def judge(run: Told, reference: Told, once: frozenset[str]) -> Finding | None:
    """The first thing that is wrong with a run, if anything is.

    A `once` step that was cut off has another outcome than in the reference. Up to there, such a run must be the
    reference; from there on, it must be what its own record says.

    Args:
        run: What came of it.
        reference: What came of it without any crash.
        once: The paths of steps that must never be executed twice.
    """
    said = {(entry.path, entry.payload) for entry in reference.outcomes}
    cuts = (entry for entry in run.outcomes if entry.path in once and _interrupted(entry))
    cut = next((entry for entry in cuts if (entry.path, entry.payload) not in said), None)
    other = _compared(run, reference) if cut is None else _alike_until(cut, run, reference)
    return next(by_itself(run), None) or next(other, None) or next(fed_again(run), None)


def _interrupted(entry: Entry) -> bool:
    failure = json.loads(entry.payload).get("err")
    return failure is not None and failure["type"] == Interrupted.__name__


def _compared(run: Told, reference: Told) -> Iterator[Finding]:
    yield from _asked(run, reference)
    yield from _moments(run, reference)
    mine, theirs = Counter(one.path for one in run.executed), Counter(one.path for one in reference.executed)
    for path, times in mine.items():
        if times > theirs[path] + run.died:
            yield engine(
                path, f"{path} was executed {times} times, where {theirs[path]} and one more a crash are allowed"
            )
    yield from _recorded(run, reference)
    if _said(run) != _said(reference):
        yield dice("", f"the run ends otherwise\n{difference(_said(reference), _said(run))}")
    if _gates(run) != _gates(reference):
        (path, *_), *_ = sorted(_gates(run) ^ _gates(reference))
        yield engine(path, f"what became of the gates differs: {_gates(run)}, without a crash {_gates(reference)}")
    if _messages(run) != _messages(reference):
        yield engine("", f"what became of the messages differs: {_messages(run)}, else {_messages(reference)}")
    if run.unfinished != reference.unfinished:
        left = sorted(run.unfinished ^ reference.unfinished)
        yield engine(
            left[0], f"left unfinished: {sorted(run.unfinished)}, without a crash {sorted(reference.unfinished)}"
        )


def _alike_until(cut: Entry, run: Told, reference: Told) -> Iterator[Finding]:
    """Whether a run was the reference until a `once` step was cut off, and whether that was cut off indeed."""
    begun = next((e for e in run.entries if e.kind == "begin" and (e.path, e.attempt) == (cut.path, cut.attempt)), None)
    if begun is None or begun.fence == cut.fence:
        yield engine(cut.path, f"{cut.path} is said to have been cut off, and no worker that began it died")
    before, all_of_it = [_content(e) for e in run.outcomes if e.seq < cut.seq], _contents(reference)
    for at, kind, path, payload in before:
        if (at, kind, path, payload) not in all_of_it:
            yield engine(path, f"before {cut.path} was cut off, something else was recorded of {path}: {payload}")


def _asked(run: Told, reference: Told) -> Iterator[Finding]:
    """Whether the same was asked of the world."""
    before = reference.inputs
    seen: dict[str, str] = dict(before)
    for one in run.executed:
        if one.path not in before:
            yield dice(one.path, f"{one.path} was executed, which without a crash is never asked for")
        elif seen.setdefault(one.path, one.input) != one.input:
            yield dice(one.path, f"{one.path} is asked with another input\n{difference(seen[one.path], one.input)}")


def _moments(run: Told, reference: Told) -> Iterator[Finding]:
    """Whether every attempt first acted when it does without a crash: no wait was cut short, and none made longer."""
    before = _first_acted(reference)
    for (path, failed), at in _first_acted(run).items():
        late = at - before.get((path, failed), at)
        if late:
            yield engine(path, f"{path} acted {abs(late)} ms {'later' if late > 0 else 'earlier'} than without a crash")


def _first_acted(run: Told) -> dict[tuple[str, int], int]:
    """By path, and by how many attempts had failed before."""
    first: dict[tuple[str, int], int] = {}
    for one in run.executed:
        first.setdefault((one.path, one.failed), one.at)
    return first


def _recorded(run: Told, reference: Told) -> Iterator[Finding]:
    """Whether the same came of everything, at the same moments."""
    mine, theirs = _contents(run), _contents(reference)
    if sorted(mine) == sorted(theirs):  # at one moment the order is free: what happens then happens side by side
        return
    other = [one for one in mine if one not in theirs] or [one for one in theirs if one not in mine] or mine
    path, began = other[0][2], reference.row.created_at if reference.row is not None else 0

    def of(contents: Sequence[_Content]) -> str:
        there = [(at - began, kind, payload) for at, kind, where, payload in contents if where == path]
        return "; ".join(f"{kind} {payload} after {at} ms" for at, kind, payload in there)

    yield engine(path, f"something else was recorded of {path}\n{difference(of(theirs), of(mine))}")


# -- what is compared ------------------------------------------------------------------------------------------------


def _contents(run: Told) -> list[_Content]:
    """What the program saw and waits for, in order, without the numbers of attempts."""
    return [_content(entry) for entry in run.entries if entry.kind in ("end", "wake", "wait")]


def _content(entry: Entry) -> _Content:
    return entry.at, entry.kind, entry.path, entry.payload


def _said(run: Told) -> str:
    return f"{run.row.status} {run.row.outcome}" if run.row is not None else "nothing was recorded"


def _gates(run: Told) -> set[tuple[str, int, str, str]]:
    # What was said at a gate that was then withdrawn nobody has heard: only a crash gives people the time to say it.
    said = {gate.key: gate.answer or "" for gate in run.gates if gate.status != "withdrawn"}
    return {(gate.path, gate.number, gate.status, said.get(gate.key, "")) for gate in run.gates}


def _messages(run: Told) -> set[tuple[str, int, str]]:
    paths = {entry.seq: entry.path for entry in run.entries}
    return {(m.name, m.number, paths.get(m.consumed or 0, m.refused or "never consumed")) for m in run.signals}
