"""The cheapest first: each level only where those below it had no good answer, and a person at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic

import attrs
from returns.result import Success
from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect, Outcome
from perdure.core.faults import Defect
from perdure.core.operations import scope
from perdure.core.workflow import workflow

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@attrs.frozen
class Answered(Generic[A_co]):
    """An answer, and who gave it.

    Attributes:
        answer: The first good one, or that of the human.
        level: The name of the level that gave it; `human` for the last one.
    """

    answer: A_co
    level: str


@workflow
def escalation_chain(
    levels: Mapping[str, Effect[A, E1]],
    *,
    good: Callable[[A], bool],
    human: Callable[[Mapping[str, Outcome[A, E1]]], Effect[A, E2]],
) -> Do[Answered[A], E2]:
    """Ask each level in turn, until one has a good answer; after the last, a human.

    ```text
    small ── good ──► Answered(…, "small")
      │ failed, or not good
    large ── good ──► Answered(…, "large")
      │ failed, or not good
    human ──────────► Answered(…, "human")
    ```

    Args:
        levels: The effects to try, in their order, by names; the names are part of the keys.
        good: Whether an answer is good enough, purely.
        human: Given what came of each level, gives the last answer, whatever it is: a `suspend` that shows them, an
            `ask` to the best agent, or a `fail`.

    Returns:
        The answer, and at which level it was given.

    Raises:
        E2: The failure of the human's effect. What a level fails with only leads to the next one.
        Defect: A level is called `human`, so that nobody could tell whose answer it was.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import escalation_chain
        >>> from perdure.testing import simulate
        >>> levels = {"small": fail("overloaded"), "large": pure(7), "largest": pure(9)}
        >>> simulate(escalation_chain(levels, good=lambda n: n > 5, human=lambda tried: pure(0))).value()
        Answered(answer=7, level='large')
    """
    if "human" in levels:
        raise Defect("escalation_chain: a level is called 'human', as the last one is; give it another name")
    tried: dict[str, Outcome[A, E1]] = {}
    for name, level in levels.items():
        outcome = tried[name] = yield from scope(name, level).attempt()
        if isinstance(outcome, Success) and good(answer := outcome.unwrap()):
            return Answered(answer, name)
    return Answered((yield from scope("human", human(tried))), "human")
