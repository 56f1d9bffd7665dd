# mypy: disable-error-code="empty-body, var-annotated, no-any-return, untyped-decorator, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUntypedFunctionDecorator=false, reportUnusedVariable=false
"""Wrong uses of `@workflow`, in both notations."""

from __future__ import annotations

from typing import Never

from given import Draft, RateLimited, Refused, draft, fetch, flag, number, text
from returns.result import Success

from perdure import Do, Effect, parallel, workflow


@workflow
def declared(x: int, *, y: str = "") -> Do[str, RateLimited | Refused]:
    yield from number()
    return (yield from text()) + y


def helper(n: int) -> Do[str, Refused]:
    return (yield from text()) * n


# program: a failure that is not declared
@workflow
def undeclared() -> Do[str, RateLimited]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[Refused]", expected type
    #   "MayFail[RateLimited]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[Refused]" is not a
    #   subtype of "MayFail[RateLimited]"
    return (yield from text())


# program: a step's failure that is not declared
@workflow
def undeclared_step() -> Do[str, Refused]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[StepFault]", expected type
    #   "MayFail[Refused]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[StepFault]" is not
    #   a subtype of "MayFail[Refused]"
    return (yield from fetch("u"))


# program: a failure in a workflow that cannot fail
@workflow
def certain() -> Do[int, Never]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[RateLimited]", expected type
    #   "MayFail[Never]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[RateLimited]" is
    #   not a subtype of "MayFail[Never]"
    return (yield from number())


# program: a workflow's failures that are not declared
@workflow
def undeclared_workflow() -> Do[str, Refused]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[RateLimited | Refused]", expected type
    #   "MayFail[Refused]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[RateLimited |
    #   Refused]" is not a subtype of "MayFail[Refused]"
    return (yield from declared(1))


# program: a helper's failure that is not declared
@workflow
def undeclared_helper() -> Do[str, RateLimited]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[Refused]", expected type
    #   "MayFail[RateLimited]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[Refused]" is not a
    #   subtype of "MayFail[RateLimited]"
    return (yield from helper(1))


# program: another value than declared
@workflow
def returned() -> Do[str, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "int", expected "str")
    # pyright [reportReturnType]: Type "int" is not assignable to return type "str"
    return (yield from number())


# program: no value where one is declared
@workflow
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "str" must return value on all code paths
def valueless() -> Do[str, RateLimited]:
    yield from number()


# program: the value is annotated as another
@workflow
def annotated() -> Do[str, RateLimited]:
    # mypy [assignment]: Incompatible types in assignment (expression has type "int", variable has type "str")
    # pyright [reportAssignmentType]: Type "int" is not assignable to declared type "str"
    n: str = yield from number()
    return n


# program: yield instead of yield from
@workflow
def yielding() -> Do[int, RateLimited]:
    # mypy [misc]: Incompatible types in "yield" (actual type "Effect[int, RateLimited]", expected type
    #   "MayFail[RateLimited]")
    # pyright [reportReturnType]: Return type of generator function must be compatible with "Generator[Effect[int,
    #   RateLimited], Any, Any]"
    n = yield number()
    # mypy [return-value]: Incompatible return value type (got "UseYieldFrom", expected "int")
    # pyright [reportReturnType]: Type "UseYieldFrom" is not assignable to return type "int"
    return n


# program: yield from is forgotten before use
@workflow
def forgotten() -> Do[int, RateLimited]:
    n = number()
    yield from number()
    # mypy [operator]: Unsupported operand types for + ("Effect[int, RateLimited]" and "int")
    # pyright [reportOperatorIssue]: Operator "+" not supported for types "Effect[int, RateLimited]" and
    #   "Literal[1]"
    return n + 1


# program: yield from is forgotten before return
@workflow
def forgotten_return() -> Do[int, RateLimited]:
    yield from number()
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited]", expected "int")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "int"
    return number()


# program: yield from is forgotten in an argument
@workflow
def forgotten_argument() -> Do[str]:
    yield from number()
    # mypy [arg-type]: Argument 1 to "fetch" has incompatible type "Effect[str, Refused]"; expected "str"
    # pyright [reportArgumentType]: Argument of type "Effect[str, Refused]" cannot be assigned to parameter "url" of
    #   type "str"
    return (yield from fetch(text()))


