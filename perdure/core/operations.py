"""The leaves and combinators that users call.

Every one builds nodes and nothing else; none of them runs anything. What cannot be right is a `Defect` at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any, Never, ParamSpec, Protocol, overload

import attrs
from returns.result import Failure, Result, Success
from typing_extensions import TypeForm, TypeVar

from perdure.core.agents import Agent
from perdure.core.effect import All, Call, Do, Effect, Fail, Pure, Race, Repeat, Saga, Scope, Undo
from perdure.core.estimate import Estimate
from perdure.core.faults import Defect, Exhausted, Expired, Fault, StepFault, TimedOut
from perdure.core.identity import checked_name
from perdure.core.identity import segment as as_segment
from perdure.core.leaves import Approved, Ask, Child, Denied, Now, Signal, Sleep, Step, Suspend, Task
from perdure.core.retry import Retry
from perdure.core.workflow import workflow

if TYPE_CHECKING:
    from returns.future import FutureResult
    from returns.io import IOResult

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
J = TypeVar("J")
S = TypeVar("S")
T = TypeVar("T")
K = TypeVar("K")
X = TypeVar("X")
E = TypeVar("E", default=Fault)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")
E5 = TypeVar("E5")
E6 = TypeVar("E6")
E7 = TypeVar("E7")
E8 = TypeVar("E8")
P = ParamSpec("P")


def pure(value: A) -> Effect[A, Never]:
    """An effect that yields this value and asks for nothing."""
    return Pure(value)


def fail(error: E1) -> Effect[Never, E1]:
    """An effect that fails with this error: any value, though exceptions read best in reports."""
    return Fail(error)


# -- leaves -------------------------------------------------------------------------------------------------


class _Lift(Protocol):
    """`@step(…)`: as `@step`, with options."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: Callable[P, FutureResult[A, X] | IOResult[A, X]], /
    ) -> Callable[P, Effect[A, X | StepFault]]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, fn: Callable[P, Coroutine[Any, Any, Result[A, X]]], /
    ) -> Callable[P, Effect[A, X | StepFault]]: ...
    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, A]], /) -> Callable[P, Effect[A, StepFault]]: ...
    @overload
    def __call__(self, fn: Callable[P, Result[A, X]], /) -> Callable[P, Effect[A, X | StepFault]]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Callable[P, A], /) -> Callable[P, Effect[A, StepFault]]: ...


