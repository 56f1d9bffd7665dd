"""A machine for the tests of coding agents: nobody is known on it, and what is installed is what a test puts there."""

from __future__ import annotations

import importlib.metadata
import os
import stat
from pathlib import Path

import pytest
from terminal import Terminal


@pytest.fixture
def machine(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a PATH with nothing of anybody."""
    home, programs = tmp_path / "home", tmp_path / "programs"
    home.mkdir()
    programs.mkdir()
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return home


def install(machine: Path, name: str, says: str) -> None:
    program = machine.parent / "programs" / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(stat.S_IRWXU)


def nowhere(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if this package of Python were not installed."""
    real = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
