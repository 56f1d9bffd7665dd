"""What the world answers, whichever process asks.

It does not crash: an attempt that is made again gets the answer of the first, at the moment of the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

import attrs
from returns.result import Success

from perdure.core import codec
from perdure.core.asked import Again, Answer, Asked, too_late
from perdure.core.effect import Op
from perdure.interpreters.durable.ports import Gate
from perdure.interpreters.durable.times import millis


class Reply(Protocol):
    """What becomes of one request, such as a `Cue` of a script."""

    @property
    def answer(self) -> Answer | Again | None: ...
    @property
    def delay(self) -> timedelta: ...


@attrs.define
class Replies:
    """What the world answers: the same attempt gets the same answer at the same moment, whoever asks.

    Attributes:
        perform: What becomes of an attempt that has failed so often before.
        answers: What a person says at a gate, or what a message says.
    """

    perform: Callable[[Asked, int], Reply]
    answers: Callable[[Op[Any, Any], str], Reply]
    _attempts: dict[tuple[str, int, str, str], tuple[Answer | Again, float]] = attrs.field(factory=dict)
    _given: dict[tuple[str, str], Reply] = attrs.field(factory=dict)

    def attempt(self, asked: Asked, failed: int, input: str, now: int) -> tuple[Answer | Again, float]:
        """The answer to an attempt, and when it comes (milliseconds since boot; infinity: never)."""
        key = (asked.attempt.path, failed, input, codec.canonical(asked.known))
        if key not in self._attempts:
            reply, limit = self.perform(asked, failed), asked.op.timeout
            if limit is not None and (reply.answer is None or reply.delay > limit):
                self._attempts[key] = too_late(asked.op, limit), now + millis(limit)
            elif reply.answer is None:
                self._attempts[key] = Success(None), math.inf
            else:
                self._attempts[key] = reply.answer, now + millis(reply.delay)
        answer, ends_at = self._attempts[key]
        return answer, max(now, ends_at)

    def gate(self, op: Op[Any, Any], gate: Gate) -> Reply:
        """What is said at a gate."""
        key = (gate.path, gate.show)
        if key not in self._given:
            self._given[key] = self.answers(op, gate.path)
        return self._given[key]
