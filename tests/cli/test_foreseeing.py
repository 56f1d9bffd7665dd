"""`check --runs` says what a deployment would do to the runs in flight, and changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from terminal import Terminal, ended, until

from perdure.cli.foreseeing import Foreseen, told
from perdure.interpreters.durable.verdicts import GoesOn


def edited(terminal: Terminal, old: str, new: str) -> None:
    flows = terminal.folder / "flows.py"
    assert old in flows.read_text()
    flows.write_text(flows.read_text().replace(old, new))


@pytest.fixture
def waiting(terminal: Terminal) -> Terminal:
    """Two runs that wait at a gate, of the same workflow."""
    for run_id in ("r1", "r2"):
        assert terminal.alone("run", "flows.py:gated", "-a", "name=bees", "--id", run_id).code == 3
    return terminal


def test_runs_that_go_on_are_told_and_end_with_0(waiting: Terminal) -> None:
    said = waiting.alone("check", "flows.py:gated", "--runs")

    assert said.code == 0
    assert said.out.splitlines() == [
        "0 findings; 0 of 0 policies held",
        "2 runs in flight: 2 go on",
        "  r1  goes on",
        "  r2  goes on",
        "next: perdure plan flows.py:gated",
    ]


def test_the_runs_of_a_database_that_is_named_are_judged_unasked(waiting: Terminal) -> None:
    said = waiting.alone("check", "flows.py:gated", "--db", ".perdure/perdure.db")

    assert said.code == 0
    assert said.out.splitlines()[1:] == [
        "2 runs in flight: 2 go on",
        "  r1  goes on",
        "  r2  goes on",
        "next: perdure --db .perdure/perdure.db plan flows.py:gated",
    ]


def test_a_changed_input_goes_on_and_is_told_with_the_step(waiting: Terminal) -> None:
    edited(waiting, "text = yield from greet(name)\n    match", "text = yield from greet(name + '!')\n    match")

    said = waiting.alone("check", "flows.py:gated", "--runs", "-a", "name=bees")

    assert said.code == 0
    assert "  r1  goes on with changed inputs: gated/greet\n" in said.out
    assert "else, for each run: perdure resume r1 --on-change rerun" in said.out


def test_a_rename_is_told_with_the_command_that_goes_on(waiting: Terminal) -> None:
    edited(waiting, "greet(", "welcome(")
    edited(waiting, 'approval("go"', 'approval("ready"')

    said = waiting.alone("check", "flows.py:gated", "--runs")

    assert said.code == 1
    assert "  r1  needs --rename greet=welcome --rename go=ready\n" in said.out
    command = said.out.splitlines()[-1].removeprefix("next: perdure ")
    assert command == "resume r1 --rename greet=welcome --rename go=ready"
    assert waiting.alone(*command.split()).code == 3
    assert waiting.alone("resume", "r2").code == 5


def test_a_step_before_what_is_recorded_cannot_go_on_and_the_ways_out_are_told(waiting: Terminal) -> None:
    edited(
        waiting, "    text = yield from greet(name)\n    match", "    yield from count([], 1)\n    text = ''\n    match"
    )

    said = waiting.alone("check", "flows.py:gated", "--runs")

    assert said.code == 1
    assert said.out.splitlines()[1:9] == [
        "2 runs in flight: 2 cannot",
        "  r1  cannot go on",
        "    position  1 of 1",
        "      recorded  step   gated/greet   done, attempt 1",
        "      code now  step -> int   gated/count",
        "    ways out:",
        "      put what is new behind what was recorded, and leave what was recorded in its order",
        "      keep the old workflow under its name until these runs have ended, and give the new one another name",
    ]
    assert said.out.endswith("next: perdure check flows.py:gated --runs\n")
    assert waiting.alone("resume", "r1").code == 5


def test_a_defect_that_a_resume_would_meet_is_told_with_what_mends_it(waiting: Terminal) -> None:
    edited(waiting, "    match (yield from approval", "    text.no_such_thing()\n    match (yield from approval")

    document = waiting.alone("check", "flows.py:gated", "--runs", "-a", "name=bees", "--json").document

    assert {(run["verdict"], run["kind"]) for run in document["runs"]} == {("cannot", "blocked")}
    assert "no_such_thing" in document["runs"][0]["why"]


def test_arguments_that_fit_no_more_are_told(waiting: Terminal) -> None:
    edited(waiting, "def gated(name: str)", "def gated(name: int)")

    (run, _) = waiting.alone("check", "flows.py:gated", "--runs", "--json").document["runs"]

    assert (run["verdict"], run["kind"]) == ("cannot", "corrupt")


def test_runs_of_another_target_and_finished_ones_are_not_concerned(waiting: Terminal) -> None:
    assert waiting.alone("run", "flows.py:hello", "-a", "name=bees", "--id", "done").code == 0

    assert waiting.alone("check", "flows.py:hello", "--runs", "--json").document["runs"] == []
    assert "0 runs in flight" in waiting.alone("check", "flows.py:hello", "--runs").out


def test_a_file_that_is_named_as_a_module_is_the_same_target(waiting: Terminal) -> None:
    document = waiting.alone("check", "flows:gated", "--runs", "--json").document

    assert [run["run_id"] for run in document["runs"]] == ["r1", "r2"]


def test_runs_are_tried_against_another_target_with_the_command_that_says_so(waiting: Terminal) -> None:
    text = (waiting.folder / "flows.py").read_text()
    (waiting.folder / "newer.py").write_text(text.replace("def gated", "def gate_kept"))

    said = waiting.alone("check", "newer.py:gate_kept", "--runs-of", "flows.py:gated")

    assert said.code == 1
    assert said.out.endswith("next: perdure resume r1 --target newer.py:gate_kept --rename gated=gate_kept\n")
    assert waiting.alone(*said.out.splitlines()[-1].removeprefix("next: perdure ").split()).code == 3


def test_an_answer_that_waits_is_taken_into_account(waiting: Terminal) -> None:
    waiting.alone("approve", "r1")
    edited(waiting, "        case Approved():\n            return text", "        case Approved():\n            1 / 0")

    document = waiting.alone("check", "flows.py:gated", "--runs", "-a", "name=bees", "--json").document

    assert [run["verdict"] for run in document["runs"]] == ["cannot", "goes-on"]
    assert waiting.alone("resume", "r1").code == 1


def test_without_a_database_there_are_no_runs_to_judge_and_none_is_made(terminal: Terminal) -> None:
    said = terminal.alone("check", "flows.py:gated", "--runs")

    assert said.code == 2
    assert "there is no database" in said.err
    assert not terminal.database.exists()


def test_a_blocked_run_is_told_to_go_on_once_its_workflow_is_mended(terminal: Terminal) -> None:
    assert terminal.alone("run", "flows.py:buggy", "--id", "r1").code == 1

    before = terminal.alone("check", "flows.py:buggy", "--runs", "--json").document["runs"]
    edited(terminal, '    raise ZeroDivisionError("a bug")', "    return 1")
    after = terminal.alone("check", "flows.py:buggy", "--runs", "--json").document["runs"]

    assert [(run["state"], run["verdict"]) for run in (*before, *after)] == [
        ("blocked", "cannot"),
        ("blocked", "goes-on"),
    ]
    assert terminal.alone("resume", "r1").code == 0


def test_a_run_that_is_being_driven_is_judged_too(terminal: Terminal) -> None:
    door = terminal.folder / "door"
    process = terminal.started("run", "flows.py:behind", "-a", f"door={door}", "--id", "r1")
    until(Path(f"{door}.knocks").exists)

    (run,) = terminal.alone("check", "flows.py:behind", "--runs", "--json").document["runs"]

    assert (run["state"], run["verdict"]) == ("running", "goes-on")
    door.touch()
    assert ended(process).code == 0


def test_of_many_runs_those_of_which_there_is_nothing_to_say_are_counted() -> None:
    fine = [Foreseen(f"r{n}", "paused", GoesOn(), ("perdure", "resume", f"r{n}")) for n in range(25)]
    other = Foreseen("other", "paused", GoesOn(changed=("flow/a",)), ("perdure", "resume", "other"))

    lines = told([*fine, other])

    assert lines[0] == "26 runs in flight: 26 go on"
    assert lines[1:21] == [f"  r{n}  goes on" for n in range(20)]
    assert lines[21:23] == ["  other  goes on with changed inputs: flow/a", "  … 5 more go on: --json has them all"]


def _kept(terminal: Terminal) -> dict[str, bytes]:
    """The database and what is written beside it; not the index of the log, which is shared memory of readers too."""
    return {
        f.name: f.read_bytes() for f in terminal.database.parent.glob("perdure.db*") if f.suffix in (".db", ".db-wal")
    }


def test_not_a_byte_of_the_database_changes(waiting: Terminal) -> None:
    before = _kept(waiting)

    assert waiting.alone("check", "flows.py:gated", "--runs").code == 0

    assert {name: content for name, content in _kept(waiting).items() if content} == before


def test_not_a_byte_changes_where_a_worker_died_and_its_last_commits_are_in_the_log(waiting: Terminal) -> None:
    died = f"""
import os
from pathlib import Path
from perdure.interpreters.durable.database import open_database

database = open_database(Path({str(waiting.database)!r}))
database.writer.execute("INSERT INTO meta VALUES ('left', 'behind')")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", died], check=True)
    before = _kept(waiting)
    assert before["perdure.db-wal"]

    assert waiting.alone("check", "flows.py:gated", "--runs").code == 0

    assert _kept(waiting) == before


def test_what_is_opened_to_be_read_refuses_to_write(waiting: Terminal) -> None:
    from perdure.interpreters.durable.database import open_database
    from perdure.interpreters.durable.errors import Unavailable

    database = open_database(Path(waiting.database), readonly=True)
    try:
        with pytest.raises(Unavailable, match="opened to be looked at"):
            database.writer
    finally:
        database.close()
