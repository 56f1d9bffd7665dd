"""The verb that compares: what another version of a workflow does otherwise."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli import completion, given, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.cli.printing import line

if TYPE_CHECKING:
    from perdure.interpreters.plan.changes import Change
    from perdure.interpreters.plan.diff import Difference
    from perdure.interpreters.plan.survey import Survey

#: So many reasons why not all was seen are shown.
_REASONS = 5


@command("perdure diff flows.py:ship@main flows.py:ship -i '\"bees\"' --exit-code")
@click.argument("old", shell_complete=completion.targets)
@click.argument("new", shell_complete=completion.targets)
@click.option("-i", "--input", metavar="JSON|@FILE|-", help="The input of both; any input without it.")
@click.option("-a", "--arg", "named", multiple=True, metavar="NAME=VALUE", help="One argument; text for a str.")
@click.option("--exit-code", is_flag=True, help="End with 1 if they differ, or if not all was seen.")
@click.option("--allow-incomplete", is_flag=True, help="Do not mind that not all was seen.")
@click.option("--max-paths", type=click.IntRange(1), default=1000, show_default=True, help="Paths to follow.")
def diff(
    common: Common,
    old: str,
    new: str,
    input: str | None,
    named: tuple[str, ...],
    exit_code: bool,
    allow_incomplete: bool,
    max_paths: int,
) -> Exit:
    """Tell what another version of a workflow does otherwise.

    OLD and NEW are targets, each with a git revision if one is meant: flows.py:ship@HEAD~1. A refactoring differs in
    nothing.
    """
    from perdure.cli.revisions import Version
    from perdure.interpreters.plan.diff import difference

    text = given.read(input) if input is not None else None
    found = difference(*(_seen(each, text, named, max_paths) for each in (old, new)))
    fields = {
        "old": old,
        "new": new,
        "changes": [
            {"kind": _kind(each), "mark": each.mark, "key": each.key, "said": each.said, "warning": each.warning}
            for each in found.changes
        ],
        "complete": not found.unsure,
        "unsure": list(found.unsure),
    }
    common.tell("diff", fields, _text(found), [shlex.join(["perdure", "check", Version.of(new).target])])
    differs = bool(found.changes) or (bool(found.unsure) and not allow_incomplete)
    return Exit.FAILED if exit_code and differs else Exit.DONE


def _seen(text: str, input: str | None, named: tuple[str, ...], max_paths: int) -> Survey:
    from perdure.cli.revisions import Version, checked_out
    from perdure.cli.surveying import Question, ask
    from perdure.interpreters.durable.errors import Unusable

    with checked_out(Version.of(text), Path.cwd()) as place:
        try:
            return ask(Question(place.target, place.here, input, named, max_paths))
        except Unusable as error:
            why = str(error) if place.root is None else str(error).replace(f"{place.root}/", "")
            raise Unusable(f"{text}: {why}") from error


def _kind(change: Change) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(change).__name__).lower()


def _text(found: Difference) -> str:
    width = max((len(line(change.key)) for change in found.changes), default=0)
    lines: list[str] = []
    for change in found.changes:
        lines.append(f"{change.mark} {line(change.key).ljust(width)}  {line(change.said)}")
        if change.warning:
            lines.append(f"  {' ' * width}  ⚠ {line(change.warning, 400)}")
    if not found.changes:
        lines.append("no difference: the same requests in the same order, under the same answers, to the same ends")
    else:
        grave = sum(bool(change.warning) for change in found.changes)
        lines.append(f"{printing.count(len(found.changes), 'change')}, {grave} to look at")
    return "\n".join([*lines, *unsure(found.unsure)])


def unsure(reasons: tuple[str, ...]) -> list[str]:
    """Why there may be more than was seen, in a few lines; none where all was."""
    if not reasons:
        return []
    more = len(reasons) - _REASONS
    shown = [f"  {line(why)}" for why in reasons[:_REASONS]]
    return ["not all was seen:", *shown, *([f"  … {more} more reasons: --json"] if more > 0 else [])]
