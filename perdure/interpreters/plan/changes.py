"""What may differ between two versions of a workflow, as values: each says itself in one line, and warns where it must.

The paths, keys and answers in them are those of the new version where it has them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, TypeAlias

import attrs

from perdure.core.estimate import Span

Mark: TypeAlias = Literal["+", "-", "~", "!"]


@attrs.frozen
class Change(ABC):
    """One difference. `key` is the request that it is about, or the workflow."""

    mark: ClassVar[Mark] = "~"

    key: str

    @property
    @abstractmethod
    def said(self) -> str:
        """What changed, without the key."""

    @property
    def warning(self) -> str:
        """Why somebody must look at it; empty where it is only told."""
        return ""


@attrs.frozen
class Added(Change):
    """A request is made that was not made before."""

    mark = "+"

    what: str

    @property
    def said(self) -> str:
        return self.what


@attrs.frozen
class Removed(Change):
    """A request is not made any more."""

    mark = "-"

    what: str

    @property
    def said(self) -> str:
        return f"{self.what}, removed"


@attrs.frozen
class CompensationRemoved(Change):
    """A request that took something back is not made any more."""

    mark = "-"

    what: str

    @property
    def said(self) -> str:
        return f"{self.what}, a compensation, removed"

    @property
    def warning(self) -> str:
        return "what it took back stays done"


@attrs.frozen
class GateRemoved(Change):
    """Nobody is asked any more. `bare` are the requests that needed a yes there, and are still made."""

    mark = "-"

    bare: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        return "approval removed"

    @property
    def warning(self) -> str:
        return f"{', '.join(self.bare)} made without it" if self.bare else "nobody is asked any more"


@attrs.frozen
class GatePassedBy(Change):
    """A request that needed a yes on every path can now be reached without. `path` is the shortest."""

    mark = "!"

    gate: str
    path: str

    @property
    def said(self) -> str:
        return f"reachable without a yes at {self.gate}"

    @property
    def warning(self) -> str:
        return f"by this path: {self.path}"


@attrs.frozen
class Renamed(Change):
    """A request, or all under a scope, has another key. `key` is the old one; `option` is what `--rename` takes."""

    new: str
    option: str

    @property
    def said(self) -> str:
        return f"renamed to {self.new}"

    @property
    def warning(self) -> str:
        return f"suspended runs need it: perdure resume RUN --rename {self.option}"


@attrs.frozen
class Moved(Change):
    """A request is made at another time: it came before `other`, and comes after it now."""

    other: str

    @property
    def said(self) -> str:
        return f"moved: after {self.other} now, before it until now"


@attrs.frozen
class Changed(Change):
    """What is declared of a request, or asked by it, is another."""

    field: str
    old: str
    new: str

    @property
    def said(self) -> str:
        if self.field == "structure":
            return "its output type has other fields or members"
        return f"{self.field} {self.old or 'none'} → {self.new or 'none'}"

    @property
    def warning(self) -> str:
        match self.field:
            case "kind" | "structure":
                return "what was recorded does not fit: a suspended run that has it is refused"
            case "version":
                return "what was recorded is declared to be another step: a suspended run that has it is refused"
            case "repeat" if _LOOSENESS.index(self.new) < _LOOSENESS.index(self.old):
                return "it may now be executed again after an attempt whose end nobody knows"
            case _:
                return ""


#: From what may always be repeated to what must never be.
_LOOSENESS = ("pure", "idempotent", "once")


@attrs.frozen
class ConditionChanged(Change):
    """A request is made under other answers."""

    old: str
    new: str

    @property
    def said(self) -> str:
        return f"when {self.old or 'any'} → when {self.new or 'any'}"


@attrs.frozen
class MoreOften(Change):
    """A step that must never be repeated is made more often on one path than before: a retry around it, or a loop."""

    mark = "!"

    old: int
    new: int

    @property
    def said(self) -> str:
        return f"`once`, and made up to {self.new} times instead of {self.old}"

    @property
    def warning(self) -> str:
        return "each time has a key of its own: the far side cannot tell a repetition"


@attrs.frozen
class PriceChanged(Change):
    """The whole may cost another amount of US dollars. `unpriced` are requests whose price nobody knows now."""

    old: Span
    new: Span
    unpriced: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        return f"price {dollars(self.old)} → {dollars(self.new)}"

    @property
    def warning(self) -> str:
        if self.new.max is not None or self.old.max is None:
            return ""
        return f"nobody knows any more what it costs at most: {', '.join(self.unpriced) or 'not all paths were seen'}"


def dollars(span: Span) -> str:
    """A price as people read it. An open end is never left out."""
    least = f"${span.min:.4g}"
    return least if span.min == span.max else f"{least} to {'nobody knows' if span.max is None else f'${span.max:.4g}'}"


@attrs.frozen
class EndChanged(Change):
    """The same requests and answers lead to another end."""

    path: str
    old: str
    new: str

    @property
    def said(self) -> str:
        return f"ends otherwise ({self.path}): {self.old} → {self.new}"


@attrs.frozen
class Differs(Change):
    """Behaviour differs, in a way that has no better name. `path` is the shortest one that shows it."""

    mark = "!"

    path: str
    old: str
    new: str

    @property
    def said(self) -> str:
        return f"behaves otherwise ({self.path}): {self.old} → {self.new}"
