"""How long a loop may go on: the one brake of all patterns that try again."""

from __future__ import annotations

import attrs
from typing_extensions import TypeVar

from perdure.core.effect import Effect
from perdure.core.faults import Defect, Exhausted
from perdure.core.operations import fail, pure

S = TypeVar("S")


@attrs.define
class Rounds:
    """The rounds that a loop may take: so many, and no more once it fails alike again and again.

    ```text
    while not good: ── another(state, failure) ──┬── a round is left ──── go on
                                                 ├── it was the last ──── Exhausted
                                                 └── alike too often ──── Exhausted, alike > 0
    ```

    Make it in the body of the workflow: it counts, and a body that is driven again counts again.

    Attributes:
        most: How many rounds there are at most.
        alike: Give up once so many rounds in a row failed with equal failures; 0 for never.

    Raises:
        Defect: There is no round at all, or one failure would be alike.

    Example:
        >>> from perdure import Do, Exhausted, step, workflow
        >>> from perdure.components import Rounds
        >>> from perdure.testing import simulate
        >>> @step
        ... def compile(code: str) -> str:
        ...     return "line 1: syntax error"
        >>> @workflow
        ... def mend(code: str) -> Do[str, Exhausted[str]]:
        ...     rounds = Rounds(10, alike=3)
        ...     while error := (yield from compile(code)):
        ...         yield from rounds.another(code, error)
        ...     return code
        >>> simulate(mend("(")).outcome
        <Failure: state='(', rounds=3, alike=3>
    """

    most: int
    alike: int = 0
    _used: int = attrs.field(default=0, init=False)
    _last: object = attrs.field(default=None, init=False)
    _times: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        if self.most < 1:
            raise Defect(f"rounds={self.most!r}: a loop has at least one round")
        if self.alike < 0 or self.alike == 1:
            raise Defect(f"alike={self.alike!r}: failures are alike from the second one on; 0 lets all rounds be used")

    def another(self, state: S, failure: object = None) -> Effect[None, Exhausted[S]]:
        """End a round that was not good enough: nothing, where another one may follow, else `Exhausted`.

        Args:
            state: What the loop has so far.
            failure: Why the round was not good enough. Compared with `==`, and only if `alike` is given.
        """
        self._used += 1
        if self.alike:
            self._times = self._times + 1 if self._used > 1 and failure == self._last else 1
            self._last = failure
            if self._times >= self.alike:
                return fail(Exhausted(state, self._used, self._times))
        return fail(Exhausted(state, self._used)) if self._used >= self.most else pure(None)
