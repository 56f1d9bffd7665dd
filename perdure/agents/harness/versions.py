"""Which version of a program is installed: npm may have taken an older one than anybody thinks."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping

import anyio

#: By the file and its time, so that an update in the middle of a long run is noticed.
_known: dict[tuple[str, int], str] = {}
_SECONDS = 30.0


async def version_of(program: str, env: Mapping[str, str]) -> str:
    """What it says to `--version`, in short; empty where it is not installed, cannot be started or says nothing."""
    path = shutil.which(program, path=env.get("PATH"))
    if path is None:
        return ""
    key = (path, os.stat(path).st_mtime_ns)
    if key not in _known:
        said = ""
        with contextlib.suppress(OSError), anyio.move_on_after(_SECONDS):  # such as one for another machine
            done = await anyio.run_process(
                [path, "--version"], stdin=subprocess.DEVNULL, check=False, env=env, start_new_session=True
            )
            said = (done.stdout + b"\n" + done.stderr).decode(errors="replace")
        found = re.search(r"\d+\.\d+[\w.+-]*", said)
        _known[key] = found[0] if found else ""
    return _known[key]