@overload
def step(fn: Callable[P, FutureResult[A, X] | IOResult[A, X]], /) -> Callable[P, Effect[A, X | StepFault]]: ...  # type: ignore[overload-overlap]
@overload
def step(fn: Callable[P, Coroutine[Any, Any, Result[A, X]]], /) -> Callable[P, Effect[A, X | StepFault]]: ...  # type: ignore[overload-overlap]
@overload
def step(fn: Callable[P, Coroutine[Any, Any, A]], /) -> Callable[P, Effect[A, StepFault]]: ...
@overload
def step(fn: Callable[P, Result[A, X]], /) -> Callable[P, Effect[A, X | StepFault]]: ...  # type: ignore[overload-overlap]
@overload
def step(fn: Callable[P, A], /) -> Callable[P, Effect[A, StepFault]]: ...
@overload
def step(
    *,
    name: str = ...,
    retry: Retry | None = ...,
    timeout: timedelta | None = ...,
    repeat: Repeat = ...,
    version: str = ...,
    estimate: Estimate | None = ...,
) -> _Lift: ...
def step(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str = "",
    retry: Retry | None = None,
    timeout: timedelta | None = None,
    repeat: Repeat = "idempotent",
    version: str = "",
    estimate: Estimate | None = None,
) -> Any:
    """Lift impure code: calling the decorated function describes one step, which is recorded once it has run.

    A `Result` that it returns becomes the typed error channel; so does an `IOResult`, a `FutureResult`, and what
    `@safe`, `@impure_safe` or `@future_safe` made. Whatever else it raises is a `StepFault`.

    Args:
        fn: A sync or async function. Its arguments and its value must be writable as JSON by their annotations.
        name: Its name in keys; the function's name by default.
        retry: When to try again; without it a step runs once.
        timeout: How long one attempt may take. What takes longer fails with `StepTimedOut`.
        repeat: What may happen after an attempt whose end nobody knows: `"idempotent"` runs it again under the same
            idempotency key, `"pure"` freely, `"once"` never: the workflow gets `Interrupted` and decides.
        version: Raise it to say that what was recorded before is not this step any more.
        estimate: What one attempt may cost, for plans.

    Raises:
        Defect: The name cannot be part of a key, or `once` is to be retried.

    Example:
        >>> from perdure import Retry, step
        >>> @step(retry=Retry(attempts=5))
        ... def fetch(url: str) -> str:
        ...     return "…"
        >>> fetch("http://127.0.0.1/").name
        'fetch'
    """
    if fn is None:
        return functools.partial(
            step, name=name, retry=retry, timeout=timeout, repeat=repeat, version=version, estimate=estimate
        )
    if not callable(fn):
        raise Defect(f"@step decorates a function, not {fn!r}")
    if repeat == "once" and retry is not None and retry.attempts > 1:
        raise Defect(
            f"step {name or fn.__name__!r} is `once` and has a retry: it cannot run never and again. Drop one of them"
        )
    if repeat not in ("pure", "idempotent", "once"):
        raise Defect(f'step {name or fn.__name__!r}: repeat={repeat!r} is none of "pure", "idempotent", "once"')
    _duration(timeout, "timeout")
    task = Task(checked_name(name or fn.__name__, "step"), fn, retry, timeout, repeat, version, estimate)

    @functools.wraps(fn)
    def describe(*args: Any, **kwargs: Any) -> Effect[Any, Any]:
        return Step(task, args, kwargs)

    describe.task = task  # type: ignore[attr-defined]  # how a simulated world finds the step behind a name
    return describe


def _duration(value: object, what: str, *, optional: bool = True) -> None:
    if optional and value is None:
        return
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise Defect(f"{what}={value!r}: a duration is a timedelta that is not negative, such as timedelta(minutes=5)")


def _aware(value: object) -> None:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise Defect(f"sleep_until({value!r}): give an aware datetime, such as datetime(2030, 1, 1, tzinfo=UTC)")


def _effect(value: object, where: str) -> None:
    if not isinstance(value, Effect):
        raise Defect(f"{where} takes effects, not {value!r}: call the step or workflow, or wrap the value in `pure(…)`")


@overload
def ask(
    name: str,
    agent: Agent | Sequence[Agent],
    prompt: str,
    *,
    retry: Retry | None = ...,
    timeout: timedelta | None = ...,
    budget: float | None = ...,
    repair: int = ...,
    estimate: Estimate | None = ...,
) -> Effect[str, StepFault]: ...
@overload
def ask(
    name: str,
    agent: Agent | Sequence[Agent],
    prompt: str,
    output: TypeForm[A],
    *,
    retry: Retry | None = ...,
    timeout: timedelta | None = ...,
    budget: float | None = ...,
    repair: int = ...,
    estimate: Estimate | None = ...,
) -> Effect[A, StepFault]: ...
def ask(
    name: str,
    agent: Agent | Sequence[Agent],
    prompt: str,
    output: Any = str,
    *,
    retry: Retry | None = None,
    timeout: timedelta | None = None,
    budget: float | None = None,
    repair: int = 2,
    estimate: Estimate | None = None,
) -> Effect[Any, StepFault]:
    """One question to an agent, answered by a value of type `output`.

    Args:
        name: Its name in keys. The agent is no part of it, so another can answer next week.
        agent: Whom to ask, or several in the order in which they are tried.
        prompt: What to ask.
        output: Any type expression: a class, `Plan | None`, `Literal["a", "b"]`.
        retry: When to ask all of them again, after the last has failed.
        timeout: How long one attempt may take: one turn of one agent.
        budget: US dollars. Once so much is spent, or nobody knows how much is, no further attempt is made. A `retry`
            has the same budget again.
        repair: How often an agent whose answer is not of that type is told so, and asked for its form once more.
        estimate: What one answer of any of them may cost, for plans; by default what the agents themselves say.
    """
    agents = (agent,) if isinstance(agent, Agent) else tuple(agent)
    if not agents or not all(isinstance(a, Agent) for a in agents):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller has a checker
        raise Defect(f"ask({name!r}) needs an agent or a list of agents, not {agent!r}")
    _duration(timeout, "timeout")
    if (budget is not None and not 0 < budget < inf) or repair not in range(2**31):
        raise Defect(
            f"ask({name!r}, budget={budget!r}, repair={repair!r}): a budget is a number of dollars above 0, "
            "a repair a whole number from 0 on"
        )
    return Ask(checked_name(name, "ask"), agents, prompt, output, retry, timeout, estimate, budget, repair)


