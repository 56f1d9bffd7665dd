"""What may be said of a recorded run under today's code, and how it is told to people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from perdure.core.effect import Outcome


@attrs.frozen
class GoesOn:
    """A resume goes on.

    Attributes:
        changed: Paths whose recorded outcome is kept, though the code now asks something else there.
        again: Paths of open gates that are withdrawn and asked anew, for they show or ask something else now.
        open: Paths that are begun or waited for then.
        outcome: How the run ends, where the recorded outcomes are enough for that.
    """

    changed: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    outcome: Outcome[Any, Any] | None = None


@attrs.frozen
class NeedsRename:
    """A resume is refused, and goes on with these names: old to new, or old path to new path.

    Attributes:
        then: What becomes of the run with them. A `changed` step may be another one than the one that was recorded.
    """

    rename: Mapping[str, str]
    then: GoesOn


@attrs.frozen
class Cannot:
    """A resume is refused or blocked, whatever names are given.

    Attributes:
        kind: Whether the code no longer matches, a record cannot be read, or the code itself is broken.
        why: What was recorded and what the code asks there, or what is wrong; several lines.
    """

    kind: Literal["drifted", "corrupt", "blocked"]
    why: str


@attrs.frozen
class EndsOtherwise:
    """A run that has ended is agreed with step by step, and the code makes another end of it.

    Attributes:
        recorded: How it ended, as JSON.
        found: How it ends now; empty where it does not end, for the code asks more.
        open: The paths that are asked then.
    """

    recorded: str
    found: str
    open: tuple[str, ...]


Verdict: TypeAlias = GoesOn | NeedsRename | Cannot

#: What can be done where no name helps, by what is the matter.
_WAYS: Final[Mapping[str, Sequence[str]]] = {
    "drifted": (
        "put what is new behind what was recorded, and leave what was recorded in its order",
        "keep the old workflow under its name until these runs have ended, and give the new one another name",
        "start a new run of the new code; the old one stays as it is",
    ),
    "corrupt": ("restore the parameters and types that the record fits, or a backup of the database",),
    "blocked": ("mend the workflow's code",),
}


def renaming(names: Mapping[str, str]) -> list[str]:
    """The options of a resume that give names."""
    return [word for old, new in names.items() for word in ("--rename", f"{old}={new}")]


def headline(verdict: Verdict | EndsOtherwise, well: str = "goes on") -> str:
    """A verdict in a few words.

    Args:
        verdict: What was found.
        well: What is said where nothing is wrong.

    Example:
        >>> headline(NeedsRename({"summarize": "summarise"}, GoesOn()))
        'needs --rename summarize=summarise'
    """
    match verdict:
        case GoesOn(changed=()):
            return well
        case GoesOn(changed=changed):
            return f"{well} with changed inputs: {', '.join(changed)}"
        case NeedsRename(rename=names):
            return f"needs {shlex.join(renaming(names))}"
        case Cannot():
            return "cannot go on"
        case EndsOtherwise():
            return "ends otherwise"


def details(verdict: Verdict | EndsOtherwise, command: Sequence[str]) -> list[str]:
    """What there is to say about a verdict, in lines.

    Args:
        verdict: What was found.
        command: The words of the command that takes the names.
    """
    match verdict:
        case GoesOn():
            return _again(verdict)
        case NeedsRename(rename=names, then=then):
            doubt = [f"is it the same step? it is asked otherwise now: {path}" for path in then.changed]
            return [shlex.join([*command, *renaming(names)]), *doubt, *_again(then)]
        case Cannot(kind=kind, why=why):
            return [*(text.removeprefix("  ") for text in why.splitlines()), *_ways(kind)]
        case EndsOtherwise(recorded=recorded, found=found, open=asked):
            now = found or f"no end: it asks {', '.join(asked)}"
            return [f"recorded  {recorded}", f"code now  {now}"]


def _again(then: GoesOn) -> list[str]:
    return [f"is asked again, for it shows or asks something else: {path}" for path in then.again]


def _ways(kind: str) -> list[str]:
    return ["ways out:", *(f"  {way}" for way in _WAYS[kind])]
