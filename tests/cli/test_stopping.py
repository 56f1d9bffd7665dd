"""Real processes that are stopped, killed, frozen or in one another's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from terminal import Terminal, ended, until


def knocking(terminal: Terminal, *more: str) -> tuple[subprocess.Popen[str], str]:
    """A run in the middle of a step that ends once its door exists."""
    door = str(terminal.folder / "door")
    process = terminal.started("run", "flows.py:behind", "-a", f"door={door}", "--id", "r1", *more)
    until(lambda: os.path.exists(f"{door}.knocks") or process.poll() is not None)
    assert process.poll() is None, ended(process)
    return process, door


@pytest.mark.parametrize(("number", "code", "state"), [(signal.SIGTERM, 143, "stale"), (signal.SIGINT, 130, "paused")])
def test_a_stopped_run_is_saved_and_names_the_command_that_goes_on(
    number: signal.Signals, code: int, state: str, terminal: Terminal
) -> None:
    process, door = knocking(terminal, "--json")
    process.send_signal(number)

    said = ended(process)

    assert (said.code, said.document["state"], said.document["next"]) == (code, state, ["perdure resume r1"])
    assert terminal.here("why", "r1", "--json").document["state"] == state
    open(door, "w").close()
    again = terminal.here("resume", "r1", "--json")
    shown = terminal.here("show", "r1", "--json").document
    assert (again.code, again.document["output"]) == (0, "open")
    assert [step["attempts"] for step in shown["steps"]] == [2]


def test_the_second_ctrl_c_leaves_at_once(terminal: Terminal) -> None:
    process, _ = knocking(terminal)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "Ctrl-C again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)

    assert ended(process).code == 130
    assert terminal.here("why", "r1", "--json").document["state"] == "stale"


def test_a_run_that_somebody_drives_is_left_alone(terminal: Terminal) -> None:
    process, door = knocking(terminal)

    resumed = terminal.here("resume", "r1", "--json")
    attached = terminal.here("run", "flows.py:behind", "-a", f"door={door}", "--id", "r1")
    listed = terminal.here("ps", "--json").document["runs"]

    assert (resumed.code, resumed.document["error"], attached.code) == (4, "owned", 4)
    assert [run["state"] for run in listed] == ["running"]
    open(door, "w").close()
    assert ended(process).out == '"open"\n'


def test_logs_follow_a_run_until_it_ends(terminal: Terminal) -> None:
    process, door = knocking(terminal)
    follower = terminal.started("logs", "r1", "-f")
    assert follower.stdout is not None
    first = follower.stdout.readline()
    open(door, "w").close()

    assert "started" in first
    assert (ended(process).code, follower.wait()) == (0, 0)
    rest = follower.stdout.read().splitlines()
    assert [line.split()[1] for line in rest[:1]] == ["done"]
    assert rest[-1] == "next: perdure show r1"


def test_a_killed_run_is_stale_and_what_was_cut_is_made_again(terminal: Terminal) -> None:
    process, door = knocking(terminal)
    process.kill()
    process.wait()

    (run,) = terminal.here("ps", "--json").document["runs"]
    (cut,) = terminal.here("show", "r1", "--json").document["steps"]
    doctor = terminal.here("doctor", "--json").document
    open(door, "w").close()
    resumed = terminal.here("resume", "r1")
    (made,) = terminal.here("show", "r1", "--json").document["steps"]

    assert (run["state"], run["unblock"], cut["state"]) == ("stale", "perdure resume r1", "interrupted")
    assert any("1 locks of dead ones" in finding["detail"] for finding in doctor["findings"])
    assert resumed.code == 0
    assert (made["attempts"], made["idempotency_key"]) == (2, cut["idempotency_key"])


def test_whoever_was_frozen_and_taken_over_is_fenced_out(terminal: Terminal) -> None:
    process, door = knocking(terminal, "--lease", "3")
    process.send_signal(signal.SIGSTOP)
    open(door, "w").close()
    until(lambda: terminal.here("resume", "r1").code != 4)
    process.send_signal(signal.SIGCONT)

    said = ended(process)

    assert (said.code, said.out) == (8, "")
    assert terminal.here("show", "r1", "--json").document["state"] == "succeeded"


def test_cancelling_a_driven_run_waits_until_its_worker_has_taken_it_back(terminal: Terminal) -> None:
    process, _ = knocking(terminal)

    cancelled = terminal.here("cancel", "r1", "--reason", "enough", "--json")

    assert (cancelled.code, cancelled.document["state"]) == (0, "cancelled")
    said = ended(process)
    assert said.code == 10
    assert "enough" in said.err


def test_a_reader_that_has_seen_enough_is_no_error_to_tell(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")
    process = terminal.started("show", "r1", "--json")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None

    assert "Traceback" not in ended(process).err


def test_every_event_is_a_line_on_stderr(terminal: Terminal) -> None:
    said = terminal.alone("run", "flows.py:gated", "-a", "name=bees", "--id", "r1", "--json")

    assert json.loads(said.out)["state"] == "waiting-approval"
    assert [line.split()[1] for line in said.err.splitlines() if line.lstrip().startswith("+")] == [
        *("started", "done", "waits"),
    ]
