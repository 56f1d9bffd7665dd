"""The live tree shows the steps of a run as the tree of their paths, and obeys no markup."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from terminal import PATIENCE, Terminal

from perdure.agents.live import Live
from perdure.agents.reply import Began, Event, Text, ToolEnded, ToolStarted
from perdure.cli.overhearing import Overheard
from perdure.cli.steps import Fold
from perdure.cli.tree import drawing
from perdure.core.asked import Attempt
from perdure.core.identity import idempotency_key
from perdure.interpreters.durable.chain import chained, genesis
from perdure.interpreters.durable.ports import Entry, Kind


def journal(*told: tuple[Kind, str, int, dict[str, object]]) -> list[Entry]:
    """Entries, a second apart."""
    previous, entries = genesis("r1"), []
    for seq, (kind, path, attempt, payload) in enumerate(told, start=1):
        entries.append(chained(previous, seq, kind, path, attempt, 1, seq * 1000, "", "", json.dumps(payload)))
        previous = entries[-1].digest
    return entries


def drawn(fold: Fold, skipped: set[str]) -> list[str]:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(drawing("flow  r1", fold, skipped, 10_000))
    return console.export_text().splitlines()


def test_steps_are_drawn_under_their_scopes() -> None:
    fold = Fold(
        journal(
            ("begin", "flow/a", 1, {"as": "step -> int"}),
            ("end", "flow/a", 1, {"ok": 1}),
            ("begin", "flow/all/0/b[red]\x1b", 1, {"as": "step -> int"}),
            ("begin", "flow/all/0/b[red]\x1b", 2, {"as": "step -> int"}),
            ("wait", "flow/gate", 1, {"gate": "gate", "due": None, "as": "suspend -> bool"}),
        )
    )

    assert drawn(fold, {"flow/a"}) == [
        "flow  r1",
        "├── a  skipped",
        "├── all",
        "│   └── 0",
        "│       └── b[red]\\x1b  running  attempt 2  6.0s",
        "└── gate  waiting  5.0s",
    ]


def test_a_running_step_shows_the_last_words_of_its_agent() -> None:
    fold = Fold(
        journal(
            ("begin", "flow/done", 1, {"as": "ask -> int"}),
            ("end", "flow/done", 1, {"ok": 1}),
            ("begin", "flow/work", 1, {"as": "ask -> int"}),
        )
    )
    console = Console(width=120, file=io.StringIO(), record=True)

    console.print(drawing("flow  r1", fold, set(), 10_000, lambda path: f"coder: [b]{path}\x1b{'x' * 100}"))

    done, work = console.export_text().splitlines()[1:]
    assert done == "├── done  done  1.0s"
    assert work == f"└── work  running  7.0s  coder: [b]flow/work\\x1b{'x' * 36}…"


def words_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *events: Event) -> str:
    """What is seen of an agent after it said and did this."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    fold = Fold(journal(("begin", "flow/work", 1, {"as": "ask -> int"})))
    overheard = Overheard("d1", "r1", fold.steps.values())
    attempt = Attempt("r1", "flow/work", 1, idempotency_key("d1", "r1", "flow/work"))
    for event in (Began("coder"), *events):
        Live(os.environ)(attempt, event)
    overheard.more(fold.steps.values())
    return overheard.last("flow/work")


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ((), ""),
        ((Text("I lo"), Text("ok.")), "coder: I look."),
        ((Text("I look.\nAnd"), Text(" now?\n\n")), "coder: And now?"),
        ((Text("I look."), ToolStarted("1", "Bash", {"command": "ls -l"})), "coder: uses Bash ls -l"),
        ((ToolStarted("1", "Bash", {}), ToolEnded("1", True, "a b c"), Text("There")), "coder: There"),
    ],
)
def test_the_last_of_an_agent_is_its_line_or_its_tool(
    events: tuple[Event, ...], last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert words_of(tmp_path, monkeypatch, *events) == last


def test_only_the_last_steps_of_many_are_drawn() -> None:
    told: list[tuple[Kind, str, int, dict[str, object]]] = [("begin", f"flow/s{n}", 1, {}) for n in range(100)]
    fold = Fold(journal(*told))

    lines = drawn(fold, set())

    assert lines[1] == "├── … 70 steps before"
    assert len(lines) == 32


def test_on_a_terminal_the_tree_is_drawn_and_the_value_stays_alone_on_stdout(terminal: Terminal) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "perdure", "run", "flows.py:hello", "-a", "name=bees", "--id", "r1"],
        cwd=terminal.folder,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        text=True,
    )
    os.close(theirs)
    said = b""
    try:
        while more := os.read(ours, 65536):
            said += more
    except OSError:  # the other side is closed: how a pty ends on Linux
        os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)

    assert out == '"hello bees"\n'
    assert b"greet" in said
    assert b"done" in said
    assert b"a step may print" in said
