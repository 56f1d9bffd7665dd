# mypy: disable-error-code="empty-body, var-annotated, no-any-return, untyped-decorator, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUntypedFunctionDecorator=false, reportUnusedVariable=false
"""Wrong uses of patterns that users write: type variables, protocols, operations of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Never, Protocol, TypeVar

import attrs
from given import Draft, RateLimited, Refused, Review, Verdict, draft, fetch, number, review, text

from perdure import Do, Effect, Fault, Op, StepFault, parallel, parallel_map, workflow

A = TypeVar("A")
B = TypeVar("B")
D = TypeVar("D")
E1 = TypeVar("E1")
E2 = TypeVar("E2")


@workflow
def review_loop(
    produce: Callable[[str | None], Effect[D, E1]], check: Callable[[D], Effect[Verdict, E2]], *, rounds: int = 5
) -> Do[D, E1 | E2]:
    found = yield from produce(None)
    verdict = yield from check(found)
    return found if verdict.approved else (yield from produce(verdict.feedback))


@workflow
def panel(panelists: Mapping[str, Effect[A, E1]], moderate: Callable[[dict[str, A]], Effect[B, E2]]) -> Do[B, E1 | E2]:
    return (yield from moderate((yield from parallel_map(panelists))))


@attrs.frozen
class Roll(Op[int, Never]):
    sides: int = 6

    @property
    def output(self) -> Any:
        return int


# program: a review without a verdict
@attrs.frozen
class Opinion:
    feedback: str


def opine(found: Draft) -> Effect[Opinion, Refused]: ...


# mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Effect[Opinion, Refused]]";
#   expected "Callable[[Draft], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(found: Draft) -> Effect[Opinion, Refused]" … Function return type
#   "Effect[Opinion, Refused]" is incompatible with type "Effect[Verdict, Refused]"
opined = review_loop(draft, opine)


# program: a review whose verdict is text
@attrs.frozen
class Wordy:
    approved: str
    feedback: str


def wordy(found: Draft) -> Effect[Wordy, Refused]: ...


# mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Effect[Wordy, Refused]]";
#   expected "Callable[[Draft], Effect[Verdict, Refused]]"
# pyright [reportArgumentType]: Argument of type "(found: Draft) -> Effect[Wordy, Refused]" … Function return type
#   "Effect[Wordy, Refused]" is incompatible with type "Effect[Verdict, Refused]"
worded = review_loop(draft, wordy)


# program: a review of something else than what is produced
def review_text(found: str) -> Effect[Review, Refused]: ...


# mypy [misc]: Cannot infer value of type parameter "A" of "review_loop"
# pyright [reportArgumentType]: Argument of type "(found: str) -> Effect[Review, Refused]" … Parameter 1: type
#   "Draft" is incompatible with type "str"
reviewed = review_loop(draft, review_text)


# program: a producer without effects
def produce(feedback: str | None) -> Draft: ...


# mypy [arg-type]: Argument 1 to "review_loop" has incompatible type "Callable[[str | None], Draft]"; expected
#   "Callable[[str | None], Effect[Draft, Never]]"
# pyright [reportArgumentType]: Argument of type "(feedback: str | None) -> Draft" … Function return type "Draft" is
#   incompatible with type "Effect[Draft, E1@review_loop]"
produced = review_loop(produce, review)


# program: a producer that takes no feedback
def deaf() -> Effect[Draft, RateLimited]: ...


# mypy [arg-type]: Argument 1 to "review_loop" has incompatible type "Callable[[], Effect[Draft, RateLimited]]";
#   expected "Callable[[str | None], Effect[Draft, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "() -> Effect[Draft, RateLimited]" cannot be assigned to parameter
#   "produce" of type "(str | None) -> Effect[D@review_loop, E1@review_loop]"
deafened = review_loop(deaf, review)


# program: effects where functions of effects are asked for
# mypy [arg-type]: Argument 1 to "review_loop" has incompatible type "Effect[Draft, RateLimited]"; expected
#   "Callable[[str | None], Effect[Draft, Never]]"
# pyright [reportArgumentType]: Argument of type "Effect[Draft, RateLimited]" cannot be assigned to parameter
#   "produce" of type "(str | None) -> Effect[D@review_loop, E1@review_loop]"
called = review_loop(draft(None), review)


# program: a pattern's failures are those of all its parts
def undeclared() -> Effect[Draft, Refused]:
    # mypy [arg-type]: Argument 1 to "review_loop" has incompatible type "Callable[[str | None], Effect[Draft,
    #   RateLimited]]"; expected "Callable[[str | None], Effect[Draft, Refused]]"
    # pyright [reportReturnType]: Type "Effect[Draft, RateLimited | Refused]" is not assignable to return type
    #   "Effect[Draft, Refused]"
    return review_loop(draft, review)


# program: a pattern's value is the caller's own
def other_value() -> Effect[Review, RateLimited | Refused]:
    # mypy [arg-type]: Argument 1 to "review_loop" has incompatible type "Callable[[str | None], Effect[Draft,
    #   RateLimited]]"; expected "Callable[[str | None], Effect[Review, RateLimited | Refused]]"
    # mypy [arg-type]: Argument 2 to "review_loop" has incompatible type "Callable[[Draft], Effect[Review,
    #   Refused]]"; expected "Callable[[Review], Effect[Verdict, RateLimited | Refused]]"
    # pyright [reportReturnType]: Type "Effect[Draft, RateLimited | Refused]" is not assignable to return type
    #   "Effect[Review, RateLimited | Refused]"
    return review_loop(draft, review)


# program: a pattern's option of another type
# mypy [arg-type]: Argument "rounds" to "review_loop" has incompatible type "str"; expected "int"
# pyright [reportArgumentType]: Argument of type "Literal['3']" cannot be assigned to parameter "rounds" of type
#   "int"
optioned = review_loop(draft, review, rounds="3")


# program: a pattern that forgets a failure of its parts
@workflow
def forgetful(first: Effect[A, E1], second: Effect[A, E2]) -> Do[A, E1]:
    yield from first
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[E2]", expected type "MayFail[E1]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[E2@forgetful]" is
    #   not a subtype of "MayFail[E1@forgetful]"
    return (yield from second)


# program: a pattern that returns the wrong one of its values
@workflow
def confused(first: Effect[A, E1], second: Effect[B, E1]) -> Do[A, E1]:
    yield from first
    # mypy [return-value]: Incompatible return value type (got "B", expected "A")
    # pyright [reportReturnType]: Type "B@confused" is not assignable to return type "A@confused"
    return (yield from second)


# program: a pattern that fails with what it does not declare
@workflow
def invented(first: Effect[A, E1]) -> Do[A, E1]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[Refused]", expected type "MayFail[E1]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[Refused]" is not a
    #   subtype of "MayFail[E1@invented]"
    yield from text()
    return (yield from first)


# program: a pattern that looks at what it knows nothing of
@workflow
def curious(first: Effect[A, E1]) -> Do[str, E1]:
    value = yield from first
    # mypy [attr-defined]: "A" has no attribute "text"
    # pyright [reportAttributeAccessIssue]: Cannot access attribute "text" for class "object*"
    return value.text


# program: a moderator of other opinions
def moderate(opinions: dict[str, str]) -> Effect[str, Refused]: ...


# mypy [arg-type]: Argument 2 to "panel" has incompatible type "Callable[[dict[str, str]], Effect[str, Refused]]";
#   expected "Callable[[dict[str, int]], Effect[str, Refused]]"
# pyright [reportArgumentType]: Argument of type "(opinions: dict[str, str]) -> Effect[str, Refused]" … Parameter 1:
#   type "dict[str, int]" is incompatible with type "dict[str, str]"
moderated = panel({"a": number()}, moderate)


# program: a panel without names
# mypy [arg-type]: Argument 1 to "panel" has incompatible type "list[Effect[int, RateLimited]]"; expected
#   "Mapping[str, Effect[Never, Never]]"
# pyright [reportArgumentType]: Argument of type "list[Effect[int, RateLimited]]" cannot be assigned to parameter
#   "panelists" of type "Mapping[str, Effect[A@panel, E1@panel]]"
unnamed = panel([number()], lambda opinions: text())


# program: a service that lacks a method
class Store(Protocol):
    def load(self, name: str, /) -> Effect[Draft, RateLimited]: ...
    def save(self, found: Draft, /) -> Effect[None, Refused]: ...


class ReadOnly:
    def load(self, name: str, /) -> Effect[Draft, RateLimited]: ...


# mypy [assignment]: Incompatible types in assignment (expression has type "ReadOnly", variable has type "Store")
# pyright [reportAssignmentType]: Type "ReadOnly" … "save" is not present
read_only: Store = ReadOnly()


# program: a service that fails otherwise
class Flaky:
    def load(self, name: str, /) -> Effect[Draft, Refused]: ...
    def save(self, found: Draft, /) -> Effect[None, Refused]: ...


# mypy [assignment]: Incompatible types in assignment (expression has type "Flaky", variable has type "Store")
# pyright [reportAssignmentType]: Type "Flaky" … "load" is an incompatible type
flaky: Store = Flaky()


# program: a service whose methods are no effects
class Eager:
    def load(self, name: str, /) -> Draft: ...
    def save(self, found: Draft, /) -> None: ...


# mypy [assignment]: Incompatible types in assignment (expression has type "Eager", variable has type "Store")
# pyright [reportAssignmentType]: Type "Eager" … "load" is an incompatible type
eager: Store = Eager()


# program: a worker that may fail where none is wanted
def trusted(work: Callable[[str], Effect[str, Never]]) -> None: ...


# mypy [arg-type]: Argument 1 to "trusted" has incompatible type "def fetch(url: str, *, tries: int = ...) ->
#   Effect[str, StepFault]"; expected "Callable[[str], Effect[str, Never]]"
# pyright [reportArgumentType]: Argument of type "(url: str, *, tries: int = 1) -> Effect[str, StepFault]" …
#   Function return type "Effect[str, StepFault]" is incompatible with type "Effect[str, Never]"
trusted(fetch)


# program: a worker of other parameters
def worked(work: Callable[[int], Effect[str, StepFault]]) -> None: ...


# mypy [arg-type]: Argument 1 to "worked" has incompatible type "def fetch(url: str, *, tries: int = ...) ->
#   Effect[str, StepFault]"; expected "Callable[[int], Effect[str, StepFault]]"
# pyright [reportArgumentType]: Argument of type "(url: str, *, tries: int = 1) -> Effect[str, StepFault]" …
#   Parameter 1: type "int" is incompatible with type "str"
worked(fetch)


# program: an operation's field of another type
# mypy [arg-type]: Argument 1 to "Roll" has incompatible type "str"; expected "int"
# pyright [reportArgumentType]: Argument of type "Literal['six']" cannot be assigned to parameter "sides" of type
#   "int" in function "__init__"
rolled = Roll("six")


# program: an operation has no such field
# mypy [call-arg]: Unexpected keyword argument "times" for "Roll"
# pyright [reportCallIssue]: No parameter named "times"
rolled_often = Roll(times=2)


# program: an operation's value is of its declared type
def roll_text() -> Effect[str, Never]:
    # mypy [return-value]: Incompatible return value type (got "Roll", expected "Effect[str, Never]")
    # pyright [reportReturnType]: Type "Roll" is not assignable to return type "Effect[str, Never]"
    return Roll()


# program: an operation does not change
def changed(roll: Roll) -> None:
    # mypy [misc]: Property "sides" defined in "Roll" is read-only
    # pyright [reportAttributeAccessIssue]: Cannot assign to attribute "sides" for class "Roll"
    roll.sides = 8


# program: an operation's properties keep their types
@attrs.frozen
class Louder(Op[int, Never]):
    @property
    # mypy [override]: Signature of "name" incompatible with supertype "Op"
    # pyright [reportIncompatibleMethodOverride]: "name" incorrectly overrides property of same name in class "Op"
    def name(self) -> int:
        return 3


# program: an operation of one's own that nobody waits for
@workflow
def unrolled() -> Do[int, RateLimited]:
    # mypy [unused-awaitable]: Value of type "Roll" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Roll" and is not used; assign to
    #   variable "_" if this is intentional
    Roll()
    return (yield from number())


# program: an operation among others keeps its value
def rolled_beside() -> Effect[tuple[str, int], RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[tuple[int, ...], RateLimited]", expected
    #   "Effect[tuple[str, int], RateLimited]")
    # pyright [reportReturnType]: Type "Effect[tuple[int, int], RateLimited]" is not assignable to return type
    #   "Effect[tuple[str, int], RateLimited]"
    return parallel(Roll(), number())


# program: a fault is not another fault
def faulty() -> Effect[int, Refused]:
    problem: Effect[int, Fault] = number()
    # mypy [return-value]: Incompatible return value type (got "Effect[int, Fault]", expected "Effect[int,
    #   Refused]")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[int,
    #   Refused]"
    return problem


# program: a fault's field of another type
# mypy [arg-type]: Argument 1 to "Refused" has incompatible type "int"; expected "str"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "reason" of type "str"
#   in function "__init__"
refused = Refused(3)


# program: a fault does not change
def blamed(fault: Refused) -> None:
    # mypy [misc]: Property "reason" defined in "Refused" is read-only
    # pyright [reportAttributeAccessIssue]: Cannot assign to attribute "reason" for class "Refused"
    fault.reason = "you"
