from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from perdure.core import codec
from perdure.interpreters.durable import database, sqlite
from perdure.interpreters.durable.chain import chained, genesis, verify
from perdure.interpreters.durable.database import Busy, Durability, open_database
from perdure.interpreters.durable.errors import (
    Conflict,
    Corrupt,
    DiskFull,
    DurableError,
    Fenced,
    NotFound,
    Unavailable,
    Unusable,
)
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import Batch, Claim, Entry, Gate, Kind, Run, SignalRow, Store
from perdure.interpreters.durable.sqlite import SqliteStore

ME, OTHER = "worker-1", "worker-2"
RUN = Run(
    "release-7", "release", "m:release", "/src", '{"version":"7"}', "digest", 1,
    status="running", fence=1, owner=ME, lease_until=100, lease_epoch="boot", claims=1,
)  # fmt: skip
MINE = Claim(RUN.run_id, 1, ME)
GATE = Gate(RUN.run_id, "ship", 1, "ship", "approval", "Ship it?", "{}", '{"type":"boolean"}', "subject", 5)
MAIL = attrs.evolve(GATE, path="mail", name="mail", kind="signal")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("made") / "perdure.db"
    open_database(path).close()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, made: bytes) -> Path:
    """A new database, copied: to make one takes longer than most tests here."""
    path = tmp_path / "perdure.db"
    path.write_bytes(made)
    return path


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(open_database(path))) as journal:
        yield journal


@pytest.fixture
def elsewhere(path: Path) -> Iterator[Journal]:
    """The same database in another worker's hands."""
    with contextlib.closing(Journal(open_database(path))) as journal:
        yield journal


@pytest.fixture
def run(journal: Journal) -> Run:
    return journal.start(RUN)


def entries(count: int, *, run_id: str = RUN.run_id, after: Entry | None = None, payload: str = "{}") -> list[Entry]:
    made = [after] if after else []
    for _ in range(count):
        last = made[-1] if made else None
        previous, seq = (last.digest, last.seq + 1) if last else (genesis(run_id), 1)
        made.append(chained(previous, seq, "end", f"step#{seq}", 1, 1, 1_000 + seq, "shape", "input", payload))
    return made[1:] if after else made


def contents(path: Path) -> dict[str, list[Any]]:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        return {
            table: raw.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table in ("runs", "journal", "gates", "signals")
        }


def answered(journal: Journal, answer: str = "true", **more: Any) -> Gate:
    given: dict[str, Any] = {
        "subject": "subject", "by": "ada", "note": None, "via": "cli", "idem": None, "now": 10, **more
    }  # fmt: skip
    return journal.answer(RUN.run_id, "ship", 1, answer=answer, **given)


class Flaky:
    """A connection that fails at one statement, before or after doing it."""

    def __init__(self, raw: sqlite3.Connection, at: str, code: int, *, done: bool, times: int = 1) -> None:
        self.raw, self.at, self.code, self.done, self.times = raw, at, code, done, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
        if not statement.startswith(self.at) or not self.times:
            return self.raw.execute(statement, *given)
        self.times -= 1
        if self.done:
            self.raw.execute(statement, *given)
        error = sqlite3.OperationalError("injected")
        error.sqlite_errorcode = self.code
        raise error


def fails(journal: Journal, at: str, code: int = sqlite3.SQLITE_IOERR, *, done: bool, times: int = 1) -> None:
    raw = journal.database.writer
    journal.database._writer = Flaky(raw, at, code, done=done, times=times)  # type: ignore[assignment]


# -- starting and claiming -------------------------------------------------------------------------------------------


def test_a_started_run_is_found_as_it_was(journal: Journal) -> None:
    run = attrs.evolve(RUN, key="k", parent_run="p", parent_path="a/b", reason="{}", wake_at=9, code="abc")

    assert journal.start(run) == run
    assert journal.find(run.run_id) == run
    assert journal.find("another") is None


def test_the_same_start_again_is_the_first_one(journal: Journal, run: Run) -> None:
    again = attrs.evolve(RUN, created_at=99, owner=OTHER, folder="/elsewhere")

    assert journal.start(again) == run


def test_the_same_key_is_the_same_run_under_whatever_id(journal: Journal) -> None:
    first = journal.start(attrs.evolve(RUN, key="order-5"))

    assert journal.start(attrs.evolve(RUN, run_id="fresh", key="order-5")) == first
    assert journal.find("fresh") is None


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (attrs.evolve(RUN, target="m:another"), "another workflow"),
        (attrs.evolve(RUN, input_digest="another"), "other arguments"),
        (attrs.evolve(RUN, key="k-2"), "under the key 'k-2': the key belongs to run second"),
        (attrs.evolve(RUN, key="k-3"), "under the key 'k-3': it was started with key 'k-1'"),
        (attrs.evolve(RUN, run_id="fresh", key="k-1", target="m:another"), "another workflow"),
    ],
)
def test_a_start_that_differs_is_a_conflict(journal: Journal, other: Run, reason: str) -> None:
    journal.start(attrs.evolve(RUN, key="k-1"))
    journal.start(attrs.evolve(RUN, run_id="second", key="k-2"))

    with pytest.raises(Conflict, match=reason):
        journal.start(other)


@pytest.mark.parametrize("run_id", ["", "-a", "a/b", "a b", "a" * 129, "ä", "a\n", "../a"])
def test_an_id_that_no_run_can_have_is_refused(journal: Journal, run_id: str) -> None:
    with pytest.raises(Unusable, match="cannot be the id"):
        journal.start(attrs.evolve(RUN, run_id=run_id))
    with pytest.raises(Unusable, match="cannot be the id"):
        journal.send(run_id, "mail", "1", idem=None, now=1)


