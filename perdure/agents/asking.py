"""One path for every agent: an attempt is one turn of one agent, whose answer is judged and whose cost is recorded."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs
from returns.result import Success

from perdure.agents import environment, scripted
from perdure.agents.reply import (
    COURSES,
    NO_COST,
    AgentError,
    Answering,
    Began,
    Call,
    Cost,
    Event,
    Json,
    Permit,
    Reply,
    Started,
    Text,
    ToolEnded,
    ToolStarted,
    Unanswered,
    Usage,
    Use,
    Used,
    Wanted,
    Watch,
    not_allowed,
)
from perdure.agents.secrets import HIDDEN, Secrets, Veil
from perdure.agents.servers import Servers, StepServers
from perdure.agents.standing import Standing, following
from perdure.agents.structured import Problems, corrected, instructed, judged, schema_of
from perdure.agents.tools import CUT_OFF, fits, task_of, used
from perdure.core import codec
from perdure.core.agents import Agent, Harness, Model, Scripted
from perdure.core.asked import Again, Answer, Asked, Decision, Handler, Question, Said, Thread
from perdure.core.faults import Defect
from perdure.core.leaves import Ask, Denied

if TYPE_CHECKING:
    from perdure.agents.mcp import Offer


def _now() -> datetime:
    return datetime.now(UTC)


def asks(
    thread: Thread | None,
    now: Callable[[], datetime] = _now,
    watch: Watch | None = None,
    servers: Servers | None = None,
) -> Handler:
    """The handler of asks.

    Args:
        thread: Where a scripted agent's sync function runs; None runs it on the loop.
        now: The clock by which an agent can be asked again.
        watch: Who is told what agents do, as they do it.
        servers: What keeps the servers of tools; whoever gives it closes it. Without it they end by themselves, a few
            seconds after they are needed no more.
    """
    # What does not know us is not asked again in this run. A new process asks once more: somebody may have logged in.
    off: set[tuple[str, str]] = set()
    every = servers or Servers()

    async def handle(asked: Asked) -> Answer | Again:
        if not isinstance(asked.op, Ask):
            raise Defect(f"{asked.op!r} is not an ask")
        async with every.during(asked.attempt) as mine:
            answer = await _Turn(asked, asked.op, off, thread, now, watch, mine).taken()
            mine.goes_on = isinstance(answer, Again) and not answer.after and answer.until is None
            return answer

    return handle


class _Turn:
    """One attempt: one turn of one agent, and what follows from it."""

    def __init__(
        self,
        asked: Asked,
        op: Ask[Any],
        off: set[tuple[str, str]],
        thread: Thread | None,
        now: Callable[[], datetime],
        watch: Watch | None,
        servers: StepServers,
    ) -> None:
        self._asked, self._op, self._off, self._thread, self._now = asked, op, off, thread, now
        self._watch, self._heard = watch, False
        self._servers = servers
        found = Standing.of(asked.known, op.agents)
        self._cut_off = asked.attempt.number > found.attempt + 1
        self._standing = attrs.evolve(_answered(found), attempt=asked.attempt.number)
        self._agent = op.agents[self._standing.at]
        # Of these the agent cannot know that they are for its call: what it says of that has no such gap.
        self._hidden = [permit for permit in self._standing.permits if HIDDEN in json.dumps(permit.wanted.input)]

    @functools.cached_property
    def _schema(self) -> dict[str, Any] | None:
        return schema_of(self._op.output)

    @functools.cached_property
    def _secrets(self) -> Secrets:
        return Secrets(os.environ, _declared(self._op.agents))

    @functools.cached_property
    def _veil(self) -> Veil:
        return Veil(self._secrets)

    async def taken(self) -> Answer | Again:
        reason = self._reason_not_to()
        if reason is not None:
            return self._failed(reason)
        try:
            if self._standing.uses and isinstance(self._agent, Model):
                return await self._tool_used(self._agent)
            if isinstance(self._agent, Scripted):
                message = self._message(native=True) if self._standing.permits else self._standing.message
                reply = await scripted.reply(self._op, self._agent, message or self._op.prompt, self._thread)
                if not isinstance(reply, Reply):
                    return reply if isinstance(reply, Success) else self._failed(reply.failure())
                self._is_one(reply)
            else:
                reply = await self._answered(await answering(self._agent, self._op))
        except Unanswered as waits:
            self._spent(waits.usage, waits.cost, {})
            try:
                return self._suspended(waits.wanted, waits.session)
            except AgentError as error:
                return self._failed(error)
        except AgentError as error:
            error = self._cleaned(error)
            self._spent(error.usage, error.cost, {"version": error.version})
            if COURSES[error.kind].off:
                self._off.add((self._asked.attempt.run_id, self._agent.name))
            return self._failed(error)
        self._spent(reply.usage, reply.cost, {"model": reply.model, "version": reply.version})
        return self._wants(reply) if reply.uses else self._judged(reply)

    def _reason_not_to(self) -> AgentError | None:
        """Why this turn must not be taken at all."""
        budget, usd = self._op.budget, self._standing.usd
        if budget is not None and usd is None:
            return AgentError("budget", f"nobody knows what it has cost so far, so {budget} USD cannot be kept to")
        if budget is not None and usd is not None and usd >= Decimal(str(budget)):
            return AgentError("budget", f"it has cost {usd} USD so far, of {budget} USD")
        if (self._asked.attempt.run_id, self._agent.name) in self._off:
            return AgentError("auth", "it did not know us before, and is not asked again in this run")
        return None

    async def _answered(self, agent: Answering) -> Reply:
        # Asked for none, it ends those of an agent that was given up.
        offers = await self._servers.offered(self._agent.mcp if isinstance(self._agent, Model) else ())
        if isinstance(self._agent, Model):
            _all_known(self._agent, [offer for _, offer in offers])
        call = Call(
            ask=self._op,
            attempt=self._asked.attempt,
            message=self._message(agent.native),
            results=self._standing.results,
            schema=self._schema,
            session=self._standing.session,
            repair=self._standing.repairs > 0,
            live=self._watch is not None,
            permits=tuple(permit for permit in self._standing.permits if permit not in self._hidden),
            confirm=self._confirmed,
            tools=tuple(offer.described for _, offer in offers),
        )
        try:
            reply = await agent.answer(call, self._told)
        except (AgentError, Unanswered, Defect, ModuleNotFoundError):
            raise
        except Exception as error:
            raise AgentError("crashed", f"{type(error).__name__}: {error}") from None
        finally:
            self._watched_text(self._veil.rest())
        self._is_one(reply)
        hide = self._secrets.hide
        return attrs.evolve(
            reply,
            text=hide(reply.text),
            model=hide(reply.model),
            version=hide(reply.version),
            value=self._secrets.hide_tree(reply.value),
            uses=tuple(attrs.evolve(use, input=self._secrets.hide_tree(use.input)) for use in reply.uses),
            session=self._secrets.hide_tree(reply.session),
        )

    def _is_one(self, reply: object) -> None:
        """Refuse what is no answer. Agents of one's own may give anything.

        Raises:
            AgentError: It is none.
        """
        if not (isinstance(reply, Reply) and isinstance(reply.text, str)):
            raise AgentError("crashed", f"{reply!r} is no answer: give a Reply, with a text")
        if reply.uses and not isinstance(self._agent, Model):  # asked again with nothing new, it would say it for ever
            wanted = ", ".join(use.name for use in reply.uses)
            why = f"it wants {wanted} used, and only a Model is offered tools: use them within `answer`"
            raise AgentError("config", why, usage=reply.usage, cost=reply.cost)

    def _told(self, event: Event) -> None:
        """Record and pass on what an agent does, without secrets."""
        if self._watch is None and not isinstance(event, Started):
            return
        if isinstance(event, Text):
            self._watched_text(self._veil.add(event.delta))
            return
        self._watched_text(self._veil.rest())
        hidden = {
            field.name: self._secrets.hide_tree(getattr(event, field.name)) for field in attrs.fields(type(event))
        }
        event = attrs.evolve(event, **hidden)
        if isinstance(event, Started):
            self._standing = attrs.evolve(self._standing, session=event.session)
            who = {"payer": event.payer, "version": event.version}
            said = {name: value for name, value in who.items() if value}
            self._asked.note({"agent": self._agent.name, "known": self._standing.known(), **said})
        self._watched(event)

    def _watched_text(self, text: str) -> None:
        if text:
            self._watched(Text(text))

    def _watched(self, event: Event) -> None:
        if self._watch is None:
            return
        if not self._heard:
            self._heard = True
            self._watched(Began(self._agent.name))
        try:
            self._watch(self._asked.attempt, event)
        except Exception:  # what watches must not decide what happens
            logging.getLogger("perdure").exception("watch= raised at %r", event)

    def _message(self, native: bool) -> str:
        standing, task = self._standing, instructed(self._op.prompt, self._schema, native)
        if standing.permits and standing.session is None:  # nothing to go on with: all is said again
            return f"{task}\n\n{standing.message}"
        if standing.message or standing.results:
            return standing.message
        if standing.session is not None:
            return f"You were interrupted. Look at the state of the work, then carry on. The task:\n\n{task}"
        before = any(isinstance(agent, Harness) for agent in self._op.agents[: standing.at])
        if before and isinstance(self._agent, Harness):
            return (
                f"Another agent began this and did not come to the end. Look at the state of the work first.\n\n{task}"
            )
        return task

    # -- people ------------------------------------------------------------------------------------------------------

    async def _confirmed(self, wanted: Wanted) -> Decision:
        """Ask a person about a call of a tool, and wait for the answer."""
        self._watched_text(self._veil.rest())  # whoever decides has heard all that led to it
        wanted = self._shown(wanted)
        for permit in self._hidden:
            if permit.covers(wanted):
                self._hidden.remove(permit)
                return permit.decision
        return await self._asked.confirm(self._question(wanted))

    def _suspended(self, wanted: Wanted, session: Json | None) -> Again:
        """Ask a person about a call of a tool, and let the next attempt have the answer. Until then nothing runs."""
        wanted, session = self._shown(wanted), self._secrets.hide_tree(session)
        standing = attrs.evolve(
            self._standing, wanted=wanted, session=session, tries=0, message="", results=(), permits=()
        )
        return Again(None, standing.known(), until=self._question(wanted))

    def _shown(self, wanted: Wanted) -> Wanted:
        """A call as people are shown it.

        Raises:
            AgentError: It is none. Agents of one's own may say anything.
        """
        said: object = wanted
        if not (isinstance(said, Wanted) and isinstance(said.tool, str)):
            raise AgentError("crashed", f"{said!r} is no call that a person can be asked about: give a Wanted")
        try:
            codec.dumps(wanted.input, Any)
        except codec.CodecError as error:
            raise AgentError("crashed", f"what it wants to give to {wanted.tool} has no JSON form: {error}") from None
        secrets = self._secrets
        return Wanted(secrets.hide(wanted.id), secrets.hide(wanted.tool), secrets.hide_tree(wanted.input))

    def _question(self, wanted: Wanted) -> Question:
        prompt = f"{self._agent.name} wants to use {wanted.tool} in {self._asked.attempt.path}"
        return Question(_name_of(wanted.tool), prompt, wanted.input)

    # -- tools -------------------------------------------------------------------------------------------------------

    def _wants(self, reply: Reply) -> Again | Answer:
        """Each tool that it wants used is an attempt of its own, so that what one did is recorded before the next."""
        standing = self._standing
        if isinstance(self._agent, Model) and standing.turns + 1 >= self._agent.turns:
            return self._failed(AgentError("budget", f"it came to no answer in {self._agent.turns} turns"))
        standing = attrs.evolve(standing, turns=standing.turns + 1, tries=0, message="", permits=())
        return Again(None, attrs.evolve(standing, uses=reply.uses, results=(), session=reply.session).known())

    async def _tool_used(self, agent: Model) -> Again:
        standing = self._standing
        use, *left = standing.uses
        tool = await self._tool(agent, use)
        asks = tool is not None and tool.name in agent.confirm and tool.fits
        if asks and standing.answer is None:
            self._asked.note({"agent": agent.name})
            return Again(None, standing.known(), until=self._question(self._shown(Wanted(use.id, use.name, use.input))))
        self._asked.note({"agent": agent.name, "tool": use.name})
        if tool is None:
            text = f"There is no tool {use.name}"
        elif asks and isinstance(standing.answer, Denied):
            text = not_allowed("this call", standing.answer)
        elif self._cut_off and not tool.repeatable:
            text = CUT_OFF
        else:
            self._told(ToolStarted(use.id, use.name, use.input))
            text = _bounded(tool.hide(await tool.used()))
            self._told(ToolEnded(use.id, True, text))
        results = (*standing.results, Used(use.id, text))
        return Again(None, attrs.evolve(standing, uses=tuple(left), results=results, answer=None).known())

    async def _tool(self, agent: Model, use: Use) -> _Tool | None:
        """The tool that is wanted: a function, or one of a server."""
        for tool in agent.tools:
            if (task := task_of(tool)).name == use.name:
                call = functools.partial(used, tool, use, self._asked.attempt, self._thread)
                return _Tool(use.name, task.repeat != "once", call, self._secrets.hide, fits(tool, use))
        for talk, offer in await self._servers.offered(agent.mcp):
            if offer.name == use.name:
                return _Tool(
                    offer.full,
                    offer.repeatable,
                    functools.partial(talk.used, offer, use),
                    self._secrets.hide_printed,
                    isinstance(use.input, dict),
                )
        return None

    # -- what follows ------------------------------------------------------------------------------------------------

    def _judged(self, reply: Reply) -> Answer | Again:
        """The value of an answer; or the form is asked for once more, in the same conversation."""
        if self._schema is None:
            return Success(reply.text)
        judgement = judged(reply.text, reply.value, self._op.output, self._schema)
        if isinstance(judgement, Success):
            return judgement
        problems: Problems = judgement.failure()
        error = AgentError("invalid_output", "; ".join(problems))
        standing = self._standing
        if standing.repairs >= self._op.repair:
            return self._failed(error)
        message, session = corrected(problems, self._schema), reply.session or standing.session
        if session is None:  # nothing to go on with: all is said again
            message = f"{self._op.prompt}\n\nYour answer to that was:\n{reply.text}\n\n{message}"
        repaired = attrs.evolve(
            standing, repairs=standing.repairs + 1, session=session, message=message, results=(), permits=()
        )
        return Again(error, repaired.known())

    def _failed(self, error: object) -> Answer | Again:
        return following(self._op, self._standing, error, self._now(), self._asked.attempt.idempotency_key)

    # -- what is recorded --------------------------------------------------------------------------------------------

    def _spent(self, usage: Usage, cost: Cost, more: Said) -> None:
        """Record who was asked and what that took."""
        standing, usd = self._standing, None
        if cost.usd is not None and not (cost.usd.is_finite() and cost.usd >= 0):
            cost = Cost()  # no sum of money: what it was, nobody knows
        if standing.usd is not None and cost.usd is not None:
            usd = standing.usd + cost.usd
        self._standing = attrs.evolve(standing, usd=usd)
        tokens = {kind: count for kind, count in attrs.asdict(usage).items() if count is not None}
        spent = {**tokens, "usd": None if cost.usd is None else f"{cost.usd:f}", "source": cost.source}
        self._asked.note({"agent": self._agent.name, **{k: v for k, v in more.items() if v}, "spent": spent})

    def _cleaned(self, error: AgentError) -> AgentError:
        return attrs.evolve(
            error,
            message=self._secrets.hide_error(error.message),
            session=self._secrets.hide_tree(error.session),
            version=self._secrets.hide(error.version),
        )


def _answered(standing: Standing) -> Standing:
    """Where an ask stands once a person has answered what its agent wanted in the middle of a turn."""
    wanted, answer = standing.wanted, standing.answer
    if wanted is None or answer is None:
        return standing
    if isinstance(answer, Denied):
        message = not_allowed(f"your call of {wanted.tool}", answer)
    else:
        note = f" They say: {answer.note}" if answer.note else ""
        message = f"The reviewer allowed your call of {wanted.tool}: go on with it.{note}"
    return attrs.evolve(standing, wanted=None, answer=None, permits=(Permit(wanted, answer),), message=message)


def _name_of(tool: str) -> str:
    """A tool's name as that of a gate."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", tool).lstrip(".-") or "tool"


