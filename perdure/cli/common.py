"""What every command shares: four options, the database, and how an answer is told."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from perdure.cli import printing
from perdure.interpreters.durable.errors import NotFound, Unusable

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker


@attrs.define
class Common:
    """The options that stand before or after any command.

    Attributes:
        db: What `--db` says; the environment and the nearest folder come after it.
        json: Tell programs: one document on stdout.
        quiet: Tell people nothing on the way.
        via: By which way decisions come, as it is recorded with them.
        own: Runs in which nothing is to be decided from here, beside those whose agents this process belongs to.
    """

    db: str | None = None
    json: bool = False
    quiet: bool = False
    via: str = "cli"
    own: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        """The database file, which need not exist."""
        from perdure.interpreters.durable.adapters import places

        return places.database(self.db or os.environ.get("PERDURE_DB"), Path.cwd())

    @contextlib.contextmanager
    def look(self, *, readonly: bool = False) -> Iterator[Onlooker]:
        """Open the database to look and to answer, without being a worker.

        Args:
            readonly: Only to look: not a byte of it changes.

        Raises:
            NotFound: There is none; none is made.
        """
        from perdure.interpreters.durable.adapters.worker import Onlooker

        self.require()
        looker = Onlooker.look(self.path, readonly=readonly)
        try:
            yield looker
        finally:
            looker.store.close()

    def require(self) -> None:
        """Refuse to make a database where a run is asked for.

        Raises:
            NotFound: There is none.
        """
        if not os.path.lexists(self.path):
            missing = NotFound(f"there is no database {self.path} yet, so there are no runs")
            missing.add_note("perdure run file.py:workflow")
            raise missing

    def refuse_own(self, run_id: str) -> None:
        """Refuse to decide in a run whose agent asks for it: a gate is there because the agent is not to decide.

        Raises:
            Unusable: It is one.
        """
        from perdure.agents.around import runs_around

        if run_id in self.own or run_id in runs_around():
            refusal = Unusable(
                f"run {run_id} is the run of the agent that asks, and an agent decides nothing in its own run: "
                "a person does, outside of it"
            )
            refusal.add_note(f"perdure why {run_id}")
            raise refusal

    def command(self, text: str) -> str:
        """A command as it has to be typed here: with the database that was named, if one was."""
        return text.replace("perdure ", f"perdure --db {shlex.quote(self.db)} ", 1) if self.db else text

    def tell(self, name: str, fields: Mapping[str, Any], text: str, next: Sequence[str]) -> None:
        """Answer on stdout: one document for programs, or text for people with the next command as its last line.

        Args:
            name: The document's; its schema is `schemas/<name>.json`.
            fields: The document's, flat.
            text: What people read.
            next: Commands that one may go on with, the likeliest first.
        """
        commands = [self.command(line) for line in next]
        if self.json:
            printing.document(name, fields, commands)
            return
        if text:
            printing.out(text)
        if commands:
            printing.out(f"next: {printing.line(commands[0], 1000)}")

    def say(self, text: str) -> None:
        """Tell people something on the way, on stderr."""
        if not self.quiet:
            printing.err(text)


def _set(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # Any: any option's value
    if value and parameter.name:
        setattr(context.ensure_object(Common), parameter.name, value)


def _colour(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        for each in (context, context.find_root()):
            each.color = {"always": True, "never": False}.get(value)
    elif context.parent is None:
        context.color = False if os.environ.get("NO_COLOR") else None


def options() -> list[click.Parameter]:
    """The common options; none has a value for the command itself."""
    return [
        click.Option(
            ["--db"],
            metavar="PATH|URL",
            expose_value=False,
            callback=_set,
            is_eager=True,
            help="The database; else PERDURE_DB, else the nearest .perdure/.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_set,
            is_eager=True,
            help="Print exactly one JSON document.",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            expose_value=False,
            callback=_colour,
            is_eager=True,
            help="Colours; `auto`: on a terminal, unless NO_COLOR is set.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_set,
            is_eager=True,
            help="Say nothing on the way.",
        ),
    ]


def command(example: str, name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command: it gets a `Common`, has the common options, and shows an example in its help.

    Args:
        example: One or more lines to copy.
        name: What people type, if not the function's name.
    """

    def decorate(fn: Callable[..., Any]) -> click.Command:
        lines = "\n".join(f"  {line}" for line in example.splitlines())
        made = click.command(name or fn.__name__, epilog=f"\b\nExample:\n{lines}")(click.pass_obj(fn))
        made.params += options()
        return made

    return decorate