def claim(journal: Journal, owner: str, *, seen: int, last: int = 0, lease_until: int = 500) -> Claim | None:
    run = journal.find(RUN.run_id)
    lease = run.lease_until if run is not None else None
    return journal.claim(RUN.run_id, owner, seen=seen, lease=lease, last=last, lease_until=lease_until, epoch="boot-2")


def test_a_claim_raises_the_fence_and_takes_the_lease(journal: Journal, run: Run) -> None:
    assert claim(journal, OTHER, seen=1) == Claim(RUN.run_id, 2, OTHER)

    now = journal.find(RUN.run_id)
    assert now == attrs.evolve(run, fence=2, owner=OTHER, lease_until=500, lease_epoch="boot-2", claims=2)


def test_of_two_claims_only_the_first_succeeds(journal: Journal, elsewhere: Journal, run: Run) -> None:
    assert claim(elsewhere, OTHER, seen=1) is not None
    assert claim(journal, "worker-3", seen=1) is None


def test_a_claim_on_an_outdated_journal_fails(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, entries(2)))

    assert claim(journal, OTHER, seen=1, last=1) is None
    assert claim(journal, OTHER, seen=1, last=2) is not None


def test_a_claim_fails_where_the_owner_has_come_back_meanwhile(journal: Journal, elsewhere: Journal, run: Run) -> None:
    """It was frozen past its lease; whoever looked then must not take the run from it now."""
    seen = elsewhere.find(RUN.run_id)
    assert seen is not None
    journal.renew(MINE, 900)

    taken = elsewhere.claim(
        RUN.run_id, OTHER, seen=seen.fence, lease=seen.lease_until, last=0, lease_until=500, epoch="boot-2"
    )

    assert taken is None
    assert journal.commit(Batch(MINE, entries(1)))


def test_claims_count_those_without_progress(journal: Journal, run: Run) -> None:
    counts = []
    for fence in (1, 2, 3):
        claim(journal, ME, seen=fence)
        counts.append(journal.find(RUN.run_id))
    journal.commit(Batch(Claim(RUN.run_id, 4, ME), entries(2)))
    claim(journal, ME, seen=4, last=2)
    counts.append(journal.find(RUN.run_id))

    assert [(run.claims, run.progress) for run in counts if run] == [(2, 0), (3, 0), (4, 0), (1, 2)]


def test_an_ended_run_cannot_be_claimed(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, entries(1), status="succeeded", outcome="{}", outcome_digest="d", finished_at=7))

    assert claim(journal, OTHER, seen=1, last=1) is None


# -- recording -------------------------------------------------------------------------------------------------------


def test_a_batch_is_written_whole(journal: Journal, run: Run) -> None:
    written = entries(3)

    assert journal.commit(Batch(MINE, written, opened=[GATE, MAIL], lease_until=700))

    assert journal.entries(RUN.run_id) == written
    verify(RUN.run_id, journal.entries(RUN.run_id))
    assert journal.gates(RUN.run_id) == [MAIL, GATE]
    assert journal.find(RUN.run_id) == attrs.evolve(run, lease_until=700)


def test_the_end_gives_up_the_claim(journal: Journal, run: Run) -> None:
    end = Batch(MINE, entries(1), status="failed", outcome='{"err":1}', outcome_digest="d", finished_at=7)

    assert journal.commit(end)

    assert journal.find(RUN.run_id) == attrs.evolve(
        run, status="failed", outcome='{"err":1}', outcome_digest="d", finished_at=7,
        owner=None, lease_until=None, lease_epoch=None,
    )  # fmt: skip


def test_a_run_that_goes_on_keeps_its_claim(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, status="running", reason="{}"))

    assert journal.find(RUN.run_id) == attrs.evolve(run, reason="{}")


EVERYTHING = Batch(
    MINE,
    opened=[attrs.evolve(GATE, number=2)],
    withdrawn=[("ship", 1)],
    taken=[("mail", 1, 1)],
    refused=[("mail", 2, "no number")],
    lease_until=900,
)


@pytest.mark.parametrize(
    "stale", [Claim(RUN.run_id, 1, OTHER), Claim(RUN.run_id, 0, ME), Claim(RUN.run_id, 2, ME), Claim("none", 1, ME)]
)
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("status", [None, "parked", "succeeded"])
def test_a_fenced_batch_writes_nothing_at_all(
    journal: Journal, path: Path, run: Run, stale: Claim, count: int, status: Any
) -> None:
    journal.commit(Batch(MINE, opened=[GATE]))
    for payload in ("1", "2"):
        journal.send(RUN.run_id, "mail", payload, idem=None, now=1)
    before = contents(path)
    batch = attrs.evolve(EVERYTHING, claim=stale, entries=entries(count, run_id=stale.run_id), status=status)

    with pytest.raises(Fenced, match=rf"no longer driven by worker {stale.owner} \(fence {stale.fence}\): "):
        journal.commit(batch)

    assert contents(path) == before


def test_the_refusal_names_who_drives_the_run_now(journal: Journal, elsewhere: Journal, run: Run) -> None:
    claim(elsewhere, OTHER, seen=1)

    with pytest.raises(Fenced, match=r"worker worker-2 drives it now \(fence 2\)"):
        journal.commit(Batch(MINE, entries(1)))
    with pytest.raises(Fenced, match="worker worker-2 drives it now"):
        journal.renew(MINE, 900)


def test_a_lease_is_renewed(journal: Journal, run: Run) -> None:
    journal.renew(MINE, 900)

    assert journal.find(RUN.run_id) == attrs.evolve(run, lease_until=900)


