"""Rules as data: what is done is decided by the first rule that holds, and which one it was is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic

import attrs
from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect
from perdure.core.faults import Defect
from perdure.core.operations import scope
from perdure.core.workflow import workflow

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@attrs.frozen
class Rule(Generic[T_contra, A_co, E_co]):
    """A row of a decision table.

    Attributes:
        when: Whether it holds, purely.
        then: What is done if it does.
    """

    when: Callable[[T_contra], bool]
    then: Callable[[T_contra], Effect[A_co, E_co]]


@attrs.frozen
class Decided(Generic[A_co]):
    """What came of a decision, and the name of the rule; `otherwise` where none held."""

    value: A_co
    rule: str


@workflow
def decision_table(
    facts: T, rules: Mapping[str, Rule[T, A, E1]], *, otherwise: Callable[[T], Effect[A, E2]]
) -> Do[Decided[A], E1 | E2]:
    """Do what the first rule says whose condition holds.

    ```text
    facts ──► small?  ── yes ──► pay
              │ no
              known?  ── yes ──► ask the boss
              │ no
              otherwise ───────► refuse
    ```

    Args:
        facts: What the conditions look at.
        rules: By name, in the order in which they are tried; the names are part of the keys.
        otherwise: What is done if no rule holds. It must be said: nothing falls through a table.

    Returns:
        The value of what was done, and the rule that said so.

    Raises:
        Defect: A rule is called `otherwise`, so that nobody could tell which one it was.

    Example:
        >>> from perdure import pure
        >>> from perdure.components import Rule, decision_table
        >>> from perdure.testing import simulate
        >>> rules = {
        ...     "small": Rule(when=lambda cents: cents < 100, then=lambda cents: pure("paid")),
        ...     "medium": Rule(when=lambda cents: cents < 10_000, then=lambda cents: pure("asked")),
        ... }
        >>> simulate(decision_table(500, rules, otherwise=lambda cents: pure("refused"))).value()
        Decided(value='asked', rule='medium')
    """
    if "otherwise" in rules:
        raise Defect("decision_table: a rule is called 'otherwise', as what falls through is; give it another name")
    for name, rule in rules.items():
        if rule.when(facts):
            return Decided((yield from scope(name, rule.then(facts))), name)
    return Decided((yield from scope("otherwise", otherwise(facts))), "otherwise")
