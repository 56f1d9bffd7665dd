"""What would become of a recorded run under today's code: the resume itself, in a world where nothing happens.

The same takeover, the same walk and the same drive as on a worker. But what the drive starts does not begin, what it
writes goes nowhere, and it is told to stop at once. So there is no second opinion about what a resume does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from perdure.core import codec
from perdure.core.codec import CodecError
from perdure.core.effect import Call, Outcome
from perdure.core.faults import Defect
from perdure.core.identity import input_of
from perdure.core.machine import Request
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, dump_end
from perdure.interpreters.durable.errors import Blocked, Corrupt, Drifted
from perdure.interpreters.durable.nowhere import Idle, Unwritten, nowhere
from perdure.interpreters.durable.ports import TERMINAL, Entry
from perdure.interpreters.durable.recorded import Recorded
from perdure.interpreters.durable.replay import History, renamed
from perdure.interpreters.durable.takeover import take_over
from perdure.interpreters.durable.verdicts import Cannot, EndsOtherwise, GoesOn, NeedsRename, Verdict

#: No more resumes are tried for one run in search of the names that its steps have now, and fewer for a long one: all
#: together walk about so many entries.
_TRIES: Final = 200
_WALKED: Final = 200_000


def foresee(recorded: Recorded, call: Call[Any, Any], *, now: int, rename: Mapping[str, str] | None = None) -> Verdict:
    """Judge what a resume would do. Nothing is executed and nothing is written.

    Args:
        recorded: The run.
        call: Its program today.
        now: When, in milliseconds since 1970: timers that are due by then go off.
        rename: Old names (or paths) of steps to new ones, as for a resume. Further ones are looked for.
    """
    tried = _resumed(recorded, call, now, rename or {})
    if isinstance(tried, Cannot):
        return tried
    if isinstance(tried, _Resumed):
        return tried.then
    return _under_other_names(recorded, call, now, rename or {}, tried) or Cannot("drifted", tried.diff or str(tried))


def retrace(
    recorded: Recorded, call: Call[Any, Any], *, rename: Mapping[str, str] | None = None
) -> Verdict | EndsOtherwise:
    """Judge whether today's code does what was recorded, finished runs included. Nothing is executed or written.

    No timer goes off that had not gone off when the last entry was written, so the answer is the same on every day.

    Args:
        recorded: The run.
        call: Its program today.
        rename: Old names (or paths) of steps to new ones. Further ones are looked for.

    Raises:
        Corrupt: The recorded end was changed after it was written.
    """
    run = recorded.run
    last = recorded.entries[-1].at if recorded.entries else run.created_at
    verdict = foresee(recorded, call, now=last, rename=rename)
    if run.status not in TERMINAL or not isinstance(verdict, GoesOn):
        return verdict
    if run.outcome is None or codec.digest(run.outcome) != run.outcome_digest:
        raise Corrupt(f"the recorded end of run {run.run_id} was changed after it was written. Restore a backup")
    if verdict.outcome is None:
        return EndsOtherwise(run.outcome, "", verdict.open)
    found, _ = dump_end(call, verdict.outcome)
    same = codec.canonical(json.loads(found)) == codec.canonical(json.loads(run.outcome))
    return verdict if same else EndsOtherwise(run.outcome, found, ())


# -- the resume ------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Resumed:
    """A resume that went on: what becomes of the run, and the paths and shapes that were begun or waited for."""

    then: GoesOn
    asked: frozenset[tuple[str, str]]


def _resumed(
    recorded: Recorded, call: Call[Any, Any], now: int, rename: Mapping[str, str]
) -> _Resumed | Cannot | Drifted:
    world, store = nowhere(recorded, now)
    options = Options(grace=timedelta(0), rename=rename)
    try:
        drive = at_once(take_over(world, recorded.run.run_id, call, options))
        assert not isinstance(drive, Finished), "no row that has ended is in this world"
        rest = at_once(drive.run(Idle(), lambda _: None))
    except Drifted as drifted:
        return drifted
    except Corrupt as corrupt:
        return Cannot("corrupt", str(corrupt))
    except Blocked:
        return Cannot("blocked", store.blocked)
    except (Defect, CodecError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as broken:
        # As in the drive: what user code gave us broke where nobody thought it could.
        return Cannot("blocked", f"{type(broken).__name__}: {broken}")
    return _seen(recorded, store, rest.outcome if isinstance(rest, Finished) else None)


def _seen(recorded: Recorded, store: Unwritten, outcome: Outcome[Any, Any] | None) -> _Resumed:
    """What a resume did, by what it was to write."""
    notes = [json.loads(entry.payload) for entry in store.written if entry.kind == "note"]
    asked = [entry for entry in store.written if entry.kind in ("begin", "wait")]
    waiting = {gate.path for gate in recorded.gates if gate.in_force}
    then = GoesOn(
        changed=tuple(note["changed"] for note in notes if "changed" in note),
        again=tuple(dict.fromkeys(gate.path for gate in store.opened if gate.path in waiting)),
        open=tuple(dict.fromkeys(entry.path for entry in asked)),
        outcome=outcome,
    )
    return _Resumed(then, frozenset((entry.path, entry.shape) for entry in asked))


# -- other names -----------------------------------------------------------------------------------------------------


def _under_other_names(
    recorded: Recorded, call: Call[Any, Any], now: int, rename: Mapping[str, str], refused: Drifted
) -> NeedsRename | None:
    """Names under which the run goes on, found by trying the likeliest first; None where none are found."""
    before = _asked_before(recorded)
    left = min(_TRIES, 8 + _WALKED // max(1, len(recorded.entries)))

    def search(names: Mapping[str, str], drifted: Drifted) -> NeedsRename | None:
        nonlocal left
        for more in _names(before, drifted):
            if not left:
                return None
            left -= 1
            given = {**names, **more}
            tried = _resumed(recorded, call, now, given)
            found = None
            if isinstance(tried, _Resumed):
                found = None if _put_before(before, given, tried) else NeedsRename(given, tried.then)
            elif isinstance(tried, Drifted) and tried.position > drifted.position:
                found = search(given, tried)
            if found is not None:
                return found
        return None

    return search(rename, refused)


def _asked_before(recorded: Recorded) -> dict[int, Entry]:
    """By its number, each entry that the walk holds against the code, under the name that it has so far."""
    history = History.of(recorded.entries)
    opened = [open_.last._replace(path=path) for path, open_ in history.unfinished.items()]
    return {entry.seq: entry for entry in (*history.outcomes, *opened)}


def _names(before: Mapping[int, Entry], drifted: Drifted) -> Iterator[dict[str, str]]:
    """What the recorded step may be called now; first a request of the same input, first a name before a whole path."""
    entry = drifted.entry
    if entry is None or entry.seq not in before:
        return
    old = before[entry.seq].path
    for request in sorted(drifted.asked, key=lambda request: not _same_input(request, entry)):
        one, two = old.split("/"), request.key.split("/")
        differ = [(a.partition("#")[0], b.partition("#")[0]) for a, b in zip(one, two, strict=False) if a != b]
        if len(one) == len(two) and len(differ) == 1 and differ[0][0] != differ[0][1]:
            yield dict(differ)
        yield {old: request.key}


def _same_input(request: Request, entry: Entry) -> bool:
    try:
        return input_of(request.op) == entry.input
    except (CodecError, TypeError):
        return False


def _put_before(before: Mapping[int, Entry], names: Mapping[str, str], tried: _Resumed) -> bool:
    """Whether the code asks for a renamed step under its old name as well: then a step was put before it."""
    return any(
        renamed(entry.path, names) != entry.path and (entry.path, entry.shape) in tried.asked
        for entry in before.values()
    )
