"""A request as a plan shows it: plain values, without the placeholders and functions of the leaf itself."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import attrs

from perdure.core.diagram import Asks
from perdure.core.effect import Op, Repeat
from perdure.core.hints import label
from perdure.core.leaves import Approved, Ask, Child, Denied, Now, Signal, Sleep, Step, Suspend
from perdure.core.retry import Retry
from perdure.core.workflow import members

#: approval and answer wait for a person, signal for a message, timer for a time; step and ask do something.
Role: TypeAlias = Literal["step", "ask", "approval", "answer", "signal", "timer", "now", "child", "op"]

#: A placeholder in a text: `<ship/plan.summary>`.
_TAG: Final = re.compile(r"<([^<>\s]+)>")


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
        repeat: What happens after an attempt whose end nobody knows.
        retry: When it is tried again.
        timeout: How long one attempt may take.
        expires: How long a gate stays open.
        version: As declared.
        asked: What is asked, as text, with placeholders such as `<ship/plan.summary>`.
        feeds: The keys of the earlier requests whose outcomes are in what is asked, in order.
    """

    key: str
    role: Role
    kind: str
    name: str
    output: str
    errors: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    repeat: Repeat = "idempotent"
    retry: Retry | None = None
    timeout: timedelta | None = None
    expires: timedelta | None = None
    version: str = ""
    asked: str = ""
    feeds: tuple[str, ...] = ()


def leaf_of(asks: Asks) -> Leaf:
    """What a plan shows of a request in the diagram."""
    op, asked = asks.op, _asked(asks.op)
    return Leaf(
        asks.key,
        role_of(op),
        op.kind,
        op.name,
        label(op.output),
        tuple(map(label, op.errors)),
        tuple(agent.name for agent in op.agents) if isinstance(op, Ask) else (),
        op.repeat,
        op.retry,
        op.timeout,
        op.expires if isinstance(op, Suspend) else None,
        op.version,
        asked,
        tuple(dict.fromkeys(_source(tag) for tag in _TAG.findall(asked))),
    )


def role_of(op: Op[Any, Any]) -> Role:
    """What a leaf is to people."""
    match op:
        case Step():
            return "step"
        case Ask():
            return "ask"
        case Suspend(output=output):
            return "approval" if output is bool or set(members(output)) == {Approved, Denied} else "answer"
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
    asked = op.describe()
    return asked if isinstance(asked, str) else "" if asked is None else repr(asked)


def _source(tag: str) -> str:
    """The key of the request whose outcome has this placeholder: `ship/plan.items[0].text` is from `ship/plan`."""
    head, slash, last = tag.rpartition("/")
    return head + slash + re.split(r"[.\[]", last, maxsplit=1)[0]