@overload
def suspend(name: str, *, prompt: str = ..., show: object = ..., expires: None = ...) -> Effect[bool, Never]: ...
@overload
def suspend(name: str, *, prompt: str = ..., show: object = ..., expires: timedelta) -> Effect[bool, Expired]: ...
@overload
def suspend(
    name: str, answer: TypeForm[A], *, prompt: str = ..., show: object = ..., expires: None = ...
) -> Effect[A, Never]: ...
@overload
def suspend(
    name: str, answer: TypeForm[A], *, prompt: str = ..., show: object = ..., expires: timedelta
) -> Effect[A, Expired]: ...
def suspend(
    name: str, answer: Any = bool, *, prompt: str = "", show: object = None, expires: timedelta | None = None
) -> Effect[Any, Any]:
    """Wait for a person: the process may exit here until tomorrow.

    Args:
        name: The gate's name, by which it is answered.
        answer: The type of the answer; yes or no by default.
        prompt: The question.
        show: What it is about. Shown to whoever answers; an answer is for exactly this, never for something else.
        expires: If given, the gate closes this long after it was opened, and the effect fails with `Expired`.
    """
    _duration(expires, "expires")
    return Suspend(checked_name(name, "gate"), answer, prompt, show, expires)


@overload
def approval(
    name: str, *, prompt: str = ..., show: object = ..., expires: None = ...
) -> Effect[Approved | Denied, Never]: ...
@overload
def approval(
    name: str, *, prompt: str = ..., show: object = ..., expires: timedelta
) -> Effect[Approved | Denied, Expired]: ...
def approval(name: str, *, prompt: str = "", show: object = None, expires: timedelta | None = None) -> Effect[Any, Any]:
    """Wait for somebody to approve or deny. Both are decisions, told apart by `match`; see `suspend`.

    Example:
        >>> from perdure import approval
        >>> approval("publish", prompt="Ship it?").name
        'publish'
    """
    _duration(expires, "expires")
    return Suspend(checked_name(name, "gate"), Approved | Denied, prompt, show, expires)


def signal(name: str, payload_type: TypeForm[A]) -> Effect[A, Never]:
    """Wait for a message sent to this run under this name. First come, first consumed; it may precede the wait.

    Args:
        name: The signal's name.
        payload_type: The type that a message must have.
    """
    return Signal(checked_name(name, "signal"), payload_type)


def sleep(duration: timedelta) -> Effect[None, Never]:
    """Wait. A long wait costs no process, and a crash does not restart it."""
    _duration(duration, "sleep(duration)")
    if duration is None:  # pyright: ignore[reportUnnecessaryComparison]  # not every caller has a checker
        raise Defect("sleep(None): give a timedelta")
    return Sleep(duration)


def sleep_until(moment: datetime) -> Effect[None, Never]:
    """Wait until a moment in time, which must bear its time zone. A past one waits for nothing."""
    _aware(moment)
    return Sleep(moment)


def now() -> Effect[datetime, Never]:
    """The time (aware, UTC), recorded: the same on every replay."""
    return Now()


def child(call: Effect[A, E1], *, name: str = "") -> Effect[A, E1]:
    """Another workflow as a run of its own: its own journal, its own lease, its own row.

    Args:
        call: A call of a `@workflow`, such as `ship("bees")`.
        name: Its name in keys; the workflow's name by default.
    """
    if not isinstance(call, Call):
        raise Defect(f"child({call!r}): only the call of a @workflow can be a run of its own; wrap it in one")
    return Child(call, checked_name(name or call.block.name, "child run"))


