"""Several processes want one run at once: one gets it, the others are told so, and nothing is recorded twice."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import pytest
from processes import OUTPUT, ROOT, RUN, STEPS, Place, Process, until, violations, wrong_at

SEED = int(os.environ.get("PERDURE_SEED", "20260301"))
#: A workflow whose import waits for the test: by then the process is a worker, and has not looked at the run yet.
GATED = f"""
import fcntl
import os
import sys

sys.path.insert(0, {str(ROOT / "examples")!r})
from ship import ship

with open("arrived", "a") as arrived:
    arrived.write("x")
with open("gate") as gate:
    fcntl.flock(gate, fcntl.LOCK_SH)
"""


@contextlib.contextmanager
def closed_gate(place: Place) -> Iterator[None]:
    """Let every process that imports the gated workflow wait until this ends."""
    with (place.folder / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def arrive(place: Place, processes: list[Process]) -> None:
    """Wait until all of them are at the gate."""
    arrived = place.folder / "arrived"
    until(lambda: arrived.exists() and arrived.stat().st_size >= len(processes), f"{len(processes)} at the gate")


def release_at_the_database(place: Place, processes: Iterable[Process]) -> None:
    """Freeze each process where it waits to write, and let all go on at once."""
    coming, frozen = set(processes), set[Process]()

    def all_there() -> bool:
        for process in coming - frozen:
            if has_open(process, place.database):
                process.send(signal.SIGSTOP)
                frozen.add(process)
        return frozen == coming

    with contextlib.closing(sqlite3.connect(place.database, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        until(all_there, "all with the database open")
        raw.execute("ROLLBACK")
    for process in coming:
        process.send(signal.SIGCONT)


def has_open(process: Process, file: Path) -> bool:
    """Whether a process has a file open."""
    with contextlib.suppress(OSError):
        return any(os.path.realpath(each) == str(file) for each in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def begun(place: Place) -> Counter[str]:
    """How often each step was executed, by the ledger."""
    return Counter(line.path for line in place.lines() if line.event == "begin")


@pytest.fixture(scope="module")
def ready(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run that is approved, and that nobody drives."""
    place = Place(tmp_path_factory.mktemp("ready"))
    shutil.copyfile(made, place.database)
    return place.parked().approved()


