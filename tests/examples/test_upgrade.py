"""examples/upgrade.py: one server first, then the others, each after an hour; and all is as it was if one is unwell."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plans import without_agents
from returns.result import Failure

import perdure
from perdure import Denied, Waiting, plan
from perdure.testing import assert_crash_safe, simulate

PLACES = ("lock", "canary", "eu", "us")


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Servers that have the old version."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "notes.txt").write_text("Faster.\n")
    for name in PLACES:
        (folder / f"{name}.txt").write_text("lib==1.0\n")
    return folder


def versions(fleet: Path) -> dict[str, str]:
    return {name: (fleet / f"{name}.txt").read_text().strip() for name in PLACES}


def puts(sim: Any) -> list[tuple[str, str]]:
    return [(record.given["name"].removesuffix(".txt"), record.given["version"]) for record in sim.asked("put")]


def test_servers_are_upgraded_one_after_the_other_and_each_has_an_hour(example: Any, fleet: Path) -> None:
    sim = simulate(example.upgrade(str(fleet), "lib==2.0"))

    assert sim.value() == ["canary", "eu", "us"]
    assert puts(sim) == [(name, "lib==2.0") for name in PLACES]
    assert sim.elapsed == timedelta(hours=3)


@pytest.mark.parametrize("unwell", ["canary", "eu", "us"])
def test_if_a_server_is_unwell_no_further_one_is_touched_and_all_is_taken_back_in_reverse(
    example: Any, fleet: Path, unwell: str
) -> None:
    (fleet / f"{unwell}.errors").write_text("12")
    sim = simulate(example.upgrade(str(fleet), "lib==2.0"))

    touched = PLACES[: PLACES.index(unwell) + 1]
    assert sim.outcome == Failure(example.Unwell(unwell, 12))
    assert puts(sim) == [(n, "lib==2.0") for n in touched] + [(n, "lib==1.0") for n in reversed(touched)]
    assert versions(fleet) == dict.fromkeys(PLACES, "lib==1.0")


def test_an_upgrade_that_is_cancelled_in_its_middle_is_taken_back(example: Any, fleet: Path) -> None:
    simulate(example.upgrade(str(fleet), "lib==2.0"), cancel_after=timedelta(minutes=90))

    assert versions(fleet) == dict.fromkeys(PLACES, "lib==1.0")


def test_as_a_part_of_a_run_that_goes_on_a_failed_upgrade_is_taken_back_all_the_same(example: Any, fleet: Path) -> None:
    (fleet / "eu.errors").write_text("12")
    sim = simulate(example.upgrade(str(fleet), "lib==2.0").attempt())

    assert sim.value() == Failure(example.Unwell("eu", 12))
    assert versions(fleet) == dict.fromkeys(PLACES, "lib==1.0")


def test_notes_that_break_something_are_shown_to_a_person_before_anything_is_touched(example: Any, fleet: Path) -> None:
    (fleet / "notes.txt").write_text("Removed: old().\n")
    sim = simulate(example.upgrade(str(fleet), "lib==2.0"), answers={"approve-risk": Denied(by="ann", note="not now")})

    assert sim.outcome == Failure(example.Refused("ann", "not now"))
    assert puts(sim) == []


def test_on_sqlite_there_is_no_process_while_the_canary_is_watched(example: Any, fleet: Path, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        resting = store.start(example.upgrade(str(fleet), "lib==2.0"), id="r1").result()
    watched = versions(fleet)
    with perdure.open(tmp_path / "runs.db") as store:
        store.cancel("r1").result()

    assert isinstance(resting, Waiting)
    assert resting.state == "waiting-timer"
    assert watched == {"lock": "lib==2.0", "canary": "lib==2.0", "eu": "lib==1.0", "us": "lib==1.0"}
    assert versions(fleet) == dict.fromkeys(PLACES, "lib==1.0")


@pytest.mark.parametrize("failed", [0, 12])
def test_no_crash_changes_what_is_deployed_or_taken_back(example: Any, failed: int) -> None:
    script = {"read": "lib==1.0", "put": None, "errors": failed}
    proved = assert_crash_safe(example.upgrade("fleet", "lib==2.0"), steps=script)

    (single,) = proved.tried
    assert single.runs == single.of >= 15


def test_live_another_is_asked_and_all_else_is_the_same(example: Any) -> None:
    offline, live = (plan(example.upgrade("fleet", "lib==2.0", live=live)) for live in (False, True))

    assert offline.complete
    assert live.complete
    assert without_agents(live) == without_agents(offline)
    assert {leaf.agents for leaf in live.leaves.values() if leaf.role == "ask"} == {("anthropic/claude-sonnet-4-5",)}