# -- concurrency --------------------------------------------------------------------------------------------


@overload
def parallel(a: Effect[A, E1], b: Effect[B, E2], /, *, limit: int = ...) -> Effect[tuple[A, B], E1 | E2]: ...
@overload
def parallel(
    a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], /, *, limit: int = ...
) -> Effect[tuple[A, B, C], E1 | E2 | E3]: ...
@overload
def parallel(
    a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], d: Effect[D, E4], /, *, limit: int = ...
) -> Effect[tuple[A, B, C, D], E1 | E2 | E3 | E4]: ...
@overload
def parallel(
    a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], d: Effect[D, E4], f: Effect[F, E5], /, *, limit: int = ...
) -> Effect[tuple[A, B, C, D, F], E1 | E2 | E3 | E4 | E5]: ...
@overload
def parallel(
    a: Effect[A, E1],
    b: Effect[B, E2],
    c: Effect[C, E3],
    d: Effect[D, E4],
    f: Effect[F, E5],
    g: Effect[G, E6],
    /,
    *,
    limit: int = ...,
) -> Effect[tuple[A, B, C, D, F, G], E1 | E2 | E3 | E4 | E5 | E6]: ...
@overload
def parallel(
    a: Effect[A, E1],
    b: Effect[B, E2],
    c: Effect[C, E3],
    d: Effect[D, E4],
    f: Effect[F, E5],
    g: Effect[G, E6],
    h: Effect[H, E7],
    /,
    *,
    limit: int = ...,
) -> Effect[tuple[A, B, C, D, F, G, H], E1 | E2 | E3 | E4 | E5 | E6 | E7]: ...
@overload
def parallel(
    a: Effect[A, E1],
    b: Effect[B, E2],
    c: Effect[C, E3],
    d: Effect[D, E4],
    f: Effect[F, E5],
    g: Effect[G, E6],
    h: Effect[H, E7],
    j: Effect[J, E8],
    /,
    *,
    limit: int = ...,
) -> Effect[tuple[A, B, C, D, F, G, H, J], E1 | E2 | E3 | E4 | E5 | E6 | E7 | E8]: ...
@overload
def parallel(*effects: Effect[A, E1], limit: int = ...) -> Effect[tuple[A, ...], E1]: ...
def parallel(*effects: Effect[Any, Any], limit: int = 0) -> Effect[Any, Any]:
    """All of them, side by side; the values as a tuple. The first failure cancels the rest.

    Args:
        effects: Their position is their identity; use `parallel_map` to name them.
        limit: How many may run at once; 0 for all.
    """
    for effect in effects:
        _effect(effect, "parallel(…)")
    return All(effects, _numbers(len(effects)), _limited(limit, "parallel"))


def parallel_map(effects: Mapping[K, Effect[A, E1]], *, limit: int = 0) -> Effect[dict[K, A], E1]:
    """As `parallel`, but the branches have names, and the names are their identity."""
    for effect in effects.values():
        _effect(effect, "parallel_map(…)")
    keys = tuple(effects)
    segments = _segments([str(k) for k in keys], "parallel_map")
    named: Effect[tuple[A, ...], E1] = All(tuple(effects.values()), segments, _limited(limit, "parallel_map"))
    return named.map(lambda values: dict(zip(keys, values, strict=True)))


@attrs.frozen
class _Described(Sequence[Effect[B, E1]]):
    """What `body` makes of each item, described when it is its turn: a limit bounds description too."""

    items: tuple[Any, ...]
    body: Callable[[Any], Effect[B, E1]]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:  # only ever an int; Sequence also promises slices
        return self.body(self.items[index])


