"""What would become of the runs in flight if today's code were deployed: found by looking, and told."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from perdure.cli import printing
from perdure.cli.common import Common
from perdure.cli.printing import visible
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import Run, Status
from perdure.interpreters.durable.verdicts import (
    Cannot,
    EndsOtherwise,
    GoesOn,
    NeedsRename,
    Verdict,
    details,
    headline,
    renaming,
)

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker

_IN_FLIGHT: Final[tuple[Status, ...]] = ("running", "ready", "parked", "blocked", "paused")
#: No more runs are looked at: as many as anybody has in flight.
_MOST: Final = 100_000
#: No more runs of which there is nothing to say are listed.
_LISTED: Final = 20


@attrs.frozen
class Foreseen:
    """A run in flight, and what a resume would do with it. `resume` are the words of the command that resumes it."""

    run_id: str
    state: str
    verdict: Verdict
    resume: tuple[str, ...]

    @property
    def command(self) -> str | None:
        """The command that gives the names that are needed."""
        return with_names(self.resume, self.verdict)

    @property
    def tree(self) -> dict[str, Any]:
        """As JSON."""
        return {"run_id": self.run_id, "state": self.state, **tree_of(self.verdict), "command": self.command}


def resuming(run_id: str, moved: places.Target | None) -> tuple[str, ...]:
    """The words of the command that resumes a run: from where its workflow is now, if that is elsewhere."""
    where = ("--target", places.relative(moved, Path.cwd()).text) if moved is not None else ()
    return ("perdure", "resume", run_id, *where)


def with_names(resume: Sequence[str], verdict: Verdict) -> str | None:
    """The command that gives the names that are needed, if any are."""
    names = verdict.rename if isinstance(verdict, NeedsRename) else {}
    return shlex.join([*resume, *renaming(names)]) if names else None


def tree_of(verdict: Verdict | EndsOtherwise) -> dict[str, Any]:
    """A verdict as JSON."""
    then = verdict.then if isinstance(verdict, NeedsRename) else verdict
    changed, again = (then.changed, then.again) if isinstance(then, GoesOn) else ((), ())
    return {
        "verdict": word(verdict),
        "changed": list(changed),
        "again": list(again),
        "rename": dict(verdict.rename) if isinstance(verdict, NeedsRename) else {},
        "kind": verdict.kind if isinstance(verdict, Cannot) else None,
        "why": verdict.why if isinstance(verdict, Cannot) else None,
    }


def word(verdict: Verdict | EndsOtherwise) -> str:
    """A verdict in one word, for programs."""
    words = {GoesOn: "goes-on", NeedsRename: "needs-rename", Cannot: "cannot", EndsOtherwise: "ends-otherwise"}
    return words[type(verdict)]


def runs_in_flight(common: Common, found: places.Target, old: places.Target | None) -> list[Foreseen]:
    """Judge every run in flight of a workflow. The database is opened to be read; not a byte of it changes.

    Args:
        common: Names the database.
        found: Where the workflow is.
        old: Where the runs were started from, if that was elsewhere.

    Raises:
        NotFound: There is no database.
    """
    with common.look(readonly=True) as looker:
        every = looker.journal.runs(statuses=_IN_FLIGHT, limit=_MOST)
        homes = {places.Target(run.target, run.folder) for run in every}
        mine = {home for home in homes if places.same(home, old or found)}
        concerned = [run for run in every if places.Target(run.target, run.folder) in mine]
        with printing.stdout_kept():
            return [
                Foreseen(
                    run.run_id,
                    looker.view(run).state,
                    _verdict(looker, run, found),
                    resuming(run.run_id, found if old is not None else None),
                )
                for run in reversed(concerned)
            ]


def _verdict(looker: Onlooker, run: Run, found: places.Target) -> Verdict:
    from perdure.interpreters.durable.foresee import foresee

    try:
        call = places.call_of(run, found)
    except Corrupt as corrupt:  # its arguments fit no more
        return Cannot("corrupt", str(corrupt))
    return foresee(looker.journal.recorded(run), call, now=int(time.time() * 1000))


def lines_of(name: str, verdict: Verdict | EndsOtherwise, command: Sequence[str], well: str = "goes on") -> list[str]:
    """A verdict as lines for people."""
    said = [f"    {visible(text)}" for text in details(verdict, command)]
    return [f"  {visible(name)}  {visible(headline(verdict, well))}", *said]


def _to_say(verdict: GoesOn) -> bool:
    return bool(verdict.changed or verdict.again)


def told(runs: Sequence[Foreseen]) -> list[str]:
    """All of them, as lines for people."""
    words = {
        "goes-on": ("goes on", "go on"),
        "needs-rename": ("needs another name", "need another name"),
        "cannot": ("cannot", "cannot"),
    }
    counts = Counter(word(each.verdict) for each in runs)
    said = ", ".join(f"{counts[one]} {words[one][counts[one] > 1]}" for one in words if counts[one])
    head = f"{printing.count(len(runs), 'run')} in flight{f': {said}' if said else ''}"
    kept = next((each.run_id for each in runs if isinstance(each.verdict, GoesOn) and each.verdict.changed), None)
    rerun = f"what is recorded of changed steps is kept; else, for each run: perdure resume {kept} --on-change rerun"
    quiet = [each.run_id for each in runs if isinstance(each.verdict, GoesOn) and not _to_say(each.verdict)]
    unlisted = set(quiet[_LISTED:])
    lines = [
        text
        for each in runs
        if each.run_id not in unlisted
        for text in lines_of(each.run_id, each.verdict, each.resume)
    ]
    more = [f"  … {len(unlisted)} more go on: --json has them all"] if unlisted else []
    return [head, *lines, *more, *([rerun] if kept is not None else [])]
