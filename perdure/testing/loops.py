"""Async code from blocking tests, whether or not a loop runs around them."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def blocking(work: Awaitable[T]) -> T:
    """Run something to its end, where no loop runs."""
    import asyncio

    async def awaited() -> T:
        return await work

    return asyncio.run(awaited())


def outside_of_loops(call: Callable[[], T]) -> T:
    """Call something that may run a loop; where one runs already, in a thread of its own, because loops do not nest."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, call).result()
