"""What may be written, and by whom: one method a transaction, each harmless to repeat.

A worker's write looks first whether the claim still holds, so what a fenced worker says leaves no trace. Everybody
else writes only answers, messages, and that a run is ready or to be cancelled.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from perdure.core import codec
from perdure.interpreters.durable import texts
from perdure.interpreters.durable.errors import Conflict, Corrupt, Fenced, NotFound, Unusable
from perdure.interpreters.durable.ports import TERMINAL, Batch, Claim, Gate, Run, SignalRow
from perdure.interpreters.durable.transactions import Transactions

_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def checked_run_id(run_id: str) -> str:
    """The id itself, if a run can have it.

    Raises:
        Unusable: It cannot.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise Unusable(
            f"{run_id!r} cannot be the id of a run: 1 to 128 letters, digits, '.', '_', ':' and '-', "
            "of which the first is a letter or digit"
        )
    return run_id


class Journal(Transactions):
    """The database, for any thread.

    Every write raises `Unavailable` where the database cannot be used (`Busy` where another process was writing all
    the while): then nothing was recorded, or the same call finds that it was.
    """

    # -- a worker's writes -------------------------------------------------------------------------------------------

    def start(self, run: Run) -> Run:
        """Insert a run, or return the one that has this id or key.

        Raises:
            Unusable: It cannot have this id.
            Conflict: The id or key exists with another target or input, or belongs to different runs.
        """
        checked_run_id(run.run_id)

        def insert() -> Run:
            found = self._started(run)
            if found is None:
                self._say(texts.START, attrs.asdict(run, recurse=False))
            return found or run

        return self._transact(insert, lambda: self._started(run))

    def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        """Take a run if its fence is still `seen`, its last entry `last`, and its lease ends at `lease`.

        None where somebody was faster: another, or the owner itself, which came back and renewed its lease.
        """
        given = {"run_id": run_id, "owner": owner, "seen": seen, "lease": lease, "last": last}
        claim, ours = Claim(run_id, seen + 1, owner), False

        def take() -> Claim | None:
            nonlocal ours
            ours = self._say(texts.CLAIM, {**given, "lease_until": lease_until, "epoch": epoch}).rowcount == 1
            return claim if ours else None

        # That this worker has it is not enough: another drive of its may have been faster.
        return self._transact(take, lambda: claim if ours and self._holds(claim) else None)

    def commit(self, batch: Batch) -> bool:
        """Write a batch. False only for a park that did not park; all else of the batch is written.

        Raises:
            Fenced: The claim no longer holds. Nothing was written.
            Corrupt: One of its numbers is taken by another entry. Nothing was written.
        """
        return self._transact(self._write, self._recorded, batch)

    def commit_many(self, batches: Sequence[Batch]) -> list[bool | Exception]:
        """Write several batches in one commit, each of them all or nothing: what it returned, or why it was refused."""
        return self.together([functools.partial(self.commit, batch) for batch in batches])

    def renew(self, claim: Claim, lease_until: int) -> None:
        """Move the lease.

        Raises:
            Fenced: The claim no longer holds.
        """

        def move() -> None:
            if self._say(texts.RENEW, {**_mine(claim), "lease_until": lease_until}).rowcount != 1:
                raise self._fenced(claim)

        self._transact(move)

    def expire(self, claim: Claim, path: str, number: int) -> bool:
        """Close an open gate because its time is up; False where an answer was first.

        Raises:
            Fenced: The claim no longer holds.
        """
        gate: dict[str, Any] = {"run_id": claim.run_id, "path": path, "number": number}

        def close() -> bool:
            if self._say(texts.IS_MINE, _mine(claim)).fetchone() is None:
                raise self._fenced(claim)
            self._say(texts.EXPIRE, gate)
            return bool(expired())

        def expired() -> bool | None:
            found = self._gate(gate)
            return (found is not None and found.status == "expired") or None

        return self._transact(close, expired)

    # -- writes of others --------------------------------------------------------------------------------------------

    def answer(
        self,
        run_id: str,
        path: str,
        number: int,
        *,
        subject: str,
        answer: str,
        by: str | None,
        note: str | None,
        via: str | None,
        idem: str | None,
        now: int,
    ) -> Gate:
        """Decide a gate. The first answer counts; the same one again is no second one.

        Args:
            subject: The digest of what was shown to whoever answers.
            answer: As JSON.
            by: Who answers.
            via: By which channel.
            idem: The caller's key for "the same answer".
            now: Milliseconds since 1970.

        Raises:
            NotFound: There is no such gate.
            Unusable: It waits for a signal.
            Conflict: Something else was shown, time is up, or it is decided otherwise.
        """
        which: dict[str, Any] = {"run_id": run_id, "path": path, "number": number}
        decision: dict[str, Any] = {
            "answer": answer,
            "answer_digest": codec.digest(answer),
            "by": by,
            "note": note,
            "via": via,
            "idem": idem,
            "decided_at": now,
        }

        def decide() -> Gate:
            gate = self._gate(which)
            if gate is None:
                raise NotFound(f"run {run_id} has no gate {path!r} with number {number}")
            if _answerable(gate, subject, answer, now):
                self._refuse_ended(run_id)
                self._say(texts.ANSWER, {**which, **decision})
                self._say(texts.WAKE, {"run_id": run_id})
                gate = attrs.evolve(gate, status="decided", **decision)
            return gate

        def decided() -> Gate | None:
            gate = self._gate(which)
            return gate if gate is not None and (gate.answer, gate.by, gate.decided_at) == (answer, by, now) else None

        return self._touch(decide, decided)

    def send(self, run_id: str, name: str, payload: str, *, idem: str | None, now: int) -> SignalRow:
        """Put a message into a run's inbox, behind those of the same name; the run need not exist yet.

        Args:
            payload: As JSON.
            idem: The sender's key for "the same message": sent again, it is there once.
            now: Milliseconds since 1970.

        Raises:
            Unusable: No run can have this id.
            Conflict: The run has ended, or `idem` was sent with another payload.
        """
        checked_run_id(run_id)
        sent: list[SignalRow] = []

        def send() -> SignalRow:
            queue = {"run_id": run_id, "name": name}
            for row in self._say(texts.SIGNAL_OF_IDEM, {**queue, "idem": idem}).fetchall():
                if row[3] != payload:
                    raise Conflict(
                        f"signal {name!r} was sent to run {run_id} before with the key {idem!r} and another payload: "
                        "another message needs another key"
                    )
                return SignalRow(*row)
            self._refuse_ended(run_id)
            (last,) = self._say(texts.LAST_SIGNAL, queue).fetchone()
            sent[:] = [SignalRow(run_id, name, last + 1, payload, now, idem)]
            self._say(texts.SEND, attrs.asdict(sent[0]))
            self._say(texts.WAKE_FOR_SIGNAL, queue)
            return sent[0]

        def arrived() -> SignalRow | None:
            if not sent:
                return None
            which = {"run_id": run_id, "name": name, "number": sent[0].number}
            rows = self._say(texts.SIGNAL, which).fetchall()
            return sent[0] if [SignalRow(*row) for row in rows] == sent else None

        return self._touch(send, arrived)

    def ask_cancel(self, run_id: str, reason: str, now: int) -> Run:  # noqa: ARG002 -- all outsiders say when
        """Ask a run's owner to cancel it. The first reason counts.

        Raises:
            NotFound: There is no such run.
            Conflict: It has ended otherwise.
        """

        def ask() -> Run:
            run = self._run(run_id)
            if run is None:
                raise NotFound(f"no run {run_id!r} in this database")
            if run.status != "cancelled":
                self._refuse_ended(run_id)
                self._say(texts.CANCEL, {"run_id": run_id, "reason": reason})
            return self._run(run_id) or run

        def asked() -> Run | None:
            run = self._run(run_id)
            return run if run is not None and run.cancel is not None else None

        return self._touch(ask, asked)

    # -- inside a transaction ------------------------------------------------------------------------------------------

    def _write(self, batch: Batch) -> bool:
        claim, entries = batch.claim, batch.entries
        run_id = claim.run_id
        if entries:
            held = (run_id, claim.fence, claim.owner)
            rows = [(run_id, *entry, *held) for entry in entries]
            holds = self.database.writer.executemany(texts.RECORD, rows).rowcount == len(rows)
        else:
            holds = self._holds(claim)
        if not holds:
            recorded = self._recorded(batch) if entries or batch.status is not None else None
            if recorded is None:
                raise self._fenced(claim)
            return recorded

        for path, number, seq in batch.consumed:
            self._say(texts.CONSUME, {"run_id": run_id, "path": path, "number": number, "seq": seq})
        for name, number, seq in batch.taken:
            self._say(texts.TAKE, {"run_id": run_id, "name": name, "number": number, "seq": seq})
        for name, number, why in batch.refused:
            self._say(texts.REFUSE, {"run_id": run_id, "name": name, "number": number, "why": why})
        for gate in batch.opened:  # first: what was opened may have been closed before it was written
            self._say(texts.OPEN, attrs.asdict(gate))
        for path, number in batch.withdrawn:
            self._say(texts.WITHDRAW, {"run_id": run_id, "path": path, "number": number})
        if batch.lease_until is not None:
            self._say(texts.RENEW, {**_mine(claim), "lease_until": batch.lease_until})
        if batch.status is None:
            return True
        if batch.status == "parked" and self._arrived(batch):
            return False
        self._say(
            texts.MOVE if batch.status == "running" else texts.GIVE_UP,
            {
                **_mine(claim),
                "status": batch.status,
                "reason": batch.reason,
                "wake_at": batch.wake_at,
                "outcome": batch.outcome,
                "outcome_digest": batch.outcome_digest,
                "finished_at": batch.finished_at,
            },
        )
        return True

    def _arrived(self, batch: Batch) -> bool:
        """Whether what the run would park for is there already."""
        run_id = {"run_id": batch.claim.run_id}
        if any((row[1], row[2]) in batch.gates for row in self._say(texts.ANSWERED, run_id)):
            return True
        if self._say(texts.SENT, {**run_id, "awaits": json.dumps(batch.awaits)}).fetchone() is not None:
            return True
        run = self._run(batch.claim.run_id)
        return run is not None and run.cancel is not None and not batch.heeded

    def _recorded(self, batch: Batch) -> bool | None:
        """What a batch returned when it was written; None if it was not.

        Raises:
            Fenced, Corrupt: Another entry has its last number.
        """
        claim = batch.claim
        run = self._run(claim.run_id)
        if run is None:
            return None
        if batch.entries:
            last = batch.entries[-1]
            row = self._say(texts.DIGEST, {"run_id": claim.run_id, "seq": last.seq}).fetchone()
            if row is None:
                return None
            if row[0] != last.digest:
                if not self._holds(claim):
                    raise self._fenced(claim)
                raise Corrupt(
                    f"entry {last.seq} of run {claim.run_id} is there already, and is another than this worker (fence "
                    f"{claim.fence}) has to record. Nothing was written; see `perdure doctor`."
                )
        elif not self._says(batch, run):
            return None
        return batch.status != "parked" or not self._holds(claim)

    def _says(self, batch: Batch, run: Run) -> bool:
        """Whether all that a batch without entries says is so."""
        this = {"run_id": run.run_id}
        gates = {gate.key: gate for gate in (Gate(*row) for row in self._say(texts.GATES_OF, this))}
        inbox = {(row.name, row.number): row for row in (SignalRow(*r) for r in self._say(texts.SIGNALS_OF, this))}
        if batch.status is None or (batch.status == "parked" and self._holds(batch.claim)):
            moved = batch.lease_until in (None, run.lease_until)
        else:
            moved = (run.status, run.outcome) == (batch.status, batch.outcome)
        return (
            moved
            and run.fence == batch.claim.fence
            and all(gate.key in gates for gate in batch.opened)
            and all(gates[which].status != "open" for which in batch.withdrawn if which in gates)
            and all(gates[path, number].consumed == seq for path, number, seq in batch.consumed)
            and all(inbox[name, number].consumed == seq for name, number, seq in batch.taken)
            and all(inbox[name, number].refused == why for name, number, why in batch.refused)
        )

    def _run(self, run_id: str) -> Run | None:
        row = self._say(texts.RUN, {"run_id": run_id}).fetchone()
        return Run(*row) if row is not None else None

    def _gate(self, which: dict[str, Any]) -> Gate | None:
        row = self._say(texts.GATE, which).fetchone()
        return Gate(*row) if row is not None else None

    def _holds(self, claim: Claim) -> bool:
        return self._say(texts.IS_MINE, _mine(claim)).fetchone() is not None

    def _started(self, run: Run) -> Run | None:
        """The run that has this run's id or key already, if it is the same."""
        found = self._run(run.run_id)
        if run.key is not None:
            row = self._say(texts.RUN_OF_KEY, {"key": run.key}).fetchone()
            keyed = Run(*row) if row is not None else None
            if found is not None and found != keyed:
                other = f"the key belongs to run {keyed.run_id}" if keyed else f"it was started with key {found.key!r}"
                raise Conflict(f"run {run.run_id} exists, but not under the key {run.key!r}: {other}")
            found = keyed
        if found is not None and (found.target, found.input_digest) != (run.target, run.input_digest):
            what = "another workflow" if found.target != run.target else "other arguments"
            raise Conflict(
                f"run {found.run_id} exists with {what} ({found.target}): choose another id or key, "
                f"or see `perdure show {found.run_id}`"
            )
        return found

    def _refuse_ended(self, run_id: str) -> None:
        run = self._run(run_id)
        if run is not None and run.status in TERMINAL:
            raise Conflict(f"run {run_id} has ended already: {run.status}{_when(run.finished_at)}")

    def _fenced(self, claim: Claim) -> Fenced:
        run = self._run(claim.run_id)
        now = (
            "it is gone"
            if run is None
            else f"worker {run.owner} drives it now (fence {run.fence})"
            if run.owner is not None
            else f"it is {run.status} now (fence {run.fence})"
        )
        return Fenced(
            f"run {claim.run_id} is no longer driven by worker {claim.owner} (fence {claim.fence}): {now}. "
            "Nothing more was recorded."
        )


