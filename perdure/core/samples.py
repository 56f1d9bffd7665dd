"""Values of which only one is tried: moments, amounts, paths, and whatever has no type.

A sample is shown by its name, like every placeholder. Once something depends on what it is, that is noted as assumed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from perdure.core.unknowns import Unknown

if TYPE_CHECKING:
    from perdure.core.symbols import Oracle

#: Of these types one value is tried. By the classes that they have on this platform.
SAMPLES: Final[Mapping[type, Any]] = {
    type(sample): sample
    for sample in (
        b"placeholder",
        datetime(2000, 1, 1, tzinfo=UTC),
        date(2000, 1, 1),
        time(),
        timedelta(),
        Decimal(),
        UUID(int=0),
        PurePath("placeholder"),
        Path("placeholder"),
    )
}


class Sample(Unknown):
    """One value for all of its type, until something depends on it: then that is noted, and the sample answers.

    Of a type that says nothing (`Any`) the sample is None.
    """

    __slots__ = ("_value",)

    def __init__(self, oracle: Oracle, tag: str, value: Any) -> None:
        self._oracle, self._tag, self._value = oracle, tag, value

    @property  # type: ignore[misc]  # object's can be written
    def __class__(self) -> Any:
        return type(self._value if self._value is not None else self._assuming())

    def _assuming(self) -> Any:
        self._oracle.assume(f"{self._tag} is {self._value}")
        return self._value

    def __getattr__(self, name: str) -> Any:
        if name in ("isoformat", "strftime", "as_posix"):  # only to be shown
            return lambda *_, **__: repr(self)
        return getattr(self._assuming(), name)


def _delegated(function: Callable[..., Any], *, reflected: bool = False) -> Callable[..., Any]:
    def ask(self: Sample, *args: Any) -> Any:
        value = self._assuming()
        others = [other._assuming() if type(other) is Sample else other for other in args]
        return function(*others, value) if reflected else function(value, *others)

    return ask


for _function in (hash, bool, len, iter, int, float, bytes, abs, round):
    setattr(Sample, f"__{_function.__name__}__", _delegated(_function))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "contains", "getitem", "neg"):
    setattr(Sample, f"__{_name}__", _delegated(getattr(operator, _name)))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    setattr(Sample, f"__{_name}__", _delegated(getattr(operator, _name)))
    setattr(Sample, f"__r{_name}__", _delegated(getattr(operator, _name), reflected=True))
setattr(Sample, "__fspath__", _delegated(operator.methodcaller("__fspath__")))  # noqa: B010  # as the others
