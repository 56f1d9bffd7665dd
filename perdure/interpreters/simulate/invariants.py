"""What holds of every run by itself, whatever crashed on the way.

It ends. An attempt acts after it is recorded that it begins and before its outcome is, under one key, and once where it
must. Nobody writes who has lost the run, nothing is left behind, and the record alone gives the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import attrs

from perdure.core import outcomes
from perdure.core.codec import CodecError, canonical
from perdure.core.faults import Defect
from perdure.core.identity import input_of
from perdure.core.machine import Machine
from perdure.interpreters.durable.at_once import Stuck
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.ending import dump_end
from perdure.interpreters.durable.errors import Blocked, Corrupt, Drifted
from perdure.interpreters.durable.ports import TERMINAL, Gate
from perdure.interpreters.simulate.finding import AGAIN, DICE_OR_ENGINE, MEND_DICE, Finding, dice, difference, engine
from perdure.interpreters.simulate.told import Told
from perdure.interpreters.simulate.trial import restored


def by_itself(run: Told) -> Iterator[Finding]:
    """All that is wrong with a run by itself, the most telling first."""
    for text in run.intruded:
        yield engine("", f"a worker that had lost the run wrote all the same: {text}")
    yield from _asked_anew(run)
    yield from _stopped(run)
    yield from _executions(run)
    if run.row is not None and run.row.fence != 1 + run.claims:  # the one who starts it has the first
        yield engine("", f"the fence is {run.row.fence} after the run was taken over {run.claims} times")
    try:
        verify(run.row.run_id if run.row else "", run.entries)
    except Corrupt as corrupt:
        yield engine("", f"the journal is not sound: {corrupt}")
    for path, times in Counter(entry.path for entry in run.outcomes).items():
        if times > 1:
            yield engine(path, f"{path} has {times} recorded outcomes")
    yield from _left_behind(run)


def _asked_anew(run: Told) -> Iterator[Finding]:
    """Whether a gate was opened once more: what it shows has changed, or it was forgotten that it is open."""
    first: dict[str, Gate] = {}
    for gate in sorted(run.gates, key=lambda gate: gate.number):
        before = first.setdefault(gate.path, gate)
        if before.subject != gate.subject:
            said = difference(f"{before.prompt} {before.show}", f"{gate.prompt} {gate.show}", AGAIN)
            yield dice(gate.path, f"gate {gate.path} was opened anew, because it shows something else\n{said}")
        elif before is not gate:
            yield engine(gate.path, f"gate {gate.path} was opened anew, although it shows the same")


def _stopped(run: Told) -> Iterator[Finding]:
    """What kept a run from ending."""
    match run.error:
        case None:
            return
        case Drifted() as drifted:
            step = drifted.entry.path if drifted.entry is not None else ""
            asks = Finding(step, "the workflow asks something else than was recorded", DICE_OR_ENGINE, MEND_DICE)
            found = next(fed_again(run), asks)  # who rolls dice may roll the same once more
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
            yield engine("", f"the run did not end: {type(error).__name__}: {error}")


def _executions(run: Told) -> Iterator[Finding]:
    begun: dict[tuple[str, int], int] = {}
    for entry in run.entries:
        if entry.kind == "begin":
            begun.setdefault((entry.path, entry.attempt), entry.seq)
    ended = {entry.path: entry.seq for entry in run.outcomes}
    keys: dict[str, str] = {}
    made: set[tuple[str, int]] = set()
    acted: Counter[str] = Counter()
    for one in run.executed:
        acted[one.path] += 1
        if one.once and acted[one.path] > 1:
            yield engine(one.path, f"{one.path} must run at most once, and was executed {acted[one.path]} times")
        if keys.setdefault(one.path, one.key) != one.key:
            yield engine(one.path, f"attempts of {one.path} had different idempotency keys")
        if (one.path, one.number) in made:
            yield engine(one.path, f"two attempts of {one.path} had the number {one.number}")
        made.add((one.path, one.number))
        if begun.get((one.path, one.number), one.seq + 1) > one.seq:
            yield engine(one.path, f"attempt {one.number} of {one.path} acted before it was recorded that it begins")
        if ended.get(one.path, one.seq + 1) <= one.seq:
            yield engine(one.path, f"{one.path} was executed again after its outcome was recorded")


def _left_behind(run: Told) -> Iterator[Finding]:
    if run.row is not None and run.row.status in TERMINAL and run.row.owner is not None:
        yield engine("", f"the run has ended, and worker {run.row.owner} still holds it")
    wakes = {entry.seq: entry.path for entry in run.entries if entry.kind == "wake"}
    notes = {e.seq: json.loads(e.payload).get("gate") for e in run.entries if e.kind == "note"}
    taken_by = wakes | notes
    for gate in run.gates:
        if gate.status == "open":
            yield engine(gate.path, f"the run has ended, and gate {gate.path} is still open")
        if gate.answered:
            yield engine(gate.path, f"gate {gate.path} was answered, and the answer is not marked as consumed")
        if gate.consumed is not None and taken_by.get(gate.consumed) != gate.path:
            yield engine(gate.path, f"the answer of gate {gate.path} is marked as consumed by another entry")
    taken = Counter(row.consumed for row in run.signals if row.consumed is not None)
    heard = {gate.path for gate in run.gates if gate.kind == "signal"}
    for seq, path in wakes.items():
        if path in heard and taken[seq] != 1:
            yield engine(path, f"{path} has heard a message, and {taken[seq]} messages are marked as consumed by it")


def fed_again(run: Told) -> Iterator[Finding]:
    """Whether the record gives the end: the program, fed with it once more, must ask the same and end so."""
    if run.row is None:
        return
    call = restored(run.call, run.row.input)
    try:
        machine = Machine(call)
        asked = set(machine.pending)
        for entry in run.outcomes:
            request = machine.pending.get(entry.path)
            if request is None:
                yield dice(entry.path, f"the workflow no longer asks for {entry.path}, of which an outcome is recorded")
                return
            if entry.shape and input_of(request.op) != entry.input:
                said = difference(_was_asked(run, entry.path), canonical(request.op.encode()), AGAIN)
                yield dice(entry.path, f"{entry.path} is asked with another input\n{said}")
                return
            machine.reply(entry.path, outcomes.load(entry.payload, request.op.output, request.op.errors))
            asked.update(machine.pending)
        end = dump_end(call, machine.outcome)[0] if machine.outcome is not None else None
    except (Defect, CodecError) as broken:
        yield dice("", f"fed once more with what was recorded, the workflow fails: {broken}")
        return
    for path in sorted(run.unfinished - asked):
        yield dice(path, f"the workflow no longer asks for {path}, which was begun")
    if run.row.outcome is not None and end != run.row.outcome:
        yield dice("", f"fed once more with what was recorded, it ends with {end}; recorded was {run.row.outcome}")


def _was_asked(run: Told, path: str) -> str | None:
    """What was first asked under a path, as far as anybody has written it down."""
    shown = [f"[{json.dumps(gate.prompt)},{gate.show},…" for gate in run.gates if gate.path == path]
    return next((one.input for one in run.executed if one.path == path), next(iter(shown), None))
