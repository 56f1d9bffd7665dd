"""What is answered in a simulated world, as data: a script, and the cast that plays it.

Free of any interpreter: whoever drives a machine asks the cast what becomes of a request, and when. Nothing here
waits, and what the cast makes up depends on its seed, the request and the attempt alone.
"""

from __future__ import annotations

import difflib
import enum
import fnmatch
import inspect
import random
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import attrs
from returns.result import Failure, Success

from perdure.core import outcomes
from perdure.core.agents import Scripted, priced
from perdure.core.asked import Answer, Decision, Question, blame, settle
from perdure.core.codec import CodecError
from perdure.core.effect import Op
from perdure.core.estimate import UNPRICED, Estimate
from perdure.core.faults import Defect, is_declared
from perdure.core.hints import label
from perdure.core.leaves import Approved, Ask, Child, Denied, Now, Signal, Sleep, Step, Suspend
from perdure.core.retry import spread
from perdure.interpreters.simulate.example import example
from perdure.interpreters.simulate.made import made

#: From a name, a path or a pattern (`*`, `?`, `[…]`) to what is answered. An exact path counts before an exact name, a
#: name before a pattern, and of patterns the first.
Answers: TypeAlias = Mapping[str, object]
NOTHING: Final[Answers] = {}


class ScriptError(AssertionError):
    """The script does not fit the workflow. It ends the simulation: no workflow sees it."""


class Unscripted(ScriptError):
    """The script does not say what is answered, and nothing real may be asked. The message has the line to add."""


# -- Entries. ---------------------------------------------------------------------------------------------------------


class Word(enum.Enum):
    """What may stand in a script in place of a value."""

    NEVER = "never"
    AUTO = "auto"


#: The answer that never comes: for gates that expire, and attempts that run out of time.
never: Final = Word.NEVER
#: Any value of the type that is asked for; the seed decides which.
auto: Final = Word.AUTO


@attrs.frozen(eq=False)
class Each:
    """One answer after another. Made by `each`."""

    answers: tuple[object, ...]


def _duration(_: object, __: attrs.Attribute[timedelta], delay: object) -> None:
    if not isinstance(delay, timedelta) or delay < timedelta(0):
        raise Defect(f"after({delay!r}, …): a delay is a timedelta that is not negative, such as timedelta(days=2)")


@attrs.frozen(eq=False)
class After:
    """An answer that takes its time. Made by `after`."""

    delay: timedelta = attrs.field(validator=_duration)
    answer: object


def each(*answers: object) -> Each:
    """One answer a use, in their order. A use is one attempt: a retry takes the next one, and a repeat of the same
    attempt after a crash takes the same one again.

    Args:
        answers: Whatever may stand in a script. There must be one for every use.

    Example:
        >>> {"review": each("too long", ConnectionError("rate limit"), "fine")}["review"].answers[2]
        'fine'
    """
    return Each(answers)


def after(delay: timedelta, answer: object) -> After:
    """An answer that comes late, in virtual time.

    Args:
        delay: From the beginning of the attempt, or from when the gate was opened.
        answer: Whatever may stand in a script; delays within it are added.

    Raises:
        Defect: The delay is no duration.

    Example:
        >>> after(timedelta(days=2), "approve").delay
        datetime.timedelta(days=2)
    """
    return After(delay, answer)


# -- The cast. --------------------------------------------------------------------------------------------------------


@attrs.frozen
class Cue:
    """What becomes of one attempt.

    Attributes:
        answer: It fits the types of what was asked. None where it never comes.
        delay: How long it takes, in virtual time.
    """

    answer: Answer | None
    delay: timedelta = timedelta(0)


@attrs.frozen
class Unused:
    """An entry of a script that answered nothing.

    Attributes:
        where: The part of the script, such as `answers`.
        key: The entry.
        nearest: A name or path that was asked for and is written alike, if there is one.
    """

    where: str
    key: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest is not None else ""
        return f"{self.where}[{self.key!r}] was never used{hint}"


_Where: TypeAlias = Literal["answers", "agents", "steps"]
#: Which attempt it is, before a crash as after it: where its run stands, its path, and how many have failed before.
_Which: TypeAlias = tuple[str, str, int]


