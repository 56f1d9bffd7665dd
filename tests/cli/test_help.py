"""Help is complete and cheap; what is typed wrongly is told on stderr, or as a document."""

from __future__ import annotations

import subprocess
import sys

import pytest
from terminal import Terminal

from perdure.cli.main import VERBS, cli

HEAVY = ("alembic", "anyio", "asyncio", "jsonschema", "pydantic", "rich", "sqlalchemy", "sqlite3", "sqlmodel")
EVERY = [verb for verbs in VERBS.values() for verb in verbs]


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("show", "--help"), ("--version",)])
def test_help_loads_no_database_no_event_loop_and_no_rich(arguments: tuple[str, ...]) -> None:
    program = f"""
import atexit, sys
from perdure.cli.main import cli
atexit.register(lambda: print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr))
cli.main({list(arguments)!r})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stderr.split() == []
    assert "perdure" in done.stdout


def test_help_lists_every_verb_under_what_it_is_for(terminal: Terminal) -> None:
    said = terminal.here("--help")

    assert said.code == 0
    for purpose, verbs in VERBS.items():
        section = said.out.partition(f"\n{purpose}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if line[2:3] != " "] == list(verbs)


@pytest.mark.parametrize("verb", EVERY)
def test_every_verb_shows_an_example_and_the_common_options(verb: str, terminal: Terminal) -> None:
    said = terminal.here(verb, "--help")

    assert said.code == 0
    assert f"Example:\n    {'eval' if verb == 'completion' else f'perdure {verb}'}" in said.out
    for option in ("--db", "--json", "--color", "--quiet"):
        assert option in said.out


@pytest.mark.parametrize("verb", EVERY)
def test_every_verb_says_in_one_whole_sentence_what_it_does(verb: str, terminal: Terminal) -> None:
    found = cli.get_command(cli.make_context("perdure", ["ps"], resilient_parsing=True), verb)

    assert found is not None
    assert not found.get_short_help_str(70).endswith("...")


@pytest.mark.parametrize(
    "arguments",
    [(), ("frob",), ("show",), ("run", "flows.py:hello", "--nope"), ("ps", "-n", "none"), ("ps", "--since", "soon")],
)
def test_bad_usage_ends_with_2_and_nothing_on_stdout(arguments: tuple[str, ...], terminal: Terminal) -> None:
    said = terminal.here(*arguments)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")


@pytest.mark.parametrize("arguments", [("--json", "frob"), ("show", "--json"), ("ps", "-n", "none", "--json")])
def test_bad_usage_is_a_document_where_documents_are_asked_for(arguments: tuple[str, ...], terminal: Terminal) -> None:
    said = terminal.here(*arguments)

    assert said.code == 2
    assert (said.document["error"], said.document["exit"]) == ("usage", 2)
    assert said.err == ""


def test_the_package_runs_as_a_module(terminal: Terminal) -> None:
    said = terminal.alone("db", "path", "--db", "x.db")

    assert (said.code, said.out) == (0, f"{terminal.folder / 'x.db'}\n")


def test_an_unexpected_error_is_one_line_unless_it_is_debugged(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("oh\x1b")

    monkeypatch.setattr("perdure.interpreters.durable.adapters.places.database", fails)

    plain, debugged = terminal.here("ps"), terminal.here("ps", PERDURE_DEBUG="1")

    assert (plain.code, plain.out) == (1, "")
    assert plain.err == "error: ZeroDivisionError: oh\\x1b\nnext: perdure doctor\n"
    assert "Traceback" in debugged.err
