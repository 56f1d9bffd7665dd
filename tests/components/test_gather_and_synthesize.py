"""All sources are asked at once, and those that are down are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from pattern_workflows import fetch, report
from returns.result import Failure, Success

from perdure import Effect, Fault, Outcome, StepFault, fail, pure
from perdure.components import gather_and_synthesize
from perdure.testing import after, simulate

HOUR = timedelta(hours=1)


class Refused(Fault): ...


def test_the_whole_is_made_of_what_came_of_every_source() -> None:
    seen: list[Mapping[str, Outcome[str, StepFault]]] = []

    def look(found: Mapping[str, Outcome[str, StepFault]]) -> Effect[int, Refused]:
        seen.append(found)
        return pure(len(found))

    sim = simulate(gather_and_synthesize({"web": fetch("web"), "down": fetch("down")}, look))

    assert sim.value() == 2
    assert seen[0]["web"] == Success("text of web")
    assert seen[0]["down"] == Failure(StepFault("fetch", "ConnectionError", "no route"))


def test_a_source_that_is_down_takes_no_other_down() -> None:
    assert simulate(report("web", "down", "wiki")).value() == "A text (text of web; text of wiki (1 missing))"


@pytest.mark.parametrize(("limit", "hours"), [(0, 1), (2, 2), (1, 3)])
def test_sources_are_asked_side_by_side_within_the_limit(limit: int, hours: int) -> None:
    sources = {name: fetch(name) for name in ("a", "b", "c")}

    sim = simulate(gather_and_synthesize(sources, pure, limit=limit), steps={"fetch": after(HOUR, "text")})

    assert sim.elapsed == hours * HOUR


def test_it_fails_only_as_the_synthesis_does() -> None:
    nothing = gather_and_synthesize({"down": fetch("down")}, lambda found: fail(Refused()))

    assert simulate(nothing).outcome == Failure(Refused())
