"""examples/drift_watch.py: held to what a person approved, told once of what is not so, and no process at daytime."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plans import without_agents
from returns.result import Failure, Success

import perdure
from perdure import Denied, Waiting, plan
from perdure.testing import assert_crash_safe, each, simulate

APPROVED = {"approve-baseline": "approve"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that somebody approves of."""
    watched = tmp_path / "conf"
    watched.mkdir()
    (watched / "sshd_config").write_text("Port 22\n")
    return watched


def told(sim: Any) -> list[tuple[str, str]]:
    return [(record.given["what"], record.given["meaning"]) for record in sim.asked("tell")]


def test_the_first_night_with_a_drift_is_told_and_ends_the_watch(example: Any) -> None:
    nights = each("aa  sshd_config", "aa  sshd_config", "aa  sshd_config", "aa  sshd_config\nbb  authorized_keys")
    sim = simulate(example.drift_watch("conf"), steps={"look": nights, "tell": "drift.md"}, answers=APPROVED)

    assert sim.value() == example.Drift(True, "- added: authorized_keys")
    assert told(sim) == [("- added: authorized_keys", "Somebody else may log in now.")]
    assert sim.elapsed == timedelta(days=2)


def test_a_folder_that_stays_as_it_was_is_looked_at_every_night_and_nobody_is_told(example: Any, folder: Path) -> None:
    sim = simulate(example.drift_watch(str(folder), nights=7), answers=APPROVED)

    assert sim.value() == example.Drift(False, "")
    assert (sim.count("look"), sim.count("explain"), told(sim)) == (1 + 7, 0, [])
    assert sim.elapsed == timedelta(days=6)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ("aa  a b\nbb  c\ncc  d", "- added: d"),
        ("bb  c", "- removed: a b"),
        ("aa  a b\nbx  c", "- changed: c"),
        ("bb  a b\ndd  d", "- added: d\n- removed: c\n- changed: a b"),
        ("", "- removed: a b\n- removed: c"),
    ],
)
def test_every_file_that_differs_is_told(example: Any, found: str, what: str) -> None:
    looks = each("aa  a b\nbb  c", found)
    sim = simulate(example.drift_watch("conf"), steps={"look": looks, "tell": "drift.md"}, answers=APPROVED)

    assert told(sim) == [(what, "No rule knows what this means.")]


def test_with_the_agent_down_people_are_told_all_the_same(example: Any) -> None:
    sim = simulate(
        example.drift_watch("conf"),
        steps={"look": each("aa  a", "bb  a"), "tell": "drift.md"},
        agents={"explain": OSError("overloaded")},
        answers=APPROVED,
    )

    assert told(sim) == [("- changed: a", "Nobody was there to say what it means.")]


def test_a_folder_that_nobody_approves_of_is_not_watched(example: Any, folder: Path) -> None:
    sim = simulate(example.drift_watch(str(folder)), answers={"approve-baseline": Denied(by="ann", note="who is bob?")})

    assert sim.outcome == Failure(example.NotApproved("ann", "who is bob?"))
    assert sim.count("look") == 1


def test_on_sqlite_what_is_changed_after_it_was_shown_for_approval_is_a_drift(
    example: Any, folder: Path, tmp_path: Path
) -> None:
    report = tmp_path / "drift.md"
    with perdure.open(tmp_path / "runs.db") as store:
        waiting = store.start(example.drift_watch(str(folder), str(report)), id="r1").result()
        store.approve("r1", by="ann")
    (folder / "sshd_config").write_text("Port 2222\n")
    with perdure.open(tmp_path / "runs.db") as store:
        outcome = store.resume("r1").result()

    assert isinstance(waiting, Waiting)
    assert outcome == Success(example.Drift(True, "- changed: sshd_config"))
    assert report.read_text() == "- changed: sshd_config\n\nNo rule knows what this means.\n"


def test_on_sqlite_there_is_no_process_between_two_nights_and_no_second_look(
    example: Any, folder: Path, tmp_path: Path
) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        store.start(example.drift_watch(str(folder)), id="r1").result()
        store.approve("r1", by="ann")
        resting = store.resume("r1").result()
    with perdure.open(tmp_path / "runs.db") as store:
        again = store.resume("r1").result()
        looks = [entry for entry in store.journal("r1") if entry.kind == "begin" and entry.path.endswith("look")]

    assert isinstance(resting, Waiting)
    assert isinstance(again, Waiting)
    assert resting.state == again.state == "waiting-timer"
    assert len(looks) == 2


def test_no_crash_changes_what_is_told(example: Any) -> None:
    nights = {
        "drift_watch/look": "aa  a",
        "drift_watch/drift_detector/look": "aa  a",
        "drift_watch/drift_detector/look#2": "bb  a",
        "tell": "drift.md",
    }
    proved = assert_crash_safe(example.drift_watch("conf"), steps=nights, answers=APPROVED)

    (single,) = proved.tried
    assert single.runs == single.of >= 15


def test_live_another_is_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = plan(example.drift_watch("conf")), plan(example.drift_watch("conf", live=True))

    assert offline.complete
    assert live.complete
    assert without_agents(live) == without_agents(offline)
    assert {leaf.agents for leaf in live.leaves.values() if leaf.role == "ask"} == {("anthropic/claude-sonnet-4-5",)}
