"""Values made up from their type, by dice: the same dice, the same value."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, Final

from returns.maybe import Nothing, Some
from returns.result import Failure, Success

from perdure.core.codec import NoSchema
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
    Option,
    Plain,
    Record,
    Table,
    Union,
)
from perdure.core.hints import label
from perdure.core.recognise import form
from perdure.core.samples import SAMPLES
from perdure.core.scalars import TEXT, Scalar

#: Texts that differ in what programs ask of them: empty, a word, a path, a question, not of ASCII.
WORDS: Final = ("", "bees", "src/app.py", "What?", "naïve")
#: No collection is made longer.
MOST: Final = 3
#: A type that holds itself is cut off where it has a way out: an empty collection, another member of its union.
DEEPEST: Final = 6


def made(hint: Any, dice: random.Random, depth: int = 0) -> Any:
    """A value of the declared type `hint`.

    Args:
        dice: What decides.
        depth: How deep in another value it stands.

    Raises:
        Defect: The type has no values, or none that could be made up.

    Example:
        >>> made(int, random.Random(7)) == made(int, random.Random(7))
        True
    """
    try:
        return _of(form(hint), dice, depth + 1)
    except NoSchema as unknown:
        raise Defect(f"no {label(hint)} could be made up: {unknown.reason}; script a value of it") from unknown


def _of(found: Form, dice: random.Random, depth: int) -> Any:
    size = dice.randint(0, MOST) if depth < DEEPEST else 0
    match found:
        case Scalar(classes=classes):
            return _scalar(classes[0], dice)
        case Plain():
            return dice.choice((None, True, 1, *WORDS))
        case Empty():
            raise Defect("a value of the type Never cannot be made up: there is none")
        case Choice(pairs=pairs):
            return dice.choice(pairs)[0]
        case Union(arms=arms):
            flat = [arm for arm in arms if isinstance(arm.form, Scalar | Choice)]
            return made(dice.choice(flat if flat and depth >= DEEPEST else arms).hint, dice, depth)
        case Fixed(items=items):
            return tuple(made(item, dice, depth) for item in items)
        case Items():
            values = [made(found.item, dice, depth) for _ in range(size)]
            # Texts are all different, as those that an agent lists mostly are: they may become keys.
            return found.make([f"{text}{n}" for n, text in enumerate(values)] if form(found.item) is TEXT else values)
        case Table(key=key, item=item):
            return {_of(key, dice, depth): made(item, dice, depth) for _ in range(size)}
        case Either(ok=ok, err=err):
            halves = [half for half in ((Success, ok), (Failure, err)) if not isinstance(form(half[1]), Empty)]
            wrap, inner = dice.choice(halves)
            return wrap(made(inner, dice, depth))
        case Option(item=item):
            return Some(made(item, dice, depth)) if size else Nothing
        case Arguments(cls=cls):
            return cls(dice.choice(WORDS))
        case Record(cls=cls, fields=fields):
            return cls(**{field.init: made(field.hint, dice, depth) for field in fields})
        case Foreign(hint=hint, fields=fields):
            if fields is None:
                raise Defect(
                    f"no {label(hint)} could be made up: it says itself what its JSON is; script a value of it"
                )
            make = hint if hasattr(hint, "__table__") else hint.model_construct
            return make(**{name: made(inner, dice, depth) for name, inner in fields.items()})


def _scalar(cls: type, dice: random.Random) -> Any:
    if cls is bool:
        return dice.random() < 0.5
    if cls is int:
        return dice.randrange(1000)
    if cls is float:
        return dice.random()
    if cls is str:
        return dice.choice(WORDS)
    if cls is timedelta:
        return timedelta(seconds=dice.randrange(100_000))
    return SAMPLES.get(cls)  # None of NoneType