# program: a body without any effect
@workflow
def effectless() -> Do[str]:
    # mypy [return-value]: Incompatible return value type (got "str", expected "Generator[MayFail[Fault],
    #   UseYieldFrom, str]")
    # pyright [reportReturnType]: Type "Literal['x']" is not assignable to return type "Do[str, Fault]"
    return "x"


# program: a step that nobody waits for
@workflow
def dropped_step() -> Do[int, RateLimited]:
    # mypy [unused-awaitable]: Value of type "Effect[str, StepFault]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[str, StepFault]" and is not
    #   used; assign to variable "_" if this is intentional
    fetch("u")
    return (yield from number())


# program: a workflow that nobody waits for
@workflow
def dropped_workflow() -> Do[int, RateLimited]:
    # mypy [unused-awaitable]: Value of type "Effect[str, RateLimited | Refused]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[str, RateLimited | Refused]"
    #   and is not used; assign to variable "_" if this is intentional
    declared(1)
    return (yield from number())


# program: an effect in a variable that nobody waits for
@workflow
def dropped_variable() -> Do[int, RateLimited]:
    page = fetch("u")
    # mypy [unused-awaitable]: Value of type "Effect[str, StepFault]" must be used
    # pyright [reportUnusedExpression]: Expression value is unused
    page
    return (yield from number())


# program: a condition on an effect
@workflow
def conditional() -> Do[int, RateLimited]:
    # mypy [truthy-bool]: "given.flag" returns "Effect[bool, Never]" which does not implement __bool__ or __len__ so
    #   it could always be true in boolean context
    # pyright [nothing]: it has no rule for the truth of what has no __bool__
    if flag():
        return 0
    return (yield from number())


# program: a condition on the negation of an effect
@workflow
def negated() -> Do[int, RateLimited]:
    # mypy [truthy-bool]: "given.flag" returns "Effect[bool, Never]" which does not implement __bool__ or __len__ so
    #   it could always be true in boolean context
    # pyright [nothing]: it has no rule for the truth of what has no __bool__
    if not flag():
        return 0
    return (yield from number())


# program: yield from a plain value
@workflow
def plain() -> Do[int, RateLimited]:
    # mypy [misc]: "yield from" can't be applied to "int"
    # pyright [reportGeneralTypeIssues]: "Literal[3]" is not iterable
    # pyright [reportGeneralTypeIssues]: "Literal[3]" is not iterable
    return (yield from 3)


# program: yield from a list
@workflow
def collection() -> Do[int, RateLimited]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "int", expected type "MayFail[RateLimited]")
    # pyright [reportReturnType]: Return type of generator function must be compatible with "Generator[int, Any,
    #   Any]"
    yield from [1, 2]
    return 1


# program: yield from a function that was not called
@workflow
def uncalled() -> Do[int, RateLimited]:
    # mypy [misc]: "yield from" can't be applied to "Callable[[], Effect[int, RateLimited]]"
    # pyright [reportGeneralTypeIssues]: "() -> Effect[int, RateLimited]" is not iterable
    return (yield from number)


# program: await in a generator
@workflow
def awaiting() -> Do[int, RateLimited]:
    # mypy [await-not-async]: "await" outside coroutine ("async def")
    # pyright [error]: "await" allowed only within async function
    n = await number()
    yield from number()
    return n


# program: too many names for the values of a parallel
@workflow
def unpacked() -> Do[int, RateLimited | Refused]:
    # mypy [misc]: Need more than 2 values to unpack (3 expected)
    # pyright [reportAssignmentType]: Expression with type "tuple[int, str]" cannot be assigned to target tuple
    a, b, c = yield from parallel(number(), text())
    return 1


# program: an attempt matched without the failure
@workflow
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "int" must return value on all code paths
def half_matched() -> Do[int, Never]:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Failure[RateLimited]"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match (yield from number().attempt()):
        case Success(value):
            return value


# program: a plain function is no workflow
# mypy [arg-type]: Argument 1 to "workflow" has incompatible type "Callable[[int], int]"; expected "Callable[[int],
#   Generator[MayFail[Never], UseYieldFrom, Never]]"
# pyright [reportArgumentType]: Argument of type "(x: int) -> int" … Function return type "int" is incompatible with
#   type "Coroutine[Any, Any, A@workflow]"
# pyright [reportCallIssue]: No overloads for "workflow" match the provided arguments
@workflow
def not_generator(x: int) -> int:
    return x


