"""Produce, review, and again with the feedback, until a reviewer approves."""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import TypeVar

from perdure.components.judged import Verdict
from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.workflow import workflow

D = TypeVar("D")
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@workflow
def review_loop(
    produce: Callable[[str | None], Effect[D, E1]],
    review: Callable[[D], Effect[Verdict, E2]],
    *,
    rounds: int = 5,
    alike: int = 0,
) -> Do[D, E1 | E2 | Exhausted[D]]:
    """Produce, review, and again with the reviewer's feedback, until the review approves.

    ```text
    produce ──► review ──► approved ──► the draft
       ▲          │
       └─feedback─┘  rounds used up ──► Exhausted
    ```

    Several reviewers are one by `jury`.

    Args:
        produce: Makes a draft from the feedback on the last one, which is None at first.
        review: Judges a draft by a class of your own that has `approved` and `feedback`.
        rounds: How many drafts there are at most.
        alike: Give up once so many reviews in a row had the same feedback; 0 for never.

    Returns:
        The draft that was approved. One that was not is never a success.

    Raises:
        Exhausted: No draft was approved; `state` is the last one.

    Example:
        >>> import attrs
        >>> from perdure import Scripted, ask
        >>> from perdure.components import review_loop
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Review:
        ...     approved: bool
        ...     feedback: str
        >>> writer = Scripted("writer", lambda prompt: f"a poem, {prompt}")
        >>> critic = Scripted("critic", lambda prompt: Review("shorter" in prompt, "shorter"))
        >>> poem = review_loop(
        ...     lambda feedback: ask("write", writer, "any" if feedback is None else feedback),
        ...     lambda draft: ask("review", critic, draft, Review),
        ... )
        >>> simulate(poem).value()
        'a poem, shorter'
    """
    left = Rounds(rounds, alike)
    feedback: str | None = None
    while True:
        draft = yield from produce(feedback)
        verdict = yield from review(draft)
        if verdict.approved:
            return draft
        feedback = verdict.feedback
        yield from left.another(draft, feedback)
