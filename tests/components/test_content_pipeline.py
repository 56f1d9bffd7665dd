"""Each stage of a pipeline is given what the one before it made, and nothing is lost where one fails."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import post
from returns.result import Failure, Success

from perdure import StepFault, fail, pure
from perdure.components import Halted, content_pipeline
from perdure.testing import simulate


def test_each_stage_is_given_what_the_one_before_it_made() -> None:
    sim = simulate(post("a"))

    assert sim.value() == "published tidied A text (a.py)"
    assert [record.path for record in sim.trace] == [
        "post/content_pipeline/draft/write",
        "post/content_pipeline/tidy/tidy",
        "post/content_pipeline/publish/publish",
    ]


def test_a_stage_that_fails_is_named_with_what_it_was_given_and_no_later_one_begins() -> None:
    sim = simulate(post("b"), agents={"write": "b.py"})

    assert sim.outcome == Failure(Halted("tidy", "b.py", StepFault("tidy", "OSError", "read-only")))
    assert sim.count("publish") == 0


def test_without_stages_it_is_what_it_was() -> None:
    assert simulate(content_pipeline("a", {})).value() == "a"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), max_size=6))
def test_it_goes_as_far_as_its_stages_succeed(good: list[bool]) -> None:
    stages = {f"s{n}": (lambda made: pure(made + 1)) if ok else (lambda made: fail("no")) for n, ok in enumerate(good)}

    outcome = simulate(content_pipeline(0, stages)).outcome

    first = good.index(False) if False in good else None
    assert outcome == (Success(len(good)) if first is None else Failure(Halted(f"s{first}", first, "no")))
