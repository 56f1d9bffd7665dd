"""A workflow that betters another one: it reads what runs came to, and whatever it proposes a person decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import attrs
from typing_extensions import TypeVar

from perdure.components.approval_gate import approval_gate
from perdure.components.judged import Diffed
from perdure.components.review_loop import review_loop
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.leaves import Denied
from perdure.core.operations import pure
from perdure.core.workflow import workflow

A = TypeVar("A")
R = TypeVar("R")
P = TypeVar("P")
J = TypeVar("J", bound=Diffed)
P_co = TypeVar("P_co", covariant=True)
J_co = TypeVar("J_co", bound=Diffed, covariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")


@attrs.frozen
class Proposed(Generic[P_co, J_co]):
    """A change, and what came of judging it.

    Attributes:
        change: The change itself.
        judged: What the judge says of it.
    """

    change: P_co
    judged: J_co

    @property
    def approved(self) -> bool:
        """Whether a person may be asked: the judge approves, and something would become otherwise."""
        return self.judged.approved and len(self.judged.diff) > 0

    @property
    def feedback(self) -> str:
        """What its author is told, if not."""
        return "It changes nothing." if self.judged.approved else self.judged.feedback


@workflow
def self_improve(
    runs: Effect[R, E1],
    propose: Callable[[R, str | None], Effect[P, E2]],
    judge: Callable[[P], Effect[J, E3]],
    adopt: Callable[[Proposed[P, J]], Effect[A, E4]],
    *,
    rounds: int = 3,
    alike: int = 0,
) -> Do[A | Denied, E1 | E2 | E3 | E4 | Exhausted[Proposed[P, J]]]:
    """Read runs, propose a change, judge it by program, and adopt it if a person who saw its diff approves.

    ```text
    runs ──► propose ──► judge ──► sound, with a diff ──► approval ──► Approved ──► adopt
                ▲          │                                  └──────► Denied, as a value
                └─feedback─┘  rounds used up ──► Exhausted
    ```

    A change that the judge does not approve of, or that changes nothing, is no person's business: it goes back to its
    author. The gate `approve-change` shows what the judge said of it, with the diff and the digest, and what is adopted
    is the very change that was judged: an approval of one is none of another, though their diffs be equal.

    Args:
        runs: What there is to learn from. It is read once.
        propose: Makes a change from that, and from what was wrong with the last change, which is None at first.
        judge: Judges a change by a class of your own that has `approved`, `feedback`, `diff` and `digest`: whether it
            loads, keeps the policies, and lets the runs in flight go on.
        adopt: Puts a change in place, given what it was judged by; let it compare the digest with what it puts there.
        rounds: How many changes there are at most.
        alike: Give up once so many changes in a row were wrong in the same way; 0 for never.

    Returns:
        What was adopted, or who denied it.

    Raises:
        Exhausted: No change was fit for a person; `state` is the last one, with what is wrong with it.

    Example:
        >>> import attrs
        >>> from perdure import pure, step
        >>> from perdure.components import self_improve
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Judged:
        ...     approved: bool
        ...     feedback: str
        ...     diff: list[str]
        ...     digest: str
        >>> @step
        ... def write(prompt: str) -> str:
        ...     return f"The prompt is now: {prompt}"
        >>> better = self_improve(
        ...     pure(["too long", "too long"]),
        ...     lambda complaints, wrong: pure("Be brief." if wrong else "Be."),
        ...     lambda new: pure(Judged("brief" in new, "Say how.", [f"+ {new}"], new)),
        ...     lambda proposed: write(proposed.change),
        ... )
        >>> simulate(better, answers={"approve-change": "approve"}).value()
        'The prompt is now: Be brief.'
    """
    seen = yield from runs

    def proposed(wrong: str | None) -> Effect[Proposed[P, J], E2 | E3]:
        return propose(seen, wrong).bind(lambda change: judge(change).map(lambda judged: Proposed(change, judged)))

    found = yield from review_loop(proposed, pure, rounds=rounds, alike=alike)
    return (yield from approval_gate("approve-change", adopt(found), show=found.judged))
