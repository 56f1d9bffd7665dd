"""Steps of every kind come to the same on SQLite as in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from step_kinds import OUTCOMES, Refused, typed

import perdure
from perdure import Do, StepFault, workflow
from perdure.interpreters.durable.errors import Blocked


@workflow
def of_a_kind(number: int) -> Do[int, Refused | ZeroDivisionError | StepFault]:
    value: int = yield from OUTCOMES[number][0]
    return value


@workflow
def of_any_failure() -> Do[int, Any]:
    return (yield from typed(0))


@pytest.mark.parametrize("number", range(len(OUTCOMES)), ids=[repr(effect) for effect, _ in OUTCOMES])
def test_a_step_of_any_kind_comes_to_the_same_on_sqlite(number: int, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "perdure.db") as store:
        outcome = store.start(of_a_kind(number)).result()

    assert outcome == OUTCOMES[number][1]


def test_a_failure_that_is_declared_as_any_has_no_type_to_be_recorded_by(tmp_path: Path) -> None:
    with perdure.open(tmp_path / "perdure.db") as store, pytest.raises(Blocked, match=r"expected Any .*got Refused"):
        store.start(of_any_failure()).result()
