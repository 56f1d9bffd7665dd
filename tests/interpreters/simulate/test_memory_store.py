"""The store of simulated runs is as strict as the one on SQLite: both say the same to whatever they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure.core import codec
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.chain import chained, genesis
from perdure.interpreters.durable.database import open_database
from perdure.interpreters.durable.errors import DurableError
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import Batch, Claim, Entry, Gate, Run, Status
from perdure.interpreters.durable.sqlite import SqliteStore
from perdure.interpreters.simulate.memory_store import MemoryStore, SharedStore

RUN = Run("run", "w", "t", "f", "{}", codec.digest("{}"), 1, status="running", fence=1, owner="one", lease_until=10)
NO_ENTRIES = genesis("run")

#: What is said to a store, by a name and numbers that choose among what can be said.
said = st.lists(
    st.tuples(
        st.sampled_from(("claim", "commit", "park", "end", "answer", "send", "cancel", "expire", "renew", "start")),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=14,
)


class Teller:
    """Says the same things to a store, by what it has seen of it; fences and owners are right or wrong by choice."""

    def __init__(self, store: SharedStore) -> None:
        self.store = store
        self.last = NO_ENTRIES
        self.seq = 0

    def tell(self, what: str, one: int, two: int) -> Any:
        """What the store answers: a value, or the class of what it raises."""
        run = at_once(self.store.find("run")) or RUN
        claim = Claim("run", run.fence - (one == 3), run.owner or "nobody" if one != 2 else "thief")
        gate = next((g for g in at_once(self.store.gates("run")) if g.number == 1 + two), None)
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "start": lambda: self.store.start(attrs.evolve(RUN, input_digest="other") if one == 3 else RUN),
            "claim": lambda: self.store.claim(
                "run",
                ("two", "three")[two % 2],
                seen=run.fence - (one == 3),
                lease=run.lease_until if one != 2 else 7,
                last=self.seq - (one == 1 and two == 1),
                lease_until=run.fence + 20,
                epoch="boot",
            ),
            "commit": lambda: self.store.commit(self.batch(claim, two, None)),
            "park": lambda: self.store.commit(self.batch(claim, two, "parked")),
            "end": lambda: self.store.commit(self.batch(claim, two, "succeeded" if two else "blocked")),
            "answer": lambda: self.answer(gate, one),
            "send": lambda: self.store.send("run", ("go", "on")[two % 2], "1", idem=None, now=5),
            "cancel": lambda: self.store.ask_cancel("run", f"because {one}", now=5),
            "expire": lambda: self.store.expire(claim, gate.path if gate else "w/gate", 1 + two) if gate else none(),
            "renew": lambda: self.store.renew(claim, 40 + two),
        }
        try:
            return at_once(calls[what]())  # type: ignore[arg-type]  # a coroutine each
        except DurableError as refused:
            return type(refused)

    async def answer(self, gate: Gate | None, one: int) -> Any:
        if gate is None or gate.kind == "signal":
            return None
        # A second answer of the same kind is no second one there, and is never given in a simulation.
        if gate.status == "decided":
            return None
        subject = "another" if one == 3 else gate.subject
        return await self.store.answer(
            "run",
            gate.path,
            gate.number,
            subject=subject,
            answer="true",
            by=None,
            note=None,
            via=None,
            idem=None,
            now=5,
        )

    def batch(self, claim: Claim, two: int, status: Status | None) -> Batch:
        """An entry, and one thing more."""
        entry = chained(self.last, self.seq + 1, "note", "w/note", 0, claim.fence, 5, "", "", "{}")
        batch = Batch(claim, [entry], status=status, awaits=("go",), gates=(("w/gate", 1), ("w/gate", 2)))
        batch.outcome, batch.outcome_digest = ('{"ok":1}', "d") if status == "succeeded" else (None, None)
        gates = at_once(self.store.gates("run"))
        kind = "signal" if two == 3 else "answer"
        if status is None:
            number = 1 + len(gates)
            batch.opened = [Gate("run", "w/gate", number, "go", kind, "", "null", "{}", f"s{number}", 5)]  # type: ignore[arg-type]
            batch.withdrawn = [("w/gate", two)]
            batch.consumed = [(g.path, g.number, entry.seq) for g in gates if g.status == "decided" and two == 1]
            left = at_once(self.store.outside("run", ("go", "on"))).signals
            batch.taken = [(row.name, row.number, entry.seq) for row in left[:1] if two == 2]
            batch.refused = [(row.name, row.number, "no") for row in left[:1] if two == 1]
            batch.lease_until = 30 + two
        return batch

    def look(self) -> tuple[Any, ...]:
        """All that the store holds."""
        entries: list[Entry] = list(at_once(self.store.entries("run")))
        self.seq, self.last = (entries[-1].seq, entries[-1].digest) if entries else (0, NO_ENTRIES)
        return (
            at_once(self.store.find("run")),
            entries,
            list(at_once(self.store.gates("run"))),
            list(at_once(self.store.signals("run"))),
            at_once(self.store.outside("run", ("go",))),
        )


async def none() -> None:
    """Nothing is said."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "empty.db"
    open_database(path).close()
    return path


@given(said)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_stores_answer_the_same_and_hold_the_same(empty: Path, words: list[tuple[str, int, int]]) -> None:
    path = empty.with_name("run.db")
    path.write_bytes(empty.read_bytes())
    real = SqliteStore(Journal(open_database(path, durability="fast")))
    try:
        one, other = Teller(MemoryStore()), Teller(real)
        at_once(one.store.start(RUN))
        at_once(other.store.start(RUN))
        for word in words:
            assert one.tell(*word) == other.tell(*word), word
            assert one.look() == other.look(), word
    finally:
        real.close()
