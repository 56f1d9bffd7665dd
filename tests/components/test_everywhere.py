"""No interpreter knows a pattern, so a pattern means the same on each."""

from __future__ import annotations

import asyncio

import pytest
from pattern_workflows import ANSWERS, PATTERNS
from returns.result import Success

import perdure
from perdure import run_in_memory
from perdure.core.asked import Answer, Asked
from perdure.core.leaves import Sleep
from perdure.testing import simulate

#: Those that wait for nothing but time.
WAITING = {"poller", "drift_detector"}


async def at_once(asked: Asked) -> Answer:
    return Success(None)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_ends_in_memory_as_it_does_in_virtual_time(pattern: str) -> None:
    answers = {
        name: perdure.Approved() if said == "approve" else said for name, said in ANSWERS.get(pattern, {}).items()
    }

    outcome = asyncio.run(
        run_in_memory(PATTERNS[pattern], answers=answers, handlers={Sleep: at_once} if pattern in WAITING else {})
    )

    assert outcome == simulate(PATTERNS[pattern], answers=answers).outcome


@pytest.mark.parametrize("pattern", sorted(set(PATTERNS) - set(ANSWERS) - WAITING))
def test_a_pattern_ends_on_sqlite_as_it_does_in_virtual_time(pattern: str, durable_store: perdure.Store) -> None:
    handle = durable_store.start(PATTERNS[pattern], id="run")

    assert handle.result() == simulate(PATTERNS[pattern]).outcome
    assert durable_store.handle("run").result() == handle.result()
