"""What people are asked: the gates of a workflow, and what attempts have to know before they go on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import attrs

from perdure.core import codec
from perdure.core.asked import Decision, Question
from perdure.core.leaves import Signal, Suspend
from perdure.core.schema import json_schema
from perdure.interpreters.durable.ports import Gate, GateKind, Wondered
from perdure.interpreters.durable.replay import Unfinished


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


@attrs.define(eq=False)
class Asking:
    """A question of an attempt, which a person answers at a gate.

    Attributes:
        gate: The path of its gate, of which the number is 1.
        subject: The digest of exactly what is asked and shown.
        question: What is asked; None until somebody asks again what was asked in an attempt that was cut off.
        by: Who waits for the answer.
        decision: The answer, once it is recorded.
    """

    gate: str
    subject: str
    question: Question | None = None
    by: Wondered | None = None
    decision: Decision | None = None

    @property
    def free(self) -> bool:
        """Whether the answer is for whoever asks the same again."""
        return self.by is None or self.by.gone


def found(asked: Iterable[Asking], subject: str) -> Asking | None:
    """The first that asks the same, and is for whoever asks it again."""
    return next((asking for asking in asked if asking.free and asking.subject == subject), None)


def unheard(asked: Iterable[Asking], until: Asking) -> list[Asking]:
    """What an attempt asked that has ended, and what it has not heard the answer to, beside one question."""
    return [
        Asking(one.gate, one.subject, decision=one.decision)
        for one in asked
        if one is not until and (one.free or one.decision is None)
    ]


def kept(asked: Iterable[Asking]) -> list[tuple[str, str, Any]]:  # Any: a JSON tree
    """The answers among them, to be recorded: `(gate, subject, decision as JSON)`."""
    return [(one.gate, one.subject, codec.to_json(one.decision, Decision)) for one in asked if one.decision is not None]


def left_by(unfinished: Unfinished) -> list[Asking]:
    """What the attempts asked that were cut off: first what was answered, then what is still to be."""
    told = [
        Asking(gate, subject, decision=codec.from_json(decision, Decision))
        for gate, subject, decision in unfinished.answers
    ]
    return told + [Asking(gate.path, gate.subject) for gate in unfinished.asked]


def home_of(gate: Gate) -> str:
    """The path under which a question was asked; empty for a gate of the workflow itself."""
    return gate.path.rpartition(":")[0]
