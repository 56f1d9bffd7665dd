"""Where an ask stands between two attempts, and what follows a failure: whom to ask next, and when.

All of it is recorded with the attempt, so another worker goes on with the same agent, in the same conversation, at the
same time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs
from returns.result import Failure

from perdure.agents.reply import COURSES, AgentError, Course, Json, Permit, Use, Used, Wanted
from perdure.core import codec
from perdure.core.agents import Agent
from perdure.core.asked import Again, Answer, Decision, Said
from perdure.core.faults import StepFault
from perdure.core.leaves import Ask
from perdure.core.retry import Retry

#: Between two attempts of an agent that does not say how long to wait.
_BACKOFF: Final = Retry(wait=timedelta(seconds=2), factor=4)
#: While there is somebody else to ask, nobody is waited for longer than this.
_PATIENCE: Final = timedelta(minutes=1)
#: Whatever somebody asks for: a header may say anything.
_LONGEST: Final = timedelta(days=31)
#: So often a step waits for an agent that says when it can be asked again.
_RESETS: Final = 3


@attrs.frozen(kw_only=True)
class Standing:
    """Where an ask stands between two attempts.

    Attributes:
        at: The place of the agent that is asked next.
        agent: Its name: should the list be another by then, it is looked for.
        tries: How often it failed and was asked again.
        repairs: How often the form of its answer was asked for once more.
        session: The conversation to go on with.
        message: What to say in it, where that is not the task.
        uses: The tools that it wants used, before it goes on.
        results: What came of those that were.
        wanted: The call about which a person was asked, and nobody lived to hear the answer.
        answer: What the person said, put in by whoever asked them.
        permits: What was said to calls of this conversation, and is not known to be used up.
        turns: How often the agent has replied.
        attempt: The attempt that left it so; if the next but one finds it, one was cut off.
        failures: Why agents were given up, in that order.
        gone: The places of those that cannot be asked again.
        resets: When agents that were given up can be asked again: place to milliseconds since 1970.
        waits: How often that was waited for.
        usd: What it has cost so far; None once an attempt was made whose cost nobody knows.
    """

    at: int = 0
    agent: str = ""
    tries: int = 0
    repairs: int = 0
    session: Json | None = None
    message: str = ""
    uses: tuple[Use, ...] = ()
    results: tuple[Used, ...] = ()
    wanted: Wanted | None = None
    answer: Decision | None = None
    permits: tuple[Permit, ...] = ()
    turns: int = 0
    attempt: int = 0
    failures: tuple[str, ...] = ()
    gone: tuple[int, ...] = ()
    resets: dict[str, int] = attrs.field(factory=dict)
    waits: int = 0
    usd: Decimal | None = Decimal(0)

    @classmethod
    def of(cls, known: Said, agents: tuple[Agent, ...]) -> Standing:
        """What an earlier attempt left, or the beginning."""
        if not known:
            return cls(agent=agents[0].name)
        standing: Standing = codec.from_json(known, cls)
        if standing.at < len(agents) and agents[standing.at].name == standing.agent:
            return standing
        place = next((n for n, agent in enumerate(agents) if agent.name == standing.agent), None)
        if place is None:  # the workflow no longer names it
            return cls(agent=agents[0].name, usd=standing.usd)
        return attrs.evolve(standing, at=place, gone=(), resets={})

    def known(self) -> Said:
        """As it is recorded."""
        said: Said = codec.to_json(self, Standing)
        return said

    def moved(self, place: int, agents: tuple[Agent, ...]) -> Standing:
        """The next agent begins anew."""
        kept = Standing(failures=self.failures, gone=self.gone, resets=self.resets, waits=self.waits, usd=self.usd)
        return attrs.evolve(kept, at=place, agent=agents[place].name, attempt=self.attempt)


def following(op: Ask[Any], standing: Standing, error: object, now: datetime, seed: str) -> Answer | Again:
    """What follows a failure: the same agent, the next one, one that can be asked again later, or the end.

    Args:
        op: What is asked.
        standing: Where it stood.
        error: What the attempt failed with; a function in the place of an agent may fail with any value.
        now: The time.
        seed: The idempotency key, by which waits are spread.
    """
    course = COURSES[error.kind] if isinstance(error, AgentError) else Course()
    wait = error.retry_after if isinstance(error, AgentError) else None
    wait = None if wait is None else min(wait, _LONGEST)
    if isinstance(error, AgentError) and error.session is not None:
        standing = attrs.evolve(standing, session=error.session)
    if standing.tries < course.again and (wait is None or wait <= _PATIENCE):
        wait = _BACKOFF.delay(standing.tries + 1, seed) if wait is None else wait
        return Again(error, attrs.evolve(standing, tries=standing.tries + 1).known(), wait)

    standing = attrs.evolve(standing, failures=(*standing.failures, f"{op.agents[standing.at].name}: {error}"))
    if course.then == "stop":
        return _end(op, standing, error, "; then ")
    if wait is not None and (course.resets or (course.again and wait > _PATIENCE)):
        due = int((now + wait).timestamp() * 1000)
        standing = attrs.evolve(standing, resets={**standing.resets, str(standing.at): due})
    else:
        standing = attrs.evolve(standing, gone=(*standing.gone, standing.at))
    after = next((place for place in range(standing.at + 1, len(op.agents)) if place not in standing.gone), None)
    if after is not None:
        return Again(error, standing.moved(after, op.agents).known())
    if standing.resets and standing.waits < _RESETS:
        place, due = min(standing.resets.items(), key=lambda reset: reset[1])
        left = {other: at for other, at in standing.resets.items() if other != place}
        standing = attrs.evolve(standing.moved(int(place), op.agents), resets=left, waits=standing.waits + 1)
        return Again(error, standing.known(), max(timedelta(0), datetime.fromtimestamp(due / 1000, UTC) - now))
    return _end(op, standing, error, "; ")


def _end(op: Ask[Any], standing: Standing, error: object, between: str) -> Answer:
    if not isinstance(error, AgentError) and len(standing.failures) == 1:
        return Failure(error)
    match error:
        case AgentError(kind=kind):
            pass
        case StepFault(error=kind):
            pass
        case _:
            kind = type(error).__name__
    every = "every agent failed: " if len(standing.failures) >= len(op.agents) > 1 else ""
    return Failure(StepFault(op.name, kind, every + between.join(standing.failures)))
