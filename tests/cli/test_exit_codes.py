"""One table says how every command ends: its page is made from it, and every refusal has a place in it."""

from __future__ import annotations

import inspect
from pathlib import Path

import click
import pytest

from perdure.cli.exits import Exit, document, problem
from perdure.interpreters.durable import errors
from perdure.interpreters.durable.database import Busy

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text() == document(), "write perdure.cli.exits.document() into docs/exit-codes.md"


@pytest.mark.parametrize(
    "kind", [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind is not errors.DurableError]
)
def test_every_refusal_has_a_code(kind: type[errors.DurableError]) -> None:
    found = problem(kind("no"))

    assert found.exit is not Exit.DONE
    assert found.kind != "unexpected"
    assert found.message == "no"


@pytest.mark.parametrize(
    ("error", "exit", "kind"),
    [
        (errors.NotFound("no"), 2, "not-found"),
        (errors.Owned("no"), 4, "owned"),
        (errors.Drifted("no"), 5, "drifted"),
        (errors.Corrupt("no"), 6, "corrupt"),
        (errors.DiskFull("no"), 7, "unavailable"),
        (Busy("no"), 7, "unavailable"),
        (errors.Fenced("no"), 8, "fenced"),
        (errors.Conflict("no"), 9, "conflict"),
        (errors.Blocked("no"), 1, "blocked"),
        (click.UsageError("no"), 2, "usage"),
        (ZeroDivisionError("no"), 1, "unexpected"),
        (ModuleNotFoundError("No module named 'litellm'", name="litellm"), 7, "missing-extra"),
        (ModuleNotFoundError("No module named 'bees'", name="bees"), 1, "unexpected"),
    ],
)
def test_an_error_is_told_by_its_line_of_the_table(error: Exception, exit: int, kind: str) -> None:
    found = problem(error)

    assert (found.exit, found.kind) == (exit, kind)


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    found = problem(ModuleNotFoundError("No module named 'psycopg'", name="psycopg"))

    assert found.next == ("pip install 'perdure[postgres]'",)


def test_the_notes_of_an_error_are_the_commands_that_help() -> None:
    error = errors.Drifted("no")
    error.add_note("perdure why r1")

    assert problem(error).next == ("perdure why r1",)
