"""How a plan says names, amounts and durations: the same words in its tree and in its graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import attrs

from perdure.core.estimate import Span
from perdure.interpreters.plan.fold import Task, without_numbers
from perdure.interpreters.plan.shape import ordered

if TYPE_CHECKING:
    from perdure.interpreters.plan.leaf import Leaf
    from perdure.interpreters.plan.plan import Plan

#: Lists of names are not longer.
_MOST: Final = 6
#: A segment of a key that is named by a placeholder.
_QUOTED: Final = re.compile(r"[\w.%~-]*%3C[\w.%~-]*")


def printable(line: str) -> str:
    """The line without what could break it, move a cursor or hide text: names may come from data."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


@attrs.frozen(eq=False)
class Names:
    """Keys without the name of the workflow, with which they begin."""

    prefix: str
    shown: Mapping[str, str]

    @classmethod
    def of(cls, plan: Plan) -> Names:
        first = next(iter(plan.leaves), "").partition("/")
        keys = [piece.leaf.key for piece in ordered(plan.folded)[::-1] if isinstance(piece, Task)]
        shown = {without_numbers(key): key for key in reversed(keys)} | {key: key for key in keys}
        return cls(f"{first[0]}/" if plan.output and first[1] else "", shown)

    def key(self, key: str) -> str:
        return self.within(unquote(key))

    def within(self, said: str) -> str:
        said = _QUOTED.sub(lambda match: unquote(match[0]), said)
        return re.sub(rf"(?<![\w./-]){re.escape(self.prefix)}", "", said) if self.prefix else said

    def some(self, keys: Sequence[str]) -> str:
        """Names as they stand in the tree, which has the first round only; of many the first ones."""
        shown = (self.shown.get(key) or self.shown.get(without_numbers(key), key) for key in keys)
        names = list(dict.fromkeys(map(self.key, shown)))
        more = len(names) - _MOST
        return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def declared(leaf: Leaf) -> list[str]:
    """What is declared of how a request is made; empty words where that is the usual."""
    return [
        f"retry {leaf.retry.attempts}" if leaf.retry and leaf.retry.attempts > 1 else "",
        f"timeout {duration(leaf.timeout)}" if leaf.timeout is not None else "",
        f"expires {duration(leaf.expires)}" if leaf.expires is not None else "",
        leaf.repeat if leaf.repeat != "idempotent" else "",
        "may ask a person" if leaf.confirms else "",
        f"tools from {', '.join(leaf.servers)}" if leaf.servers else "",
    ]


def priced(leaf: Leaf) -> str:
    """What a request may cost; empty where nobody has to say."""
    if leaf.role == "child":
        return "price unknown"
    return dollars(leaf.estimate.usd) if leaf.estimate is not None and leaf.role in ("ask", "step", "op") else ""


def dollars(span: Span) -> str:
    """`$0.02 to $0.10`."""
    return amount(span, _money)


def _money(usd: float) -> str:
    return "$0" if usd == 0 else f"${usd:.2f}" if usd >= 0.01 else f"${usd:.2g}"


def amount(span: Span, shown: Callable[[float], str]) -> str:
    """From the least to the most; in words where that is open."""
    if span.max is None:
        return f"{shown(span.min)} or more" if span.min else "unknown"
    return shown(span.min) if span.min == span.max else f"{shown(span.min)} to {shown(span.max)}"


def duration(duration: timedelta) -> str:
    """In the two largest units: `2d`, `1h 30m`, `0.5s`."""
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:g}s"
    left, said = int(seconds), list[str]()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            said.append(f"{count}{unit}")
    return " ".join(said[:2])
