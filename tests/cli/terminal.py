"""A terminal for the tests: commands in this process where that is cheaper, and as real processes where it matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest
from click.testing import CliRunner

FLOWS = """
import os
import time
from datetime import timedelta
from pathlib import Path

import attrs

from perdure import Denied, Do, Fault, approval, compensate, saga, signal, sleep, step, suspend, workflow
from perdure import Approved, Expired, Retry, StepFault, parallel


@attrs.frozen
class Refused(Fault):
    why: str


@step
def greet(name: str) -> str:
    print("a step may print")
    return f"hello {name}"


@step
def count(items: list[int], by: int) -> int:
    return sum(items) * by


@workflow
def hello(name: str) -> Do[str]:
    return (yield from greet(name))


@workflow
def total(items: list[int], by: int = 2, *, label: str = "") -> Do[int]:
    return (yield from count(items, by))


@workflow
def gated(name: str) -> Do[str, Refused | StepFault]:
    text = yield from greet(name)
    match (yield from approval("go", prompt=f"Say {text}?", show={"text": text})):
        case Denied(note=note):
            raise Refused(note)
        case Approved():
            return text


@workflow
def asks() -> Do[int]:
    return (yield from suspend("how-many", int, prompt="How many?"))


@workflow
def two_gates() -> Do[list[bool]]:
    return list((yield from parallel(suspend("left"), suspend("right"))))


@workflow
def expires() -> Do[bool, Expired]:
    return (yield from suspend("soon", expires=timedelta(milliseconds=1)))


@workflow
def paid() -> Do[int]:
    return (yield from signal("paid", int))


@workflow
def later() -> Do[None]:
    yield from sleep(timedelta(days=3))


@workflow
def buggy() -> Do[int]:
    yield from greet("bees")
    raise ZeroDivisionError("a bug")


@step(retry=Retry(attempts=3, wait=timedelta(days=1)))
def flaky() -> int:
    raise OSError("no route")


@workflow
def retries() -> Do[int]:
    return (yield from flaky())


@step
def breaks(text: str) -> int:
    raise ValueError(text)


@workflow
def broken(text: str) -> Do[int]:
    return (yield from breaks(text))


@step
def undo() -> None:
    return None


@workflow
def undoable() -> Do[bool]:
    return (yield from saga(body()))


@workflow
def body() -> Do[bool]:
    yield from compensate(greet("bees"), lambda _: undo())
    return (yield from suspend("sure"))


@step
def held(door: str) -> str:
    with open(door + ".knocks", "a") as knocks:
        knocks.write("knock\\n")
    while not os.path.exists(door):
        time.sleep(0.01)
    return "open"


@workflow
def behind(door: str) -> Do[str]:
    return (yield from held(door))
"""

#: How long a test waits for another process, in seconds; nothing is asserted about how long it took.
PATIENCE = 60.0


@attrs.frozen
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """All of stdout as one document that fits its schema."""
        tree: dict[str, Any] = json.loads(self.out)
        fits(tree)
        return tree


def schema(name: str) -> dict[str, Any]:
    """A schema as it is shipped."""
    text = resources.files("perdure.cli").joinpath("schemas", f"{name}.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def fits(tree: dict[str, Any]) -> None:
    """Hold a document against the schema that it names."""
    name = tree["schema"].removeprefix("perdure.").removesuffix("/1")
    jsonschema.Draft202012Validator(schema(name)).validate(tree)


class Terminal:
    """A folder with workflows and no database yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".git").mkdir()  # the walk for a database ends here
        (folder / "flows.py").write_text(FLOWS)
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def database(self) -> Path:
        return self.folder / ".perdure" / "perdure.db"

    def here(self, *arguments: str, input: str | None = None, **environment: str) -> Said:
        """A command, in this process."""
        from perdure.cli.main import cli

        done = CliRunner().invoke(cli, arguments, input=input, env=environment)
        assert isinstance(done.exception, SystemExit | None), done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def started(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A command, as a process that goes on."""
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure", *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def alone(self, *arguments: str, **environment: str) -> Said:
        """A command, as a process, to its end."""
        return ended(self.started(*arguments, **environment))

    def close(self) -> None:
        """End what a test left running."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> Said:
    """Wait for a process."""
    out, err = process.communicate(timeout=PATIENCE)
    return Said(process.returncode, out, err)


def until(seen: Callable[[], object]) -> None:
    """Look until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal in a folder of its own, whatever the environment says."""
    for name in [n for n in os.environ if n.startswith(("PERDURE", "SHIP_")) or n in ("NO_COLOR", "FORCE_COLOR")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = Terminal(tmp_path)
    yield made
    made.close()