def for_each(
    items: Iterable[T], body: Callable[[T], Effect[B, E1]], *, key: Callable[[T], str] | None = None, limit: int = 8
) -> Effect[list[B], E1]:
    """The body for every item, side by side; the values in the order of the items. The first failure cancels the rest.

    Args:
        items: Read at once.
        body: Called for an item when it is its turn.
        key: A distinct text for each item, which becomes its identity: any string. Its position by default, and
            then an item inserted in the middle moves all that follow.
        limit: How many may run at once; 0 for all.

    Raises:
        Defect: Two items have one key, or the limit is below zero.
    """
    held = tuple(items)
    segments = _segments([key(item) for item in held], "for_each") if key else _numbers(len(held))
    every: Effect[tuple[B, ...], E1] = All(_Described(held, body), segments, _limited(limit, "for_each"))
    return every.map(list)


def unfold(
    first: Mapping[tuple[str, ...], Effect[A, E1]],
    more: Callable[[A], Mapping[tuple[str, ...], Effect[A, E1]]],
    *,
    limit: int = 0,
) -> Effect[tuple[A, ...], E1]:
    """Effects side by side, and with each that ends whatever it makes possible; until nothing is left.

    None of them waits for the others of its generation. The first failure cancels the rest.

    Args:
        first: By the segments of their keys, which no other effect may have.
        more: Called with the value of each effect as it ends, in the order in which they end. Make it in the body of a
            workflow, if it remembers anything.
        limit: How many may run at once; 0 for all. Which was made possible first begins first.

    Returns:
        All values, in the order in which the effects began.

    Example:
        >>> from perdure import pure
        >>> from perdure.core.operations import unfold
        >>> from perdure.testing import simulate
        >>> halves = lambda n: {} if n < 2 else {(str(n // 2),): pure(n // 2)}
        >>> simulate(unfold({("9",): pure(9)}, halves)).value()
        (9, 4, 2, 1)
    """
    begun = _by_segment(first)
    return All(tuple(begun.values()), tuple(begun), _limited(limit, "unfold"), lambda value: _by_segment(more(value)))


def _by_segment(effects: Mapping[tuple[str, ...], Effect[A, E1]]) -> dict[str, Effect[A, E1]]:
    return {"/".join(map(as_segment, name)): effect for name, effect in effects.items()}


def _limited(limit: int, where: str) -> int:
    """A limit under which something begins: below zero nothing ever would, and the run would wait for nobody."""
    if limit < 0:
        raise Defect(f"{where}(limit={limit!r}): how many may run at once, or 0 for all")
    return limit


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def distinct(keys: Sequence[str], where: str, what: str = "items") -> list[str]:
    """The texts of keys, each of which names one thing only."""
    keys = [str.__str__(key) for key in keys]  # of an item that nobody has seen yet: its placeholder's name
    seen: set[str] = set()
    for text in keys:
        if text in seen:
            raise Defect(f"{where} has two {what} with the key {text!r}: keys are identities, so each needs its own")
        seen.add(text)
    return keys


def _segments(keys: Sequence[str], where: str) -> tuple[str, ...]:
    return tuple(map(as_segment, distinct(keys, where)))


@overload
def race(a: Effect[A, E1], b: Effect[B, E2], /) -> Effect[A | B, E1 | E2]: ...
@overload
def race(a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], /) -> Effect[A | B | C, E1 | E2 | E3]: ...
@overload
def race(
    a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], d: Effect[D, E4], /
) -> Effect[A | B | C | D, E1 | E2 | E3 | E4]: ...
@overload
def race(
    a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], d: Effect[D, E4], f: Effect[F, E5], /
) -> Effect[A | B | C | D | F, E1 | E2 | E3 | E4 | E5]: ...
@overload
def race(
    a: Effect[A, E1], b: Effect[B, E2], c: Effect[C, E3], d: Effect[D, E4], f: Effect[F, E5], g: Effect[G, E6], /
) -> Effect[A | B | C | D | F | G, E1 | E2 | E3 | E4 | E5 | E6]: ...
@overload
def race(
    a: Effect[A, E1],
    b: Effect[B, E2],
    c: Effect[C, E3],
    d: Effect[D, E4],
    f: Effect[F, E5],
    g: Effect[G, E6],
    h: Effect[H, E7],
    /,
) -> Effect[A | B | C | D | F | G | H, E1 | E2 | E3 | E4 | E5 | E6 | E7]: ...
@overload
def race(
    a: Effect[A, E1],
    b: Effect[B, E2],
    c: Effect[C, E3],
    d: Effect[D, E4],
    f: Effect[F, E5],
    g: Effect[G, E6],
    h: Effect[H, E7],
    j: Effect[J, E8],
    /,
) -> Effect[A | B | C | D | F | G | H | J, E1 | E2 | E3 | E4 | E5 | E6 | E7 | E8]: ...
@overload
def race(*effects: Effect[A, E1]) -> Effect[A, E1]: ...
def race(*effects: Effect[Any, Any]) -> Effect[Any, Any]:
    """The first success wins; the last failure, if none succeeds. Losers are cancelled and take back what they did."""
    for effect in effects:
        _effect(effect, "race(…)")
    if not effects:
        raise Defect("race() of nothing can have no winner: give it at least one effect")
    return Race(effects, _numbers(len(effects)))


