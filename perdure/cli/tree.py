"""The live tree of a run on a terminal. Recorded text goes in as text, never as markup."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from perdure.cli.overhearing import Overheard
from perdure.cli.printing import ago, line
from perdure.cli.steps import Fold, Step
from perdure.interpreters.durable.ports import Entry, Run

#: The last so many steps are drawn: a tree higher than the screen cannot be redrawn in place.
_DRAWN = 30
#: So many characters of what an agent says.
_WORDS = 60
_STYLES = {
    "done": "green",
    "failed": "red",
    "running": "cyan",
    "waiting": "blue",
    "retrying": "yellow",
    "interrupted": "yellow",
    "open": "dim",
}


def _silent(_: str) -> str:
    return ""


@contextlib.contextmanager
def live(run: Run, fold: Fold, skipped: set[str], overheard: Overheard) -> Iterator[Callable[[Entry], None]]:
    """Draw the steps on stderr while they are recorded.

    Args:
        run: Its row.
        fold: Its steps.
        skipped: Paths of those that were done before.
        overheard: Of its agents.
    """
    lock = threading.Lock()  # the tree is drawn by a thread of rich's own

    def tell(entry: Entry) -> None:
        with lock:
            fold.add(entry)

    def drawn() -> Group:
        with lock:
            overheard.more(fold.steps.values())
            title, now = f"{run.workflow}  {run.run_id}", int(time.time() * 1000)
            return Group(drawing(title, fold, skipped, now, overheard.last))

    plain = click.get_current_context().color is False
    console = Console(file=sys.stderr, highlight=False, no_color=plain or None)
    with Live(get_renderable=drawn, console=console, refresh_per_second=8):
        yield tell


def drawing(title: str, fold: Fold, skipped: set[str], now: int, last: Callable[[str], str] = _silent) -> Tree:
    """The steps as a tree of their paths.

    Args:
        title: The root.
        fold: The steps.
        skipped: Paths of those that were done before.
        now: The time.
        last: The last words of the agent that is at a path.
    """
    root = Tree(Text(line(title), style="bold"))
    branches: dict[str, Tree] = {}
    steps = list(fold.steps.values())
    if len(steps) > _DRAWN:
        root.add(Text(f"… {len(steps) - _DRAWN} steps before", style="dim"))
    for step in steps[-_DRAWN:]:
        above, parts = root, step.path.split("/")
        for depth in range(2, len(parts)):  # the first part is the workflow itself
            place = "/".join(parts[:depth])
            if place not in branches:
                branches[place] = above.add(Text(line(parts[depth - 1]), style="dim"))
            above = branches[place]
        above.add(_told(step, step.path in skipped, now, last(step.path) if step.state == "running" else ""))
    return root


def _told(step: Step, skipped: bool, now: int, last: str) -> Text:
    text = Text(line(step.name))
    text.append(f"  {'skipped' if skipped else step.state}", style=_STYLES[step.state])
    if step.attempts > 1 and step.tries:
        text.append(f"  attempt {step.attempts}", style="yellow")
    if not skipped:
        since = step.tries[-1].started_at if step.tries else step.started_at
        text.append(f"  {ago((step.ended_at or now) - since)}", style="dim")
    if last:
        text.append(f"  {line(last, _WORDS)}", style="italic dim")
    return text