@pytest.mark.parametrize(
    "batch",
    [
        Batch(MINE, entries(2), opened=[attrs.evolve(GATE, number=2)], consumed=[("ship", 1, 2)]),
        Batch(MINE, entries(1), status="parked", reason="{}", wake_at=5, opened=[MAIL]),
        Batch(MINE, status="ready", reason="{}"),
        Batch(MINE, entries(1), status="succeeded", outcome="{}", outcome_digest="d", finished_at=7),
        Batch(MINE, withdrawn=[("ship", 1)], refused=[("mail", 1, "no")], lease_until=900),
        Batch(MINE, lease_until=900),
    ],
    ids=["entries", "park", "give up", "end", "no entries", "lease"],
)
class TestRepeats:
    @pytest.fixture(autouse=True)
    def given(self, journal: Journal, run: Run) -> None:
        journal.commit(Batch(MINE, opened=[GATE]))
        journal.send(RUN.run_id, "mail", "1", idem=None, now=1)

    def test_the_same_batch_twice_is_the_same_as_once(self, journal: Journal, path: Path, batch: Batch) -> None:
        assert journal.commit(batch)
        once = contents(path)

        assert journal.commit(batch)
        assert contents(path) == once

    @pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_INTERNAL])
    def test_a_commit_whose_answer_is_lost_is_found(
        self, journal: Journal, path: Path, batch: Batch, code: int
    ) -> None:
        before = contents(path)
        fails(journal, "COMMIT", code, done=True)

        assert journal.commit(batch)

        once = contents(path)
        assert once != before
        assert journal.commit(batch)
        assert contents(path) == once

    @pytest.mark.parametrize("at", ["BEGIN", "COMMIT"])
    def test_a_commit_that_was_not_made_is_said_to_be_none(
        self, journal: Journal, path: Path, batch: Batch, at: str
    ) -> None:
        before = contents(path)
        fails(journal, at, done=False)

        with pytest.raises(Unavailable, match="cannot be used: injected"):
            journal.commit(batch)

        assert contents(path) == before
        assert journal.commit(batch)
        assert contents(path) != before


@pytest.mark.parametrize("alone", [True, False])
def test_what_is_found_after_an_io_error_is_brought_to_the_disk(journal: Journal, path: Path, alone: bool) -> None:
    batch = Batch(MINE, entries(2))
    journal.start(RUN)
    fails(journal, "COMMIT", done=True)

    assert (journal.commit(batch) if alone else journal.commit_many([batch])) in (True, [True])

    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as without_the_log:
        assert without_the_log.execute("SELECT count(*) FROM journal").fetchone() == (2,)


