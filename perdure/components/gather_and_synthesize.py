"""Many sources at once, and one text of what they gave; a source that is down is told and takes no other down."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect, Outcome
from perdure.core.operations import parallel_map
from perdure.core.workflow import workflow

A = TypeVar("A")
B = TypeVar("B")
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@workflow
def gather_and_synthesize(
    sources: Mapping[str, Effect[A, E1]],
    synthesize: Callable[[Mapping[str, Outcome[A, E1]]], Effect[B, E2]],
    *,
    limit: int = 0,
) -> Do[B, E2]:
    """Ask all sources side by side, and make one thing of what came of them.

    ```text
    ┌─► web  ──► Success ─┐
    ├─► wiki ──► Success ─┼──► synthesize ──► one whole
    └─► mail ──► Failure ─┘
    ```

    Unlike a `panel`, it goes on with whatever there is, and the failures are part of that.

    Args:
        sources: By name; the names are part of the keys.
        synthesize: Given the outcome of every source by name, makes one thing of them, or fails if it is too little.
        limit: How many sources are asked at once; 0 for all.

    Returns:
        What was made of it. It fails only as `synthesize` does.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import gather_and_synthesize
        >>> from perdure.testing import simulate
        >>> sources = {"web": pure("bees dance"), "mail": fail("no connection")}
        >>> simulate(gather_and_synthesize(sources, lambda found: pure(f"{found}"))).value()
        "{'web': <Success: bees dance>, 'mail': <Failure: no connection>}"
    """
    found = yield from parallel_map({name: source.attempt() for name, source in sources.items()}, limit=limit)
    return (yield from synthesize(found))
