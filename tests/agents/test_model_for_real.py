"""A real language model (`-m tiny_model`), on loopback through litellm: its answers are of the type that was asked."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs
import pytest
from click.testing import CliRunner
from loading import loaded
from returns.result import Success
from scenes import until
from tiny_model import missing, tiny_model

import perdure
from perdure import Do, Model, Waiting, ask, workflow
from perdure.cli.main import cli

pytestmark = [pytest.mark.tiny_model, pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ship.py"

#: By such examples a model that only goes on with a text sees what is asked of it.
SORTED = """Ticket: I cannot log in since Monday.
{"title": "No login since Monday", "stars": 1, "kind": "bug", "words": ["login", "Monday"]}

Ticket: Thank you, the new editor is lovely.
{"title": "Thanks for the editor", "stars": 5, "kind": "praise", "words": ["editor"]}
"""
RESEARCHED = 'Research ants\n{"topic": "ants", "findings": ["They dig.", "They carry leaves."]}\n'
PLANNED = 'Plan from: They dig. They carry leaves.\n{"text": "1. Watch them dig. 2. Write it down.", "risky": false}\n'
WRITTEN = 'Implement:\n1. Watch them dig.\n{"title": "Ants", "lines": ["They dig.", "They carry leaves."]}\n'


@attrs.frozen
class Ticket:
    """What a user wrote, sorted."""

    title: str
    stars: int
    kind: Literal["bug", "question", "praise"]
    words: list[str]


def model(url: str, examples: str) -> Model:
    """The model of a server of one's own: litellm has it in no list, so it is said that it can be held to a schema."""
    return Model(
        "openai/tiny", base_url=f"{url}/v1", native=True, system=examples, temperature=0, max_tokens=400, key="TINY_KEY"
    )


@workflow
def sort(text: str, url: str) -> Do[Ticket]:
    return (yield from ask("sort", model(url, SORTED), f"Ticket: {text}", Ticket))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tiny_model() as url:
        yield url


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", "any-word-will-do")  # the server asks for none, and litellm for some


def shown(database: Path, *words: str) -> str:
    """What `perdure show` prints."""
    done = CliRunner().invoke(cli, ["show", *words, "--db", str(database)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_it_answers_is_of_the_type_that_was_asked_and_its_tokens_are_shown(server: str, tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    with perdure.open(database) as store:
        outcome = store.start(sort("The export crashes when I click on save.", server), id="r1").result()

    assert isinstance(outcome, Success)
    ticket = outcome.unwrap()
    assert isinstance(ticket, Ticket)
    assert ticket.kind in ("bug", "question", "praise")
    step = shown(database, "r1", "sort")
    assert ", openai/tiny\n" in step
    assert re.search(r"tokens [1-9]\d in, [1-9]\d out; cost unknown", step)


def test_it_researches_plans_and_writes_what_a_person_approved(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = loaded(EXAMPLE, "ship")
    crew = example.Crew(*(model(server, examples) for examples in (RESEARCHED, PLANNED, WRITTEN)))
    monkeypatch.setattr(example, "LIVE", crew)
    with perdure.open(tmp_path / "runs.db") as store:
        waiting = store.start(example.ship("bees", live=True), id="r1").result()
        (gate,) = store.inbox()
        store.approve("r1", by="ann")
        outcome = store.resume("r1").result()

    assert isinstance(waiting, Waiting)
    assert set(json.loads(gate.show)) == {"text", "risky"}
    assert isinstance(outcome, Success)
    assert outcome.unwrap().startswith("report://")


FLOW = f"""
from perdure import Do, Model, ask, workflow

@workflow
def story(topic: str) -> Do[list[str]]:
    tiny = Model("openai/tiny", native=True, system={RESEARCHED!r}, temperature=0, max_tokens=400, key="TINY_KEY")
    return (yield from ask("tell", tiny, f"Research {{topic}}", list[str]))
"""


def test_a_worker_that_is_killed_while_it_answers_costs_an_attempt_and_no_more(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "runs.db"
    (tmp_path / "flows.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server}/v1")
    command = [sys.executable, "-m", "perdure", "--db", str(database)]

    worker = subprocess.Popen([*command, "run", "flows.py:story", "-i", '"bees"', "--id", "r1", "-q"])
    until(lambda: database.exists() and begun(database), "the ask")
    worker.kill()
    worker.wait()
    resumed = subprocess.run([*command, "resume", "r1", "-q"], capture_output=True, text=True, check=False)

    assert resumed.returncode == 0, resumed.stderr
    told = json.loads(resumed.stdout)
    assert told
    assert all(isinstance(each, str) for each in told)
    step = json.loads(shown(database, "r1", "tell", "--json"))
    assert step["attempts"] == 2


def begun(database: Path) -> bool:
    """Whether an attempt was begun."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as journal:
        return bool(journal.execute("SELECT 1 FROM journal WHERE kind = 'begin'").fetchall())
