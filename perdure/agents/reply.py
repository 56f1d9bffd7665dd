"""What an agent is asked, and what comes of it: the words that every agent and the path of an `ask` share.

An agent of your own is a value with a name and one method, `answer`; see `Answering`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import attrs

from perdure.core.asked import Attempt, nobody
from perdure.core.leaves import Approved, Ask, Denied

#: A JSON tree.
Json: TypeAlias = Any  # JSON trees have no better type in Python


@attrs.frozen
class Use:
    """A model wants a tool used. `id` is the model's own name for this call."""

    id: str
    name: str
    input: Json


@attrs.frozen
class Used:
    """What came of it."""

    id: str
    text: str


# -- what a person is asked first ------------------------------------------------------------------------------------


@attrs.frozen
class Wanted:
    """A tool that an agent may use only if a person says yes. `id` is the agent's own name for this call."""

    id: str
    tool: str
    input: Json


@attrs.frozen
class Permit:
    """What a person said to a call of a tool: it holds for one call of this very tool with this very input."""

    wanted: Wanted
    decision: Approved | Denied

    def covers(self, wanted: Wanted) -> bool:
        """Whether it is for this call: compared as JSON, for to Python 1 is 1.0 and True."""
        return _compared(self.wanted) == _compared(wanted)


def _compared(wanted: Wanted) -> tuple[str, str]:
    return wanted.tool, json.dumps(wanted.input, sort_keys=True)


def not_allowed(what: str, denied: Denied) -> str:
    """What an agent is told of a call that a person said no to."""
    note = f": {denied.note}" if denied.note else ""
    return f"The reviewer did not allow {what}{note}. Go on without it."


#: Asks a person about a call, and waits for the answer.
Confirm: TypeAlias = Callable[[Wanted], Awaitable[Approved | Denied]]


# -- the question ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Call:
    """One turn of an agent.

    Attributes:
        ask: The leaf: its prompt is the task, its output the type of the answer.
        attempt: Which attempt this is, with the idempotency key of the step.
        message: What to say now. Without a session that is the task; empty where only `results` are handed back.
        results: What came of the tools that the last reply wanted used.
        schema: The JSON Schema that the answer must fit; None where any text will do.
        session: The conversation to continue, as the agent itself named it; None begins one.
        repair: Only the form of the last answer is asked for again: no tool is needed, and none should be given.
        live: Somebody listens: what is said is wanted as it comes.
        permits: What people decided while no process of the agent lived. Each is used up by one equal call: the same
            tool with the same input.
        confirm: Asks a person about a call and waits for the answer. Who waits no longer cancels it, and raises
            `Unanswered`. Where nobody can be asked, the answer is no.
        tools: The tools of a model's servers, as models are told of tools.
    """

    ask: Ask[Any]  # whatever the answer is of
    attempt: Attempt
    message: str
    results: tuple[Used, ...] = ()
    schema: Json | None = None
    session: Json | None = None
    repair: bool = False
    live: bool = False
    permits: tuple[Permit, ...] = ()
    confirm: Confirm = attrs.field(default=nobody, eq=False, repr=False)
    tools: tuple[Json, ...] = ()


# -- the answer ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens of one turn, each counted once. None: the agent does not say.

    Attributes:
        input: Read, and not from a cache.
        output: Written, reasoning included.
        cache_read: Read from a cache.
        cache_write: Read, and written to a cache.
        reasoning: The part of `output` that nobody sees.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


#: Who says what it cost: the agent itself, a list of prices, or nobody.
Source: TypeAlias = Literal["reported", "priced", "unknown"]


@attrs.frozen
class Cost:
    """Dollars of one turn, and who says so. What nobody knows is None, and never zero."""

    usd: Decimal | None = None
    source: Source = "unknown"


#: Of a turn in which no model was asked.
NO_COST: Final = Cost(Decimal(0), "priced")


@attrs.frozen(kw_only=True)
class Reply:
    """What an agent answered.

    Attributes:
        text: Its last words.
        value: The structured value, where the agent gives one by itself; it is judged like any other.
        uses: The tools that it wants used, of those that it was offered. Then it is not done, and goes on with the
            results.
        session: By which the conversation is continued; None where it cannot be.
        model: Which model answered, as the agent says.
        version: Of the program that was run.
        usage: Of this turn alone.
        cost: Of this turn alone.
    """

    text: str
    value: Json | None = None
    uses: tuple[Use, ...] = ()
    session: Json | None = None
    model: str = ""
    version: str = ""
    usage: Usage = attrs.field(factory=Usage)
    cost: Cost = attrs.field(factory=Cost)


# -- what happens meanwhile ------------------------------------------------------------------------------------------


@attrs.frozen
class Began:
    """An agent that has something to say begins to say it: the first event of an attempt."""

    agent: str


