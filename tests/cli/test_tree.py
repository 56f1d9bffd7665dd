"""The live tree shows the steps of a run as the tree of their paths, and obeys no markup."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys

from rich.console import Console
from terminal import PATIENCE, Terminal

from perdure.cli.steps import Fold
from perdure.cli.tree import drawing
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
