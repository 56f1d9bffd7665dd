"""Agents as data: who answers an `ask`.

An agent is never part of a step's identity, so another model can answer next week under the same key. What an
agent does is the business of the room `agents`; a description only names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import attrs

from perdure.core.estimate import FREE, UNKNOWN, UNPRICED, Estimate
from perdure.core.faults import Defect
from perdure.core.identity import checked_name


@runtime_checkable
class Agent(Protocol):
    """Whatever can be named in an `ask`: a value with a name. A handler for its class must be known where it runs."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class Priced(Protocol):
    """An agent that can say beforehand what it costs. A plan asks it; others are unpriced."""

    def price(self, chars: int | None, output: Any) -> Estimate:  # Any: a type expression
        """What one attempt at an answer may cost, however it ends.

        Args:
            chars: The length of the prompt in characters; None where that depends on replies.
            output: The type of the answer.
        """
        ...


def _name(_: object, __: object, name: str) -> None:
    checked_name(name, "agent")


@attrs.frozen
class Scripted:
    """An agent without a model: the same prompt gets the same answer. For demos, tests and work without a key.

    Attributes:
        name: For people and records; not part of any key.
        reply: What it answers: a function of the prompt (sync or async; what it raises is the step's failure), or a
            mapping from a part of the prompt to the answer, of which the first part that occurs counts.
        estimate: What an attempt is said to cost, to plan with. By default no tokens and no dollars, and nobody
            knows how many seconds.

    Example:
        >>> Scripted("critic", {"bees": "They are fine."}).name
        'critic'
    """

    name: str = attrs.field(validator=_name)
    reply: Callable[[str], Any] | Mapping[str, Any] = attrs.field(
        repr=False, eq=False
    )  # Any: whatever the ask's output type says
    estimate: Estimate | None = None

    def price(self, chars: int | None, output: Any) -> Estimate:  # noqa: ARG002  # the protocol's
        """What its `estimate` says."""
        return self.estimate or attrs.evolve(FREE, seconds=UNKNOWN)


def priced(agent: Agent, chars: int | None, output: Any) -> Estimate:
    """What an agent says that one attempt may cost; of one that says nothing, nobody knows."""
    # A protocol is slow to look for, so what is known to fulfil it is asked first.
    return agent.price(chars, output) if isinstance(agent, Scripted | Priced) else UNPRICED


# -- what an agent may do --------------------------------------------------------------------------------------------

#: read: it may look. edit: it may change files where it works, too. full: whatever the account that it runs in may.
Access: TypeAlias = Literal["read", "edit", "full"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODEL: Final = re.compile(r"[\w.-]+(/[\w.:@+-]+)+")


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):  # it may be a key, so it is not repeated
        raise Defect("there is one text where a list of words belongs: write […] around it")
    return tuple(given)


def _variables(_: object, field: attrs.Attribute[Any], names: tuple[str, ...]) -> None:
    for name in names:
        if not _VARIABLE.fullmatch(name):
            # Not repeated: it may be the very value that must not be shown.
            raise Defect(f"{field.name}: give the names of environment variables, never their values")


def _words(_: object, field: attrs.Attribute[Any], words: tuple[str, ...]) -> None:
    if not words:
        raise Defect(f"{field.name}=[]: give the program and its arguments")


def _positive(_: object, field: attrs.Attribute[Any], value: float | timedelta | None) -> None:
    # Told by what it is: a limit that is no number (nan) is less than nothing, and would never be reached.
    if value is not None and not (value > timedelta(0) if isinstance(value, timedelta) else value > 0):
        raise Defect(f"{field.name}={value!r}: a limit is more than nothing; None is no limit")


@attrs.frozen(kw_only=True)
class Limits:
    """How much one attempt of an agent may use. Beyond any of it the attempt fails with the kind `budget`.

    Attributes:
        turns: Replies of the model.
        tokens: Tokens read and written, together.
        usd: US dollars.
        wall: Time from its start to its end.
        idle: Time without a sign of life.
    """

    turns: int | None = attrs.field(default=None, validator=_positive)
    tokens: int | None = attrs.field(default=None, validator=_positive)
    usd: float | None = attrs.field(default=None, validator=_positive)
    wall: timedelta | None = attrs.field(default=None, validator=_positive)
    idle: timedelta | None = attrs.field(default=None, validator=_positive)


@attrs.frozen(kw_only=True)
class McpServer:
    """A program that is a server of tools, spoken to by the Model Context Protocol on its standard streams.

    Attributes:
        name: Under which its tools are known.
        command: The program that is the server, with its arguments. Everybody on the machine can read them.
        env: Names of the environment variables that it is given beside the harmless ones.
    """

    name: str = attrs.field(validator=_name)
    command: tuple[str, ...] = attrs.field(converter=_texts, validator=_words)
    env: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=_variables)


