"""What each pattern may do is kept beside this file: a path more or less is seen. The files are made to be read."""

from __future__ import annotations

import pytest
from pattern_workflows import PATTERNS

from perdure import plan
from perdure.testing import PlanSnapshot


@pytest.mark.parametrize("pattern", PATTERNS)
def test_plan(pattern: str, plan_snapshot: PlanSnapshot) -> None:
    plan_snapshot(PATTERNS[pattern])


@pytest.mark.parametrize("pattern", ["escalation_chain", "saga"])
def test_plan_with_faults(pattern: str, plan_snapshot: PlanSnapshot) -> None:
    plan_snapshot(PATTERNS[pattern], faults=True)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_paths_of_a_pattern_can_be_seen_before_it_runs(pattern: str) -> None:
    seen = plan(PATTERNS[pattern])

    assert (seen.broken, seen.assumed, seen.cut) == ((), (), ())
