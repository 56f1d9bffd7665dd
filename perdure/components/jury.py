"""Several reviewers as one: the program counts who approves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, overload

import attrs
from typing_extensions import TypeVar

from perdure.components.judged import Verdict
from perdure.core.effect import Effect
from perdure.core.faults import Defect
from perdure.core.operations import parallel_map

D = TypeVar("D")
E = TypeVar("E")
V = TypeVar("V", bound=Verdict)
V_co = TypeVar("V_co", bound=Verdict, covariant=True)


@attrs.frozen
class Votes(Generic[V_co]):
    """The verdicts of several reviewers, and by their count one verdict.

    Attributes:
        verdicts: By the reviewer's name.
        needed: How many must approve.
    """

    verdicts: Mapping[str, V_co]
    needed: int

    @property
    def approved(self) -> bool:
        """Whether enough of them approve."""
        return sum(1 for verdict in self.verdicts.values() if verdict.approved) >= self.needed

    @property
    def feedback(self) -> str:
        """What those say who do not approve, each in a line with the name before it."""
        return "\n".join(f"{name}: {said.feedback}" for name, said in self.verdicts.items() if not said.approved)


@overload
def jury(
    reviews: Mapping[str, Callable[[D], Effect[V, E]]], *, needed: int | None = ...
) -> Callable[[D], Effect[Votes[V], E]]: ...
@overload
# mypy joins two classes to `object`, which the first signature refuses, and then finds that this one takes them.
def jury(
    reviews: Mapping[str, Callable[[D], Effect[Verdict, E]]], *, needed: int | None = ...
) -> Callable[[D], Effect[Votes[Verdict], E]]: ...
def jury(
    reviews: Mapping[str, Callable[[D], Effect[Any, Any]]], *, needed: int | None = None
) -> Callable[[D], Effect[Votes[Any], Any]]:
    """Several reviewers as one review: side by side, and `needed` of them must approve.

    ```text
              ┌─► security ─┐
    a draft ──┼─► style    ─┼──► Votes: approved, if `needed` of them approve
              └─► tests    ─┘
    ```

    Args:
        reviews: The reviewers by name; the names are part of the keys. Each judges alone, by a class of your own that
            has `approved` and `feedback`.
        needed: How many must approve; all of them by default.

    Returns:
        A review for `review_loop`, or for whatever else judges. It fails if a reviewer fails.

    Raises:
        Defect: There are not so many reviewers, or nobody need approve.

    Example:
        >>> import attrs
        >>> from perdure import pure
        >>> from perdure.components import jury
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Review:
        ...     approved: bool
        ...     feedback: str
        >>> short = lambda text: pure(Review(len(text) < 20, "too long"))
        >>> kind = lambda text: pure(Review("please" in text, "say please"))
        >>> votes = simulate(jury({"short": short, "kind": kind})("Sit down!")).value()
        >>> votes.approved, votes.feedback
        (False, 'kind: say please')
    """
    least = len(reviews) if needed is None else needed
    if not 1 <= least <= len(reviews):
        raise Defect(f"jury(needed={needed!r}) of {len(reviews)} reviewers: from 1 to all of them can be needed")

    def review(draft: D) -> Effect[Votes[Any], Any]:
        each = parallel_map({name: judge(draft) for name, judge in reviews.items()})
        return each.map(lambda verdicts: Votes(verdicts, least))

    return review