class Cast:
    """Whoever answers in a simulated world, by a script.

    Args:
        answers: For gates, signals and child runs. `"approve"` approves every gate that can be.
        agents: For asks. `"auto"` answers each by any value of its type.
        steps: In place of the functions of steps, and for operations of one's own.
        seed: Decides what is left open: what `auto` is, and how long takes what nobody scripted.
        handled: Classes of leaves that somebody else answers where the script is silent.

    Raises:
        Defect: A part of the script is no mapping.
    """

    def __init__(
        self,
        answers: Answers | Literal["approve"] = NOTHING,
        agents: Answers | Literal["auto"] = NOTHING,
        steps: Answers = NOTHING,
        *,
        seed: int = 0,
        handled: Collection[type[Op[Any, Any]]] = (),
    ) -> None:
        self.seed = seed
        self._handled = frozenset(handled)
        self._approve, self._auto = answers == "approve", agents == "auto"
        self._scripts: dict[_Where, Answers] = {
            "answers": {} if self._approve else _mapping("answers", answers, ' or "approve"'),
            "agents": {} if self._auto else _mapping("agents", agents, ' or "auto"'),
            "steps": _mapping("steps", steps),
        }
        self._patterns = {
            where: [key for key in script if any(char in key for char in "*?[")]
            for where, script in self._scripts.items()
        }
        self._used: set[tuple[_Where, str]] = set()
        self._met: dict[_Where, dict[str, None]] = {"answers": {}, "agents": {}, "steps": {}}
        self._turns: dict[Each, dict[_Which, int]] = {}

    def find(self, op: Op[Any, Any], path: str, failed: int = 0, run: str = "") -> Cue | None:
        """What the script says of one attempt, or None where the leaf is to answer by itself.

        Those are steps that may run again, asks of `Scripted` agents only, child runs, timers and the clock.

        Args:
            op: What is asked.
            path: Its key.
            failed: How many attempts at it have failed by their own doing. The same attempt gets the same answer again.
            run: Where the child run stands that asks; empty for the run itself.

        Raises:
            Unscripted: The script is silent, and the leaf must not answer by itself.
            ScriptError: What the script says does not fit.
        """
        if isinstance(op, Sleep | Now):
            return None
        where = where_of(op)
        self._met[where] |= {op.name: None, path: None}
        key = self._key(where, op, path)
        if key is not None:
            self._used.add((where, key))
            return self._cue(_Part(op, path, (run, path, failed), f"{where}[{key!r}]"), self._scripts[where][key])
        if self._approve and isinstance(op, Suspend) and op.approvable:
            return Cue(Success(_decision(op, "approve")))
        if self._auto and isinstance(op, Ask):
            return self._cue(_Part(op, path, (run, path, failed), "agents"), auto)
        if _by_itself(op) or not self._handled.isdisjoint(type(op).__mro__):
            return None
        raise Unscripted(_line_to_add(op, path, where))

    def decides(self, question: Question, path: str, run: str = "") -> tuple[Decision, timedelta]:
        """What a person says to a question of an attempt, and after how long.

        Args:
            question: It is answered as a gate of its name.
            path: Of its gate.
            run: As in `find`.

        Raises:
            Unscripted: The script is silent.
            ScriptError: What the script says does not fit, or nobody ever answers.
        """
        gate = question.gate
        cue = self.find(gate, path, 0, run)
        assert cue is not None  # no gate answers by itself
        if cue.answer is None:
            raise ScriptError(f"nobody ever answers {_called(gate, path)}, and an attempt waits for it")
        decision: Decision = cue.answer.unwrap()
        return decision, cue.delay

    def lasts(self, op: Op[Any, Any], path: str, failed: int = 0, run: str = "") -> timedelta:
        """How long an attempt takes that the leaf answers by itself: within its estimate, as the seed decides.

        Nothing, where nobody estimated it.
        """
        seconds = _estimate(op).seconds
        if seconds.max is None:
            return timedelta(seconds=seconds.min if seconds.expected is None else seconds.expected)
        return timedelta(
            seconds=seconds.min + (seconds.max - seconds.min) * spread(f"{self.seed}|{run}|{path}", failed)
        )

    def unused(self) -> tuple[Unused, ...]:
        """The entries that answered nothing so far, in their order."""
        return tuple(
            Unused(where, key, next(iter(difflib.get_close_matches(key, self._met[where], n=1)), None))
            for where, script in self._scripts.items()
            for key in script
            if (where, key) not in self._used
        )

    def _key(self, where: _Where, op: Op[Any, Any], path: str) -> str | None:
        script = self._scripts[where]
        if path in script:
            return path
        if op.name in script:
            return op.name
        for pattern in self._patterns[where]:
            if fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(op.name, pattern):
                return pattern
        return None

    def _cue(self, part: _Part, entry: object) -> Cue:
        delay = timedelta(0)
        while isinstance(entry, After | Each):
            if isinstance(entry, After):
                delay, entry = delay + entry.delay, entry.answer
            else:
                entry = self._next(entry, part)
        if entry is never:
            return Cue(None, delay)
        if entry is auto:
            dice = random.Random(f"{self.seed}|{part.attempt}")
            return Cue(part.checked(Success(made(part.op.output, dice))), delay)
        return Cue(part.checked(part.answer(entry)), delay)

    def _next(self, entry: Each, part: _Part) -> object:
        turns = self._turns.setdefault(entry, {})
        turn = turns.setdefault(part.attempt, len(turns))
        if turn >= len(entry.answers):
            raise ScriptError(
                f"{part.line}: each(…) has {len(entry.answers)} answers, and {_called(part.op, part.path)} is use "
                f"number {turn + 1}: add an answer, or give a plain value that answers every time"
            )
        return entry.answers[turn]


