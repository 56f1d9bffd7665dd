"""What a protocol is: how a conversation is read from a request, and how an answer or an error is written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeGuard

import attrs

from perdure.agents.fake.script import Heard, Json, Said, Use

#: A server-sent event: its name, if it has one, and its data.
Event: TypeAlias = tuple[str, Json]

#: For ids: no two things that were ever said here have the same.
numbers: Final = itertools.count(1)


@attrs.frozen(kw_only=True)
class Wire:
    """One protocol.

    Attributes:
        messages: The conversation in a request as role and content; what a tool returned has the role `tool`.
        schema: What a request says that the answer must fit.
        written: An answer: whole, and as the events of a stream.
        refused: An error.
    """

    messages: Callable[[Json], Iterator[tuple[str, Any]]]  # Any: content is a text, or a tree of each protocol's own
    schema: Callable[[Json], object]
    written: Callable[[Heard, Said], tuple[Json, list[Event]]]
    refused: Callable[[Said], Json]


def is_object(tree: object) -> TypeGuard[Json]:
    """Whether it is an object of JSON: no other dict comes from there."""
    return isinstance(tree, dict)


def is_list(tree: object) -> TypeGuard[list[Any]]:
    """Whether it is a list of JSON."""
    return isinstance(tree, list)


def inside(tree: object, *path: str) -> Any:  # Any: of a JSON tree
    """What is at a place of a tree of objects; None where it has no such place."""
    for name in path:
        tree = tree.get(name) if is_object(tree) else None
    return tree


def objects(tree: object) -> list[Json]:
    """The objects in a list; none, if it is no list."""
    return [item for item in tree if is_object(item)] if is_list(tree) else []


def text_of(content: object) -> str:
    """The text in the content of a message, in any of the protocols."""
    if isinstance(content, str):
        return content
    if is_object(content):
        return text_of(content.get("text") or content.get("content") or content.get("parts"))
    return "\n".join(filter(None, map(text_of, content))) if is_list(content) else ""


def called(said: Said) -> list[tuple[str, Use]]:
    """The calls of an answer, each with an id."""
    return [(use.id or f"call_{next(numbers)}", use) for use in said.uses]
