"""What users get of `assert_crash_safe`: what it tries, what it says, and what it leaves alone."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from datetime import timedelta

import attrs
import pytest
from returns.result import Failure

import perdure
from perdure import (
    Approved,
    Do,
    Fault,
    Interrupted,
    Retry,
    StepFault,
    approval,
    ask,
    now,
    parallel,
    race,
    signal,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.interpreters.durable.errors import Unusable
from perdure.testing import CrashSafe, CrashUnsafe, ScriptError, Unscripted, after, assert_crash_safe, each, never
from perdure.testing.network import NetworkRefused

pytest_plugins = ["pytester"]

CALLS: Counter[str] = Counter()
SEEN: list[int] = []
KEYS: set[tuple[str, int, str]] = set()


@attrs.frozen
class Model:
    """An agent that costs money."""

    name: str


@step
def add(a: int, b: int) -> int:
    CALLS["add"] += 1
    return a + b


@step
async def slowly(n: int) -> int:
    await asyncio.sleep(0)
    return n


@step
def keyed() -> str:
    at = perdure.attempt()
    KEYS.add((at.path, at.number, at.idempotency_key))
    return at.path


@step
def upload() -> None:
    socket.create_connection(("192.0.2.1", 80), timeout=1)


@step(repeat="once")
def charge(amount: int) -> int:
    return amount


@step(retry=Retry(attempts=4, wait=timedelta(hours=1)))
def fetch() -> str:
    raise ConnectionError("the real thing needs a network")


@workflow
def raced() -> Do[tuple[int, int]]:
    return (yield from parallel(suspend("go", int), race(slowly(1), suspend("go", int))))


@workflow
def chain(length: int) -> Do[int]:
    total = 0
    for n in range(length):
        total = yield from add(total, n)
    return total


@workflow
def shipped(topic: str) -> Do[str]:
    plan = yield from ask("plan", Model("planner"), f"Plan {topic}.")
    page = yield from fetch()
    decision, news = yield from parallel(approval("ship", show=plan), signal("news", str))
    yield from sleep(timedelta(days=1))
    return f"{plan} {page} {isinstance(decision, Approved)} {news} {(yield from now()).year}"


SHIPPED = {
    "agents": {"plan": after(timedelta(minutes=5), "1. Go.")},
    "answers": {"ship": after(timedelta(days=2), "approve"), "news": after(timedelta(hours=3), "rain")},
    "steps": {"fetch": each(ConnectionError("reset"), ConnectionError("reset"), "a page")},
}


@workflow
def clocked() -> Do[float]:
    yield from add(1, 1)
    return time.monotonic()


@workflow
def dicey() -> Do[int]:
    total = yield from add(1, 1)
    return (yield from add(total, random.getrandbits(64)))


@workflow
def forked() -> Do[int]:
    SEEN.append(1)
    yield from (add(1, 1) if len(SEEN) % 2 else slowly(1))
    return (yield from add(1, 1))


@workflow
def shown() -> Do[bool]:
    return (yield from suspend("go", show=random.getrandbits(64)))


@workflow
def emptied(topics: list[str]) -> Do[str]:
    said = ""
    while topics:
        topic = topics.pop()
        yield from add(len(said), len(topic))
        said += topic
    return said


@workflow
def paid() -> Do[str]:
    match (yield from charge(5).attempt()):
        case Failure(Interrupted()):
            yield from add(0, 0)
            return "nobody knows"
        case _:
            return "paid"


@workflow
def paid_or_failed() -> Do[int]:
    yield from parallel(charge(5), slowly(1))
    return (yield from add(1, 1))


@workflow
def waits() -> Do[bool]:
    return (yield from suspend("go"))


@workflow
def awaited() -> Do[int]:
    return (yield from slowly((yield from slowly(1))))


@workflow
def attempted() -> Do[str]:
    return (yield from keyed())


@workflow
def uploading() -> Do[None, StepFault]:
    yield from upload()


def test_every_point_of_a_run_is_tried() -> None:
    assert str(assert_crash_safe(chain(30))) == "safe against 126 crashes"


def test_weeks_of_waiting_retries_people_and_messages_are_safe_on_every_store() -> None:
    memory = assert_crash_safe(shipped("bees"), **SHIPPED)  # type: ignore[arg-type]
    sqlite = assert_crash_safe(shipped("bees"), **SHIPPED, on="sqlite")  # type: ignore[arg-type]

    assert memory.tried == sqlite.tried
    assert memory.tried[0].runs > 40


def test_real_code_is_called_once_however_often_it_crashes() -> None:
    CALLS.clear()

    proved = assert_crash_safe(chain(5), depth=2)

    assert proved.tried[1].runs > 300
    assert CALLS["add"] == 5


def test_pairs_are_drawn_by_the_seed_where_there_are_too_many() -> None:
    one = assert_crash_safe(chain(5), depth=2, budget=50, seed=3)

    assert one == assert_crash_safe(chain(5), depth=2, budget=50, seed=3)
    assert one.tried[1].runs == 50 < one.tried[1].of
    assert str(one) == f"safe against 26 crashes and 50 pairs of crashes (drawn from {one.tried[1].of})"


def unsafe(effect: perdure.Effect[object, Fault], **script: object) -> CrashUnsafe:
    with pytest.raises(CrashUnsafe) as found:
        assert_crash_safe(effect, **script)  # type: ignore[arg-type]
    return found.value


def test_a_failure_names_point_step_both_inputs_cause_mend_and_how_to_see_it_again() -> None:
    found = unsafe(dicey())
    lines = str(found).splitlines()

    assert lines[0] == "crash-unsafe: 14 of 14 crashes change the run"
    assert lines[1:4] == [
        "  crash  1:before  before the run was recorded",
        "  step   dicey/add#2",
        "  wrong  dicey/add#2 is asked with another input",
    ]
    assert lines[4].startswith('           without a crash  {"a":2,"b":')
    assert lines[5].startswith('           with it          {"a":2,"b":')
    assert lines[4].split()[-1] != lines[5].split()[-1]
    assert lines[6].startswith("  cause  the workflow's body depends on something that is not recorded: a clock, dice")
    assert lines[7].startswith("  mend   ask for the time with now(), and draw or read everything else in a @step")
    assert lines[8:] == ['  again  assert_crash_safe(…, only="1:before")', "  in all 14 at dicey/add#2"]


def test_a_failure_can_be_seen_again_by_its_points() -> None:
    found = unsafe(dicey())

    assert unsafe(dicey(), only=",".join(found.at)).at == found.at
    assert str(unsafe(dicey(), only="4:effect")).startswith(
        "crash-unsafe: 1 of 1 crashes change the run\n  crash  4:eff"
    )
    assert assert_crash_safe(chain(3), only="4:effect, 6:commit").tried[0].crashes == 2


def test_a_clock_in_the_body_is_found_by_the_end_of_the_run() -> None:
    assert "wrong  the run ends otherwise\n           without a crash  succeeded" in str(unsafe(clocked()))


def test_a_global_that_decides_which_step_comes_next_is_found() -> None:
    SEEN.clear()

    assert "forked/" in str(unsafe(forked()))


def test_a_gate_that_shows_something_else_every_time_is_found() -> None:
    said = str(unsafe(shown(), answers={"go": after(timedelta(days=1), True)}))

    assert "step   shown/go\n" in said
    assert "gate shown/go was opened anew, because it shows something else" in said


def test_what_a_body_does_to_its_arguments_is_forgotten_as_on_a_database() -> None:
    assert_crash_safe(emptied(["bees", "tea"]))


def test_a_crash_may_give_people_the_time_to_answer_what_is_then_withdrawn() -> None:
    assert_crash_safe(raced(), answers={"go": after(timedelta(milliseconds=1), 1)})


def test_a_once_step_that_was_cut_off_is_the_workflows_to_decide() -> None:
    assert_crash_safe(paid(), steps={"charge": 5}, depth=2)
    assert_crash_safe(paid_or_failed(), steps={"charge": 5})


def test_nobody_who_answers_is_told_as_the_script_s_matter() -> None:
    with pytest.raises(Unscripted, match=r'Add to answers: {"go": True}'):
        assert_crash_safe(waits())

    said = str(unsafe(waits(), answers={"go": never}))
    assert "it waits for ever, for approval waits/go: nobody answers" in said
    assert "mend   let the script answer what it waits for" in said


def test_async_steps_run_inside_and_outside_of_a_loop() -> None:
    async def inside() -> CrashSafe:
        return assert_crash_safe(awaited())

    assert asyncio.run(inside()) == assert_crash_safe(awaited())


def test_a_step_knows_which_attempt_it_is() -> None:
    KEYS.clear()
    assert_crash_safe(attempted())

    assert [(path, number) for path, number, _ in KEYS] == [("attempted/keyed", 1)]


def test_nothing_beyond_this_machine_is_reached() -> None:
    with pytest.raises(NetworkRefused, match=r"192\.0\.2\.1"):
        assert_crash_safe(uploading())


def test_what_cannot_be_stored_is_refused_with_the_mend() -> None:
    with pytest.raises(Unusable, match="wrap it in a @workflow and give the call of that"):
        assert_crash_safe(add(1, 1))
    with pytest.raises(Unusable, match=r"the arguments of .* cannot be stored"):
        assert_crash_safe(chain("many"))  # type: ignore[arg-type]


def test_a_point_that_the_run_does_not_come_by_is_told_with_those_that_are_near() -> None:
    with pytest.raises(LookupError, match=r"does not come by '3:efect'.* 1:before to 4:commit, such as 3:effect"):
        assert_crash_safe(chain(2), only="3:efect")


PROJECT = """
from perdure import Do, approval, step, workflow

@step
def draft(topic: str) -> str:
    return f"about {topic}"

@workflow
def letter(topic: str) -> Do[str]:
    text = yield from draft(topic)
    yield from approval("send", show=text)
    return text
"""


def test_the_fixture_is_the_function_but_strict(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(flows=PROJECT)
    pytester.makepyfile(
        """
from flows import letter

def test_safe(assert_crash_safe) -> None:
    assert assert_crash_safe(letter("tea"), answers="approve").tried[0].runs > 10

def test_unused(assert_crash_safe) -> None:
    assert_crash_safe(letter("tea"), answers={"send": "deny", "sent": "approve"})
"""
    )
    pytester.syspathinsert()

    result = pytester.runpytest_subprocess("-q")

    result.assert_outcomes(passed=1, failed=1)
    assert "ScriptError: answers['sent'] was never used; did you mean 'send'?" in result.stdout.str()


def test_the_function_only_lists_what_was_never_used() -> None:
    proved = assert_crash_safe(chain(1), answers={"sent": "approve"})

    assert [str(one) for one in proved.unused] == ["answers['sent'] was never used"]
    assert issubclass(ScriptError, AssertionError)
