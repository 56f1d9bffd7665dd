"""Shell completion: of verbs by click, of runs, gates and targets by what is there. It never fails, never writes."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem, get_completion_class

from perdure.cli.common import Common, command

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@command('eval "$(perdure completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, common: Common, shell: str) -> None:
    """Print the script that completes commands in a shell."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    root = context.find_root()
    script = found(root.command, {}, "perdure", "_PERDURE_COMPLETE").source()
    common.tell("completion", {"shell": shell, "script": script}, script, [])


def _quietly(find: Callable[[click.Context, str], Iterator[CompletionItem]]) -> Completer:
    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [item for item in find(context, incomplete) if item.value.startswith(incomplete)]
        except Exception:  # whatever is wrong is told by the command itself, not by a half-typed one
            return []

    return complete


@_quietly
def runs(context: click.Context, _: str) -> Iterator[CompletionItem]:
    """Ids of runs, newest first."""
    common = context.ensure_object(Common)
    yield CompletionItem("@last")
    with common.look() as looker:
        for run in looker.journal.runs(limit=100):
            yield CompletionItem(run.run_id, help=f"{run.workflow} {run.status}")


@_quietly
def gates(context: click.Context, _: str) -> Iterator[CompletionItem]:
    """Names of the gates that a run waits at."""
    common = context.ensure_object(Common)
    with common.look() as looker:
        for gate in looker.journal.open_gates(looker.resolve(context.params["run_id"])):
            yield CompletionItem(gate.name, help=gate.prompt)


@_quietly
def agents(_: click.Context, __: str) -> Iterator[CompletionItem]:
    """Names of coding agents."""
    from perdure.cli.agents import adapters

    yield from (CompletionItem(cls.__name__) for cls, _adapter in adapters())


@_quietly
def targets(_: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Files, and the workflows in them, read and not imported."""
    where, mark, _name = incomplete.rpartition(":")
    if mark:
        for name in workflows(Path(where).read_text(encoding="utf-8")):
            yield CompletionItem(f"{where}:{name}")
        return
    folder = Path(os.path.dirname(incomplete) or ".")
    for path in sorted(folder.iterdir()):
        text = os.path.join(os.path.dirname(incomplete), path.name)
        if path.is_dir() and not path.name.startswith("."):
            yield CompletionItem(f"{text}/")
        elif path.suffix == ".py":
            for name in workflows(path.read_text(encoding="utf-8")):
                yield CompletionItem(f"{text}:{name}")


def targets_and_runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What a graph is drawn of."""
    return [*targets(context, parameter, incomplete), *runs(context, parameter, incomplete)]


def workflows(source: str) -> list[str]:
    """The names of the functions with `@workflow` at the top of a module."""
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(ast.unparse(mark).partition("(")[0].endswith("workflow") for mark in node.decorator_list)
    ]
