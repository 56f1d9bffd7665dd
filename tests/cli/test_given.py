"""What is typed becomes the arguments of a workflow, by its own types; what does not fit is told with its place."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import attrs
import click
import pytest

from perdure import Do, pure, workflow
from perdure.cli import given
from perdure.core.workflow import Block, block_of


@attrs.frozen
class Order:
    id: str
    amount: int


@workflow
def none() -> Do[None]:
    yield from pure(None)


@workflow
def one(order: Order) -> Do[None]:
    yield from pure(None)


@workflow
def text(topic: Annotated[str, "what about"]) -> Do[None]:
    yield from pure(None)


@workflow
def several(topic: str, rounds: int = 3, *, tags: list[str] = []) -> Do[None]:  # noqa: B006
    yield from pure(None)


@workflow
def pair(left: int, right: int) -> Do[None]:
    yield from pure(None)


@workflow
def optional(left: int = 1, right: int = 2) -> Do[None]:
    yield from pure(None)


@workflow
def many(first: int, *rest: int, **named: str) -> Do[None]:
    yield from pure(None)


def block(fn: object) -> Block:
    found = block_of(fn)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("fn", "input", "named", "recorded"),
    [
        (none, None, [], {}),
        (none, "[]", [], {}),
        (text, '"bees"', [], {"topic": "bees"}),
        (text, None, ["topic=bees = 3"], {"topic": "bees = 3"}),
        (text, None, ["topic=5"], {"topic": "5"}),
        (one, '{"id": "a", "amount": 1}', [], {"order": {"id": "a", "amount": 1}}),
        (one, None, ['order={"id": "a", "amount": 1}'], {"order": {"id": "a", "amount": 1}}),
        (several, '"bees"', ["rounds=5"], {"topic": "bees", "rounds": 5, "tags": []}),
        (several, '["bees"]', [], {"topic": "bees", "rounds": 3, "tags": []}),
        (several, '["bees", 4]', ['tags=["x"]'], {"topic": "bees", "rounds": 4, "tags": ["x"]}),
        (several, '{"topic": "bees"}', ["rounds=5"], {"topic": "bees", "rounds": 5, "tags": []}),
        (many, "[1, 2, 3]", [], {"first": 1, "rest": [2, 3], "named": {}}),
    ],
)
def test_input_is_placed_by_the_parameters(fn: object, input: str | None, named: list[str], recorded: object) -> None:
    call, tree = given.call(block(fn), input, named)

    assert tree == recorded
    assert call.block is block(fn)


@pytest.mark.parametrize(
    ("fn", "input", "named", "said"),
    [
        (text, "5", [], r"does not fit text\(topic: str\): \$\.topic: expected str"),
        (text, "bees", [], "-i: not a JSON text.*in double quotes"),
        (text, None, [], r"\$: missing topic"),
        (one, '{"id": "a", "amount": "b"}', [], r"one\(order: Order\): \$\.order\.amount: expected int"),
        (several, "5", [], r"\$\.topic: expected str"),
        (pair, "5", [], "neither an array of positional nor an object"),
        (optional, "5", [], "neither an array of positional nor an object"),
        (several, '["a", 1, []]', [], r"\$\[2\]: there are only 2 positional"),
        (several, '{"nope": 1}', [], r"no parameter nope: it takes topic, rounds, tags"),
        (several, '["a"]', ["topic=b"], r"\$\.topic: given twice"),
        (several, None, ["rounds"], "write NAME=VALUE"),
        (several, None, ["topic=a", "rounds=many"], r"\$\.rounds: not a JSON text.*where the parameter is not a str"),
        (several, None, [], r"several\(topic: str, rounds: int = 3, tags: list\[str\] = \[\]\)"),
        (text, "NaN", [], "NaN is not JSON"),
        (text, "[" * 100_000, [], "levels deep"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(fn: object, input: str | None, named: list[str], said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        given.call(block(fn), input, named)


def test_input_is_read_from_a_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.json").write_text('"bees"')
    monkeypatch.setattr("sys.stdin", io.StringIO('"wasps"'))

    assert given.read(f"@{tmp_path / 'in.json'}") == '"bees"'
    assert given.read("-") == '"wasps"'
    assert given.read("5") == "5"
    with pytest.raises(click.UsageError, match="No such file"):
        given.read(f"@{tmp_path / 'none.json'}")
