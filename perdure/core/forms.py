"""What the values of a type are in JSON: a scalar, a record, a union.

A form is one level of a type; the types within it are still hints. The codec compiles forms to functions,
`json_schema` and `shape` describe them, so that the three cannot disagree.
"""

from __future__ import annotations

import contextlib
import json
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs
import typing_extensions
from returns.maybe import Maybe
from returns.result import Failure, Success

from perdure.core.scalars import NoneType, Scalar

OBJECT: Final = frozenset({dict})
ARRAY: Final = frozenset({list})
ANYTHING: Final = frozenset({NoneType, bool, int, float, str, list, dict})


class CodecError(ValueError):
    """A value, or a JSON text, that is not what its declared type says.

    Attributes:
        path: Where, e.g. `$.items[3].score`.
        reason: What is wrong there, and how to mend it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"

    def under(self, segment: str) -> None:
        """Put one more segment before the path, while the error is on its way out."""
        self.path = f"${segment}{self.path[1:]}"


class NoSchema(CodecError):
    """A type that has no JSON form."""


@contextlib.contextmanager
def at(segment: str) -> Iterator[None]:
    """Errors from within are told with `segment` before their path."""
    try:
        yield
    except CodecError as error:
        error.under(segment)
        raise


def dot(name: str) -> str:
    """A key as a segment of a path: `.name`, or `["a name"]` where it is not a word."""
    return f".{name}" if name.isidentifier() else f"[{json.dumps(name)}]"


# -- The forms. Each knows the classes of its values (`classes`) and of its JSON (`kinds`). --------------------


@attrs.frozen
class Plain:
    """`Any`: what JSON has, and nothing else."""

    classes: ClassVar[tuple[type, ...]] = (NoneType, bool, int, float, str, list, dict)
    kinds: ClassVar[frozenset[type]] = ANYTHING


@attrs.frozen
class Empty:
    """`Never`: no value at all."""

    classes: ClassVar[tuple[type, ...]] = ()
    kinds: ClassVar[frozenset[type]] = frozenset()


@attrs.frozen(eq=False)
class Choice:
    """An Enum or a Literal: pairs of a value and its JSON, which is a scalar."""

    name: str
    pairs: Sequence[tuple[Any, Any]]
    doc: str | None = None

    @property
    def classes(self) -> tuple[type, ...]:
        return tuple({type(value): None for value, _ in self.pairs})

    @property
    def kinds(self) -> frozenset[type]:
        return frozenset(type(tree) for _, tree in self.pairs)


@attrs.frozen
class Items:
    """A collection of one type of item; `make` builds it from a list."""

    make: Callable[[list[Any]], Any]
    classes: tuple[type, ...]
    item: Any
    kinds: ClassVar[frozenset[type]] = ARRAY

    @property
    def unordered(self) -> bool:
        return self.make in (set, frozenset)


@attrs.frozen
class Fixed:
    """`tuple[A, B]`."""

    items: tuple[Any, ...]
    classes: ClassVar[tuple[type, ...]] = (tuple,)
    kinds: ClassVar[frozenset[type]] = ARRAY


@attrs.frozen
class Table:
    """A dict. Its keys are a text in JSON."""

    key: Scalar | Choice
    item: Any
    classes: tuple[type, ...]
    kinds: ClassVar[frozenset[type]] = OBJECT


@attrs.frozen
class Field:
    """One field of a record; `init` is what the constructor calls it, `default` whether it may be absent."""

    name: str
    hint: Any
    init: str
    default: bool


@attrs.frozen
class Record:
    """attrs, dataclasses, NamedTuples; and TypedDicts, whose values are dicts and bear no class.

    Fields with `init=False` are left out: the class works them out again.
    """

    cls: Any
    fields: Sequence[Field]
    kinds: ClassVar[frozenset[type]] = OBJECT

    @property
    def is_dict(self) -> bool:
        return typing_extensions.is_typeddict(self.cls)

    @property
    def classes(self) -> tuple[type, ...]:
        return (dict,) if self.is_dict else (self.cls,)


#: Where a tag is: `inside` the member's own object, or in one `around` it: `{"_type": tag, "value": ...}`.
Place = Literal["none", "inside", "around"]


@attrs.frozen
class Arm:
    """One member of a union."""

    hint: Any
    form: Form
    tag: str
    place: Place


@attrs.frozen
class Union:
    """A record bears its tag. Whatever else shares a JSON kind with another member is wrapped, the rest is bare.

    None does not count as another record, so that `P | None` is null or the record as it is.
    """

    arms: Sequence[Arm]
    key: str = "_type"

    @property
    def classes(self) -> tuple[type, ...]:
        return tuple(cls for arm in self.arms for cls in arm.form.classes)

    @property
    def kinds(self) -> frozenset[type]:
        return frozenset().union(*(arm.form.kinds if arm.place == "none" else OBJECT for arm in self.arms))


@attrs.frozen
class Either:
    """A Result, or a union of Success and Failure: `{"ok": ...}` or `{"err": ...}`."""

    ok: Any
    err: Any
    classes: ClassVar[tuple[type, ...]] = (Success, Failure)
    kinds: ClassVar[frozenset[type]] = OBJECT


@attrs.frozen
class Option:
    """A Maybe: null or `[x]`, so that `Some(None)` is not `Nothing`."""

    item: Any
    classes: ClassVar[tuple[type, ...]] = (Maybe,)
    kinds: ClassVar[frozenset[type]] = frozenset({NoneType, list})


@attrs.frozen
class Arguments:
    """An exception that is no record: the list of its `args`, which must be plain JSON."""

    cls: type[BaseException]
    kinds: ClassVar[frozenset[type]] = ARRAY

    @property
    def classes(self) -> tuple[type, ...]:
        return (self.cls,)


@attrs.frozen(eq=False)
class Foreign:
    """A class that writes and reads itself: a pydantic model (`fields` are its own), or one with hooks.

    `schema` makes its JSON Schema, with `$defs` of its own.
    """

    hint: Any
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    schema: Callable[[], Mapping[str, Any]]
    fields: Mapping[str, Any] | None = None
    kinds: frozenset[type] = ANYTHING

    @property
    def classes(self) -> tuple[type, ...]:
        return (typing.get_origin(self.hint) or self.hint,)


Form = (
    Scalar | Plain | Empty | Choice | Items | Fixed | Table | Record | Union | Either | Option | Arguments | Foreign
)  # fmt: skip
