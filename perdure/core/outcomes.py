"""Outcomes as one text: `{"ok": value}` or `{"err": {"type": name, "value": fields}}`.

A failure is written by its class, which is a declared error or a class below one: `Do[str]` declares `Fault` and may
fail with any of its subclasses. Reading looks such a class up among those that are in memory; nothing is imported
and nothing is called because of what a text says.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from typing import Any

from returns.result import Success

from perdure.core import codec
from perdure.core.asked import Answer
from perdure.core.codec import CodecError
from perdure.core.faults import STEP_FAULTS, is_declared


def dump(outcome: Answer, output: Any, errors: tuple[Any, ...]) -> str:
    """The text of an outcome.

    Args:
        outcome: What a leaf or a run ended with.
        output: The declared type of a success.
        errors: The declared types of failures; the faults of every step are added.

    Raises:
        CodecError: It does not fit the types.
    """
    if isinstance(outcome, Success):
        return f'{{"ok":{codec.dump_outcome(outcome, output, errors)}}}'
    error: object = outcome.failure()
    cls = type(error)
    if _exact(cls, errors) or not is_declared(error, errors):
        return f'{{"err":{codec.dump_outcome(outcome, output, errors)}}}'
    tree = json.loads(codec.dump_outcome(outcome, output, (cls,)))
    return f'{{"err":{codec.dumps({**tree, "type": _label(cls)}, Any)}}}'


def recorded(outcome: Answer, output: Any, errors: tuple[Any, ...]) -> tuple[str, Answer]:
    """The text of an outcome, and what a replay sees of it: what `load` makes of what `dump` made.

    Raises:
        CodecError: As either.
    """
    if isinstance(outcome, Success):
        value = outcome.unwrap()
        text, seen = codec.recorded(value, output)
        return f'{{"ok":{text}}}', outcome if seen is value else Success(seen)
    text = dump(outcome, output, errors)
    return text, load(text, output, errors)


def load(text: str, output: Any, errors: tuple[Any, ...]) -> Answer:
    """The outcome that `dump` made the text from; every call makes a fresh exception.

    Raises:
        CodecError: It does not fit the types, or names a class that is not known.
    """
    if text.startswith('{"ok":'):
        return codec.load_outcome(True, text[6:-1], output, errors)
    if not text.startswith('{"err":'):
        raise CodecError("$", "neither ok nor err")
    failure = text[7:-1]
    named = _named(failure)
    known = _below(errors) if named else {}
    cls = known.get(named) or _moved(named, known)
    if cls is None:
        return codec.load_outcome(False, failure, output, errors)
    return codec.load_outcome(False, json.dumps({**json.loads(failure), "type": cls.__name__}), output, (cls,))


def _exact(cls: type, errors: tuple[Any, ...]) -> bool:
    return cls in STEP_FAULTS.values() or any((typing.get_origin(error) or error) is cls for error in errors)


def _named(failure: str) -> str:
    """The class that a failure names where that is a class below a declared one; such a name bears its module."""
    try:
        name = json.loads(failure)["type"]
    except (ValueError, KeyError, TypeError):
        return ""  # the codec says what is wrong with it
    return name if isinstance(name, str) and "." in name else ""


def _label(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _below(errors: tuple[Any, ...]) -> dict[str, type]:
    """The classes in memory below the declared errors, which `Exception` itself does not open up, by their names.

    Of one name, the newest: what attrs and dataclasses replace by a class with slots lives until it is collected.
    """
    found: dict[type, str] = {}
    todo = [e for e in errors if isinstance(e, type) and issubclass(e, BaseException) and e not in _OPEN]
    while todo:
        for cls in type.__subclasses__(todo.pop()):
            if cls not in found:
                found[cls] = _label(cls)
                todo.append(cls)
    return {label: cls for cls, label in found.items()}


_OPEN = (Exception, BaseException)


def _moved(label: str, known: Mapping[str, type]) -> type | None:
    """The one class of that name in another module: its file was moved or run as a script."""
    name = label.rpartition(".")[2]
    fitting = [cls for cls in known.values() if cls.__name__ == name]
    return fitting[0] if len(fitting) == 1 else None
