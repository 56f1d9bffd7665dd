"""`simulate`: a run in virtual time, from blocking code."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

from perdure.agents.asking import asks
from perdure.core.asked import Handlers
from perdure.core.effect import Effect
from perdure.core.leaves import Ask
from perdure.interpreters.simulate.run import START, run
from perdure.interpreters.simulate.script import NOTHING, Answers, Cast, ScriptError
from perdure.interpreters.simulate.trace import Simulated
from perdure.testing.network import NetworkRefused, refused

A = TypeVar("A")
E = TypeVar("E")
T = TypeVar("T")


def simulate(
    effect: Effect[A, E],
    *,
    answers: Answers | Literal["approve"] = NOTHING,
    agents: Answers | Literal["auto"] = NOTHING,
    steps: Answers = NOTHING,
    seed: int = 0,
    start: datetime = START,
    cancel_after: timedelta | None = None,
    handlers: Handlers | None = None,
    network: bool = False,
) -> Simulated[A, E]:
    """Run an effect in virtual time, by a script: three days and a retry storm take a millisecond.

    Steps run their functions, `Scripted` agents answer by themselves; other agents, gates, signals and `once` steps
    must be scripted. Everything passes through the codec, as on a database.

    Args:
        effect: Any effect.
        answers: For gates, signals and child runs, by path, name or pattern; `"approve"` approves every gate.
        agents: For asks; `"auto"` answers each by any value of its type.
        steps: In place of the functions of steps.
        seed: Decides what is left open: the order of what is due at one moment, and what `auto` is.
        start: When it starts, in virtual time.
        cancel_after: When somebody cancels it, in virtual time: it takes back what was done.
        handlers: What operations of your own mean, by class.
        network: Let real code reach other machines. Without it whoever tries is refused, while the run lasts.

    Returns:
        How it ended and what it did; a failure is never raised.

    Raises:
        ScriptError: The script does not fit, or says nothing where it must. The message has the line to add.
        Defect: The program did what no program may, or gave what cannot be recorded.

    Example:
        >>> from datetime import timedelta
        >>> from perdure import approval, sleep
        >>> from perdure.testing import simulate
        >>> patient = sleep(timedelta(days=3)).bind(lambda _: approval("publish"))
        >>> sim = simulate(patient, answers={"publish": "approve"})
        >>> sim.elapsed.days, sim.value()
        (3, Approved(by='', note='', at=None))
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    cast = Cast(answers, agents, steps, seed=seed, handled=handlers or ())
    work = run(effect, cast, {Ask: asks(None), **(handlers or {})}, start, cancel_after)
    with contextlib.nullcontext() if network else refused():
        try:
            return finished(work)
        except NetworkRefused:
            raise
        except ScriptError as told:  # where in a simulation it was found says nothing of the script
            raise told.with_traceback(None) from told.__cause__


class Simulate(Protocol):
    """The type of the fixture `simulate`, for annotations: as the function `simulate`."""

    def __call__(
        self,
        effect: Effect[A, E],
        *,
        answers: Answers | Literal["approve"] = ...,
        agents: Answers | Literal["auto"] = ...,
        steps: Answers = ...,
        seed: int = ...,
        start: datetime = ...,
        cancel_after: timedelta | None = ...,
        handlers: Handlers | None = ...,
        network: bool = ...,
    ) -> Simulated[A, E]: ...


def strictly(*, network: bool) -> Simulate:
    """`simulate`, where an entry of the script that answers nothing is an error.

    Args:
        network: What is meant where a call says nothing else.
    """

    allowed = network

    def strict(effect: Effect[A, E], *, network: bool = allowed, **script: Any) -> Simulated[A, E]:
        __tracebackhide__ = True  # pytest then shows the line of the test
        sim = simulate(effect, network=network, **script)
        if sim.unused:
            told = "\n".join(map(str, sim.unused))
            raise ScriptError(
                f"{told}\nRemove it, or mend its name; perdure.testing.simulate, imported, only lists it in `.unused`. "
                f"What was asked:\n{sim.story()}"
            )
        return sim

    return strict


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run something to its end; where a loop runs already, in a thread of its own, because loops do not nest."""
    import asyncio

    if not _in_a_loop():
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, work).result()


def _in_a_loop() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
