"""What the world itself knows to have happened, kept apart from the database that is under test."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import attrs
from returns.result import Failure

from perdure.core.asked import Again, Answer, Asked
from perdure.core.effect import Outcome
from perdure.interpreters.durable.ports import TERMINAL, Batch, Claim, Entry


class Violation(BaseException):
    """A promise was broken. Not an Exception: nothing of what is tested may catch it."""

    def __init__(self, promise: str, detail: str) -> None:
        super().__init__(f"{promise}: {detail}")
        self.promise = promise


class Standing(NamedTuple):
    """How a run's row stands, as far as ownership goes."""

    status: str
    fence: int
    owner: str | None
    lease_until: int | None
    lease_epoch: str | None

    def bears(self, claim: Claim) -> bool:
        """Whether this is still the right of that worker."""
        return self.status == "running" and (self.fence, self.owner) == (claim.fence, claim.owner)


@attrs.define
class Execution:
    """One attempt of a step that was really made.

    Attributes:
        answer: What came of it; None where it was cut off.
    """

    number: int
    key: str
    fence: int
    answer: Answer | Again | None = None


@attrs.define
class Sent:
    """A message that somebody sent. `told`: they know that it arrived."""

    name: str
    payload: str
    idem: str | None
    told: bool = False


class Books:
    """The ledger."""

    def __init__(self, observer: sqlite3.Connection) -> None:
        self.executions: dict[tuple[str, str], list[Execution]] = defaultdict(list)
        self.submitted: dict[str, dict[str, Entry]] = defaultdict(dict)
        self.acknowledged: dict[str, list[Entry]] = defaultdict(list)
        self.tried: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        self.accepted: dict[tuple[str, str, int], str] = {}
        self.sent: dict[str, list[Sent]] = defaultdict(list)
        self.heard: dict[tuple[str, str, str], Any] = {}
        self.cancelled: dict[str, int] = {}
        self.started: set[str] = set()
        self.ended: set[str] = set()
        self._told: dict[str, Outcome[Any, Any]] = {}
        self._standing: dict[str, Standing] = {}
        self._observer = observer
        self._nonce = 0

    def nonce(self) -> int:
        """A number that nobody had before."""
        self._nonce += 1
        return self._nonce

    # -- who may write -----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read how every run stands, now that somebody has written."""
        for run_id, *row in self._observer.execute(
            "SELECT run_id, status, fence, owner, lease_until, lease_epoch FROM runs"
        ).fetchall():
            now, before = Standing(*row), self._standing.get(run_id)
            if now == before:
                continue
            if before is not None and now.fence < before.fence:
                raise Violation("a fence never decreases", f"{run_id}: {before} to {now}")
            if before is not None and run_id in self.ended:
                raise Violation("an end never changes", f"{run_id}: {before} to {now}")
            self._standing[run_id] = now
            if now.status in TERMINAL:
                self.ended.add(run_id)

    @property
    def known(self) -> Iterable[str]:
        """The runs that are there."""
        return self._standing

    def standing(self, run_id: str) -> Standing:
        """How a run stood after the last write."""
        return self._standing[run_id]

    def submit(self, batch: Batch) -> None:
        """A worker asks for a batch to be written."""
        for entry in batch.entries:
            self.submitted[batch.claim.run_id].setdefault(entry.digest, entry)

    def acknowledge(self, batch: Batch, held: bool) -> None:
        """A worker is told that its batch is written."""
        if not held:
            raise Violation("no write by a fenced worker", f"{batch.claim} wrote {batch}")
        self.acknowledged[batch.claim.run_id] += batch.entries

    # -- what was executed -------------------------------------------------------------------------------------------

    def starts(self, asked: Asked, claim: Claim) -> None:
        """A worker starts an attempt."""
        attempt, standing = asked.attempt, self._standing[claim.run_id]
        recorded = self._observer.execute(
            "SELECT kind, attempt FROM journal WHERE run_id = ? AND path = ?", (attempt.run_id, attempt.path)
        ).fetchall()
        if not standing.bears(claim):
            raise Violation("no effect by a fenced worker", f"{claim} started {attempt}, but {standing}")
        if ("begin", attempt.number) not in recorded:
            raise Violation("nothing starts before it is recorded", f"{attempt}")
        cancelled = self.cancelled.get(claim.run_id)
        if cancelled is not None and claim.fence > cancelled and "/undo" not in attempt.path:
            raise Violation("a cancelled run starts nothing but what takes it back", f"{claim} started {attempt}")
        if any(kind == "end" for kind, _ in recorded):
            raise Violation("what is recorded is not executed again", f"{attempt}")

    def executes(self, asked: Asked, claim: Claim) -> Execution:
        """An attempt has its effect on the world."""
        attempt = asked.attempt
        before = self.executions[attempt.run_id, attempt.path]
        if before and asked.op.repeat == "once":
            raise Violation("`once` is never executed twice", f"{attempt}, after {before}")
        if any(one.number == attempt.number for one in before):
            raise Violation("an attempt is made once", f"{attempt}, after {before}")
        if any(one.key != attempt.idempotency_key for one in before):
            raise Violation("all attempts have one idempotency key", f"{attempt}, after {before}")
        made = Execution(attempt.number, attempt.idempotency_key, claim.fence)
        before.append(made)
        return made

    def failed_before(self, asked: Asked) -> bool:
        """Whether an attempt of this step has failed already."""
        return any(isinstance(one.answer, Failure) for one in self.executions[asked.attempt.run_id, asked.attempt.path])

    def hears(self, asked: Asked, prompt: str, said: Any) -> Any:  # Any: a JSON tree
        """An attempt is given what somebody said to a question of its step, and what is recorded by then."""
        attempt = asked.attempt
        taken = self._observer.execute(
            "SELECT answer FROM gates WHERE run_id = ? AND path LIKE ? AND prompt = ? AND consumed IS NOT NULL",
            (attempt.run_id, f"{attempt.path}:%", prompt),
        ).fetchall()
        if said not in [json.loads(answer) for (answer,) in taken]:
            raise Violation("nothing is told before it is recorded", f"{attempt} hears {said}, but {taken}")
        if self.heard.setdefault((attempt.run_id, attempt.path, prompt), said) != said:
            raise Violation("one answer counts", f"{attempt} hears {said} to {prompt!r}, and heard otherwise before")
        return said

    # -- what people were told ---------------------------------------------------------------------------------------

    def accept(self, gate: tuple[str, str, int], answer: str) -> None:
        """Somebody is told that their answer counts."""
        if self.accepted.setdefault(gate, answer) != answer:
            raise Violation("one answer counts", f"{gate}: {self.accepted[gate]} and {answer} were both accepted")

    def tell(self, run_id: str, end: Outcome[Any, Any]) -> None:
        """Somebody is told how a run ended."""
        if self._told.setdefault(run_id, end) != end:
            raise Violation("everybody is told the same end", f"{run_id}: {self._told[run_id]} and {end}")

    def told(self, run_id: str) -> Outcome[Any, Any] | None:
        """What they were told."""
        return self._told.get(run_id)
