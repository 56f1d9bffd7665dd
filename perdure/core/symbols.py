"""Placeholders: a value of any type the codec knows, made up as a program looks at it.

An `Oracle` owns every choice of one run. Reading `review.approved` asks it, and branches in two; putting
`review.notes` into a prompt asks nothing. What the program cannot see decides nothing, so the paths stay few.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import types
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
from returns.maybe import Nothing, Some
from returns.result import Failure, Success

from perdure.core.faults import Defect
from perdure.core.forms import (
    Arguments,
    Choice,
    Either,
    Empty,
    Fixed,
    Foreign,
    Form,
    Items,
    NoSchema,
    Option,
    Plain,
    Record,
    Table,
    Union,
)
from perdure.core.hints import label, peel
from perdure.core.recognise import form
from perdure.core.samples import SAMPLES, Sample
from perdure.core.scalars import NoneType, Scalar
from perdure.core.unknowns import YES_NO, Number, Text

T = TypeVar("T")


class Budget(BaseException):
    """No choice is left on this path. Not an Exception: a program must not catch it."""


@attrs.frozen
class Taken:
    """One choice: which of how many alternatives, what people call it, and the oracle's `moment`."""

    question: str
    pick: int
    width: int
    answer: str
    moment: int


@attrs.define(eq=False)
class Oracle:
    """Replays the choices of an earlier run, then always takes the first alternative, and remembers them all.

    Attributes:
        script: The questions to come, and the alternatives to take.
        sizes: How many items a collection may have.
        depth: How many choices there may be.
        moment: A counter for whoever drives, kept with each choice.
        taken: The choices made.
        assumed: The questions that were answered without a choice, because there is no telling.
        sized: The collections and counts of which only some sizes are tried.

    Example:
        >>> oracle = Oracle([("gate", 1)])
        >>> oracle.choose("gate", ("yes", "no")), oracle.choose("again", ("yes", "no"))
        ('no', 'yes')
    """

    script: Sequence[tuple[str, int]] = ()
    sizes: tuple[int, ...] = (0, 1)
    depth: int = 200
    moment: int = attrs.field(default=0, init=False)
    taken: list[Taken] = attrs.field(factory=list[Taken], init=False)
    assumed: dict[str, None] = attrs.field(factory=dict[str, None], init=False)
    sized: dict[str, None] = attrs.field(factory=dict[str, None], init=False)

    def choose(self, question: str, options: Sequence[T], name: Callable[[T], str] = repr) -> T:
        """One of the options; of a single one there is nothing to choose.

        Raises:
            Budget: There were `depth` choices already.
            Defect: The program asked something else when it was here before.
        """
        if len(options) == 1:
            return options[0]
        at, pick = len(self.taken), 0
        if at >= self.depth:
            raise Budget(f"{question}: more than {self.depth} questions on one path")
        if at < len(self.script):
            before, pick = self.script[at]
            if before != question:
                raise Defect(
                    f"the workflow looked at {before!r} and, driven again with the same replies, at {question!r}: it "
                    "depends on something besides its replies, such as a clock or a random number. Put that into a step"
                )
        self.taken.append(Taken(question, pick, len(options), name(options[pick]), self.moment))
        return options[pick]

    def size(self, tag: str, question: str, sizes: Sequence[int] | None = None) -> int:
        """How many items there are: one of the sizes that are tried."""
        self.sized[tag] = None
        return self.choose(question, self.sizes if sizes is None else sizes)

    def assume(self, what: str) -> None:
        """Note that a question was answered without a choice."""
        self.assumed[what] = None

    def __deepcopy__(self, memo: object) -> Oracle:  # whatever is copied, the run is one
        return self


_samples: Final[dict[type, Any]] = {}


def register_sample(cls: type[T], sample: T | Callable[[], T]) -> None:
    """Say what stands for a class that has no placeholder: one value, or a function that makes a fresh one.

    It answers all questions as this one value does, and that does not count as assumed.

    Example:
        >>> class Point: ...
        >>> register_sample(Point, Point)
        >>> isinstance(synth(Point, "home", Oracle()), Point)
        True
    """
    _samples[cls] = sample


def synth(hint: Any, tag: str, oracle: Oracle) -> Any:
    """A value of the declared type `hint` that costs no choice until someone looks inside.

    Args:
        hint: Any type that the codec knows, or a class with a registered sample.
        tag: What the value is called in questions, and where it is shown.
        oracle: Whom to ask.

    Raises:
        Defect: The type has no values, or none that could be made up.

    Example:
        >>> f"Fix {synth(str, 'plan.summary', Oracle())}."
        'Fix <plan.summary>.'
    """
    hint = peel(hint)
    cls = get_origin(hint) or hint
    if cls in _samples:
        sample = _samples[cls]
        return sample() if callable(sample) and not isinstance(sample, cls) else sample
    try:
        return _of_form(_form(hint), tag, oracle)
    except NoSchema as unknown:
        raise _unknown(hint, tag, unknown.reason) from unknown


def _form(hint: Any) -> Form:
    try:
        return _form_of(hint, get_args(hint))
    except TypeError:  # unhashable, such as Annotated[int, []]
        return form(hint)


@functools.lru_cache(maxsize=4096)
def _form_of(hint: Any, _: tuple[Any, ...]) -> Form:  # unions are equal whatever their order, their args are not
    return form(hint)


def _unknown(hint: Any, tag: str, reason: str) -> Defect:
    name = label(hint)
    return Defect(f"nothing can stand for {name} at {tag!r}: {reason}; or register_sample({name}, …) says what to use")


