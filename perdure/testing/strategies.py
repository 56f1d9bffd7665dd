"""Hypothesis strategies from types: inputs of workflows, outputs of steps, whole scripts and faults of a run.

Every value is one that can be recorded: no NaN, no naive datetime, nothing without a JSON form. Needs Hypothesis:
`pip install hypothesis`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, Final, TypeAlias, TypedDict, TypeVar
from uuid import UUID

try:
    from hypothesis import strategies as st
except ImportError:
    raise ImportError("perdure.testing.strategies needs Hypothesis: pip install hypothesis") from None
from returns.maybe import Nothing, Some
from returns.result import Failure, Success
from typing_extensions import TypeForm

from perdure.core.effect import Effect, Op
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
from perdure.core.leaves import Ask, Now, Parameters, Sleep, Step, Suspend, Task, parameters_of
from perdure.core.recognise import form
from perdure.core.scalars import Scalar
from perdure.core.workflow import block_of
from perdure.interpreters.plan.plan import plan
from perdure.interpreters.simulate.script import Answers, after, auto, each, never, where_of

T = TypeVar("T")
A = TypeVar("A")
E = TypeVar("E")

Strategy: TypeAlias = st.SearchStrategy[Any]  # a form has forgotten its type


class Faults(TypedDict):
    """What fails: for `simulate(effect, **faults)`."""

    agents: Answers
    steps: Answers


class Script(TypedDict):
    """What is answered: for `simulate(effect, **script)`."""

    answers: Answers
    agents: Answers
    steps: Answers


# -- Values. ----------------------------------------------------------------------------------------------------------


def of(type: TypeForm[T]) -> st.SearchStrategy[T]:
    """Values of a declared type that can be recorded.

    Args:
        type: Any type that the codec knows.

    Raises:
        Defect: When it is drawn from: such values cannot be made up.

    Example:
        >>> from hypothesis import given, settings
        >>> from perdure.testing.strategies import of
        >>> @settings(deadline=None)
        ... @given(of(dict[str, int] | None))
        ... def test_it(value):
        ...     assert value is None or all(isinstance(n, int) for n in value.values())
        >>> test_it()
    """
    hint: Any = type
    try:
        found: st.SearchStrategy[T] = _of(hint)
    except TypeError:  # a type that cannot be hashed
        found = _of.__wrapped__(hint)
    return found


@functools.lru_cache(maxsize=4096)  # so that a type that holds itself is one strategy that holds itself
def _of(hint: Any) -> Strategy:
    return st.deferred(lambda: _of_form(form(hint)))


_text: Final = st.text(st.characters(codec="utf-8"))
_path: Final = st.from_regex(r"/?[a-z.]{1,9}(/[a-z.]{1,9}){0,3}", fullmatch=True)
_SCALARS: Final[dict[type, Strategy]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: _text,
    bytes: st.binary(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    Path: _path.map(Path),  # before its base, and bool and datetime before theirs: the first that fits is taken
    PurePath: _path.map(PurePath),
}
_json: Final[Strategy] = st.recursive(
    st.one_of(*(_SCALARS[cls] for cls in (type(None), bool, int, float, str))),
    lambda inner: st.lists(inner) | st.dictionaries(_text, inner),
    max_leaves=10,
)


def _of_form(found: Form) -> Strategy:
    match found:
        case Scalar(classes=classes):
            return next(strategy for cls, strategy in _SCALARS.items() if issubclass(classes[0], cls))
        case Plain():
            return _json
        case Empty():
            return st.nothing()
        case Choice(pairs=pairs):
            return st.sampled_from([value for value, _ in pairs])
        case Union(arms=arms):
            return st.one_of(*(of(arm.hint) for arm in arms))
        case Fixed(items=items):
            return st.tuples(*map(of, items))
        case Items(make=make, item=item):
            return st.lists(of(item), unique=found.unordered).map(make)
        case Table(key=key, item=item):
            return st.dictionaries(_of_form(key), of(item))
        case Either(ok=ok, err=err):
            return of(ok).map(Success) | of(err).map(Failure)
        case Option(item=item):
            return st.just(Nothing) | of(item).map(Some)
        case Arguments(cls=cls):
            return _text.map(cls)
        case Record(cls=cls, fields=fields) if found.is_dict:
            return st.fixed_dictionaries(
                {field.name: of(field.hint) for field in fields if not field.default},
                optional={field.name: of(field.hint) for field in fields if field.default},
            )
        case Record(cls=cls, fields=fields):
            return st.builds(cls, **{field.init: of(field.hint) for field in fields})
        case Foreign(hint=hint, fields=None):
            raise Defect(f"no {label(hint)} can be made up: it says itself what its JSON is; build() a strategy for it")
        case Foreign(hint=hint, fields=fields):
            return st.builds(hint, **{name: of(inner) for name, inner in (fields or {}).items()})


# -- Inputs and outputs. ----------------------------------------------------------------------------------------------


def inputs_of(described: Callable[..., Effect[A, E]]) -> st.SearchStrategy[Effect[A, E]]:
    """Calls of a workflow or a step with any arguments that its annotations allow.

    Args:
        described: A function under `@workflow` or `@step`.

    Raises:
        Defect: It is neither.

    Example:
        >>> from hypothesis import given, settings
        >>> from perdure import Do, pure, workflow
        >>> from perdure.testing import simulate
        >>> from perdure.testing.strategies import inputs_of
        >>> @workflow
        ... def double(n: int) -> Do[int]:
        ...     return 2 * (yield from pure(n))
        >>> @settings(deadline=None)
        ... @given(inputs_of(double))
        ... def test_doubles_are_even(effect):
        ...     assert simulate(effect).value() % 2 == 0
        >>> test_doubles_are_even()
    """
    parameters = _parameters(described)

    def called(values: dict[str, Any]) -> Effect[A, E]:
        bound = inspect.BoundArguments(parameters.signature, values)
        return described(*bound.args, **bound.kwargs)

    values = {name: of(parameters.hints[name]) for name in parameters.signature.parameters}
    return st.fixed_dictionaries(values).map(called)


def outputs_of(described: Callable[..., Effect[A, Any]]) -> st.SearchStrategy[A]:
    """Values that a step or a workflow may end with, by its annotation.

    Args:
        described: A function under `@workflow` or `@step`.

    Raises:
        Defect: It is neither.
    """
    block = block_of(described)
    return of(block.hints[0] if block is not None else _task(described).channel[0])


def _parameters(described: Callable[..., Any]) -> Parameters:
    block = block_of(described)
    return parameters_of(block.fn) if block is not None else _task(described).parameters


def _task(described: Callable[..., Any]) -> Task:
    task = getattr(described, "task", None)
    if not isinstance(task, Task):
        raise Defect(f"{described!r} is neither a @workflow nor a @step")
    return task


# -- Whole runs. ------------------------------------------------------------------------------------------------------


def scripts(effect: Effect[Any, Any], *, faults: bool = False) -> st.SearchStrategy[Script]:
    """Scripts that answer everything that an effect may ask, by any value of its type, sooner or later.

    Args:
        effect: What is to be simulated. Its plan says what it may ask.
        faults: Let steps and asks also fail, and gates that expire expire.
    """
    ways = _asked(effect)
    made: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {  # what no plan foresees, such as one more item of a list, is made up
            where: st.fixed_dictionaries({path: _entry(op, faults) for path, op in found.items()}).map(_with_auto)
            for where, found in ways.items()
        }
    )
    return made


def fault_plans(effect: Effect[Any, Any]) -> st.SearchStrategy[Faults]:
    """Scripts in which some of the steps and asks of an effect fail, and nothing else is said.

    Args:
        effect: What is to be simulated. Its plan says what it may ask.

    Example:
        >>> from hypothesis import given, settings
        >>> from returns.result import Success
        >>> from perdure import fallback, step
        >>> from perdure.testing import simulate
        >>> from perdure.testing.strategies import fault_plans
        >>> @step
        ... def risky() -> str:
        ...     return "done"
        >>> careful = fallback(risky().map(str.upper), risky().map(str.title))
        >>> @settings(deadline=None)
        ... @given(fault_plans(careful))
        ... def test_one_failure_is_survived(faults):
        ...     if len(faults["steps"]) < 2:
        ...         assert isinstance(simulate(careful, **faults).outcome, Success)
        >>> test_one_failure_is_survived()
    """
    ways = _asked(effect)
    made: st.SearchStrategy[Any] = st.fixed_dictionaries(
        {
            where: st.fixed_dictionaries({}, optional={path: _failures(op) for path, op in ways[where].items()})
            for where in ("agents", "steps")
        }
    )
    return made


def _asked(effect: Effect[Any, Any]) -> dict[str, dict[str, Op[Any, Any]]]:
    found: dict[str, dict[str, Op[Any, Any]]] = {"answers": {}, "agents": {}, "steps": {}}
    for path, ops in plan(effect, faults=True).exploration.asked.items():
        if not isinstance(ops[0], Sleep | Now):
            found[where_of(ops[0])][path] = ops[0]
    return found


def _entry(op: Op[Any, Any], faults: bool) -> Strategy:
    ends = value = of(op.output)
    if faults:
        ends = value | _failures(op)
        if op.retry is not None:  # then one that fails some times, and answers whoever asks again
            attempts = op.retry.attempts
            failing = st.lists(_failures(op), min_size=1, max_size=attempts)
            ends = ends | st.tuples(failing, value).map(lambda both: each(*both[0], *[both[1]] * attempts))
    return ends | st.builds(after, st.timedeltas(timedelta(0), timedelta(days=2)), ends)


def _failures(op: Op[Any, Any]) -> Strategy:
    if isinstance(op, Suspend):
        return st.just(never) if op.expires is not None else st.nothing()
    declared = [of(error) for error in op.errors if isinstance(error, type) and issubclass(error, Exception)]
    real = [st.just(OSError("a fault"))] if isinstance(op, Step | Ask) else []
    return st.one_of(*real, *declared)


def _with_auto(script: dict[str, Any]) -> dict[str, Any]:
    return {**script, "*": auto}
