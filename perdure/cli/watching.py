"""`watch`: follow a run that another process drives, as if it were driven here. It writes nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from perdure.cli import completion
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.cli.overhearing import Heard, Listing
from perdure.cli.printing import line
from perdure.cli.progress import followed, lines_of, overhearing
from perdure.cli.runs import ended
from perdure.cli.steps import Fold, checked
from perdure.interpreters.durable.ports import Entry, Run

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker


@command("perdure watch @last")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
def watch(common: Common, run_id: str) -> Exit:
    """Follow a run that another process drives, and end as it does.

    What its agents say and do is told too, where the files of their attempts can be read from here. Ctrl-C ends only
    the watching.
    """
    with common.look() as looker:
        run = looker.row(looker.resolve(run_id))
        entries = looker.entries_after(run.run_id, 0)
        checked(run, entries)
        with _shown(common, looker, run, entries) as tell:
            for each in followed(looker, run, entries):
                tell(each)
        return ended(common, looker, looker.row(run.run_id))


@contextlib.contextmanager
def _shown(
    common: Common, looker: Onlooker, run: Run, entries: list[Entry]
) -> Iterator[Callable[[Entry | Heard], None]]:
    """Where it is told: in a tree on a terminal, in lines anywhere else, or not at all."""
    if common.quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from perdure.cli.tree import live

        fold = Fold(entries)
        with live(run, fold, set(), overhearing(looker, run, fold)) as drawn:
            yield lambda each: None if isinstance(each, Heard) else drawn(each)  # the tree listens by itself
    else:
        common.say(f"run {run.run_id} ({line(run.workflow)})")
        listing = Listing()

        def tell(each: Entry | Heard) -> None:
            for text in lines_of(run, listing, each):
                common.say(text)

        yield tell
