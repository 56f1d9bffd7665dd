"""`agents`: which coding agents are installed here, in which version, whether they know who you are, and work."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import click

from perdure.cli import completion, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.agents.harness.adapter import Adapter
    from perdure.cli.rehearsing import Rehearsed
    from perdure.cli.trying import Tried
    from perdure.core.agents import Harness, Model

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


@command("perdure agents\nperdure agents --fake\nperdure agents --live ClaudeCode openai/gpt-4o")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completion.agents)
@click.option("--fake", is_flag=True, help="Ask each for one word, of a server on this machine: no key, no cost.")
@click.option(
    "--live", is_flag=True, help="Ask each for one word. That costs what it costs: a fraction of a cent or two."
)
@click.option("--env", multiple=True, metavar="VARIABLE", help="With --live: pass it on; may be given often.")
def agents(common: Common, names: tuple[str, ...], fake: bool, live: bool, env: tuple[str, ...]) -> Exit:
    """Say which coding agents are installed, and who is logged in.

    With --live each of them, or each NAME, is asked for one word in an empty folder, where it may only read; a NAME
    may be a model, too. With --fake the same, but a server of perdure's own, on this machine, stands in the place of
    its service: that shows whether the program starts and perdure understands it. Nothing of either is recorded.
    """
    import anyio

    if fake and live:
        raise click.UsageError("--fake asks nobody's service, and --live asks it: give one of them")
    if fake and env:
        raise click.UsageError("--env is for --live: with --fake nothing of yours is passed on")
    models = list(dict.fromkeys(name for name in names if "/" in name))
    if models and not (fake or live):
        raise click.UsageError(f"{models[0]} is a model, of which nothing is installed: ask it with --live or --fake")
    found = anyio.run(look_for_all)
    if names:
        found = _named(found, [name for name in names if "/" not in name])
    if fake or live:
        asked = found if names else [each for each in found if each.path is not None]
        return _fake(common, asked, models) if fake else _live(common, asked, models, env)
    text = "\n".join(printing.line(each.text, 300) for each in found)
    common.tell("agents", {"agents": [attrs.asdict(each) for each in found]}, text, ["perdure doctor"])
    return Exit.DONE


def _live(common: Common, found: list[Found], models: list[str], env: tuple[str, ...]) -> Exit:
    import anyio

    from perdure.cli import trying

    asked = _models(models, trying.model)
    for name in env:
        if name not in os.environ:
            raise click.UsageError(f"--env {name}: it is not set here")
    who = ", ".join([*(each.agent for each in found), *models])
    if who:
        common.say(f"asks for one word: {printing.line(who)} ({trying.TERMS})")
    with printing.stdout_kept():
        tried = anyio.run(trying.try_all, found, asked, env)
    return _told(common, "live", tried, "perdure agents")


def _fake(common: Common, found: list[Found], models: list[str]) -> Exit:
    import anyio

    from perdure.cli import rehearsing

    asked = _models(models, rehearsing.model)
    with printing.stdout_kept():
        rehearsed = anyio.run(rehearsing.rehearse_all, found, asked)
    return _told(common, "fake", rehearsed, "perdure agents --live")


def _models(names: list[str], make: Callable[[str], Model]) -> list[Model]:
    from perdure.core.faults import Defect

    try:
        return [make(name) for name in names]
    except Defect as error:
        raise click.UsageError(str(error)) from None


def _told(common: Common, document: str, tried: Sequence[Tried] | Sequence[Rehearsed], next: str) -> Exit:
    """Tell what came of each, and of all what to do next, if they work."""
    text = "\n".join(each.text for each in tried) or "no coding agent is installed, so none was asked"
    work = bool(tried) and all(each.works for each in tried)
    common.tell(document, {"tried": [each.tree for each in tried]}, text, [next if work else "perdure agents"])
    return Exit.DONE if work else Exit.FAILED


def _named(found: list[Found], names: list[str]) -> list[Found]:
    """Those that are meant, each once: by the name of the class or of the program, in whatever case."""
    known = {each.lower(): agent for agent in found for each in (agent.agent, agent.program) if each}
    for name in names:
        if name.lower() not in known:
            raise click.UsageError(f"there is no coding agent {name!r}; there are: {', '.join(f.agent for f in found)}")
    return list(dict.fromkeys(known[name.lower()] for name in names))


def adapters() -> Iterator[tuple[type[Harness], Adapter[Any]]]:  # of whatever agent
    """The coding agents that can be installed, each with its adapter."""
    from perdure.agents.harness.known import ADAPTERS, adapter_named

    every = ((cls, adapter_named(name)) for cls, name in ADAPTERS.items())
    yield from ((cls, adapter) for cls, adapter in every if adapter.package)


def adapter_in(found: Found) -> tuple[type[Harness], Adapter[Any]]:  # of whatever agent
    """The class of an agent that was found, and its adapter."""
    [known] = [(cls, adapter) for cls, adapter in adapters() if cls.__name__ == found.agent]
    return known


async def look_for_all() -> list[Found]:
    """Every coding agent that perdure knows, installed or not."""
    import anyio

    found: dict[str, Found] = {}

    async def look(agent: str, adapter: Adapter[Any]) -> None:  # of whatever agent
        found[agent] = await _found(agent, adapter, os.environ)

    listed = [(cls.__name__, adapter) for cls, adapter in adapters()]
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
