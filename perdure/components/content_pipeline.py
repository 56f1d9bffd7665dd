"""From hand to hand: each stage makes more of what the one before it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from typing_extensions import TypeVar

from perdure.components.halted import Halted, stage
from perdure.core.effect import Do, Effect
from perdure.core.workflow import workflow

A = TypeVar("A")
E = TypeVar("E")


@workflow
def content_pipeline(content: A, stages: Mapping[str, Callable[[A], Effect[A, E]]]) -> Do[A, Halted[A, E]]:
    """Send something through all stages, one after the other.

    ```text
    content ──► draft ──► edit ──► publish ──► what the last stage made
                  └─────────┴─────────┴──────► failed: Halted, with what there was before it
    ```

    Where each stage makes another type of the last one's, chain them by `bind`, or in a workflow of your own.

    Args:
        content: What the first stage is given.
        stages: By name, in their order; the names are part of the keys.

    Returns:
        What the last stage made.

    Raises:
        Halted: A stage failed. `at` is its name, `state` what it was given, so that nothing is lost.

    Example:
        >>> from perdure import fail, pure
        >>> from perdure.components import content_pipeline
        >>> from perdure.testing import simulate
        >>> stages = {
        ...     "draft": lambda topic: pure(f"{topic} hum"),
        ...     "edit": lambda text: pure(f"{text}."),
        ...     "publish": lambda text: fail("closed"),
        ... }
        >>> simulate(content_pipeline("Bees", stages)).outcome
        <Failure: at='publish', state='Bees hum.', because='closed'>
    """
    for name, work in stages.items():
        content = yield from stage(name, work(content), content)
    return content
