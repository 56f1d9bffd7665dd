"""A coding agent answers: its adapter says what to start and how to read it, and one path runs it.

The prompt, the schema and the answer pass by the same words as those of any other agent.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
from anyio.lowlevel import RunVar

from perdure.agents import environment
from perdure.agents.harness.adapter import Adapter, Object, Reading, Room, Say, SessionLost
from perdure.agents.harness.versions import version_of
from perdure.agents.harness.worktree import worktree
from perdure.agents.places import home_of, log_of, mark_of, scratch_of
from perdure.agents.process import Asking, Goodbye, Limits, Unstartable, run_process
from perdure.agents.reply import AgentError, Call, Permit, Reply, Started, Tell, Unanswered, Wanted
from perdure.agents.secrets import Secrets
from perdure.agents.structured import instructed
from perdure.core.agents import Harness
from perdure.core.leaves import Denied

#: A harness is silent while a tool of its runs; after so long it hangs.
_IDLE: Final = timedelta(minutes=15)
#: After its last word it may tidy up for so long.
_LINGER: Final = timedelta(seconds=30)
#: Stands between why it crashed and the file that says more.
KEPT: Final = "; all that it printed is in "
#: What it is told when nobody has answered in time.
_LATER: Final = Denied(note="A reviewer has to look at this first; stop here.")


@attrs.frozen
class Coding:
    """A coding agent and how it is run. It is what `perdure.agents.reply.Answering` describes.

    Attributes:
        name: For people and records.
        agent: Who is asked.
        adapter: How.
        environ: Of this process, of which the agent sees a part.
    """

    name: str
    agent: Harness
    adapter: Adapter[Any] = attrs.field(repr=False)  # of whatever class the agent is
    environ: Mapping[str, str] = attrs.field(factory=lambda: os.environ, repr=False)

    @property
    def native(self) -> bool:
        """Whether it takes a schema by itself."""
        return self.adapter.native

    async def answer(self, call: Call, tell: Tell) -> Reply:
        """Answer one turn; see `Answering`."""
        self._possible()
        env = self._environment(call)
        async with _place(self.adapter):
            try:
                return await self._turn(call, env, tell)
            except SessionLost:
                afresh = call.message
                if call.ask.prompt not in call.message:  # what is said presumes that the task is known
                    afresh = f"{instructed(call.ask.prompt, call.schema, self.native)}\n\n{call.message}"
                return await self._turn(attrs.evolve(call, session=None, message=afresh), env, tell)

    def _possible(self) -> None:
        """Refuse what the harness cannot be told, instead of leaving it out.

        Raises:
            AgentError: It was told so.
        """
        agent, adapter = self.agent, self.adapter
        reaches = adapter.reaches(agent) if adapter.reaches is not None else None
        refused = {
            "takes no servers of tools: take mcp out, or ask another agent": agent.mcp and not adapter.mcp,
            "cannot be told which tools to use: take tools out, and say access=…": (
                agent.tools is not None and not adapter.picks
            ),
            "is started as its command says: take model and program out": (
                adapter.fixed and (agent.model is not None or agent.program is not None)
            ),
            "does not say how many tokens it uses, so no limit of them can be kept: take tokens out": (
                agent.limits.tokens is not None and not adapter.counts
            ),
            "does not say what it costs, so no limit of that can be kept: take usd out": (
                agent.limits.usd is not None and not adapter.prices
            ),
            "cannot ask a person about single calls: take confirm out, and say what it may do by access=…": (
                agent.confirm and not adapter.confirms
            ),
            "cannot be told about the network: take network out": agent.network is not None and reaches is None,
            "has tools that nothing keeps from the network: say less by access=… or tools=…, or take network out": (
                agent.network is False and reaches is True
            ),
            "has no tools for the network: say more by access=… or tools=…, or take network out": (
                agent.network is True and reaches is False
            ),
            "may be let onto the network by a person: take confirm out, or take network out": (
                agent.network is False and agent.confirm
            ),
        }
        for why, is_so in refused.items():
            if is_so:
                raise AgentError("config", f"{adapter.title} {why}")

    def _environment(self, call: Call) -> dict[str, str]:
        try:
            env = environment.allowed(self.environ) | environment.declared(environment.given(self.agent), self.environ)
        except LookupError as error:
            raise AgentError("config", str(error.args[0])) from None
        if self.agent.isolated:
            home = home_of(self.environ, call.attempt)
            gone = [name for name in env if name.startswith("XDG_")]
            env = {name: value for name, value in env.items() if name not in gone} | {"HOME": str(home)}
        return env

    async def _turn(self, call: Call, env: dict[str, str], tell: Tell) -> Reply:
        agent, adapter = self.agent, self.adapter
        secrets = Secrets(self.environ, environment.given(agent))
        log = log_of(self.environ, call.attempt)
        scratch, version = scratch_of(self.environ, call.attempt), ""
        try:
            cwd = Path(agent.cwd or ".").absolute()
            if agent.worktree:
                cwd = await worktree(cwd, call.attempt, env)
            room = Room(cwd, scratch, env, str(uuid.uuid4()))
            launch, reading = adapter.command(agent, call, room), adapter.reading(agent, call, room)
            version = await version_of(launch.argv[0], launch.env) if adapter.program else ""
            hearing = _Hearing(reading, adapter, agent, call, tell, version, list(call.permits))
            ended = await run_process(
                launch,
                hearing.line,
                mark=mark_of(call.attempt),
                limits=Limits(wall=agent.limits.wall, idle=agent.limits.idle or _IDLE, linger=_LINGER),
                alone=agent.access != "read" or agent.confirm,  # a person may let it write
                hide=secrets.hide_printed,
                log=log,
                skip=adapter.skip,
            )
            if hearing.unanswered is not None:
                raise Unanswered(hearing.unanswered, reading.started, usage=reading.tokens, cost=reading.cost)
            reply = reading.reply(ended)
            return attrs.evolve(reply, version=reply.version or version)
        except Unstartable as error:
            mend = f" ({adapter.package})" if adapter.package else ""
            raise AgentError("config", f"{error}{mend}") from None
        except AgentError as error:
            kept = f"{KEPT}{log}" if error.kind == "crashed" else ""
            raise attrs.evolve(error, message=f"{error.message}{kept}", version=error.version or version) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@attrs.define
class _Hearing:
    """What is done with each line of a turn: take it in, tell who watches, keep to the limits, and ask a person."""

    reading: Reading
    adapter: Adapter[Any]
    agent: Harness
    call: Call
    tell: Tell
    version: str
    permits: list[Permit]  # those that are not used up
    unanswered: Wanted | None = None

    def line(self, line: str) -> bool | str | Asking:
        """Take in one line, as `run_process` gives it."""
        if self.adapter.plain:
            event: Any = {"line": line}
        else:
            try:
                event = json.loads(line)
            except ValueError:
                return False  # a warning of some library; it is in the log
            if not isinstance(event, dict):
                return False
        said: list[Object] = []
        for told in self.reading.take(event):
            match told:
                case Say():
                    said.append(told.told)
                case Wanted():
                    return self._asked(told)
                case Started():
                    self.tell(attrs.evolve(told, version=self.reading.version or self.version))
                case _:
                    self.tell(told)
        if not self.reading.done:
            _within(self.reading, self.agent)
        elif not self.adapter.plain:
            return True
        return _lines(said) or False

    def _asked(self, wanted: Wanted) -> str | Asking:
        """The answer to a call that was decided before; else a person is asked, for so long as the agent says."""
        for permit in self.permits:
            if permit.covers(wanted):
                self.permits.remove(permit)
                return _lines(self.reading.answer(wanted, permit.decision))
        if self.unanswered is not None:  # it was told to stop
            return self._later(wanted)

        async def ask() -> str | Goodbye:
            with anyio.move_on_after(self.agent.hold.total_seconds()):
                return _lines(self.reading.answer(wanted, await self.call.confirm(wanted)))
            self.unanswered = self.unanswered or wanted
            return Goodbye(self._later(wanted))

        return ask

    def _later(self, wanted: Wanted) -> str:
        return _lines(self.reading.answer(wanted, _LATER, stop=True))


def _lines(said: list[Object]) -> str:
    return "".join(f"{json.dumps(told)}\n" for told in said)


def _within(reading: Reading, agent: Harness) -> None:
    """Stop what goes beyond a limit, as soon as the harness says so."""
    limits, tokens = agent.limits, reading.tokens
    used = (tokens.input or 0) + (tokens.output or 0) + (tokens.cache_read or 0) + (tokens.cache_write or 0)
    if limits.turns is not None and reading.turns > limits.turns:
        over = f"the model replied more than {limits.turns} times"
    elif limits.tokens is not None and used > limits.tokens:
        over = f"it used {used} tokens, of {limits.tokens}"
    elif limits.usd is not None and reading.usd is not None and reading.usd > limits.usd:
        over = f"it cost {reading.usd} USD, of {limits.usd}"
    else:
        return
    raise AgentError("budget", over, session=reading.started, usage=tokens, cost=reading.cost)


_places: RunVar[dict[str, anyio.Semaphore]] = RunVar("perdure.agents.harness")


def _place(adapter: Adapter[Any]) -> anyio.Semaphore:
    """Wait here for one's turn: so many of a harness run at once in this event loop."""
    places = _places.get({})
    if adapter.title not in places:
        places[adapter.title] = anyio.Semaphore(adapter.most)
        _places.set(places)
    return places[adapter.title]
