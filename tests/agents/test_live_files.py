"""What agents say and do can be read from another process: bounded, private, in order, and decisive of nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from perdure.agents.live import Live, Tail
from perdure.agents.places import events_of
from perdure.agents.reply import Began, Event, Text, ToolEnded, ToolStarted
from perdure.core.asked import Attempt

ATTEMPT = Attempt("r1", "flow/work", 2, "0123456789abcdef0123456789abcdef")


def place(folder: Path) -> Path:
    return events_of({"XDG_STATE_HOME": str(folder)}, ATTEMPT)


def told(folder: Path, *events: Event, most: int = 1_000_000) -> Path:
    live = Live({"XDG_STATE_HOME": str(folder)}, lambda: 7, most)
    for event in events:
        live(ATTEMPT, event)
    return place(folder)


def test_each_event_is_a_line_with_its_time_its_name_and_its_fields(tmp_path: Path) -> None:
    path = told(tmp_path, Began("coder"), Text("hi\n"), ToolStarted("1", "Bash", {"command": "ls"}))

    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"at": 7, "event": "Began", "agent": "coder"},
        {"at": 7, "event": "Text", "delta": "hi\n"},
        {"at": 7, "event": "ToolStarted", "id": "1", "name": "Bash", "input": {"command": "ls"}},
    ]
    assert path.name == "attempt-2.events.jsonl"


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = told(tmp_path, Began("coder"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_there_is_begun_anew_and_a_link_is_not_followed(tmp_path: Path) -> None:
    told(tmp_path, Began("before"), Text("old"))
    other = tmp_path / "other"
    other.write_text("mine")
    place(tmp_path).unlink()
    place(tmp_path).symlink_to(other)

    told(tmp_path, Began("coder"))

    assert other.read_text() == "mine"
    assert [line["agent"] for line in Tail(place(tmp_path)).more()] == ["coder"]


def test_a_reader_gets_each_line_once_and_no_half_of_one(tmp_path: Path) -> None:
    tail = Tail(place(tmp_path))
    assert tail.more() == []

    path = told(tmp_path, Began("coder"))
    with path.open("a") as file:
        file.write('{"at": 8, "event": "Te')
    assert [line["event"] for line in tail.more()] == ["Began"]

    with path.open("a") as file:
        file.write('xt", "delta": "x"}\nno JSON\n[]\n')
    assert [line["event"] for line in tail.more()] == ["Text"]
    assert tail.more() == []


def test_a_long_story_begins_anew_and_its_reader_misses_nothing(tmp_path: Path) -> None:
    live, tail, read = Live({"XDG_STATE_HOME": str(tmp_path)}, lambda: 7, 1000), Tail(place(tmp_path)), list[str]()

    live(ATTEMPT, Began("coder"))
    for number in range(100):
        live(ATTEMPT, Text(f"{number:03}"))
        read += [line["delta"] for line in tail.more() if line["event"] == "Text"]

    assert read == [f"{number:03}" for number in range(100)]
    assert place(tmp_path).stat().st_size <= 1000
    assert json.loads(place(tmp_path).read_text().splitlines()[0])["agent"] == "coder"


def test_what_a_tool_gave_is_cut(tmp_path: Path) -> None:
    path = told(tmp_path, Began("coder"), ToolEnded("1", True, "x" * 50_000), ToolStarted("1", "Write", ["y" * 50_000]))

    assert path.stat().st_size < 50_000


def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    live = Live({"XDG_STATE_HOME": str(tmp_path)})
    live(ATTEMPT, Began("coder"))
    place(tmp_path).unlink()

    live(ATTEMPT, Text("still here"))

    assert [line["event"] for line in Tail(place(tmp_path)).more()] == ["Text"]


def test_where_nothing_can_be_written_that_is_said_once_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "perdure").write_text("no folder")

    told(tmp_path, Began("coder"), Text("a"), Text("b"))

    assert caplog.text.count("cannot be followed from elsewhere") == 1
