# mypy: disable-error-code="empty-body, var-annotated, no-any-return, untyped-decorator, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUntypedFunctionDecorator=false, reportUnusedVariable=false
"""Wrong uses of the functions that combine effects."""

from __future__ import annotations

from datetime import timedelta
from typing import Never

from given import (
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
    V7,
    V8,
    RateLimited,
    Refused,
    e1,
    e2,
    e3,
    e4,
    e5,
    e6,
    e7,
    e8,
    fetch,
    flag,
    grow,
    number,
    text,
)

from perdure import (
    Do,
    Effect,
    Fault,
    branch,
    child,
    compensate,
    ensure,
    fallback,
    for_each,
    loop,
    parallel,
    parallel_map,
    pure,
    race,
    retry,
    saga,
    scope,
    sleep,
    sleep_until,
    timeout,
    workflow,
)

# program: parallel of a plain value
# mypy [call-overload]: No overload variant of "parallel" matches argument types "Effect[int, RateLimited]", "int"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "effects" of type
#   "Effect[A@parallel, E1@parallel]" in function "parallel"
# pyright [reportCallIssue]: No overloads for "parallel" match the provided arguments
parallel_plain = parallel(number(), 3)


# program: parallel of a list
# mypy [call-overload]: No overload variant of "parallel" matches argument type "list[Effect[int, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "list[Effect[int, RateLimited]]" cannot be assigned to parameter
#   "effects" of type "Effect[A@parallel, E1@parallel]" in function "parallel"
parallel_list = parallel([number(), number()])


