"""`export` writes a run into a file, and `replay` holds runs and files against today's code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import Terminal

from perdure.testing import replay_all


@pytest.fixture
def exported(terminal: Terminal) -> Terminal:
    """A finished run and one that waits, both in files too."""
    assert terminal.alone("run", "flows.py:gated", "-a", "name=bees", "--id", "waits").code == 3
    assert terminal.alone("run", "flows.py:hello", "-a", "name=bees", "--id", "done").code == 0
    for run_id in ("waits", "done"):
        assert terminal.here("export", run_id, "-o", f"{run_id}.jsonl").code == 0
    return terminal


def edited(terminal: Terminal, old: str, new: str) -> None:
    flows = terminal.folder / "flows.py"
    assert old in flows.read_text()
    flows.write_text(flows.read_text().replace(old, new))


def test_export_writes_a_file_for_its_owner_and_says_how_it_is_replayed(exported: Terminal) -> None:
    said = exported.here("export", "done", "-o", "again.jsonl")

    assert said.out.splitlines() == ["done: 2 entries in again.jsonl", "next: perdure replay again.jsonl"]
    assert (exported.folder / "again.jsonl").stat().st_mode & 0o777 == 0o600
    assert exported.here("export", "done", "-o", "again.jsonl", "--json").document["entries"] == 2
    assert not list(exported.folder.glob(".*.new"))


def test_export_without_a_file_writes_the_same_to_stdout_and_nothing_else(exported: Terminal) -> None:
    said = exported.here("export", "done")

    assert said.out == (exported.folder / "done.jsonl").read_text()
    assert exported.here("export", "done", "--json").code == 2


def test_a_file_names_no_folder_of_the_machine_where_the_workflow_is_below(exported: Terminal) -> None:
    text = (exported.folder / "done.jsonl").read_text()

    assert str(exported.folder) not in text
    header = json.loads(text.splitlines()[0])["history"]
    assert (header["target"], header["folder"]) == ("flows.py:hello", ".")


def test_a_file_that_cannot_be_written_is_told(exported: Terminal) -> None:
    said = exported.here("export", "done", "-o", "no/such/folder/done.jsonl")

    assert said.code == 7
    assert "no/such/folder/done.jsonl cannot be written: No such file or directory" in said.err


def test_runs_and_files_that_replay_end_with_0(exported: Terminal) -> None:
    said = exported.alone("replay", "waits", "done.jsonl", "waits.jsonl")

    assert said.code == 0
    assert said.out.splitlines() == [
        "  waits  replays",
        "  done.jsonl  replays",
        "  waits.jsonl  replays",
        "3 of 3 histories replayed",
        "next: perdure ps",
    ]


def test_files_need_no_database(exported: Terminal) -> None:
    exported.database.unlink()

    assert exported.alone("replay", "done.jsonl", "waits.jsonl").code == 0
    assert not exported.database.exists()


def test_another_end_ends_with_1_and_shows_both(exported: Terminal) -> None:
    edited(exported, "    return (yield from greet(name))", "    return (yield from greet(name)) + '!'")

    said = exported.alone("replay", "done.jsonl", "waits")

    assert said.code == 1
    assert said.out.splitlines() == [
        "  done.jsonl  ends otherwise",
        '    recorded  {"ok":"hello bees"}',
        '    code now  {"ok":"hello bees!"}',
        "  waits  replays",
        "1 of 2 histories replayed",
        "next: perdure ps",
    ]


def test_a_renamed_step_is_told_with_the_command_that_replays(exported: Terminal) -> None:
    edited(exported, "greet(", "welcome(")

    said = exported.alone("replay", "done.jsonl", "waits")

    assert said.code == 1
    assert "    perdure replay done.jsonl --rename greet=welcome\n" in said.out
    assert "    perdure resume waits --rename greet=welcome\n" in said.out
    assert exported.alone("replay", "done.jsonl", "waits", "--rename", "greet=welcome").code == 0


def test_a_workflow_that_moved_is_found_by_target(exported: Terminal) -> None:
    (exported.folder / "flows.py").rename(exported.folder / "moved.py")

    lost, found = (
        exported.alone("replay", "done.jsonl"),
        exported.alone("replay", "done.jsonl", "--target", "moved.py:hello"),
    )

    assert (lost.code, found.code) == (1, 0)
    assert "--target file.py:workflow" in lost.out


def test_a_damaged_file_ends_with_6_and_no_history_with_2(exported: Terminal) -> None:
    file = exported.folder / "done.jsonl"
    file.write_text(file.read_text().replace("hello bees", "hello bugs"))

    damaged, none = exported.here("replay", "done.jsonl"), exported.here("replay", "flows.py")

    assert (damaged.code, none.code, exported.here("replay", "no.jsonl").code) == (6, 2, 2)
    assert "done.jsonl was changed after it was written" in damaged.err
    assert "flows.py is no history of a run" in none.err


def test_the_document_says_what_was_found_in_each(exported: Terminal) -> None:
    edited(exported, "    return (yield from greet(name))", "    yield from greet(name)\n    return 'other'")

    document = exported.alone("replay", "done.jsonl", "waits", "--json").document

    assert document["replays"] is False
    assert [(each["source"], each["verdict"]) for each in document["histories"]] == [
        ("done.jsonl", "ends-otherwise"),
        ("waits", "replays"),
    ]
    assert document["histories"][0]["found_end"] == '{"ok":"other"}'


def test_nothing_is_executed_and_the_database_stays_as_it_is(exported: Terminal) -> None:
    before = exported.database.read_bytes()
    edited(exported, 'print("a step may print")', 'raise SystemExit("it was executed")')

    assert exported.alone("replay", "done", "waits", "done.jsonl").code == 0
    assert exported.database.read_bytes() == before


# -- in users' tests -------------------------------------------------------------------------------------------------


def test_replay_all_answers_how_many_there_were(exported: Terminal) -> None:
    assert replay_all("*.jsonl") == 2
    assert replay_all(exported.folder / "**" / "*.jsonl") == 2


def test_replay_all_has_one_paragraph_for_each_that_does_not_replay(exported: Terminal) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        Path(name).write_text((exported.folder / "done.jsonl").read_text())
    Path("b.jsonl").write_text(Path("b.jsonl").read_text().replace("bees", "wasps"))
    (exported.folder / "other.py").write_text(
        (exported.folder / "flows.py").read_text().replace("greet(name))", "greet(name)) + '!'").replace("greet", "hi")
    )

    with pytest.raises(AssertionError) as failed:
        replay_all("[ab].jsonl", target="other.py:hello")

    first, one, two = str(failed.value).split("\n\n")
    assert first == "2 of 2 histories do not replay"
    assert one == "a.jsonl (run done): needs --rename greet=hi\n  perdure replay a.jsonl --rename greet=hi"
    assert two.startswith("b.jsonl: b.jsonl was changed after it was written")

    with pytest.raises(AssertionError, match=r"a.jsonl .run done.: ends otherwise\n  recorded "):
        replay_all("a.jsonl", target="other.py:hello", rename={"greet": "hi"})


def test_replay_all_of_nothing_is_an_error(exported: Terminal) -> None:
    with pytest.raises(FileNotFoundError, match=r"no history is called nothing/.*: make one with `perdure export RUN"):
        replay_all("nothing/*.jsonl")
