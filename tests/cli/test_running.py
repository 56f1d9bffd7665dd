"""`run`, `resume` and `cancel` end with the code of how the run stands; stdout holds the result and nothing else."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from terminal import Terminal


def test_a_run_that_succeeds_prints_its_value_and_nothing_else(terminal: Terminal) -> None:
    said = terminal.here("run", "flows.py:hello", "-i", '"bees"', "--id", "r1")

    assert (said.code, said.out) == (0, '"hello bees"\n')
    assert "started    hello/greet" in said.err
    assert "a step may print" in said.err
    assert said.err.splitlines()[-2].startswith("r1 succeeded in ")
    assert said.err.endswith("next: perdure show r1\n")


def test_a_process_prints_its_value_and_nothing_else_either(terminal: Terminal) -> None:
    said = terminal.alone("run", "flows.py:hello", "-i", '"bees"')

    assert (said.code, said.out) == (0, '"hello bees"\n')
    assert "a step may print" in said.err
    assert "\x1b" not in said.err


def test_quiet_says_nothing_on_the_way(terminal: Terminal) -> None:
    said = terminal.here("-q", "run", "flows.py:total", "-a", "items=[1,2]")

    assert (said.code, said.out) == (0, "6\n")
    assert said.err == "" or said.err == "a step may print\n"


@pytest.mark.parametrize(
    ("target", "says"),
    [("flows.py:broken", "r1 failed in "), ("flows.py:buggy", "r1 blocked: "), ("flows.py:asks", "")],
)
def test_quiet_says_all_the_same_that_a_run_failed_or_cannot_go_on(target: str, says: str, terminal: Terminal) -> None:
    arguments = ["-i", '"x"'] if target == "flows.py:broken" else []

    said = terminal.here("run", target, *arguments, "--id", "r1", "-q")

    told = said.err.removeprefix("a step may print\n")
    assert said.out == ""
    assert told.startswith(says)
    assert told.count("\n") == (2 if says else 0)


@pytest.mark.parametrize(
    ("target", "arguments", "code", "state"),
    [
        ("flows.py:hello", ["-a", "name=bees"], 0, "succeeded"),
        ("flows.py:broken", ["-i", '"\\u001b]0;no"'], 1, "failed"),
        ("flows.py:buggy", [], 1, "blocked"),
        ("flows.py:gated", ["-a", "name=bees"], 3, "waiting-approval"),
        ("flows.py:asks", [], 3, "waiting-approval"),
        ("flows.py:paid", [], 3, "waiting-signal"),
        ("flows.py:later", [], 3, "waiting-timer"),
        ("flows.py:retries", [], 3, "retrying"),
    ],
)
def test_a_run_ends_with_the_code_of_its_state(
    target: str, arguments: list[str], code: int, state: str, terminal: Terminal
) -> None:
    said = terminal.here("run", target, *arguments, "--id", "r1", "--json")
    again = terminal.here("resume", "r1", "--json")
    shown = terminal.here("show", "r1", "--json")

    assert (said.code, said.document["state"]) == (code, state)
    assert (again.code, again.document["state"]) == (code, state)
    assert shown.document["state"] == state
    assert (shown.document["error"] is not None) == (state == "failed")


def test_a_module_is_a_target_too(terminal: Terminal) -> None:
    package = terminal.folder / "bees_of_mine"
    package.mkdir()
    (package / "__init__.py").touch()
    (terminal.folder / "flows.py").rename(package / "flows.py")

    assert terminal.alone("run", "bees_of_mine.flows:hello", "-a", "name=bees").out == '"hello bees"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["flows.py"], "names no workflow"),
        (["none.py:hello"], "there is no file"),
        (["flows.py:greet"], "is not a @workflow; there are: .*hello"),
        (["no_such_module:hello"], "cannot import"),
        (["flows.py:hello", "-i", "5"], r"hello\(name: str\): \$\.name: expected str"),
        (["flows.py:hello"], "missing name"),
        (["flows.py:hello", "-i", '"x"', "--id", "no spaces"], "cannot be the id of a run"),
        (["flows.py:hello", "-i", '"x"', "--lease", "1"], "too short"),
        (["flows.py:hello", "-i", "@nothing.json"], "No such file"),
    ],
)
def test_what_cannot_be_started_ends_with_2_and_records_nothing(
    arguments: list[str], said: str, terminal: Terminal
) -> None:
    done = terminal.here("run", *arguments)

    assert (done.code, done.out) == (2, "")
    assert terminal.here("ps", "--json").document["runs"] == []
    assert re.search(said, done.err), done.err


def test_the_same_start_attaches_and_another_is_a_conflict(terminal: Terminal) -> None:
    first = terminal.here("run", "flows.py:hello", "-a", "name=bees", "--key", "k", "--json").document
    again = terminal.here("run", "flows.py:hello", "-i", '"bees"', "--key", "k", "--json").document
    other = terminal.here("run", "flows.py:hello", "-i", '"wasps"', "--key", "k", "--json")
    by_id = terminal.here("run", "flows.py:gated", "-i", '"bees"', "--id", first["run_id"])

    assert again == first
    assert (other.code, other.document["error"]) == (9, "conflict")
    assert by_id.code == 9
    assert len(terminal.here("ps", "--json").document["runs"]) == 1


def test_a_resumed_run_skips_what_is_done(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    terminal.here("approve", "r1")

    said = terminal.here("resume", "r1")

    assert (said.code, said.out) == (0, '"hello bees"\n')
    assert "skipped    gated/greet" in said.err
    assert "started    gated/greet" not in said.err


def test_resuming_what_has_ended_tells_its_end_without_its_code(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")
    terminal.here("run", "flows.py:broken", "-a", "text=no", "--id", "r2")
    (terminal.folder / "flows.py").unlink()

    assert terminal.here("resume", "r1").out == '"hello bees"\n'
    assert terminal.here("resume", "r2").code == 1


def test_another_code_is_refused_and_a_rename_mends_it(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    renamed = (terminal.folder / "flows.py").read_text().replace("greet", "welcome")
    (terminal.folder / "renamed.py").write_text(renamed)

    refused = terminal.here("resume", "r1", "--target", "renamed.py:gated", "--json")
    mended = terminal.here("resume", "r1", "--target", "renamed.py:gated", "--rename", "greet=welcome", "--json")

    assert (refused.code, refused.document["error"]) == (5, "drifted")
    assert "--rename greet=welcome" in refused.document["message"]
    assert refused.document["next"] == [
        "perdure resume r1 --target renamed.py:gated --rename greet=welcome",
        "perdure why r1",
    ]
    assert (mended.code, mended.document["state"]) == (3, "waiting-approval")


def test_only_names_under_which_the_run_goes_on_are_offered_as_the_next_command(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    flows = (terminal.folder / "flows.py").read_text()
    (terminal.folder / "two.py").write_text(flows.replace("greet", "welcome").replace('"go"', '"ready"'))
    (terminal.folder / "more.py").write_text(
        flows.replace("    text = yield from greet(name)\n", "    text = yield from count([1], 1)\n")
    )

    two = terminal.here("resume", "r1", "--target", "two.py:gated", "--rename", "greet=welcome")
    more = terminal.here("resume", "r1", "--target", "more.py:gated")

    assert (two.code, more.code) == (5, 5)
    assert "next: perdure resume r1 --target two.py:gated --rename greet=welcome --rename go=ready\n" in two.err
    assert "next: perdure why r1\n" in more.err


def test_a_changed_input_keeps_reruns_or_refuses(terminal: Terminal) -> None:
    flows = (terminal.folder / "flows.py").read_text()
    (terminal.folder / "edited.py").write_text(flows.replace("greet(name)", "greet(name + '!')"))
    for run_id in ("r1", "r2"):
        terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", run_id)

    def resumed(run_id: str, on_change: str) -> int:
        return terminal.here("resume", run_id, "--target", "edited.py:gated", "--on-change", on_change).code

    assert [resumed("r1", "refuse"), resumed("r1", "keep"), resumed("r2", "rerun")] == [5, 3, 3]
    kept, rerun = (terminal.here("show", run_id, "gated/greet", "--json").document for run_id in ("r1", "r2"))
    assert (kept["output"], kept["input_changed"], kept["attempts"]) == ("hello bees", True, 1)
    assert (rerun["output"], rerun["input_changed"], rerun["attempts"]) == ("hello bees!", False, 2)


def test_a_workflow_that_is_gone_is_a_missing_record(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    (terminal.folder / "flows.py").unlink()

    assert terminal.alone("resume", "r1").code == 6


def test_a_record_that_was_changed_is_corrupt(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    tamper(terminal.database, "UPDATE journal SET payload = '{\"ok\":\"hello wasps\"}' WHERE kind = 'end'")

    resumed, shown, why = (terminal.here(verb, "r1", "--json") for verb in ("resume", "show", "why"))

    assert (resumed.code, resumed.document["error"]) == (6, "corrupt")
    assert (shown.code, shown.document["state"]) == (6, "blocked")
    assert shown.document["why"].startswith("corrupt: ")
    assert (why.code, why.document["unblock"]) == (6, "perdure doctor r1")
    assert terminal.here("show", "r1", "greet").code == 6
    assert terminal.here("logs", "r1").code == 6
    assert terminal.here("doctor", "r1").code == 6


def test_a_record_that_is_no_json_any_more_is_corrupt(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    tamper(terminal.database, "UPDATE journal SET payload = 'bees' WHERE kind = 'begin'")

    assert [terminal.here(verb, "r1").code for verb in ("resume", "show", "why", "logs")] == [6, 6, 6, 6]


def test_an_outcome_that_was_changed_is_corrupt(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")
    tamper(terminal.database, 'UPDATE runs SET outcome = \'{"ok":"hello wasps"}\'')

    assert (terminal.here("resume", "r1").code, terminal.here("show", "r1").code) == (6, 6)


def tamper(database: Path, statement: str) -> None:
    """Change rows that our triggers protect."""
    raw = sqlite3.connect(database)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(statement)
    raw.commit()
    raw.close()


@pytest.mark.parametrize("verb", ["ps", "show", "resume", "run", "doctor"])
def test_a_database_of_a_later_release_is_refused_unchanged(verb: str, terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")
    raw = sqlite3.connect(terminal.database)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    before = terminal.database.read_bytes()

    given = {"ps": (), "run": ("flows.py:hello", "-a", "name=bees")}.get(verb, ("r1",))
    said = terminal.here(verb, *given, "--json")

    assert (said.code, said.document["error"]) == (7, "unavailable")
    assert terminal.database.read_bytes() == before


def test_no_database_is_made_where_a_run_is_asked_for(terminal: Terminal) -> None:
    for verb in ("resume", "cancel", "show", "why", "logs", "approve", "deny"):
        said = terminal.here(verb, "r1")
        assert (said.code, said.out) == (2, ""), verb
    assert not terminal.database.parent.exists()


def test_the_database_is_named_by_flag_or_environment_and_goes_into_the_next_command(terminal: Terminal) -> None:
    flagged = terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1", "--db", "a b.db", "--json")
    before = terminal.here("--db", "sqlite:///a b.db", "ps", "--json")
    environment = terminal.here("ps", "--json", PERDURE_DB="a b.db")

    assert flagged.document["next"] == ["perdure --db 'a b.db' approve r1 go"]
    assert [run["run_id"] for run in before.document["runs"]] == ["r1"]
    assert environment.document["next"] == ["perdure approve r1 go"]


# -- cancel ----------------------------------------------------------------------------------------------------------


def test_cancelling_a_run_that_waits_takes_back_what_was_done(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:undoable", "--id", "r1")

    said = terminal.here("cancel", "r1", "--reason", "enough", "--json")
    steps = {step["name"]: step["state"] for step in terminal.here("show", "r1", "--json").document["steps"]}

    assert (said.code, said.document["state"], said.document["why"]) == (0, "cancelled", "enough")
    assert steps["undo"] == "done"
    assert steps["sure"] == "open"
    assert terminal.here("cancel", "r1").code == 0
    assert terminal.here("resume", "r1").code == 10


def test_a_run_that_has_ended_cannot_be_cancelled(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")

    assert terminal.here("cancel", "r1").code == 9


def test_whoever_resumes_heeds_a_wish_to_cancel(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")

    asked = terminal.here("cancel", "r1", "--no-wait", "--json")

    assert (asked.code, asked.document["state"]) == (0, "stale")
    assert json.loads(terminal.here("resume", "r1", "--json").out)["state"] == "cancelled"
