"""A target at a git revision: its whole repository as it was, in a folder that is gone afterwards.

Nothing of the repository is touched: not its index, not its work tree, not its list of work trees.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from perdure.interpreters.durable.errors import Unavailable, Unusable


@attrs.frozen
class Version:
    """A target, now or at a revision: `flows.py:ship` or `flows.py:ship@HEAD~1`."""

    target: str
    revision: str

    @classmethod
    def of(cls, text: str) -> Version:
        """Read what a person typed.

        Example:
            >>> Version.of("flows.py:ship@HEAD~1")
            Version(target='flows.py:ship', revision='HEAD~1')
        """
        where, mark, rest = text.rpartition(":")
        name, _, revision = rest.partition("@")
        return cls(f"{where}{mark}{name}", revision)


@attrs.frozen
class Place:
    """A target, and the working directory in which it means what is meant. `root` is a folder of ours, if one is."""

    target: str
    here: Path
    root: Path | None = None


@contextlib.contextmanager
def checked_out(version: Version, here: Path) -> Iterator[Place]:
    """Where a version can be loaded from, for as long as this is open.

    Args:
        version: The target as typed.
        here: The working directory.

    Raises:
        Unusable: There is no repository, or no such revision.
        Unavailable: git is not installed.
    """
    if not version.revision:
        yield Place(version.target, here)
        return
    where, mark, name = version.target.rpartition(":")
    file = (here / where).resolve() if where.endswith(".py") else None
    beside = file.parent if file is not None and file.parent.is_dir() else here
    top = _top(beside, version)
    commit = _git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{version.revision}^{{commit}}"], top)
    if commit is None:
        missing = Unusable(f"there is no revision {version.revision!r} in {top}: give a branch, a tag or a commit")
        missing.add_note("git log --oneline")
        raise missing
    with tempfile.TemporaryDirectory(prefix="perdure-") as folder:
        root = Path(folder).resolve() / "tree"
        index = {"GIT_INDEX_FILE": str(root.with_name("index"))}
        if (
            _git(["read-tree", commit], top, index) is None
            or _git(["checkout-index", "--all", f"--prefix={root}/"], top, index) is None
        ):
            raise Unavailable(f"git cannot write out revision {version.revision!r} of {top}")
        there = root / here.resolve().relative_to(top) if here.resolve().is_relative_to(top) else root
        there.mkdir(parents=True, exist_ok=True)  # the working directory may be younger than the revision
        target = version.target if file is None else f"{root / file.relative_to(top)}{mark}{name}"
        yield Place(target, there, root)


def _top(folder: Path, version: Version) -> Path:
    found = _git(["rev-parse", "--show-toplevel"], folder)
    if found is None:
        raise Unusable(
            f"{folder} is in no git repository, so there is no revision {version.revision!r} of {version.target}: "
            "compare two targets, such as old.py:ship new.py:ship"
        )
    return Path(found).resolve()


def _git(arguments: list[str], folder: Path, environment: dict[str, str] | None = None) -> str | None:
    """What git says, or None where it refuses."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unavailable(
            "there is no command git, which has the revisions: install it, or compare two files"
        ) from error
    return done.stdout.strip() if done.returncode == 0 else None