# program: the values of a parallel have an order
def ordered() -> Effect[tuple[str, int], RateLimited | Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[tuple[object, ...], RateLimited | Refused]",
    #   expected "Effect[tuple[str, int], RateLimited | Refused]")
    # pyright [reportReturnType]: Type "Effect[tuple[int, str], RateLimited | Refused]" is not assignable to return
    #   type "Effect[tuple[str, int], RateLimited | Refused]"
    return parallel(number(), text())


# program: a failure of a parallel is not declared
def undeclared() -> Effect[tuple[int, str], RateLimited]:
    # mypy [arg-type]: Argument 2 to "parallel" has incompatible type "Effect[str, Refused]"; expected "Effect[str,
    #   RateLimited]"
    # pyright [reportReturnType]: Type "Effect[tuple[int, str], RateLimited | Refused]" is not assignable to return
    #   type "Effect[tuple[int, str], RateLimited]"
    return parallel(number(), text())


# program: a limit is a number
# mypy [call-overload]: No overload variant of "parallel" matches argument types "Effect[int, RateLimited]",
#   "Effect[str, Refused]", "str"
# pyright [reportArgumentType]: Argument of type "Literal['2']" cannot be assigned to parameter "limit" of type
#   "int" in function "parallel"
# pyright [reportCallIssue]: No overloads for "parallel" match the provided arguments
limited = parallel(number(), text(), limit="2")


# program: more than eight of many kinds lose their kinds
nine = parallel(e1(), e2(), e3(), e4(), e5(), e6(), e7(), e8(), number())


def all_nine() -> Effect[tuple[V1, V2, V3, V4, V5, V6, V7, V8, int], Fault]:
    # mypy [return-value]: Incompatible return value type (got "Effect[tuple[object, ...], Fault]", expected
    #   "Effect[tuple[V1, V2, V3, V4, V5, V6, V7, V8, int], Fault]")
    # pyright [reportReturnType]: Type "Effect[tuple[V1 | V2 | V3 | V4 | V5 | V6 | V7 | V8 | int, ...], F1 | F2 | F3
    #   | F4 | F5 | F6 | F7 | F8 | RateLimited]" is not assignable to return type "Effect[tuple[V1, V2, V3, V4, V5,
    #   V6, V7, V8, int], Fault]"
    return nine


# program: a literal list of many kinds loses them
joined = parallel(*[number(), text()])


def all_joined() -> Effect[tuple[int | str, ...], RateLimited | Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[tuple[object, ...], Fault]", expected
    #   "Effect[tuple[int | str, ...], RateLimited | Refused]")
    # pyright [nothing]: it keeps the union of what is in a literal list
    return joined


# program: parallel_map of a list
# mypy [arg-type]: Argument 1 to "parallel_map" has incompatible type "list[Effect[int, RateLimited]]"; expected
#   "Mapping[Never, Effect[Never, Never]]"
# pyright [reportArgumentType]: Argument of type "list[Effect[int, RateLimited]]" cannot be assigned to parameter
#   "effects" of type "Mapping[K@parallel_map, Effect[A@parallel_map, E1@parallel_map]]" in function "parallel_map"
mapped_list = parallel_map([number()])


# program: parallel_map of plain values
# mypy [arg-type]: Argument 1 to "parallel_map" has incompatible type "dict[str, int]"; expected "Mapping[str,
#   Effect[Never, Never]]"
# pyright [reportArgumentType]: Argument of type "dict[str, int]" cannot be assigned to parameter "effects" of type
#   "Mapping[K@parallel_map, Effect[A@parallel_map, E1@parallel_map]]" in function "parallel_map"
mapped_plain = parallel_map({"n": 3})


# program: the values of a parallel_map bear the names
def named() -> Effect[list[int], RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[dict[str, int], RateLimited]", expected
    #   "Effect[list[int], RateLimited]")
    # pyright [reportReturnType]: Type "Effect[dict[str, int], RateLimited]" is not assignable to return type
    #   "Effect[list[int], RateLimited]"
    return parallel_map({"n": number()})


# program: for_each with a body that returns a plain value
# mypy [arg-type]: Argument 2 to "for_each" has incompatible type "Callable[[int], int]"; expected "Callable[[int],
#   Effect[Never, Never]]"
# mypy [return-value]: Incompatible return value type (got "int", expected "Effect[Never, Never]")
# pyright [reportArgumentType]: Argument of type "(n: int) -> int" … Function return type "int" is incompatible with
#   type "Effect[B@for_each, E1@for_each]"
each_plain = for_each([1, 2], lambda n: n + 1)


# program: for_each with a body of other items
# mypy [arg-type]: Argument 2 to "for_each" has incompatible type "Callable[[int], Effect[int, RateLimited]]";
#   expected "Callable[[str], Effect[int, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[int, RateLimited]" … Parameter 1: type "str" is
#   incompatible with type "int"
each_other = for_each(["a"], grow)


# program: for_each over what is no collection
# mypy [arg-type]: Argument 1 to "for_each" has incompatible type "int"; expected "Iterable[int]"
# pyright [reportArgumentType]: Argument of type "Literal[3]" … "__iter__" is not present
each_none = for_each(3, grow)


# program: for_each with a key that is no text
# mypy [arg-type]: Argument "key" to "for_each" has incompatible type "Callable[[int], int]"; expected
#   "Callable[[int], str] | None"
# mypy [return-value]: Incompatible return value type (got "int", expected "str")
# pyright [reportArgumentType]: Argument of type "(n: int) -> int" … Function return type "int" is incompatible with
#   type "str"
each_key = for_each([1, 2], grow, key=lambda n: n)


# program: for_each with a key of other items
# mypy [arg-type]: Argument "key" to "for_each" has incompatible type "Callable[[str], str]"; expected
#   "Callable[[int], str] | None"
# pyright [reportArgumentType]: Argument of type "(self: str) -> str" … Parameter 1: type "int" is incompatible with
#   type "str"
each_key_other = for_each([1, 2], grow, key=str.upper)


# program: for_each yields a list
def listed() -> Effect[tuple[int, ...], RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[list[int], RateLimited]", expected
    #   "Effect[tuple[int, ...], RateLimited]")
    # pyright [reportReturnType]: Type "Effect[list[int], RateLimited]" is not assignable to return type
    #   "Effect[tuple[int, ...], RateLimited]"
    return for_each([1, 2], grow)


# program: the winner of a race is one of both
def raced() -> Effect[int, RateLimited | Refused]:
    # mypy [arg-type]: Argument 2 to "race" has incompatible type "Effect[str, Refused]"; expected "Effect[int,
    #   RateLimited | Refused]"
    # pyright [reportReturnType]: Type "Effect[int | str, RateLimited | Refused]" is not assignable to return type
    #   "Effect[int, RateLimited | Refused]"
    return race(number(), text())


# program: a race may fail as each does
def raced_failure() -> Effect[int | str, Refused]:
    # mypy [arg-type]: Argument 1 to "race" has incompatible type "Effect[int, RateLimited]"; expected "Effect[int |
    #   str, Refused]"
    # pyright [reportReturnType]: Type "Effect[int | str, RateLimited | Refused]" is not assignable to return type
    #   "Effect[int | str, Refused]"
    return race(number(), text())


# program: race of a plain value
# mypy [call-overload]: No overload variant of "race" matches argument types "Effect[int, RateLimited]", "None"
# pyright [reportArgumentType]: Argument of type "None" cannot be assigned to parameter "effects" of type
#   "Effect[A@race, E1@race]" in function "race"
# pyright [reportCallIssue]: No overloads for "race" match the provided arguments
raced_plain = race(number(), None)


# program: the winner of a race is not both
@workflow
def unpacked() -> Do[int, RateLimited | Refused]:
    # mypy [misc]: "int" object is not iterable
    # pyright [reportGeneralTypeIssues]: "int" is not iterable
    n, s = yield from race(number(), pure(3))
    return n


# program: a timeout in seconds
# mypy [arg-type]: Argument 2 to "timeout" has incompatible type "int"; expected "timedelta"
# pyright [reportArgumentType]: Argument of type "Literal[5]" cannot be assigned to parameter "after" of type
#   "timedelta" in function "timeout"
timed = timeout(number(), 5)


# program: a timeout without a duration
# mypy [call-arg]: Missing positional argument "after" in call to "timeout"
# pyright [reportCallIssue]: Argument missing for parameter "after"
timed_never = timeout(number())


# program: a timeout's failure is not declared
def timed_undeclared() -> Effect[int, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited | TimedOut]", expected
    #   "Effect[int, RateLimited]")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited | TimedOut]" is not assignable to return type
    #   "Effect[int, RateLimited]"
    return timeout(number(), timedelta(seconds=5))


# program: a timeout of a function
# mypy [arg-type]: Argument 1 to "timeout" has incompatible type "Callable[[], Effect[int, RateLimited]]"; expected
#   "Effect[Never, Never]"
# pyright [reportArgumentType]: Argument of type "() -> Effect[int, RateLimited]" cannot be assigned to parameter
#   "effect" of type "Effect[A@timeout, E1@timeout]" in function "timeout"
timed_function = timeout(number, timedelta(seconds=5))


# program: a sleep in seconds
# mypy [arg-type]: Argument 1 to "sleep" has incompatible type "int"; expected "timedelta"
# pyright [reportArgumentType]: Argument of type "Literal[5]" cannot be assigned to parameter "duration" of type
#   "timedelta" in function "sleep"
slept = sleep(5)


# program: a sleep without a duration
# mypy [arg-type]: Argument 1 to "sleep" has incompatible type "None"; expected "timedelta"
# pyright [reportArgumentType]: Argument of type "None" cannot be assigned to parameter "duration" of type
#   "timedelta" in function "sleep"
slept_never = sleep(None)


# program: a moment as text
# mypy [arg-type]: Argument 1 to "sleep_until" has incompatible type "str"; expected "datetime"
# pyright [reportArgumentType]: Argument of type "Literal['tomorrow']" cannot be assigned to parameter "moment" of
#   type "datetime" in function "sleep_until"
until_text = sleep_until("tomorrow")


# program: a moment is not a duration
# mypy [arg-type]: Argument 1 to "sleep_until" has incompatible type "timedelta"; expected "datetime"
# pyright [reportArgumentType]: Argument of type "timedelta" cannot be assigned to parameter "moment" of type
#   "datetime" in function "sleep_until"
until_duration = sleep_until(timedelta(days=1))


# program: the last failure of a fallback is not declared
def fallen() -> Effect[int | str, RateLimited]:
    # mypy [arg-type]: Argument 2 to "fallback" has incompatible type "Effect[str, Refused]"; expected "Effect[int |
    #   str, RateLimited]"
    # pyright [reportReturnType]: Type "Effect[int | str, Refused]" is not assignable to return type "Effect[int |
    #   str, RateLimited]"
    return fallback(number(), text())


# program: a fallback's value is one of all
def fallen_value() -> Effect[int, Refused]:
    # mypy [arg-type]: Argument 2 to "fallback" has incompatible type "Effect[str, Refused]"; expected "Effect[int,
    #   Refused]"
    # pyright [reportReturnType]: Type "Effect[int | str, Refused]" is not assignable to return type "Effect[int,
    #   Refused]"
    return fallback(number(), text())


# program: fallback to a plain value
# mypy [call-overload]: No overload variant of "fallback" matches argument types "Effect[int, RateLimited]", "int"
# pyright [reportArgumentType]: Argument of type "Literal[0]" cannot be assigned to parameter "more" of type
#   "Effect[A@fallback, E1@fallback]" in function "fallback"
# pyright [reportCallIssue]: No overloads for "fallback" match the provided arguments
fallen_plain = fallback(number(), 0)


# program: fallback to a function
# mypy [call-overload]: No overload variant of "fallback" matches argument types "Effect[int, RateLimited]",
#   "Callable[[], Effect[int, Never]]"
# pyright [reportArgumentType]: Argument of type "() -> Effect[int, Never]" cannot be assigned to parameter "more"
#   of type "Effect[A@fallback, E1@fallback]" in function "fallback"
# pyright [reportCallIssue]: No overloads for "fallback" match the provided arguments
fallen_function = fallback(number(), lambda: pure(0))


# program: a retry's policy as a number
# mypy [arg-type]: Argument 2 to "retry" has incompatible type "int"; expected "Retry"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "policy" of type
#   "Retry" in function "retry"
retried = retry(number(), 3)


# program: a retry has no such argument
# mypy [call-arg]: Unexpected keyword argument "times" for "retry"
# pyright [reportCallIssue]: No parameter named "times"
retried_times = retry(number(), times=3)


# program: a retried effect may still fail
def retried_certain() -> Effect[int, Never]:
    # mypy [arg-type]: Argument 1 to "retry" has incompatible type "Effect[int, RateLimited]"; expected "Effect[int,
    #   Never]"
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[int,
    #   Never]"
    return retry(number())


# program: a loop whose until has another state
# mypy [arg-type]: Argument "until" to "loop" has incompatible type "Callable[[str], bool]"; expected
#   "Callable[[int], bool]"
# pyright [reportArgumentType]: Argument of type "(self: str) -> bool" … Parameter 1: type "int" is incompatible
#   with type "str"
loop_until = loop(0, grow, until=str.isdigit, rounds=3)


# program: a loop whose until is an effect
# mypy [arg-type]: Argument "until" to "loop" has incompatible type "Callable[[int], Effect[bool, Never]]"; expected
#   "Callable[[int], bool]"
# mypy [return-value]: Incompatible return value type (got "Effect[bool, Never]", expected "bool")
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[bool, Never]" … Function return type
#   "Effect[bool, Never]" is incompatible with type "bool"
loop_effect = loop(0, grow, until=lambda n: flag(), rounds=3)


# program: a loop whose until is a value
# mypy [arg-type]: Argument "until" to "loop" has incompatible type "bool"; expected "Callable[[int], bool]"
# pyright [reportArgumentType]: Argument of type "Literal[True]" cannot be assigned to parameter "until" of type
#   "(S@loop) -> bool" in function "loop"
loop_value = loop(0, grow, until=True, rounds=3)


# program: a loop whose body returns a plain state
# mypy [arg-type]: Argument 2 to "loop" has incompatible type "Callable[[int], int]"; expected "Callable[[int],
#   Effect[int, Never]]"
# mypy [return-value]: Incompatible return value type (got "int", expected "Effect[int, Never]")
# pyright [reportArgumentType]: Argument of type "(n: Literal[0]) -> int" … Function return type "int" is
#   incompatible with type "Effect[Literal[0], E1@loop]"
loop_plain = loop(0, lambda n: n + 1, until=lambda n: n > 3, rounds=3)


# program: a loop whose body makes another state
# mypy [arg-type]: Argument 2 to "loop" has incompatible type "Callable[[int], Effect[int, RateLimited]]"; expected
#   "Callable[[str], Effect[str, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[int, RateLimited]" … Parameter 1: type "int |
#   str" is incompatible with type "int"
loop_state = loop("", grow, until=bool, rounds=3)


# program: a loop without a number of rounds
# mypy [call-arg]: Missing named argument "rounds" for "loop"
# pyright [reportCallIssue]: Argument missing for parameter "rounds"
# pyright [reportOperatorIssue]: Operator ">" not supported for types "S@loop" and "Literal[3]"
loop_endless = loop(0, grow, until=lambda n: n > 3)


# program: a loop that runs out is not declared
def looped() -> Effect[int, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited | Exhausted[int]]", expected
    #   "Effect[int, RateLimited]")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited | Exhausted[int]]" is not assignable to return type
    #   "Effect[int, RateLimited]"
    return loop(0, grow, until=lambda n: n > 3, rounds=3)


# program: a branch on an effect
# mypy [arg-type]: Argument 1 to "branch" has incompatible type "Effect[bool, Never]"; expected "bool"
# pyright [reportArgumentType]: Argument of type "Effect[bool, Never]" cannot be assigned to parameter "condition"
#   of type "bool" in function "branch"
branched = branch(flag(), number(), text())


# program: a branch without its other side
# mypy [call-arg]: Missing positional argument "otherwise" in call to "branch"
# pyright [reportCallIssue]: Argument missing for parameter "otherwise"
branched_half = branch(True, number())


# program: a compensation of another value
def undo_text(s: str) -> Effect[None, Never]: ...


# mypy [arg-type]: Argument 2 to "compensate" has incompatible type "Callable[[str], Effect[None, Never]]"; expected
#   "Callable[[int], Effect[object, Any]]"
# pyright [reportArgumentType]: Argument of type "(s: str) -> Effect[None, Never]" … Parameter 1: type "int" is
#   incompatible with type "str"
compensated = compensate(number(), undo_text)


# program: a compensation that returns a plain value
# mypy [arg-type]: Argument 2 to "compensate" has incompatible type "Callable[[int], None]"; expected
#   "Callable[[int], Effect[object, Any]]"
# mypy [return-value]: Incompatible return value type (got "None", expected "Effect[object, Any]")
# pyright [reportArgumentType]: Argument of type "(n: int) -> None" … Function return type "None" is incompatible
#   with type "Effect[object, Any]"
compensated_plain = compensate(number(), lambda n: None)


# program: a compensation is a function
# mypy [arg-type]: Argument 2 to "compensate" has incompatible type "Effect[None, Never]"; expected "Callable[[int],
#   Effect[object, Any]]"
# pyright [reportArgumentType]: Argument of type "Effect[None, Never]" cannot be assigned to parameter "undo" of
#   type "(A@compensate) -> Effect[object, Any]" in function "compensate"
compensated_effect = compensate(number(), pure(None))


# program: a finalizer that may fail
# mypy [arg-type]: Argument 2 to "ensure" has incompatible type "Effect[str, Refused]"; expected "Effect[object,
#   Never]"
# pyright [reportArgumentType]: Argument of type "Effect[str, Refused]" cannot be assigned to parameter "finalizer"
#   of type "Effect[object, Never]" in function "ensure"
ensured = ensure(number(), text())


# program: a finalizer is no function
# mypy [arg-type]: Argument 2 to "ensure" has incompatible type "Callable[[], Effect[None, Never]]"; expected
#   "Effect[object, Never]"
# pyright [reportArgumentType]: Argument of type "() -> Effect[None, Never]" cannot be assigned to parameter
#   "finalizer" of type "Effect[object, Never]" in function "ensure"
ensured_function = ensure(number(), lambda: pure(None))


# program: a saga of a function
# mypy [arg-type]: Argument 1 to "saga" has incompatible type "Callable[[], Effect[int, RateLimited]]"; expected
#   "Effect[Never, Never]"
# pyright [reportArgumentType]: Argument of type "() -> Effect[int, RateLimited]" cannot be assigned to parameter
#   "effect" of type "Effect[A@saga, E1@saga]" in function "saga"
saga_function = saga(number)


# program: a saga fails as its effect does
def saga_certain() -> Effect[int, Never]:
    # mypy [arg-type]: Argument 1 to "saga" has incompatible type "Effect[int, RateLimited]"; expected "Effect[int,
    #   Never]"
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[int,
    #   Never]"
    return saga(number())


# program: a scope without a segment
# mypy [arg-type]: Argument 1 to "scope" has incompatible type "Effect[int, RateLimited]"; expected "str"
# mypy [call-arg]: Too few arguments for "scope"
# pyright [reportCallIssue]: Expected 1 more positional argument
unscoped = scope(number())


# program: a scope's segment is text
# mypy [arg-type]: Argument 1 to "scope" has incompatible type "int"; expected "str"
# pyright [reportArgumentType]: Argument of type "Literal[1]" cannot be assigned to parameter "segment" of type
#   "str" in function "scope"
scoped = scope(1, number())


# program: a child run of a function
# mypy [arg-type]: Argument 1 to "child" has incompatible type "def fetch(url: str, *, tries: int = ...) ->
#   Effect[str, StepFault]"; expected "Effect[Never, Never]"
# pyright [reportArgumentType]: Argument of type "(url: str, *, tries: int = 1) -> Effect[str, StepFault]" cannot be
#   assigned to parameter "call" of type "Effect[A@child, E1@child]" in function "child"
child_function = child(fetch)


# program: a child run of a plain value
# mypy [arg-type]: Argument 1 to "child" has incompatible type "str"; expected "Effect[Never, Never]"
# pyright [reportArgumentType]: Argument of type "Literal['ship']" cannot be assigned to parameter "call" of type
#   "Effect[A@child, E1@child]" in function "child"
child_plain = child("ship")


# program: a child run's name is text
# mypy [arg-type]: Argument "name" to "child" has incompatible type "int"; expected "str"
# pyright [reportArgumentType]: Argument of type "Literal[1]" cannot be assigned to parameter "name" of type "str"
#   in function "child"
child_name = child(number(), name=1)


# program: a child run fails as its workflow does
def child_certain() -> Effect[int, Never]:
    # mypy [arg-type]: Argument 1 to "child" has incompatible type "Effect[int, RateLimited]"; expected "Effect[int,
    #   Never]"
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[int,
    #   Never]"
    return child(number())


# program: a combination that nobody uses
def dropped() -> None:
    # mypy [unused-awaitable]: Value of type "Effect[tuple[int, str], RateLimited | Refused]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[tuple[int, str], RateLimited |
    #   Refused]" and is not used; assign to variable "_" if this is intentional
    parallel(number(), text())