def _servers(given: Iterable[McpServer]) -> tuple[McpServer, ...]:
    return tuple(given)


def _twice(names: Sequence[str]) -> str | None:
    """The name that is there most often, if any is more than once."""
    return max(names, key=names.count) if len(set(names)) < len(names) else None


def _apart(_: object, __: object, servers: tuple[McpServer, ...]) -> None:
    if twice := _twice([server.name for server in servers]):
        raise Defect(f"mcp=…: two servers are called {twice!r}, and their tools are known by that name")


def _access(agent: Any, _: object, access: str) -> None:
    if access not in get_args(Access):
        # Not taken for one of them: another word for `read` must not be one that may write.
        known = ", ".join(map(repr, get_args(Access)))
        raise Defect(f"{type(agent).__name__}(access={access!r}): what an agent may do is one of {known}")


# -- models ----------------------------------------------------------------------------------------------------------


def _model(_: object, __: object, model: str) -> None:
    if not _MODEL.fullmatch(model):
        raise Defect(f"Model({model!r}): say the provider too, such as 'openai/gpt-5' or 'anthropic/claude-sonnet-4-5'")


def _functions(given: Iterable[Callable[..., Any]]) -> tuple[Callable[..., Any], ...]:
    return tuple(given)


def _called(tool: Callable[..., Any]) -> str:
    """By which a model knows it: a step may have another name than its function."""
    step = getattr(getattr(tool, "task", None), "name", None)
    return checked_name(step or getattr(tool, "__name__", tool), "tool")


def _tools(_: object, __: object, tools: tuple[Callable[..., Any], ...]) -> None:
    if twice := _twice([_called(tool) for tool in tools]):
        raise Defect(f"Model(tools=…): two tools are called {twice!r}, and a model knows them by their names")


@attrs.frozen(repr=False)
class Model:
    """A language model, asked through litellm: `pip install 'perdure[models]'`.

    Attributes:
        model: The provider and its name of the model, as litellm spells them.
        system: What it is told before every prompt.
        temperature: How freely it answers; None leaves that to the provider.
        max_tokens: It writes no more than this in one reply.
        base_url: Where it is reached, if not at its provider's own address.
        key: The name of the environment variable with the key; by default the one that the provider's name suggests.
        native: Whether its provider holds it to a JSON Schema. None: where litellm's list says so. Else the schema
            is put at the end of the prompt; the answer is judged the same.
        timeout: How long one reply may take.
        stream: Whether it is asked for a stream where somebody listens; False for a server that has none.
        tools: Functions and steps that it may use. What they take and give has a JSON form. `perdure.attempt()` in one
            has an idempotency key of this very call. A step that is `once` is never called again after a call whose
            end nobody knows.
        mcp: Servers of further tools. Each runs for as long as the step goes on, and a tool is known as `server__tool`.
            After a call whose end nobody knows a tool is called again only if its server says that it is read-only or
            idempotent.
        turns: It may reply so often to come to an answer.
        confirm: The names of those of its tools of which each call waits for a person's yes; `server__tool` for one of
            a server, by the name that its server gives it. The run suspends meanwhile, and no process is needed.

    Raises:
        Defect: No provider, a name of a variable that cannot be one, a limit of nothing, two tools or servers of one
            name, a name in `confirm` that none of its tools has.

    Example:
        >>> Model("openai/gpt-5", system="You are brief.")
        Model('openai/gpt-5', system='You are brief.')
    """

    model: str = attrs.field(validator=_model)
    system: str = attrs.field(default="", kw_only=True)
    temperature: float | None = attrs.field(default=None, kw_only=True)
    max_tokens: int | None = attrs.field(default=None, kw_only=True, validator=_positive)
    base_url: str | None = attrs.field(default=None, kw_only=True)
    key: str | None = attrs.field(default=None, kw_only=True)
    native: bool | None = attrs.field(default=None, kw_only=True)
    timeout: timedelta = attrs.field(default=timedelta(minutes=10), kw_only=True, validator=_positive)
    stream: bool = attrs.field(default=True, kw_only=True)
    tools: tuple[Callable[..., Any], ...] = attrs.field(
        default=(), kw_only=True, converter=_functions, validator=_tools
    )  # Any: whatever a tool gives
    mcp: tuple[McpServer, ...] = attrs.field(default=(), kw_only=True, converter=_servers, validator=_apart)
    turns: int = attrs.field(default=50, kw_only=True, validator=_positive)
    confirm: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_texts)

    def __attrs_post_init__(self) -> None:
        if self.key is not None and not _VARIABLE.fullmatch(self.key):
            raise Defect("Model(key=…): give the name of an environment variable, never a key itself")
        known = [_called(tool) for tool in self.tools]
        for name in self.confirm:
            if name not in known and not any(name.startswith(f"{server.name}__") for server in self.mcp):
                there = f"its tools are {', '.join(known)}" if known else "it has no tools"
                raise Defect(f"Model(confirm=…): {name!r} is none of its tools: {there}")
        for server in self.mcp:
            for name in known:
                if name.startswith(f"{server.name}__"):
                    raise Defect(f"Model(tools=…): {name!r} is called as a tool of the server {server.name!r} may be")

    @property
    def name(self) -> str:
        """For people and records: the model."""
        return self.model

    def __repr__(self) -> str:
        """What was said of it, and nothing that goes without saying: it is read where two plans are compared."""
        usual = Model(self.model)
        fields = (field.name for field in attrs.fields(Model))
        said = [f"{name}={mine!r}" for name in fields if (mine := getattr(self, name)) != getattr(usual, name)]
        return f"Model({', '.join([repr(self.model), *said])})"


