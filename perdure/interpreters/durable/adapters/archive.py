"""History files on disk: written whole, read, and held against the code that is there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import attrs

from perdure.interpreters.durable import histories
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.errors import Corrupt, Unavailable, Unusable
from perdure.interpreters.durable.foresee import retrace
from perdure.interpreters.durable.recorded import Recorded
from perdure.interpreters.durable.verdicts import Cannot, EndsOtherwise, NeedsRename, Verdict


def text_of(recorded: Recorded, here: Path) -> str:
    """A run as the text of a history file, in which places below `here` are paths from there."""
    found = places.relative(places.Target(recorded.run.target, recorded.run.folder), here)
    return histories.dump(
        attrs.evolve(recorded, run=attrs.evolve(recorded.run, target=found.text, folder=found.folder))
    )


def write(text: str, file: Path) -> None:
    """Write a history file, all of it or nothing; it is readable by its owner only, as the database is.

    Raises:
        Unavailable: It cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror or error}") from error


def read(file: Path) -> Recorded:
    """Read a history file.

    Raises:
        Unusable: There is none, or it is of a later release.
        Corrupt: It was changed after it was written, or is cut off.
    """
    try:
        return histories.load(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Corrupt(f"{file} was changed after it was written: {error}") from error


def judge(
    recorded: Recorded, target: places.Target | None, here: Path, rename: Mapping[str, str]
) -> Verdict | EndsOtherwise:
    """Whether today's code does what was recorded. Nothing is executed and nothing is written.

    Args:
        recorded: The run.
        target: Where its workflow is now; where it was, by default.
        here: The folder from which a place that was recorded as a path from somewhere is looked for.
        rename: Old names (or paths) of steps to new ones, for the runs that need them.

    Raises:
        Corrupt: Its recorded end was changed after it was written.
    """
    run = recorded.run
    try:
        call = places.call_of(run, target or places.absolute(places.Target(run.target, run.folder), here))
    except Corrupt as missing:
        return Cannot("corrupt", str(missing))
    verdict = retrace(recorded, call)
    if isinstance(verdict, NeedsRename) and verdict.rename.items() <= rename.items():
        return retrace(recorded, call, rename=verdict.rename)
    return verdict
