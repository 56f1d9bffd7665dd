"""All that the durable interpreter asks of the world: five ports, and the values that pass through them.

The drive is a set of coroutines over these. Real adapters hold SQL, threads, locks, signals and time; a simulator
holds none of them and drives the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import attrs

from perdure.core.asked import Decision, Question, Said
from perdure.interpreters.handlers import Again, Answer, Asked

#: begin: an attempt starts. end: a step's outcome. wait: something is waited for (a gate, a signal, a due time, the
#: next attempt). wake: what was waited for came. void: outcomes from a number on no longer count. note: for people.
Kind: TypeAlias = Literal["begin", "end", "wait", "wake", "void", "note"]

#: How a run stands in its row. `ready`: could go on, nobody drives it. `parked`: waits, no process.
Status: TypeAlias = Literal[
    "ready", "running", "parked", "blocked", "paused", "succeeded", "failed", "cancelled", "dead"
]
TERMINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "dead"})

GateKind: TypeAlias = Literal["approval", "answer", "signal"]


class Entry(NamedTuple):
    """One row of the journal. Never changed; chained to the one before by `previous`."""

    seq: int
    kind: Kind
    path: str
    attempt: int
    fence: int
    at: int
    shape: str
    input: str
    payload: str
    digest: str
    previous: str


@attrs.frozen
class Run:
    """One row of `runs`. Times are milliseconds since 1970 UTC, leases milliseconds since boot.

    Attributes:
        target: Where the workflow is found: `module:qualname`, or an absolute `file.py:qualname`.
        folder: What is put on the module search path to find it.
        input: The bound arguments as a JSON object.
        key: The caller's idempotency key for "the same start".
        reason: A JSON object that says why it is blocked, paused or parked, and for what it waits.
        fence: One more at every claim; every write of a worker is conditioned on it.
        lease_epoch: The boot in which `lease_until` counts.
        wake_at: When the earliest timer of a parked run is due.
        cancel: The reason with which somebody asked to cancel it.
        claims: How many claims in a row brought no progress.
        progress: The last entry's number at the last claim.
        outcome: How it ended: `{"ok": …}` or `{"err": …}`.
    """

    run_id: str
    workflow: str
    target: str
    folder: str
    input: str
    input_digest: str
    created_at: int
    code: str = ""
    key: str | None = None
    parent_run: str | None = None
    parent_path: str | None = None
    status: Status = "ready"
    reason: str | None = None
    fence: int = 0
    owner: str | None = None
    lease_until: int | None = None
    lease_epoch: str | None = None
    wake_at: int | None = None
    cancel: str | None = None
    claims: int = 0
    progress: int = 0
    outcome: str | None = None
    outcome_digest: str | None = None
    finished_at: int | None = None


@attrs.frozen
class Gate:
    """One row of `gates`: what a run waits for from outside. A gate shown otherwise is another gate, one number up.

    Attributes:
        subject: The digest of exactly what is asked and shown; an answer repeats it.
        schema: The JSON Schema that an answer (or a signal's payload) must fit.
        consumed: The journal entry that copied the answer, once the run has taken it.
    """

    run_id: str
    path: str
    number: int
    name: str
    kind: GateKind
    prompt: str
    show: str
    schema: str
    subject: str
    opened_at: int
    status: Literal["open", "decided", "expired", "withdrawn"] = "open"
    expires_at: int | None = None
    answer: str | None = None
    answer_digest: str | None = None
    by: str | None = None
    note: str | None = None
    via: str | None = None
    idem: str | None = None
    decided_at: int | None = None
    consumed: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Which gate of its run it is."""
        return self.path, self.number

    @property
    def answered(self) -> bool:
        """Whether its answer is there, and the run has not taken it."""
        return self.status == "decided" and self.consumed is None

    @property
    def in_force(self) -> bool:
        """Whether it is still to be answered, or its answer to be taken: until then it can be withdrawn."""
        return self.status in ("open", "decided") and self.consumed is None


@attrs.frozen
class SignalRow:
    """One message in a run's inbox. `refused` says why it cannot be what the run waits for."""

    run_id: str
    name: str
    number: int
    payload: str
    at: int
    idem: str | None = None
    consumed: int | None = None
    refused: str | None = None

    @property
    def waits(self) -> bool:
        """Whether the run has neither taken it nor set it aside."""
        return self.consumed is None and self.refused is None


@attrs.frozen
class Outside:
    """What others left for a run and its owner has not consumed: answers, messages, the wish to cancel."""

    gates: Sequence[Gate] = ()
    signals: Sequence[SignalRow] = ()
    cancel: str | None = None


@attrs.frozen
class Claim:
    """The right to drive a run, until the lease ends or somebody with a higher fence takes it."""

    run_id: str
    fence: int
    owner: str


@attrs.define
class Batch:
    """What one owner writes in one commit, all or nothing, and only while the claim holds.

    Attributes:
        entries: New journal rows, numbered.
        opened: Gates to open.
        withdrawn: `(path, number)` of gates to close, open or decided, unless their answer was consumed.
        consumed: `(path, number, seq)` of answers that an entry copied.
        taken: `(name, number, seq)` of signals that an entry copied.
        refused: `(name, number, why)` of signals to set aside.
        lease_until: If given, the lease is moved in the same commit.
        status: If given, the run row moves to it; any but `running` gives up the claim.
        gates: What a run that parks waits for, as `(path, number)`; `awaits` names the signals. If one of them was
            answered or sent meanwhile, or somebody wishes to cancel, all is written, but the run stays `running`.
        heeded: The wish to cancel is known to the owner and does not keep the run from parking.
    """

    claim: Claim
    entries: list[Entry] = attrs.field(factory=list)
    opened: list[Gate] = attrs.field(factory=list)
    withdrawn: list[tuple[str, int]] = attrs.field(factory=list)
    consumed: list[tuple[str, int, int]] = attrs.field(factory=list)
    taken: list[tuple[str, int, int]] = attrs.field(factory=list)
    refused: list[tuple[str, int, str]] = attrs.field(factory=list)
    lease_until: int | None = None
    status: Status | None = None
    reason: str | None = None
    wake_at: int | None = None
    gates: tuple[tuple[str, int], ...] = ()
    awaits: tuple[str, ...] = ()
    heeded: bool = False
    outcome: str | None = None
    outcome_digest: str | None = None
    finished_at: int | None = None


class Store(Protocol):
    """The database, one method a transaction or a question. Every write may be repeated without harm.

    All raise `Unavailable` where the database cannot be used; nothing was then recorded, or the same call finds it.
    """

    async def database_id(self) -> str:
        """Distinguishes this database in idempotency keys."""
        ...

    async def find(self, run_id: str) -> Run | None: ...

    async def entries(self, run_id: str) -> Sequence[Entry]:
        """The whole journal of a run, in order, in one select; digests are the caller's to check."""
        ...

    async def gates(self, run_id: str) -> Sequence[Gate]:
        """All gates of a run, oldest first."""
        ...

    async def start(self, run: Run) -> Run:
        """Insert a run, claimed already if it names an owner; or return the one that has this id or key.

        Raises:
            Conflict: The id or key exists with another target or input, or belongs to different runs.
        """
        ...

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        """Take a run if it still is as it was seen: fence + 1, status running, lease ours.

        As it was seen: its fence is `seen`, its last entry `last`, and its lease ends at `lease`. An owner that was
        frozen may have come back meanwhile, and renewed it.

        Counts the claim in `claims`: 1 where entries came since the claim before, else one more.
        None where somebody was faster.
        """
        ...

    async def commit(self, batch: Batch) -> bool:
        """Write a batch. Returns False only for a park that did not park (all else of the batch is written).

        Raises:
            Fenced: The claim no longer holds. Nothing was written.
        """
        ...

    async def renew(self, claim: Claim, lease_until: int) -> None:
        """Move the lease.

        Raises:
            Fenced: The claim no longer holds.
        """
        ...

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        """Answers that were not consumed, the oldest messages under the names that are awaited, the wish to cancel."""
        ...

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        """Close an open gate because its time is up; False where an answer was first.

        Raises:
            Fenced: The claim no longer holds.
        """
        ...

    def changed(self) -> bool:
        """Whether anybody else may have written since the last call. Cheap; may say yes too often."""
        ...


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since 1970 UTC, for due times and for people."""
        ...

    def boot(self) -> int:
        """Milliseconds since boot, counting sleep, for leases: never set back."""
        ...


@attrs.define  # not frozen, which takes three times as long to make: every attempt makes one
class Ended:
    """An attempt ended; `outcome` is what the handler answered, or None where it was cancelled."""

    path: str
    attempt: int
    outcome: Answer | Again | None


@attrs.frozen
class Noted:
    """An attempt in progress has something to record."""

    path: str
    attempt: int
    said: Said


@attrs.define(eq=False)
class Wondered:
    """An attempt in progress asks a person, and waits.

    Attributes:
        answer: Gives it what is said, once that is recorded.
        gone: It no longer waits, and has not taken what was said.
    """

    path: str
    attempt: int
    question: Question
    answer: Callable[[Decision], None]
    gone: bool = False


@attrs.frozen
class Stop:
    """Somebody wants this worker to stop: park the run. `why` is a word such as SIGTERM."""

    why: str


@attrs.frozen
class Left:
    """Somebody left something for the run: a hint to look outside now, in worlds that can tell."""


Event: TypeAlias = Ended | Noted | Wondered | Stop | Left


class Effects(Protocol):
    """Where leaves are performed."""

    def start(self, asked: Asked) -> None:
        """Begin one attempt. Its end is an event."""
        ...

    def cancel(self, path: str) -> None:
        """Give up the attempt of this path; what it answers later is dropped."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether something that was given up may still act. When that is over, `next` returns."""
        ...

    async def next(self, until: int | None) -> Sequence[Event]:
        """All events since the last call, waiting for one until `until` (milliseconds since boot; None: for ever)."""
        ...

    def close(self) -> None:
        """Cancel what still runs."""
        ...


class Liveness(Protocol):
    @property
    def me(self) -> str:
        """The name under which this worker owns runs."""
        ...

    @property
    def epoch(self) -> str:
        """The boot that this is."""
        ...

    def alive(self, owner: str) -> bool:
        """Whether that worker's process still holds its lock. A frozen one does."""
        ...


class Entropy(Protocol):
    def run_id(self, now: int) -> str:
        """A fresh run id, sortable by time."""
        ...


@attrs.frozen
class World:
    """The five ports of one worker."""

    store: Store
    clock: Clock
    liveness: Liveness
    entropy: Entropy


#: A JSON object, as it is stored in `reason`, `note` and the like.
Json: TypeAlias = Mapping[str, Any]  # Any: JSON trees have no better type in Python
