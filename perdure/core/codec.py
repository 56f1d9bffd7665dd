"""Values to JSON and back, by declared type and never by runtime class.

What does not conform is refused in both directions, with its path, so that nothing is recorded that could not be read
back as it was. Nothing that is stored names a class to import: a tag only chooses among the declared types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from returns.maybe import Maybe, Nothing
from returns.result import Failure, Success

from perdure.core.compiler import Codec, Codecs, build
from perdure.core.faults import STEP_FAULTS
from perdure.core.forms import Choice, CodecError, Foreign, NoSchema, Record
from perdure.core.recognise import converter, form, remember, union
from perdure.core.scalars import Scalar
from perdure.core.walks import DECODER, MAX_DEPTH, canonical, encoder

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "CodecError",
    "NoSchema",
    "canonical",
    "converter",
    "digest",
    "dump_outcome",
    "dumps",
    "from_json",
    "load_outcome",
    "loads",
    "recorded",
    "register",
    "show",
    "to_json",
]

T = TypeVar("T")

#: Longer texts are refused: every worker that resumes the run would read them again.
MAX_BYTES: Final = 16 * 2**20

_codecs: Final = Codecs()
_failures: Final[dict[tuple[Any, ...], Codec]] = {}


def to_json(value: object, hint: Any) -> Any:
    """`value` as a tree of dicts, lists and scalars.

    Args:
        hint: Its declared type.

    Raises:
        CodecError: It does not conform to `hint`, or has no exact JSON form.
        NoSchema: Nothing of that type has one.

    Example:
        >>> to_json((1, {"b", "a"}), tuple[int, set[str]])
        [1, ['a', 'b']]
    """
    return _codecs.of(hint).encode(value, MAX_DEPTH)


def from_json(tree: Any, hint: Any) -> Any:
    """The value that `to_json` made `tree` from.

    A field may be missing where its class has a default: old records stay readable when a field is added.

    Raises:
        CodecError: The tree does not conform to `hint`. Nothing is converted but int to float.
        NoSchema: Nothing of that type has a JSON form.

    Example:
        >>> from_json([1, ["a"]], tuple[int, set[str]])
        (1, {'a'})
        >>> from_json([5.9], list[int])
        Traceback (most recent call last):
        perdure.core.forms.CodecError: $[0]: expected int, got 5.9 (float)
    """
    return _codecs.of(hint).decode(tree, MAX_DEPTH)


def dumps(value: object, hint: Any) -> str:
    """`value` as compact ASCII text, its keys in their order.

    Raises:
        CodecError: As `to_json`; or the text would be longer than `MAX_BYTES`.

    Example:
        >>> dumps({"b": "é", "a": 1.0}, dict[str, str | float])
        '{"b":"\\\\u00e9","a":1.0}'
    """
    return _text(to_json(value, hint))


def loads(text: str, hint: Any) -> Any:
    """The value that `dumps` made `text` from.

    Raises:
        CodecError: The text is not JSON, or not of that type.
    """
    return from_json(_tree(text), hint)


def recorded(value: object, hint: Any) -> tuple[str, Any]:
    """The text of a value, as `dumps` makes it, and what `loads` makes of that.

    Raises:
        CodecError: As either.

    Example:
        >>> recorded((1, {"b", "a"}), tuple[int, set[str]])[0]
        '[1,["a","b"]]'
    """
    codec = _codecs.of(hint)
    tree = codec.encode(value, MAX_DEPTH)
    text = _text(tree)
    if codec.encode is codec.decode:  # such a type is its own JSON, and `tree` is a value already
        return text, tree
    return text, codec.decode(_tree(text), MAX_DEPTH)


def digest(text: str | bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def register(
    cls: type[T], *, to: Callable[[T], Any], from_: Callable[[Any], T], schema: Mapping[str, Any] | None = None
) -> None:
    """Give a class a JSON form, in this whole process; the last registration of a class wins.

    Register where the class is defined: a run that was recorded with one form is read with it. For families of types,
    put cattrs hooks on `converter` instead.

    Args:
        to: From an instance to plain JSON.
        from_: Back; whatever it raises is a refusal.
        schema: The JSON Schema of what `to` gives, by default one that allows anything.

    Example:
        >>> from fractions import Fraction
        >>> register(Fraction, to=str, from_=Fraction, schema={"type": "string"})
        >>> dumps([Fraction(1, 3)], list[Fraction])
        '["1/3"]'
    """
    remember(cls, to, from_, schema or {})
    _codecs.clear()
    _failures.clear()


# -- Outcomes. -------------------------------------------------------------------------------------------------


def dump_outcome(outcome: Success[Any] | Failure[Any], output: Any, errors: tuple[Any, ...]) -> str:
    """The text of an outcome: the value of a Success, or the type's name and the value of a Failure.

    Args:
        output: The declared type of a success.
        errors: The declared types of failures; the faults that any step may have are added.

    Raises:
        CodecError: As `to_json`; or the failure is of no declared type.
    """
    if isinstance(outcome, Success):
        return dumps(outcome.unwrap(), output)
    return _text(_failure(errors).encode(outcome.failure(), MAX_DEPTH))


def load_outcome(ok: bool, text: str, output: Any, errors: tuple[Any, ...]) -> Success[Any] | Failure[Any]:
    """The outcome that `dump_outcome` made `text` from; every call makes a fresh exception.

    Raises:
        CodecError: As `loads`; or the text names a type that is not declared.
    """
    return Success(loads(text, output)) if ok else Failure(_failure(errors).decode(_tree(text), MAX_DEPTH))


def _failure(errors: tuple[Any, ...]) -> Codec:
    if errors not in _failures:
        _failures[errors] = build(union([*errors, *STEP_FAULTS.values()], key="type", wrap=True), _codecs.of)
    return _failures[errors]


# -- Texts. ----------------------------------------------------------------------------------------------------

_encode: Final = encoder(sort_keys=False)


def _text(tree: Any) -> str:
    text = _encode(tree)
    if len(text) > MAX_BYTES:
        raise CodecError(
            "$",
            f"takes {len(text):,} bytes as JSON, and a recorded value at most {MAX_BYTES:,} (16 MiB); "
            "write it to a file and return the path",
        )
    return text


def _tree(text: str) -> Any:
    try:
        tree, end = DECODER.raw_decode(text)
        return tree if end == len(text) else DECODER.decode(text)  # spaces around it, or more than one document
    except RecursionError:
        raise CodecError("$", f"nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:
        raise CodecError("$", f"not a JSON text: {error}") from None


# -- For display. ----------------------------------------------------------------------------------------------

_SHOWN_NODES: Final = 10_000
_SHOWN_DEPTH: Final = 32
_SHOWN_REPR: Final = 1_000


def show(value: object) -> Any:
    """`value` as JSON for people to read, by its runtime class: never raises, and cannot be read back.

    What has no JSON form is its `repr`, cut; so is what lies too deep, or beyond the first ten thousand nodes.

    Example:
        >>> show({"sizes": (1, float("nan"))})
        {'sizes': [1, 'nan']}
    """
    return _show(value, _SHOWN_DEPTH, iter(range(_SHOWN_NODES)))


def _show(value: Any, room: int, budget: Iterator[int]) -> Any:
    if value is None or type(value) in (str, bool):
        return value
    if not room or next(budget, None) is None:
        return "..."

    def inner(item: Any) -> Any:
        return _show(item, room - 1, budget)

    try:
        match value:
            case dict():
                return {key if type(key) is str else _repr(key): inner(item) for key, item in value.items()}
            case list():
                return [inner(item) for item in value]
            case set() | frozenset():  # in an order that is the same in every process
                return [inner(item) for item in sorted(value, key=lambda item: canonical(show(item)))]
            case Success(held):
                return {"ok": inner(held)}
            case Failure(held):
                return {"err": inner(held)}
            case Maybe():
                return None if value is Nothing else [inner(value.unwrap())]
            case tuple() if not hasattr(value, "_fields"):
                return [inner(item) for item in value]
            case _:
                pass
        match form(type(value)):
            case Record(fields=fields):
                return {field.name: inner(getattr(value, field.name)) for field in fields}
            case Scalar() | Choice() | Foreign() as made:
                tree = build(made, _codecs.of).encode(value, room)
                _encode(tree)
                return tree
            case _:
                return _repr(value)
    except Exception:  # a property, a __repr__, a hook: any code of the user's
        return _repr(value)


def _repr(value: object) -> str:
    try:
        return repr(value)[:_SHOWN_REPR]
    except Exception:  # a user's __repr__
        return f"<{type(value).__name__}>"
