"""An agent writes a plan as data; it is looked at before anything of it is done, and it cannot grow while it is."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Never, Protocol, overload

import attrs
from returns.result import Success
from typing_extensions import TypeAliasType, TypeVar

from perdure.components.halted import Halted
from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect, Outcome
from perdure.core.estimate import FREE, UNPRICED, Estimate, Span
from perdure.core.faults import Defect, Exhausted, Fault
from perdure.core.operations import fail, unfold
from perdure.core.workflow import workflow

#: Dollars are compared to so many places: ten times ten cents are a dollar.
_PLACES: Final = 9


class Delegated(Protocol):
    """What a task of a plan must say."""

    @property
    def worker(self) -> str:
        """Who does it, by name."""
        ...

    @property
    def after(self) -> Sequence[int]:
        """The positions of tasks, all of them earlier in the plan, whose results it needs; the first one is 0."""
        ...


T = TypeVar("T", bound=Delegated)
A = TypeVar("A")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True, default=object)


#: The position of a task, and how it ended.
_Ended = TypeAliasType("_Ended", tuple[int, Outcome[A, E2]], type_params=(A, E2))


@attrs.frozen
class OverBudget(Fault, Generic[S_co]):
    """A plan was sound, and may cost more than there is.

    Attributes:
        state: The tasks.
        usd: The US dollars that all of them may cost.
        unpriced: The positions of those of which nobody knows what they cost at most.
        budget_usd: Those that there are.
    """

    state: S_co
    usd: Span
    unpriced: tuple[int, ...]
    budget_usd: float

    @property
    def feedback(self) -> str:
        """What is wrong, in words for the author of the plan."""
        most = self.usd.max
        unknown = f"Nobody knows what these tasks cost: {', '.join(map(str, self.unpriced))}"
        return (
            f"{unknown if most is None else f'It may cost ${round(most, _PLACES)}'}. The budget is ${self.budget_usd}."
        )


@overload
def delegation(
    author: Callable[[str | None], Effect[Sequence[T], E1]],
    workers: Mapping[str, Callable[[T, Sequence[A]], Effect[A, E2]]],
    *,
    fuel: int = ...,
    rounds: int = ...,
    alike: int = ...,
    limit: int = ...,
) -> Effect[list[A], E1 | Exhausted[Sequence[T]] | Halted[dict[int, A], E2]]: ...
@overload
def delegation(
    author: Callable[[str | None], Effect[Sequence[T], E1]],
    workers: Mapping[str, Callable[[T, Sequence[A]], Effect[A, E2]]],
    *,
    prices: Mapping[str, Estimate],
    budget_usd: float,
    fuel: int = ...,
    rounds: int = ...,
    alike: int = ...,
    limit: int = ...,
) -> Effect[list[A], E1 | Exhausted[Sequence[T]] | OverBudget[Sequence[T]] | Halted[dict[int, A], E2]]: ...
def delegation(
    author: Callable[[str | None], Effect[Sequence[Any], Any]],
    workers: Mapping[str, Callable[[Any, Sequence[Any]], Effect[Any, Any]]],
    *,
    prices: Mapping[str, Estimate] | None = None,
    budget_usd: float = math.inf,
    fuel: int = 16,
    rounds: int = 3,
    alike: int = 0,
    limit: int = 8,
) -> Effect[Any, Any]:
    """Let an author write a plan, send it back until it is sound, and only then have its tasks done.

    ```text
    author ──► a plan ──► sound? ──► affordable? ──► each task as soon as it is ready ──► all results
      ▲                     │            │                        └─ one failed ──► Halted
      └──── what is wrong ──┴────────────┘  rounds used up ──► Exhausted, or OverBudget
    ```

    A plan is sound if it has from one task to as many as there is fuel, each for a worker that there is, and each after
    earlier ones only. So it ends: nothing that a worker says adds a task. With `prices`, what all its tasks may cost at
    most must be within the budget, too; what nobody knows is over every budget.

    Args:
        author: Writes a plan from what was wrong with the last one, which is None at first: a list of a class of your
            own that has `worker` and `after`, and whatever else the workers need.
        workers: By name; given a task, and the results of those that it comes after, in the order in which it names
            them.
        prices: What a task of each worker may cost with all that may be tried for it, by name: what its author says, or
            an agent's own `price`. A worker that is not in it has a price that nobody knows.
        budget_usd: The US dollars that a whole plan may cost.
        fuel: How many tasks a plan can have at most.
        rounds: How many plans there are at most.
        alike: Give up once so many plans in a row were wrong in the same way; 0 for never.
        limit: How many tasks are in work at once; 0 for all.

    Returns:
        The result of every task, in the order of the plan.

    Raises:
        Exhausted: No plan was sound, and nothing was done; `state` is the last one.
        OverBudget: The last plan was sound but may cost too much, and nothing was done. In the type only with `prices`.
        Halted: A task failed; those that were ready by then are done all the same, and no other one becomes so. `at` is
            its position, `state` what was done, by position.
        Defect: The budget is below zero, or no number; or there is fuel for no task.

    Example:
        >>> import attrs
        >>> from perdure import Estimate, Scripted, ask, pure
        >>> from perdure.components import delegation
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Task:
        ...     worker: str
        ...     after: list[int]
        ...     text: str
        >>> plans = [Task("adder", [], "1 2"), Task("adder", [], "3 4"), Task("teller", [0, 1], "sums")]
        >>> boss = Scripted("boss", lambda prompt: plans if "2 tasks" not in prompt else plans[:2])
        >>> workers = {
        ...     "adder": lambda task, before: pure(str(sum(map(int, task.text.split())))),
        ...     "teller": lambda task, before: pure(f"{task.text}: {', '.join(before)}"),
        ... }
        >>> plan = lambda wrong: ask("plan", boss, wrong or "Add.", list[Task])
        >>> simulate(delegation(plan, workers)).value()
        ['3', '7', 'sums: 3, 7']
        >>> simulate(delegation(plan, workers, fuel=2, rounds=1)).outcome.failure().rounds
        1
        >>> prices = {"adder": Estimate(usd=0.4), "teller": Estimate(usd=0.5)}
        >>> simulate(delegation(plan, workers, prices=prices, budget_usd=1, rounds=1)).outcome.failure().feedback
        'It may cost $1.3. The budget is $1.'
    """
    if prices is not None and not budget_usd >= 0:
        raise Defect(f"delegation(budget_usd={budget_usd!r}): a budget is a number of US dollars, from 0 on")
    if fuel < 1:
        raise Defect(f"delegation(fuel={fuel!r}): a plan has at least one task, so no plan would ever be sound")
    return _delegation(author, workers, prices, budget_usd, fuel, rounds, alike, limit)


@workflow(name="delegation")
def _delegation(
    author: Callable[[str | None], Effect[Sequence[T], E1]],
    workers: Mapping[str, Callable[[T, Sequence[A]], Effect[A, E2]]],
    prices: Mapping[str, Estimate] | None,
    budget_usd: float,
    fuel: int,
    rounds: int,
    alike: int,
    limit: int,
) -> Do[list[A], E1 | Exhausted[Sequence[T]] | OverBudget[Sequence[T]] | Halted[dict[int, A], E2]]:
    left = Rounds(rounds, alike)
    wrong: str | None = None
    while True:
        tasks = yield from author(wrong)
        wrong = _wrong(tasks, list(workers), fuel)
        over = None if wrong or prices is None else _over(tasks, prices, budget_usd)
        wrong = wrong if over is None else over.feedback
        if not wrong:
            return (yield from _done(tasks, workers, limit))
        yield from left.another(tasks, wrong).alt(_rather(over))


def _wrong(tasks: Sequence[Delegated], workers: Sequence[str], fuel: int) -> str:
    """What is wrong with a plan, in words for its author; nothing, if it is sound."""
    told = [] if 1 <= len(tasks) <= fuel else [f"It has {len(tasks)} tasks: it needs from 1 to {fuel}."]
    for n, task in enumerate(tasks):
        if task.worker not in workers:
            told.append(f"Task {n} is for {task.worker!r}: the workers are {', '.join(workers)}.")
        told += [f"Task {n} is after {m}, which is not before it." for m in task.after if not 0 <= m < n]
    return "\n".join(told)


def _rather(over: OverBudget[S] | None) -> Callable[[Exhausted[S]], Exhausted[S] | OverBudget[S]]:
    """The end of an author who is out of rounds, said as exactly as it is known."""
    return lambda ended: over or ended


def _over(tasks: Sequence[T], prices: Mapping[str, Estimate], budget_usd: float) -> OverBudget[Sequence[T]] | None:
    """Why a plan is too dear; None, if it is not. What nobody knows is over every budget."""
    each = [next((price for name, price in prices.items() if name == task.worker), UNPRICED) for task in tasks]
    usd = functools.reduce(operator.add, each, FREE).usd
    if usd.max is not None and round(usd.max, _PLACES) <= round(budget_usd, _PLACES):
        return None
    return OverBudget(tasks, usd, tuple(n for n, price in enumerate(each) if price.usd.max is None), budget_usd)


@workflow(name="tasks")
def _done(
    tasks: Sequence[T], workers: Mapping[str, Callable[[T, Sequence[A]], Effect[A, E2]]], limit: int
) -> Do[list[A], Halted[dict[int, A], E2]]:
    ended: dict[int, Outcome[A, E2]] = {}

    def work(n: int) -> Effect[_Ended[A, E2], Never]:
        by = next(worker for name, worker in workers.items() if name == tasks[n].worker)
        return by(tasks[n], [ended[m].unwrap() for m in tasks[n].after]).attempt().map(lambda outcome: (n, outcome))

    def begun(ready: Iterable[int]) -> Mapping[tuple[str, ...], Effect[_Ended[A, E2], Never]]:
        return {(str(n),): work(n) for n in ready}

    def after(one: _Ended[A, E2]) -> Mapping[tuple[str, ...], Effect[_Ended[A, E2], Never]]:
        ended.update([one])
        if not all(isinstance(outcome, Success) for outcome in ended.values()):
            return {}
        return begun(n for n, task in enumerate(tasks) if one[0] in task.after and all(m in ended for m in task.after))

    yield from unfold(begun(n for n, task in enumerate(tasks) if not task.after), after, limit=limit)
    done = {n: ended[n].unwrap() for n in sorted(ended) if isinstance(ended[n], Success)}
    for n in sorted(ended.keys() - done.keys())[:1]:
        yield from fail(Halted(str(n), done, ended[n].failure()))
    return list(done.values())