@attrs.frozen
class Started:
    """The conversation has a name: recorded at once, so that an attempt after a crash can continue it.

    Attributes:
        session: The name.
        payer: Whose account pays, where the agent says so: the name of a variable, or of a kind of login; never a key.
        version: Of the program that is run.
    """

    session: Json
    payer: str = ""
    version: str = ""


@attrs.frozen
class Text:
    """A part of what it says."""

    delta: str


@attrs.frozen
class ToolStarted:
    """It uses a tool."""

    id: str
    name: str
    input: Json


@attrs.frozen
class ToolEnded:
    """The tool has ended."""

    id: str
    ok: bool
    output: str


@attrs.frozen
class Warned:
    """Something that people should know, and that is no failure."""

    message: str


#: For whoever watches; of these only `Started` is recorded.
Event: TypeAlias = Began | Started | Text | ToolStarted | ToolEnded | Warned
Tell: TypeAlias = Callable[[Event], None]
#: Who watches agents at work: called with the attempt and what happens in it, as it happens. Nothing waits for it.
Watch: TypeAlias = Callable[[Attempt, Event], None]


# -- what may go wrong -----------------------------------------------------------------------------------------------

Kind: TypeAlias = Literal[
    "rate",  # too many requests, or the provider is overloaded
    "transient",  # a fault of the network or the server, a reply cut short
    "crashed",  # it ended without its last word
    "quota",  # what was paid for is used up until some time
    "auth",  # it does not know us
    "config",  # no such model, program or option
    "context",  # the conversation, or its answer, is too long for it
    "invalid_output",  # its answer does not fit, even when told so
    "refused",  # it declines
    "budget",  # a limit of ours
    "denied",  # a person said no
    "cancelled",  # we gave it up
]


@attrs.frozen
class Course:
    """What follows after a failure of one kind.

    Attributes:
        again: How often the same agent is asked once more.
        then: After that: `next` asks the next agent, `stop` fails the step.
        off: The agent is not asked again in this run.
        resets: It can be asked again at a certain time: the step waits for it where no other agent is left.
    """

    again: int = 0
    then: Literal["next", "stop"] = "next"
    off: bool = False
    resets: bool = False


COURSES: Final[dict[Kind, Course]] = {
    "rate": Course(again=2),
    "transient": Course(again=2),
    "crashed": Course(again=1),
    "quota": Course(resets=True),
    "auth": Course(off=True),
    "config": Course(),
    "context": Course(),
    "invalid_output": Course(),
    "refused": Course(then="stop"),
    "budget": Course(then="stop"),
    "denied": Course(then="stop"),
    "cancelled": Course(then="stop"),
}


@attrs.frozen(str=False)
class AgentError(Exception):
    """Why an agent has no answer. Raise it without a cause that bears a secret: `raise AgentError(…) from None`.

    Attributes:
        kind: Which of the twelve ways; `COURSES` says what follows.
        message: What it said, in one line where possible.
        status: The HTTP status, where there was one.
        retry_after: How long it asks us to wait.
        session: By which the conversation can be continued.
        usage: Of this turn.
        cost: Of this turn.
        version: Of the program that was run.

    Example:
        >>> str(AgentError("rate", "slow down", status=429))
        'rate (429): slow down'
    """

    kind: Kind
    message: str
    status: int | None = attrs.field(default=None, kw_only=True)
    retry_after: timedelta | None = attrs.field(default=None, kw_only=True)
    session: Json | None = attrs.field(default=None, kw_only=True)
    usage: Usage = attrs.field(factory=Usage, kw_only=True)
    cost: Cost = attrs.field(factory=Cost, kw_only=True)
    version: str = attrs.field(default="", kw_only=True)

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status is not None else ""
        return f"{self.kind}{status}: {self.message}"


@attrs.frozen(str=False)
class Unanswered(Exception):
    """Nobody answered in time whether an agent may use a tool, and its process has ended. No failure: the run suspends.

    Attributes:
        wanted: The call.
        session: By which the conversation is continued once somebody has answered.
        usage: Of this turn.
        cost: Of this turn.
    """

    wanted: Wanted
    session: Json
    usage: Usage = attrs.field(factory=Usage, kw_only=True)
    cost: Cost = attrs.field(factory=Cost, kw_only=True)

    def __str__(self) -> str:
        return f"nobody has answered yet whether it may use {self.wanted.tool}"


# -- who answers -----------------------------------------------------------------------------------------------------


@runtime_checkable
class Answering(Protocol):
    """An agent of your own: a value with a name that answers by itself."""

    @property
    def name(self) -> str: ...

    @property
    def native(self) -> bool:
        """Whether it sees to `Call.schema` by itself; else the schema is put at the end of the prompt."""
        ...

    async def answer(self, call: Call, tell: Tell) -> Reply:
        """Answer one turn.

        Args:
            call: The turn.
            tell: Call it with events as they happen.

        Raises:
            AgentError: It has no answer. Whatever else is raised counts as `crashed`.
            Unanswered: It has to wait for a person, and does so without a process.
        """
        ...
