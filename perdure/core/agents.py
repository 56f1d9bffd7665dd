"""Agents as data: who answers an `ask`.

An agent is never part of a step's identity, so another model can answer next week under the same key. What an
agent does is the business of the room `agents`; a description only names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import attrs

from perdure.core.estimate import FREE, UNKNOWN, UNPRICED, Estimate
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
