"""Nothing before a person said yes: what a gate guards is behind it, and not beside it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, overload

from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect
from perdure.core.faults import Expired
from perdure.core.leaves import Approved, Denied
from perdure.core.operations import approval, pure
from perdure.core.workflow import workflow

A = TypeVar("A")
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@overload
def approval_gate(
    name: str, guarded: Effect[A, E1], *, when: bool = ..., prompt: str = ..., show: object = ..., expires: None = ...
) -> Effect[A | Denied, E1]: ...
@overload
def approval_gate(
    name: str, guarded: Effect[A, E1], *, when: bool = ..., prompt: str = ..., show: object = ..., expires: timedelta
) -> Effect[A | Denied, E1 | Expired]: ...
def approval_gate(
    name: str,
    guarded: Effect[Any, Any],
    *,
    when: bool = True,
    prompt: str = "",
    show: object = None,
    expires: timedelta | None = None,
) -> Effect[Any, Any]:
    """Do something only after somebody approved it.

    ```text
    when? ──┬── no ───────────────────────────► guarded
            └── yes ──► approval ──► Approved ──► guarded
                           ├───────► Denied, as a value
                           └───────► Expired, if `expires` is given
    ```

    Args:
        name: The gate's name, by which it is answered.
        guarded: What happens after an approval; of it nothing happens before, or without one.
        when: Whether anybody need be asked, such as for risky things only.
        prompt: The question.
        show: What it is about. An approval is for exactly this.
        expires: If given, the gate closes this long after it was opened.

    Returns:
        The value of what is guarded, or who denied it: a `Denied` cannot be taken for a success, since it must be
        matched away before the value is used.

    Raises:
        Expired: Nobody answered in time. In the type only if `expires` is given.

    Example:
        >>> from perdure import Denied, step
        >>> from perdure.components import approval_gate
        >>> from perdure.testing import simulate
        >>> @step
        ... def publish(text: str) -> str:
        ...     return f"published {text}"
        >>> simulate(approval_gate("publish-it", publish("x")), answers={"publish-it": Denied(by="ann")}).value()
        Denied(by='ann', note='', at=None)
        >>> simulate(approval_gate("publish-it", publish("x"), when=False)).value()
        'published x'
    """
    if not when:
        return _gate(pure(Approved()), guarded)
    return _gate(approval(name, prompt=prompt, show=show, expires=expires), guarded)


@workflow(name="approval_gate")
def _gate(gate: Effect[Approved | Denied, E1], guarded: Effect[A, E2]) -> Do[A | Denied, E1 | E2]:
    answer = yield from gate
    return answer if isinstance(answer, Denied) else (yield from guarded)
