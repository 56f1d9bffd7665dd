"""A plan is read by people: the same text every time, without recursion, each thing drawn once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Literal

import pytest
from reference_workflows import REFERENCES

from perdure import (
    ClaudeCode,
    Do,
    Effect,
    Model,
    Scripted,
    Span,
    ask,
    parallel_map,
    plan,
    sleep,
    step,
    suspend,
    workflow,
)
from perdure.core.estimate import Estimate
from perdure.interpreters.plan.tree import leaf_tree

PRICED = Estimate(usd=Span(0.004, 0.005, 1.5), tokens_in=1200, tokens_out=0, seconds=Span(1, 2, None))
writer = Scripted("writer", {}, PRICED)


def tree(effect: Effect[Any, Any], **options: Any) -> list[str]:
    """The lines between the head and the footer."""
    return str(plan(effect, **options)).split("\n\n")[0].splitlines()[1:]


def footer(effect: Effect[Any, Any], **options: Any) -> list[str]:
    return str(plan(effect, **options)).split("\n\n")[1].splitlines()


@workflow
def publishing(topic: str) -> Do[str]:
    draft = yield from ask("draft", writer, f"Write about {topic}.")
    for _ in range(3):
        verdict = yield from ask("review", writer, draft, Literal["good", "bad", "hopeless"])
        if verdict == "good":
            break
        if verdict == "hopeless":
            return "dropped"
        draft = yield from ask("draft", writer, draft)
    if (yield from suspend("publish", show=draft, expires=timedelta(hours=36))):
        yield from sleep(timedelta(hours=1))
    return draft


def test_a_plan_reads_like_the_workflow() -> None:
    made = plan(publishing("bees"))

    assert str(made) == PUBLISHING.replace("HASH", made.hash)


PUBLISHING = """\
publishing('bees') -> str or Fault  plan HASH
├─ draft          ask       writer  -> str                                 $0.004 to $1.50
├─↻ up to ×3
│  ├─ review      ask       writer  -> Literal['good', 'bad', 'hopeless']  from draft, draft#2  $0.004 to $1.50
│  ├─◇ review: 'good'  → no further round
│  ├─◇ review: 'bad'
│  │  └─ draft#2  ask       writer  -> str                                 from draft, draft#2  $0.004 to $1.50
│  └─◇ review: 'hopeless'  = Success('dropped')
├─ publish        approval          -> bool                                from draft, draft#2  expires 1d 12h
├─◇ publish: True
│  └─ sleep       timer
├─◇ publish: False
└─ = Success('<draft>')

