"""What something may cost, as intervals. Unknown stays unknown: it opens the upper bound and is never a silent zero."""

from __future__ import annotations

from typing import Final

import attrs

from perdure.core.faults import Defect


@attrs.frozen
class Span:
    """An amount known by its bounds.

    Attributes:
        min: It is at least this.
        expected: What it is as a rule; None where nobody knows.
        max: It is at most this; None where it is open.

    Raises:
        Defect: The bounds are not in order.

    Example:
        >>> Span(1, 2, 4) + Span(0, None, None)
        Span(min=1, expected=None, max=None)
    """

    min: float = 0.0
    expected: float | None = None
    max: float | None = None

    def __attrs_post_init__(self) -> None:
        known = [bound for bound in (self.min, self.expected, self.max) if bound is not None]
        if self.min < 0 or known != sorted(known):
            raise Defect(f"{self!r}: a span needs 0 <= min <= expected <= max")

    @classmethod
    def exactly(cls, amount: float) -> Span:
        """An amount that is known."""
        return cls(amount, amount, amount)

    def __add__(self, other: Span) -> Span:
        """Both, one after the other."""
        return Span(self.min + other.min, _sum(self.expected, other.expected), _sum(self.max, other.max))

    def __or__(self, other: Span) -> Span:
        """One of the two, nobody knows which: what is expected is known only where both say the same."""
        expected = self.expected if self.expected == other.expected else None
        most = None if self.max is None or other.max is None else max(self.max, other.max)
        return Span(min(self.min, other.min), expected, most)

    def times(self, least: int, most: int, expected: float | None = None) -> Span:
        """The same from `least` to `most` times, and as a rule `expected` times."""
        usual = None if self.expected is None or expected is None else self.expected * expected
        return Span(self.min * least, usual, None if self.max is None else self.max * most)


def _sum(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else one + two


UNKNOWN: Final = Span()
NOTHING: Final = Span.exactly(0)
