"""What a driven run tells on stderr: a live tree on a terminal, a line an event anywhere else."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

from perdure.cli.common import Common
from perdure.cli.overhearing import Heard, Listing, Overheard
from perdure.cli.printing import ago, line
from perdure.cli.steps import Fold, checked, event_line
from perdure.interpreters.durable.ports import Entry, Run

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker

Tell: TypeAlias = Callable[[Entry], None]

#: How often whoever follows a run of another process looks, in seconds.
_LOOK: Final = 0.1


@contextlib.contextmanager
def following(common: Common, looker: Onlooker, run: Run) -> Iterator[Tell]:
    """Say what is recorded of a run that is driven here, as it is recorded.

    Args:
        run: Its row before it is driven; steps that it finished before are told as skipped.

    Raises:
        Corrupt: What is recorded of it was changed.
    """
    if common.quiet:
        yield _nothing
        return
    entries = looker.entries_after(run.run_id, 0)
    checked(run, entries)
    fold = Fold(entries)
    if sys.stderr.isatty():
        from perdure.cli.tree import live

        skipped = {path for path, step in fold.steps.items() if step.state == "done"}
        fold.rest(run, held=False)
        with live(run, fold, skipped, overhearing(looker, run, fold)) as drawn:
            yield drawn
        return
    common.say(f"run {run.run_id} ({line(run.workflow)})")
    for step in fold.steps.values():
        if step.state == "done":
            common.say(f"   +0.0s skipped    {line(step.path)}  it is recorded")
    began = time.monotonic()

    def tell(entry: Entry) -> None:
        common.say(_timed(int((time.monotonic() - began) * 1000), event_line(entry)))

    yield tell


def _nothing(_: Entry) -> None:
    return None


def overhearing(looker: Onlooker, run: Run, fold: Fold) -> Overheard:
    """Whoever listens to the agents of a run from now on."""
    return Overheard(looker.journal.database_id(), run.run_id, fold.steps.values())


def followed(looker: Onlooker, run: Run, entries: list[Entry]) -> Iterator[Entry | Heard]:
    """What is recorded of a run, and what its agents say and do, until nobody drives it.

    Args:
        run: Its row.
        entries: What is known already.
    """
    fold, seq, held = Fold(entries), len(entries), True
    overheard = overhearing(looker, run, fold)
    while held:
        held = looker.held(looker.row(run.run_id))  # asked first: what it recorded before it rested is told too
        more = looker.entries_after(run.run_id, seq)
        yield from overheard.more(fold.steps.values())  # what was said before these ends
        for entry in more:
            fold.add(entry)
            yield entry
        yield from overheard.more(fold.steps.values())  # and after these beginnings
        seq += len(more)
        if held:
            time.sleep(_LOOK)


def lines_of(run: Run, listing: Listing, each: Entry | Heard) -> Iterator[str]:
    """The lines that something is told in, each with its time in the run; what was said before comes first."""
    for heard, text in listing.add(each) if isinstance(each, Heard) else listing.rest(each.path):
        yield _timed(heard.at - run.created_at, text)
    if isinstance(each, Entry):
        yield _timed(each.at - run.created_at, event_line(each))


def _timed(milliseconds: int, text: str) -> str:
    return f"{'+' + ago(milliseconds):>8} {text}"
