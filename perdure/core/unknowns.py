"""Text and numbers that nobody has computed yet, known only by what was asked of them.

A question that decides something goes to the oracle, once; one that cannot be asked is answered from the name, and the
oracle is told what was assumed. Being shown is no question: a text appears in a prompt as `<ship/plan.summary>`.

Two things escape them: `is`, and C code that reads a text directly, such as a regular expression or a join.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from perdure.core.symbols import Oracle

YES_NO: Final = (True, False)

# fmt: off
_TO_TEXT: Final = frozenset((
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "swapcase", "replace",
    "removeprefix", "removesuffix",
))
_YES_OR_NO: Final = frozenset((
    "startswith", "endswith", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric",
    "isspace", "istitle", "isupper",
))
# fmt: on


class Text(str):
    """Text whose content is only its name. It really is a `str`, so that it can be put into others."""

    _oracle: Oracle
    _tag: str
    _value: str | None  # once the program was told that it equals this
    _known: dict[str, bool]
    _derived: dict[str, Text]

    def __new__(cls, oracle: Oracle, tag: str, shown: str | None = None) -> Self:
        self = super().__new__(cls, f"<{tag}>" if shown is None else shown)
        self._oracle, self._tag, self._value, self._known, self._derived = oracle, tag, None, {}, {}
        return self

    def _is(self, question: str, holds: Callable[[str], Any]) -> bool:
        """Whether something holds of the content: asked once, or worked out where the content is known."""
        if self._value is not None:
            return bool(holds(self._value))
        if question not in self._known:
            self._known[question] = self._oracle.choose(question, YES_NO)
        return self._known[question]

    def _made(self, tag: str, shown: str | None = None) -> Text:
        """A text made from this one: what was asked of it is remembered, however often it is made."""
        return self._derived.setdefault(tag, Text(self._oracle, tag, shown))

    def _assuming(self, what: str) -> str:
        """The content, or where nobody knows it the name, which is noted."""
        if self._value is not None:
            return self._value
        self._oracle.assume(what)
        return str.__str__(self)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        if self._value is not None:
            return getattr(self._value, name)
        if name in _TO_TEXT:
            return lambda *args: self._made(f"{self._tag}.{name}({', '.join(map(repr, args))})")
        if name in _YES_OR_NO:
            return lambda *args: self._is(
                f"{self._tag}.{name}({', '.join(map(repr, args))})", operator.methodcaller(name, *args)
            )
        return getattr(self._assuming(f"{self._tag}.{name}()"), name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Text):
            if other._tag == self._tag:
                return True
            other = other if other._value is None else other._value
        if not isinstance(other, str):
            return False
        same = self._is(f"{self._tag} == {other!r}", lambda value: value == other)
        if same and self._value is None and not isinstance(other, Text):
            self._value = other
        return same

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return self != ""

    def __contains__(self, part: object) -> bool:
        return self._is(f"{part!r} in {self._tag}", lambda value: operator.contains(value, part))

    def __lt__(self, other: str) -> bool:
        return self._is(f"{self._tag} < {other!r}", lambda value: value < other)

    def __le__(self, other: str) -> bool:
        return self._is(f"{self._tag} <= {other!r}", lambda value: value <= other)

    def __gt__(self, other: str) -> bool:
        return self._is(f"{self._tag} > {other!r}", lambda value: value > other)

    def __ge__(self, other: str) -> bool:
        return self._is(f"{self._tag} >= {other!r}", lambda value: value >= other)

    def __add__(self, other: Any) -> Text:
        return self._joined(self, other) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: Any) -> Text:
        return self._joined(other, self) if isinstance(other, str) else NotImplemented

    def _joined(self, left: str, right: str) -> Text:
        shown = str.__add__(str.__str__(left), str.__str__(right))
        return self._made(repr(shown), shown)

    def __getitem__(self, at: Any) -> str:
        where = f"{_bound(at.start)}:{_bound(at.stop)}" if isinstance(at, slice) else repr(at)
        return self._made(f"{self._tag}[{where}]") if self._value is None else self._value[at]

    def __len__(self) -> int:
        return len(self._assuming(f"len({self._tag})"))

    def __iter__(self) -> Any:
        return iter(self._assuming(f"list({self._tag})"))

    def __hash__(self) -> int:
        return hash(self._assuming(f"hash({self._tag})"))

    def __deepcopy__(self, memo: object) -> Text:
        return self


def _bound(at: object) -> str:
    return "" if at is None else str(at)


class Unknown:
    """What has a name instead of a value. A copy of it is the same unknown."""

    __slots__ = ("_oracle", "_tag")

    _oracle: Oracle
    _tag: str

    def __repr__(self) -> str:
        return f"<{self._tag}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Number(Unknown):
    """An `int` or a `float` known by the comparisons made with it: an interval. Arithmetic forgets the interval."""

    __slots__ = ("_derived", "_hi", "_kind", "_known", "_lo")

    def __init__(self, oracle: Oracle, tag: str, kind: type[int | float]) -> None:
        self._oracle, self._tag, self._kind = oracle, tag, kind
        self._lo, self._hi = -math.inf, math.inf
        self._known: dict[str, bool] = {}
        self._derived: dict[str, Number] = {}

    @property  # type: ignore[misc]  # object's can be written
    def __class__(self) -> Any:  # so that isinstance and `case int():` see what is declared
        return self._kind

    def _made(self, tag: str, kind: type[int | float]) -> Number:
        """A number made from this one: what was asked of it is remembered, however often it is made."""
        return self._derived.setdefault(tag, Number(self._oracle, tag, kind))

    def _holds(self, sign: Sign, other: Any) -> bool:
        """Whether `self sign other`, consistent with what was said before."""
        other = _settled(other)
        if type(other) is Number:
            if type(mine := _settled(self)) is not Number:
                return other._holds(_MIRRORED[sign], mine)
            less = self._under(other) if sign in ("<", ">=") else other._under(self)
            return less is (sign in ("<", ">"))
        below = sign in ("<", "<=")
        if math.isinf(other):
            return below is (other > 0)
        under, over = self._cut(other, exclusive=sign in ("<", ">="))
        if self._hi <= under:
            return below
        if self._lo >= over:
            return not below
        yes = self._oracle.choose(f"{self._tag} {sign} {other}", YES_NO)
        if yes is below:
            self._hi = under
        else:
            self._lo = over
        return yes

    def _cut(self, at: float, *, exclusive: bool) -> tuple[float, float]:
        """The greatest value below a cut, and the least one above it; `at` itself is above where it is exclusive."""
        if self._kind is int:
            under = math.ceil(at) - 1 if exclusive else math.floor(at)
            return under, under + 1
        return (math.nextafter(at, -math.inf), at) if exclusive else (at, math.nextafter(at, math.inf))

    def _under(self, other: Number) -> bool:
        """Whether this is less than another number of which as little is known."""
        if self._tag == other._tag or self._lo >= other._hi or other._known.get(self._tag):
            return False
        return self._hi < other._lo or self._asked(other._tag, f"{self._tag} < {other._tag}")

    def _asked(self, key: str, question: str) -> bool:
        if key not in self._known:
            self._known[key] = self._oracle.choose(question, YES_NO)
        return self._known[key]

    def __lt__(self, other: Any) -> Any:
        return self._holds("<", other) if isinstance(other, (int, float)) else NotImplemented

    def __le__(self, other: Any) -> Any:
        return self._holds("<=", other) if isinstance(other, (int, float)) else NotImplemented

    def __gt__(self, other: Any) -> Any:
        return self._holds(">", other) if isinstance(other, (int, float)) else NotImplemented

    def __ge__(self, other: Any) -> Any:
        return self._holds(">=", other) if isinstance(other, (int, float)) else NotImplemented

    def __eq__(self, other: object) -> bool:
        other = _settled(other)
        if type(other) is Number:
            return self._tag == other._tag or not (self._under(other) or other._under(self))
        if not isinstance(other, (int, float)) or not self._lo <= other <= self._hi:
            return False
        if self._lo == self._hi:
            return True
        if self._kind is int and other != math.floor(other):
            return False
        same = self._asked(f"== {other}", f"{self._tag} == {other}")
        if same:
            self._lo = self._hi = other
        return same

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        """As a count, a position, the end of a range: one of the oracle's small sizes."""
        if self._kind is not int:
            raise TypeError("'float' object cannot be interpreted as an integer")
        small = [size for size in self._oracle.sizes if self._lo <= size <= self._hi]
        if small and self._lo < self._hi:
            self._lo = self._hi = self._oracle.size(self._tag, self._tag, small)
        return int(self)

    def _assuming(self, what: str) -> Any:
        """The value, or where nobody knows it the possible one nearest to 0, which is noted."""
        if self._lo < self._hi:
            self._oracle.assume(what)
        return self._kind(max(self._lo, min(0, self._hi)))

    def __int__(self) -> int:
        return int(self._assuming(f"int({self._tag})"))

    def __float__(self) -> float:
        return float(self._assuming(f"float({self._tag})"))

    def __hash__(self) -> int:
        return hash(self._assuming(f"hash({self._tag})"))

    def __round__(self, digits: int | None = None) -> Number:
        return self._made(f"round({self._tag})", int if digits is None else self._kind)


