"""An `ask`, beside what it asks: a model beside a bare completion of litellm, a program beside a bare subprocess."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias
from unittest import mock

import perdure
from benchmarks.driven import LEASE, succeeded
from benchmarks.floor import spending
from benchmarks.provider import provider
from benchmarks.table import Row, millis, ratios, spread
from perdure import Command, Do, Effect, Model, ask, run_in_memory, workflow
from perdure.agents.model import load
from perdure.core.agents import Agent

#: Where the asks are recorded.
Way: TypeAlias = Literal["full", "fast", "in memory"]
#: Asks so many times, as one run.
Flow: TypeAlias = Callable[[int], Effect[list[str]]]
#: What asks so many times, one after the other, and gives the answers.
Asking: TypeAlias = Callable[[int], Awaitable[list[str]]]

PROMPT = "What do bees do?"
_MODEL = "openai/gpt-4o"
_PROGRAM = "cat"
_KEY = "PERDURE_BENCHMARK_KEY"


@workflow
def ask_model(url: str, n: int) -> Do[list[str]]:
    """The same question to a model `n` times, one after the other."""
    return (yield from _asking(Model(_MODEL, base_url=url, key=_KEY, stream=False), n))


@workflow
def ask_program(folder: str, n: int) -> Do[list[str]]:
    """The same question to a program `n` times, one after the other."""
    return (yield from _asking(Command([_PROGRAM], access="read", cwd=folder), n))


def _asking(agent: Agent, n: int) -> Do[list[str]]:
    answers: list[str] = []
    for _ in range(n):
        answers.append((yield from ask("question", agent, PROMPT)))
    return answers


def rows(quick: bool) -> Iterator[Row]:
    """Time beside the bare calls, and what each ask adds to one."""
    n, count = (5, 3) if quick else (20, 15)
    if importlib.util.find_spec("litellm") is None:
        print("ask, model: skipped, for litellm is missing: pip install 'perdure[models]'", file=sys.stderr)
    else:
        yield from models(n, count)
    yield from programs(n, count)


def models(n: int, count: int) -> Iterator[Row]:
    """A model on loopback; litellm is loaded and its connection open before the clock starts."""
    with mock.patch.dict(os.environ, {_KEY: "sk-benchmark"}), provider() as url:
        flow, bare = functools.partial(ask_model, url), functools.partial(completions, url)
        yield from _compared("ask, model", flow, bare, ("full", "fast", "in memory"), n, count)


def programs(n: int, count: int) -> Iterator[Row]:
    """A program that says what it is told."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"XDG_STATE_HOME": folder}):
        flow = functools.partial(ask_program, folder)
        yield from _compared("ask, program", flow, subprocesses, ("full", "in memory"), n, count)


# -- the floor ---------------------------------------------------------------------------------------------------------


async def completions(url: str, n: int) -> list[str]:
    """The same by litellm alone."""
    load()  # which keeps it off the network

    import litellm

    answers: list[str] = []
    for _ in range(n):
        response = await litellm.acompletion(
            model=_MODEL,
            messages=[{"role": "user", "content": PROMPT}],
            base_url=url,
            api_key=os.environ[_KEY],
            num_retries=0,
            max_retries=0,
        )
        answers.append(response.choices[0].message.content or "")
    return answers


async def subprocesses(n: int) -> list[str]:
    """The same by asyncio alone."""
    answers: list[str] = []
    for _ in range(n):
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(_PROGRAM, stdin=pipe, stdout=pipe, stderr=pipe)
        said, _stderr = await process.communicate(PROMPT.encode())
        answers.append(said.decode())
    return answers


# -- ours beside it ----------------------------------------------------------------------------------------------------


def _compared(what: str, flow: Flow, bare: Asking, ways: tuple[Way, ...], n: int, count: int) -> Iterator[Row]:
    for way, (ours, floor) in asyncio.run(measured(flow, bare, ways, n, count)).items():
        yield Row(f"{what}, {way}", n, millis(ours, n), millis(floor, n), spread(ratios(ours, floor)))
        added = [a - b for a, b in zip(ours, floor, strict=True)]
        yield Row(f"{what}, {way}, added", n, millis(added, n))


async def measured(
    flow: Flow, bare: Asking, ways: tuple[Way, ...], n: int, count: int
) -> dict[Way, tuple[list[float], list[float]]]:
    """Seconds of every way and of the bare calls, taken in turn, now one and now the other first.

    Raises:
        RuntimeError: One of them was answered otherwise: what is compared is not the same.
    """
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        turns: dict[Way | None, Asking] = {None: bare}
        turns |= {way: await _asker(stack, folder, way, flow) for way in ways}
        expected = await bare(1)
        for turn in turns.values():
            _same(await turn(1), expected)  # whatever is loaded or opened on the first use
        taken: dict[Way | None, list[float]] = {way: [] for way in turns}
        for number in range(count):
            for way, turn in list(turns.items())[:: -1 if number % 2 else 1]:
                with spending() as spent:
                    answers = await turn(n)
                _same(answers, expected * n)
                taken[way].append(spent[0].wall)
    return {way: (taken[way], taken[None]) for way in ways}


async def _asker(stack: contextlib.AsyncExitStack, folder: Path, way: Way, flow: Flow) -> Asking:
    if way == "in memory":

        async def remember(n: int) -> list[str]:
            return succeeded(await run_in_memory(flow(n)))

        return remember
    opened = await perdure.open_async(folder / f"{way}.db", durability=way, lease=LEASE)
    store = await stack.enter_async_context(opened)

    async def record(n: int) -> list[str]:
        return succeeded(await (await store.start(flow(n))).result())

    return record


def _same(answers: list[str], expected: list[str]) -> None:
    if answers != expected:
        raise RuntimeError(f"{answers} is not what the bare calls were answered: {expected}")
