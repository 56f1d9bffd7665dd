"""What would become of the runs in flight if today's code were deployed: found by looking, and told."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from perdure.cli import printing
from perdure.cli.common import Common
from perdure.cli.printing import line
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.foresee import Cannot, GoesOn, NeedsRename, Verdict, foresee
from perdure.interpreters.durable.ports import TERMINAL, Run, Status

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker

_IN_FLIGHT: Final[tuple[Status, ...]] = ("running", "ready", "parked", "blocked", "paused")
#: No more runs are looked at: as many as anybody has in flight.
_MOST: Final = 100_000
#: What can be done where no name helps, by what is the matter.
_WAYS: Final[Mapping[str, Sequence[str]]] = {
    "drifted": (
        "put what is new behind what was recorded, and leave what was recorded in its order",
        "keep the old workflow under its name until these runs have ended, and give the new one another name",
        "start a new run of the new code; the old one stays as it is",
    ),
    "corrupt": ("restore the parameters and types that the record fits, or a backup of the database",),
    "blocked": ("mend the workflow's code",),
}


@attrs.frozen
class Foreseen:
    """A run in flight, and what a resume would do with it. `command` resumes it where it needs to be told names."""

    run_id: str
    state: str
    verdict: Verdict
    command: str | None

    @property
    def word(self) -> str:
        """The verdict in one word."""
        return {GoesOn: "goes-on", NeedsRename: "needs-rename", Cannot: "cannot"}[type(self.verdict)]

    @property
    def tree(self) -> dict[str, Any]:
        """As JSON."""
        then = self.verdict.then if isinstance(self.verdict, NeedsRename) else self.verdict
        changed, again = (then.changed, then.again) if isinstance(then, GoesOn) else ((), ())
        cannot = self.verdict if isinstance(self.verdict, Cannot) else None
        return {
            "run_id": self.run_id,
            "state": self.state,
            "verdict": self.word,
            "changed": list(changed),
            "again": list(again),
            "rename": dict(self.verdict.rename) if isinstance(self.verdict, NeedsRename) else {},
            "kind": cannot.kind if cannot is not None else None,
            "why": cannot.why if cannot is not None else None,
            "command": self.command,
        }

    @property
    def text(self) -> list[str]:
        """As lines for people."""
        return [f"  {self.run_id}  {line(_headline(self.verdict))}", *(f"    {visible}" for visible in _details(self))]


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
        concerned = [run for run in every if places.same(places.Target(run.target, run.folder), old or found)]
        with printing.stdout_kept():
            return [_foreseen(looker, run, found, moved=old is not None) for run in reversed(concerned)]


def _foreseen(looker: Onlooker, run: Run, found: places.Target, *, moved: bool) -> Foreseen:
    assert run.status not in TERMINAL
    try:
        verdict = foresee(looker.journal.recorded(run), looker.call_of(run, found), now=int(time.time() * 1000))
    except Corrupt as corrupt:  # its arguments fit no more
        verdict = Cannot("corrupt", str(corrupt))
    command = None
    if isinstance(verdict, NeedsRename):
        told = ["--target", _typed(found)] if moved else []
        command = shlex.join(["perdure", "resume", run.run_id, *told, *renaming(verdict.rename)])
    return Foreseen(run.run_id, looker.view(run).state, verdict, command)


def renaming(names: Mapping[str, str]) -> list[str]:
    """The options of a resume that give names."""
    return [word for old, new in names.items() for word in ("--rename", f"{old}={new}")]


def _typed(found: places.Target) -> str:
    """A target as one would type it here."""
    where, _, name = found.text.rpartition(":")
    file, here = Path(where), Path.cwd()
    return f"{file.relative_to(here)}:{name}" if file.is_relative_to(here) else found.text


def _headline(verdict: Verdict) -> str:
    match verdict:
        case GoesOn(changed=()):
            return "goes on"
        case GoesOn(changed=changed):
            return f"goes on with changed inputs: {', '.join(changed)}"
        case NeedsRename(rename=names):
            return f"needs {shlex.join(renaming(names))}"
        case Cannot():
            return "cannot go on"


def _details(seen: Foreseen) -> list[str]:
    match seen.verdict:
        case GoesOn():
            return _then(seen.verdict, seen.run_id)
        case NeedsRename(then=then):
            doubt = [f"is it the same step? it is asked otherwise now: {line(path)}" for path in then.changed]
            return [f"{line(seen.command or '', 1000)}", *doubt, *_again(then)]
        case Cannot(kind=kind, why=why):
            said = [printing.visible(text).removeprefix("  ") for text in why.splitlines()]
            return [*said, "ways out:", *(f"  {way}" for way in _WAYS[kind])]


def _then(then: GoesOn, run_id: str) -> list[str]:
    kept = f"what is recorded is kept; to execute it again: perdure resume {run_id} --on-change rerun"
    return [*([kept] if then.changed else []), *_again(then)]


def _again(then: GoesOn) -> list[str]:
    return [f"is asked again, for it shows or asks something else: {line(path)}" for path in then.again]


def told(runs: Sequence[Foreseen]) -> list[str]:
    """All of them, as lines for people."""
    words = {"goes-on": "go on", "needs-rename": "need another name", "cannot": "cannot"}
    counts = Counter(each.word for each in runs)
    said = ", ".join(f"{counts[word]} {words[word]}" for word in words if counts[word])
    head = f"{printing.count(len(runs), 'run')} in flight{f': {said}' if said else ''}"
    return [head, *(text for each in runs for text in each.text)]
