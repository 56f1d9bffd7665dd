"""What is wrong with a run, said so that somebody can mend it."""

from __future__ import annotations

from typing import Final

import attrs

DICE: Final = (
    "the workflow's body depends on something that is not recorded: a clock, dice, a global, a file, an argument"
)
DICE_OR_ENGINE: Final = f"{DICE}; or, if it does not, the interpreter does not replay what it recorded"
MEND_DICE: Final = "ask for the time with now(), and draw or read everything else in a @step, whose outcome is recorded"
ENGINE: Final = "the interpreter or the store broke a promise of its own; the workflow did not"
MEND_ENGINE: Final = "report it with this message and the workflow; a change of the workflow only hides it"
#: How two texts are told apart where both are of one run.
AGAIN: Final = ("at first", "then")
#: No more of an input or outcome is shown, in characters.
_SHOWN: Final = 160


@attrs.frozen
class Finding:
    """What is wrong with a run.

    Attributes:
        step: The path that it is about; empty where it is the whole run.
        wrong: What is seen, as a sentence.
        cause: Why that is so.
        mend: What to do.
    """

    step: str
    wrong: str
    cause: str
    mend: str


def engine(step: str, wrong: str) -> Finding:
    """A promise of the interpreter's is broken."""
    return Finding(step, wrong, ENGINE, MEND_ENGINE)


def dice(step: str, wrong: str) -> Finding:
    """The workflow is not the same each time it is driven."""
    return Finding(step, wrong, DICE, MEND_DICE)


def difference(before: str | None, after: str | None, names: tuple[str, str] = ("without a crash", "with it")) -> str:
    """Two texts, from shortly before where they part."""
    one, two = before or "nothing", after or "nothing"
    parted = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, parted - 40) if max(len(one), len(two)) > _SHOWN else 0
    return "\n".join(f"  {name:<15}  {_cut(text, start)}" for name, text in zip(names, (one, two), strict=True))


def _cut(text: str, start: int) -> str:
    return ("…" if start else "") + text[start : start + _SHOWN] + ("…" if len(text) > start + _SHOWN else "")