Sign: TypeAlias = Literal["<", "<=", ">", ">="]
_MIRRORED: Final[Mapping[Sign, Sign]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _settled(value: Any) -> Any:
    """The plain value of a number of which only one is left."""
    return value._kind(value._lo) if type(value) is Number and value._lo == value._hi else value


def _arithmetic(sign: str, *, reflected: bool) -> Callable[[Number, Any], Any]:
    def combine(self: Number, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        left, right = (other, self) if reflected else (self, other)
        if sign in ("/", "//", "%") and right == 0:
            raise ZeroDivisionError(f"{right!r} is zero")
        whole = sign != "/" and isinstance(left, int) and isinstance(right, int)
        return self._made(f"({_named(left)} {sign} {_named(right)})", int if whole else float)

    return combine


def _named(value: Any) -> str:
    return value._tag if type(value) is Number else str(value)


def _unary(name: str, kind: type[int] | None) -> Callable[[Number], Number]:
    return lambda self: self._made(f"{name}({self._tag})", kind or self._kind)


_SIGNS: Final = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**"}
for _name, _sign in _SIGNS.items():
    setattr(Number, f"__{_name}__", _arithmetic(_sign, reflected=False))
    setattr(Number, f"__r{_name}__", _arithmetic(_sign, reflected=True))
for _name, _kind in {"neg": None, "pos": None, "abs": None, "floor": int, "ceil": int, "trunc": int}.items():
    setattr(Number, f"__{_name}__", _unary(_name, _kind))
