"""What is foreseen of a run is what becomes of it: a corpus of edits, each met by runs in every state they can be in.

Every verdict is held against a real resume, in the world in memory of `tests/worlds.py`.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from mutations import KINDS, PRELUDE, WORKFLOWS, Mutation, call, mutations
from returns.result import Failure, Success
from worlds import Lab

from perdure import StepFault
from perdure.core.asked import Answer, Asked
from perdure.core.effect import Call
from perdure.core.faults import Defect
from perdure.interpreters.durable import foresee as foreseeing
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked
from perdure.interpreters.durable.errors import Blocked, DurableError
from perdure.interpreters.durable.foresee import foresee
from perdure.interpreters.durable.recorded import Recorded
from perdure.interpreters.durable.takeover import take_over
from perdure.interpreters.durable.verdicts import Cannot, GoesOn, NeedsRename, Verdict
from perdure.interpreters.simulate.made import made
from perdure.interpreters.simulate.memory_store import MemoryStore
from perdure.interpreters.simulate.points import Points

#: Ways through each workflow: other replies, other answers, other failures.
SEEDS = range(2)


@attrs.define
class Camera(Points):
    """Keeps the store as it was after every commit: where a process may have died."""

    lab: Lab | None = None
    states: list[MemoryStore] = attrs.field(factory=list)

    def after_write(self, step: str, text: str) -> None:
        super().after_write(step, text)
        if self.lab is not None:
            self.shoot(self.lab)

    def shoot(self, lab: Lab) -> None:
        if lab.entries and not lab.ended:
            self.states.append(copied(lab.store))


def copied(store: MemoryStore) -> MemoryStore:
    journals = {run_id: list(entries) for run_id, entries in store.journals.items()}
    return MemoryStore(dict(store.rows), journals, dict(store.gate_rows), dict(store.inbox))


def replies(seed: int) -> Any:
    """Replies that depend on what is asked alone: an attempt made again, in whatever process, answers the same."""

    def perform(asked: Asked) -> Answer:
        rng = random.Random(f"{seed} {asked.attempt.path}")
        if seed and rng.random() < 0.15:
            return Failure(StepFault(asked.op.name, "no luck", ""))
        return Success(made(asked.op.output, rng))

    return perform


def fitting(schema: str, rng: random.Random) -> str:
    tree = json.loads(schema)
    if tree.get("type") in ("integer", "boolean", "string", "number"):
        return {"integer": str(rng.randrange(5)), "boolean": rng.choice(["true", "false"]), "string": '"yes"'}.get(
            tree["type"], "0.5"
        )
    return rng.choice(['{"_type":"Approved"}', '{"_type":"Denied","note":"no"}'])


def leave_answers(lab: Lab, rng: random.Random) -> None:
    """What people do while nobody drives the run: all that is asked is answered."""
    for key, gate in list(lab.store.gate_rows.items()):
        if gate.status == "open":
            if gate.kind == "signal":
                lab.send(gate.name, fitting(gate.schema, rng))
            else:
                answer = fitting(gate.schema, rng)
                lab.store.gate_rows[key] = attrs.evolve(gate, status="decided", answer=answer, decided_at=1)


def states(source: str, seed: int) -> Iterator[tuple[MemoryStore, int]]:
    """Every state in which one run of a workflow can be found, with the time in that state."""
    rng, camera = random.Random(seed), Camera()
    lab = camera.lab = Lab(call(source), replies(seed), points=camera)
    for _ in range(40):
        rest = lab.start() if lab.run_id not in lab.store.rows else lab.resume()
        if isinstance(rest, Finished):
            break
        assert isinstance(rest, Parked)
        leave_answers(lab, rng)
        camera.shoot(lab)
        if rest.wake_at is not None:
            lab.clock.advance(max(0, rest.wake_at - lab.clock.now()))
    else:
        raise AssertionError("it never ended")
    return iter([(store, lab.clock.now()) for store in camera.states])


def recorded(store: MemoryStore) -> Recorded:
    return Recorded(
        store.rows["run"], store.journals["run"], list(store.gate_rows.values()), list(store.inbox.values())
    )


def refused(store: MemoryStore, program: Call[Any, Any], seed: int, now: int, rename: Any = None) -> str:
    """What a real resume is refused with; empty where it goes on.

    A bug that it meets only after it has executed something is no refusal: it is in code that the run never reached.
    """
    lab = Lab(program, replies(seed))
    lab.store, lab.clock.at, lab.worker = copied(store), now, 1000
    before = {entry.path for entry in lab.entries if entry.kind == "end"} if not rename else set()
    try:
        lab.resume(Options(rename=rename or {}))
    except (DurableError, Defect) as error:
        if not (isinstance(error, Blocked) and lab.executed):
            return f"{type(error).__name__}: {error}"
    assert not before & {path for path, _, _ in lab.executed}, "what was recorded is executed again"
    return ""


@attrs.define
class Tally:
    """How often which verdict was given for an edit, and how often it was wrong."""

    verdicts: Counter[str] = attrs.field(factory=Counter)
    false_goes_on: list[str] = attrs.field(factory=list)
    false_alarms: list[str] = attrs.field(factory=list)

    def judge(self, where: str, verdict: Verdict, truth: str) -> None:
        self.verdicts[type(verdict).__name__ + (" changed" if getattr(verdict, "changed", ()) else "")] += 1
        if isinstance(verdict, GoesOn) and truth:
            self.false_goes_on.append(f"{where}: {truth}")
        if not isinstance(verdict, GoesOn) and not truth:
            self.false_alarms.append(f"{where}: {verdict}")


@pytest.fixture(scope="module")
def tallies() -> Iterator[dict[str, Tally]]:
    made: dict[str, Tally] = {kind: Tally() for kind in KINDS}
    yield made
    print(f"\n{'edit':34} {'goes on':>8} {'changed':>8} {'rename':>8} {'cannot':>8}")
    for kind, tally in made.items():
        each = [tally.verdicts[word] for word in ("GoesOn", "GoesOn changed", "NeedsRename", "Cannot")]
        print(f"{kind:34} {each[0]:8} {each[1]:8} {each[2]:8} {each[3]:8}")
    total = sum(sum(tally.verdicts.values()) for tally in made.values())
    wrong = [sum(len(getattr(t, which)) for t in made.values()) for which in ("false_goes_on", "false_alarms")]
    print(f"{len(made)} kinds, {total} verdicts; false goes on: {wrong[0]}, false alarms: {wrong[1]}")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_verdict_is_what_a_resume_does(name: str, tallies: dict[str, Tally]) -> None:
    source = PRELUDE + WORKFLOWS[name]
    every = [(seed, *state) for seed in SEEDS for state in states(source, seed)]
    assert len(every) >= 5

    for edit in mutations(source):
        program, tally = call(edit.source), tallies[edit.kind]
        for n, (seed, store, now) in enumerate(every):
            where = f"{name}, {edit.kind}, state {n}\n{edit.source.removeprefix(PRELUDE)}"
            verdict = foresee(recorded(store), program, now=now)
            tally.judge(where, verdict, refused(store, program, seed, now))
            hold(edit, verdict, store, program, seed, now, where)
    assert [each for tally in tallies.values() for each in tally.false_goes_on] == []
    alarms = [each for tally in tallies.values() for each in tally.false_alarms]
    assert len(alarms) <= 0.05 * sum(sum(tally.verdicts.values()) for tally in tallies.values())


def test_every_kind_of_edit_is_made() -> None:
    made = {edit.kind for source in WORKFLOWS.values() for edit in mutations(PRELUDE + source)}

    assert made == set(KINDS)
    assert len(made) >= 15
    assert len(WORKFLOWS) >= 8


def hold(
    edit: Mutation, verdict: Verdict, store: MemoryStore, program: Call[Any, Any], seed: int, now: int, where: str
) -> None:
    """What must be so of a verdict beside its being true."""
    if isinstance(verdict, NeedsRename):
        assert refused(store, program, seed, now, verdict.rename) == "", where
    if isinstance(verdict, Cannot):
        assert verdict.why, where
    if edit.harmless:
        assert isinstance(verdict, GoesOn), where
    if edit.renames:
        assert not isinstance(verdict, Cannot), where


# -- one by one ------------------------------------------------------------------------------------------------------


SOURCE = PRELUDE + WORKFLOWS["straight"]


def waiting(source: str = SOURCE) -> Lab:
    """A run that waits at its gate."""
    lab = Lab(call(source), replies(0))
    assert isinstance(lab.start(), Parked)
    return lab


def test_a_run_that_was_renamed_before_is_renamed_from_the_name_that_it_has_now() -> None:
    lab = waiting()
    lab.call = call(SOURCE.replace("fetch(", "load("))
    lab.resume(Options(rename={"fetch": "load"}))

    verdict = foresee(recorded(lab.store), call(SOURCE.replace("fetch(", "get(")), now=lab.clock.now())

    assert isinstance(verdict, NeedsRename)
    assert verdict.rename == {"load": "get"}


def test_a_damaged_journal_cannot_go_on() -> None:
    kept = recorded(waiting().store)
    damaged = attrs.evolve(kept, entries=[entry._replace(payload='{"ok":"other"}') for entry in kept.entries])

    verdict = foresee(damaged, call(SOURCE), now=0)

    assert isinstance(verdict, Cannot)
    assert verdict.kind == "corrupt"
    assert "is damaged" in verdict.why


def test_what_is_open_then_is_told_with_the_end_where_there_is_one() -> None:
    kept = recorded(waiting().store)

    more = foresee(kept, call(SOURCE.replace('yield from approval("ok", prompt="Good?", show=draft)', "pass")), now=0)
    done = foresee(kept, call(SOURCE), now=0)

    assert isinstance(more, Cannot)  # what was waited for is not asked
    assert done == GoesOn()  # it waits as it did: nothing is written
    lab = waiting(SOURCE.replace("    more = yield from publish(draft.text)\n    return more", "    return page"))
    leave_answers(lab, random.Random(0))
    assert isinstance(ended := foresee(recorded(lab.store), lab.call, now=0), GoesOn)
    assert isinstance(ended.outcome, Success)


def test_a_step_that_is_put_before_one_of_its_shape_is_no_rename() -> None:
    lab = Lab(call(SOURCE), replies(0))
    lab.stop_after = 1
    lab.start()  # it was stopped before `draft` had an answer
    first = '    page = yield from fetch("home")'
    source = SOURCE.replace(first, f'    yield from publish("news")\n{first}')

    verdict = foresee(recorded(lab.store), call(source), now=0)

    assert isinstance(verdict, Cannot)


def test_an_edit_beyond_any_name_is_given_up_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    monkeypatch.setattr(foreseeing, "take_over", lambda *given: (tries.append(1), take_over(*given))[1])
    source = (
        PRELUDE
        + """
@workflow
def flow(n: int) -> Do[int]:
    for k in range(40):
        yield from parallel(count(k), count(k), count(k))
    yield from suspend("go", bool)
    return n
"""
    )
    verdict = foresee(recorded(waiting(source).store), call(source.replace("parallel(", "parallel(extra(k), ")), now=0)

    assert isinstance(verdict, Cannot)
    assert len(tries) <= 1 + 200
