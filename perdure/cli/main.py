"""The command `perdure`: finds the verb, loads its module, and ends with a code of the table."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from perdure.cli import common, printing
from perdure.cli.exits import Exit, problem

#: Verbs by what they are for, each with the module that has it.
VERBS: Final = {
    "Author": {
        "check": "check",
        "demo": "demo",
        "diff": "comparing",
        "graph": "drawing",
        "plan": "planning",
        "replay": "histories",
    },
    "Run": {"run": "runs", "resume": "runs", "cancel": "runs"},
    "People": {"inbox": "people", "approve": "people", "deny": "people", "answer": "people", "signal": "people"},
    "Inspect": {"ps": "looking", "show": "looking", "why": "looking", "logs": "looking", "watch": "watching"},
    "Operate": {
        "agents": "agents",
        "mcp": "mcp",
        "doctor": "care",
        "db": "care",
        "export": "histories",
        "completion": "completion",
    },
}
_MODULES: Final = {verb: module for verbs in VERBS.values() for verb, module in verbs.items()}


class Perdure(click.Group):
    """A group whose verbs load when they are asked for, and whose every end is told by the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _MODULES:
            return None
        module = importlib.import_module(f"perdure.cli.{_MODULES[cmd_name]}")
        found: click.Command = getattr(module, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for purpose, verbs in VERBS.items():
            with formatter.section(purpose):
                found = [(verb, self.get_command(ctx, verb)) for verb in verbs]
                formatter.write_dl([(verb, command.get_short_help_str(70)) for verb, command in found if command])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Parse, call, and exit: 0 or what the command answers; what is raised is told first."""
        given = list(sys.argv[1:] if args is None else args)
        shared = common.Common()
        extra |= {"standalone_mode": False, "obj": shared}
        try:
            code = super().main(given, prog_name or "perdure", **extra)
        except (click.Abort, KeyboardInterrupt):
            printing.err("stopped")
            code = Exit.INTERRUPTED
        except BrokenPipeError:  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = Exit.FAILED
        except Exception as error:
            shared.json = shared.json or "--json" in given  # parsing may have stopped before it
            code = _tell(error, shared)
        sys.exit(int(code or 0))


def _tell(error: Exception, shared: common.Common) -> Exit:
    if os.environ.get("PERDURE_DEBUG") == "1":
        traceback.print_exception(error)
    found = problem(error)
    if shared.json:
        shared.tell("error", found.tree, "", found.next)
        return found.exit
    printing.err(f"error: {printing.visible(found.message)}")
    if found.next:
        printing.err(f"next: {printing.line(shared.command(found.next[0]), 1000)}")
    return found.exit


@click.command(
    "perdure",
    cls=Perdure,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    params=common.options(),
    epilog="\b\nExample:\n  perdure run flows.py:ship -i '\"bees\"'\n  perdure approve @last\n\n"
    f"Exit codes: {', '.join(f'{e.value} {e.name.lower()}' for e in Exit)}.",
)
@click.version_option(package_name="perdure")
@click.pass_context
def cli(context: click.Context) -> None:
    """Durable workflows: run them, stop them, answer them, and see why they wait."""
    if context.invoked_subcommand is None:
        raise click.UsageError("say what to do", context)


def main() -> NoReturn:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text file, as a rule
    cli.main()
