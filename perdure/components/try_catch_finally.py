"""What Python's `try` is for code, for effects: each part may wait for days and survives a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect
from perdure.core.operations import ensure, scope
from perdure.core.workflow import workflow

A = TypeVar("A")
B = TypeVar("B")
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@workflow
def try_catch_finally(
    body: Effect[A, E1], *, catch: Callable[[E1], Effect[B, E2]], finally_: Effect[object, Never]
) -> Do[A | B, E2]:
    """The body; what it fails with is caught; and at the end, however that was, the last part.

    ```text
    try ──┬── Success ────────────► finally ──► the value
          └── Failure ──► catch ──► finally ──► the catcher's value, or its failure
    ```

    On cancellation neither part runs: what must be taken back then belongs into `compensate`. A defect is not caught.

    Args:
        body: What is tried.
        catch: Given the failure, gives another value. What it does not want to handle it fails with again.
        finally_: What happens at the end, also if the catcher fails. It cannot fail: `attempt` what may.

    Returns:
        The value of the body or of the catcher.

    Raises:
        E2: What the catcher fails with. The failures of the body are not in the type.

    Example:
        >>> from perdure import fail, pure, step
        >>> from perdure.components import try_catch_finally
        >>> from perdure.testing import simulate
        >>> @step
        ... def close() -> None: ...
        >>> tried = try_catch_finally(fail("full"), catch=lambda why: pure(f"{why}!"), finally_=close().attempt())
        >>> sim = simulate(tried)
        >>> sim.value(), [record.path for record in sim.trace]
        ('full!', ['try_catch_finally/finally/close'])
    """
    caught = scope("try", body).lash(lambda error: scope("catch", catch(error)))
    return (yield from ensure(caught, scope("finally", finally_)))
