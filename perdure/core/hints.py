"""Type hints as Python has them: names for them, names around them, type variables in them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Final, Literal

import typing_extensions

from perdure.core.forms import NoSchema
from perdure.core.scalars import NoneType

_WRAPPERS: Final = {
    typing.Final, typing.Required, typing.NotRequired, typing_extensions.ReadOnly
}  # fmt: skip
_ALIASES: Final = tuple(
    {typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType)}
)
UNIONS: Final = (typing.Union, types.UnionType)


def peel(hint: Any) -> Any:
    """The hint without the names and notes around it: aliases, NewType, Annotated, unbound type variables.

    A type variable that nothing binds is its default, else Any.
    """
    while True:
        origin = typing.get_origin(hint)
        if hint is None:
            return NoneType
        if origin is typing.Annotated or origin in _WRAPPERS:
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif isinstance(hint, typing.TypeVar):
            default = getattr(hint, "__default__", typing_extensions.NoDefault)
            hint = Any if default is typing_extensions.NoDefault else default
        elif isinstance(alias := origin or hint, _ALIASES):
            bound = dict(zip(alias.__type_params__, typing.get_args(hint), strict=False))
            hint = bind(_alias_value(alias), bound)
        else:
            return hint


def _alias_value(alias: Any) -> Any:
    named = {"__annotations__": {"value": alias.__value__}, "__module__": alias.__module__}
    return _evaluated(type(alias.__name__, (), named), {alias.__name__: alias})["value"]


def label(hint: Any, *, full: bool = False) -> str:
    """What people call a type, e.g. `Box[int]`; `full` adds modules."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return label(args[0], full=full)
    if origin in UNIONS:
        return " | ".join(label(arg, full=full) for arg in args)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is not None:
        return f"{label(origin, full=full)}[{', '.join(label(arg, full=full) for arg in args)}]"
    if hint in (None, NoneType):
        return "None"
    name = getattr(hint, "__qualname__" if full else "__name__", None)
    if name is None:
        return "..." if hint is ... else str(hint)
    module = getattr(hint, "__module__", "builtins")
    return f"{module}.{name}" if full and module not in ("builtins", "typing") else str(name)


def field_hints(hint: Any) -> dict[str, Any]:
    """The annotations of a class and its bases, with the type variables of each bound."""
    cls = typing.get_origin(hint) or hint
    bound = dict(zip(getattr(cls, "__parameters__", ()), typing.get_args(hint), strict=False))
    found: dict[str, Any] = {}
    for base in reversed(vars(cls).get("__orig_bases__", cls.__bases__)):
        if isinstance(origin := typing.get_origin(base) or base, type) and origin.__module__ not in (
            "builtins",
            "typing",
        ):
            found.update(field_hints(bind(base, bound)))
    own = vars(cls).get("__annotations__", {})
    hints = _evaluated(cls, {cls.__name__: cls}) if own else {}
    found.update({name: bind(hints[name], bound) for name in own})
    return found


def _evaluated(cls: type, names: dict[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, localns=names, include_extras=True)
    except NameError as error:
        raise NoSchema(
            "$", f"the annotations of {label(cls)} mention {error.name!r}, which its module does not have"
        ) from error


def bind(hint: Any, bound: Mapping[Any, Any]) -> Any:
    if isinstance(hint, typing.TypeVar):
        return bound.get(hint, hint)
    free = () if isinstance(hint, (type, *_ALIASES)) else getattr(hint, "__parameters__", ())
    return hint[tuple(bound.get(one, one) for one in free)] if free else hint
