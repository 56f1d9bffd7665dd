"""Look at regular times whether something is still as it was; the first time that it is not, tell somebody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from typing_extensions import TypeVar

from perdure.components.judged import Comparison
from perdure.core.effect import Do, Effect
from perdure.core.faults import Defect
from perdure.core.operations import sleep
from perdure.core.workflow import workflow

A = TypeVar("A")
D = TypeVar("D", bound=Comparison)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@workflow
def drift_detector(
    baseline: A,
    capture: Effect[A, E1],
    compare: Callable[[A, A], Effect[D, E2]],
    alert: Callable[[D], Effect[object, E3]],
    *,
    every: timedelta,
    rounds: int = 30,
) -> Do[D, E1 | E2 | E3]:
    """Capture and compare with the baseline, at once and then at regular times, until something has drifted.

    ```text
    capture ──► compare ──► drifted ──► alert ──► the comparison
       ▲           │
       │           └─ no drift ──► sleep ─┐
       └──────────────────────────────────┘  rounds used up ──► the last comparison, without a drift
    ```

    The first drift ends the watch, so that nobody is alerted to the same one every night. Whoever saw to it starts the
    watch anew, from a baseline that is right again.

    Args:
        baseline: How it should be.
        capture: How it is now. It is recorded, so look in a step.
        compare: Given the baseline and what was captured, says by a class of your own that has `drifted` whether it is
            no more as it was, and whatever else somebody wants to know.
        alert: Tells somebody of a comparison that found a drift.
        every: The wait between two looks, kept by a durable timer; a crash does not begin it anew.
        rounds: How often it is looked at most. Nobody waits after the last time.

    Returns:
        The comparison that found a drift, once somebody was told of it; else the last one.

    Raises:
        Defect: There is no look at all.

    Example:
        >>> from datetime import timedelta
        >>> import attrs
        >>> from perdure import pure, step
        >>> from perdure.components import drift_detector
        >>> from perdure.testing import each, simulate
        >>> @attrs.frozen
        ... class Drift:
        ...     drifted: bool
        ...     what: str
        >>> @step
        ... def replicas() -> int:
        ...     return 3
        >>> @step
        ... def page(what: str) -> None: ...
        >>> watch = drift_detector(
        ...     3,
        ...     replicas(),
        ...     lambda wanted, found: pure(Drift(found < wanted, f"{found} of {wanted}")),
        ...     lambda drift: page(drift.what),
        ...     every=timedelta(days=1),
        ... )
        >>> sim = simulate(watch, steps={"replicas": each(3, 4, 2)})
        >>> sim.value(), sim.count("page"), sim.elapsed
        (Drift(drifted=True, what='2 of 3'), 1, datetime.timedelta(days=2))
    """
    if rounds < 1:
        raise Defect(f"rounds={rounds!r}: a watch has at least one look")
    left = rounds
    while True:
        left -= 1
        found = yield from capture
        comparison = yield from compare(baseline, found)
        if comparison.drifted:
            yield from alert(comparison)
        if comparison.drifted or not left:
            return comparison
        yield from sleep(every)