def _mine(claim: Claim) -> dict[str, Any]:  # Any: a text, a number, a text
    return {"mine": claim.run_id, "my_fence": claim.fence, "me": claim.owner}


def _answerable(gate: Gate, subject: str, answer: str, now: int) -> bool:
    """Whether a gate can be given this answer; False where it was given already.

    Raises:
        Unusable, Conflict: It cannot.
    """
    name = f"gate {gate.path!r} of run {gate.run_id}"
    if gate.kind == "signal":
        raise Unusable(f"{name} waits for signal {gate.name!r}, not for an answer: perdure signal {gate.run_id}")
    if gate.subject != subject:
        raise Conflict(f"{name} asks something else than what was answered. Look at it again, and answer that.")
    if gate.status == "decided":
        if gate.answer == answer:
            return False
        raise Conflict(f"{name} is decided already, by {gate.by or 'somebody'}{_when(gate.decided_at)}: {gate.answer}")
    if gate.status == "withdrawn":
        raise Conflict(f"{name} was withdrawn: the run no longer asks this")
    if gate.status == "expired" or (gate.expires_at is not None and gate.expires_at <= now):
        raise Conflict(f"{name} has expired{_when(gate.expires_at)}: the answer came too late")
    return True


def _when(at: int | None) -> str:
    return "" if at is None else f" at {datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
