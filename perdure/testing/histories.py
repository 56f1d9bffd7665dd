"""Recorded runs as tests: whatever the code becomes, it must still do what was recorded."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path

from perdure.interpreters.durable.adapters import archive, places
from perdure.interpreters.durable.errors import DurableError
from perdure.interpreters.durable.verdicts import GoesOn, details, headline


def replay_all(
    pattern: str | os.PathLike[str], *, target: str | None = None, rename: Mapping[str, str] | None = None
) -> int:
    """Hold history files against today's code. Nothing is executed and nothing is written.

    Args:
        pattern: Which files, as a glob: `histories/*.jsonl`, from the working directory; `**` stands for any folders.
        target: Where the workflow is now, as `file.py:workflow` or `package.module:workflow`; where each was exported
            from, by default.
        rename: Old names (or paths) of steps to new ones, for the runs that need them.

    Returns:
        How many there were.

    Raises:
        AssertionError: Some do not replay: one paragraph for each, with what was recorded and what the code asks.
        FileNotFoundError: There is none: a test of nothing would pass for ever.

    Example:
        >>> from perdure.testing import replay_all
        >>> replay_all("no/such/folder/*.jsonl")
        Traceback (most recent call last):
        FileNotFoundError: no history is called no/such/folder/*.jsonl: make one with `perdure export RUN -o FILE`
    """
    files = sorted(glob.glob(os.fspath(pattern), recursive=True))
    if not files:
        raise FileNotFoundError(
            f"no history is called {os.fspath(pattern)}: make one with `perdure export RUN -o FILE`"
        )
    place = places.target(target, Path.cwd()) if target is not None else None
    found = [said for said in (_found(Path(file), place, rename or {}) for file in files) if said]
    if found:
        raise AssertionError("\n\n".join([f"{len(found)} of {len(files)} histories do not replay", *found]))
    return len(files)


def _found(file: Path, place: places.Target | None, rename: Mapping[str, str]) -> str:
    """What is wrong with one, in a paragraph; nothing where it replays."""
    try:
        recorded = archive.read(file)
        verdict = archive.judge(recorded, place, Path.cwd(), rename)
    except DurableError as error:
        return f"{file}: {error}"
    if isinstance(verdict, GoesOn):
        return ""
    lines = details(verdict, ("perdure", "replay", str(file)))
    return "\n".join([f"{file} (run {recorded.run.run_id}): {headline(verdict)}", *(f"  {line}" for line in lines)])
