"""All interpreters agree: for random effects the same outcome and the same requests, and crashes change neither."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Success
from strategies import ANSWERS, PROGRAMS, Random, concurrent_effects, effects, ended, program
from worlds import Lab

import perdure
from perdure import Waiting
from perdure.core import codec
from perdure.core.asked import Answer, Asked, blame, settle
from perdure.core.effect import Call
from perdure.core.leaves import Step
from perdure.interpreters.durable.ending import Finished
from perdure.interpreters.durable.ports import Entry
from perdure.interpreters.simulate.points import Points
from perdure.testing import simulate

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
_names = count()


def called(effect: Random) -> Call[Any, Any]:
    name = f"program-{next(_names)}"
    PROGRAMS.clear()
    PROGRAMS[name] = effect
    call = program(name)
    assert isinstance(call, Call)
    return call


def perform(asked: Asked) -> Answer:
    op = asked.op
    assert isinstance(op, Step)
    try:
        return settle(op, op.task.fn(*op.args, **op.kwargs))
    except Exception as error:
        return blame(op, error)


def lab(call: Call[Any, Any], *crashes: str) -> Lab:
    made = Lab(call, perform, points=Points(crashes))
    for _ in range(20):
        made.send("go", codec.dumps(ANSWERS["go"], int))
    return made


GATES = {"gate": codec.dumps(ANSWERS["gate"], int)}


def requests(entries: list[Entry]) -> set[str]:
    return {entry.path for entry in entries if entry.kind in ("begin", "wait", "end", "wake")}


@given(effects)
@SETTINGS
def test_memory_ends_as_the_machine_says(effect: Random) -> None:
    assert asyncio.run(perdure.run_in_memory(effect, answers=ANSWERS)) == ended(effect)


@given(effects, st.integers(0, 9))
@SETTINGS
def test_a_simulation_ends_as_the_machine_says(effect: Random, seed: int) -> None:
    assert simulate(effect, answers=ANSWERS, seed=seed).outcome == ended(effect)


@given(effects, st.integers(0, 9))
@SETTINGS
def test_a_simulation_asks_what_the_durable_drive_asks(effect: Random, seed: int) -> None:
    """In a race it depends on the schedule how far the loser comes, and so what of it is taken back."""
    call = called(effect)
    drive = lab(call)
    drive.to_the_end(GATES)
    sim = simulate(call, answers=ANSWERS, seed=seed)

    assert scheduled({record.path for record in sim.trace}) == scheduled(requests(drive.entries))


def scheduled(paths: set[str]) -> set[str]:
    """What is asked whatever the schedule. A loser is taken back outside of its race, so there undos do not count."""
    raced = any("race" in path for path in paths)
    return {path for path in paths if "race" not in path and not (raced and "/undo" in path)}


@given(effects)
@SETTINGS
def test_the_durable_drive_ends_as_the_machine_says(effect: Random) -> None:
    assert lab(called(effect)).to_the_end(GATES) == Finished(ended(effect))


@given(concurrent_effects)
@settings(SETTINGS, max_examples=30)
def test_a_crash_anywhere_changes_neither_the_outcome_nor_the_requests(effect: Random) -> None:
    call = called(effect)
    clean = lab(call)
    end = clean.to_the_end(GATES)

    for point in clean.points.met[::3]:
        crashed = lab(call, point.label)
        assert crashed.to_the_end(GATES) == end
        assert requests(crashed.entries) == requests(clean.entries)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[perdure.Store]:
    path: Path = tmp_path_factory.mktemp("agree") / "perdure.db"
    with perdure.open(path, durability="fast") as store:
        yield store


@given(effects)
@settings(SETTINGS, max_examples=40)
def test_sqlite_ends_as_the_machine_says(store: perdure.Store, effect: Random) -> None:
    call = called(effect)
    handle = store.start(call, id=str(call.args[0]))
    for _ in range(20):
        store.signal(handle.run_id, "go", ANSWERS["go"]) if store.show(
            handle.run_id
        ).state == "waiting-signal" else None
        outcome = handle.result()
        if not isinstance(outcome, Waiting):
            break
        if outcome.state == "waiting-approval":
            for gate in store.inbox():
                if gate.run_id == handle.run_id:
                    store.answer(handle.run_id, ANSWERS["gate"], gate.path)
        elif outcome.state == "waiting-signal":
            store.signal(handle.run_id, "go", ANSWERS["go"])
    assert outcome == ended(effect)


def test_agreement_has_something_to_agree_on() -> None:
    """The random effects are not all trivial: the ones above ask, fail and succeed."""
    from hypothesis import find

    assert find(effects, lambda e: isinstance(ended(e), Success)) is not None
    assert find(effects, lambda e: not isinstance(ended(e), Success)) is not None