def test_what_may_be_recorded_already_is_not_said_to_be_merely_busy(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that it was busy says it again: of a message without a key there would be two."""
    monkeypatch.setattr(database, "_BUSY", 1)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM meta").fetchall()  # keeps the log from being brought to the disk
        fails(journal, "COMMIT", done=True)

        with pytest.raises(
            Unavailable, match="injected; it may be recorded all the same: look before you say it again"
        ) as told:
            journal.send(RUN.run_id, "mail", "1", idem=None, now=3)

    assert not isinstance(told.value, Busy)
    assert len(journal.signals(RUN.run_id)) == 1


def test_an_end_that_was_recorded_counts_although_another_run_state_followed(
    journal: Journal, elsewhere: Journal, run: Run
) -> None:
    batch = Batch(MINE, entries(1), status="parked")
    journal.commit(batch)
    claim(elsewhere, OTHER, seen=1, last=1)
    elsewhere.commit(Batch(Claim(RUN.run_id, 2, OTHER), entries(1, after=batch.entries[-1])))

    assert journal.commit(batch)


def test_another_entry_under_the_same_number_is_never_overwritten(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, entries(2)))

    with pytest.raises(Corrupt, match="entry 2 of run release-7 is there already"):
        journal.commit(Batch(MINE, entries(2, payload='{"other":1}'), opened=[GATE]))

    assert journal.entries(RUN.run_id) == entries(2)
    assert journal.gates(RUN.run_id) == []


def test_another_workers_entry_under_the_same_number_means_fenced(
    journal: Journal, elsewhere: Journal, run: Run
) -> None:
    claim(elsewhere, OTHER, seen=1)
    elsewhere.commit(Batch(Claim(RUN.run_id, 2, OTHER), entries(1, payload='{"other":1}')))

    with pytest.raises(Fenced, match="worker worker-2 drives it now"):
        journal.commit(Batch(MINE, entries(1)))


def test_a_lost_answer_to_a_claim_a_start_or_a_message_is_found(journal: Journal) -> None:
    fails(journal, "COMMIT", done=True)
    assert journal.start(RUN) == RUN
    fails(journal, "COMMIT", done=True)
    assert claim(journal, OTHER, seen=1) == Claim(RUN.run_id, 2, OTHER)
    fails(journal, "COMMIT", done=True)
    assert journal.send(RUN.run_id, "mail", "1", idem=None, now=3).number == 1
    journal.commit(Batch(Claim(RUN.run_id, 2, OTHER), opened=[GATE]))
    fails(journal, "COMMIT", done=True)
    assert answered(journal).answer == "true"
    fails(journal, "COMMIT", done=True)
    assert journal.ask_cancel(RUN.run_id, "enough", 4).cancel == "enough"

    assert len(journal.signals(RUN.run_id)) == 1


def test_a_lost_answer_never_gives_two_drives_of_one_worker_the_same_claim(journal: Journal, run: Run) -> None:
    first = claim(journal, OTHER, seen=1)
    fails(journal, "COMMIT", done=True)

    with pytest.raises(Unavailable):
        claim(journal, OTHER, seen=1)

    assert first is not None


def test_a_message_that_was_not_sent_is_not_taken_for_an_equal_one(journal: Journal) -> None:
    journal.send(RUN.run_id, "mail", "1", idem=None, now=3)
    fails(journal, "COMMIT", done=False)

    with pytest.raises(Unavailable):
        journal.send(RUN.run_id, "mail", "1", idem=None, now=3)

    assert len(journal.signals(RUN.run_id)) == 1


# -- parking ---------------------------------------------------------------------------------------------------------

PARK = Batch(MINE, status="parked", reason='{"waits":[]}', wake_at=50, gates=(("ship", 1),), awaits=("mail",))


def test_a_run_that_waits_parks(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, opened=[GATE, MAIL]))

    assert journal.commit(attrs.evolve(PARK, entries=entries(1)))

    parked = journal.find(RUN.run_id)
    assert parked is not None
    assert (parked.status, parked.owner, parked.lease_until, parked.wake_at) == ("parked", None, None, 50)


def test_an_answer_that_is_there_first_keeps_the_run_from_parking(
    journal: Journal, elsewhere: Journal, run: Run
) -> None:
    journal.commit(Batch(MINE, opened=[GATE]))
    answered(elsewhere)
    batch = attrs.evolve(PARK, entries=entries(1), lease_until=800)

    assert not journal.commit(batch)

    assert journal.find(RUN.run_id) == attrs.evolve(run, lease_until=800)
    assert journal.entries(RUN.run_id) == batch.entries
    assert not journal.commit(batch)


def test_an_answer_after_parking_makes_the_run_ready(journal: Journal, elsewhere: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, opened=[GATE]))
    assert journal.commit(PARK)

    answered(elsewhere)

    ready = journal.find(RUN.run_id)
    assert ready is not None
    assert ready.status == "ready"


def test_an_answer_that_this_very_batch_consumes_keeps_nothing_from_parking(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, opened=[GATE]))
    answered(journal)
    journal.send(RUN.run_id, "mail", "1", idem=None, now=1)
    journal.send(RUN.run_id, "mail", "2", idem=None, now=1)

    batch = attrs.evolve(
        PARK, entries=entries(2), consumed=[("ship", 1, 1)], taken=[("mail", 1, 2)], refused=[("mail", 2, "no number")]
    )

    assert journal.commit(batch)
    assert journal.outside(RUN.run_id, ("mail", "news")).gates == []
    assert journal.outside(RUN.run_id, ("mail", "news")).signals == []
    assert [(row.consumed, row.refused) for row in journal.signals(RUN.run_id)] == [(2, None), (None, "no number")]


def test_only_a_signal_that_is_waited_for_keeps_the_run_from_parking(journal: Journal, run: Run) -> None:
    journal.send(RUN.run_id, "mail", "1", idem=None, now=1)

    assert not journal.commit(PARK)
    assert journal.commit(attrs.evolve(PARK, awaits=("news",)))


def test_a_wish_to_cancel_keeps_the_run_from_parking_until_it_is_heeded(journal: Journal, run: Run) -> None:
    journal.ask_cancel(RUN.run_id, "enough", 5)

    assert not journal.commit(PARK)
    assert journal.commit(attrs.evolve(PARK, heeded=True))


# -- answers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def gate(journal: Journal, run: Run) -> Gate:
    journal.commit(Batch(MINE, opened=[attrs.evolve(GATE, expires_at=20), MAIL]))
    return GATE


def test_an_answer_decides_the_gate(journal: Journal, gate: Gate) -> None:
    decided = answered(journal, note="fine", idem="k")

    assert decided in journal.gates(RUN.run_id)
    assert decided == attrs.evolve(
        attrs.evolve(gate, expires_at=20),
        status="decided", answer="true", answer_digest=codec.digest("true"), by="ada", note="fine", via="cli",
        idem="k", decided_at=10,
    )  # fmt: skip
    assert journal.outside(RUN.run_id, ("mail", "news")).gates == [decided]
    assert [gate.path for gate in journal.open_gates(RUN.run_id)] == ["mail"]


def test_the_same_answer_again_is_the_first_one(journal: Journal, gate: Gate) -> None:
    first = answered(journal)

    assert answered(journal, by="bob", now=15) == first
    assert answered(journal, now=99) == first  # late, but it was in time


def test_another_answer_names_who_was_first(journal: Journal, gate: Gate) -> None:
    answered(journal)

    with pytest.raises(Conflict, match=r"decided already, by ada at 1970-01-01 00:00:00Z: true"):
        answered(journal, "false", by="bob")


def test_an_answer_to_what_was_not_shown_is_refused(journal: Journal, gate: Gate) -> None:
    with pytest.raises(Conflict, match="asks something else"):
        answered(journal, subject="another")
    assert journal.outside(RUN.run_id, ("mail", "news")).gates == []


def test_an_answer_after_the_time_is_refused(journal: Journal, gate: Gate) -> None:
    with pytest.raises(Conflict, match="has expired"):
        answered(journal, now=20)
    assert journal.expire(MINE, "ship", 1)
    assert journal.expire(MINE, "ship", 1)
    with pytest.raises(Conflict, match="has expired"):
        answered(journal, now=15)


def test_time_does_not_close_a_decided_gate(journal: Journal, gate: Gate) -> None:
    answered(journal)

    assert not journal.expire(MINE, "ship", 1)
    assert not journal.expire(MINE, "nowhere", 1)


def test_what_is_not_asked_cannot_be_answered(journal: Journal, gate: Gate) -> None:
    given: dict[str, Any] = {"subject": "subject", "answer": "1", "by": None, "note": None, "via": None, "idem": None}
    with pytest.raises(NotFound, match="no gate 'nowhere'"):
        journal.answer(RUN.run_id, "nowhere", 1, **given, now=1)
    with pytest.raises(Unusable, match="waits for signal 'mail'"):
        journal.answer(RUN.run_id, "mail", 1, **given, now=1)
    journal.commit(Batch(MINE, withdrawn=[("ship", 1)]))
    with pytest.raises(Conflict, match="was withdrawn"):
        answered(journal)


def test_an_unconsumed_answer_can_be_withdrawn_and_a_consumed_one_cannot(journal: Journal, gate: Gate) -> None:
    answered(journal)
    journal.commit(Batch(MINE, opened=[attrs.evolve(GATE, path="second")]))
    journal.answer(
        RUN.run_id, "second", 1, subject="subject", answer="1", by=None, note=None, via=None, idem=None, now=1
    )
    journal.commit(Batch(MINE, entries(1), consumed=[("second", 1, 1)]))

    journal.commit(Batch(MINE, withdrawn=[("ship", 1), ("second", 1)]))

    assert {gate.path: gate.status for gate in journal.gates(RUN.run_id)} == {
        "ship": "withdrawn", "second": "decided", "mail": "open"
    }  # fmt: skip


def test_an_ended_run_takes_nothing_from_outside(journal: Journal, gate: Gate) -> None:
    journal.commit(Batch(MINE, status="failed", outcome="{}", outcome_digest="d", finished_at=7))

    with pytest.raises(Conflict, match="has ended already: failed at 1970"):
        answered(journal)
    with pytest.raises(Conflict, match="has ended already: failed"):
        journal.send(RUN.run_id, "mail", "1", idem=None, now=8)
    with pytest.raises(Conflict, match="has ended already: failed"):
        journal.ask_cancel(RUN.run_id, "enough", 8)


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Call all at the same moment, each in its thread: what they return or raise."""
    barrier, ends = threading.Barrier(len(calls)), list[object](calls)

    def end(number: int, call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            ends[number] = call()
        except DurableError as error:
            ends[number] = error

    threads = [threading.Thread(target=end, args=(number, call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


@pytest.mark.parametrize("through", ["one journal", "two journals"])
def test_of_answers_at_once_exactly_one_counts(journal: Journal, elsewhere: Journal, gate: Gate, through: str) -> None:
    second = journal if through == "one journal" else elsewhere

    ends = at_once(
        *(functools.partial(answered, journal, f'"a{n}"', by=f"a{n}") for n in range(3)),
        *(functools.partial(answered, second, f'"b{n}"', by=f"b{n}") for n in range(3)),
    )

    (winner,) = (end for end in ends if isinstance(end, Gate))
    losers = [end for end in ends if isinstance(end, Conflict)]
    assert len(losers) == 5
    assert all(f"by {winner.by} at" in str(loser) for loser in losers)
    assert winner in journal.gates(RUN.run_id)


def test_a_park_and_an_answer_at_once_never_leave_a_run_asleep_with_an_answer(
    journal: Journal, elsewhere: Journal, run: Run
) -> None:
    for number in range(20):
        claim(journal, ME, seen=number + 1)
        mine, path = Claim(RUN.run_id, number + 2, ME), f"ship#{number}"
        journal.commit(Batch(mine, opened=[attrs.evolve(GATE, path=path)], withdrawn=[(f"ship#{number - 1}", 1)]))

        at_once(
            functools.partial(journal.commit, Batch(mine, status="parked", gates=((path, 1),))),
            lambda path=path: elsewhere.answer(
                RUN.run_id, path, 1, subject="subject", answer="1", by=None, note=None, via=None, idem=None, now=1
            ),
        )

        now = journal.find(RUN.run_id)
        assert now is not None
        assert now.status in ("running", "ready")


# -- messages and cancelling -----------------------------------------------------------------------------------------


def test_messages_queue_by_name_and_may_come_before_the_run(journal: Journal) -> None:
    sent = [journal.send(RUN.run_id, name, payload, idem=None, now=9 - int(payload))
            for name, payload in [("mail", "1"), ("news", "2"), ("mail", "3")]]  # fmt: skip

    journal.start(RUN)

    assert [(row.name, row.number) for row in sent] == [("mail", 1), ("news", 1), ("mail", 2)]
    assert journal.outside(RUN.run_id, ("mail", "news")).signals == [sent[0], sent[2], sent[1]]


def test_a_message_sent_again_under_its_key_is_there_once(journal: Journal, run: Run) -> None:
    first = journal.send(RUN.run_id, "mail", "1", idem="k", now=1)
    assert journal.send(RUN.run_id, "mail", "1", idem="k", now=2) == first
    with pytest.raises(Conflict, match="another payload"):
        journal.send(RUN.run_id, "mail", "2", idem="k", now=3)
    assert journal.signals(RUN.run_id) == [first]

    journal.commit(Batch(MINE, status="succeeded", outcome="{}", outcome_digest="d", finished_at=7))

    assert journal.send(RUN.run_id, "mail", "1", idem="k", now=9) == first


def test_messages_at_once_are_all_there_in_one_order(journal: Journal, elsewhere: Journal) -> None:
    ends = at_once(
        *(
            functools.partial(where.send, RUN.run_id, "mail", f'"{n}"', idem=None, now=n)
            for n in range(4)
            for where in (journal, elsewhere)
        )
    )

    assert sorted(end.number for end in ends if isinstance(end, SignalRow)) == list(range(1, 9))


def test_a_message_wakes_a_run_that_waits_for_it_and_no_other(journal: Journal, run: Run) -> None:
    journal.commit(attrs.evolve(PARK, opened=[MAIL]))

    journal.send(RUN.run_id, "news", "1", idem=None, now=1)
    asleep = journal.find(RUN.run_id)
    journal.send(RUN.run_id, "mail", "1", idem=None, now=1)
    awake = journal.find(RUN.run_id)

    assert asleep is not None
    assert awake is not None
    assert (asleep.status, awake.status) == ("parked", "ready")


def test_the_first_wish_to_cancel_counts_and_wakes_a_parked_run(journal: Journal, run: Run) -> None:
    journal.commit(PARK)

    first = journal.ask_cancel(RUN.run_id, "enough", 5)
    second = journal.ask_cancel(RUN.run_id, "more than enough", 6)

    assert (first.status, first.cancel) == ("ready", "enough")
    assert second == first
    assert journal.outside(RUN.run_id, ("mail", "news")).cancel == "enough"


def test_a_cancelled_run_may_be_cancelled_again_and_no_run_may_not(journal: Journal, run: Run) -> None:
    journal.commit(Batch(MINE, status="cancelled", outcome="{}", outcome_digest="d", finished_at=7))

    assert journal.ask_cancel(RUN.run_id, "enough", 8).status == "cancelled"
    with pytest.raises(NotFound, match="no run 'another'"):
        journal.ask_cancel("another", "enough", 8)


# -- several at once -------------------------------------------------------------------------------------------------


def many(journal: Journal, count: int) -> list[Batch]:
    """As many runs, and a batch for each."""
    names = [f"run-{number}" for number in range(count)]
    for name in names:
        journal.start(attrs.evolve(RUN, run_id=name))
    return [Batch(Claim(name, 1, ME), entries(2, run_id=name)) for name in names]


def test_a_fenced_batch_leaves_the_others_of_its_group_alone(journal: Journal, path: Path) -> None:
    batches = many(journal, 4)
    gate = attrs.evolve(GATE, run_id="run-1")
    batches[1] = attrs.evolve(batches[1], claim=Claim("run-1", 1, OTHER), opened=[gate])
    batches[3] = attrs.evolve(batches[3], status="parked")

    ends = journal.commit_many(batches)

    assert [end if isinstance(end, bool) else type(end) for end in ends] == [True, Fenced, True, True]
    assert [len(journal.entries(f"run-{number}")) for number in range(4)] == [2, 0, 2, 2]
    assert contents(path)["gates"] == []


def test_a_batch_that_cannot_be_written_leaves_the_others_of_its_group_alone(journal: Journal) -> None:
    batches = many(journal, 3)
    journal.commit(Batch(batches[1].claim, entries(2, run_id="run-1", payload='{"other":1}')))
    batches.append(Batch(batches[2].claim, lease_until=2**70))  # no database holds this

    ends = journal.commit_many(batches)

    assert [end if isinstance(end, bool) else type(end) for end in ends] == [True, Corrupt, True, Unusable]


@pytest.mark.parametrize("done", [True, False])
def test_a_group_whose_commit_fails_is_committed_one_by_one(journal: Journal, path: Path, done: bool) -> None:
    batches = many(journal, 3)
    fails(journal, "COMMIT", done=done)

    assert journal.commit_many(batches) == [True, True, True]

    assert len(contents(path)["journal"]) == 6


def test_a_batch_may_be_in_a_group_twice(journal: Journal, path: Path) -> None:
    batches = many(journal, 2)

    assert journal.commit_many([*batches, batches[0]]) == [True, True, True]

    assert len(contents(path)["journal"]) == 4


def test_a_busy_group_is_busy_as_a_whole(journal: Journal) -> None:
    batches = many(journal, 2)
    fails(journal, "BEGIN", sqlite3.SQLITE_BUSY, done=False)

    ends = journal.commit_many(batches)

    assert [isinstance(end, Unavailable) and "locked by another process" in str(end) for end in ends] == [True, True]


@pytest.fixture(params=["full", "fast"])
def store(path: Path, request: pytest.FixtureRequest) -> Iterator[SqliteStore]:
    durability: Durability = request.param
    with contextlib.closing(SqliteStore(Journal(open_database(path, durability=durability)))) as store:
        yield store


def test_the_store_is_what_the_drive_asks_for(store: SqliteStore) -> None:
    port: Store = store

    async def use() -> None:
        assert await port.start(RUN) == RUN
        claimed = await port.claim(RUN.run_id, OTHER, seen=1, lease=100, last=0, lease_until=5, epoch="boot")
        assert claimed == Claim(RUN.run_id, 2, OTHER)
        assert await port.commit(Batch(claimed, entries(2), opened=[GATE, MAIL]))
        await port.renew(claimed, 6)
        await store.answer(
            RUN.run_id, "ship", 1, subject="subject", answer="1", by=None, note=None, via=None, idem=None, now=1
        )
        await store.send(RUN.run_id, "mail", "1", idem=None, now=1)
        await store.ask_cancel(RUN.run_id, "enough", 1)
        outside = await port.outside(RUN.run_id, ("mail",))
        assert (len(outside.gates), len(outside.signals), outside.cancel) == (1, 1, "enough")
        assert not await port.expire(claimed, "ship", 1)
        assert len(await port.entries(RUN.run_id)) == 2
        assert len(await port.gates(RUN.run_id)) == 2
        assert len(await port.database_id()) == 32
        found = await port.find(RUN.run_id)
        assert found is not None
        assert found.lease_until == 6

    asyncio.run(use())


def test_drives_that_commit_at_once_share_commits_and_each_gets_its_own_end(store: SqliteStore) -> None:
    batches = many(store.journal, 20)
    batches[7] = attrs.evolve(batches[7], claim=Claim("run-7", 1, OTHER))
    commits: list[str] = []
    store.journal.database.writer.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)

    async def drive(batch: Batch, together: asyncio.Barrier) -> object:
        with store.driving():
            await together.wait()
            try:
                return await store.commit(batch), len(store.journal.entries(batch.claim.run_id))
            except Fenced:
                return "fenced"

    async def drives() -> list[object]:
        together = asyncio.Barrier(len(batches))
        return await asyncio.gather(*(drive(batch, together) for batch in batches))

    ends = asyncio.run(drives())

    assert ends == [(True, 2)] * 7 + ["fenced"] + [(True, 2)] * 12
    assert 1 <= len(commits) < 20


def test_a_drive_alone_commits_in_its_own_thread(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (batch,) = many(store.journal, 1)
    threads = list[threading.Thread]()
    commit = store.journal.commit
    monkeypatch.setattr(
        store.journal, "commit", lambda batch: (threads.append(threading.current_thread()), commit(batch))[1]
    )

    async def drive() -> bool:
        with store.driving():
            return await store.commit(batch)

    assert asyncio.run(drive())
    assert threads == [threading.current_thread()]


def test_a_commit_whose_caller_was_cancelled_disturbs_nobody(store: SqliteStore) -> None:
    batches = many(store.journal, 3)

    async def drives() -> object:
        with store.driving(), store.driving():
            tasks = [asyncio.ensure_future(store.commit(batch)) for batch in batches]
            await asyncio.sleep(0)
            tasks[0].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = asyncio.run(drives())  # type: ignore[misc]

    assert isinstance(first, asyncio.CancelledError) or first is True
    assert others == [True, True]


# -- what the world does ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drives", [1, 2])
def test_a_commit_that_meets_a_lock_is_tried_again_until_it_is_gone(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch, drives: int
) -> None:
    (batch,) = many(store.journal, 1)
    store.journal.database.writer.execute("PRAGMA busy_timeout=0")
    tries = 0
    commit = store.journal.commit

    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as another:
        another.execute("BEGIN IMMEDIATE")

        def on_third(batch: Batch) -> bool:
            nonlocal tries
            tries += 1
            if tries == 3:
                another.execute("COMMIT")
            return commit(batch)

        monkeypatch.setattr(store.journal, "commit", on_third)

        async def drive() -> bool:
            with contextlib.ExitStack() as stack:
                for _ in range(drives):
                    stack.enter_context(store.driving())
                return await store.commit(batch)

        assert asyncio.run(drive())

    assert tries == 3
    assert len(store.journal.entries("run-0")) == 2


def test_a_lock_that_stays_is_told_in_the_end(store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (batch,) = many(store.journal, 1)
    store.journal.database.writer.execute("PRAGMA busy_timeout=0")
    monkeypatch.setattr(sqlite, "PATIENCE", 0.0)

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"perdure\.db is locked by another process") as told:
            asyncio.run(store.commit(batch))

    assert type(told.value) is Unavailable
    assert store.journal.entries("run-0") == []
    assert asyncio.run(store.commit(batch))


def test_a_full_disk_is_told_and_the_same_batch_fits_once_there_is_room(journal: Journal, run: Run) -> None:
    (pages,) = journal.database.writer.execute("PRAGMA page_count").fetchone()
    journal.database.writer.execute(f"PRAGMA max_page_count={pages}")
    batch = Batch(MINE, entries(3, payload=json.dumps("x" * 20_000)), opened=[GATE])

    with pytest.raises(DiskFull, match=r"perdure\.db \(\d+ bytes free in .*Make room"):
        journal.commit(batch)

    assert journal.entries(RUN.run_id) == []
    journal.database.writer.execute("PRAGMA max_page_count=100000")
    assert journal.commit(batch)
    assert journal.entries(RUN.run_id) == batch.entries


def test_a_damaged_page_is_corrupt_and_not_missing(path: Path) -> None:
    with contextlib.closing(Journal(open_database(path))) as journal:
        journal.start(RUN)
        journal.commit(Batch(MINE, entries(50, payload=json.dumps("x" * 1000))))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))

    with contextlib.closing(Journal(open_database(path))) as journal:
        assert journal.integrity() != []
        with pytest.raises(Corrupt, match=r"perdure\.db is damaged"):
            journal.entries(RUN.run_id)


def test_what_others_write_is_noticed_and_what_this_worker_writes_is_not(
    journal: Journal, elsewhere: Journal, run: Run
) -> None:
    store = SqliteStore(journal)
    journal.commit(Batch(MINE, opened=[GATE]))
    noticed = [store.changed(), store.changed()]
    journal.commit(Batch(MINE, entries(1)))
    noticed.append(store.changed())
    elsewhere.send(RUN.run_id, "mail", "1", idem=None, now=1)
    noticed += [store.changed(), store.changed()]
    answered(journal)  # an outsider in the same process
    noticed += [store.changed(), store.changed()]

    assert noticed == [True, False, False, True, False, True, False]


def test_each_drive_notices_for_itself(journal: Journal, elsewhere: Journal, run: Run) -> None:
    store = SqliteStore(journal)

    async def drive(both: asyncio.Barrier) -> list[bool]:
        with store.driving():
            noticed = [store.changed(), store.changed()]
            if await both.wait() == 0:
                elsewhere.send(RUN.run_id, "mail", "1", idem=None, now=1)
            await both.wait()
            return [*noticed, store.changed(), store.changed()]

    async def drives() -> list[list[bool]]:
        both = asyncio.Barrier(2)
        return await asyncio.gather(drive(both), drive(both))

    assert asyncio.run(drives()) == [[True, False, True, False]] * 2


def test_to_look_for_changes_never_waits_for_a_writer(journal: Journal, run: Run) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def write() -> object:
        inside.set()
        go_on.wait()
        return journal.commit(Batch(MINE, entries(1)))

    before, ends = journal.seen(), list[object]()
    writer = threading.Thread(target=lambda: ends.extend(journal.together([write])))
    writer.start()
    inside.wait()
    meanwhile, found = journal.seen(), journal.find(RUN.run_id)
    go_on.set()
    writer.join()

    assert ends == [True]
    assert found == run
    assert before == meanwhile == journal.seen()


# -- questions -------------------------------------------------------------------------------------------------------


def test_a_long_journal_is_read_by_one_select(journal: Journal, run: Run) -> None:
    written = entries(2_000)
    journal.commit(Batch(MINE, written))
    statements = list[str]()
    journal.database.reader.set_trace_callback(statements.append)

    assert journal.entries(RUN.run_id) == written

    assert len(statements) == 1
    assert journal.entries_after(RUN.run_id, 1_998) == written[-2:]


def test_runs_are_listed_newest_first(journal: Journal) -> None:
    assert journal.last() is None
    for number, status in enumerate(["ready", "parked", "running", "ready"]):
        journal.start(attrs.evolve(RUN, run_id=f"run-{number}", created_at=number, status=status))

    def listed(**which: Any) -> list[str]:
        return [run.run_id for run in journal.runs(**which)]

    assert listed() == ["run-3", "run-2", "run-1", "run-0"]
    assert listed(limit=2) == ["run-3", "run-2"]
    assert listed(statuses=["ready", "parked"]) == ["run-3", "run-1", "run-0"]
    assert listed(statuses=[]) == []
    assert listed(since=2) == ["run-3", "run-2"]
    assert journal.last() == "run-3"


def test_a_beginning_matches_ids_and_a_whole_id_only_itself(journal: Journal) -> None:
    for run_id in ("run", "run-1", "run-10", "Run-2", "other", "run_1"):
        journal.start(attrs.evolve(RUN, run_id=run_id))

    assert journal.match("run-") == ["run-1", "run-10"]
    assert journal.match("run-1") == ["run-1"]
    assert journal.match("ru") == ["run", "run-1", "run-10", "run_1"]
    assert journal.match("%") == []
    assert journal.match("run__") == []
    assert journal.match("", limit=2) == ["Run-2", "other"]


def test_text_that_no_database_holds_is_refused_and_never_found(journal: Journal, run: Run) -> None:
    with pytest.raises(Unusable, match="cannot be stored"):
        journal.ask_cancel(RUN.run_id, "\udcff", 1)

    assert journal.match("\udcff") == []
    assert journal.find(RUN.run_id) == run


def test_sizes_are_told(journal: Journal, run: Run) -> None:
    sizes = journal.sizes()

    assert sizes.file > 0
    assert sizes.log > 0
    assert 0 <= sizes.free < sizes.file


# -- what not even a defect of ours may do ---------------------------------------------------------------------------

WHERE = f"WHERE run_id = '{RUN.run_id}'"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (f"UPDATE journal SET payload = '[]' {WHERE}", "never changes"),
        (f"UPDATE journal SET seq = 9 {WHERE}", "never changes"),
        (f"DELETE FROM journal {WHERE}", "is kept"),
        (f"UPDATE runs SET fence = 0 {WHERE}", "never decreases"),
        (f"UPDATE runs SET target = 'm:other' {WHERE}", "never changes"),
        (f"UPDATE runs SET input = '[]' {WHERE}", "never changes"),
        (f"UPDATE runs SET created_at = 2 {WHERE}", "never changes"),
        (f"UPDATE runs SET run_id = 'other' {WHERE}", "never changes"),
        (f"UPDATE gates SET answer = 'false' {WHERE}", "never changes"),
        (f"UPDATE gates SET \"by\" = 'bob' {WHERE}", "never changes"),
        (f"UPDATE gates SET status = 'open' {WHERE}", "never changes"),
        (f"UPDATE runs SET status = 'lost' {WHERE}", "runs_status"),
        (f"UPDATE gates SET status = 'lost' {WHERE}", "gates_status|never changes"),
        ("INSERT INTO gates SELECT 'x', path, number, name, 'lost', prompt, show, schema, subject, 1, 'open', 0, '', '', '', '', '', '', 0, 0 FROM gates", "gates_kind"),  # noqa: E501
        ("INSERT INTO journal SELECT 'x', seq, 'lost', path, attempt, fence, at, shape, input, payload, digest, previous FROM journal", "journal_kind"),  # noqa: E501
        (f"INSERT INTO journal SELECT * FROM journal {WHERE}", "UNIQUE"),
        (f"UPDATE runs SET fence = 'x' {WHERE}", "cannot store TEXT"),
    ],
)  # fmt: skip
def test_the_database_itself_refuses(journal: Journal, run: Run, path: Path, statement: str, reason: str) -> None:
    journal.commit(Batch(MINE, entries(1), opened=[GATE]))
    answered(journal)
    before = contents(path)

    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw,
        pytest.raises(sqlite3.IntegrityError, match=reason),
    ):
        raw.execute(statement)

    assert contents(path) == before


