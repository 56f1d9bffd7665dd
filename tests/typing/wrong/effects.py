# mypy: disable-error-code="empty-body, var-annotated, no-any-return, untyped-decorator, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUntypedFunctionDecorator=false, reportUnusedVariable=false
"""Wrong uses of an effect and its methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never, assert_never

from given import Broken, Draft, RateLimited, Refused, blob, draft, flag, grow, number, text
from returns.maybe import Maybe
from returns.result import Failure, Success

from perdure import Effect, Outcome, fail, pure


# program: an effect that may fail is not one that cannot
def certain() -> Effect[int, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited]", expected "Effect[int,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[int,
    #   Never]"
    return number()


# program: an effect of another value
def other_value() -> Effect[str, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited]", expected "Effect[str,
    #   RateLimited]")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[str,
    #   RateLimited]"
    return number()


# program: an effect of another failure
def other_failure() -> Effect[int, Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, RateLimited]", expected "Effect[int,
    #   Refused]")
    # pyright [reportReturnType]: Type "Effect[int, RateLimited]" is not assignable to return type "Effect[int,
    #   Refused]"
    return number()


# program: a vague failure is not a precise one
def precise() -> Effect[bytes, Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[bytes, Fault]", expected "Effect[bytes,
    #   Refused]")
    # pyright [reportReturnType]: Type "Effect[bytes, Fault]" is not assignable to return type "Effect[bytes,
    #   Refused]"
    return blob()


# program: a failure that bind adds is not declared
def bound() -> Effect[str, Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[str, RateLimited | Refused]", expected
    #   "Effect[str, Refused]")
    # pyright [reportReturnType]: Type "Effect[str, RateLimited | Refused]" is not assignable to return type
    #   "Effect[str, Refused]"
    return number().bind(lambda n: text())


# program: a failure that lash adds is not declared
def lashed() -> Effect[int | str, Never]:
    # mypy [arg-type]: Argument 1 to "lash" of "Effect" has incompatible type "Callable[[RateLimited], Effect[str,
    #   Refused]]"; expected "Callable[[RateLimited], Effect[int | str, Never]]"
    # mypy [return-value]: Incompatible return value type (got "Effect[str, Refused]", expected "Effect[int | str,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[int | str, Refused]" is not assignable to return type "Effect[int |
    #   str, Never]"
    return number().lash(lambda e: text())


# program: a value that lash adds is not declared
def lashed_value() -> Effect[int, Never]:
    # mypy [arg-type]: Argument 1 to "pure" has incompatible type "str"; expected "int"
    # pyright [reportReturnType]: Type "Effect[int | str, Never]" is not assignable to return type "Effect[int,
    #   Never]"
    return number().lash(lambda e: pure("none"))


# program: a failed effect has no value to promise a cure
def failing() -> Effect[int, RateLimited]:
    # mypy [arg-type]: Argument 1 to "fail" has incompatible type "Refused"; expected "RateLimited"
    # pyright [reportReturnType]: Type "Effect[Never, Refused]" is not assignable to return type "Effect[int,
    #   RateLimited]"
    return fail(Refused())


# program: map of a function of another value
# mypy [arg-type]: Argument 1 to "map" of "Effect" has incompatible type "Callable[[Sized], int]"; expected
#   "Callable[[int], int]"
# pyright [reportArgumentType]: Argument of type "(obj: Sized, /) -> int" … "__len__" is not present
mapped = number().map(len)


# program: map of a function that returns an effect
def mapped_effect() -> Effect[str, RateLimited | Refused]:
    # mypy [arg-type]: Argument 1 to "map" of "Effect" has incompatible type "Callable[[int], Effect[str,
    #   Refused]]"; expected "Callable[[int], str]"
    # mypy [return-value]: Incompatible return value type (got "Effect[str, Refused]", expected "str")
    # pyright [reportReturnType]: Type "Effect[Effect[str, Refused], RateLimited]" is not assignable to return type
    #   "Effect[str, RateLimited | Refused]"
    return number().map(lambda n: text())


# program: map over a value that has no such attribute
# mypy [attr-defined]: "Draft" has no attribute "title"
# pyright [reportAttributeAccessIssue]: Cannot access attribute "title" for class "Draft"
mapped_attribute = draft(None).map(lambda d: d.title)


# program: bind of a function that returns a plain value
# mypy [arg-type]: Argument 1 to "bind" of "Effect" has incompatible type "Callable[[int], int]"; expected
#   "Callable[[int], Effect[Never, Never]]"
# mypy [return-value]: Incompatible return value type (got "int", expected "Effect[Never, Never]")
# pyright [reportArgumentType]: Argument of type "(n: int) -> int" … Function return type "int" is incompatible with
#   type "Effect[B@bind, E2@bind]"
bound_plain = number().bind(lambda n: n + 1)


# program: bind of a function of another value
# mypy [arg-type]: Argument 1 to "bind" of "Effect" has incompatible type "Callable[[int], Effect[int,
#   RateLimited]]"; expected "Callable[[str], Effect[int, RateLimited]]"
# pyright [reportArgumentType]: Argument of type "(n: int) -> Effect[int, RateLimited]" … Parameter 1: type "str" is
#   incompatible with type "int"
bound_other = text().bind(grow)


# program: bind of an effect instead of a function
# mypy [arg-type]: Argument 1 to "bind" of "Effect" has incompatible type "Effect[str, Refused]"; expected
#   "Callable[[int], Effect[Never, Never]]"
# pyright [reportArgumentType]: Argument of type "Effect[str, Refused]" cannot be assigned to parameter "function"
#   of type "(int) -> Effect[B@bind, E2@bind]" in function "bind"
bound_effect = number().bind(text())


# program: lash of a handler for only one of the failures
def handle(error: RateLimited) -> Effect[str, Never]: ...


# mypy [arg-type]: Argument 1 to "lash" of "Effect" has incompatible type "Callable[[RateLimited], Effect[str,
#   Never]]"; expected "Callable[[RateLimited | Refused], Effect[str, Never]]"
# pyright [reportArgumentType]: Argument of type "(error: RateLimited) -> Effect[str, Never]" … Parameter 1: type
#   "RateLimited | Refused" is incompatible with type "RateLimited"
lashed_partly = number().bind(lambda n: text()).lash(handle)


# program: lash of a handler that returns a plain value
# mypy [arg-type]: Argument 1 to "lash" of "Effect" has incompatible type "Callable[[RateLimited], int]"; expected
#   "Callable[[RateLimited], Effect[Never, Never]]"
# mypy [return-value]: Incompatible return value type (got "int", expected "Effect[Never, Never]")
# pyright [reportArgumentType]: Argument of type "(e: RateLimited) -> Literal[0]" … Function return type
#   "Literal[0]" is incompatible with type "Effect[B@lash, E2@lash]"
lashed_plain = number().lash(lambda e: 0)


# program: a handler that forgets a failure
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "Effect[str, Never]" must return value on all code
#   paths
def forgetful(error: RateLimited | Refused) -> Effect[str, Never]:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Refused"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match error:
        case RateLimited():
            return pure("later")


# program: a handler that promised to name every failure
def promised(error: RateLimited | Refused) -> str:
    match error:
        case RateLimited():
            return "later"
        case _:
            # mypy [arg-type]: Argument 1 to "assert_never" has incompatible type "Refused"; expected "Never"
            # pyright [reportArgumentType]: Argument of type "Refused" cannot be assigned to parameter "arg" of type
            #   "Never" in function "assert_never"
            assert_never(error)


# program: a handler passes on what it should have removed
def leaking(error: RateLimited | Refused) -> Effect[str, Refused]:
    match error:
        case Refused():
            return pure("no")
        case _:
            # mypy [arg-type]: Argument 1 to "fail" has incompatible type "RateLimited"; expected "Refused"
            # pyright [reportReturnType]: Type "Effect[Never, RateLimited]" is not assignable to return type
            #   "Effect[str, Refused]"
            return fail(error)


# program: alt of a function of another failure
def translate(error: Refused) -> Broken: ...


# mypy [arg-type]: Argument 1 to "alt" of "Effect" has incompatible type "Callable[[Refused], Broken]"; expected
#   "Callable[[RateLimited], Broken]"
# pyright [reportArgumentType]: Argument of type "(error: Refused) -> Broken" … Parameter 1: type "RateLimited" is
#   incompatible with type "Refused"
translated = number().alt(translate)


# program: alt of a function that returns an effect
def alternative() -> Effect[int, Broken]:
    # mypy [arg-type]: Argument 1 to "alt" of "Effect" has incompatible type "Callable[[RateLimited], Effect[Never,
    #   Broken]]"; expected "Callable[[RateLimited], Broken]"
    # mypy [return-value]: Incompatible return value type (got "Effect[Never, Broken]", expected "Broken")
    # pyright [reportReturnType]: Type "Effect[int, Effect[Never, Broken]]" is not assignable to return type
    #   "Effect[int, Broken]"
    return number().alt(lambda e: fail(Broken()))


# program: apply of a function of another value
def shout() -> Effect[Callable[[str], str], Refused]: ...


# mypy [arg-type]: Argument 1 to "apply" of "Effect" has incompatible type "Effect[Callable[[str], str], Refused]";
#   expected "Effect[Callable[[int], str], Refused]"
# pyright [reportArgumentType]: Argument of type "Effect[(str) -> str, Refused]" … Parameter 1: type "int" is
#   incompatible with type "str"
applied = number().apply(shout())


# program: apply of a plain function
# mypy [arg-type]: Argument 1 to "apply" of "Effect" has incompatible type "type[str]"; expected
#   "Effect[Callable[[int], Never], Never]"
# pyright [reportArgumentType]: Argument of type "type[str]" cannot be assigned to parameter "container" of type
#   "Effect[(int) -> B@apply, E2@apply]" in function "apply"
applied_plain = number().apply(str)


# program: the or-operator with a plain value
# mypy [operator]: Unsupported operand types for | ("Effect[int, RateLimited]" and "int")
# pyright [reportOperatorIssue]: Operator "|" not supported for types "Effect[int, RateLimited]" and "Literal[0]"
or_plain = number() | 0


# program: the or-operator leaves the last failure
def or_failing() -> Effect[int | str, Never]:
    # mypy [operator]: Unsupported operand types for | ("Effect[int, RateLimited]" and "Effect[str, Refused]")
    # pyright [reportReturnType]: Type "Effect[int | str, Refused]" is not assignable to return type "Effect[int |
    #   str, Never]"
    return number() | text()


# program: bind_result of a function without a Result
# mypy [arg-type]: Argument 1 to "bind_result" of "Effect" has incompatible type "type[str]"; expected
#   "Callable[[int], Result[Never, Never]]"
# pyright [reportArgumentType]: Argument of type "type[str]" cannot be assigned to parameter "function" of type
#   "(int) -> Result[B@bind_result, E2@bind_result]" in function "bind_result"
bound_result = number().bind_result(str)


# program: from_result of a plain value
# mypy [arg-type]: Argument 1 to "from_result" of "Effect" has incompatible type "int"; expected "Result[Never,
#   Never]"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "inner_value" of type
#   "Result[B@from_result, E2@from_result]" in function "from_result"
from_plain = Effect.from_result(3)


# program: from_maybe without a failure for nothing
def from_nothing(found: Maybe[int]) -> Effect[int, Refused]:
    # mypy [call-arg]: Missing positional argument "absent" in call to "from_maybe" of "Effect"
    # pyright [reportCallIssue]: Argument missing for parameter "absent"
    return Effect.from_maybe(found)


# program: the outcome of an attempt is not the value
# mypy [operator]: Unsupported operand types for + ("Failure[RateLimited]" and "int")
# mypy [operator]: Unsupported operand types for + ("Success[int]" and "int")
# pyright [reportOperatorIssue]: Operator "+" not supported for types "Outcome[int, RateLimited]" and "Literal[1]"
attempted = number().attempt().map(lambda outcome: outcome + 1)


# program: a swapped effect has exchanged both
def swapped() -> Effect[int, RateLimited]:
    # mypy [return-value]: Incompatible return value type (got "Effect[RateLimited, int]", expected "Effect[int,
    #   RateLimited]")
    # pyright [reportReturnType]: Type "Effect[RateLimited, int]" is not assignable to return type "Effect[int,
    #   RateLimited]"
    return number().swap()


# program: an effect is not its value in arithmetic
# mypy [operator]: Unsupported operand types for + ("Effect[int, RateLimited]" and "int")
# pyright [reportOperatorIssue]: Operator "+" not supported for types "Effect[int, RateLimited]" and "Literal[1]"
added = number() + 1


# program: an effect is not its value in a comparison
# mypy [operator]: Unsupported operand types for < ("int" and "Effect[int, RateLimited]")
# pyright [reportOperatorIssue]: Operator ">" not supported for types "Effect[int, RateLimited]" and "Literal[3]"
compared = number() > 3


# program: an effect is not its value's attributes
# mypy [attr-defined]: "Effect[Draft, RateLimited]" has no attribute "text"
# pyright [reportAttributeAccessIssue]: Cannot access attribute "text" for class "Effect[Draft, RateLimited]"
attribute = draft(None).text


# program: an effect is not its value as an argument
# mypy [arg-type]: Argument 1 to "len" has incompatible type "Effect[str, Refused]"; expected "Sized"
# pyright [reportArgumentType]: Argument of type "Effect[str, Refused]" … "__len__" is not present
length = len(text())


# program: an effect has no unwrap
# mypy [attr-defined]: "Effect[int, RateLimited]" has no attribute "unwrap"
# pyright [reportAttributeAccessIssue]: Cannot access attribute "unwrap" for class "Effect[int, RateLimited]"
unwrapped = number().unwrap()


# program: an effect has no truth value
def decided() -> str:
    # mypy [truthy-bool]: "given.flag" returns "Effect[bool, Never]" which does not implement __bool__ or __len__ so
    #   it could always be true in boolean context
    # pyright [nothing]: it has no rule for the truth of what has no __bool__
    if flag():
        return "yes"
    return "no"


# program: the values of a loop over an effect are not its value
def summed() -> int:
    # mypy [misc]: Generator has incompatible item type "MayFail[RateLimited]"; expected "bool"
    # pyright [reportArgumentType]: Argument of type "Generator[MayFail[RateLimited], None, None]" … "__add__" is
    #   not present
    # pyright [reportCallIssue]: No overloads for "sum" match the provided arguments
    return sum(n for n in number())


# program: an effect that nobody uses
def dropped() -> None:
    # mypy [unused-awaitable]: Value of type "Effect[int, RateLimited]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[int, RateLimited]" and is not
    #   used; assign to variable "_" if this is intentional
    number()


# program: an effect made by a method that nobody uses
def dropped_bind() -> None:
    # mypy [unused-awaitable]: Value of type "Effect[int, RateLimited]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[int, RateLimited]" and is not
    #   used; assign to variable "_" if this is intentional
    number().bind(grow)


# program: a match without the failure
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "int" must return value on all code paths
def half_matched(outcome: Outcome[int, RateLimited]) -> int:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Failure[RateLimited]"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match outcome:
        case Success(value):
            return value


# program: a matched value of another type
def matched_value(outcome: Outcome[int, RateLimited]) -> str:
    match outcome:
        case Success(value):
            # mypy [return-value]: Incompatible return value type (got "int", expected "str")
            # pyright [reportReturnType]: Type "int" is not assignable to return type "str"
            return value
        case Failure():
            return ""


# program: a matched failure without such an attribute
def matched_failure(outcome: Outcome[int, RateLimited]) -> str:
    match outcome:
        case Success():
            return ""
        case Failure(error):
            # mypy [attr-defined]: "RateLimited" has no attribute "reason"
            # pyright [reportAttributeAccessIssue]: Cannot access attribute "reason" for class "RateLimited"
            return error.reason


# program: an outcome is not its value
def unmatched(outcome: Outcome[int, RateLimited]) -> int:
    # mypy [return-value]: Incompatible return value type (got "Success[int] | Failure[RateLimited]", expected
    #   "int")
    # pyright [reportReturnType]: Type "Outcome[int, RateLimited]" is not assignable to return type "int"
    return outcome


# program: nested patterns for each failure are not complete
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "int" must return value on all code paths
def nested(outcome: Outcome[int, RateLimited | Refused]) -> int:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Failure[RateLimited |
    #   Refused]"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match outcome:
        case Success(value):
            return value
        case Failure(RateLimited()):
            return 0
        case Failure(Refused()):
            return 1


# program: a list of precise effects is not one of vague ones
def listed(effects: list[Effect[int, RateLimited]]) -> list[Effect[int]]:
    # mypy [return-value]: Incompatible return value type (got "list[Effect[int, RateLimited]]", expected
    #   "list[Effect[int, Fault]]")
    # pyright [reportReturnType]: Type "list[Effect[int, RateLimited]]" is not assignable to return type
    #   "list[Effect[int, Fault]]"
    return effects


# program: an effect has two type arguments at most
# mypy [type-arg]: "Effect" expects between 1 and 2 type arguments, but 3 given
# pyright [reportInvalidTypeArguments]: Too many type arguments provided for "Effect"; expected 2 but received 3
def three(effect: Effect[int, RateLimited, Refused]) -> None: ...


# program: equals compares effects
# mypy [arg-type]: Argument 1 to "equals" of "Effect" has incompatible type "int"; expected "Effect[Any, Any]"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "other" of type
#   "Effect[Any, Any]" in function "equals"
same = number().equals(3)


# program: a class is not a value
# mypy [arg-type]: Argument 1 to "pure" has incompatible type "type[Draft]"; expected "Draft"
# pyright [reportAssignmentType]: Type "Effect[type[Draft], Never]" is not assignable to declared type
#   "Effect[Draft, Never]"
made: Effect[Draft, Never] = pure(Draft)
