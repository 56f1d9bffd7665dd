"""Which servers of tools live: those of a step, from the first turn that needs them to the end of the step.

A server may keep something from one call to the next, such as a page that is open, so it is started once for a step and
a worker, and not for each call. It ends with the step, with an attempt that is given up or has to wait, and with the
worker, however that ends. After that a new one is started, which knows nothing of the old.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

import attrs

from perdure.agents.places import mark_of
from perdure.core.agents import McpServer
from perdure.core.asked import Attempt

if TYPE_CHECKING:
    from perdure.agents.mcp import Offer, Talk

#: Between two attempts of a step that goes on at once. A step that is given up in between does not come back.
_LINGER: Final = timedelta(seconds=5)


class Servers:
    """The servers of all steps that one handler performs. `async with` it, and none is left behind."""

    def __init__(self) -> None:
        self._between: dict[tuple[str, str], StepServers] = {}
        self._all: set[_Kept] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End those of steps that have not come back, and wait for those that are ending."""
        for place in list(self._between):
            self._forget(place)
        await _ended(list(self._all))

    @contextlib.asynccontextmanager
    async def during(self, attempt: Attempt) -> AsyncIterator[StepServers]:
        """The servers of a step, for one attempt. They end with it, unless it says that the step goes on at once."""
        place = (attempt.run_id, attempt.path)
        mine = self._forget(place) or StepServers(mark_of(attempt), self._all)
        mine.goes_on = False
        try:
            yield mine
        finally:
            if mine.goes_on and mine.live:
                self._between[place] = mine
                loop = asyncio.get_running_loop()
                mine.timer = loop.call_later(_LINGER.total_seconds(), self._give_up, place)
            else:
                await mine.end(mine.live)

    def _forget(self, place: tuple[str, str]) -> StepServers | None:
        mine = self._between.pop(place, None)
        if mine is not None and mine.timer is not None:
            mine.timer.cancel()
        return mine

    def _give_up(self, place: tuple[str, str]) -> None:
        for kept in self._between.pop(place).live.values():
            kept.let_go()


@attrs.define(eq=False)
class StepServers:
    """The servers of one step.

    Attributes:
        mark: By which their processes are known.
        every: All of all steps, until they have ended.
        live: Those that were started.
        goes_on: The next attempt follows at once, and needs them.
        timer: They end when it goes off.
    """

    mark: str
    every: set[_Kept]
    live: dict[McpServer, _Kept] = attrs.field(factory=dict)
    goes_on: bool = False
    timer: asyncio.TimerHandle | None = None

    async def offered(self, wanted: Sequence[McpServer]) -> list[tuple[Talk, Offer]]:
        """The tools of these servers. Those that do not live are started, others are ended.

        Raises:
            AgentError: One cannot be started.
            ModuleNotFoundError: The extra `mcp` is not installed.
        """
        await self.end(server for server, kept in self.live.items() if server not in wanted or kept.over)
        for server in wanted:
            if server not in self.live:
                mark = f"{self.mark}/{server.name}"
                # One that is still ending would, at last, kill whatever bears its mark.
                await _ended([kept for kept in self.every if kept.mark == mark])
                self.live[server] = _Kept(server, mark, self.every)
        talks = [await self.live[server].talk() for server in wanted]
        return [(talk, offer) for talk in talks for offer in talk.offers]

    async def end(self, which: Iterable[McpServer]) -> None:
        """End these."""
        await _ended([self.live.pop(server) for server in list(which)])


async def _ended(every: Sequence[_Kept]) -> None:
    """End these. Should we be given up here, each of their tasks ends its own all the same."""
    for kept in every:
        kept.let_go()
    if every:  # else there may be no asyncio here
        await asyncio.wait([kept.task for kept in every])


class _Kept:
    """One server, in a task of its own: what the library opens is closed by the task that opened it."""

    def __init__(self, server: McpServer, mark: str, every: set[_Kept]) -> None:
        self.mark = mark
        self._opened: asyncio.Future[Talk] = asyncio.get_running_loop().create_future()
        self._talk: Talk | None = None
        self._enough = asyncio.Event()
        self.task = asyncio.create_task(self._keep(server))
        every.add(self)
        self.task.add_done_callback(lambda _: every.discard(self))

    @property
    def over(self) -> bool:
        """Whether it could not be started, or has ended by itself."""
        return self.task.done() or (self._talk is not None and self._talk.over)

    async def talk(self) -> Talk:
        """It, once it answers."""
        return await asyncio.shield(self._opened)

    def let_go(self) -> None:
        """Let it end, without waiting for that."""
        self._enough.set()
        if not self._opened.done():
            self.task.cancel()

    async def _keep(self, server: McpServer) -> None:
        from perdure.agents import mcp

        try:
            async with mcp.talk(server, self.mark) as self._talk:
                self._opened.set_result(self._talk)
                await self._enough.wait()
        except Exception as error:
            if not self._opened.done():
                self._opened.set_exception(error)
                self._opened.exception()  # whoever waits is told; if nobody does any more, that is no news
            else:
                logging.getLogger("perdure").exception("the server of tools %r did not end well", server.name)
        finally:
            self._opened.cancel()