# program: an effect as the return type of a body
# mypy [arg-type]: Argument 1 to "workflow" has incompatible type "Callable[[], Effect[int, RateLimited]]"; expected
#   "Callable[[], Generator[MayFail[Never], UseYieldFrom, Never]]"
# pyright [reportArgumentType]: Argument of type "() -> Effect[int, RateLimited]" … Function return type
#   "Effect[int, RateLimited]" is incompatible with type "Coroutine[Any, Any, A@workflow]"
# pyright [reportCallIssue]: No overloads for "workflow" match the provided arguments
@workflow
# mypy [misc]: The return type of a generator function should be "Generator" or one of its supertypes
# pyright [reportInvalidTypeForm]: Return type of generator function must be compatible with "Generator[Any, Any,
#   Any]"
def annotated_effect() -> Effect[int, RateLimited]:
    # pyright [reportReturnType]: Return type of generator function must be compatible with
    #   "Generator[MayFail[RateLimited], Any, Any]"
    return (yield from number())


# program: a plain return type of a generator
# mypy [arg-type]: Argument 1 to "workflow" has incompatible type "Callable[[], int]"; expected "Callable[[],
#   Generator[MayFail[Never], UseYieldFrom, Never]]"
# pyright [reportArgumentType]: Argument of type "() -> int" … Function return type "int" is incompatible with type
#   "Coroutine[Any, Any, A@workflow]"
# pyright [reportCallIssue]: No overloads for "workflow" match the provided arguments
@workflow
# mypy [misc]: The return type of a generator function should be "Generator" or one of its supertypes
# pyright [reportInvalidTypeForm]: Return type of generator function must be compatible with "Generator[Any, Any,
#   Any]"
def annotated_plain() -> int:
    # pyright [reportReturnType]: Return type of generator function must be compatible with
    #   "Generator[MayFail[RateLimited], Any, Any]"
    return (yield from number())


# program: value and failure in the wrong order
@workflow
def disordered() -> Do[RateLimited, int]:
    # mypy [return-value]: Incompatible return value type (got "int", expected "RateLimited")
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[RateLimited]", expected type
    #   "MayFail[int]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[RateLimited]" is
    #   not a subtype of "MayFail[int]"
    # pyright [reportReturnType]: Type "int" is not assignable to return type "RateLimited"
    return (yield from number())


# program: a workflow's name is text
# mypy [call-overload]: No overload variant of "workflow" matches argument type "int"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "name" of type "str"
#   in function "workflow"
@workflow(name=3)
def misnamed() -> Do[int, RateLimited]:
    return (yield from number())


# program: a workflow's name is a keyword argument
# mypy [call-overload]: No overload variant of "workflow" matches argument type "str"
# pyright [reportArgumentType]: Argument of type "Literal['other']" cannot be assigned to parameter "fn" of type
#   "(**P@workflow) -> Coroutine[Any, Any, A@workflow]" in function "workflow"
# pyright [reportCallIssue]: No overloads for "workflow" match the provided arguments
@workflow("other")
def positional() -> Do[int, RateLimited]:
    return (yield from number())


# program: a workflow has no such option
# mypy [call-overload]: No overload variant of "workflow" matches argument type "int"
# mypy [call-overload]: Unexpected keyword argument "retries" for overloaded function "workflow"
# pyright [reportCallIssue]: No overloads for "workflow" match the provided arguments
@workflow(retries=3)
def retried() -> Do[int, RateLimited]:
    return (yield from number())


# program: a workflow called with another type
# mypy [arg-type]: Argument 1 to "declared" has incompatible type "str"; expected "int"
# pyright [reportArgumentType]: Argument of type "Literal['x']" cannot be assigned to parameter "x" of type "int"
called = declared("x")


# program: a workflow called without an argument
# mypy [call-arg]: Missing positional argument "x" in call to "declared"
# pyright [reportCallIssue]: Argument missing for parameter "x"
called_without = declared()


# program: a workflow called with an unknown argument
# mypy [call-arg]: Unexpected keyword argument "z" for "declared"
# pyright [reportCallIssue]: No parameter named "z"
called_unknown = declared(1, z="")


# program: a keyword-only argument given by position
# mypy [call-arg]: Too many positional arguments for "declared"
# pyright [reportCallIssue]: Expected 1 positional argument
called_position = declared(1, "y")


