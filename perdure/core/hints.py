"""Type hints as Python has them: names for them, names around them, type variables in them."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
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
    return _evaluated(alias, {"value": alias.__value__}, alias.__type_params__)["value"]


def is_alias(hint: Any) -> bool:
    """Whether it is a name for another type, bare or with arguments."""
    return isinstance(typing.get_origin(hint) or hint, _ALIASES)


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
        origin = typing.get_origin(base) or base
        if isinstance(origin, type) and origin.__module__ not in ("builtins", "typing", "typing_extensions"):
            found.update(field_hints(bind(base, bound)))
    own = _evaluated(cls, vars(cls).get("__annotations__", {}), bound)
    return found | {name: bind(value, bound) for name, value in own.items()}


def _evaluated(owner: Any, annotations: Mapping[str, Any], parameters: Iterable[Any]) -> dict[str, Any]:
    """Annotations with the names in them looked up where `owner` was defined."""
    stand_in = type(owner.__name__, (), {"__annotations__": annotations, "__module__": owner.__module__})
    names = {owner.__name__: owner} | {one.__name__: one for one in parameters}
    try:
        return typing.get_type_hints(stand_in, localns=names, include_extras=True)
    except NameError as error:
        raise NoSchema(
            "$", f"the annotations of {owner.__name__} mention {error.name!r}, which its module does not have"
        ) from error


def bind(hint: Any, bound: Mapping[Any, Any]) -> Any:
    """The hint with its type variables replaced."""
    if isinstance(hint, typing.TypeVar):
        return bound.get(hint, hint)
    free = () if isinstance(hint, (type, *_ALIASES)) else getattr(hint, "__parameters__", ())
    return hint[tuple(bound.get(one, one) for one in free)] if free else hint
