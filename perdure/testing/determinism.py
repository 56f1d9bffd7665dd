"""Workflows held to depend on their arguments and replies alone."""

from __future__ import annotations

from typing import Any

from perdure.core import codec
from perdure.core.effect import Call, Effect
from perdure.core.leaves import arguments_of
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.errors import Unusable
from perdure.interpreters.plan import purity


def assert_deterministic(effect: Effect[Any, Any], *, max_paths: int = 1000) -> None:
    """Make sure that a workflow depends on its arguments and replies alone. Nothing of it is executed.

    It is explored in processes of their own, under other hash seeds and in other time zones, and watched: clocks, dice,
    files, the environment, the order of a set and state that outlives a run are found.

    Args:
        effect: A call of a workflow at the top level of a module, such as `ship("bees")`.
        max_paths: How many paths to follow at most.

    Raises:
        AssertionError: What was found: one line each, with its file, line and mend.
        Unusable: It is another effect, or another process does not find it.

    Example:
        >>> from perdure import pure
        >>> from perdure.testing import assert_deterministic
        >>> assert_deterministic(pure(1))
        Traceback (most recent call last):
        perdure.interpreters.durable.errors.Unusable: Pure(value=1) is no call of a @workflow
    """
    if not isinstance(effect, Call):
        raise Unusable(f"{effect!r} is no call of a @workflow")
    arguments = codec.dumps(arguments_of(effect), Any)
    with purity.looking(places.target_of(effect.block), effect.block.fn, arguments, max_paths=max_paths) as hidden:
        found = hidden()
    if found:
        raise AssertionError(
            "\n".join(f"{each.rule}  {each.where}: {each.said}\n  mend: {each.mend}" for each in found)
        )
