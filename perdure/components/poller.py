"""Look again and again until it is there; between two looks there is a durable timer, and no process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from typing_extensions import TypeVar

from perdure.components.rounds import Rounds
from perdure.core.effect import Do, Effect
from perdure.core.faults import Exhausted
from perdure.core.operations import sleep
from perdure.core.workflow import workflow

A = TypeVar("A")
E = TypeVar("E")


@workflow
def poller(
    check: Effect[A, E],
    *,
    done: Callable[[A], bool],
    every: timedelta,
    factor: float = 1.0,
    longest: timedelta = timedelta(days=1),
    rounds: int = 30,
    alike: int = 0,
) -> Do[A, E | Exhausted[A]]:
    """Check until it is done, with a wait between two checks.

    ```text
    check ──► done ──► what it is
     ▲ │
     │ └─ not yet ──► sleep ─┐
     └───────────────────────┘  rounds used up ──► Exhausted
    ```

    Args:
        check: One look. It is recorded, so look in a step.
        done: Whether what was seen is what is waited for, purely.
        every: The first wait; a crash does not begin it anew.
        factor: By how much each wait is longer than the one before.
        longest: No wait is longer than this, or than `every` if that is more.
        rounds: How often it is checked at most. Nobody waits after the last time.
        alike: Give up once so many checks in a row saw the same; 0 for never.

    Returns:
        What was seen at last.

    Raises:
        Exhausted: It was never done; `state` is what was seen last.

    Example:
        >>> from datetime import timedelta
        >>> from perdure import step
        >>> from perdure.components import poller
        >>> from perdure.testing import each, simulate
        >>> @step
        ... def status() -> str:
        ...     return "done"
        >>> build = poller(status(), done=lambda seen: seen == "done", every=timedelta(minutes=5), factor=2)
        >>> sim = simulate(build, steps={"status": each("queued", "running", "done")})
        >>> sim.value(), sim.elapsed
        ('done', datetime.timedelta(seconds=900))
    """
    left = Rounds(rounds, alike)
    wait = every
    while True:
        seen = yield from check
        if done(seen):
            return seen
        yield from left.another(seen, seen)
        yield from sleep(wait)
        wait = max(every, min(wait * factor, longest))
