"""A handler may ask for another attempt: not before a moment that is recorded, and with what it has to know."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import attrs
import pytest
from driving import driven
from returns.result import Failure, Success
from worlds import Lab

from perdure import Do, Interrupted, Retry, StepFault, run_in_memory, sleep, step, workflow
from perdure.core.asked import Again, Answer, Asked, Attempt
from perdure.core.effect import Call, Effect
from perdure.core.leaves import Step
from perdure.interpreters.durable.adapters.effects import LoopEffects
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked
from perdure.interpreters.durable.ports import Ended, Noted
from perdure.interpreters.simulate.points import Points
from perdure.testing import assert_crash_safe, simulate

MINUTE = timedelta(minutes=1)


@step
def fetch(page: int) -> str:
    raise AssertionError("the tests answer")


@step(repeat="once")
def pay(amount: int) -> str:
    raise AssertionError("the tests answer")


@step(retry=Retry(attempts=2, wait=MINUTE, jitter=0))
def stubborn(page: int) -> str:
    raise AssertionError("the tests answer")


@workflow
def fetches() -> Do[str]:
    return (yield from fetch(1))


def hop(asked: Asked) -> Answer | Again:
    """Refused twice, a minute apart; the third attempt knows of both."""
    past = asked.known.get("past", [])
    if len(past) < 2:
        return Again(StepFault(asked.op.name, "busy", "come back"), {"past": [*past, asked.attempt.number]}, MINUTE)
    return Success(f"after {past}")


def lab(effect: Effect[Any, Any], perform: Any, **options: Any) -> Lab:
    assert isinstance(effect, Call)
    return Lab(effect, perform, **options)


def test_the_next_attempt_waits_durably_and_is_given_what_it_has_to_know() -> None:
    run = lab(fetches(), hop)

    first = run.start()

    assert isinstance(first, Parked)
    assert [(wait["path"], wait["kind"]) for wait in first.waits] == [("fetches/fetch", "retry")]
    assert run.resume() == first  # not due yet, whoever asks: nothing is performed
    run.clock.advance(60_000)
    second = run.resume()
    assert isinstance(second, Parked)
    assert second.wake_at == run.clock.now() + 60_000
    run.clock.advance(60_000)
    assert run.resume() == Finished(Success("after [1, 2]"))
    assert [(path, number) for path, number, _ in run.executed] == [("fetches/fetch", n) for n in (1, 2, 3)]
    assert len({key for _, _, key in run.executed}) == 1


def test_a_crash_anywhere_changes_neither_what_is_known_nor_when_it_goes_on() -> None:
    calm = lab(fetches(), hop)
    expected = calm.to_the_end({})
    assert expected == Finished(Success("after [1, 2]"))

    for point in calm.points.met:
        run = lab(fetches(), hop, points=Points([point.label]))
        began = run.clock.now()

        ended = run.to_the_end({})

        # A cut attempt takes a number, so the numbers in what is known may skip; the count of them may not.
        assert isinstance(ended, Finished)
        said = json.loads(ended.outcome.unwrap().removeprefix("after "))
        assert len(said) == 2, point
        assert run.clock.now() - began >= 120_000


def test_a_wait_that_is_near_is_waited_for_in_the_process() -> None:
    run = lab(fetches(), hop)

    assert run.start(Options(linger=MINUTE)) == Finished(Success("after [1, 2]"))


def test_what_is_asked_again_counts_for_no_retry_and_a_retry_begins_knowing_nothing() -> None:
    @workflow
    def stubborns() -> Do[str]:
        return (yield from stubborn(1))

    seen: list[dict[str, Any]] = []

    def perform(asked: Asked) -> Answer | Again:
        seen.append(dict(asked.known))
        if not asked.known:
            return Again(OSError("hop"), {"hop": True})
        return Failure(StepFault("stubborn", "OSError", "all of them failed"))

    run = lab(stubborns(), perform)
    ended = run.to_the_end({})

    assert isinstance(ended, Finished)
    assert "failed 2 times" in str(ended.outcome.failure())
    assert seen == [{}, {"hop": True}, {}, {"hop": True}]


def test_a_once_step_that_asked_for_more_is_not_interrupted_but_one_that_was_cut_off_is() -> None:
    @workflow
    def pays() -> Do[str]:
        return (yield from pay(3))

    def perform(asked: Asked) -> Answer | Again:
        return Success("paid") if asked.known else Again(OSError("not yet"), {"asked": 1}, MINUTE)

    assert lab(pays(), perform).to_the_end({}) == Finished(Success("paid"))

    calm = lab(pays(), perform)
    calm.to_the_end({})
    last = [point.label for point in calm.points.met if point.where == "effect"][-1]
    cut = lab(pays(), perform, points=Points([last]))
    ended = cut.to_the_end({})
    assert isinstance(ended, Finished)
    assert isinstance(ended.outcome.failure(), Interrupted)


def test_what_is_noted_as_known_is_given_to_the_attempt_after_a_cut() -> None:
    given: list[Any] = []

    async def handle(asked: Asked) -> Answer:
        given.append(dict(asked.known))
        asked.note({"known": {"session": "s1"}, "agent": "coder"})
        await asyncio.sleep(0)
        return Success("done")

    async def drive(effects: LoopEffects) -> list[Any]:
        effects.start(Asked(fetch(1), Attempt("run", "fetches/fetch", 1, "key")))  # type: ignore[arg-type]
        events: list[Any] = []
        while not any(isinstance(event, Ended) for event in events):
            events += await effects.next(None)
        return events

    noted, ended = driven(handle, drive)

    assert noted == Noted("fetches/fetch", 1, {"known": {"session": "s1"}, "agent": "coder"})
    assert ended == Ended("fetches/fetch", 1, Success("done"))


def test_what_was_noted_before_a_crash_is_folded_from_the_journal() -> None:
    from perdure.interpreters.durable.replay import History

    run = lab(fetches(), hop)
    run.start()
    begin = next(entry for entry in run.entries if entry.kind == "begin")
    said = json.dumps({"said": {"known": {"session": "s1"}}})
    note = begin._replace(kind="note", payload=said, seq=2)

    history = History.of([begin, note])

    assert history.unfinished["fetches/fetch"].known == {"session": "s1"}


def test_memory_makes_the_same_attempts() -> None:
    async def handle(asked: Asked) -> Answer | Again:
        answer = hop(asked)
        return attrs.evolve(answer, after=timedelta(0)) if isinstance(answer, Again) else answer

    assert asyncio.run(run_in_memory(fetches(), handlers={Step: handle})) == Success("after [1, 2]")


def test_a_simulation_makes_the_same_attempts_in_no_time() -> None:
    async def handle(asked: Asked) -> Answer | Again:
        return hop(asked)

    played = simulate(fetches(), handlers={Step: handle})

    assert played.value() == "after [1, 2]"
    assert played.elapsed == 2 * MINUTE
    assert [each.attempt for each in played.trace] == [1, 2, 3]


def test_a_handler_that_asks_for_another_attempt_is_crash_safe() -> None:
    async def handle(asked: Asked) -> Answer | Again:
        tries = asked.known.get("tries", 0)
        return Success("done") if tries == 2 else Again(OSError("busy"), {"tries": tries + 1}, MINUTE)

    safe = assert_crash_safe(fetches(), handlers={Step: handle}, depth=2)

    assert "pairs of crashes" in str(safe)


@pytest.mark.parametrize("kind", ["sleep", "again"])
def test_a_parked_run_says_whether_it_sleeps_or_tries_again(kind: str) -> None:
    @workflow
    def sleeps() -> Do[None]:
        yield from sleep(MINUTE)

    rest = lab(sleeps() if kind == "sleep" else fetches(), hop).start()

    assert isinstance(rest, Parked)
    assert [wait["kind"] for wait in rest.waits] == ["timer" if kind == "sleep" else "retry"]
