"""The verb that draws: graph. Of a workflow, what it may do; of a run, how far it has come in that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import attrs
import click

from perdure.cli import completion, given, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.interpreters.durable.errors import Unusable

if TYPE_CHECKING:
    from perdure.cli.looking import Record
    from perdure.interpreters.plan.drawing.style import Theme
    from perdure.interpreters.plan.graph import Graph
    from perdure.interpreters.plan.plan import Plan

Format: TypeAlias = Literal["tree", "mermaid", "dot", "svg"]
#: The format that is meant by the end of a file's name.
_SUFFIXES: Final[dict[str, Format]] = {
    ".svg": "svg",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".txt": "tree",
}


@command("perdure graph flows.py:ship -i '\"bees\"' -o ship.svg\nperdure graph @last --format mermaid")
@click.argument("what", metavar="TARGET|RUN", shell_complete=completion.targets_and_runs)
@click.option("-i", "--input", metavar="JSON|@FILE|-", help="The input, as for `run`; any input without it.")
@click.option("-a", "--arg", "named", multiple=True, metavar="NAME=VALUE", help="One argument; text for a str.")
@click.option(
    "--format", type=click.Choice(get_args(Format)), help="What to write; else by the name of the file, else tree."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; stdout without it.")
@click.option(
    "--theme",
    type=click.Choice(["light", "dark", "both"]),
    default="both",
    show_default=True,
    help="Colours of an svg; `both` follows the reader's preference.",
)
def graph(
    common: Common,
    what: str,
    input: str | None,
    named: tuple[str, ...],
    format: Format | None,
    output: Path | None,
    theme: Theme,
) -> Exit:
    """Draw all that a workflow may do, or how far a run has come.

    TARGET is file.py:workflow or package.module:workflow; whatever else is a RUN, of which the workflow is imported.
    Nothing is run.
    """
    kind = format or (_SUFFIXES.get(output.suffix.lower(), "tree") if output else "tree")
    if kind == "svg" and output is None and not common.json and sys.stdout.isatty():
        refused = Unusable("an SVG is a picture, and this is a terminal: nothing was drawn. Say which file it goes to")
        refused.add_note(f"{given.command('graph', what, input, named)} -o graph.svg")
        raise refused
    text = given.read(input) if input is not None else None
    if ":" in what or what.endswith(".py"):
        seen = _of_target(what, text, named)
        next = given.command("plan", what, input, named, text)
    elif input is not None or named:
        raise click.UsageError(f"{what} is a run and has its input: leave out -i and -a, or write file.py:workflow")
    else:
        seen = _of_run(common, what)
        next = seen.next
    content = _drawn(seen, kind, theme)
    if output is not None:
        _write(output, content)
    fields = {
        **_fields(seen.graph),
        "run_id": seen.graph.run or None,
        "complete": seen.plan.complete,
        "format": kind,
        "file": str(output) if output else None,
        "content": None if output else content,
    }
    if common.json or kind == "tree" or output is not None:
        common.tell("graph", fields, f"wrote {output}" if output else printing.visible(content), [next])
    else:  # nothing but the drawing: it goes to another program
        printing.out(content.rstrip("\n"))
        common.say(f"next: {common.command(next)}")
    return Exit.DONE


@attrs.frozen
class _Seen:
    """What is drawn, and the command to go on with."""

    plan: Plan
    graph: Graph
    next: str = ""


def _of_target(target: str, text: str | None, named: tuple[str, ...]) -> _Seen:
    from perdure.interpreters.durable.adapters import places
    from perdure.interpreters.plan.graph import graph_of
    from perdure.interpreters.plan.plan import plan

    with printing.stdout_kept():
        made = plan(given.program(places.load(places.target(target, Path.cwd())), text, named))
    return _Seen(made, graph_of(made))


def _of_run(common: Common, text: str) -> _Seen:
    from perdure.cli.looking import Record, next_of
    from perdure.interpreters.durable.adapters import places
    from perdure.interpreters.plan.graph import graph_of
    from perdure.interpreters.plan.plan import plan

    with common.look() as looker:
        record = Record.of(looker, text)
    if record.damage is not None:
        raise record.damage
    with printing.stdout_kept():
        made = plan(places.call_of(record.run))
    return _Seen(made, _marked(graph_of(made), record), next_of(record.view))


def _marked(graph: Graph, record: Record) -> Graph:
    from perdure.interpreters.durable.ports import TERMINAL
    from perdure.interpreters.plan.progress import Made, marked

    run, view = record.run, record.view
    made = [Made(step.path, step.kind, step.state, step.attempts, step.output) for step in record.steps.values()]
    ends = {"succeeded": "success", "failed": "failure"}
    found = marked(graph, run.run_id, made, ends.get(run.status, run.status) if run.status in TERMINAL else "")
    stands = printing.line(f"the run is {view.state}{f': {view.why}' if view.why else ''}", 1000)
    return attrs.evolve(found, notes=(stands, *found.notes))


def _drawn(seen: _Seen, kind: Format, theme: Theme) -> str:
    match kind:
        case "tree":
            from perdure.interpreters.plan.drawing.outline import outline

            return outline(seen.plan, seen.graph)
        case "mermaid":
            from perdure.interpreters.plan.drawing.mermaid import mermaid

            return mermaid(seen.graph)
        case "dot":
            from perdure.interpreters.plan.drawing.dot import dot

            return dot(seen.graph)
        case "svg":
            from perdure.interpreters.plan.drawing.svg import svg

            return svg(seen.graph, theme)


def _write(output: Path, content: str) -> None:
    """Write a drawing.

    Raises:
        click.UsageError: The file cannot be written.
    """
    try:
        output.write_text(content if content.endswith("\n") else f"{content}\n", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(
            f"-o {output}: {error.strerror or error}. Name a file in a folder that exists"
        ) from error


def _fields(graph: Graph) -> dict[str, Any]:  # Any: JSON trees
    return {
        "workflow": graph.title,
        "output": graph.output,
        "hash": graph.hash,
        "nodes": [
            {
                "id": node.id,
                "role": node.role,
                "name": node.name,
                "scope": node.scope,
                "said": list(node.said),
                "key": node.key or None,
                "rounds": node.rounds or None,
                "state": node.mark.state if node.mark else None,
                "attempts": node.mark.attempts if node.mark else 0,
                "times": node.mark.times if node.mark else 0,
            }
            for node in graph.nodes
        ],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "answers": list(edge.answers),
                "back": edge.back,
                "taken": edge.taken,
                "in_plan": not edge.stray,
            }
            for edge in graph.edges
        ],
        "notes": list(graph.notes),
    }
