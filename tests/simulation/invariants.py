"""What must be true when a world has come to rest, told from the books and not from the code that is tested."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from returns.result import Failure

from perdure.core import codec, outcomes
from perdure.core.asked import Answer
from perdure.core.effect import Call, Op
from perdure.core.faults import Cancelled, Expired, Interrupted, RetriesExhausted, StepTimedOut
from perdure.core.leaves import Now, Signal, Sleep, Step, Suspend
from perdure.core.machine import Machine
from perdure.interpreters.durable.asking import home_of
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.ending import recorded_end
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import TERMINAL, Entry, Gate, Run, SignalRow

from .books import Books, Violation
from .disk import SimulatedDatabase
from .programs import Depends, comparable, model

if TYPE_CHECKING:
    from .world import Simulation


def check(world: Simulation) -> None:
    """Look at every run.

    Raises:
        Violation: A promise was broken.
    """
    database = SimulatedDatabase(world.disk)
    try:
        journal = Journal(database)
        for run_id, call in world.calls.items():
            run = journal.find(run_id)
            demand(run is not None, "nothing acknowledged is lost", f"{run_id} was started")
            assert run is not None
            demand(run.status in TERMINAL, "no run is stuck", f"{run}")
            _Checked(world.books, run, call, journal).check(json.loads(world.trees[run_id]))
    finally:
        database.close()


def demand(true: bool, promise: str, detail: str) -> None:
    """Raise a violation unless it is so."""
    if not true:
        raise Violation(promise, detail)


class _Checked:
    """One run, and what is known of it."""

    def __init__(self, books: Books, run: Run, call: Call[Any, Any], journal: Journal) -> None:
        self._books, self._run, self._call = books, run, call
        self._entries = journal.entries(run.run_id)
        self._gates = {gate.key: gate for gate in journal.gates(run.run_id)}
        self._signals = journal.signals(run.run_id)
        self._waits = {(e.path, e.attempt): e for e in self._entries if e.kind == "wait"}
        self._retries = Counter(
            (e.path, e.fence) for e in self._waits.values() if not _MORE.isdisjoint(json.loads(e.payload))
        )

    def check(self, tree: Any) -> None:
        self._journal()
        end = self._replayed()
        recorded = recorded_end(self._call, self._run)
        demand(end == recorded, "a run ends as the reference does", f"{recorded}, not {end}")
        told = self._books.told(self._run.run_id)
        demand(told in (None, recorded), "everybody is told the same end", f"{told}, not {recorded}")
        if not (isinstance(recorded, Failure) and isinstance(recorded.failure(), Cancelled)):
            self._as_the_model_says(tree, recorded)
        self._executions()
        self._people()

    # -- the journal ---------------------------------------------------------------------------------------------------

    def _journal(self) -> None:
        run_id = self._run.run_id
        try:
            verify(run_id, self._entries)
        except Corrupt as error:
            raise Violation("the chain of a journal holds", str(error)) from error
        submitted, there = self._books.submitted[run_id], {entry.digest for entry in self._entries}
        for entry in self._books.acknowledged[run_id]:
            demand(entry.digest in there, "nothing acknowledged is lost", f"{entry}")
        for entry in self._entries:
            demand(submitted.get(entry.digest) == entry, "an entry never changes", f"{entry}")
        fences = [entry.fence for entry in self._entries]
        demand(fences == sorted(fences), "no write by a fenced worker", f"{fences}")
        ends = Counter(entry.path for entry in self._entries if entry.kind in ("end", "wake"))
        twice = [path for path, count in ends.items() if count > 1]
        demand(not twice, "an outcome is recorded once", f"{twice}")
        begins = [(entry.path, entry.attempt) for entry in self._entries if entry.kind == "begin"]
        demand(len(set(begins)) == len(begins), "an attempt is made once", f"{begins}")

    def _replayed(self) -> Any:
        """What the program makes of what the books say, in the order in which it was recorded."""
        machine = Machine(self._call)
        asked: dict[str, Op[Any, Any]] = {}
        for entry in self._entries:
            asked.update((request.key, request.op) for request in machine.fresh())
            if entry.kind == "note" and "cancel" in json.loads(entry.payload):
                demand(
                    machine.cancel(json.loads(entry.payload)["cancel"]), "only what goes on is cancelled", f"{entry}"
                )
            if entry.kind not in ("end", "wake"):
                continue
            demand(entry.path in machine.pending, "nothing is recorded that was not asked", f"{entry}")
            op = machine.pending[entry.path].op
            outcome = outcomes.load(entry.payload, op.output, op.errors)
            self._true(entry, op, outcome)
            machine.reply(entry.path, outcome)
        asked.update((request.key, request.op) for request in machine.fresh())
        for entry in self._entries:
            demand(entry.path in asked or entry.kind == "note", "nothing is recorded that was not asked", f"{entry}")
        if machine.outcome is None:
            raise Violation("a run ends as the reference does", f"it ended, and {list(machine.pending)} are open")
        return machine.outcome

    # -- one outcome ---------------------------------------------------------------------------------------------------

    def _true(self, entry: Entry, op: Op[Any, Any], outcome: Answer) -> None:
        """What is recorded is what happened."""
        match op:
            case Step():
                self._step(entry, op, outcome)
            case Suspend():
                self._answer(entry, outcome)
            case Signal():
                which = [row for row in self._signals if row.consumed == entry.seq]
                demand(
                    len(which) == 1 and which[0].name == op.name and f'{{"ok":{which[0].payload}}}' == entry.payload,
                    "a message is consumed once",
                    f"{entry} took {which}",
                )
            case Sleep():
                due = json.loads(self._waits[entry.path, entry.attempt].payload)["due"]
                demand(entry.at >= due, "no timer fires early", f"{entry} was due at {due}")
            case Now():
                pass
            case _:
                raise AssertionError(f"no program asks this: {op}")

    def _step(self, entry: Entry, op: Step[Any, Any], outcome: Answer) -> None:
        made = self._books.executions[self._run.run_id, entry.path]
        this = next((one for one in made if one.number == entry.attempt), None)
        failed = sum(count for (path, _), count in self._retries.items() if path == entry.path)
        match outcome:
            case Failure(Interrupted()):
                demand(op.repeat == "once", "only `once` is interrupted", f"{entry}")
                return
            case Failure(StepTimedOut()):
                limit = op.timeout
                demand(limit is not None, "only what has a limit is too late", f"{entry}")
                return
            case Failure(RetriesExhausted(_, error, reason, attempts)):
                wanted = op.retry.attempts if op.retry is not None else 1
                demand(
                    attempts == wanted and failed == wanted - 1,
                    "a crash takes nothing from the budget of retries",
                    f"{entry} after {failed} recorded failures",
                )
                said = this.answer.failure() if this is not None and isinstance(this.answer, Failure) else None
                demand((getattr(said, "error", ""), getattr(said, "reason", "")) == (error, reason), _TRUE, f"{entry}")
                return
            case _:
                pass
        demand(this is not None and this.answer == outcome, _TRUE, f"{entry}, but {made}")

    def _answer(self, entry: Entry, outcome: Answer) -> None:
        gate = self._gates[entry.path, entry.attempt]
        if isinstance(outcome, Failure) and isinstance(outcome.failure(), Expired):
            demand(gate.status == "expired", _TRUE, f"{entry}, but {gate}")
            return
        demand(
            gate.consumed == entry.seq and entry.payload == f'{{"ok":{gate.answer}}}' and self._tried(gate),
            "an answer is consumed once",
            f"{entry}, but {gate}",
        )

    def _tried(self, gate: Gate) -> bool:
        """Whether somebody gave this answer."""
        return gate.answer in self._books.tried[gate.run_id, gate.path, gate.number]

    def _as_the_model_says(self, tree: Any, end: Any) -> None:
        try:
            expected = model(tree, 1)
        except Depends:
            return
        if "once" in json.dumps(tree):
            return
        demand(comparable(end) == expected, "a run ends as the model does", f"{end}, not {expected}")

    # -- the rest of the world -----------------------------------------------------------------------------------------

    def _executions(self) -> None:
        run_id = self._run.run_id
        for (run, path), made in self._books.executions.items():
            if run != run_id:
                continue
            by_fence = Counter(one.fence for one in made)
            for fence, count in by_fence.items():
                demand(
                    count <= 1 + self._retries[path, fence],
                    "a worker executes a step once, and again only to retry it",
                    f"{path} under fence {fence}: {made}",
                )

    def _people(self) -> None:
        run_id = self._run.run_id
        for gate in self._gates.values():
            demand(gate.status != "open", "no gate is open after the end", f"{gate}")
            demand(gate.status != "decided" or gate.consumed is not None, "an answer is consumed once", f"{gate}")
            told = self._books.accepted.get((run_id, gate.path, gate.number))
            demand(told in (None, gate.answer), "who was told that it counts is not contradicted", f"{told}: {gate}")
            if gate.answer is not None:
                demand(
                    self._tried(gate) and codec.digest(gate.answer) == gate.answer_digest,
                    "an answer is what was answered",
                    f"{gate}",
                )
        self._questions()
        self._messages()

    def _questions(self) -> None:
        """What attempts asked."""
        asked = Counter((home, gate.prompt) for gate in self._gates.values() if (home := home_of(gate)))
        demand(max(asked.values(), default=1) == 1, "nobody is asked twice", f"{asked}")
        answers = {
            entry.seq: json.loads(entry.payload)
            for entry in self._entries
            if entry.kind == "note" and "answer" in json.loads(entry.payload)
        }
        for gate in self._gates.values():
            if home_of(gate) and gate.consumed is not None:
                said = answers.get(gate.consumed, {})
                demand(
                    (said.get("gate"), said.get("answer")) == (gate.path, json.loads(gate.answer or "")),
                    "an answer is consumed once",
                    f"{gate}, but {said}",
                )

    def _messages(self) -> None:
        sent = self._books.sent[self._run.run_id]
        for one in sent:
            count = sum(row.payload == one.payload and row.name == one.name for row in self._signals)
            demand(count <= 1, "a message arrives once", f"{one} arrived {count} times")
            demand(count == 1 or not one.told, "nothing acknowledged is lost", f"{one}")
        queues: dict[str, list[SignalRow]] = defaultdict(list)
        for row in self._signals:
            queues[row.name].append(row)
        for name, rows in queues.items():
            taken = [row.consumed for row in rows if row.refused is None and row.consumed is not None]
            first = [row.consumed is not None for row in rows if row.refused is None]
            demand(
                taken == sorted(taken) and first == sorted(first, reverse=True),
                "messages are consumed in the order of their sending",
                f"{name}: {rows}",
            )
            for row in rows:
                demand((row.refused is not None) <= row.payload.startswith('"'), "what fits is not refused", f"{row}")


#: Of these waits, another attempt follows each by right.
_MORE = frozenset({"retry", "again"})
_TRUE = "what is recorded is what happened"
