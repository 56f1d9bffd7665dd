"""Look at a thing, and let the right one see to it. What fits nowhere is never dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, overload

import attrs
from typing_extensions import TypeVar

from perdure.core.effect import Do, Effect
from perdure.core.faults import Fault
from perdure.core.operations import fail
from perdure.core.workflow import workflow

T = TypeVar("T")
K = TypeVar("K")
K_co = TypeVar("K_co", covariant=True, default=object)
B = TypeVar("B")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")


@attrs.frozen
class Unrouted(Fault, Generic[K_co]):
    """There is no route for what something was taken for; `category` is that."""

    category: K_co


@overload
def classify_and_route(
    item: T,
    classify: Callable[[T], Effect[K, E1]],
    routes: Mapping[K, Callable[[T], Effect[B, E2]]],
    *,
    otherwise: None = ...,
) -> Effect[B, E1 | E2 | Unrouted[K]]: ...
@overload
def classify_and_route(
    item: T,
    classify: Callable[[T], Effect[K, E1]],
    routes: Mapping[K, Callable[[T], Effect[B, E2]]],
    *,
    otherwise: Callable[[T], Effect[B, E3]],
) -> Effect[B, E1 | E2 | E3]: ...
def classify_and_route(
    item: Any,
    classify: Callable[[Any], Effect[Any, Any]],
    routes: Mapping[Any, Callable[[Any], Effect[Any, Any]]],
    *,
    otherwise: Callable[[Any], Effect[Any, Any]] | None = None,
) -> Effect[Any, Any]:
    """Classify an item, and hand it to the route of its category.

    ```text
                      ┌── bug ──────► fix
    item ──► classify ┼── question ─► answer
                      └── else ─────► otherwise, or Unrouted
    ```

    For many items: `attempt_each(items, lambda item: classify_and_route(item, …))`.

    Args:
        item: What is looked at.
        classify: Says which category it is, such as a `Literal` or a member of an `Enum`.
        routes: Who sees to it, by category. Categories are compared with `==`.
        otherwise: Who sees to what has no route.

    Returns:
        The value of the route that was taken.

    Raises:
        Unrouted: The category has no route. In the type only if there is no `otherwise`.

    Example:
        >>> from perdure import pure
        >>> from perdure.components import classify_and_route
        >>> from perdure.testing import simulate
        >>> routes = {"even": lambda n: pure(n // 2), "odd": lambda n: pure(3 * n + 1)}
        >>> simulate(classify_and_route(7, lambda n: pure("odd" if n % 2 else "even"), routes)).value()
        22
        >>> simulate(classify_and_route(7, lambda n: pure("prime"), routes)).outcome
        <Failure: category='prime'>
    """

    def left(category: Any) -> Effect[Any, Any]:
        return fail(Unrouted(category)) if otherwise is None else otherwise(item)

    return _routed(item, classify, routes, left)


@workflow(name="classify_and_route")
def _routed(
    item: T,
    classify: Callable[[T], Effect[K, E1]],
    routes: Mapping[K, Callable[[T], Effect[B, E2]]],
    left: Callable[[K], Effect[B, E3]],
) -> Do[B, E1 | E2 | E3]:
    category = yield from classify(item)
    for known, route in routes.items():
        if category == known:
            return (yield from route(item))
    return (yield from left(category))
