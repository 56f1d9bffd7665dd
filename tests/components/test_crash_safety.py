"""A run of any pattern may die at any point, and ends as if it had not."""

from __future__ import annotations

import pytest
from pattern_workflows import ANSWERS, PATTERNS

from perdure.testing import assert_crash_safe


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_crash_at_any_point_of_a_pattern_changes_nothing(pattern: str) -> None:
    proved = assert_crash_safe(PATTERNS[pattern], answers=ANSWERS.get(pattern, {}))

    (single,) = proved.tried
    assert single.runs == single.of >= 10


def test_a_saga_survives_two_crashes_in_the_middle_of_its_rollback() -> None:
    proved = assert_crash_safe(PATTERNS["saga"], depth=2)

    single, pairs = proved.tried
    assert single.runs == single.of
    assert pairs.runs > single.runs


def test_on_sqlite_too_a_loop_goes_on_where_it_was_cut_off() -> None:
    (single,) = assert_crash_safe(PATTERNS["review_loop"], on="sqlite").tried

    assert single.runs == single.of >= 10
