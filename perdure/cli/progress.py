"""What a driven run tells on stderr: a live tree on a terminal, a line an event anywhere else."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from perdure.cli.common import Common
from perdure.cli.printing import ago, line
from perdure.cli.steps import Fold, checked, event_line
from perdure.interpreters.durable.ports import Entry, Run

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Worker

Tell: TypeAlias = Callable[[Entry], None]


@contextlib.contextmanager
def following(common: Common, worker: Worker, run: Run) -> Iterator[Tell]:
    """Say what is recorded of a run, as it is recorded.

    Args:
        run: Its row before it is driven; steps that it finished before are told as skipped.

    Raises:
        Corrupt: What is recorded of it was changed.
    """
    if common.quiet:
        yield _nothing
        return
    entries = worker.entries_after(run.run_id, 0)
    checked(run, entries)
    fold = Fold(entries)
    if sys.stderr.isatty():
        from perdure.cli.tree import live

        with live(run, fold) as drawn:
            yield drawn
        return
    common.say(f"run {run.run_id} ({line(run.workflow)})")
    for step in fold.steps.values():
        if step.state == "done":
            common.say(f"   +0.0s skipped    {line(step.path)}  it is recorded")
    began = time.monotonic()

    def tell(entry: Entry) -> None:
        common.say(f"{'+' + ago(int((time.monotonic() - began) * 1000)):>8} {event_line(entry)}")

    yield tell


def _nothing(_: Entry) -> None:
    return None
