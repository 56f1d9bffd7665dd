# mypy: disable-error-code="empty-body, var-annotated, no-any-return, untyped-decorator, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUntypedFunctionDecorator=false, reportUnusedVariable=false
"""Wrong uses of gates, signals and the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Never

from given import Draft, Plan, Refused

from perdure import Approved, Denied, Do, Effect, approval, now, signal, sleep, suspend, workflow

DAY = timedelta(days=1)


# program: a gate's answer is yes or no unless told otherwise
def answered() -> Effect[Plan, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[bool, Never]", expected "Effect[Plan,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[bool, Never]" is not assignable to return type "Effect[Plan, Never]"
    return suspend("gate")


# program: a gate's answer is of the type asked for
def answered_other() -> Effect[Draft, Never]:
    # mypy [arg-type]: Argument 2 to "suspend" has incompatible type "TypeForm[Plan]"; expected "TypeForm[Draft]"
    # pyright [reportReturnType]: Type "Effect[Plan, Never]" is not assignable to return type "Effect[Draft, Never]"
    return suspend("gate", Plan)


# program: a gate's answer has no such attribute
# mypy [attr-defined]: "Plan" has no attribute "text"
# pyright [reportAttributeAccessIssue]: Cannot access attribute "text" for class "Plan"
attribute = suspend("gate", Plan).map(lambda plan: plan.text)


# program: a gate's expiry in seconds
# mypy [call-overload]: No overload variant of "suspend" matches argument types "str", "int"
# pyright [reportArgumentType]: Argument of type "Literal[60]" cannot be assigned to parameter "expires" of type
#   "timedelta" in function "suspend"
# pyright [reportCallIssue]: No overloads for "suspend" match the provided arguments
hasty = suspend("gate", expires=60)


# program: a gate's expiry is a failure
def expiring() -> Effect[bool, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[bool, Expired]", expected "Effect[bool,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[bool, Expired]" is not assignable to return type "Effect[bool,
    #   Never]"
    return suspend("gate", expires=DAY)


# program: an expiry that is not declared
@workflow
def undeclared() -> Do[bool, Refused]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[Expired]", expected type
    #   "MayFail[Refused]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[Expired]" is not a
    #   subtype of "MayFail[Refused]"
    return (yield from suspend("gate", expires=DAY))


# program: a gate's prompt is no type
# mypy [call-overload]: No overload variant of "suspend" matches argument types "str", "str"
# pyright [reportArgumentType]: Argument of type "Literal['Ship it?']" cannot be assigned to parameter "answer" of
#   type "TypeForm[A@suspend]" in function "suspend"
prompted = suspend("gate", "Ship it?")


# program: a gate's answer is a type and not an object
# mypy [call-overload]: No overload variant of "suspend" matches argument types "str", "Plan"
# pyright [reportArgumentType]: Argument of type "Plan" cannot be assigned to parameter "answer" of type
#   "TypeForm[A@suspend]" in function "suspend"
answer = suspend("gate", Plan("x", "low"))


# program: a gate without a name
# mypy [call-overload]: All overload variants of "suspend" require at least one argument
# pyright [reportCallIssue]: No overloads for "suspend" match the provided arguments
nameless = suspend()


# program: a gate that nobody waits for
@workflow
def dropped() -> Do[bool, Never]:
    # mypy [unused-awaitable]: Value of type "Effect[bool, Never]" must be used
    # pyright [reportUnusedCallResult]: Result of call expression is of type "Effect[bool, Never]" and is not used;
    #   assign to variable "_" if this is intentional
    suspend("first")
    return (yield from suspend("second"))


# program: a condition on a gate
@workflow
def conditional() -> Do[bool, Never]:
    # mypy [truthy-bool]: "perdure.core.operations.suspend" returns "Effect[bool, Never]" which does not implement
    #   __bool__ or __len__ so it could always be true in boolean context
    # pyright [nothing]: it has no rule for the truth of what has no __bool__
    if suspend("gate"):
        return True
    return (yield from suspend("second"))


# program: an approval is no truth value
@workflow
def truth() -> Do[str, Never]:
    # mypy [truthy-bool]: Expression has type "Approved | Denied" of which no members implement __bool__ or __len__
    #   so it could always be true in boolean context
    # pyright [nothing]: it has no rule for the truth of what has no __bool__
    if (yield from approval("publish")):
        return "yes"
    return "no"


# program: an approval is not yes or no
def yes() -> Effect[bool, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[Approved | Denied, Never]", expected
    #   "Effect[bool, Never]")
    # pyright [reportReturnType]: Type "Effect[Approved | Denied, Never]" is not assignable to return type
    #   "Effect[bool, Never]"
    return approval("publish")


# program: an approval matched without the denial
@workflow
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "str" must return value on all code paths
def half_matched() -> Do[str, Never]:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Denied"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match (yield from approval("publish")):
        case Approved(by=who):
            return who


# program: a decision has no such attribute
@workflow
def decided() -> Do[str, Never]:
    decision = yield from approval("publish")
    # mypy [union-attr]: Item "Approved" of "Approved | Denied" has no attribute "comment"
    # mypy [union-attr]: Item "Denied" of "Approved | Denied" has no attribute "comment"
    # pyright [reportAttributeAccessIssue]: Cannot access attribute "comment" for class "Approved"
    # pyright [reportAttributeAccessIssue]: Cannot access attribute "comment" for class "Denied"
    return decision.comment


# program: an approval's prompt is a keyword argument
# mypy [call-overload]: No overload variant of "approval" matches argument types "str", "str"
# pyright [reportCallIssue]: No overloads for "approval" match the provided arguments
positional = approval("publish", "Ship it?")


# program: an approval's expiry in seconds
# mypy [call-overload]: No overload variant of "approval" matches argument types "str", "float"
# pyright [reportArgumentType]: Argument of type "float" cannot be assigned to parameter "expires" of type
#   "timedelta" in function "approval"
# pyright [reportCallIssue]: No overloads for "approval" match the provided arguments
approval_hasty = approval("publish", expires=3.5)


# program: an approval's expiry is a failure
def approval_expiring() -> Effect[Approved | Denied, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[Approved | Denied, Expired]", expected
    #   "Effect[Approved | Denied, Never]")
    # pyright [reportReturnType]: Type "Effect[Approved | Denied, Expired]" is not assignable to return type
    #   "Effect[Approved | Denied, Never]"
    return approval("publish", expires=DAY)


# program: an approval is made by keyword arguments
# mypy [call-arg]: Too many positional arguments for "Approved"
# pyright [reportCallIssue]: Expected 0 positional arguments
made = Approved("somebody")


# program: a decision does not change
def changed(decision: Denied) -> None:
    # mypy [misc]: Property "note" defined in "Denied" is read-only
    # pyright [reportAttributeAccessIssue]: Cannot assign to attribute "note" for class "Denied"
    decision.note = "yes"


# program: a signal without a type
# mypy [call-arg]: Missing positional argument "payload_type" in call to "signal"
# pyright [reportCallIssue]: Argument missing for parameter "payload_type"
untyped = signal("comment")


# program: a signal's type is no object
# mypy [arg-type]: Argument 2 to "signal" has incompatible type "Draft"; expected "TypeForm[Never]"
# pyright [reportArgumentType]: Argument of type "Draft" cannot be assigned to parameter "payload_type" of type
#   "TypeForm[A@signal]" in function "signal"
valued = signal("comment", Draft("x"))


# program: a signal's message is of its type
def message() -> Effect[int, Never]:
    # mypy [arg-type]: Argument 2 to "signal" has incompatible type "TypeForm[str]"; expected "TypeForm[int]"
    # pyright [reportReturnType]: Type "Effect[str, Never]" is not assignable to return type "Effect[int, Never]"
    return signal("comment", str)


# program: a signal's message may be nothing
# mypy [union-attr]: Item "None" of "Plan | None" has no attribute "title"
# pyright [reportOptionalMemberAccess]: "title" is not a known attribute of "None"
optional = signal("plan", Plan | None).map(lambda plan: plan.title)


# program: a signal's message matched without one of its words
@workflow
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "int" must return value on all code paths
def half_signalled() -> Do[int, Never]:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Literal['go']"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match (yield from signal("next", Literal["stop", "go"])):
        case "stop":
            return 0


# program: the time is not a number
# mypy [operator]: Unsupported operand types for + ("datetime" and "int")
# pyright [reportOperatorIssue]: Operator "+" not supported for types "datetime" and "Literal[5]"
later = now().map(lambda moment: moment + 5)


# program: the time as a float
def seconds() -> Effect[float, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[datetime, Never]", expected "Effect[float,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[datetime, Never]" is not assignable to return type "Effect[float,
    #   Never]"
    return now()


# program: sleeping has no value
@workflow
def slept() -> Do[datetime, Never]:
    # mypy [func-returns-value]: Function does not return a value (it only ever returns None)
    # mypy [return-value]: Incompatible return value type (got "None", expected "datetime")
    # pyright [reportReturnType]: Type "None" is not assignable to return type "datetime"
    return (yield from sleep(DAY))
