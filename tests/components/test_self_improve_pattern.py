"""Whatever is proposed, a person decides on it: shown what it changes, and only if the program finds nothing wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pattern_workflows import Judged, bettered
from returns.result import Failure, Success

import perdure
from perdure import Denied, Effect, Exhausted, Fault, Waiting, fail, pure, step
from perdure.components import Proposed, self_improve
from perdure.interpreters.plan.policy import Verdict, judge, read
from perdure.interpreters.plan.survey import survey
from perdure.testing import Simulated, simulate

SOUND = Judged(True, "", ["+ it"], "sha 1")
REJECTED = Judged(False, "it does not load", ["+ it"], "sha 2")
EMPTY = Judged(True, "", [], "sha 3")
APPROVE = {"approve-change": "approve"}


@attrs.frozen
class Broken(Fault): ...


@step
def put(change: str, digest: str) -> str:
    return f"put {change} {digest}"


def improved(judged: Sequence[Judged], told: list[str | None] | None = None, **options: Any) -> Effect[Any, Any]:
    """Changes 0, 1, 2, … that are judged so; what their author is told is added to `told`."""
    heard: list[str | None] = [] if told is None else told

    def propose(runs: Sequence[str], wrong: str | None) -> Effect[str, str]:
        heard.append(wrong)
        return pure(f"change {len(heard) - 1}")

    return self_improve(
        pure(["a run"]),
        propose,
        lambda change: pure(judged[int(change.split()[1])]),
        lambda proposed: put(proposed.change, proposed.judged.digest),
        **options,
    )


def shown(sim: Simulated[Any, Any]) -> list[Judged]:
    """What people were shown."""
    return [Judged(**show) for _, show, _ in (record.given for record in sim.asked("approve-change"))]


def test_what_was_approved_is_adopted_as_it_was_judged() -> None:
    sim = simulate(bettered("answers"), answers=APPROVE)

    assert sim.value() == "answers adopted be brief (sha of be brief)"
    assert sim.asked("adopt")[0].given == {"target": "answers", "change": "be brief", "digest": "sha of be brief"}


def test_the_author_sees_the_runs_and_what_was_wrong_with_the_last_change() -> None:
    sim = simulate(bettered("answers"), answers=APPROVE)

    seen = "answers: too long; answers: too long; "
    assert [record.given for record in sim.asked("propose")] == [f"{seen}what would help?", f"{seen}say how"]
    assert sim.count("finished") == 1


def test_the_person_is_shown_the_diff_and_the_digest_of_the_change_and_of_no_earlier_one() -> None:
    sim = simulate(bettered("answers"), answers=APPROVE)

    assert shown(sim) == [Judged(True, "say how", ["+ be brief"], "sha of be brief")]


def test_a_denial_is_the_value_and_nothing_is_adopted() -> None:
    sim = simulate(bettered("answers"), answers={"approve-change": Denied(by="ann", note="no")})

    assert sim.value() == Denied(by="ann", note="no")
    assert sim.count("adopt") == 0


def test_on_no_path_at_all_is_anything_adopted_before_a_yes() -> None:
    decided = read([{"name": "a person decides", "steps": "adopt", "needs": "approval:approve-change"}])
    undecided = read([{"name": "nothing is adopted", "steps": "adopt", "needs": "approval:approve-nothing"}])

    assert judge(decided, survey(bettered("x"))) == Verdict((), ())
    assert judge(undecided, survey(bettered("x"))).violations != ()


@pytest.mark.parametrize(
    ("judged", "told"),
    [(REJECTED, "it does not load"), (EMPTY, "It changes nothing."), (attrs.evolve(EMPTY, approved=False), "")],
)
def test_a_change_that_is_not_sound_or_changes_nothing_goes_back_and_no_person_sees_it(
    judged: Judged, told: str
) -> None:
    heard: list[str | None] = []
    sim = simulate(improved([judged, SOUND], heard), answers=APPROVE)

    assert sim.value() == "put change 1 sha 1"
    assert heard == [None, told]
    assert shown(sim) == [SOUND]


def test_an_author_whose_changes_are_never_sound_is_exhausted_and_nobody_was_asked() -> None:
    sim = simulate(improved([REJECTED, EMPTY], rounds=2))

    assert sim.outcome == Failure(Exhausted(Proposed("change 1", EMPTY), rounds=2))
    assert (sim.count("approve-change"), sim.count("put")) == (0, 0)


def test_an_author_who_is_wrong_in_the_same_way_again_can_be_given_up() -> None:
    assert simulate(improved([EMPTY] * 9, alike=2, rounds=9)).outcome == Failure(
        Exhausted(Proposed("change 1", EMPTY), rounds=2, alike=2)
    )


@pytest.mark.parametrize("failing", ["runs", "propose", "judge", "adopt"])
def test_whatever_fails_is_the_failure_of_the_whole(failing: str) -> None:
    parts: Mapping[str, Any] = {
        "runs": pure([]),
        "propose": lambda runs, wrong: pure("x"),
        "judge": lambda change: pure(SOUND),
        "adopt": lambda proposed: pure("done"),
    }
    broken = fail(Broken())
    effect = self_improve(**{**parts, failing: broken if failing == "runs" else lambda *_: broken})

    assert simulate(effect, answers=APPROVE).outcome == Failure(Broken())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([SOUND, REJECTED, EMPTY]), min_size=1, max_size=4))
def test_the_first_change_that_is_sound_is_the_one_that_is_shown_and_adopted(judged: list[Judged]) -> None:
    sim = simulate(improved(judged, rounds=len(judged)), answers=APPROVE)

    if SOUND in judged:
        assert sim.value() == f"put change {judged.index(SOUND)} sha 1"
        assert sim.count("approve-change") == sim.count("put") == 1
    else:
        assert sim.outcome == Failure(Exhausted(Proposed(f"change {len(judged) - 1}", judged[-1]), len(judged)))
        assert sim.count("approve-change") == sim.count("put") == 0


def test_a_run_waits_for_the_person_without_a_process_and_adopts_then(durable_store: perdure.Store) -> None:
    waiting = durable_store.start(bettered("answers"), id="run").result()
    assert isinstance(waiting, Waiting)
    (gate,) = durable_store.inbox()
    assert gate.show is not None
    assert '"+ be brief"' in gate.show

    durable_store.approve("run", by="ann")

    assert durable_store.resume("run").result() == Success("answers adopted be brief (sha of be brief)")
