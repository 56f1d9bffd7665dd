"""The real effects, with a test in the place of the drive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from perdure.core.asked import Asked, Attempt, Handler
from perdure.core.effect import Op
from perdure.core.leaves import Step
from perdure.interpreters.durable.adapters.effects import LoopEffects

T = TypeVar("T")


def asked(effect: Any, path: str = "p", number: int = 1) -> Asked:
    """What a drive hands over to begin an attempt."""
    assert isinstance(effect, Op)
    return Asked(effect, Attempt("run", path, number, "key"))


def driven(
    handle: Handler,
    drive: Callable[[LoopEffects], Coroutine[Any, Any, T]],
    beside: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """What `drive` returns on a loop of its own, where steps are handled by `handle` and `beside` is done meanwhile."""

    async def main() -> T:
        effects = LoopEffects({Step: handle})
        ended = effects.drive(drive(effects))
        if beside is not None:
            await beside()
        return await ended

    return asyncio.run(main())
