"""What the tests of programs share: small programs, and a look at which processes live."""

from __future__ import annotations

import os
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import attrs

from perdure.agents.process import Launch, Limits

#: Nothing waits for so long; it only bounds what would else hang.
DEADLINE_SECONDS = 30.0
QUICK = timedelta(milliseconds=200)


def fresh_mark() -> str:
    return uuid.uuid4().hex


def python(folder: Path, code: str, *arguments: str, stdin: str = "", **env: str) -> Launch:
    """A program: Python code that is run in a folder."""
    return Launch(
        (sys.executable, "-I", "-S", "-c", textwrap.dedent(code), *arguments),
        {"PATH": "/usr/bin:/bin", **env},
        folder,
        stdin,
    )


def into(lines: list[str]) -> Callable[[str], bool]:
    """Keeps each line that a program prints."""

    def keep(line: str) -> bool:
        lines.append(line)
        return False

    return keep


def limits(**those: timedelta) -> Limits:
    return attrs.evolve(Limits(grace=QUICK), **those)


def alive(pid: int) -> bool:
    """Whether a process lives; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def zombies() -> list[int]:
    """The children of this process that have ended and that nobody waited for."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split() if folder.name.isdigit() else []
        except OSError:
            continue
        if fields[:2] == ["Z", str(os.getpid())]:
            found.append(int(folder.name))
    return found


def until(seen: Callable[[], object], what: str) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not seen():
        assert time.monotonic() < end, f"never seen: {what}"
        time.sleep(0.01)


def number_in(path: Path) -> int:
    """The number that somebody writes there."""
    until(lambda: path.exists() and path.read_text().endswith("\n"), f"a number in {path.name}")
    return int(path.read_text())
