"""Whether a run that crashed is the run that did not.

What holds of every run is checked of each by itself: begun before it acts, recorded once, never executed again once
recorded, one key for all attempts, nothing left behind. The rest is a comparison: same inputs, same outcomes in the
same order at the same moments, same gates, same messages, same end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs

from perdure.core import outcomes
from perdure.core.codec import CodecError, canonical
from perdure.core.faults import Defect, Interrupted
from perdure.core.identity import input_of
from perdure.core.machine import Machine
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.ending import dump_end
from perdure.interpreters.durable.errors import Blocked, Corrupt, Drifted
from perdure.interpreters.durable.ports import TERMINAL, Entry, Gate
from perdure.interpreters.simulate.trial import Executed, Told, restored
from perdure.interpreters.simulate.world import Stuck

DICE = "the workflow's body depends on something that is not recorded: a clock, dice, a global, a file, an argument"
DICE_OR_ENGINE = f"{DICE}; or, if it does not, the interpreter does not replay what it recorded"
MEND_DICE = "ask for the time with now(), and draw or read everything else in a @step, whose outcome is recorded"
ENGINE = "the interpreter or the store broke a promise of its own; the workflow did not"
MEND_ENGINE = "report it with this message and the workflow; a change of the workflow only hides it"
_AGAIN = ("at first", "then")
#: When, which kind, which path, and what.
_Content: TypeAlias = tuple[int, str, str, str]
#: No more of an input or outcome is shown, in characters.
_SHOWN = 160


@attrs.frozen
class Finding:
    """What is wrong with a run.

    Attributes:
        step: The path that it is about; empty where it is the whole run.
        wrong: What is seen, as a sentence.
        cause: Why that is so.
        mend: What to do.
    """

    step: str
    wrong: str
    cause: str
    mend: str


def _engine(step: str, wrong: str) -> Finding:
    return Finding(step, wrong, ENGINE, MEND_ENGINE)


def _dice(step: str, wrong: str) -> Finding:
    return Finding(step, wrong, DICE, MEND_DICE)


def judge(run: Told, reference: Told, once: frozenset[str]) -> Finding | None:
    """The first thing that is wrong with a run, if anything is.

    A `once` step that was cut off has another outcome than in the reference. Up to there, such a run must be the
    reference; from there on, it must be what its own record says.

    Args:
        run: What came of it.
        reference: What came of it without any crash.
        once: The paths of steps that must never be executed twice.
    """
    cut = next((entry for entry in _outcomes(run) if entry.path in once and _interrupted(entry)), None)
    other = _compared(run, reference) if cut is None else _alike_until(cut, run, reference)
    return next(_by_itself(run), None) or next(other, None) or next(_fed_again(run), None)


def sound(run: Told) -> Finding | None:
    """The first thing that is wrong with a run by itself, if anything is."""
    return next(_by_itself(run), None)


def _interrupted(entry: Entry) -> bool:
    failure = json.loads(entry.payload).get("err")
    return failure is not None and failure["type"] == Interrupted.__name__


# -- what holds of every run -----------------------------------------------------------------------------------------


def _by_itself(run: Told) -> Iterator[Finding]:
    for text in run.intruded:
        yield _engine("", f"a worker that had lost the run wrote all the same: {text}")
    yield from _asked_anew(run)
    yield from _stopped(run)
    yield from _executions(run)
    try:
        verify(run.row.run_id if run.row else "", run.entries)
    except Corrupt as corrupt:
        yield _engine("", f"the journal is not sound: {corrupt}")
    for path, times in Counter(entry.path for entry in _outcomes(run)).items():
        if times > 1:
            yield _engine(path, f"{path} has {times} recorded outcomes")
    yield from _left_behind(run)


def _asked_anew(run: Told) -> Iterator[Finding]:
    """Whether a gate was opened once more: what it shows has changed, or it was forgotten that it is open."""
    first: dict[str, Gate] = {}
    for gate in sorted(run.gates, key=lambda gate: gate.number):
        before = first.setdefault(gate.path, gate)
        if before.subject != gate.subject:
            said = _difference(f"{before.prompt} {before.show}", f"{gate.prompt} {gate.show}", _AGAIN)
            yield _dice(gate.path, f"gate {gate.path} was opened anew, because it shows something else\n{said}")
        elif before is not gate:
            yield _engine(gate.path, f"gate {gate.path} was opened anew, although it shows the same")


def _stopped(run: Told) -> Iterator[Finding]:
    """What kept a run from ending."""
    match run.error:
        case None:
            return
        case Drifted() as drifted:
            step = drifted.entry.path if drifted.entry is not None else ""
            asks = Finding(step, "the workflow asks something else than was recorded", DICE_OR_ENGINE, MEND_DICE)
            found = next(_fed_again(run), asks)  # who rolls dice may roll the same once more
            diff = f"\n{drifted.diff}" if drifted.diff else ""
            yield attrs.evolve(found, wrong=f"when the run is taken over, {found.wrong}{diff}")
        case Blocked():
            what = "with" if run.died else "even without"
            yield Finding(
                "", f"the run is blocked: {run.error}", f"its code cannot go on {what} a crash", "mend the code"
            )
        case Stuck() if not run.died:
            yield Finding(
                "",
                f"the run does not end: {run.error}",
                "nothing that the script says moves it on",
                "let the script answer what it waits for, or give the gate `expires=` or the step `timeout=`",
            )
        case error:
            yield _engine("", f"the run did not end: {type(error).__name__}: {error}")


def _executions(run: Told) -> Iterator[Finding]:
    begun: dict[tuple[str, int], int] = {}
    for entry in run.entries:
        if entry.kind == "begin":
            begun.setdefault((entry.path, entry.attempt), entry.seq)
    ended = {entry.path: entry.seq for entry in _outcomes(run)}
    keys: dict[str, str] = {}
    made: set[tuple[str, int]] = set()
    acted: Counter[str] = Counter()
    for one in run.executed:
        acted[one.path] += 1
        if one.once and acted[one.path] > 1:
            yield _engine(one.path, f"{one.path} must run at most once, and was executed {acted[one.path]} times")
        if keys.setdefault(one.path, one.key) != one.key:
            yield _engine(one.path, f"attempts of {one.path} had different idempotency keys")
        if (one.path, one.number) in made:
            yield _engine(one.path, f"two attempts of {one.path} had the number {one.number}")
        made.add((one.path, one.number))
        if begun.get((one.path, one.number), one.seq + 1) > one.seq:
            yield _engine(one.path, f"attempt {one.number} of {one.path} acted before it was recorded that it begins")
        if ended.get(one.path, one.seq + 1) <= one.seq:
            yield _engine(one.path, f"{one.path} was executed again after its outcome was recorded")


def _left_behind(run: Told) -> Iterator[Finding]:
    if run.row is not None and run.row.status in TERMINAL and run.row.owner is not None:
        yield _engine("", f"the run has ended, and worker {run.row.owner} still holds it")
    wakes = {entry.seq: entry.path for entry in run.entries if entry.kind == "wake"}
    for gate in run.gates:
        if gate.status == "open":
            yield _engine(gate.path, f"the run has ended, and gate {gate.path} is still open")
        if gate.status == "decided" and gate.consumed is None:
            yield _engine(gate.path, f"gate {gate.path} was answered, and the answer is not marked as consumed")
        if gate.consumed is not None and wakes.get(gate.consumed) != gate.path:
            yield _engine(gate.path, f"the answer of gate {gate.path} is marked as consumed by another entry")
    taken = Counter(row.consumed for row in run.signals if row.consumed is not None)
    heard = {gate.path for gate in run.gates if gate.kind == "signal"}
    for seq, path in wakes.items():
        if path in heard and taken[seq] != 1:
            yield _engine(path, f"{path} has heard a message, and {taken[seq]} messages are marked as consumed by it")


def _fed_again(run: Told) -> Iterator[Finding]:
    """Whether the record gives the end: the program, fed with it once more, must ask the same and end so."""
    if run.row is None:
        return
    call = restored(run.call, run.row.input)
    try:
        machine = Machine(call)
        asked = set(machine.pending)
        for entry in _outcomes(run):
            request = machine.pending.get(entry.path)
            if request is None:
                yield _dice(
                    entry.path, f"the workflow no longer asks for {entry.path}, of which an outcome is recorded"
                )
                return
            if entry.shape and input_of(request.op) != entry.input:
                said = _difference(_was_asked(run, entry.path), canonical(request.op.encode()), _AGAIN)
                yield _dice(entry.path, f"{entry.path} is asked with another input\n{said}")
                return
            machine.reply(entry.path, outcomes.load(entry.payload, request.op.output, request.op.errors))
            asked.update(machine.pending)
        end = dump_end(call, machine.outcome)[0] if machine.outcome is not None else None
    except (Defect, CodecError) as broken:
        yield _dice("", f"fed once more with what was recorded, the workflow fails: {broken}")
        return
    for path in sorted(_open(run) - asked):
        yield _dice(path, f"the workflow no longer asks for {path}, which was begun")
    if run.row.outcome is not None and end != run.row.outcome:
        yield _dice("", f"fed once more with what was recorded, it ends with {end}; recorded was {run.row.outcome}")


# -- what holds between two ------------------------------------------------------------------------------------------


def _compared(run: Told, reference: Told) -> Iterator[Finding]:
    yield from _asked(run, reference)
    yield from _moments(run, reference)
    mine, theirs = Counter(one.path for one in run.executed), Counter(one.path for one in reference.executed)
    for path, times in mine.items():
        if times > theirs[path] + run.died:
            yield _engine(
                path, f"{path} was executed {times} times, where {theirs[path]} and one more a crash are allowed"
            )
    yield from _recorded(run, reference)
    if _said(run) != _said(reference):
        yield _dice("", f"the run ends otherwise\n{_difference(_said(reference), _said(run))}")
    if _gates(run) != _gates(reference):
        (path, *_), *_ = sorted(_gates(run) ^ _gates(reference))
        yield _engine(path, f"what became of the gates differs: {_gates(run)}, without a crash {_gates(reference)}")
    if _messages(run) != _messages(reference):
        yield _engine("", f"what became of the messages differs: {_messages(run)}, else {_messages(reference)}")
    if _open(run) != _open(reference):
        left = sorted(_open(run) ^ _open(reference))
        yield _engine(left[0], f"left unfinished: {sorted(_open(run))}, without a crash {sorted(_open(reference))}")


def _alike_until(cut: Entry, run: Told, reference: Told) -> Iterator[Finding]:
    """Whether a run was the reference until a `once` step was cut off, and whether that was cut off indeed."""
    begun = next((e for e in run.entries if e.kind == "begin" and (e.path, e.attempt) == (cut.path, cut.attempt)), None)
    if begun is None or begun.fence == cut.fence:
        yield _engine(cut.path, f"{cut.path} is said to have been cut off, and no worker that began it died")
    before, all_of_it = [_content(e) for e in _outcomes(run) if e.seq < cut.seq], _contents(reference)
    for at, kind, path, payload in before:
        if (at, kind, path, payload) not in all_of_it:
            yield _engine(path, f"before {cut.path} was cut off, something else was recorded of {path}: {payload}")


def _asked(run: Told, reference: Told) -> Iterator[Finding]:
    """Whether the same was asked of the world."""
    before = _inputs(reference.executed)
    seen: dict[str, str] = dict(before)
    for one in run.executed:
        if one.path not in before:
            yield _dice(one.path, f"{one.path} was executed, which without a crash is never asked for")
        elif seen.setdefault(one.path, one.input) != one.input:
            yield _dice(one.path, f"{one.path} is asked with another input\n{_difference(seen[one.path], one.input)}")


def _moments(run: Told, reference: Told) -> Iterator[Finding]:
    """Whether every attempt first acted when it does without a crash: no wait was cut short, and none made longer."""
    before = _first_acted(reference)
    for (path, failed), at in _first_acted(run).items():
        late = at - before.get((path, failed), at)
        if late:
            yield _engine(
                path, f"{path} acted {abs(late)} ms {'later' if late > 0 else 'earlier'} than without a crash"
            )


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

    yield _engine(path, f"something else was recorded of {path}\n{_difference(of(theirs), of(mine))}")


# -- what is compared ------------------------------------------------------------------------------------------------


def _outcomes(run: Told) -> list[Entry]:
    return [entry for entry in run.entries if entry.kind in ("end", "wake")]


def _contents(run: Told) -> list[_Content]:
    """What the program saw and waits for, in order, without the numbers of attempts."""
    return [_content(entry) for entry in run.entries if entry.kind in ("end", "wake", "wait")]


def _content(entry: Entry) -> _Content:
    return entry.at, entry.kind, entry.path, entry.payload


def _said(run: Told) -> str:
    return f"{run.row.status} {run.row.outcome}" if run.row is not None else "nothing was recorded"


def _gates(run: Told) -> set[tuple[str, int, str, str]]:
    return {(gate.path, gate.number, gate.status, gate.answer or "") for gate in run.gates}


def _messages(run: Told) -> set[tuple[str, int, str]]:
    paths = {entry.seq: entry.path for entry in run.entries}
    return {(m.name, m.number, paths.get(m.consumed or 0, m.refused or "never consumed")) for m in run.signals}


def _open(run: Told) -> set[str]:
    ended = {entry.path for entry in _outcomes(run)}
    return {entry.path for entry in run.entries if entry.kind in ("begin", "wait") and entry.path not in ended}


def _was_asked(run: Told, path: str) -> str | None:
    """What was first asked under a path, as far as anybody has written it down."""
    shown = [f"[{json.dumps(gate.prompt)},{gate.show},…" for gate in run.gates if gate.path == path]
    return next((one.input for one in run.executed if one.path == path), next(iter(shown), None))


def _inputs(executed: Sequence[Executed]) -> dict[str, str]:
    return {one.path: one.input for one in executed}


def _difference(before: str | None, after: str | None, names: tuple[str, str] = ("without a crash", "with it")) -> str:
    """Two texts, from shortly before where they part."""
    one, two = before or "nothing", after or "nothing"
    parted = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, parted - 40) if max(len(one), len(two)) > _SHOWN else 0
    return "\n".join(f"  {name:<15}  {_cut(text, start)}" for name, text in zip(names, (one, two), strict=True))


def _cut(text: str, start: int) -> str:
    return ("…" if start else "") + text[start : start + _SHOWN] + ("…" if len(text) > start + _SHOWN else "")
