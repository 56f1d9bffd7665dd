"""`agents --fake`: the question of `agents --live`, with a provider on this machine in the place of every service.

It shows what no login and no dollar is needed for: that a program starts here, and that perdure speaks its language in
this version and reads its answer. Nobody's home, key or settings are used, and nothing is left.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from unittest import mock

import attrs

from perdure.agents.fake.harnesses import pointing
from perdure.agents.fake.server import HOST, KEY, FakeProvider, path_of
from perdure.agents.harness.coding import Coding
from perdure.agents.places import root_of
from perdure.cli import trying
from perdure.cli.agents import Found, adapter_in
from perdure.cli.printing import ago, count, line
from perdure.cli.trying import Tried
from perdure.core.agents import Agent, Limits, Model
from perdure.core.faults import Defect

#: What every agent is answered.
_ANSWER: Final = "ready"
#: By which models are given a key that is none, and reach this machine past any proxy.
_KEY: Final = "PERDURE_FAKE_KEY"
_ENVIRON: Final = {_KEY: KEY, "NO_PROXY": HOST, "no_proxy": HOST}


@attrs.frozen
class Rehearsed:
    """What came of it, and how often the provider on this machine was asked for an answer."""

    tried: Tried
    requests: int = 0

    @classmethod
    def of(cls, tried: Tried, requests: int) -> Rehearsed:
        """Judge it: an answer that the provider was not asked for is somebody else's."""
        if tried.works and not requests:
            why = f"config: it said {tried.answer!r} without asking the fake, so nobody knows whom it asked"
            tried = attrs.evolve(tried, answer=None, kind="config", message=why)
        return cls(tried, requests)

    @property
    def works(self) -> bool:
        """Whether it answered, by the provider on this machine."""
        return self.tried.works

    @property
    def tree(self) -> dict[str, Any]:
        """As JSON: without what it cost, which is made up."""
        whole = self.tried.tree
        return {name: whole[name] for name in whole if name not in ("payer", "spent")} | {"requests": self.requests}

    @property
    def text(self) -> str:
        """One line for people."""
        took = ago(self.tried.milliseconds)
        said = f"works: it said {self.tried.answer!r} in {took}, asked of the fake"
        if not self.works:
            asked = count(self.requests, "request")
            said = f"does not work: {self.tried.message} (after {took}, with {asked} to the fake)"
        return f"{self.tried.agent:<11} {line(said, 1000)}"


def model(name: str) -> Model:
    """A model as it is asked here.

    Raises:
        Defect: It is none, or one whose provider the fake does not speak as.
    """
    made = trying.model(name)
    try:
        path_of(name)
    except Defect as error:
        raise Defect(f"{error}: ask it with --live") from None
    return attrs.evolve(made, key=_KEY)


async def rehearse_all(found: Sequence[Found], models: Sequence[Model]) -> list[Rehearsed]:
    """Ask each of them, all at once.

    Args:
        found: Coding agents; one that is not installed is not asked.
        models: Models.
    """
    requests: dict[str, int] = {}
    with _folder(root_of(os.environ)) as homes, _folder() as folders:

        async def coding(each: Found) -> Tried:
            home, cwd = homes / each.agent, folders / each.agent
            home.mkdir()
            cwd.mkdir()
            with FakeProvider(_ANSWER, key=KEY) as provider:
                tried = await _coding(each, home, cwd, provider)
            requests[each.agent] = len(provider.heard)
            return tried

        async def completion(model: Model) -> Tried:
            with FakeProvider(_ANSWER, key=KEY) as provider:
                led = attrs.evolve(model, base_url=provider.base_url(model.name))
                tried = await trying.tried(model.name, led, os.environ)
            requests[model.name] = len(provider.heard)
            return tried

        with mock.patch.dict(os.environ, _ENVIRON):
            every = await trying.all_at_once(found, coding, models, completion)
    return [Rehearsed.of(tried, requests.get(tried.agent, 0)) for tried in every]


@contextlib.contextmanager
def _folder(within: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards.

    A home must not be in a shared one, where some harnesses trust no file; and a working folder not below yours, whose
    instructions would be read.
    """
    if within is not None:
        within.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="perdure-fake-", dir=within) as folder:
        yield Path(folder)


async def _coding(found: Found, home: Path, cwd: Path, provider: FakeProvider) -> Tried:
    """One coding agent that has nothing of anybody, and a home that leads it to the provider."""
    cls, adapter = adapter_in(found)
    here = pointing(cls, provider.url)
    environ = {"PATH": os.environ.get("PATH", os.defpath), **here.home(home)}
    limits = Limits(turns=trying.TURNS, wall=trying.WALL)
    made: Any = cls(access="read", cwd=str(cwd), model=here.model, env=here.env, limits=limits)
    agent: Agent = made  # each of these classes has a name; the one that they have in common has none
    return await trying.tried(found.agent, Coding(agent.name, made, adapter, environ), environ)
