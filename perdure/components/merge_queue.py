"""One change after the other, each tested as it would be after those before it; what is not good is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic

import attrs
from returns.result import Success
from typing_extensions import TypeVar

from perdure.components.attempt_each import Attempted
from perdure.components.halted import Halted, stage
from perdure.components.judged import Verdict
from perdure.core.effect import Do, Effect
from perdure.core.faults import Fault
from perdure.core.operations import fail
from perdure.core.workflow import workflow

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741  # a change
T_co = TypeVar("T_co", covariant=True)
I_co = TypeVar("I_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@attrs.frozen
class Rejected(Fault):
    """A check did not approve; `feedback` is why."""

    feedback: str


@attrs.frozen
class Merged(Generic[T_co, I_co, E_co]):
    """What came of a queue.

    Attributes:
        trunk: The trunk with all that was merged.
        changes: In the order of the queue, each change with the trunk that it made, or why it was left out.
    """

    trunk: T_co
    changes: tuple[Attempted[I_co, T_co, E_co], ...]


@workflow
def merge_queue(
    trunk: T,
    changes: Sequence[I],
    *,
    rebase: Callable[[T, I], Effect[T, E1]],
    check: Callable[[T], Effect[Verdict, E2]],
    land: Callable[[T], Effect[T, E3]],
) -> Do[Merged[T, I, E1 | E2 | Rejected], Halted[Merged[T, I, E1 | E2 | Rejected], E3]]:
    """Merge changes strictly one at a time, in their order; one that is not good is left out, and the others go on.

    ```text
    trunk ──► rebase a ──► check ──► approved ──► land ──► trunk with a ──► rebase b ──► …
                 │           │                     └─ failed: Halted
                 └───────────┴─ a is left out ───────────► trunk ─────────► rebase b ──► …
    ```

    What lands was checked exactly as it lands: on top of all that landed before, and of nothing else.

    Args:
        trunk: What is merged into, such as a revision.
        changes: The queue.
        rebase: A candidate: the trunk as it is then, with a change on top. It changes nothing else.
        check: Judges a candidate, by a class of your own that has `approved` and `feedback`.
        land: Makes a candidate the trunk, and gives the trunk as it is then.

    Returns:
        The trunk, and what came of each change.

    Raises:
        Halted: A candidate could not land, so nobody knows what the trunk is: no other change is tried. `state` is the
            trunk and what came of the changes before it.

    Example:
        >>> import attrs
        >>> from perdure import pure
        >>> from perdure.components import merge_queue
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Check:
        ...     approved: bool
        ...     feedback: str = ""
        >>> merged = merge_queue(
        ...     "main",
        ...     ["a", "b", "c"],
        ...     rebase=lambda trunk, change: pure(f"{trunk}+{change}"),
        ...     check=lambda candidate: pure(Check("b" not in candidate, "2 tests failed")),
        ...     land=pure,
        ... )
        >>> queue = simulate(merged).value()
        >>> queue.trunk, queue.changes[1]
        ('main+a+c', ('b', <Failure: feedback='2 tests failed'>))
    """
    ended: list[Attempted[I, T, E1 | E2 | Rejected]] = []
    for change in changes:
        outcome = yield from _candidate(rebase(trunk, change), check).attempt()
        if isinstance(outcome, Success):
            trunk = yield from stage("land", land(outcome.unwrap()), Merged(trunk, tuple(ended)))
            outcome = Success(trunk)
        ended.append((change, outcome))
    return Merged(trunk, tuple(ended))


@workflow(name="candidate")
def _candidate(rebased: Effect[T, E1], check: Callable[[T], Effect[Verdict, E2]]) -> Do[T, E1 | E2 | Rejected]:
    candidate = yield from rebased
    verdict = yield from check(candidate)
    return candidate if verdict.approved else (yield from fail(Rejected(verdict.feedback)))
