"""An answer as a value of a declared type: what is asked for, what is found, and whether it fits.

The schema is the one of the type with nothing left out: a field with a default must be answered too, for a default that
fills a gap would be an answer that nobody gave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from returns.result import Failure, Result, Success

from perdure.core import codec
from perdure.core.schema import json_schema
from perdure.core.walks import no_constant

#: What does not fit, each as `path: message`.
Problems: TypeAlias = tuple[str, ...]

#: Only so much of the end of an answer is searched for a value, in characters, and only from so many wrong places.
_SEARCHED: Final = 2**20
_PLACES: Final = 4096
_OPENING: Final = re.compile(r"[{\[]")
#: No more problems are told at once.
_TOLD: Final = 10
#: No longer message about one of them, in characters: it may quote the answer.
_LONGEST: Final = 500


def schema_of(output: Any) -> dict[str, Any] | None:
    """What an answer must fit: an object, for that is all that some models can be held to; None for plain text.

    What is no object by itself is asked for as `{"value": …}`.
    """
    if output is str:
        return None
    schema = json_schema(output)
    if schema.get("type") == "object":
        return schema
    defs = schema.pop("$defs", None)
    wrapped = {"type": "object", "properties": {"value": schema}, "required": ["value"], "additionalProperties": False}
    return wrapped if defs is None else {**wrapped, "$defs": defs}


def instructed(prompt: str, schema: dict[str, Any] | None, native: bool) -> str:
    """A prompt that says at its end what form the answer has, for an agent that takes no schema by itself."""
    if schema is None or native:
        return prompt
    return (
        f"{prompt}\n\nEnd with one JSON value that fits this JSON Schema, and with nothing after it:\n{_text(schema)}"
    )


def corrected(problems: Problems, schema: dict[str, Any]) -> str:
    """What is said to an agent whose answer does not fit."""
    listed = "\n".join(f"- {problem}" for problem in problems)
    return (
        f"The form of your answer is not what was asked for:\n{listed}\n"
        "The work itself is done: change nothing else. Give the whole answer once more, as one JSON value that fits "
        f"this JSON Schema, and nothing before or after it:\n{_text(schema)}"
    )


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False)


def judged(text: str, value: Any, output: Any, schema: dict[str, Any]) -> Result[Any, Problems]:
    """The value of an answer, or what is wrong with it.

    The first of what may be meant that fits counts: the value that the agent gave as one, the whole text, the last
    block between fences, the last object or list in the text. Nothing is converted: `"false"` is no bool.

    Args:
        text: What the agent said.
        value: What it gave as a value by itself; None if nothing.
        output: The declared type.
        schema: What was asked for; see `schema_of`.
    """
    wrong: Problems = ()
    for tree in [value] if value is not None else _found(text):
        fitted = _fitted(tree, output, schema)
        if isinstance(fitted, Success):
            return fitted
        wrong = wrong or fitted.failure()
    return Failure(wrong or ("$: there is no JSON value in the answer, or one in which a key stands twice",))


def _fitted(tree: Any, output: Any, schema: dict[str, Any]) -> Result[Any, Problems]:
    import jsonschema  # type: ignore[import-untyped]  # it ships no types; on use: text answers need none of it

    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(tree), key=lambda error: len(error.absolute_path)
    )
    if errors:
        return Failure(tuple(f"{error.json_path}: {error.message[:_LONGEST]}" for error in errors[:_TOLD]))
    try:
        return Success(codec.from_json(tree["value"] if _wrapped(output) else tree, output))
    except codec.CodecError as refused:
        return Failure((str(refused)[:_LONGEST],))


def _wrapped(output: Any) -> bool:
    return json_schema(output).get("type") != "object"


# -- finding ---------------------------------------------------------------------------------------------------------


def _found(text: str) -> Iterator[Any]:
    """What may be meant as the value, the likeliest first."""
    whole = text.removeprefix("\ufeff").strip()
    yield from _parsed(whole)
    fenced = whole.rpartition("```")[0].rpartition("```")[2]
    yield from _parsed(fenced.partition("\n")[2])
    yield from _last(whole[-_SEARCHED:])


class _Twice(ValueError):
    """A key stands twice in an object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each key stands once: of `{"ok": false, "ok": true}` nobody knows what is meant."""
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise _Twice
    return tree


_DECODER: Final = json.JSONDecoder(parse_constant=no_constant, object_pairs_hook=_once)


def _parsed(text: str) -> Iterator[Any]:
    try:
        yield _DECODER.decode(text)
    except (ValueError, RecursionError):
        return


def _last(text: str) -> Iterator[Any]:
    """The last object or list of a text, with all that is in it: what is inside of it is a part, and not the answer."""
    found, at, failed = list[Any](), 0, 0
    while (opening := _OPENING.search(text, at)) is not None and failed < _PLACES:
        try:
            tree, at = _DECODER.raw_decode(text, opening.start())
            found = [tree]
        except _Twice:
            return  # what is inside of it is no answer either
        except (ValueError, RecursionError):
            at, failed = opening.end(), failed + 1
    yield from found
