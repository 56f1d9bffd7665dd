"""What an answer is taken to say: the value that was meant, by its declared type and by nothing looser."""

from __future__ import annotations

import json
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from perdure.agents.structured import instructed, judged, schema_of


@attrs.frozen
class Tree:
    """A node and what is below it."""

    name: str
    children: list["Tree"]  # noqa: UP037  # read at run time


@attrs.frozen
class Verdict:
    """Yes or no."""

    approved: bool
    note: str = ""


def judge(text: str, output: Any, value: Any = None) -> Any:
    schema = schema_of(output)
    assert schema is not None
    return judged(text, value, output, schema)


YES = Success(Verdict(True, "fine"))
TEXT = '{"approved": true, "note": "fine"}'


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"  \ufeff{TEXT}\n",
        f"Here is my verdict:\n```json\n{TEXT}\n```\nThat is all.",
        f'First I thought:\n```json\n{{"approved": false, "note": "no"}}\n```\nbut then:\n```\n{TEXT}\n```',
        f"I say {TEXT} and that {{is}} that.",
        f'{{"approved": false, "note": "draft"}} is wrong, so: {TEXT}',
        'The braces in the text, {"approved": true, "note": "fine"}, count and not these: } {',
    ],
)
def test_the_last_value_that_is_meant_is_found(text: str) -> None:
    assert judge(text, Verdict) == YES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"approved": "false", "note": ""}', "$.approved: 'false' is not of type 'boolean'"),
        ('{"approved": 1, "note": ""}', "$.approved: 1 is not of type 'boolean'"),
        ('{"approved": null, "note": ""}', "$.approved: None is not of type 'boolean'"),
        ('{"note": "no word on it"}', "$: 'approved' is a required property"),
        ('{"approved": true}', "$: 'note' is a required property"),
        ('{"approved": true, "note": "", "approve": "all"}', "$: Additional properties are not allowed"),
        ('{"approved": NaN, "note": ""}', "there is no JSON value"),
        ('{"approved": false, "note": "", "approved": true}', "one in which a key stands twice"),
        ('{"no": 1, "no": {"approved": true, "note": ""}}', "one in which a key stands twice"),
        ("approved", "there is no JSON value"),
        ("", "there is no JSON value"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: str, said: str) -> None:
    refused = judge(text, Verdict)

    assert isinstance(refused, Failure)
    assert any(said in problem for problem in refused.failure()), refused.failure()


def test_every_problem_is_told_at_once() -> None:
    assert len(judge('{"approved": 1, "note": 2}', Verdict).failure()) == 2


def test_a_part_of_a_value_is_never_taken_for_the_value() -> None:
    inner = {"name": "leaf", "children": []}

    whole = judge(f"So: {json.dumps({'name': 'root', 'children': [inner]})}.", Tree)

    assert whole == Success(Tree("root", [Tree("leaf", [])]))


def test_what_is_cut_short_is_no_answer() -> None:
    assert isinstance(judge('{"approved": true, "note": "fi', Verdict), Failure)


def test_a_value_that_the_agent_gave_as_one_counts_and_not_what_it_said() -> None:
    assert judge('{"approved": false, "note": "no"}', Verdict, {"approved": True, "note": "fine"}) == YES
    assert isinstance(judge(TEXT, Verdict, {"approved": "yes"}), Failure)


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (int, '{"value": 3}', 3),
        (list[str], '{"value": ["a"]}', ["a"]),
        (Literal["yes", "no"], '{"value": "no"}', "no"),
        (Verdict | None, '{"value": null}', None),
        (dict[str, int], '{"value": 3}', {"value": 3}),
    ],
)
def test_what_is_no_object_is_asked_for_in_one(output: Any, text: str, value: Any) -> None:
    schema = schema_of(output)

    assert schema is not None
    assert schema["type"] == "object"
    assert judge(text, output) == Success(value)


def test_text_has_no_schema() -> None:
    assert schema_of(str) is None


def test_the_form_stands_at_the_end_of_the_prompt() -> None:
    schema = schema_of(Verdict)
    assert schema is not None

    assert instructed("Judge it.", schema, native=False).endswith(json.dumps(schema))
    assert instructed("Judge it.", schema, native=True) == "Judge it."


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
prose = st.text(st.characters(exclude_characters="{}[]`", exclude_categories=["Cs"]))


@given(value=st.dictionaries(st.text(), trees, min_size=1), before=prose, after=prose)
def test_a_value_in_prose_is_found_whole(value: dict[str, Any], before: str, after: str) -> None:
    assert judge(f"{before}\n{json.dumps(value)}\n{after}", dict[str, Any]) == Success(value)


@given(text=st.text(st.sampled_from('{}[]",:ab1 \n`')))
def test_no_text_breaks_it(text: str) -> None:
    assert isinstance(judge(text, Verdict), Success | Failure)


def test_a_text_made_to_take_long_does_not() -> None:
    for text in ("[" * 200_000, '{"a":' * 50_000, '["' * 100_000, "```" * 100_000):
        assert isinstance(judge(text, Verdict), Failure)
