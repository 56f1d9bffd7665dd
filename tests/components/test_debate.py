"""Debaters hear all earlier rounds of both sides, and the judge has heard everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from pattern_workflows import Opinion, argued
from returns.result import Failure

from perdure import Defect, Effect, Fault, fail, pure
from perdure.components import debate
from perdure.testing import after, simulate

Said = Sequence[tuple[str, str]]


class Refused(Fault): ...


def speaker(side: str, heard: dict[str, list[Said]]) -> Callable[[Said], Effect[str, Refused]]:
    def speak(said: Said) -> Effect[str, Refused]:
        heard.setdefault(side, []).append(said)
        return pure(f"{side}{len(said) + 1}")

    return speak


def test_each_side_hears_the_earlier_rounds_of_both_and_the_judge_hears_all() -> None:
    heard: dict[str, list[Said]] = {}

    sim = simulate(debate(speaker("p", heard), speaker("c", heard), pure, rounds=3))

    rounds = (("p1", "c1"), ("p2", "c2"), ("p3", "c3"))
    assert heard == {"p": [(), rounds[:1], rounds[:2]], "c": [(), rounds[:1], rounds[:2]]}
    assert sim.value() == rounds


def test_both_sides_speak_side_by_side_under_their_names() -> None:
    sim = simulate(argued("tea"), agents={"argue": after(timedelta(hours=1), "so"), "judge": Opinion("ship", "")})

    assert sim.elapsed == timedelta(hours=2)
    assert [record.path for record in sim.asked("argue")[:2]] == [
        "argued/debate/all/0/pro/argue",
        "argued/debate/all/1/con/argue",
    ]


@pytest.mark.parametrize("rounds", [1, 4])
def test_there_are_so_many_rounds(rounds: int) -> None:
    sim = simulate(debate(lambda _: pure("p"), lambda _: pure("c"), lambda said: pure(len(said)), rounds=rounds))

    assert sim.value() == rounds


def test_whoever_fails_ends_the_debate() -> None:
    sim = simulate(debate(lambda _: pure("p"), lambda _: fail(Refused()), pure))

    assert sim.outcome == Failure(Refused())


def test_a_debate_without_a_round_is_refused() -> None:
    with pytest.raises(Defect, match=r"debate\(rounds=0\): a debate has at least one round"):
        simulate(debate(lambda _: pure("p"), lambda _: pure("c"), pure, rounds=0))
