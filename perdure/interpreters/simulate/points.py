"""Where a process can die.

A run is a sequence of transactions with effects in between. A process dies before a transaction's effects, after each
of them, and after the transaction; or it freezes before the transaction, and what it writes arrives when another
worker has the run. What was committed stays, the rest is gone: that is all a crash is. Beside them stands the other
moment in which runs are lost: what a run parks for arrives while it parks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from perdure.core.asked import Attempt

#: before: nothing of it happened. effect: an effect took place and is not recorded. frozen: the write comes too late.
#: commit: it is written, and nobody was told. answer: no death, but what the run parks for comes while it parks.
Where: TypeAlias = Literal["before", "effect", "frozen", "commit", "answer"]


class Crash(BaseException):
    """The process died here. Not an Exception: nothing in a program may catch it."""


@attrs.frozen
class Point:
    """One place where a process can die.

    Attributes:
        label: Such as `7:effect`: the transaction, counted from 1, and where; a second effect is `7:effect2`.
        where: Which kind of place it is.
        step: The path that it is about, or `start`, `claim`, `park` and the like.
        text: The same in words.
    """

    label: str
    where: Where
    step: str
    text: str


@attrs.define
class Points:
    """Counts the places that a run comes by, and dies at those that are chosen.

    Attributes:
        crashes: Labels, in the order in which they are to come.
        met: Every point so far; after a crash, those of the next process follow.
        died: How many of `crashes` happened.
        since: How many points were met up to the last of them.
    """

    crashes: Sequence[str] = ()
    met: list[Point] = attrs.field(factory=list)
    died: int = 0
    since: int = 0
    _transaction: int = 1
    _effects: int = 0
    _begun: bool = False

    def before_effect(self, attempt: Attempt) -> None:
        """An attempt is about to act.

        Raises:
            Crash: Here, as below.
        """
        self.before_write(attempt.path, f"the effect of {_called(attempt)}")

    def after_effect(self, attempt: Attempt) -> None:
        """An attempt has acted, and nobody knows yet."""
        self._effects += 1
        self._die_at("effect", attempt.path, f"after the effect of {_called(attempt)}, before it was recorded")

    def before_write(self, step: str, text: str) -> None:
        """A transaction is about to be made."""
        if not self._begun:
            self._begun = True
            self._die_at("before", step, f"before {text}")

    def frozen(self, step: str, text: str) -> bool:
        """Whether the process freezes before a transaction."""
        return self._reach(
            "frozen", step, f"frozen before {text}, which arrives after another worker took the run over"
        )

    def answered(self, step: str, text: str) -> bool:
        """Whether somebody answers while a transaction parks the run."""
        return self._reach("answer", step, f"answered while {text}")

    def after_write(self, step: str, text: str) -> None:
        """A transaction was made."""
        chosen = self._reach("commit", step, f"right after {text}")
        self._transaction += 1
        self._effects, self._begun = 0, False
        if chosen:
            raise Crash(self.met[-1].label)

    def restart(self) -> None:
        """Another process takes over: what was not committed has not happened."""
        self._effects, self._begun = 0, False

    def _die_at(self, where: Where, step: str, text: str) -> None:
        if self._reach(where, step, text):
            raise Crash(self.met[-1].label)

    def _reach(self, where: Where, step: str, text: str) -> bool:
        """Come by a point; whether it is the one that is chosen next."""
        number = str(self._effects) if where == "effect" and self._effects > 1 else ""
        point = Point(f"{self._transaction}:{where}{number}", where, step, text)
        self.met.append(point)
        if self.died == len(self.crashes) or self.crashes[self.died] != point.label:
            return False
        self.died += 1
        self.since = len(self.met)
        return True


def _called(attempt: Attempt) -> str:
    return f"{attempt.path} (attempt {attempt.number})"