# -- coding agents ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Harness:
    """What all coding agents have in common: a program with tools of its own, at work in a folder.

    Attributes:
        model: The model that it uses, as it spells it; None leaves that to its settings.
        system: What it is told beside its own instructions.
        access: What it may do.
        network: Whether its commands and web tools may reach the network, a search by its provider too. None: as it is
            with its `access`; True: also where that alone would not let it; False: not at all. What its program cannot
            be held to is refused. Its model is reached in any case, and servers of tools are programs of their own.
        cwd: Where it works; by default the working directory of the worker.
        worktree: It works in a git worktree of its own, beside the repository of `cwd`.
        env: Names of the environment variables that it is given beside the harmless ones.
        tools: The tools that it may use, as it spells them; None leaves that to `access`.
        mcp: Servers of further tools.
        isolated: It gets an empty home of its own, and so no login and no settings of yours. What the files of the
            folder would make it run by itself is kept out, as far as its program can be told that.
        limits: What one attempt may use.
        program: The program to start, if not the one of that name on the PATH.
        confirm: What its access does not allow it asks a person for, call by call, in place of going without.
        hold: So long it waits for the person with its process alive; then the process ends and the run suspends.
    """

    model: str | None = None
    system: str = ""
    access: Access = attrs.field(default="edit", validator=_access)
    network: bool | None = None
    cwd: str | None = None
    worktree: bool = False
    env: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=_variables)
    tools: tuple[str, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(_texts))
    mcp: tuple[McpServer, ...] = attrs.field(default=(), converter=_servers, validator=_apart)
    isolated: bool = False
    limits: Limits = attrs.field(factory=Limits)
    program: str | None = None
    confirm: bool = False
    hold: timedelta = attrs.field(default=timedelta(seconds=60), validator=_positive)


@attrs.frozen(kw_only=True)
class ClaudeCode(Harness):
    """Claude Code, by its command `claude`. See `Harness`."""

    name: str = attrs.field(default="claude-code", validator=_name)


@attrs.frozen(kw_only=True)
class Codex(Harness):
    """Codex, by its command `codex`. See `Harness`."""

    name: str = attrs.field(default="codex", validator=_name)


@attrs.frozen(kw_only=True)
class Pi(Harness):
    """Pi, by its command `pi`. See `Harness`."""

    name: str = attrs.field(default="pi", validator=_name)


@attrs.frozen(kw_only=True)
class Antigravity(Harness):
    """Antigravity, by its own runtime: `pip install google-antigravity`. See `Harness`."""

    name: str = attrs.field(default="antigravity", validator=_name)


@attrs.frozen(kw_only=True)
class Gemini(Harness):
    """Gemini CLI, by its command `gemini`. See `Harness`."""

    name: str = attrs.field(default="gemini", validator=_name)


@attrs.frozen(kw_only=True)
class OpenCode(Harness):
    """OpenCode, by its command `opencode`. See `Harness`."""

    name: str = attrs.field(default="opencode", validator=_name)


@attrs.frozen(kw_only=True)
class Acp(Harness):
    """Any program that speaks the Agent Client Protocol on its standard streams. See `Harness`.

    Attributes:
        command: The program with its arguments.
    """

    command: tuple[str, ...] = attrs.field(converter=_texts, validator=_words)
    name: str = attrs.field(default="acp", validator=_name)


@attrs.frozen
class Command(Harness):
    """Any program that reads a prompt on its standard input and writes the answer on its standard output.

    Attributes:
        argv: The program with its arguments.

    Example:
        >>> Command(["wc", "-w"]).name
        'command'
    """

    argv: tuple[str, ...] = attrs.field(converter=_texts, validator=_words)
    name: str = attrs.field(default="command", kw_only=True, validator=_name)


def confirms(agent: Agent) -> bool:
    """Whether an agent may have to ask a person in the middle of its work."""
    return isinstance(agent, Model | Harness) and bool(agent.confirm)
