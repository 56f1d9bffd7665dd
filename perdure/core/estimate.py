"""What something may cost, as intervals. Unknown stays unknown: it opens the upper bound and is never a silent zero."""

from __future__ import annotations

from collections.abc import Callable
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


def _span(amount: Span | float) -> Span:
    return amount if isinstance(amount, Span) else Span.exactly(amount)


@attrs.frozen
class Estimate:
    """What one attempt at something may cost. What is not said is unknown; a plain number is known exactly.

    Attributes:
        tokens_in: Tokens that a model reads.
        tokens_out: Tokens that it writes.
        usd: US dollars.
        seconds: Seconds of work. Waits are not work.

    Example:
        >>> one = Estimate(usd=Span(0.01, 0.02, 0.05), seconds=4)
        >>> one.times(1, 3).usd
        Span(min=0.01, expected=None, max=0.15000000000000002)
        >>> one.tokens_in == UNKNOWN
        True
    """

    tokens_in: Span = attrs.field(default=UNKNOWN, converter=_span, kw_only=True)
    tokens_out: Span = attrs.field(default=UNKNOWN, converter=_span, kw_only=True)
    usd: Span = attrs.field(default=UNKNOWN, converter=_span, kw_only=True)
    seconds: Span = attrs.field(default=UNKNOWN, converter=_span, kw_only=True)

    def __add__(self, other: Estimate) -> Estimate:
        """Both, one after the other."""
        return self._with(other, Span.__add__)

    def __or__(self, other: Estimate) -> Estimate:
        """One of the two, nobody knows which."""
        return self._with(other, Span.__or__)

    def times(self, least: int, most: int, expected: float | None = None) -> Estimate:
        """The same from `least` to `most` times, and as a rule `expected` times."""
        return self.each(lambda span: span.times(least, most, expected))

    def each(self, change: Callable[[Span], Span]) -> Estimate:
        """Every amount, changed alike."""
        return Estimate(
            tokens_in=change(self.tokens_in),
            tokens_out=change(self.tokens_out),
            usd=change(self.usd),
            seconds=change(self.seconds),
        )

    def _with(self, other: Estimate, joined: Callable[[Span, Span], Span]) -> Estimate:
        return Estimate(
            tokens_in=joined(self.tokens_in, other.tokens_in),
            tokens_out=joined(self.tokens_out, other.tokens_out),
            usd=joined(self.usd, other.usd),
            seconds=joined(self.seconds, other.seconds),
        )


#: Nobody knows anything.
UNPRICED: Final = Estimate()
#: It is known to cost nothing.
FREE: Final = Estimate(tokens_in=NOTHING, tokens_out=NOTHING, usd=NOTHING, seconds=NOTHING)
