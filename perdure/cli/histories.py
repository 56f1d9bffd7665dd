"""Verbs about what was recorded: export writes a run into a file, replay holds runs and files against today's code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from perdure.cli import completion, given, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.cli.foreseeing import lines_of, tree_of, word
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.ports import TERMINAL
from perdure.interpreters.durable.recorded import Recorded
from perdure.interpreters.durable.verdicts import EndsOtherwise, GoesOn, Verdict

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.places import Target


@command("perdure export @last -o histories/bees.jsonl")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
@click.option("-o", "--output", metavar="FILE", help="Write it here; else to stdout.")
def export(common: Common, run_id: str, output: str | None) -> None:
    """Write all that is recorded of a run into a file, to replay it later.

    It holds whatever the journal holds: prompts, answers and replies as well.
    """
    from perdure.interpreters.durable.adapters import archive

    if common.json and output is None:
        raise click.UsageError("--json prints one document, and a history is many lines: give a file with -o")
    recorded = _recorded(common, run_id)
    text = archive.text_of(recorded, Path.cwd())
    if output is None:
        printing.out(text.rstrip("\n"))
        return
    archive.write(text, Path(output))
    count = len(recorded.entries)
    fields = {"run_id": recorded.run.run_id, "workflow": recorded.run.workflow, "file": output, "entries": count}
    said = f"{recorded.run.run_id}: {printing.count(count, 'entry', 'entries')} in {output}"
    common.tell("export", fields, printing.line(said), [f"perdure replay {printing.line(output)}"])


@attrs.frozen
class Replayed:
    """What was replayed, and what was found."""

    source: str
    recorded: Recorded
    verdict: Verdict | EndsOtherwise

    @property
    def replays(self) -> bool:
        """Whether today's code does what was recorded."""
        return isinstance(self.verdict, GoesOn)

    @property
    def tree(self) -> dict[str, Any]:
        """As JSON."""
        run, verdict = self.recorded.run, self.verdict
        ends = (verdict.recorded, verdict.found) if isinstance(verdict, EndsOtherwise) else None
        return {
            "source": self.source,
            "run_id": run.run_id,
            "workflow": run.workflow,
            **tree_of(verdict),
            "verdict": "replays" if self.replays else word(verdict),
            "recorded_end": ends[0] if ends is not None else None,
            "found_end": ends[1] if ends is not None else None,
        }

    @property
    def text(self) -> list[str]:
        """As lines for people."""
        ended = self.recorded.run.status in TERMINAL or _is_file(self.source)
        command = ("replay", self.source) if ended else ("resume", self.recorded.run.run_id)
        return lines_of(self.source, self.verdict, ("perdure", *command), "replays")


@command("perdure replay @last\nperdure replay histories/*.jsonl --target flows.py:ship")
@click.argument("sources", metavar="RUN|FILE...", nargs=-1, required=True, shell_complete=completion.runs)
@click.option("--target", metavar="TARGET", help="Where the workflow is now.", shell_complete=completion.targets)
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="A step's new name, where one is needed.")
def replay(common: Common, sources: tuple[str, ...], target: str | None, rename: tuple[str, ...]) -> Exit:
    """Hold recorded runs against today's code; execute nothing.

    Finished runs are replayed to their end, which must be the same.
    """
    from perdure.interpreters.durable.adapters import archive, places

    place: Target | None = places.target(target, Path.cwd()) if target is not None else None
    names = dict(given.renaming(each) for each in rename)
    every = [(source, _source(common, source)) for source in sources]
    with printing.stdout_kept():
        found = [
            Replayed(source, recorded, archive.judge(recorded, place, Path.cwd(), names)) for source, recorded in every
        ]
    good = sum(each.replays for each in found)
    lines = [line for each in found for line in each.text]
    summary = f"{good} of {printing.count(len(found), 'history', 'histories')} replayed"
    fields = {"replays": good == len(found), "histories": [each.tree for each in found]}
    runs = [each.recorded.run.run_id for each in found if not each.replays and not _is_file(each.source)]
    common.tell(
        "replay", fields, "\n".join([*lines, summary]), [f"perdure show {run}" for run in runs] or ["perdure ps"]
    )
    return Exit.DONE if good == len(found) else Exit.FAILED


def _source(common: Common, source: str) -> Recorded:
    from perdure.interpreters.durable.adapters import archive

    return archive.read(Path(source)) if _is_file(source) else _recorded(common, source)


def _is_file(source: str) -> bool:
    return source.endswith(".jsonl") or Path(source).is_file()


def _recorded(common: Common, run_id: str) -> Recorded:
    """All of a run in the database.

    Raises:
        NotFound: There is none, or there are several.
        Corrupt: Its journal is damaged.
    """
    with common.look(readonly=True) as looker:
        recorded = looker.journal.recorded(looker.row(looker.resolve(run_id)))
    verify(recorded.run.run_id, recorded.entries)
    return recorded
