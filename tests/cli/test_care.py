"""`doctor` finds what is wrong and says so by its code; `db` tells where the database is and how it stands."""

from __future__ import annotations

import sqlite3
import sys

import pytest
from terminal import Terminal

from perdure.interpreters.durable.database import SCHEMA


def found(terminal: Terminal, *arguments: str) -> dict[str, tuple[str, str]]:
    """What the doctor says, by what it looked at."""
    findings = terminal.here("doctor", *arguments, "--json").document["findings"]
    return {each["what"]: (each["verdict"], each["detail"]) for each in findings}


def test_a_sound_database_and_run_are_healthy(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")

    said = terminal.here("doctor", "r1", "--json")

    assert (said.code, said.document["healthy"]) == (0, True)
    findings = found(terminal, "r1")
    assert findings["run r1"] == ("ok", "2 entries, each follows the last")
    assert findings["permissions"][0] == "ok"
    assert findings["integrity"] == ("ok", "the file is sound")


def test_nothing_is_made_where_there_is_nothing(terminal: Terminal) -> None:
    assert "does not exist yet" in found(terminal)["database"][1]
    assert terminal.here("doctor", "r1").code == 2
    assert not terminal.database.parent.exists()


def test_a_database_that_others_can_read_is_told(terminal: Terminal) -> None:
    terminal.here("db", "upgrade")
    terminal.database.chmod(0o644)

    assert found(terminal)["permissions"][0] == "warn"


def test_what_is_no_database_is_corrupt_and_stays_as_it_is(terminal: Terminal) -> None:
    terminal.database.parent.mkdir()
    terminal.database.write_bytes(b"bees" * 1000)

    said = terminal.here("doctor", "--json")

    assert (said.code, said.document["healthy"]) == (6, False)
    assert terminal.here("ps").code == 6
    assert terminal.database.read_bytes() == b"bees" * 1000


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ((3, 40, 1), "warn"),
        ((3, 51, 2), "warn"),
        ((3, 51, 3), "ok"),
        ((3, 50, 7), "ok"),
        ((3, 44, 6), "ok"),
        ((3, 50, 8), "warn"),
    ],
)
def test_a_sqlite_that_could_lose_a_commit_is_told(
    version: tuple[int, int, int], verdict: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)

    assert found(terminal)["SQLite"][0] == verdict


@pytest.mark.parametrize("written", [True, False])
def test_a_python_that_caches_no_bytecode_is_told(
    written: bool, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", not written)

    assert found(terminal)["bytecode"][0] == ("ok" if written else "warn")


def test_db_tells_where_the_database_is_and_makes_it_on_request(terminal: Terminal) -> None:
    path = terminal.here("db", "path")
    before = terminal.here("db", "status", "--json").document
    made = terminal.here("db", "upgrade", "--json").document
    after = terminal.here("db", "--json", "status").document

    assert path.out == f"{terminal.database}\n"
    assert (before["exists"], before["schema_version"]) == (False, None)
    assert (made["exists"], made["schema_version"], made["known_schema"]) == (True, SCHEMA, SCHEMA)
    assert after["schema_version"] == SCHEMA


def test_the_nearest_database_is_found_from_below(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.here("db", "upgrade")
    below = terminal.folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    assert terminal.here("db", "path").out == f"{terminal.database}\n"
