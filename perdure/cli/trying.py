"""`agents --live`: one question to an agent, outside any run, to see whether it works here. Nothing is recorded."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs
from returns.result import Success

from perdure.agents.asking import asks
from perdure.agents.harness.coding import KEPT
from perdure.agents.places import root_of
from perdure.cli.agents import Found, adapter_in
from perdure.cli.printing import ago, line
from perdure.cli.spending import NOTHING_SPENT, Spent, paid
from perdure.core.agents import Agent, Limits, Model
from perdure.core.asked import Again, Asked, Attempt
from perdure.core.faults import StepFault
from perdure.core.leaves import Ask

_PROMPT: Final = "Answer with the one word: ready"
#: No more than this is spent on one agent: replies, tokens of an answer, dollars where they are told, and time.
TURNS, TOKENS, _USD, WALL = 3, 1000, 0.25, timedelta(minutes=2)
TERMS: Final = f"at most {TURNS} replies, {WALL // timedelta(minutes=1)} minutes, and {_USD} USD where that is told"


@attrs.frozen(kw_only=True)
class Tried:
    """What came of it.

    Attributes:
        agent: Who was asked.
        answer: What it said, if it works.
        kind: Else the kind of its failure, as in `perdure.agents.reply`; `message` says why.
        milliseconds: How long it took.
    """

    agent: str
    answer: str | None = None
    kind: str | None = None
    message: str | None = None
    milliseconds: int = 0
    model: str | None = None
    version: str | None = None
    payer: str | None = None
    spent: Spent = NOTHING_SPENT

    @property
    def works(self) -> bool:
        """Whether it answered."""
        return self.kind is None

    @property
    def tree(self) -> dict[str, Any]:
        """As JSON."""
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(Tried) if field.name != "spent"}
        return {**fields, "works": self.works, "spent": self.spent.tree()}

    @property
    def text(self) -> str:
        """One line for people."""
        took = ago(self.milliseconds)
        what = f"works: it said {self.answer!r} in {took}"
        if not self.works:
            what = f"does not work: {self.message} (after {took})"
        cost = paid(self.spent, self.payer)
        return f"{self.agent:<11} {line(what, 1000)}{'; ' + cost if cost else ''}"


async def try_all(found: Sequence[Found], models: Sequence[Model], env: Sequence[str]) -> list[Tried]:
    """Ask each of them, all at once.

    Args:
        found: Coding agents; one that is not installed is not asked.
        models: Models.
        env: Names of variables that the coding agents are given, beside their key where nobody is logged in.
    """
    with tempfile.TemporaryDirectory(prefix="perdure-") as folder:

        async def coding(each: Found) -> Tried:
            cwd = Path(folder, each.agent)
            cwd.mkdir()
            return await tried(each.agent, _agent(each, cwd, env), os.environ)

        async def completion(model: Model) -> Tried:
            return await tried(model.name, model, os.environ)

        return await all_at_once(found, coding, models, completion)


async def all_at_once(
    found: Sequence[Found],
    coding: Callable[[Found], Awaitable[Tried]],
    models: Sequence[Model],
    completion: Callable[[Model], Awaitable[Tried]],
) -> list[Tried]:
    """What comes of each coding agent that is installed, and of each model, in the order in which they are given."""
    import anyio

    done: dict[str, Tried] = {}

    async def one(each: Found) -> None:
        missing = Tried(agent=each.agent, kind="config", message=f"config: it is not installed: {each.install}")
        done[each.agent] = missing if each.path is None else await coding(each)

    async def other(model: Model) -> None:
        done[model.name] = await completion(model)

    async with anyio.create_task_group() as group:
        for each in found:
            group.start_soon(one, each)
        for model in models:
            group.start_soon(other, model)
    return [done[name] for name in [*(each.agent for each in found), *(model.name for model in models)]]


def model(name: str) -> Model:
    """A model as it is asked here."""
    return Model(name, max_tokens=TOKENS, timeout=WALL)


def _agent(found: Found, cwd: Path, env: Sequence[str]) -> Agent:
    cls, adapter = adapter_in(found)
    limits = Limits(turns=TURNS, wall=WALL, usd=_USD if adapter.prices else None)
    keys = [found.by] if found.known == "key" else []
    made: Any = cls(access="read", cwd=str(cwd), env=list(dict.fromkeys([*keys, *env])), limits=limits)
    agent: Agent = made  # each of these classes has a name; the one that they have in common has none
    return agent


async def tried(name: str, agent: Agent, environ: Mapping[str, str]) -> Tried:
    """One attempt by the path of every `ask`: what it would have recorded is told instead."""
    run = f"live-{uuid.uuid4().hex}"
    said: dict[str, Any] = {}
    asked = Asked(Ask("live", (agent,), _PROMPT), Attempt(run, "live", 1, uuid.uuid4().hex), note=said.update)
    began = time.monotonic()
    try:
        answer = await asks(None)(asked)
    finally:
        shutil.rmtree(root_of(environ) / run, ignore_errors=True)
    took = int((time.monotonic() - began) * 1000)
    so_far = Tried(
        agent=name,
        milliseconds=took,
        model=said.get("model"),
        version=said.get("version"),
        payer=said.get("payer"),
        spent=Spent.of(said["spent"]) if "spent" in said else NOTHING_SPENT,
    )
    if isinstance(answer, Success):
        return attrs.evolve(so_far, answer=str(answer.unwrap()).strip())
    error: Any = answer.error if isinstance(answer, Again) else answer.failure()
    kind = str(error.error if isinstance(error, StepFault) else error.kind)
    why = error.reason if isinstance(error, StepFault) else str(error)
    return attrs.evolve(so_far, kind=kind, message=why.removeprefix(f"{agent.name}: ").partition(KEPT)[0])
