"""A few of the points of `syscalls.py`, at every run of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import no_strace

SCRIPT = Path(__file__).with_name("syscalls.py")


def test_killed_before_a_call_that_writes_the_run_is_taken_up_and_ends_the_same() -> None:
    why = no_strace()
    if why is not None:
        pytest.skip(why)

    done = subprocess.run([sys.executable, SCRIPT, "--sample", "3", "--require"], capture_output=True, text=True)

    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 points killed" in done.stdout
