"""A drive and its steps share tasks, and none of them can tell."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import time
import weakref
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from driving import asked, driven
from returns.result import Success

import perdure
from perdure import Do, fallback, step, workflow
from perdure.core.effect import Effect
from perdure.core.leaves import Step
from perdure.interpreters.durable.adapters.carried import Carried
from perdure.interpreters.durable.adapters.clock import SystemClock
from perdure.interpreters.durable.adapters.effects import LoopEffects
from perdure.interpreters.durable.ports import Ended
from perdure.interpreters.handlers import attempt, steps

SAID: list[str] = []
LEFT: contextvars.ContextVar[str] = contextvars.ContextVar("left", default="nothing")
HELD: contextvars.ContextVar[Any] = contextvars.ContextVar("held")


async def outcome(effects: LoopEffects, effect: Effect[Any, Any]) -> Any:
    effects.start(asked(effect))
    (ended,) = await effects.next(None)
    assert isinstance(ended, Ended)
    return ended.outcome


@step
async def at_once() -> str:
    return attempt().path


@step(timeout=timedelta(milliseconds=20))
async def leaves_slowly() -> str:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.05)  # as it takes time to end the tree of an agent
        SAID.append("left")
    return "never"


@step
async def follows() -> str:
    SAID.append("began")
    return "second"


@workflow
def both() -> Do[str]:
    return (yield from fallback(leaves_slowly(), follows()))


def test_a_step_that_waits_stays_in_its_task() -> None:
    @step
    async def waits() -> bool:
        before = asyncio.current_task()
        async with asyncio.timeout(20):
            await asyncio.sleep(0)
        return before is asyncio.current_task()

    async def drive(effects: LoopEffects) -> list[Any]:
        return [await outcome(effects, waits()) for _ in range(3)]

    assert driven(steps(None), drive) == [Success(True)] * 3


def test_a_timeout_in_a_step_ends_the_step_and_not_the_drive() -> None:
    @step
    async def late() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "late"
        return "never"

    async def drive(effects: LoopEffects) -> list[Any]:
        return [await outcome(effects, late()), await outcome(effects, at_once())]

    assert driven(steps(None), drive) == [Success("late"), Success("p")]


def test_what_a_step_leaves_in_its_context_nobody_else_finds() -> None:
    @step
    async def leaves(waits: bool) -> str:
        found = LEFT.get()
        LEFT.set("something")
        if waits:
            await asyncio.sleep(0)
        return f"{found}, {LEFT.get()}"

    async def drive(effects: LoopEffects) -> list[Any]:
        said = [await outcome(effects, leaves(waits)) for waits in (False, True, False)]
        return [*said, LEFT.get()]

    assert driven(steps(None), drive) == [Success("nothing, something")] * 3 + ["nothing"]


def test_a_step_sees_the_context_of_its_drive() -> None:
    @step
    async def sees(waits: bool) -> str:
        if waits:
            await asyncio.sleep(0)
        return LEFT.get()

    async def drive(effects: LoopEffects) -> list[Any]:
        LEFT.set("by the drive")
        return [await outcome(effects, sees(waits)) for waits in (False, True, False)]

    assert driven(steps(None), drive) == [Success("by the drive")] * 3


def test_steps_that_never_wait_leave_the_loop_its_turns() -> None:
    turns, over = 0, False

    @step
    async def slow() -> None:
        time.sleep(0.002)

    async def drive(effects: LoopEffects) -> None:
        nonlocal over
        for _ in range(20):
            await outcome(effects, slow())
        over = True

    async def beside() -> None:
        nonlocal turns
        while not over:
            turns += 1
            await asyncio.sleep(0)

    driven(steps(None), drive, beside)
    assert turns > 4


def test_a_step_that_is_given_up_before_it_was_made_is_never_made() -> None:
    made: list[int] = []

    @step
    async def marks(n: int) -> None:
        made.append(n)

    async def drive(effects: LoopEffects) -> list[Any]:
        effects.start(asked(marks(1)))
        effects.cancel("p")
        effects.start(asked(marks(2), number=2))
        return list(await effects.next(None))

    assert driven(steps(None), drive) == [Ended("p", 2, Success(None))]
    assert made == [2]


def test_a_step_that_is_given_up_while_it_waits_is_cancelled_and_the_drive_goes_on() -> None:
    ends: list[str] = []

    @step
    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def drive(effects: LoopEffects) -> Any:
        effects.start(asked(waits()))
        assert list(await effects.next(SystemClock().boot() + 20)) == []
        effects.cancel("p")
        return await outcome(effects, at_once())

    assert driven(steps(None), drive) == Success("p")
    assert ends == ["cancelled"]


def test_a_step_that_cancels_its_own_task_and_does_not_wait_has_ended_well() -> None:
    @step
    async def cancels() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "done"

    async def drive(effects: LoopEffects) -> list[Any]:
        ends = [await outcome(effects, cancels()), await outcome(effects, at_once())]
        await asyncio.sleep(0)
        return ends

    assert driven(steps(None), drive) == [Success("done"), Success("p")]


def test_a_step_that_keeps_its_task_cannot_cancel_what_follows() -> None:
    @step
    async def cancels_later() -> str:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(0.005, task.cancel)
        return "done"

    @step
    async def waits() -> str:
        await asyncio.sleep(0.05)
        return "done too"

    async def drive(effects: LoopEffects) -> list[Any]:
        return [await outcome(effects, cancels_later()), await outcome(effects, waits())]

    assert driven(steps(None), drive) == [Success("done"), Success("done too")]


def test_the_name_that_a_step_gives_its_task_is_not_the_next_step_s() -> None:
    @step
    async def names() -> str:
        task = asyncio.current_task()
        assert task is not None
        found = task.get_name()
        task.set_name("mine")
        return found

    async def drive(effects: LoopEffects) -> list[Any]:
        return [await outcome(effects, names()) for _ in range(2)]

    assert Success("mine") not in driven(steps(None), drive)


def test_no_exception_is_being_handled_where_the_drive_or_a_step_goes_on() -> None:
    @step
    async def raises_after_another() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        raise KeyError("its own")

    async def drive(effects: LoopEffects) -> list[Any]:
        await outcome(effects, at_once())
        handled = [sys.exc_info()[1]]
        failed = await outcome(effects, raises_after_another())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        return [*handled, sys.exc_info()[1], failed.failure().__cause__.__context__]

    assert driven(steps(None), drive) == [None, None, None]


def test_nothing_of_a_drive_that_has_ended_is_kept() -> None:
    class Kept:
        pass

    async def drive(effects: LoopEffects) -> weakref.ref[Any]:
        HELD.set(Kept())
        await outcome(effects, at_once())
        return weakref.ref(HELD.get())

    async def once() -> weakref.ref[Any]:
        effects = LoopEffects({Step: steps(None)})
        return await effects.drive(drive(effects))

    async def main() -> bool:
        kept = await once()
        for _ in range(3):
            await asyncio.sleep(0)
        return kept() is None

    gc.disable()
    try:
        assert asyncio.run(main())
    finally:
        gc.enable()


def test_a_step_that_cancels_its_own_task_and_waits_fails() -> None:
    @step
    async def cancels() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def drive(effects: LoopEffects) -> Any:
        await outcome(effects, at_once())
        return await outcome(effects, cancels())

    failed = driven(steps(None), drive)
    assert failed.failure().error == "CancelledError"


def test_the_drive_is_told_when_what_was_given_up_has_ended() -> None:
    async def drive(effects: LoopEffects) -> bool:
        effects.start(asked(leaves_slowly()))
        assert list(await effects.next(SystemClock().boot() + 20)) == []
        assert not effects.leaving
        effects.cancel("p")
        assert effects.leaving
        assert list(await effects.next(None)) == []
        SAID.append("told")
        return effects.leaving

    SAID.clear()
    assert driven(steps(None), drive) is False
    assert SAID == ["left", "told"]


def test_no_step_of_a_run_begins_before_what_was_given_up_has_ended(tmp_path: Path) -> None:
    async def main() -> Any:
        async with await perdure.open_async(tmp_path / "runs.db") as store:
            return await (await store.start(both())).result()

    SAID.clear()
    assert asyncio.run(main()) == Success("second")
    assert SAID == ["left", "began"]


def test_what_never_ends_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.interpreters.durable.adapters.effects.LEAVING", 0.05)
    over = asyncio.Event()

    @step
    async def stays() -> None:
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    async def drive(effects: LoopEffects) -> bool:
        effects.start(asked(stays()))
        assert list(await effects.next(SystemClock().boot() + 20)) == []
        effects.cancel("p")
        assert list(await effects.next(None)) == []
        over.set()
        return effects.leaving

    assert driven(steps(None), drive) is False


def test_what_was_begun_is_made_whatever_the_drive_waits_for() -> None:
    made = asyncio.Event()

    @step
    async def sets() -> None:
        made.set()

    async def drive(effects: LoopEffects) -> list[Any]:
        effects.start(asked(sets()))
        await made.wait()  # as for a database that is busy
        return list(await effects.next(None))

    assert driven(steps(None), drive) == [Ended("p", 1, Success(None))]


def test_side_by_side_all_steps_have_ended_after_one_turn() -> None:
    async def drive(effects: LoopEffects) -> int:
        for n in range(100):
            effects.start(asked(at_once(), f"p{n}"))
        return len(await effects.next(None))

    assert driven(steps(None), drive) == 100


def test_to_cancel_the_end_is_to_cancel_the_work_wherever_it_is_carried() -> None:
    seen: list[str] = []

    @step
    async def soon() -> None:
        await asyncio.sleep(0)

    async def drive(effects: LoopEffects) -> None:
        await outcome(effects, soon())  # from here on another task carries it
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        effects = LoopEffects({Step: steps(None)})
        ended = effects.drive(drive(effects))
        for _ in range(10):
            await asyncio.sleep(0)
        ended.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ended
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_work_that_is_given_up_between_two_tasks_ends_like_any_other() -> None:
    seen: list[str] = []

    def cancel_all(but: asyncio.Task[Any] | None) -> None:
        for task in asyncio.all_tasks() - {but}:
            task.cancel()

    async def main() -> None:
        this = asyncio.current_task()

        @step
        async def waits() -> None:
            asyncio.get_running_loop().call_soon(cancel_all, this)  # before the next task has its first turn
            await asyncio.Event().wait()

        async def drive() -> None:
            try:
                await outcome(effects, waits())
            finally:
                seen.append("ended")
                effects.close()

        effects = LoopEffects({Step: steps(None)})
        ended = effects.drive(drive())
        with pytest.raises(asyncio.CancelledError):
            await ended
        for _ in range(3):
            await asyncio.sleep(0)
        assert seen == ["ended"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_loop_whose_tasks_are_eager_makes_no_difference() -> None:
    @step
    async def waits(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @step
    async def quick(n: int) -> int:
        return n

    async def drive(effects: LoopEffects) -> list[Any]:
        one_by_one = [await outcome(effects, make(n)) for n in range(3) for make in (quick, waits)]
        for n, make in enumerate((quick, waits, quick, waits)):
            effects.start(asked(make(n), f"p{n}"))
        beside: list[Any] = []
        while len(beside) < 4:
            beside += await effects.next(None)
        return [*one_by_one, sorted(event.outcome.unwrap() for event in beside)]

    async def main() -> list[Any]:
        # Python 3.12 brought them; before, this is one more test of tasks that are not.
        asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
        effects = LoopEffects({Step: steps(None)})
        return await effects.drive(drive(effects))

    assert asyncio.run(main()) == [Success(n) for n in range(3) for _ in range(2)] + [[0, 1, 2, 3]]


def test_a_loop_that_closes_ends_the_work() -> None:
    seen: list[str] = []

    async def drive(effects: LoopEffects) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(seen.append, "ended")
            await asyncio.Event().wait()

    async def main() -> None:
        effects = LoopEffects({})
        effects.drive(drive(effects))
        await asyncio.sleep(0)

    asyncio.run(main())
    assert seen == ["ended"]


@pytest.mark.parametrize("error", [KeyError("k"), KeyboardInterrupt()])
def test_what_the_work_raises_is_its_end(error: BaseException) -> None:
    async def drive() -> None:
        await asyncio.sleep(0)
        raise error

    async def main() -> None:
        await Carried(drive(), lambda here: None, lambda task: None).ended

    with pytest.raises(type(error)):
        asyncio.run(main())