def _all_known(agent: Model, offers: Sequence[Offer]) -> None:
    """Refuse to ask a model that has no such tool as waits for a person: another may be used in its place.

    Raises:
        AgentError: It has none.
    """
    functions, there = [task_of(tool).name for tool in agent.tools], [offer.full for offer in offers]
    for name in agent.confirm:
        if name not in functions and name not in there:
            tools = f"none of the tools of its servers: {', '.join(there)}"
            raise AgentError("config", f"Model(confirm=…): {name!r} is {tools}", cost=NO_COST)


#: A longer result of a tool is not told to a model, in characters: it is beyond what any of them reads.
_MOST_TOLD: Final = 2_000_000


def _bounded(text: str) -> str:
    """What a tool gave, as far as a model is told: a part would be taken for the whole."""
    if len(text) <= _MOST_TOLD:
        return text
    return f"It gave {len(text):,} characters, and no more than {_MOST_TOLD:,} are told: ask it for less"


@attrs.frozen
class _Tool:
    """One call of a tool, to be made.

    Attributes:
        name: By which people know the tool.
        repeatable: It may be made again after one whose end nobody knows.
        used: Makes it, and gives text for the model.
        hide: Takes secrets out of that text.
        fits: It takes what the model gave.
    """

    name: str
    repeatable: bool
    used: Callable[[], Awaitable[str]]
    hide: Callable[[str], str]
    fits: bool


def _declared(agents: tuple[Agent, ...]) -> list[str]:
    """The variables that the agents are given, by name."""
    names: list[str] = []
    for agent in agents:
        if isinstance(agent, Model) and agent.key is not None:
            names.append(agent.key)
        if isinstance(agent, Harness | Model):
            names += environment.given(agent)
    return names


async def answering(agent: Agent, op: Ask[Any]) -> Answering:
    """Who speaks for an agent. What it needs is loaded here, on use.

    Raises:
        Defect: Nothing here can run it.
        ModuleNotFoundError: What it needs comes with an extra that is not installed.
    """
    if isinstance(agent, Answering):
        return agent
    if isinstance(agent, Model):
        from perdure.agents import model

        return await model.speaker(agent)
    if isinstance(agent, Harness):
        from perdure.agents.harness.coding import Coding
        from perdure.agents.harness.known import adapter_of

        if (adapter := adapter_of(agent)) is not None:
            return Coding(agent.name, agent, adapter)
    raise Defect(
        f"ask {op.name!r}: nothing here can run {type(agent).__name__} {agent.name!r}. An agent of your own has a "
        "method `answer`: see perdure.agents.reply.Answering"
    )
