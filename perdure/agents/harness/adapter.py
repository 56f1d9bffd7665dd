"""What an adapter of a coding agent is: a few facts, and two pure functions.

`command` says what to start for a turn; `reading` folds what the program prints into a reply or an error, and says what
the program is told meanwhile, where it speaks with us. Neither does I/O, so both are tested on recorded output. A turn
has succeeded only if the program's own last event was seen and says so: exit codes are of no use, for some harnesses
end with 0 on every error.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar

import attrs

from perdure.agents.harness.kinds import kind_of, wait_in
from perdure.agents.process import Ended, Launch, last_words
from perdure.agents.reply import AgentError, Call, Cost, Event, Json, Kind, Reply, Source, Started, Usage, Wanted
from perdure.core.agents import Access, Harness
from perdure.core.leaves import Approved, Denied

#: One line of what a harness prints.
Object = Mapping[str, Any]  # JSON trees have no better type in Python

#: What a harness is told of a call that was not allowed, where the person gave no reason.
NOT_ALLOWED: Final = "A reviewer did not allow it."
#: No longer message is recorded, in characters: it may quote what was asked.
_LONGEST: Final = 1000

H = TypeVar("H", bound=Harness)


@attrs.frozen
class Room:
    """Where a turn takes place.

    Attributes:
        cwd: The folder that the agent works in.
        scratch: A folder for files of this turn; it is removed afterwards.
        env: The environment that every agent gets, with what this one declares.
        fresh: A new UUID, for a harness that lets us name the conversation.
    """

    cwd: Path
    scratch: Path
    env: Mapping[str, str] = attrs.field(repr=False)
    fresh: str


class SessionLost(Exception):
    """The harness does not know the conversation that it was to continue."""


@attrs.frozen
class Say:
    """What the harness is told at once, where it speaks with us: an object that is a line of its stdin."""

    told: Object


@attrs.define
class Reading(abc.ABC):
    """What is known of a turn from the events so far.

    Attributes:
        no_session: What the harness says on stderr where it does not know the conversation: one of these.
        started: The conversation that was announced; None before the first event, and after it what the next turn is
            given to continue it.
        text: The last words so far.
        value: The structured answer, where the harness gives one.
        model: Which one answers, where the harness says so.
        version: Of the harness, where it says so itself.
        done: The last event was seen.
        turns: Replies of the model so far.
        tokens: Of this turn, so far.
        usd: Of this turn, so far; None where the harness does not say.
        failed: Why the turn has failed, if nothing else follows.
        resets: When a used-up quota is there again.
        lost: It said that it does not know the conversation.
    """

    no_session: ClassVar[tuple[str, ...]] = ()

    started: Json | None = None
    text: str = ""
    value: Json | None = None
    model: str = ""
    version: str = ""
    done: bool = False
    turns: int = 0
    tokens: Usage = attrs.field(factory=Usage)
    usd: Decimal | None = None
    failed: AgentError | None = None
    resets: datetime | None = None
    lost: bool = False

    @abc.abstractmethod
    def take(self, event: Object) -> Iterator[Event | Say | Wanted]:
        """Take the next event in, and say what it means to who watches, what to answer, and what a person is asked."""

    def answer(self, wanted: Wanted, decision: Approved | Denied, *, stop: bool = False) -> list[Object]:
        """What the harness is told when a person has decided about a call that it asked about.

        Args:
            wanted: The call, as `take` gave it.
            decision: What the person said.
            stop: Its turn ends with this, too.
        """
        raise NotImplementedError(f"{type(self).__name__} gives nothing to decide about")  # see Adapter.confirms

    def reply(self, ended: Ended, now: datetime | None = None) -> Reply:
        """What the turn came to.

        Args:
            ended: How the program ended.
            now: Against which the time of a reset is told.

        Raises:
            AgentError: It came to nothing.
            SessionLost: There is no such conversation.
        """
        error = self.failed
        if self.lost:
            raise SessionLost
        if error is None and not self.done:
            if any(words in ended.stderr for words in self.no_session):
                raise SessionLost
            error = self.unfinished(ended)
        if error is None:
            return Reply(
                text=self.text,
                value=self.value,
                session=self.started,
                model=self.model,
                version=self.version,
                usage=self.tokens,
                cost=self.cost,
            )
        after = error.retry_after
        if self.resets is not None and after is None and error.kind in ("quota", "rate"):
            after = max(self.resets - (now or datetime.now(UTC)), timedelta(0))
        raise attrs.evolve(error, retry_after=after, session=self.started, usage=self.tokens, cost=self.cost) from None

    def unfinished(self, ended: Ended) -> AgentError:
        """Why there was no last event, as far as that can be told."""
        last = last_words(ended.stderr)
        if ended.dropped:
            last = f"; {ended.dropped} of its lines were too long to read{last}"
        if ended.stopped == "idle":
            return AgentError("crashed", f"it printed nothing for too long and was ended{last}")
        if ended.stopped == "wall":
            return AgentError("budget", f"it took too long and was ended{last}")
        how = f"by signal {-ended.code}" if ended.code < 0 else f"with code {ended.code}"
        # Before it had a conversation it refused: its arguments, its login, its configuration.
        kind: Kind = (
            kind_of(None, "", ended.stderr, otherwise="config")
            if self.started is None and ended.code > 0
            else "crashed"
        )
        return AgentError(kind, f"it ended {how}, without its last word{last}")

    @property
    def cost(self) -> Cost:
        source: Source = "unknown" if self.usd is None else "reported"
        return Cost(self.usd, source)

    def start(self, session: Json, payer: str = "") -> Iterator[Started]:
        """Announce the conversation, once, and who pays for it where the harness says so."""
        if self.started is None:
            self.started = session
            yield Started(session, payer)

    def pay(self, usd: object) -> None:
        """Add what a part cost. A model without a price is said to cost nothing: that is not known, then."""
        if isinstance(usd, int | float) and usd > 0:
            self.usd = (self.usd or Decimal(0)) + Decimal(str(usd))

    def fail(self, message: str, *, status: int | None = None, code: str = "", otherwise: Kind = "crashed") -> None:
        """The turn has failed, by what the harness says in its error and nowhere else."""
        kind = kind_of(status, code, message, otherwise=otherwise)
        said = " ".join(message.split())[:_LONGEST]
        self.failed = AgentError(kind, said, status=status, retry_after=wait_in(message))


@attrs.frozen
class Adapter(Generic[H]):
    """A coding agent: what is known of it, and what is done with it.

    Attributes:
        title: For people.
        program: Looked for on the PATH, if the agent names no other; empty where there is nothing to look for.
        distribution: The Python package that it is, in place of a program.
        command: What to start for a turn.
        reading: What to read its output with.
        confirms: It asks about single calls of tools, and goes on with the answer.
        native: It takes a schema by itself.
        skip: Lines that begin so say nothing that another does not say.
        package: How people install it.
        logins: Files in the home folder that are there once somebody has logged in. They are never read.
        keys: Variables of which one is enough to be known.
        most: How many run at once in this process: some take half a gigabyte.
        mcp: It can be given servers of tools.
        picks: It can be told which tools to use.
        reaches: Whether the tools that it has may reach the network, with all that it is told; None where it cannot be
            told about that.
        counts: It says how many tokens it used.
        prices: It says what it cost, of some models at least.
        fixed: Its command says it all: neither a model nor a program can be named beside.
        plain: Its lines are no JSON: each is taken as `{"line": …}`.
    """

    title: str
    program: str
    command: Callable[[H, Call, Room], Launch]
    reading: Callable[[H, Call, Room], Reading]
    distribution: str = ""
    package: str = ""
    native: bool = False
    skip: tuple[bytes, ...] = ()
    logins: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    most: int = 4
    mcp: bool = True
    picks: bool = True
    reaches: Callable[[H], bool] | None = None
    counts: bool = True
    prices: bool = True
    fixed: bool = False
    plain: bool = False
    confirms: bool = False


def access_of(agent: Harness, call: Call) -> Access:
    """What it may do in this turn: where only the form of an answer is asked for again, it may look."""
    return "read" if call.repair else agent.access


def network_of(agent: Harness, call: Call) -> bool | None:
    """Whether it may reach the network in this turn, if anything was said of that; in a repair there is none."""
    return agent.network and not call.repair


def reached(agent: Harness) -> bool:
    """Whether a harness that is told about the network reaches it: with full access, nothing keeps it from that."""
    return agent.access == "full" or agent.network is True


def beyond(tools: Iterable[str] | None, local: Iterable[str]) -> bool:
    """Whether there are more tools than those that stay on the machine; None: all that there are."""
    return tools is None or not set(tools) <= set(local)


def introduced(agent: Harness, call: Call) -> str:
    """The message, for a harness without a word for instructions: they stand before the first of a conversation."""
    return f"{agent.system}\n\n{call.message}" if agent.system and call.session is None else call.message


def words(
    tokens: Mapping[str, Any], *, input: str, output: str, read: str = "", write: str = "", thought: str = ""
) -> Usage:
    """A harness's own count, by its own names; what it does not say is None."""

    def count(name: str) -> int | None:
        value = tokens.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return Usage(
        input=count(input),
        output=count(output),
        cache_read=count(read),
        cache_write=count(write),
        reasoning=count(thought),
    )


def added(one: Usage, other: Usage) -> Usage:
    """Both together; what only one says is what it says."""

    def sum_of(a: int | None, b: int | None) -> int | None:
        return b if a is None else a if b is None else a + b

    pairs = zip(attrs.astuple(one), attrs.astuple(other), strict=True)
    return Usage(**{field.name: sum_of(*pair) for field, pair in zip(attrs.fields(Usage), pairs, strict=True)})
