"""Where what agents leave is: beside nothing of the user's, and for the user's eyes only."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from perdure.core.asked import Attempt

#: In memory every run has the same name and keys; there, leavings are apart by process.
_MEMORY = "memory"


def run_of(attempt: Attempt) -> str:
    """A name for the run that no other run on this machine has at the same time."""
    return f"{_MEMORY}-{os.getpid()}" if attempt.run_id == _MEMORY else attempt.run_id


def mark_of(attempt: Attempt) -> str:
    """By what the processes of a step are known: its run, and its key.

    In memory every run has the same keys, so there it is a fresh one at each call.
    """
    key = uuid.uuid4().hex if attempt.run_id == _MEMORY else attempt.idempotency_key
    return f"{run_of(attempt)}/{key}"


def home_of(environ: Mapping[str, str], attempt: Attempt) -> Path:
    """The home folder of an isolated agent: empty at the first attempt of a step, and the same at every later one."""
    home = _step(environ, attempt) / "home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def log_of(environ: Mapping[str, str], attempt: Attempt) -> Path:
    """The file that keeps what the agent printed in an attempt."""
    return _step(environ, attempt) / f"attempt-{attempt.number}.log"


def events_of(environ: Mapping[str, str], attempt: Attempt) -> Path:
    """The file that keeps what the agent says and does in an attempt, while it does it."""
    return _step(environ, attempt) / f"attempt-{attempt.number}.events.jsonl"


def scratch_of(environ: Mapping[str, str], attempt: Attempt) -> Path:
    """A fresh folder for the files of one turn: not in a shared one, where some harnesses trust no file."""
    step = _step(environ, attempt)
    step.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="turn-", dir=step))


def _step(environ: Mapping[str, str], attempt: Attempt) -> Path:
    return root_of(environ) / run_of(attempt) / attempt.idempotency_key[:16]


def root_of(environ: Mapping[str, str]) -> Path:
    """The folder with all of it: `RUN/STEP/…` in there."""
    state = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return Path(state) / "perdure" / "agents"
