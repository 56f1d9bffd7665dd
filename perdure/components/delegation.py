"""An agent writes a plan as data; it is looked at before anything of it is done, and it cannot grow while it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from returns.result import Success
from typing_extensions import TypeVar

from perdure.components.attempt_each import attempt_each
from perdure.components.halted import Halted
from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.operations import fail
from perdure.core.workflow import workflow


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


@workflow
def delegation(
    author: Callable[[str | None], Effect[Sequence[T], E1]],
    workers: Mapping[str, Callable[[T, Sequence[A]], Effect[A, E2]]],
    *,
    fuel: int = 16,
    rounds: int = 3,
    alike: int = 0,
    limit: int = 8,
) -> Do[list[A], E1 | Exhausted[Sequence[T]] | Halted[dict[int, A], E2]]:
    """Let an author write a plan, send it back until it is sound, and only then have its tasks done.

    ```text
    author ──► a plan ──► sound? ──► what is ready, side by side, until all is done ──► all results
      ▲                     │                    └─ one failed ──► Halted
      └──── what is wrong ──┘  rounds used up ──► Exhausted
    ```

    A plan is sound if it has from one task to as many as there is fuel, each for a worker that there is, and each after
    earlier ones only. So it ends: nothing that a worker says adds a task.

    Args:
        author: Writes a plan from what was wrong with the last one, which is None at first: a list of a class of your
            own that has `worker` and `after`, and whatever else the workers need.
        workers: By name; given a task, and the results of those that it comes after, in the order in which it names
            them.
        fuel: How many tasks a plan can have at most.
        rounds: How many plans there are at most.
        alike: Give up once so many plans in a row were wrong in the same way; 0 for never.
        limit: How many tasks are in work at once; 0 for all.

    Returns:
        The result of every task, in the order of the plan.

    Raises:
        Exhausted: No plan was sound, and nothing was done; `state` is the last one.
        Halted: A task failed; those that were ready with it are done all the same, and no other one is begun. `at` is
            its position, `state` what was done, by position.

    Example:
        >>> import attrs
        >>> from perdure import Scripted, ask, pure
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
    """
    left = Rounds(rounds, alike)
    wrong: str | None = None
    while True:
        tasks = yield from author(wrong)
        wrong = _wrong(tasks, list(workers), fuel)
        if not wrong:
            return (yield from _done(tasks, workers, limit))
        yield from left.another(tasks, wrong)


def _wrong(tasks: Sequence[Delegated], workers: Sequence[str], fuel: int) -> str:
    """What is wrong with a plan, in words for its author; nothing, if it is sound."""
    told = [] if 1 <= len(tasks) <= fuel else [f"It has {len(tasks)} tasks: it needs from 1 to {fuel}."]
    for n, task in enumerate(tasks):
        if task.worker not in workers:
            told.append(f"Task {n} is for {task.worker!r}: the workers are {', '.join(workers)}.")
        told += [f"Task {n} is after {m}, which is not before it." for m in task.after if not 0 <= m < n]
    return "\n".join(told)


@workflow(name="tasks")
def _done(
    tasks: Sequence[T], workers: Mapping[str, Callable[[T, Sequence[A]], Effect[A, E2]]], limit: int
) -> Do[list[A], Halted[dict[int, A], E2]]:
    def work(n: int) -> Effect[A, E2]:
        by = next(worker for name, worker in workers.items() if name == tasks[n].worker)
        return by(tasks[n], [done[m] for m in tasks[n].after])

    done: dict[int, A] = {}
    while len(done) < len(tasks):
        ready = [n for n, task in enumerate(tasks) if n not in done and all(m in done for m in task.after)]
        ended = yield from attempt_each(ready, work, key=str, limit=limit)
        done.update({n: outcome.unwrap() for n, outcome in ended if isinstance(outcome, Success)})
        for n, outcome in ended:
            if not isinstance(outcome, Success):
                yield from fail(Halted(str(n), done, outcome.failure()))
    return [done[n] for n in range(len(tasks))]
