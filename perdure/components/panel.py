"""Several opinions at once, and one conclusion. Who answered, and who voted for what, the program counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, overload

import attrs
from returns.result import Success
from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect, Outcome
from perdure.core.faults import Defect, Fault
from perdure.core.operations import fail, parallel_map, pure
from perdure.core.workflow import workflow

A = TypeVar("A")
B = TypeVar("B")
V_co = TypeVar("V_co", covariant=True, default=object)
A_co = TypeVar("A_co", covariant=True, default=object)
E_co = TypeVar("E_co", covariant=True, default=Fault)
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@attrs.frozen
class NoQuorum(Fault, Generic[A_co, E_co]):
    """Too few of a panel answered.

    Attributes:
        outcomes: What came of each panelist, by name: the opinions of those who answered, the failures of the others.
        quorum: How many had to answer.
    """

    outcomes: Mapping[str, Outcome[A_co, E_co]]
    quorum: int


@attrs.frozen
class NoMajority(Fault, Generic[V_co]):
    """No choice got enough votes, or two got the most.

    Attributes:
        votes: What each voted for.
        needed: How many votes were needed.
    """

    votes: Mapping[str, V_co]
    needed: int


@overload
def panel(
    panelists: Mapping[str, Effect[A, E1]],
    moderate: Callable[[dict[str, A]], Effect[B, E2]],
    *,
    quorum: None = ...,
    limit: int = ...,
) -> Effect[B, E1 | E2]: ...
@overload
def panel(
    panelists: Mapping[str, Effect[A, E1]],
    moderate: Callable[[dict[str, A]], Effect[B, E2]],
    *,
    quorum: int,
    limit: int = ...,
) -> Effect[B, E2 | NoQuorum[A, E1]]: ...
def panel(
    panelists: Mapping[str, Effect[Any, Any]],
    moderate: Callable[[dict[str, Any]], Effect[Any, Any]],
    *,
    quorum: int | None = None,
    limit: int = 0,
) -> Effect[Any, Any]:
    """Ask several at once, and let one moderator conclude from all their opinions.

    ```text
    ┌─► security ──► opinion ─┐
    ├─► speed    ──► opinion ─┼──► moderate ──► the conclusion
    └─► style    ──► failure ─┘    fewer than `quorum` opinions ──► NoQuorum
    ```

    Args:
        panelists: By name; the names are part of the keys.
        moderate: Concludes from the opinions by name: an agent that sums them up, or `majority` that counts votes.
        quorum: How many must answer. Those who fail are left out then; by default all must, and the first failure is
            that of the panel.
        limit: How many are asked at once; 0 for all.

    Returns:
        What the moderator concludes.

    Raises:
        NoQuorum: Too few answered. In the type only where a quorum is given, and then panelists' failures are not.
        Defect: Nobody is asked, or the quorum is not from 1 to the number of panelists.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import majority, panel
        >>> from perdure.testing import simulate
        >>> colours = {"ann": pure("red"), "ben": pure("blue"), "cy": pure("red"), "di": fail("asleep")}
        >>> simulate(panel(colours, majority(), quorum=3)).value()
        'red'
    """
    if not 1 <= (1 if quorum is None else quorum) <= len(panelists):
        raise Defect(f"panel(quorum={quorum!r}) of {len(panelists)}: from 1 to all of them can be a quorum")
    if quorum is None:
        return _of_all(panelists, moderate, limit)
    return _of_enough(panelists, moderate, quorum, limit)


@workflow(name="panel")
def _of_all(
    panelists: Mapping[str, Effect[A, E1]], moderate: Callable[[dict[str, A]], Effect[B, E2]], limit: int
) -> Do[B, E1 | E2]:
    return (yield from moderate((yield from parallel_map(panelists, limit=limit))))


@workflow(name="panel")
def _of_enough(
    panelists: Mapping[str, Effect[A, E1]], moderate: Callable[[dict[str, A]], Effect[B, E2]], quorum: int, limit: int
) -> Do[B, E2 | NoQuorum[A, E1]]:
    outcomes = yield from parallel_map({name: one.attempt() for name, one in panelists.items()}, limit=limit)
    opinions = {name: outcome.unwrap() for name, outcome in outcomes.items() if isinstance(outcome, Success)}
    if len(opinions) < quorum:
        return (yield from fail(NoQuorum(outcomes, quorum)))
    return (yield from moderate(opinions))


@overload
def majority(*, needed: int | None = ...) -> Callable[[Mapping[str, A]], Effect[A, NoMajority[A]]]: ...
@overload
def majority(
    vote: Callable[[A], B], *, needed: int | None = ...
) -> Callable[[Mapping[str, A]], Effect[B, NoMajority[B]]]: ...
def majority(
    vote: Callable[[Any], Any] | None = None, *, needed: int | None = None
) -> Callable[[Mapping[str, Any]], Effect[Any, Any]]:
    """A moderator that counts: the choice with the most votes, if it has enough of them.

    Args:
        vote: What an opinion votes for; by default the opinion itself. Votes are compared with `==`.
        needed: How many votes the choice must have; by default more than half of those who answered.

    Returns:
        A moderator for `panel`. It fails with `NoMajority` if no choice has enough votes, or two have the most.

    Raises:
        Defect: No vote at all is needed.

    Example:
        >>> from perdure.components import majority
        >>> from perdure.testing import simulate
        >>> simulate(majority(str.lower)({"ann": "Yes", "ben": "no", "cy": "yes"})).value()
        'yes'
        >>> simulate(majority(str.lower, needed=3)({"ann": "Yes", "ben": "no", "cy": "yes"})).outcome
        <Failure: votes={'ann': 'yes', 'ben': 'no', 'cy': 'yes'}, needed=3>
    """
    if needed is not None and needed < 1:
        raise Defect(f"majority(needed={needed!r}): a choice needs at least one vote")

    def moderate(opinions: Mapping[str, Any]) -> Effect[Any, Any]:
        votes = {name: vote(opinion) if vote else opinion for name, opinion in opinions.items()}
        cast = list(votes.values())
        enough = len(cast) // 2 + 1 if needed is None else needed
        most = max(map(cast.count, cast), default=0)
        leading = [choice for choice in cast if cast.count(choice) == most]
        if most >= enough and leading == leading[:1] * most:
            return pure(leading[0])
        return fail(NoMajority(votes, enough))

    return moderate