def timeout(effect: Effect[A, E1], after: timedelta) -> Effect[A, E1 | TimedOut]:
    """The effect, or `TimedOut` if it takes longer; then it is cancelled and takes back what it did. Durable."""
    _effect(effect, "timeout(…)")
    _duration(after, "timeout(after)", optional=False)
    late: Effect[Never, TimedOut] = Sleep(after, "timer").bind(lambda _: fail(TimedOut(after)))
    return Race[A, "E1 | TimedOut"]((effect, late), ("body", "timer"), first_exit=True)


# -- failure ------------------------------------------------------------------------------------------------


@overload
def fallback(a: Effect[A, Any], b: Effect[B, E1], /) -> Effect[A | B, E1]: ...
@overload
def fallback(a: Effect[A, Any], b: Effect[B, Any], c: Effect[C, E1], /) -> Effect[A | B | C, E1]: ...
@overload
def fallback(
    a: Effect[A, Any], b: Effect[B, Any], c: Effect[C, Any], d: Effect[D, E1], /
) -> Effect[A | B | C | D, E1]: ...
@overload
def fallback(
    a: Effect[A, Any], b: Effect[B, Any], c: Effect[C, Any], d: Effect[D, Any], f: Effect[F, E1], /
) -> Effect[A | B | C | D | F, E1]: ...
@overload
def fallback(
    a: Effect[A, Any], b: Effect[B, Any], c: Effect[C, Any], d: Effect[D, Any], f: Effect[F, Any], g: Effect[G, E1], /
) -> Effect[A | B | C | D | F | G, E1]: ...
@overload
def fallback(
    a: Effect[A, Any],
    b: Effect[B, Any],
    c: Effect[C, Any],
    d: Effect[D, Any],
    f: Effect[F, Any],
    g: Effect[G, Any],
    h: Effect[H, E1],
    /,
) -> Effect[A | B | C | D | F | G | H, E1]: ...
@overload
def fallback(
    a: Effect[A, Any],
    b: Effect[B, Any],
    c: Effect[C, Any],
    d: Effect[D, Any],
    f: Effect[F, Any],
    g: Effect[G, Any],
    h: Effect[H, Any],
    j: Effect[J, E1],
    /,
) -> Effect[A | B | C | D | F | G | H | J, E1]: ...
@overload
def fallback(first: Effect[A, E1], /, *more: Effect[A, E1]) -> Effect[A, E1]: ...
def fallback(*effects: Effect[Any, Any]) -> Effect[Any, Any]:
    """Each in turn until one succeeds. What the earlier ones fail with leaves the type; the last one's stays."""
    for effect in effects:
        _effect(effect, "fallback(…)")
    if not effects:
        raise Defect("fallback() of nothing: give it at least one effect")
    return _fallback(effects)


@workflow(name="fallback")
def _fallback(effects: tuple[Effect[A, E], ...]) -> Do[A, E]:
    *head, last = effects
    for n, effect in enumerate(head):
        match (yield from scope(str(n), effect).attempt()):
            case Success(value):
                return value
            case Failure():
                pass
    return (yield from scope(str(len(head)), last))


def retry(effect: Effect[A, E1], policy: Retry = Retry()) -> Effect[A, E1]:  # noqa: B008  # frozen
    """The effect again while it fails, by a policy; the waits are durable. Each attempt has keys of its own.

    For a single step, `@step(retry=…)` is better: all its attempts share one idempotency key.
    """
    _effect(effect, "retry(…)")
    return _retry(effect, policy)


