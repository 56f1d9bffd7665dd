"""A git worktree of an agent's own: it changes no file of anybody else, and every attempt finds what the last one did.

Harnesses keep their conversations in folders named after the working directory, so a step has one path, and keeps it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import anyio

from perdure.agents.places import run_of
from perdure.agents.reply import AgentError
from perdure.core.asked import Attempt


async def worktree(cwd: Path, attempt: Attempt, env: Mapping[str, str]) -> Path:
    """The folder to work in, in the step's worktree; it is made, at HEAD, at the first attempt.

    Raises:
        AgentError: `cwd` is in no git repository, or git refuses.
    """
    top = Path(await _git(cwd, env, "rev-parse", "--show-toplevel"))
    tree = top.parent / f"{top.name}.perdure" / f"{run_of(attempt)}-{attempt.idempotency_key[:12]}"
    if tree.exists():
        state = Path(await _git(tree, env, "rev-parse", "--absolute-git-dir"))
        if (state / "locked").exists():  # git's own sign that it was killed while it made this one
            await _git(top, env, "worktree", "remove", "--force", "--force", str(tree))
    if not tree.exists():
        await _git(top, env, "worktree", "add", "--detach", str(tree), "HEAD")
    return tree / cwd.resolve().relative_to(top.resolve())


async def _git(folder: Path, env: Mapping[str, str], *words: str) -> str:
    try:
        done = await anyio.run_process(
            ["git", "-C", str(folder), *words], stdin=subprocess.DEVNULL, check=False, env=env
        )
    except FileNotFoundError:
        raise AgentError("config", "worktree=True needs git, which is not on the PATH: install it") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise AgentError(
            "config", f"worktree=True, and git {words[0]} in {folder} says: {said}. Make it a repository with a commit"
        )
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")
