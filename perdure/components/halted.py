"""How named stages stop half-way: where, with what was there by then, and why."""

from __future__ import annotations

from typing import Generic

import attrs
from typing_extensions import TypeVar

from perdure.core.effect import Effect
from perdure.core.faults import Fault
from perdure.core.operations import scope

A = TypeVar("A")
S = TypeVar("S")
E = TypeVar("E")
S_co = TypeVar("S_co", covariant=True, default=object)
E_co = TypeVar("E_co", covariant=True, default=object)


@attrs.frozen
class Halted(Fault, Generic[S_co, E_co]):
    """Stages were gone through one after the other, and one of them was the last.

    Attributes:
        at: The name of the stage that was not passed.
        state: What the stages before it had made.
        because: What the stage failed with.
    """

    at: str
    state: S_co
    because: E_co


def stage(name: str, effect: Effect[A, E], state: S) -> Effect[A, Halted[S, E]]:
    """An effect under a name of its own, whose failure tells this name and what was there before."""
    return scope(name, effect).alt(lambda because: Halted(name, state, because))
