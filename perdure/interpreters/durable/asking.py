"""What people are asked: the gates of a workflow, and what attempts have to know before they go on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs

from perdure.core import codec
from perdure.core.asked import Decision, Question
from perdure.core.codec import CodecError
from perdure.core.leaves import Signal, Suspend
from perdure.core.schema import json_schema
from perdure.interpreters.durable.ports import Entry, Gate, GateKind, Wondered, World
from perdure.interpreters.durable.recording import Recording
from perdure.interpreters.durable.replay import History, Unfinished


def gate_kind(op: Suspend[Any, Any] | Signal[Any]) -> GateKind:
    """How a gate is answered: by approve and deny, by a value, or by a signal."""
    if isinstance(op, Signal):
        return "signal"
    return "approval" if op.approvable else "answer"


def gate_of(run_id: str, path: str, op: Suspend[Any, Any] | Signal[Any], now: int) -> Gate:
    """The first gate under a path, with the digest of exactly what it asks and shows."""
    prompt, show = (op.prompt, json.dumps(codec.show(op.show))) if isinstance(op, Suspend) else ("", "null")
    schema = codec.canonical(json_schema(op.output))
    subject = codec.digest(codec.canonical([run_id, path, prompt, show, schema]))
    visible = prompt.encode(errors="backslashreplace").decode()  # a lone surrogate has no place in a text column
    return Gate(run_id, path, 1, op.name, gate_kind(op), visible, show, schema, subject, now)


def home_of(gate: Gate) -> str:
    """The path under which a question was asked; empty for a gate of the workflow itself."""
    return gate.path.rpartition(":")[0]


@attrs.define(eq=False)
class Asking:
    """A question of an attempt, which a person answers at a gate.

    Attributes:
        path: The leaf in whose name it is asked.
        gate: The path of its gate, of which the number is 1.
        subject: The digest of exactly what is asked and shown.
        decision: The answer, once it is recorded.
        question: What is asked; None until somebody asks again what was asked in an attempt that was cut off.
        attempt: Which attempt asked it last.
        by: Who waits for the answer in the middle of that attempt.
        first: Whether the next attempt does not begin before the answer.
    """

    path: str
    gate: str
    subject: str
    decision: Decision | None = None
    question: Question | None = None
    attempt: int = 0
    by: Wondered | None = None
    first: bool = False

    @property
    def free(self) -> bool:
        """Whether the answer is for whoever asks the same again."""
        return not self.first and (self.by is None or self.by.gone)


class Approvals:
    """What the attempts of one run ask people to approve: at which gates, and who is still to hear the answers.

    Attributes:
        asked: The questions of open leaves, by path. A leaf that asks nobody is not among them.
        unheard: Who waits for an answer that was given. They hear it once it is recorded, and the run still ours.
    """

    def __init__(self, world: World, run_id: str, record: Recording, history: History) -> None:
        self.asked: dict[str, list[Asking]] = {}
        self.unheard: list[tuple[Wondered, Decision]] = []
        self._world, self._run_id, self._record, self._history = world, run_id, record, history
        self._uses: Counter[str] = Counter()
        self._left: dict[str, list[Gate]] = {}  # in force when this worker came, by the leaf's recorded path

    # -- what was asked before -----------------------------------------------------------------------------------------

    def count(self, gate: Gate) -> None:
        """Know of a gate that another worker opened."""
        if home := home_of(gate):
            self._uses[f"{home}:{gate.name}"] += 1
            if gate.in_force:
                self._left.setdefault(home, []).append(gate)

    def take_up(self, path: str, known: Unfinished) -> None:
        """Keep what the attempts asked that were cut off: first what was answered, then what is still to be."""
        asked = [
            Asking(path, gate, subject, codec.from_json(decision, Decision))
            for gate, subject, decision in known.answers
        ]
        asked += [Asking(path, gate.path, gate.subject) for gate in self._left.get(self._history.recorded(path), ())]
        if asked:
            self.asked[path] = asked

    def open(self) -> Iterator[Asking]:
        """What nobody has answered yet."""
        return (asking for asked in self.asked.values() for asking in asked if asking.decision is None)

    # -- asking --------------------------------------------------------------------------------------------------------

    def ask(self, event: Wondered) -> None:
        """Ask in the middle of an attempt. What was said to the same question of one that was cut off is the answer."""
        asking = self._ask(event.path, event.attempt, event.question, event)
        if asking.decision is not None:
            self.unheard.append((event, asking.decision))

    def ask_first(self, path: str, attempt: int, question: Question) -> Asking:
        """Ask after an attempt, before the next. What else it asked, and was not told, is for whoever asks it again."""
        first = self._ask(path, attempt, question)
        besides = [one for one in self.asked[path] if one is not first and (one.free or one.decision is None)]
        self.asked[path] = [first, *(Asking(path, one.gate, one.subject, one.decision) for one in besides)]
        first.first = True
        return first

    def kept(self, path: str) -> dict[str, Any]:  # Any: a JSON tree
        """What a wait for an answer says of others that were given, and not heard: `(gate, subject, decision)`."""
        told = [
            (one.gate, one.subject, codec.to_json(one.decision, Decision))
            for one in self.asked[path]
            if one.decision is not None and not one.first
        ]
        return {"kept": told} if told else {}

    def withdraw(self, path: str) -> None:
        """Close the gates of a leaf at which nobody waits for an answer any more."""
        asked = self.asked.pop(path, ())
        self._record.batch.withdrawn += [(asking.gate, 1) for asking in asked if asking.decision is None]

    def _ask(self, path: str, attempt: int, question: Question, by: Wondered | None = None) -> Asking:
        """A question, among those that were asked already, or as one more with a gate of its own."""
        gate, asked = self._gate(path, question), self.asked.setdefault(path, [])
        asking = next((one for one in asked if one.free and one.subject == gate.subject), None)
        if asking is None:
            asking = Asking(path, self._open(path, question, gate), gate.subject)
            asked.append(asking)
            if by is not None:  # else the wait says so
                self._record.note("note", path, attempt, asks=question.name, gate=asking.gate)
        asking.question, asking.attempt, asking.by = question, attempt, by
        return asking

    def _gate(self, path: str, question: Question) -> Gate:
        """The first gate of a question under a leaf."""
        home = self._history.recorded(path)
        return gate_of(self._run_id, question.under(home), question.gate, self._world.clock.now())

    def _open(self, path: str, question: Question, gate: Gate) -> str:
        """Open the next gate of the same name; its path."""
        self._uses[gate.path] += 1
        gate = attrs.evolve(gate, path=question.under(self._history.recorded(path), self._uses[gate.path]))
        self._record.batch.opened.append(gate)
        return gate.path

    # -- being answered ------------------------------------------------------------------------------------------------

    def take(self, gate: Gate) -> Asking | None:
        """Take an answer, if somebody waits for it. Where it cannot be read, the question is asked once more."""
        asking = next((one for one in self.open() if one.gate == gate.path and not one.free), None)
        if asking is None:
            return None  # it may be asked again
        assert asking.question is not None, "somebody waits for it"
        try:
            asking.decision = codec.loads(gate.answer or "", Decision)
        except CodecError as refused:  # it fitted the schema, and yet not the type
            path, attempt, question = asking.path, asking.attempt, asking.question
            self._record.note("note", path, attempt, refused=str(refused))
            self._record.batch.withdrawn.append(gate.key)
            asking.gate = self._open(path, question, self._gate(path, question))
            self._record.note("note", path, attempt, asks=question.name, gate=asking.gate)
            return asking
        entry = self.decided(asking)
        self._record.batch.consumed.append((*gate.key, entry.seq))
        return asking

    def decided(self, asking: Asking) -> Entry:
        """Record an answer. The next attempt is given it, or who waits in the middle of one is to hear it."""
        if asking.by is not None and asking.decision is not None:
            self.unheard.append((asking.by, asking.decision))
        elif asking.first:
            self.asked[asking.path].remove(asking)  # it is given, and not to be asked again
        said = codec.to_json(asking.decision, Decision)
        path, attempt, gate = asking.path, asking.attempt, asking.gate
        return self._record.note("note", path, attempt, answer=said, gate=gate, subject=asking.subject)

    def hand_over(self) -> None:
        """Let those hear who wait."""
        unheard, self.unheard = self.unheard, []
        for by, decision in unheard:
            by.answer(decision)
