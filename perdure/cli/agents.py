"""`agents`: which coding agents are installed here, in which version, and whether they know who you are."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from perdure.cli import printing
from perdure.cli.common import Common, command

if TYPE_CHECKING:
    from perdure.agents.harness.adapter import Adapter

#: login: its own file of a login is there. key: a variable with a key is set. none: neither. unknown: it keeps logins
#: where they cannot be seen.
Known: TypeAlias = Literal["login", "key", "none", "unknown"]


@attrs.frozen
class Found:
    """One coding agent, as it stands here."""

    agent: str
    title: str
    program: str
    path: str | None
    version: str
    known: Known
    by: str
    install: str

    @property
    def text(self) -> str:
        """One line for people."""
        if self.path is None:
            return f"{self.agent:<11} not installed: {self.install}"
        start = f"start {self.program} once and log in, or " if self.program else ""
        says = {
            "login": f"logged in (~/{self.by})",
            "key": f"not logged in; {self.by} is set: pass it on with env=[{self.by!r}]",
            "none": f"not logged in: {start}set {self.by}",
            "unknown": "its login cannot be seen from here",
        }[self.known]
        return f"{self.agent:<11} {self.version or '?':<10} {says}"


@command("perdure agents\nperdure agents --json")
def agents(common: Common) -> None:
    """Say which coding agents are installed, and who is logged in."""
    import anyio

    found = anyio.run(look_for_all)
    text = "\n".join(printing.line(each.text, 300) for each in found)
    common.tell("agents", {"agents": [attrs.asdict(each) for each in found]}, text, ["perdure doctor"])


async def look_for_all() -> list[Found]:
    """Every coding agent that perdure knows, installed or not."""
    import anyio

    from perdure.agents.harness.known import ADAPTERS, adapter_named

    found: dict[str, Found] = {}

    async def look(agent: str, adapter: Adapter[Any]) -> None:  # of whatever agent
        found[agent] = await _found(agent, adapter, os.environ)

    every = [(cls.__name__, adapter_named(name)) for cls, name in ADAPTERS.items()]
    listed = [(agent, adapter) for agent, adapter in every if adapter.package]
    async with anyio.create_task_group() as group:
        for agent, adapter in listed:
            group.start_soon(look, agent, adapter)
    return [found[agent] for agent, _ in listed]


async def _found(agent: str, adapter: Adapter[Any], environ: Mapping[str, str]) -> Found:  # of whatever agent
    from perdure.agents.environment import allowed
    from perdure.agents.harness.versions import version_of

    if adapter.distribution:
        path, version = _distribution(adapter.distribution)
    else:
        path = shutil.which(adapter.program, path=environ.get("PATH"))
        version = await version_of(adapter.program, allowed(environ))
    known, by = _known(adapter, environ)
    return Found(agent, adapter.title, adapter.program, path, version, known, by, adapter.package)


def _distribution(name: str) -> tuple[str | None, str]:
    """Where a package of Python is, and its version."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None, ""
    return str(found.locate_file("")), found.version


def _known(adapter: Adapter[Any], environ: Mapping[str, str]) -> tuple[Known, str]:
    """Whether it is there; what is in it is not looked at."""
    home = Path(environ.get("HOME") or Path.home())
    for login in adapter.logins:
        if (home / login).exists():
            return "login", login
    for key in adapter.keys:
        if environ.get(key):
            return "key", key
    if sys.platform == "darwin" and adapter.program == "claude":
        return "unknown", ""
    return "none", adapter.keys[0] if adapter.keys else ""
