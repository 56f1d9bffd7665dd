"""The database of a simulated world: the `Store` port over dictionaries, as strict as the real one.

A write is conditioned on the claim, a number is used once, and the first answer counts. It holds what was committed
and nothing else, so that dropping everything around it is a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs

from perdure.core import codec
from perdure.interpreters.durable.errors import Conflict, Corrupt, Fenced, NotFound
from perdure.interpreters.durable.ports import (
    TERMINAL,
    Batch,
    Claim,
    Entry,
    Gate,
    Outside,
    Run,
    SignalRow,
    Status,
    Store,
)


class SharedStore(Store, Protocol):
    """What workers write to, and what everybody else does: the inbox and the answers."""

    async def answer(
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
        """As `Journal.answer`."""
        ...

    async def send(self, run_id: str, name: str, payload: str, *, idem: str | None, now: int) -> SignalRow:
        """As `Journal.send`."""
        ...

    async def signals(self, run_id: str) -> Sequence[SignalRow]:
        """A run's inbox, by name and then in the order of sending; consumed ones too."""
        ...


@attrs.define
class MemoryStore:
    """A database that lives as long as its object.

    Attributes:
        rows: Runs by id.
        journals: The entries of each run.
        gate_rows: By run, path and number.
        inbox: By run, name and number.
        commits: How many batches were written.
    """

    rows: dict[str, Run] = attrs.field(factory=dict)
    journals: dict[str, list[Entry]] = attrs.field(factory=dict)
    gate_rows: dict[tuple[str, str, int], Gate] = attrs.field(factory=dict)
    inbox: dict[tuple[str, str, int], SignalRow] = attrs.field(factory=dict)
    commits: int = 0

    # -- the port ----------------------------------------------------------------------------------------------------

    async def database_id(self) -> str:
        return "memory"

    async def find(self, run_id: str) -> Run | None:
        return self.rows.get(run_id)

    async def entries(self, run_id: str) -> Sequence[Entry]:
        return list(self.journals.get(run_id, ()))

    async def gates(self, run_id: str) -> Sequence[Gate]:
        found = [gate for gate in self.gate_rows.values() if gate.run_id == run_id]
        return sorted(found, key=lambda gate: (gate.opened_at, gate.path, gate.number))

    async def start(self, run: Run) -> Run:
        found = self.rows.get(run.run_id)
        if found is not None and (found.target, found.input_digest) != (run.target, run.input_digest):
            raise Conflict(f"run {run.run_id} exists with another workflow or other arguments")
        return self.rows.setdefault(run.run_id, run)

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        run = self.rows.get(run_id)
        if run is None or run.status in TERMINAL:
            return None
        if (run.fence, run.lease_until, self._last(run_id)) != (seen, lease, last):
            return None
        self.rows[run_id] = attrs.evolve(
            run,
            status="running",
            reason=None,
            fence=seen + 1,
            owner=owner,
            lease_until=lease_until,
            lease_epoch=epoch,
            wake_at=None,
            claims=1 if run.progress < last else run.claims + 1,
            progress=last,
        )
        return Claim(run_id, seen + 1, owner)

    async def commit(self, batch: Batch) -> bool:
        run_id = self._held(batch.claim).run_id
        last = self._last(run_id)
        if [entry.seq for entry in batch.entries] != list(range(last + 1, last + 1 + len(batch.entries))):
            raise Corrupt(f"what follows entry {last} of run {run_id} is numbered {[e.seq for e in batch.entries]}")
        self.commits += 1
        self.journals.setdefault(run_id, []).extend(batch.entries)
        for path, number, seq in batch.consumed:
            self._consume(run_id, path, number, seq)
        for name, number, seq in batch.taken:
            self._change_message(run_id, name, number, consumed=seq)
        for name, number, why in batch.refused:
            self._change_message(run_id, name, number, refused=why)
        for gate in batch.opened:  # first: what was opened may have been closed before it was written
            if (run_id, gate.path, gate.number) in self.gate_rows:
                raise Corrupt(f"gate {gate.path} of run {run_id} was opened before with number {gate.number}")
            self.gate_rows[run_id, gate.path, gate.number] = gate
        for path, number in batch.withdrawn:
            self._withdraw(run_id, path, number)
        if batch.lease_until is not None:
            self.rows[run_id] = attrs.evolve(self.rows[run_id], lease_until=batch.lease_until)
        if batch.status is None:
            return True
        if batch.status == "parked" and self._arrived(batch):
            return False
        self._move(run_id, batch, batch.status)
        return True

    async def renew(self, claim: Claim, lease_until: int) -> None:
        self.rows[claim.run_id] = attrs.evolve(self._held(claim), lease_until=lease_until)

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        sent = [s for s in await self.signals(run_id) if s.name in awaits and s.waits]
        run = self.rows.get(run_id)
        return Outside(self._answered(run_id), sent, run.cancel if run is not None else None)

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        run_id = self._held(claim).run_id
        gate = self.gate_rows[run_id, path, number]
        if gate.status == "open":
            self.gate_rows[run_id, path, number] = attrs.evolve(gate, status="expired")
        return gate.status in ("open", "expired")

    def changed(self) -> bool:
        return True

    # -- what everybody else writes ----------------------------------------------------------------------------------

    async def answer(
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
        """Decide an open gate, and wake the run.

        Raises:
            NotFound: There is no such gate.
            Conflict: It is no longer open, or asks something else.
        """
        gate = self.gate_rows.get((run_id, path, number))
        if gate is None:
            raise NotFound(f"run {run_id} has no gate {path!r} with number {number}")
        if gate.status != "open" or gate.subject != subject or (gate.expires_at is not None and gate.expires_at <= now):
            raise Conflict(f"gate {path!r} of run {run_id} is {gate.status}, or asks something else than was answered")
        self.gate_rows[run_id, path, number] = decided = attrs.evolve(
            gate,
            status="decided",
            answer=answer,
            answer_digest=codec.digest(answer),
            by=by,
            note=note,
            via=via,
            idem=idem,
            decided_at=now,
        )
        self._wake(run_id)
        return decided

    async def send(self, run_id: str, name: str, payload: str, *, idem: str | None, now: int) -> SignalRow:
        """Put a message into a run's inbox, behind those of the same name, and wake the run if it waits for one.

        Raises:
            Conflict: The run has ended.
        """
        run = self.rows.get(run_id)
        if run is not None and run.status in TERMINAL:
            raise Conflict(f"run {run_id} has ended already: {run.status}")
        number = 1 + sum(key[:2] == (run_id, name) for key in self.inbox)
        self.inbox[run_id, name, number] = row = SignalRow(run_id, name, number, payload, now, idem)
        if any(g.status == "open" and g.kind == "signal" and g.name == name for g in await self.gates(run_id)):
            self._wake(run_id)
        return row

    async def ask_cancel(self, run_id: str, reason: str, now: int) -> Run:  # noqa: ARG002 -- all outsiders say when
        """Ask a run's owner to cancel it, and wake the run. The first reason counts.

        Raises:
            Conflict: The run has ended otherwise.
        """
        run = self.rows[run_id]
        if run.status in TERMINAL and run.status != "cancelled":
            raise Conflict(f"run {run_id} has ended already: {run.status}")
        if run.cancel is None and run.status not in TERMINAL:
            self.rows[run_id] = attrs.evolve(run, cancel=reason)
            self._wake(run_id)
        return self.rows[run_id]

    async def signals(self, run_id: str) -> Sequence[SignalRow]:
        return sorted((row for row in self.inbox.values() if row.run_id == run_id), key=lambda r: (r.name, r.number))

    # -- inside a transaction ----------------------------------------------------------------------------------------

    def _last(self, run_id: str) -> int:
        entries = self.journals.get(run_id)
        return entries[-1].seq if entries else 0

    def _held(self, claim: Claim) -> Run:
        run = self.rows[claim.run_id]
        if run.fence != claim.fence or run.owner != claim.owner or run.status != "running":
            raise Fenced(
                f"run {claim.run_id} is no longer driven by worker {claim.owner} (fence {claim.fence}): it is "
                f"{run.status}, with {run.owner or 'nobody'} (fence {run.fence}). Nothing more was recorded."
            )
        return run

    def _answered(self, run_id: str) -> list[Gate]:
        decided = [gate for gate in self.gate_rows.values() if gate.run_id == run_id and gate.answered]
        return sorted(decided, key=lambda gate: (gate.decided_at or 0, gate.path, gate.number))

    def _arrived(self, batch: Batch) -> bool:
        """Whether what the run would park for is there already."""
        run = self.rows[batch.claim.run_id]
        return (
            any(gate.key in batch.gates for gate in self._answered(run.run_id))
            or any(row.run_id == run.run_id and row.name in batch.awaits and row.waits for row in self.inbox.values())
            or (run.cancel is not None and not batch.heeded)
        )

    def _move(self, run_id: str, batch: Batch, status: Status) -> None:
        run = self.rows[run_id]
        if status != "running":
            run = attrs.evolve(run, owner=None, lease_until=None, lease_epoch=None)
        self.rows[run_id] = attrs.evolve(
            run,
            status=status,
            reason=batch.reason,
            wake_at=batch.wake_at,
            outcome=batch.outcome,
            outcome_digest=batch.outcome_digest,
            finished_at=batch.finished_at,
        )

    def _consume(self, run_id: str, path: str, number: int, seq: int) -> None:
        gate = self.gate_rows[run_id, path, number]
        if gate.consumed is None:
            self.gate_rows[run_id, path, number] = attrs.evolve(gate, consumed=seq)

    def _withdraw(self, run_id: str, path: str, number: int) -> None:
        gate = self.gate_rows.get((run_id, path, number))
        if gate is not None and gate.in_force:
            self.gate_rows[run_id, path, number] = attrs.evolve(gate, status="withdrawn")

    def _change_message(
        self, run_id: str, name: str, number: int, *, consumed: int | None = None, refused: str | None = None
    ) -> None:
        row = self.inbox[run_id, name, number]
        if row.consumed is None:
            self.inbox[run_id, name, number] = attrs.evolve(row, consumed=consumed, refused=refused or row.refused)

    def _wake(self, run_id: str) -> None:
        run = self.rows.get(run_id)
        if run is not None and run.status == "parked":
            self.rows[run_id] = attrs.evolve(run, status="ready")
