"""Many checks at once, and one verdict that the program reaches: what agents say and what commands say counts alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Never, overload

import attrs
from returns.result import Failure, Success
from typing_extensions import TypeVar

from perdure.components.judged import Verdict
from perdure.core.effect import Effect, Outcome
from perdure.core.faults import Defect
from perdure.core.operations import parallel_map

V = TypeVar("V", bound=Verdict)
V_co = TypeVar("V_co", bound=Verdict, covariant=True)
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)


@attrs.frozen
class Checked(Generic[V_co, E_co]):
    """What came of each check, and by count one verdict.

    Attributes:
        outcomes: By the name of the check: what it says, or why it says nothing.
        needed: How many must pass.
    """

    outcomes: Mapping[str, Outcome[V_co, E_co]]
    needed: int

    @property
    def approved(self) -> bool:
        """Whether enough checks passed. A check that failed to say anything did not."""
        return sum(1 for outcome in self.outcomes.values() if _told(outcome) is None) >= self.needed

    @property
    def feedback(self) -> str:
        """Why the others did not pass, each with its name before it."""
        said = [(name, _told(outcome)) for name, outcome in self.outcomes.items()]
        return "\n".join(f"{name}: {told}" for name, told in said if told is not None)


def _told(outcome: Outcome[Verdict, object]) -> str | None:
    """Why a check did not pass; None if it did."""
    match outcome:
        case Success(verdict):
            return None if verdict.approved else verdict.feedback
        case Failure(error):
            return f"could not be checked: {error}"


@overload
def check_suite(
    checks: Mapping[str, Effect[V, E]], *, needed: int | None = ..., limit: int = ...
) -> Effect[Checked[V, E], Never]: ...
@overload
# mypy joins two classes to `object`, which the first signature refuses, and then finds that this one takes them.
def check_suite(  # type: ignore[overload-cannot-match]
    checks: Mapping[str, Effect[Verdict, E]], *, needed: int | None = ..., limit: int = ...
) -> Effect[Checked[Verdict, E], Never]: ...
def check_suite(
    checks: Mapping[str, Effect[Any, Any]], *, needed: int | None = None, limit: int = 0
) -> Effect[Checked[Any, Any], Never]:
    """Make all checks side by side; `needed` of them must pass.

    ```text
    ┌─► lint   ──► approved ─┐
    ├─► tests  ──► rejected ─┼──► Checked: approved, if `needed` checks passed
    └─► agent  ──► Failure  ─┘
    ```

    It is a review as well: `review_loop(write, lambda draft: check_suite({"tests": run_tests(draft), …}))`.

    Args:
        checks: By name; the names are part of the keys. A command is a step of yours that runs it. Each says so by a
            class of your own that has `approved` and `feedback`.
        needed: How many must pass; all of them by default.
        limit: How many are made at once; 0 for all.

    Returns:
        What came of each, by your own class. It cannot fail: a check that fails did not pass, and no other is lost for
        it.

    Raises:
        Defect: There are not so many checks, or none need pass.

    Example:
        >>> import attrs
        >>> from perdure import fail, pure
        >>> from perdure.components import check_suite
        >>> from perdure.testing import simulate
        >>> @attrs.frozen
        ... class Check:
        ...     approved: bool
        ...     feedback: str = ""
        >>> checks = {"lint": pure(Check(True)), "tests": pure(Check(False, "2 failed")), "types": fail("no checker")}
        >>> checked = simulate(check_suite(checks)).value()
        >>> checked.approved, checked.feedback
        (False, 'tests: 2 failed\\ntypes: could not be checked: no checker')
    """
    least = len(checks) if needed is None else needed
    if not 1 <= least <= len(checks):
        raise Defect(f"check_suite(needed={needed!r}) of {len(checks)} checks: from 1 to all of them can be needed")
    outcomes = parallel_map({name: check.attempt() for name, check in checks.items()}, limit=limit)
    return outcomes.map(lambda ended: Checked(ended, least))