@attrs.frozen
class _Part:
    """One attempt, and the line of the script that answers it."""

    op: Op[Any, Any]
    path: str
    attempt: _Which
    line: str

    def answer(self, entry: object) -> Answer:
        if inspect.isclass(entry):
            raise ScriptError(
                f"{self.line}: the class {entry.__name__} is no answer; give a value of it, such as {example(entry)}"
            )
        if isinstance(entry, Exception):
            return self._failure(entry)
        return self._performed(entry) if callable(entry) else self._value(entry)

    def _performed(self, function: Callable[..., object]) -> Answer:
        """What a function makes of what is asked. What it asserts is for the test, and no failure of the step."""
        args, kwargs = _shown_to(self.op)
        try:
            value = function(*args, **kwargs)
            return self._value(self._awaited(value) if inspect.isawaitable(value) else value)
        except AssertionError:
            raise
        except Exception as error:
            return self._failure(error)

    def _value(self, value: object) -> Answer:
        op = self.op
        if isinstance(op, Suspend | Signal):
            return Success(_decision(op, value) if isinstance(op, Suspend) and op.approvable else value)
        return settle(op, value)

    def _awaited(self, value: Any) -> object:  # Any: any Awaitable
        try:
            next(value.__await__())
        except StopIteration as stop:
            returned: object = stop.value
            return returned
        raise ScriptError(
            f"{self.line}: an async function of a script must not wait for anything real; "
            "after(timedelta(…), answer) is a wait in virtual time"
        )

    def _failure(self, error: Exception) -> Answer:
        op = self.op
        if not isinstance(op, Suspend | Signal | Child):
            return blame(op, error)
        if is_declared(error, op.errors):
            return Failure(error)
        can = " | ".join(map(label, op.errors))
        raise ScriptError(
            f"{self.line}: {_called(op, self.path)} cannot fail with {error!r}: "
            + (f"what it declares is {can}" if can else "it has no failures")
        ) from error

    def checked(self, answer: Answer) -> Answer:
        """The answer itself, if what is recorded can hold it."""
        op = self.op
        try:
            outcomes.dump(answer, op.output, op.errors)
        except CodecError as refused:
            kind = "an answer" if isinstance(answer, Success) else "a failure"
            raise ScriptError(
                f"{self.line} is not {kind} of {_called(op, self.path)}: {refused}. Its type is {label(op.output)}: "
                f"{example(op.output)}"
            ) from refused
        return answer


def _mapping(where: str, script: object, other: str = "") -> Answers:
    if not isinstance(script, Mapping):
        raise Defect(f"{where}={script!r}: give a mapping from names to answers{other}")
    found: Answers = script  # pyright: ignore[reportUnknownVariableType]  # isinstance tells no parameters
    return found


def where_of(op: Op[Any, Any]) -> _Where:
    """The part of a script that answers a request."""
    match op:
        case Suspend() | Signal() | Child():
            return "answers"
        case Ask():
            return "agents"
        case _:
            return "steps"


def _shown_to(op: Op[Any, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """What a function of the script is called with: what the request is about."""
    match op:
        case Ask():
            return (op.prompt,), {}
        case Suspend():
            return (op.show,), {}
        case Signal():
            return (), {}
        case Step():
            given = op.given()
            return given.args, given.kwargs
        case Child():
            return op.call.args, op.call.kwargs
        case _:
            return (op,), {}


def _decision(op: Suspend[Any, Any], entry: object) -> object:
    """What approve and deny mean at this gate, and either kind of yes and no at the other kind of gate."""
    if entry in ("approve", "deny"):
        entry = Approved() if entry == "approve" else Denied()
    if op.output is bool:
        return isinstance(entry, Approved) if isinstance(entry, Approved | Denied) else entry
    return (Approved() if entry else Denied()) if isinstance(entry, bool) else entry


def _by_itself(op: Op[Any, Any]) -> bool:
    match op:
        case Step():
            return op.repeat != "once"
        case Ask():
            return all(isinstance(agent, Scripted) for agent in op.agents)
        case _:
            return isinstance(op, Child)


def _called(op: Op[Any, Any], path: str) -> str:
    kind = "gate" if isinstance(op, Suspend) else op.kind
    return f"{kind} {op.name!r}" + (f" ({path})" if path != op.name else "")


def _line_to_add(op: Op[Any, Any], path: str, where: _Where) -> str:
    match op:
        case Ask():
            who = next(agent for agent in op.agents if not isinstance(agent, Scripted))
            why = f"would ask {type(who).__name__} {who.name!r}, and a simulation asks nobody real"
        case Step():
            why = "runs at most once, so a simulation does not run it by itself"
        case Suspend() | Signal():
            why = "waits for an answer that nobody scripted"
        case _:
            why = "is an operation of your own that nobody scripted"
    return f'{_called(op, path)} {why}. Add to {where}: {{"{op.name}": {example(op.output)}}}'


def _estimate(op: Op[Any, Any]) -> Estimate:
    if op.estimate is not None or not isinstance(op, Ask):
        return op.estimate or UNPRICED
    return priced(op.agents[0], len(op.prompt), op.output)
