"""Coroutines over ports that never wait: they need no event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(AssertionError):
    """Nothing runs, nothing is waited for, and the run has not ended."""


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, as one over such ports never does.

    Raises:
        Stuck: It waits for something real.
    """
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise Stuck("it waits for something that is not of this world: a real timer, thread or network")