@pytest.fixture(scope="module")
def waiting(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run that waits for its approval."""
    place = Place(tmp_path_factory.mktemp("waiting"))
    shutil.copyfile(made, place.database)
    return place.parked()


# -- who drives ------------------------------------------------------------------------------------------------------


def test_of_twenty_that_resume_one_run_at_the_same_moment_one_drives(ready: Place, tmp_path: Path) -> None:
    place = attrs.evolve(ready.copied(tmp_path / "here"), seconds=0.5)
    (place.folder / "gated.py").write_text(GATED)
    try:
        with closed_gate(place):
            workers = [place.resume("--target", "gated.py:ship") for _ in range(20)]
            arrive(place, workers)
        said = [worker.ended() for worker in workers]
        shown = place.show()
    finally:
        place.close()

    codes = Counter(each.code for each in said)
    assert set(codes) <= {0, 4}, said
    assert codes[0] >= 1
    assert all("is driven by worker" in each.document["message"] for each in said if each.code == 4)
    assert all(each.document["output"] == OUTPUT for each in said if each.code == 0)
    assert begun(place) == dict.fromkeys(STEPS, 1)
    assert {line.pid for line in place.lines()[4:]} == {place.lines()[-1].pid}
    assert violations(place, [], shown) == []
    # One claim, so one fence more than the run was left with.
    assert {entry.fence for entry in place.looked_at().journal} == {1, 2}


def test_a_run_that_ten_start_under_one_key_is_one_run(place: Place) -> None:
    place.database.unlink()  # to make the database is part of the race
    (place.folder / "gated.py").write_text(GATED)
    words = ("run", "gated.py:ship", "--key", "order-17", "--json")
    with closed_gate(place):
        workers = [place.start(*words, "-i", '"bees"') for _ in range(10)]
        arrive(place, workers)
    said = [worker.ended() for worker in workers]
    other = place.call("run", place.target, "--key", "order-17", "--json", "-i", '"wasps"')
    runs = place.call("ps", "--json").document["runs"]

    codes = Counter(each.code for each in said)
    assert set(codes) <= {3, 4}, said
    assert codes[3] >= 1
    assert len(runs) == 1
    assert {each.document["run_id"] for each in said if each.code == 3} == {runs[0]["run_id"]}
    assert begun(place) == {"ship/research": 1, "ship/plan": 1}
    assert other.code == 9
    assert other.document["error"] == "conflict"


def test_a_killed_workers_run_is_taken_over_at_once(place: Place) -> None:
    worker = place.run("--lease", "86400", SHIP_SECONDS="1")
    until(place.lines, "the first line of the ledger")
    assert worker.killed().code == -9
    moment = place.looked_at()

    said = place.resume("--lease", "86400").ended()  # whoever waited for the lease would be back tomorrow

    assert said.code == 3
    assert moment.status == "running"
    assert begun(place) == {"ship/research": 2, "ship/plan": 1}
    assert [line.attempt for line in place.lines() if line.path == "ship/research" and line.event == "begin"] == [1, 2]
    assert len({line.key for line in place.lines() if line.path == "ship/research"}) == 1


def test_a_frozen_worker_is_taken_over_after_its_lease_and_records_nothing_more(place: Place) -> None:
    frozen = place.run("--lease", "3", SHIP_SECONDS="1")
    until(place.lines, "the first line of the ledger")
    frozen.send(signal.SIGSTOP)
    before = place.looked_at()

    told = [place.resume().ended()]

    def taken_over() -> bool:
        told.append(place.resume().ended())
        return told[-1].code != 4

    until(taken_over, "the end of the lease")
    parked = place.looked_at()
    frozen.send(signal.SIGCONT)
    thawed = frozen.ended()
    after = place.looked_at()

    assert told[0].code == 4, "while the lease runs, a frozen worker is an owner"
    assert told[-1].code == 3
    assert thawed.code == 8, thawed
    assert after.journal == parked.journal
    assert {entry.fence for entry in after.journal[len(before.journal) :]} == {2}
    assert begun(place) == {"ship/research": 2, "ship/plan": 1}
    place.approved()
    assert place.resume().ended().document["output"] == OUTPUT
    assert violations(place, [before], place.show()) == []


def test_a_worker_told_to_stop_records_what_ends_and_starts_nothing_new(place: Place) -> None:
    worker = place.run(SHIP_SECONDS="1")
    until(place.lines, "the first line of the ledger")
    worker.send(signal.SIGTERM)

    said = worker.ended()
    stopped = place.looked_at()
    resumed = place.resume().ended()

    assert said.code == 143
    assert stopped.status == "ready"
    assert stopped.finished == {"ship/research"}
    assert [line.path for line in stopped.ledger] == ["ship/research", "ship/research"]
    assert resumed.code == 3
    assert begun(place) == {"ship/research": 1, "ship/plan": 1}


# -- who decides -----------------------------------------------------------------------------------------------------


def test_of_approvals_and_denials_at_the_same_moment_one_counts(waiting: Place, tmp_path: Path) -> None:
    place = waiting.copied(tmp_path / "here")
    try:
        people = {
            name: place.start(verb, RUN, "--by", name, "--json")
            for verb, name in [("approve", "ana"), ("deny", "ben"), ("approve", "cyd"), ("deny", "dan")]
        }
        release_at_the_database(place, people.values())
        said = {name: each.ended() for name, each in people.items()}
        resumed = place.resume().ended()
        with contextlib.closing(sqlite3.connect(place.database)) as raw:
            [(status, answer, by)] = raw.execute('SELECT status, answer, "by" FROM gates').fetchall()
    finally:
        place.close()

    yes = json.loads(answer)["_type"] == "Approved"
    agreeing = {"ana", "cyd"} if yes else {"ben", "dan"}
    assert (status, by in agreeing) == ("decided", True)
    assert {name for name, each in said.items() if each.code == 0} == agreeing
    assert {each.code for name, each in said.items() if name not in agreeing} == {9}
    # Who says the same as the winner is told of the winner.
    assert {said[name].document["by"] for name in agreeing} == {by}
    assert resumed.code == (0 if yes else 1)
    assert resumed.document["error"] is None if yes else resumed.document["error"]["value"]["by"] == by


@pytest.mark.parametrize("first", ["resume", "cancel"])
def test_a_cancel_that_races_the_end_is_in_time_or_too_late_and_never_both(
    ready: Place, tmp_path: Path, first: str
) -> None:
    dice = random.Random(f"{SEED} {first}")
    second = {"resume": "cancel", "cancel": "resume"}[first]
    for round in range(2):
        place = attrs.evolve(ready.copied(tmp_path / f"{round}"), seconds=dice.uniform(0, 0.6))
        before = len(place.lines())
        lines = before + (dice.randint(0, 4) if first == "resume" else 0)
        try:
            earlier = place.start(first, RUN, "--json")
            until(lambda: not earlier.running or len(place.lines()) >= lines, f"line {lines} of the ledger")  # noqa: B023
            earlier.ends_within(dice.uniform(0, 0.2))
            commands = {first: earlier, second: place.start(second, RUN, "--json")}
            worked, cancelled = commands["resume"].ended(), commands["cancel"].ended()
            shown, moment = place.show(), place.looked_at()
        finally:
            place.close()

        codes, executed = (worked.code, cancelled.code), [line.path for line in moment.ledger[before:]]
        print(f"seed {SEED}, {first} first, round {round}: {shown['state']}, exits {codes}, executed {executed}")
        assert wrong_at(moment) == []
        if shown["state"] == "succeeded":
            assert codes == (0, 9)
            assert moment.finished == set(STEPS)
        else:
            assert shown["state"] == "cancelled"
            # Whoever comes to drive a run that is being cancelled finds another one at it, or its end.
            assert codes in [(10, 0), (4, 0)]
            assert "ship/publish" not in moment.finished
