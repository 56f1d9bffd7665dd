"""What attempts took, summed from what was recorded of them. What nobody knows is counted, and never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import attrs

from perdure.cli.printing import line

#: The kinds of tokens, and what people call them.
_TOKENS: Final = {
    "input": "in",
    "output": "out",
    "cache_read": "from a cache",
    "cache_write": "into a cache",
    "reasoning": "of them reasoning",
}


@attrs.frozen
class Spent:
    """A sum over attempts.

    Attributes:
        tokens: By kind.
        usd: The dollars of the attempts whose cost is known; None where it is known of none.
        sources: Who says so: reported, priced.
        unpriced: How many attempts there were whose cost nobody knows.
    """

    tokens: Mapping[str, int] = {}
    usd: Decimal | None = None
    sources: tuple[str, ...] = ()
    unpriced: int = 0

    @classmethod
    def of(cls, said: Any) -> Spent:  # Any: a recorded JSON tree
        """Of one attempt, as it was noted."""
        if not isinstance(said, dict):
            return cls()
        tokens = {kind: n for kind in _TOKENS if type(n := said.get(kind)) is int}
        try:
            usd = Decimal(str(said["usd"])) if said.get("usd") is not None else None
        except InvalidOperation:
            usd = None
        return cls(tokens, None, (), 1) if usd is None else cls(tokens, usd, (line(str(said.get("source"))),))

    @classmethod
    def sum(cls, each: Iterable[Spent]) -> Spent:
        """Of all of them."""
        total = cls()
        for spent in each:
            tokens = {k: total.tokens.get(k, 0) + spent.tokens.get(k, 0) for k in {**total.tokens, **spent.tokens}}
            known = [usd for usd in (total.usd, spent.usd) if usd is not None]
            total = cls(
                tokens,
                sum(known, Decimal(0)) if known else None,
                tuple(dict.fromkeys((*total.sources, *spent.sources))),
                total.unpriced + spent.unpriced,
            )
        return total

    def tree(self) -> dict[str, Any] | None:
        """As JSON; None where nothing was noted."""
        if self == NOTHING_SPENT:
            return None
        return {
            **{kind: self.tokens.get(kind) for kind in _TOKENS},
            "usd": None if self.usd is None else f"{self.usd:f}",
            "sources": list(self.sources),
            "unpriced": self.unpriced,
        }

    def __str__(self) -> str:
        tokens = ", ".join(f"{self.tokens[kind]} {word}" for kind, word in _TOKENS.items() if kind in self.tokens)
        parts = [f"tokens {tokens}"] if tokens else []
        if self.usd is not None:
            more = f", and {self.unpriced} of unknown cost" if self.unpriced else ""
            parts.append(f"${self.usd:f} {' and '.join(self.sources)}{more}")
        elif self.unpriced:
            parts.append("cost unknown")
        return "; ".join(parts)


NOTHING_SPENT: Final = Spent()


def paid(spent: Spent, payer: str | None) -> str:
    """What was taken, and who paid, for people; empty where nothing was said."""
    return "; ".join(filter(None, (str(spent), f"paid by {line(payer)}" if payer else "")))
