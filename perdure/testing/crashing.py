"""`assert_crash_safe`: every crash of a run, in one test."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import attrs

from perdure.agents.asking import asks
from perdure.core.asked import Again, Answer, Asked, Decision, Handlers, Question
from perdure.core.effect import Call, Effect, Op
from perdure.core.leaves import Ask, Step
from perdure.interpreters.durable.errors import Unusable
from perdure.interpreters.handlers import find, making
from perdure.interpreters.handlers import steps as step_functions
from perdure.interpreters.simulate.crash import CrashSafe, Matrix, in_memory
from perdure.interpreters.simulate.replies import Replies, Reply
from perdure.interpreters.simulate.run import raise_what_is_for_the_test
from perdure.interpreters.simulate.script import NOTHING, Answers, Cast, Cue, ScriptError
from perdure.testing.network import refused
from perdure.testing.simulating import finished


def assert_crash_safe(
    effect: Effect[Any, Any],
    *,
    answers: Answers | Literal["approve"] = NOTHING,
    agents: Answers | Literal["auto"] = NOTHING,
    steps: Answers = NOTHING,
    handlers: Handlers | None = None,
    depth: int = 1,
    on: Literal["memory", "sqlite"] = "memory",
    only: str | None = None,
    seed: int = 0,
    budget: int = 2000,
    network: bool = False,
) -> CrashSafe:
    """Let a run die at every point, and demand that it ends as if it had not.

    The run is driven by the durable interpreter itself, in virtual time. It crashes before each commit, after each
    effect and after each commit, and freezes before each commit until another worker has the run. Real code (steps,
    `Scripted` agents) is called once: an attempt that is made again after a crash gets the same answer.

    Args:
        effect: The call of a `@workflow`, with arguments that can be stored.
        answers: For gates and signals, by path, name or pattern; `"approve"` approves every gate.
        agents: For asks; `"auto"` answers each by any value of its type.
        steps: In place of the functions of steps.
        handlers: What operations of your own mean, by class.
        depth: How many crashes a run has at most: 2 tries all pairs, 3 all triples.
        on: `memory`: a store in memory. `sqlite`: the real one, opened anew by every process, in a temporary file.
        only: The points of one run, such as `"7:effect"` or `"7:effect,9:commit"`, as a failure names them.
        seed: Decides what the script leaves open, and which runs are drawn where there are more than the budget.
        budget: How many runs there are at most for each number of crashes.
        network: Whether real code may reach beyond this machine.

    Returns:
        How many runs were tried, of how many, and what of the script was never used.

    Raises:
        CrashUnsafe: A crash changes something; the message says where, what, why and what mends it.
        ScriptError: The script does not fit, or says nothing where it must. The message has the line to add.
        Unusable: The effect cannot be stored as a run.
        LookupError: The run does not come by the point in `only`.

    Example:
        >>> from perdure import Do, step, workflow
        >>> from perdure.testing import assert_crash_safe
        >>> @step
        ... def double(n: int) -> int:
        ...     return 2 * n
        >>> @workflow
        ... def eightfold(n: int) -> Do[int]:
        ...     for _ in range(3):
        ...         n = yield from double(n)
        ...     return n
        >>> print(assert_crash_safe(eightfold(5), depth=2))
        safe against 18 crashes and 258 pairs of crashes
    """
    if not isinstance(effect, Call):
        raise Unusable(f"{effect!r} cannot be stored as a run: wrap it in a @workflow and give the call of that")
    cast = Cast(answers, agents, steps, seed=seed, handled=handlers or ())
    replies = _replies(cast, {Step: step_functions(None), Ask: asks(None), **(handlers or {})})
    with contextlib.ExitStack() as held:
        if not network:
            held.enter_context(refused())
        databases = in_memory
        if on == "sqlite":
            from perdure.interpreters.simulate.on_sqlite import on_sqlite

            databases = held.enter_context(on_sqlite())
        matrix = Matrix(effect, replies, databases)
        if only is None:
            proved = matrix.proved(depth=depth, seed=seed, budget=budget)
        else:
            proved = matrix.only(tuple(label.strip() for label in only.split(",")))
    return attrs.evolve(proved, unused=cast.unused())


def strictly(*, network: bool) -> Callable[..., CrashSafe]:
    """`assert_crash_safe`, where an entry of the script that answers nothing is an error.

    Args:
        network: What is meant where a call says nothing else.
    """

    @functools.wraps(assert_crash_safe)
    def strict(effect: Effect[Any, Any], **given: Any) -> CrashSafe:
        given.setdefault("network", network)
        proved = assert_crash_safe(effect, **given)
        if proved.unused:
            raise ScriptError("\n".join(map(str, proved.unused)) + "\nRemove it, or mend its name.")
        return proved

    return strict


def _replies(cast: Cast, handlers: Handlers) -> Replies:
    def perform(asked: Asked, failed: int) -> Reply:
        return contextvars.copy_context().run(_made, cast, handlers, asked, failed)

    def answered(op: Op[Any, Any], path: str) -> Cue:
        return cast.find(op, path) or Cue(None)

    return Replies(perform, answered)


@attrs.frozen
class _Made:
    """What a leaf made of an attempt itself."""

    answer: Answer | Again
    delay: timedelta


def _made(cast: Cast, handlers: Handlers, asked: Asked, failed: int) -> Reply:
    """What becomes of an attempt, by the script or by what its leaf means."""
    making(asked.attempt)
    cue = cast.find(asked.op, asked.attempt.path, failed)
    if cue is not None:
        return cue
    answer = finished(_by_itself(cast, asked, handlers))
    raise_what_is_for_the_test(answer)
    return _Made(answer, cast.lasts(asked.op, asked.attempt.path, failed))


async def _by_itself(cast: Cast, asked: Asked, handlers: Handlers) -> Answer | Again:
    async def confirm(question: Question) -> Decision:  # at once: what is held against crashes is the attempt
        return cast.decides(question, question.under(asked.attempt.path))[0]

    return await find(handlers, asked.op)(attrs.evolve(asked, confirm=confirm))
