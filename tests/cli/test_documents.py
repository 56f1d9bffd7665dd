"""Every document that a command prints has a schema in the wheel, and every schema is one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from terminal import Terminal, schema

NAMES = sorted(Path(each.name).stem for each in resources.files("perdure.cli").joinpath("schemas").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_sound_and_closed(name: str) -> None:
    found = schema(name)

    jsonschema.Draft202012Validator.check_schema(found)
    assert found["title"] == found["properties"]["schema"]["const"] == f"perdure.{name}/1"
    assert found["additionalProperties"] is False
    assert ("next" in found["required"]) == (name not in ("event", "heard"))


def test_every_document_is_one_of_them(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1")
    commands = [
        *(["ps"], ["inbox"], ["doctor"], ["db", "path"], ["completion", "fish"], ["agents"]),
        *([verb, "r1"] for verb in ("show", "why", "logs", "approve", "resume", "cancel")),
        *(["show", "r1", "greet"], ["signal", "r2", "paid"], ["nothing"], ["plan", "flows.py:gated"], ["graph", "r1"]),
        *(["check", "flows.py:paid"], ["diff", "flows.py:paid", "flows.py:paid"]),
        *(["export", "r1", "-o", "r1.jsonl"], ["replay", "r1", "r1.jsonl"]),
    ]

    told = {terminal.here(*command, "--json").document["schema"] for command in commands}

    assert told == {f"perdure.{name}/1" for name in NAMES} - {
        "perdure.event/1",
        "perdure.heard/1",
        "perdure.demo/1",
        "perdure.fake/1",
        "perdure.live/1",
    }
