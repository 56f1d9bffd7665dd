"""What running agents say is seen from another process, while they say it; `watch` ends as the run does."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from terminal import PATIENCE, Terminal, ended, fits, until

from perdure.testing.models import FakeProvider, Said, in_order

KEY = "hunter2-hunter2-hunter2"
#: In two parts it is two lines.
TEXT = "Bees hum.\nBees sum.\n"

FLOWS = """
import os

from perdure import Do, Model, ask, workflow

MODEL = Model("openai/gpt-4o", base_url=os.environ.get("MODEL_URL", "") + "/v1")


@workflow
def alone(topic: str) -> Do[str]:
    return (yield from ask("think", MODEL, f"Think of {topic}"))
"""


@pytest.fixture
def models(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    (terminal.folder / "models.py").write_text(FLOWS)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(terminal.folder / "state"))
    return terminal


def events(models: Terminal) -> str:
    """All that agents said, as it lies on the disk."""
    return "".join(path.read_text() for path in (models.folder / "state").rglob("*.events.jsonl"))


def run(models: Terminal, at: FakeProvider) -> subprocess.Popen[str]:
    """A run in a process of its own, once its model has begun to speak."""
    process = models.started("run", "models.py:alone", "-a", "topic=bees", "--id", "r1", MODEL_URL=at.url)
    until(lambda: "Text" in events(models))
    return process


def lines(process: subprocess.Popen[str], stream: str, wanted: str) -> list[str]:
    """What a process says up to a line."""
    file, said = getattr(process, stream).fileno(), b""
    while wanted.encode() not in said or not said.endswith(b"\n"):
        assert select.select([file], [], [], PATIENCE)[0], said
        more = os.read(file, 65536)
        assert more, said
        said += more
    return said.decode().splitlines()


def test_logs_tell_what_an_agent_says_while_it_says_it(models: Terminal) -> None:
    door = threading.Event()
    with FakeProvider(in_order(Said(TEXT, parts=2, door=door))) as at:
        running = run(models, at)
        following = models.started("logs", "r1", "-f")
        before = lines(following, "stdout", "Bees hum.")
        door.set()
        after = ended(following)
        done = ended(running)

    assert done.code == after.code == 0, done.err + after.err
    said = [line.strip().split(maxsplit=1)[1] for line in (*before, *after.out.splitlines()) if line[:1] == " "]
    assert said[:3] == [
        "started    alone/think",
        "says       alone/think  openai/gpt-4o: Bees hum.",
        "says       alone/think  openai/gpt-4o: Bees sum.",
    ]
    assert said.index("done       alone/think") > 2


def test_watch_shows_the_words_before_all_are_said_and_ends_as_the_run(models: Terminal) -> None:
    door = threading.Event()
    with FakeProvider(in_order(Said(TEXT, parts=2, door=door))) as at:
        running = run(models, at)
        watching = models.started("watch", "r1", "--json")
        before = lines(watching, "stderr", "says")
        door.set()
        done = ended(running)
        seen = ended(watching)

    assert done.code == seen.code == 0, seen.err
    assert seen.document["output"] == TEXT
    assert before[-1].endswith("says       alone/think  openai/gpt-4o: Bees hum.")
    assert "says       alone/think  openai/gpt-4o: Bees sum.\n" in seen.err


def test_programs_get_the_parts_as_they_come_as_lines_of_their_own_form(models: Terminal) -> None:
    door = threading.Event()
    with FakeProvider(in_order(Said("bees! bees!", parts=2, door=door))) as at:
        running = run(models, at)
        following = models.started("logs", "r1", "-f", "--jsonl")
        first = lines(following, "stdout", '"delta"')
        door.set()
        rest = ended(following)
        ended(running)

    trees = [json.loads(line) for line in (*first, *rest.out.splitlines())]
    for tree in trees:
        fits(tree)
    heard = [tree for tree in trees if tree["schema"] == "perdure.heard/1"]
    assert [(tree["event"], tree["more"]) for tree in heard] == [
        ("Began", {"agent": "openai/gpt-4o"}),
        ("Text", {"delta": "bees! "}),
        ("Text", {"delta": "bees!"}),
    ]
    assert {(tree["agent"], tree["attempt"], tree["path"]) for tree in heard} == {("openai/gpt-4o", 1, "alone/think")}


def test_a_secret_in_two_parts_is_neither_on_the_disk_nor_on_a_screen(models: Terminal) -> None:
    with FakeProvider(in_order(Said(f"{KEY}", parts=3))) as at:
        ran = models.here("run", "models.py:alone", "-a", "topic=bees", "--id", "r1", MODEL_URL=at.url)

    assert ran.out == '"[hidden]"\n'
    assert "[hidden]" in events(models)
    assert "hunter2" not in events(models)


def test_what_was_never_written_is_simply_not_told(models: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    door = threading.Event()
    with FakeProvider(in_order(Said("bees! bees!", parts=2, door=door))) as at:
        running = run(models, at)
        watching = models.started("watch", "r1", XDG_STATE_HOME=str(models.folder / "elsewhere"))
        door.set()
        seen, _ = ended(watching), ended(running)

    assert seen.code == 0
    assert "says" not in seen.err


def test_on_a_terminal_the_tree_shows_the_last_words(models: Terminal) -> None:
    door = threading.Event()
    ours, theirs = pty.openpty()
    with FakeProvider(in_order(Said("dancing bees", parts=2, door=door))) as at:
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure", "run", "models.py:alone", "-a", "topic=bees", "--id", "r1"],
            cwd=models.folder,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "MODEL_URL": at.url},
        )
        os.close(theirs)
        said = b""
        while b"gpt-4o: dancin" not in said:
            assert select.select([ours], [], [], PATIENCE)[0], said
            said += os.read(ours, 65536)
        watching = models.started("watch", "r1")
        door.set()
        try:
            while os.read(ours, 65536):
                pass
        except OSError:  # the other side is closed: how a pty ends on Linux
            os.close(ours)
        out, _ = process.communicate(timeout=PATIENCE)

    assert out == b'"dancing bees"\n'
    assert ended(watching).code == 0


@pytest.mark.parametrize(
    ("flow", "argument", "code"), [("hello", "name=bees", 0), ("gated", "name=bees", 3), ("broken", "text=no", 1)]
)
def test_a_run_that_nobody_drives_is_told_as_it_stands(terminal: Terminal, flow: str, argument: str, code: int) -> None:
    ran = terminal.here("run", f"flows.py:{flow}", "-a", argument, "--id", "r1", "--json")

    seen = terminal.here("watch", "r1", "--json")

    assert seen.code == ran.code == code
    assert seen.document == ran.document


def test_watching_writes_nothing(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    before = terminal.database.read_bytes()

    assert terminal.here("watch", "r1", "-q").err == ""
    assert terminal.database.read_bytes() == before


def test_an_unknown_run_is_told(terminal: Terminal, tmp_path: Path) -> None:
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "r1")

    assert terminal.here("watch", "nothing").code == 2