@workflow(name="retry")
def _retry(effect: Effect[A, E], policy: Retry) -> Do[A, E]:
    began = (yield from now()) if policy.within is not None else None
    attempt = 1
    while True:
        outcome = yield from scope(str(attempt), effect).attempt()
        if isinstance(outcome, Success):
            return outcome.unwrap()
        error = outcome.failure()
        elapsed = timedelta(0) if began is None else (yield from now()) - began
        # The wait is spread by the hash of the timer's own key: this body must not know in which run it is.
        wait = attrs.evolve(policy, jitter=0.0).again(attempt, error, elapsed, "")
        if wait is None:
            return (yield from fail(error))
        if wait:
            yield from Sleep(wait, jitter=policy.jitter)
        attempt += 1


def ensure(effect: Effect[A, E1], finalizer: Effect[object, Never]) -> Effect[A, E1]:
    """The finalizer after success and failure. It is an effect, so it may wait and survives a crash.

    Not on cancellation: what must be taken back then belongs into `compensate`.
    """
    _effect(effect, "ensure(…)")
    _effect(finalizer, "ensure(…)")
    return effect.attempt().bind(lambda outcome: finalizer.bind(lambda _: Effect.from_result(outcome)))


# -- structure ----------------------------------------------------------------------------------------------


def loop(
    initial: S,
    body: Callable[[S], Effect[S, E1]],
    *,
    until: Callable[[S], bool],
    rounds: int,
    alike: int = 0,
    name: str = "loop",
) -> Effect[S, E1 | Exhausted[S]]:
    """The body again and again, each round on the state that the one before made.

    Args:
        initial: The first state.
        body: One round.
        until: Whether a state is good enough; asked after each round.
        rounds: How many at most. Running out of them is `Exhausted` with the last state, never a success.
        alike: Give up as well once so many rounds in a row made equal states; 0 for never.
        name: Its segment in keys.
    """
    if rounds < 1:
        raise Defect(f"loop(rounds={rounds!r}): at least one round")
    if alike < 0 or alike == 1:
        raise Defect(f"loop(alike={alike!r}): states are alike from the second one on; 0 lets all rounds be used")
    return Scope(_loop(initial, body, until, rounds, alike), checked_name(name, "loop"))


@workflow(name="round")
def _loop(
    initial: S, body: Callable[[S], Effect[S, E]], until: Callable[[S], bool], rounds: int, alike: int
) -> Do[S, E | Exhausted[S]]:
    state, same = initial, 0
    for n in range(1, rounds + 1):
        before, state = state, (yield from scope(str(n), body(state)))
        if until(state):
            return state
        if alike:
            same = same + 1 if n > 1 and state == before else 1
            if same == alike:
                return (yield from fail(Exhausted(state, n, same)))
    return (yield from fail(Exhausted(state, rounds)))


def branch(condition: bool, then: Effect[A, E1], otherwise: Effect[B, E2]) -> Effect[A | B, E1 | E2]:
    """One of two effects, for use in expressions; in a workflow a plain `if` reads better."""
    _effect(then, "branch(…)")
    _effect(otherwise, "branch(…)")
    return then if condition else otherwise


def scope(segment: str, effect: Effect[A, E1], /, **notes: object) -> Effect[A, E1]:
    """Put a segment in front of every key in the effect, and notes for people and tools."""
    _effect(effect, "scope(…)")
    return Scope(effect, checked_name(segment, "scope"), notes)


def compensate(effect: Effect[A, E1], undo: Callable[[A], Effect[object, Any]]) -> Effect[A, E1]:
    """The effect, and how to take it back: `undo` runs if the enclosing saga, or the run, fails or is cancelled."""
    _effect(effect, "compensate(…)")
    return Undo(effect, undo)


def saga(effect: Effect[A, E1]) -> Effect[A, E1]:
    """The bracket of compensations: when it fails, what was done inside is taken back, the last first."""
    _effect(effect, "saga(…)")
    return Saga(effect)
