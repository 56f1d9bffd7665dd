"""A request as a plan shows it: plain values, without the placeholders and functions of the leaf itself."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import attrs

from perdure.core.agents import Agent, Harness, Model, confirms
from perdure.core.diagram import Asks
from perdure.core.effect import Op, Repeat
from perdure.core.estimate import Estimate
from perdure.core.hints import label
from perdure.core.leaves import Ask, Child, Now, Signal, Sleep, Step, Suspend
from perdure.core.retry import Retry
from perdure.interpreters.plan.price import estimate_of

#: approval and answer wait for a person, signal for a message, timer for a time; step and ask do something.
Role: TypeAlias = Literal["step", "ask", "approval", "answer", "signal", "timer", "now", "child", "op"]

#: A placeholder in a text: `<ship/plan.summary>`; and what may be a key, and how to get at a part of its outcome.
_TAG: Final = re.compile(r"<([^<>\s][^<>]*)>")
TOKEN: Final = re.compile(r"[\w.%~/#-]+")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


@attrs.frozen
class Leaf:
    """One request of a plan.

    Attributes:
        key: Its identity in the run.
        role: What it is to people.
        kind: What is recorded for its class.
        name: Its last name, without the occurrence.
        output: The label of the type of its outcome.
        errors: The labels of the failures that it declares.
        agents: For an ask, who is tried, in order.
        servers: The servers of tools that these are given, by name.
        repeat: What happens after an attempt whose end nobody knows.
        retry: When it is tried again.
        timeout: How long one attempt may take.
        expires: How long a gate stays open.
        version: As declared.
        asked: What is asked, as text, with placeholders such as `<ship/plan.summary>`.
        feeds: The keys of the earlier requests whose outcomes are in what is asked, in order.
        estimate: What it may cost with all its attempts and agents; None where nobody says so, and nobody has to.
        confirms: An agent of it may ask a person about single calls of tools. That is no gate of the workflow.
    """

    key: str
    role: Role
    kind: str
    name: str
    output: str
    errors: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    repeat: Repeat = "idempotent"
    retry: Retry | None = None
    timeout: timedelta | None = None
    expires: timedelta | None = None
    version: str = ""
    asked: str = ""
    feeds: tuple[str, ...] = ()
    estimate: Estimate | None = None
    confirms: bool = False


def leaf_of(asks: Asks, known: Container[str] | None = None) -> Leaf:
    """What a plan shows of a request in the diagram.

    Args:
        asks: The request.
        known: The keys of the plan's requests; without them a key is recognised by how keys look.
    """
    return _leaf(asks.key, asks.op, known)


def leaves_of(asked: Mapping[str, Sequence[Op[Any, Any]]]) -> dict[str, Leaf]:
    """The requests of a plan, in order, each as all the ways in which it is made.

    On one path a list is empty and nothing flows from it into the prompt; on the next it has an item, which does.
    """
    return {key: _united([_leaf(key, op, asked) for op in ops], list(asked)) for key, ops in asked.items()}


def _united(ways: Sequence[Leaf], order: Sequence[str]) -> Leaf:
    ways = tuple(dict.fromkeys(ways))
    fullest = max(ways, key=lambda leaf: (len(leaf.feeds), len(_TAG.findall(leaf.asked))))
    if len(ways) == 1:
        return fullest
    fed = {key for leaf in ways for key in leaf.feeds}
    said = [leaf.estimate for leaf in ways if leaf.estimate is not None]
    return attrs.evolve(
        fullest,
        agents=tuple(dict.fromkeys(agent for leaf in ways for agent in leaf.agents)),
        servers=tuple(dict.fromkeys(server for leaf in ways for server in leaf.servers)),
        feeds=tuple(key for key in order if key in fed),
        estimate=functools.reduce(operator.or_, said) if said else None,
        confirms=any(leaf.confirms for leaf in ways),
    )


def _leaf(key: str, op: Op[Any, Any], known: Container[str] | None) -> Leaf:
    asked = _asked(op)
    agents = op.agents if isinstance(op, Ask) else ()
    return Leaf(
        key,
        role_of(op),
        op.kind,
        op.name,
        label(op.output),
        tuple(map(label, op.errors)),
        tuple(agent.name for agent in agents),
        _servers(agents),
        op.repeat,
        op.retry,
        op.timeout,
        op.expires if isinstance(op, Suspend) else None,
        op.version,
        asked,
        tuple(dict.fromkeys(_sources(asked, known))),
        estimate_of(op, None if _TAG.search(asked) else len(asked)),
        any(map(confirms, agents)),
    )


def _servers(agents: Sequence[Agent]) -> tuple[str, ...]:
    equipped = [agent for agent in agents if isinstance(agent, Model | Harness)]
    return tuple(dict.fromkeys(server.name for agent in equipped for server in agent.mcp))


def role_of(op: Op[Any, Any]) -> Role:
    """What a leaf is to people."""
    match op:
        case Step():
            return "step"
        case Ask():
            return "ask"
        case Suspend():
            return "approval" if op.approvable else "answer"
        case Signal():
            return "signal"
        case Sleep():
            return "timer"
        case Now():
            return "now"
        case Child():
            return "child"
        case _:
            return "op"


def _asked(op: Op[Any, Any]) -> str:
    match op:
        case Step(args=args, kwargs=kwargs):
            return ", ".join([*map(_shown, args), *(f"{name}={_shown(value)}" for name, value in kwargs.items())])
        case Suspend(prompt=prompt, show=show):
            return " ".join(part for part in (str.__str__(prompt), "" if show is None else _shown(show)) if part)
        case _:
            asked = op.describe()
            return str.__str__(asked) if isinstance(asked, str) else "" if asked is None else _shown(asked)


def _shown(value: Any) -> str:
    """As `repr`, but the same in every process. By exact class: a placeholder lies about its own."""
    if type(value) in (set, frozenset):
        return f"{{{', '.join(sorted(map(_shown, value)))}}}"
    if type(value) is list:
        return f"[{', '.join(map(_shown, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_shown, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return f"{{{', '.join(f'{_shown(key)}: {_shown(item)}' for key, item in value.items())}}}"
    return same_everywhere(repr(value))


def same_everywhere(text: str) -> str:
    """A text without the addresses that Python shows of functions and the like."""
    return _ADDRESS.sub("", text)


def _sources(asked: str, known: Container[str] | None) -> Iterable[str]:
    """The keys of the requests whose outcomes the text has placeholders of."""
    for tag in _TAG.findall(asked):
        for token in TOKEN.findall(tag):
            if known is None:
                head, slash, last = token.rpartition("/")
                if slash:
                    yield head + slash + last.partition(".")[0]
            elif key := key_in(token, known):
                yield key


def key_in(token: str, known: Container[str]) -> str:
    """The key that a placeholder's name begins with: `ship/plan` in `ship/plan.items.text`; else nothing."""
    while token and token not in known:
        token = token.rpartition(".")[0]
    return token