def _of_form(made: Form, tag: str, oracle: Oracle) -> Any:
    match made:
        case Scalar():
            return _scalar(made.classes[0], tag, oracle)
        case Plain():
            return Sample(oracle, tag, None)
        case Empty():
            raise Defect(f"{tag!r} has the type Never: there is no such value")
        case Choice(pairs=pairs):
            return oracle.choose(tag, [value for value, _ in pairs], lambda value: getattr(value, "name", repr(value)))
        case Union(arms=arms):
            return synth(oracle.choose(tag, arms, lambda arm: label(arm.hint)).hint, tag, oracle)
        case Fixed(items=items):
            return tuple(synth(item, f"{tag}[{n}]", oracle) for n, item in enumerate(items))
        case Items():
            size = oracle.size(tag, f"len({tag})")
            return made.make([synth(made.item, f"{tag}[{n}]", oracle) for n in range(size)])
        case Table():
            size = oracle.size(tag, f"len({tag})")
            return {
                _of_form(made.key, f"{tag}.key[{n}]", oracle): synth(made.item, f"{tag}.value[{n}]", oracle)
                for n in range(size)
            }
        case Either(ok=ok, err=err):
            halves = [half for half in ((Success, ok), (Failure, err)) if not isinstance(_form(half[1]), Empty)]
            wrap, inner = oracle.choose(tag, halves, lambda half: half[0].__name__)
            return wrap(synth(inner, tag, oracle))
        case Option(item=item):
            return Some(synth(item, tag, oracle)) if oracle.choose(tag, ("Some", "Nothing"), str) == "Some" else Nothing
        case Arguments(cls=cls):
            return cls(Text(oracle, tag))
        case Record():
            return _record(made, tag, oracle)
        case Foreign(hint=hint, fields=fields):
            if fields is None:
                raise _unknown(hint, tag, "it says itself what its JSON is")
            # A row of a table has to be set up by its constructor, which validates nothing.
            make = hint if hasattr(hint, "__table__") else hint.model_construct
            return make(**{name: synth(inner, f"{tag}.{name}", oracle) for name, inner in fields.items()})


def _scalar(cls: type, tag: str, oracle: Oracle) -> Any:
    if cls is NoneType:
        return None
    if cls is bool:
        return oracle.choose(tag, YES_NO)
    if cls is str:
        return Text(oracle, tag)
    if cls is int or cls is float:
        return Number(oracle, tag, cls)
    return Sample(oracle, tag, SAMPLES[cls])


# -- Records, filled as they are read. ----------------------------------------------------------------------------


def _record(made: Record, tag: str, oracle: Oracle) -> Any:
    cls = made.cls
    if made.is_dict:
        present = [f for f in made.fields if not f.default or oracle.choose(f"{f.name!r} in {tag}", YES_NO)]
        return {field.name: synth(field.hint, f"{tag}.{field.name}", oracle) for field in present}
    hints = {field.name: field.hint for field in made.fields}
    if issubclass(cls, (tuple, BaseException)) or _computes(cls):  # only its constructor knows how to make it
        return cls(**{field.init: synth(field.hint, f"{tag}.{field.name}", oracle) for field in made.fields})
    return _filled(_lazy(cls, tuple(hints)), _State(oracle, tag, hints))


def _computes(cls: Any) -> bool:
    fields = attrs.fields(cls) if attrs.has(cls) else dataclasses.fields(cls)
    return not all(field.init for field in fields)


@attrs.define(eq=False)
class _State:
    """What is known of a lazy record."""

    oracle: Oracle
    tag: str
    hints: dict[str, Any]
    read: dict[str, Any] = attrs.field(factory=dict[str, Any])

    def get(self, name: str) -> Any:
        if name not in self.read:
            self.read[name] = synth(self.hints[name], f"{self.tag}.{name}", self.oracle)
        return self.read[name]


def _filled(lazy: type[T], state: _State) -> T:
    record = object.__new__(lazy)
    object.__setattr__(record, "_state", state)
    return record


def _state(record: object) -> _State:
    return cast("_State", object.__getattribute__(record, "_state"))


@functools.lru_cache(maxsize=4096)
def _lazy(cls: type, names: tuple[str, ...]) -> type:
    """A subclass whose fields are made up when they are read. It gives itself out as the class."""

    def field(name: str) -> property:
        def put(record: object, value: object) -> None:
            _state(record).read[name] = value

        return property(lambda record: _state(record).get(name), put)

    def hashed(record: object) -> int:
        _state(record).oracle.assume(f"hash({_state(record).tag})")
        return hash(_state(record).tag)

    def copied(record: Any, memo: dict[int, Any] | None = None) -> Any:
        values = {name: getattr(record, name) for name in names}
        read = values if memo is None else copy.deepcopy(values, memo)
        return _filled(type(record), attrs.evolve(_state(record), read=read))

    def shown(record: object) -> str:
        return f"<{_state(record).tag}>"

    body: dict[str, Any] = {name: field(name) for name in names}
    body |= {
        "__slots__": ("_state",),
        "__module__": cls.__module__,
        "__class__": property(lambda _: cls),
        "__repr__": shown,
        "__str__": shown,
        "__hash__": hashed,
        "__copy__": copied,
        "__deepcopy__": copied,
    }
    return types.new_class(cls.__name__, (cls,), exec_body=lambda namespace: namespace.update(body))