@pytest.mark.parametrize("change", ["status = 'ready'", "outcome = '[]'", "finished_at = 8", "outcome_digest = NULL"])
def test_how_a_run_ended_is_kept(journal: Journal, run: Run, path: Path, change: str) -> None:
    journal.commit(Batch(MINE, status="succeeded", outcome="{}", outcome_digest="d", finished_at=7))

    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw,
        pytest.raises(sqlite3.IntegrityError, match="ended never changes"),
    ):
        raw.execute(f"UPDATE runs SET {change} {WHERE}")


def test_the_journal_of_an_ended_run_and_of_none_may_be_deleted(journal: Journal, run: Run, path: Path) -> None:
    journal.commit(Batch(MINE, entries(2), status="succeeded", outcome="{}", outcome_digest="d", finished_at=7))

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(f"DELETE FROM journal {WHERE} AND seq = 2")
        raw.execute(f"DELETE FROM runs {WHERE}")
        raw.execute(f"DELETE FROM journal {WHERE}")

    assert journal.entries(RUN.run_id) == []


@pytest.mark.parametrize("kind", Kind.__args__)  # type: ignore[attr-defined]
def test_every_kind_of_entry_fits(journal: Journal, run: Run, kind: Kind) -> None:
    entry = chained(genesis(RUN.run_id), 1, kind, "step", 1, 1, 1, "", "", "")

    assert journal.commit(Batch(MINE, [entry]))
    assert journal.entries(RUN.run_id) == [entry]


def test_waiting_runs_are_found_by_their_indexes(journal: Journal) -> None:
    def plan(where: str) -> str:
        return str(journal.database.reader.execute(f"EXPLAIN QUERY PLAN SELECT * FROM runs WHERE {where}").fetchall())

    assert "runs_due" in plan("status = 'parked' AND wake_at IS NOT NULL AND wake_at <= 5")
    assert "runs_ready" in plan("status = 'ready' ORDER BY created_at")
    assert "runs_lease" in plan("status = 'running' AND lease_until < 5")
    assert "runs_key" in plan("key = 'k'")
