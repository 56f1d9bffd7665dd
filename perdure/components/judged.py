"""What patterns ask of the user's own types: a class with these properties will do, whatever else it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Verdict(Protocol):
    """What a review must say."""

    @property
    def approved(self) -> bool:
        """Whether it is good enough."""
        ...

    @property
    def feedback(self) -> str:
        """What must change, if it is not."""
        ...


class Scored(Protocol):
    """What an evaluation must say."""

    @property
    def score(self) -> float:
        """How good it is; more is better."""
        ...

    @property
    def feedback(self) -> str:
        """What would make it better."""
        ...


class Comparison(Protocol):
    """What a comparison must say."""

    @property
    def drifted(self) -> bool:
        """Whether something is no more as it was."""
        ...


class Diffed(Verdict, Protocol):
    """What must be said of a change that a person is to decide on."""

    @property
    def diff(self) -> Sequence[str]:
        """What would become otherwise, line by line, as a person is shown it; no line, if nothing would."""
        ...

    @property
    def digest(self) -> str:
        """Of exactly the change that was judged: who approves of one approves of no other."""
        ...
