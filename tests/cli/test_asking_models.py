"""Models in runs: what is recorded of them is shown, survives a kill, and holds no secret."""

from __future__ import annotations

import base64
import json
import signal
import sqlite3
import sys
import time
from urllib.parse import quote

import pytest
from terminal import Terminal, ended, until

from perdure.testing.models import FakeProvider, Heard, Said, in_order

KEY = "hunter2/hunter2+hunter2"

MODELS = """
import os

import attrs

from perdure import Do, Model, ask, workflow

FAST = Model("openai/gpt-4o", base_url=os.environ.get("FAST_URL", "") + "/v1")
CAREFUL = Model("anthropic/claude-sonnet-4-5", base_url=os.environ.get("CAREFUL_URL"))
OWN = Model("openai/of-my-own", base_url=os.environ.get("FAST_URL", "") + "/v1")


@attrs.frozen
class Plan:
    steps: list[str]


@workflow
def planned(topic: str) -> Do[Plan]:
    return (yield from ask("plan", [FAST, CAREFUL], f"Plan {topic}", Plan))


@workflow
def alone(topic: str) -> Do[str]:
    return (yield from ask("think", FAST, f"Think of {topic}"))


@workflow
def unpriced(topic: str) -> Do[str]:
    return (yield from ask("think", OWN, f"Think of {topic}"))
"""

PLAN = '{"steps": ["dig"]}'


@pytest.fixture
def models(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    (terminal.folder / "models.py").write_text(MODELS)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)
    return terminal


def test_a_limited_model_hands_over_to_the_next_and_every_hop_is_shown_with_its_reason(models: Terminal) -> None:
    limited = Said(status=429, error="slow down", headers={"retry-after": "3600"})
    with FakeProvider(in_order(limited)) as fast, FakeProvider(in_order('{"steps": "dig"}', PLAN)) as careful:
        environment = {"FAST_URL": fast.url, "CAREFUL_URL": careful.url}
        ran = models.here("run", "models.py:planned", "-a", "topic=bees", "--id", "r1", **environment)

    assert ran.code == 0, ran.err
    assert (len(fast.heard), len(careful.heard)) == (1, 2)
    step = models.here("show", "r1", "plan", "--json").document
    assert [(each["agent"], each["error"]) for each in step["tries"]] == [
        ("openai/gpt-4o", "rate (429): slow down"),
        ("anthropic/claude-sonnet-4-5", "invalid_output: $.steps: 'dig' is not of type 'array'"),
        ("anthropic/claude-sonnet-4-5", None),
    ]
    assert step["output"] == {"steps": ["dig"]}
    assert (step["spent"]["input"], step["spent"]["output"]) == (22, 14)
    assert (step["spent"]["sources"], step["spent"]["unpriced"]) == (["priced"], 0)
    run = models.here("show", "r1", "--json").document
    assert run["spent"] == step["spent"]
    people = models.here("show", "r1").out
    assert "planned/plan went from openai/gpt-4o to anthropic/claude-sonnet-4-5: rate (429): slow down" in people
    assert "tokens 22 in, 14 out; $0.000276 priced" in people
    assert "goes on" in models.here("logs", "r1").out


def test_an_unknown_price_is_shown_as_unknown(models: Terminal) -> None:
    with FakeProvider(in_order("of honey")) as fast:
        models.here("run", "models.py:unpriced", "-a", "topic=bees", "--id", "r1", FAST_URL=fast.url)

    assert "tokens 11 in, 7 out; cost unknown" in models.here("show", "r1").out
    assert models.here("show", "r1", "--json").document["spent"]["usd"] is None


def test_a_worker_that_is_killed_while_it_waits_for_a_provider_leaves_the_wait_as_it_was(models: Terminal) -> None:
    arrivals: list[float] = []

    def script(_: Heard) -> Said:
        arrivals.append(time.time())
        return Said("of honey") if len(arrivals) > 1 else Said(status=429, headers={"retry-after": "7"})

    def due() -> int | None:
        with sqlite3.connect(f"file:{models.database}?mode=ro", uri=True) as database:
            found = database.execute("SELECT payload FROM journal WHERE kind = 'wait'").fetchall()
        return int(json.loads(found[-1][0])["due"]) if found else None

    with FakeProvider(script) as fast:
        worker = models.started("run", "models.py:alone", "-a", "topic=bees", "--id", "r1", FAST_URL=fast.url)
        until(lambda: models.database.exists() and len(arrivals) == 1 and due())
        worker.send_signal(signal.SIGKILL)
        ended(worker)
        wanted = due()
        resumed = models.alone("resume", "r1", FAST_URL=fast.url)

    assert resumed.code == 0, resumed.err
    assert wanted is not None
    assert due() == wanted
    assert len(arrivals) == 2
    assert arrivals[1] >= wanted / 1000
    step = models.here("show", "r1", "think", "--json").document
    assert (step["attempts"], [each["error"] for each in step["tries"]]) == (2, ["rate (429): scripted error", None])


def test_a_key_is_nowhere_in_what_is_recorded_or_said(models: Terminal) -> None:
    encoded = base64.b64encode(f"user:{KEY}".encode()).decode()
    leaks = Said(f"the key is {KEY}, {quote(KEY, safe='')} or {encoded}")
    wrong = Said(status=500, error=f"no entry for {KEY}", headers={"retry-after": "0"})
    with FakeProvider(in_order(wrong, leaks)) as fast:
        ran = models.alone("run", "models.py:alone", "-a", "topic=bees", "--id", "r1", FAST_URL=fast.url)

    assert ran.code == 0, ran.err
    assert fast.heard[0].key == KEY
    told = [models.here(*words).out for words in (["show", "r1"], ["show", "r1", "think"], ["logs", "r1", "--jsonl"])]
    files = [each for each in models.folder.rglob("*") if each.is_file() and each.name != "models.py"]
    recorded = b"".join(each.read_bytes() for each in files).decode(errors="replace")
    everything = "\n".join([recorded, ran.out, ran.err, *told])
    assert "[hidden]" in everything
    assert {each.name for each in models.folder.iterdir()} <= {
        ".git",
        ".perdure",
        "flows.py",
        "models.py",
        "__pycache__",
    }
    for form in (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode().rstrip("="), encoded[8:-4]):
        assert form not in everything


def test_a_model_without_its_extra_blocks_the_run_and_names_the_command(
    models: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeProvider(in_order("of honey")) as fast:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "litellm", None)
            ran = models.here("run", "models.py:alone", "-a", "topic=bees", "--id", "r1", FAST_URL=fast.url)
        seen = models.here("show", "r1", "--json").document
        resumed = models.here("resume", "r1", FAST_URL=fast.url)

    assert ran.code == 7
    assert "pip install 'perdure[models]'" in ran.err
    assert (seen["state"], seen["why"].partition(":")[0]) == ("blocked", "extra")
    assert resumed.code == 0, resumed.err
