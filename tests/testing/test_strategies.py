"""Hypothesis strategies from types: what they make can be recorded, and what they script can be run."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from reference_workflows import REFERENCES
from returns.maybe import Maybe
from returns.result import Failure, Result, Success

from perdure import Approved, Defect, Denied, Do, Effect, Fault, StepFault, ask, plan, step, workflow
from perdure.core.codec import from_json, to_json
from perdure.testing import fake_agent, simulate
from perdure.testing.strategies import Faults, Script, fault_plans, inputs_of, of, outputs_of, scripts

SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
SEARCH = settings(SETTINGS, max_examples=1000, phases=[Phase.generate])


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Pair(NamedTuple):
    left: int
    right: str = ""


class Options(TypedDict):
    depth: int
    width: NotRequired[float]


@attrs.frozen
class Tree:
    label: str
    below: list[Tree]


@dataclasses.dataclass
class Box:
    held: int | str


@attrs.frozen
class Refused(Fault):
    why: str


@pytest.mark.parametrize(
    "hint",
    [
        *(bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID, Path, PurePath, None, Any),
        *(Literal["a", 1], Colour, Pair, Options, Tree, Box, Refused, ValueError),
        *(list[int], set[str], frozenset[int], tuple[int, ...], tuple[int, str], dict[int, Box], Mapping[str, Tree]),
        *(Tree | None, Approved | Denied, int | str | list[int], Result[int, str], Maybe[int], Annotated[int, []]),
    ],
    ids=str,
)
@given(data=st.data())
@SETTINGS
def test_every_value_of_a_type_can_be_recorded(hint: Any, data: st.DataObject) -> None:
    value = data.draw(of(hint))

    again = from_json(to_json(value, hint), hint)

    assert type(again) is type(value)
    assert to_json(again, hint) == to_json(value, hint)


def test_without_hypothesis_it_is_told_what_to_install() -> None:
    program = "import sys; sys.modules['hypothesis'] = None; import perdure.testing.strategies"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: perdure.testing.strategies needs Hypothesis: pip install hypothesis"
    )


def test_every_way_that_a_type_has_is_tried() -> None:
    def found(hint: Any, holds: Callable[[Any], bool]) -> bool:
        find(of(hint), holds, settings=SEARCH)  # raises where there is none
        return True

    assert found(Tree, lambda tree: len(tree.below) > 1)
    assert found(Options, lambda options: "width" in options)
    assert found(Options, lambda options: "width" not in options)
    assert found(Result[int, str], lambda result: result == Failure(""))
    assert found(Colour, lambda colour: colour is Colour.BLUE)


def test_what_cannot_be_made_up_is_told() -> None:
    class Opaque: ...

    with pytest.raises(Exception, match="has no JSON form"):
        find(of(Opaque), lambda _: True, settings=SEARCH)


@step
def count(words: list[str], /, *, least: int = 0) -> Result[int, Refused]:
    return Success(len(words)) if len(words) >= least else Failure(Refused("too few"))


@workflow
def counted(words: list[str], *more: str, least: int = 0) -> Do[int, Refused | StepFault]:
    return (yield from count([*words, *more], least=least))


@given(inputs_of(counted), inputs_of(count))
@SETTINGS
def test_inputs_are_calls_with_any_arguments(flow: Effect[Any, Any], one: Effect[Any, Any]) -> None:
    assert simulate(flow).trace[0].name == simulate(one).trace[0].name == "count"


@given(outputs_of(counted), outputs_of(count))
@SETTINGS
def test_outputs_are_what_the_annotation_says(flow: int, one: int) -> None:
    assert type(flow) is type(one) is int


def test_inputs_and_outputs_are_of_workflows_and_steps_only() -> None:
    for strategy in (inputs_of, outputs_of):
        with pytest.raises(Defect, match="is neither a @workflow nor a @step"):
            strategy(len)  # type: ignore[operator]  # what a checker refuses too


@pytest.mark.parametrize("name", ["trip", "escalation", "persistent"])
def test_a_script_of_an_effect_answers_everything_inside_of_its_plan(name: str) -> None:
    effect = REFERENCES[name]
    held = plan(effect, faults=True)

    @given(scripts(effect, faults=True), st.integers(0, 9))
    @SETTINGS
    def test(script: Script, seed: int) -> None:
        assert all(held.covers(record.path) for record in simulate(effect, **script, seed=seed).trace)

    test()


@pytest.mark.parametrize(
    ("name", "faults", "holds"),
    [
        ("escalation", True, lambda sim: isinstance(sim.outcome, Failure)),
        ("escalation", False, lambda sim: sim.elapsed > timedelta(hours=1)),
        ("trip", True, lambda sim: sim.count("cancel") == 1),
        ("persistent", True, lambda sim: sim.count("fetch") == 2),
    ],
)
def test_a_script_lets_gates_expire_and_steps_fail_and_answers_come_late(
    name: str, faults: bool, holds: Callable[[Any], bool]
) -> None:
    effect = REFERENCES[name]

    found = find(
        scripts(effect, faults=faults),
        lambda script: holds(simulate(effect, **script)),
        settings=SEARCH,
    )

    assert set(found) == {"answers", "agents", "steps"}


def test_without_faults_nothing_fails_by_itself() -> None:
    @workflow
    def flow() -> Do[int]:
        text = yield from ask("text", fake_agent("x", ""), "Say something.")
        return (yield from count([text]))

    @given(scripts(flow()))
    @SETTINGS
    def test(script: Script) -> None:
        assert isinstance(simulate(flow(), **script).outcome, Success)

    test()


def test_a_fault_plan_says_what_fails_and_nothing_else() -> None:
    effect = counted(["a"])

    @given(fault_plans(effect))
    @SETTINGS
    def test(faults: Faults) -> None:
        failed = isinstance(simulate(effect, **faults).outcome, Failure)
        assert failed == bool(faults["steps"])
        assert not faults["agents"]

    test()


@pytest.mark.parametrize("error", [StepFault("count", "OSError", "a fault"), Refused("")])
def test_a_fault_plan_has_what_code_may_raise_and_what_it_declares(error: Fault) -> None:
    effect = counted(["a"])

    assert find(
        fault_plans(effect), lambda faults: simulate(effect, **faults).outcome == Failure(error), settings=SEARCH
    )