# program: a workflow is not its call
# mypy [call-overload]: No overload variant of "parallel" matches argument types "def declared(x: int, *, y: str =
#   ...) -> Effect[str, RateLimited | Refused]", "Effect[int, RateLimited]"
# pyright [reportArgumentType]: Argument of type "(x: int, *, y: str = "") -> Effect[str, RateLimited | Refused]"
#   cannot be assigned to parameter "effects" of type "Effect[A@parallel, E1@parallel]" in function "parallel"
# pyright [reportCallIssue]: No overloads for "parallel" match the provided arguments
uncalled_workflow = parallel(declared, number())


# program: a helper without a decorator is no effect
# mypy [call-overload]: No overload variant of "parallel" matches argument types "Generator[MayFail[Refused],
#   UseYieldFrom, str]", "Effect[int, RateLimited]"
# pyright [reportArgumentType]: Argument of type "Do[str, Refused]" cannot be assigned to parameter "effects" of
#   type "Effect[A@parallel, E1@parallel]" in function "parallel"
# pyright [reportCallIssue]: No overloads for "parallel" match the provided arguments
undecorated = parallel(helper(1), number())


# program: a method called with another type
class Crew:
    @workflow
    def draw(self, hint: str) -> Do[Draft, RateLimited]:
        return (yield from draft(hint))


# mypy [arg-type]: Argument 1 to "draw" of "Crew" has incompatible type "int"; expected "str"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "hint" of type "str"
drawn = Crew().draw(3)


# program: a call of a workflow is not its value
def used() -> str:
    # mypy [return-value]: Incompatible return value type (got "Effect[str, RateLimited | Refused]", expected "str")
    # pyright [reportReturnType]: Type "Effect[str, RateLimited | Refused]" is not assignable to return type "str"
    return declared(1)


# program: a call of a workflow fails as declared
def used_certain() -> Effect[str, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[str, RateLimited | Refused]", expected
    #   "Effect[str, Never]")
    # pyright [reportReturnType]: Type "Effect[str, RateLimited | Refused]" is not assignable to return type
    #   "Effect[str, Never]"
    return declared(1)


# program: an async body returns another value
@workflow
async def async_returned() -> str:
    # mypy [return-value]: Incompatible return value type (got "int", expected "str")
    # pyright [reportReturnType]: Type "int" is not assignable to return type "str"
    return await number()


# program: await is forgotten before use
@workflow
async def async_forgotten() -> int:
    n = number()
    # mypy [operator]: Unsupported operand types for + ("Effect[int, RateLimited]" and "int")
    # pyright [reportOperatorIssue]: Operator "+" not supported for types "Effect[int, RateLimited]" and
    #   "Literal[1]"
    return n + 1


# program: await is forgotten before return
@workflow
async def async_forgotten_return() -> int:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited]", expected "int")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "int"
    return number()


# program: an effect that nobody awaits
@workflow
async def async_dropped() -> int:
    # mypy [unused-awaitable]: Value of type "Effect[str, StepFault]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[str, StepFault]" and is not
    #   used; assign to variable "_" if this is intentional
    fetch("u")
    return await number()


# program: a condition on an effect in an async body
@workflow
async def async_conditional() -> int:
    # mypy [truthy-bool]: "given.flag" returns "Effect[bool, Never]" which does not implement __bool__ or __len__ so
    #   it could always be true in boolean context
    # pyright [nothing]: it has no rule for the truth of what has no __bool__
    if flag():
        return 0
    return await number()


# program: await of a plain value
@workflow
async def async_plain() -> int:
    # mypy [misc]: Incompatible types in "await" (actual type "int", expected type "Awaitable[Any]")
    # pyright [reportGeneralTypeIssues]: "Literal[3]" is not awaitable … "__await__" is not present
    return await 3


# program: an async workflow has lost its precise failure
@workflow
async def async_number() -> int:
    return await number()


def async_precise() -> Effect[int, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, Fault]", expected "Effect[int,
    #   RateLimited]")
    # pyright [reportReturnType]: Type "Effect[int, Fault]" is not assignable to return type "Effect[int,
    #   RateLimited]"
    return async_number()


# program: an async workflow called with another type
@workflow
async def async_called(n: int) -> int:
    return n + await number()


# mypy [arg-type]: Argument 1 to "async_called" has incompatible type "str"; expected "int"
# pyright [reportArgumentType]: Argument of type "Literal['1']" cannot be assigned to parameter "n" of type "int"
async_call = async_called("1")