waits for people: publish
price: $0.008 to $10.50, as a rule $0.01 to $0.04
tokens in: 2,400 to 8,400
seconds of work: 2 or more
cheapest path: $0.008 to $3.00, 4 requests when review -> 'good' and publish -> True
dearest path: $0.03 to $10.50, 9 requests when review -> 'bad' and review#2 -> 'bad' and review#3 -> 'bad' and …
complete: no other path, if nothing fails or expires"""  # noqa: RUF001


def test_ways_that_meet_again_are_drawn_up_to_there_and_go_on_once() -> None:
    @workflow
    def meeting() -> Do[str]:
        if (yield from suspend("left")):
            yield from suspend("a", str)
        return (yield from suspend("end", str))

    assert tree(meeting()) == [
        "├─ left  approval  -> bool",
        "├─◇ left: True",
        "│  └─ a  answer    -> str",
        "├─◇ left: False",
        "├─ end   answer    -> str",
        "└─ = Success('<end>')",
    ]


@pytest.mark.parametrize("name", REFERENCES)
def test_what_is_drawn_elsewhere_is_referred_to_by_a_number_that_is_there(name: str) -> None:
    lines = str(plan(REFERENCES[name], faults=True)).splitlines()

    wanted = {line.split("→ ")[1] for line in lines if "→ [" in line}
    marked = [word for line in lines if "→ [" not in line for word in line.split() if re.fullmatch(r"\[\d+\]", word)]
    assert sorted(marked) == sorted(wanted)


def test_the_footer_says_who_is_waited_for_what_it_costs_and_what_is_not_known() -> None:
    @step
    def send(text: str) -> None: ...

    @workflow
    def costly() -> Do[None]:
        text = yield from ask("a", writer, "")
        if (yield from suspend("again")):
            text = yield from ask("b", writer, text)
        yield from send(text)

    assert footer(costly()) == [
        "waits for people: again",
        "price: $0.004 to $3.00, as a rule $0.005 to $0.01",
        "tokens in: 1,200 to 2,400",
        "seconds of work: 1 or more",
        "cheapest path: $0.004 to $1.50, 3 requests when again -> False",
        "dearest path: $0.008 to $3.00, 4 requests when again -> True",
        "not in the price, for want of an estimate: send",
        "complete: no other path, if nothing fails or expires",
    ]


@pytest.mark.parametrize(
    ("agent", "asks"),
    [
        (ClaudeCode(confirm=True), True),
        (ClaudeCode(), False),
        (Model("openai/gpt-4o", tools=[print], confirm=["print"]), True),
        (Model("openai/gpt-4o", tools=[print]), False),
    ],
)
def test_a_plan_says_who_may_ask_a_person_and_waits_for_nobody_because_of_it(agent: Any, asks: bool) -> None:
    """It is no gate of the workflow."""
    made = plan(ask("tidy", [Scripted("first", {}), agent], "Tidy up"))

    (line,) = [line for line in str(made).splitlines() if "tidy " in line and " ask " in line]
    assert ("may ask a person" in line) is asks
    assert "waits for people: none" in str(made)
    (leaf,) = made.leaves.values()
    assert leaf_tree(leaf).get("confirms", False) is asks


def test_the_last_line_says_that_there_may_be_other_paths_and_the_ones_before_it_why() -> None:
    assert footer(ask("a", writer, "").map(len))[-2:] == [
        "assumed: len(a)",
        "not complete: there may be other paths",
    ]


def test_with_faults_nothing_is_left_out() -> None:
    assert footer(ask("a", writer, ""), faults=True)[-1] == "complete: no other path"


def test_a_way_to_the_next_round_of_outer_rounds_says_so() -> None:
    @workflow
    def nested() -> Do[str]:
        for _ in range(4):
            for _ in range(3):
                if (yield from suspend("skip")):
                    break
            else:
                if (yield from suspend("end")):
                    return "ended"
        return "late"

    shown = "\n".join(tree(nested()))

    assert "→ the next outer round" in shown


def test_names_of_placeholders_are_readable() -> None:
    shown = str(plan(REFERENCES["fan_out"]))

    assert "↻ for each of list.files" in shown
    assert "all/<list.files[0]>/one_file/review" in shown
    assert "%3C" not in shown


def test_where_an_answer_was_not_followed_the_ways_are_not_said_to_meet() -> None:
    @workflow
    def two() -> Do[str]:
        first, second = (yield from suspend("first")), (yield from suspend("second"))
        return f"{first} {second}"

    assert tree(two(), each=True)[-3:] == [
        "   ├─ second  approval  -> bool",
        "   ├─◇ second: True  = Success('False True')",
        "   └─◇ second: … 1 more, not followed",
    ]


def test_names_that_come_from_data_cannot_break_a_line() -> None:
    shown = str(plan(parallel_map({"a\nb\x1b[2J\u202e": ask("look", writer, "")})))

    assert "all/a\\nb\\x1b[2J\\u202e/look" in shown


def test_a_question_within_every_other_is_drawn_as_deep_as_a_path_may_go() -> None:
    @workflow
    def deep() -> Do[int]:
        for n in range(199):
            if not (yield from suspend(f"q{n}")):
                return n
        return 199

    assert len(tree(deep())) == 3 * 199
