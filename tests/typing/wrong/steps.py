# mypy: disable-error-code="empty-body, var-annotated, no-any-return, untyped-decorator, has-type"
# pyright: reportUnusedCallResult=true, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownLambdaType=false, reportUntypedFunctionDecorator=false, reportUnusedVariable=false
"""Wrong uses of `@step`, `Retry` and `ask`."""

from __future__ import annotations

from typing import Literal, Never

from given import Draft, Plan, Refused, fetch, parse, writer
from returns.result import safe

from perdure import Do, Effect, Estimate, Retry, Span, StepFault, ask, for_each, plan, prompt, step, workflow

# program: a step called with another type
# mypy [arg-type]: Argument 1 to "fetch" has incompatible type "int"; expected "str"
# pyright [reportArgumentType]: Argument of type "Literal[1]" cannot be assigned to parameter "url" of type "str"
called = fetch(1)


# program: a step called without an argument
# mypy [call-arg]: Missing positional argument "url" in call to "fetch"
# pyright [reportCallIssue]: Argument missing for parameter "url"
called_without = fetch()


# program: a step called with an unknown argument
# mypy [call-arg]: Unexpected keyword argument "retries" for "fetch"; did you mean "tries"?
# pyright [reportCallIssue]: No parameter named "retries"
called_unknown = fetch("u", retries=2)


# program: a step's keyword-only argument given by position
# mypy [call-arg]: Too many positional arguments for "fetch"
# pyright [reportCallIssue]: Expected 1 positional argument
called_position = fetch("u", 2)


# program: a step's keyword argument of another type
# mypy [arg-type]: Argument "tries" to "fetch" has incompatible type "str"; expected "int"
# pyright [reportArgumentType]: Argument of type "Literal['2']" cannot be assigned to parameter "tries" of type
#   "int"
called_keyword = fetch("u", tries="2")


# program: a step is not its value
# mypy [attr-defined]: "Effect[str, StepFault]" has no attribute "upper"
# pyright [reportAttributeAccessIssue]: Cannot access attribute "upper" for class "Effect[str, StepFault]"
upper = fetch("u").upper()


# program: a step may fail
def certain() -> Effect[str, Never]:
    # mypy [return-value]: Incompatible return value type (got "Effect[str, StepFault]", expected "Effect[str,
    #   Never]")
    # pyright [reportReturnType]: Type "Effect[str, StepFault]" is not assignable to return type "Effect[str,
    #   Never]"
    return fetch("u")


# program: a step's Result has a failure of its own
def only_step_fault() -> Effect[int, StepFault]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, Refused | StepFault]", expected
    #   "Effect[int, StepFault]")
    # pyright [reportReturnType]: Type "Effect[int, Refused | StepFault]" is not assignable to return type
    #   "Effect[int, StepFault]"
    return parse("1")


# program: a step that returns a Result may still break
def only_declared() -> Effect[int, Refused]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, Refused | StepFault]", expected
    #   "Effect[int, Refused]")
    # pyright [reportReturnType]: Type "Effect[int, Refused | StepFault]" is not assignable to return type
    #   "Effect[int, Refused]"
    return parse("1")


# program: awaiting a step outside of a workflow
def outside() -> str:
    # mypy [await-not-async]: "await" outside coroutine ("async def")
    # pyright [error]: "await" allowed only within async function
    return await fetch("u")


# program: a step is called for the items, not before
# mypy [arg-type]: Argument 2 to "for_each" has incompatible type "Effect[str, StepFault]"; expected
#   "Callable[[str], Effect[Never, Never]]"
# pyright [reportArgumentType]: Argument of type "Effect[str, StepFault]" cannot be assigned to parameter "body" of
#   type "(T@for_each) -> Effect[B@for_each, E1@for_each]" in function "for_each"
each = for_each(["u"], fetch("u"))


# program: a step over items of another type
# mypy [arg-type]: Argument 2 to "for_each" has incompatible type "def fetch(url: str, *, tries: int = ...) ->
#   Effect[str, StepFault]"; expected "Callable[[int], Effect[str, StepFault]]"
# pyright [reportArgumentType]: Argument of type "(url: str, *, tries: int = 1) -> Effect[str, StepFault]" …
#   Parameter 1: type "int" is incompatible with type "str"
each_other = for_each([1, 2], fetch)


# program: a step's timeout in seconds
# mypy [call-overload]: No overload variant of "step" matches argument type "int"
# pyright [reportArgumentType]: Argument of type "Literal[30]" cannot be assigned to parameter "timeout" of type
#   "timedelta | None" in function "step"
@step(timeout=30)
def slow() -> str: ...


# program: a step's retry as a number
# mypy [call-overload]: No overload variant of "step" matches argument type "int"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "retry" of type "Retry
#   | None" in function "step"
@step(retry=3)
def retried() -> str: ...


# program: a step's repeat is one of three words
# mypy [call-overload]: No overload variant of "step" matches argument type "str"
# pyright [reportArgumentType]: Argument of type "Literal['twice']" cannot be assigned to parameter "repeat" of type
#   "Repeat" in function "step"
@step(repeat="twice")
def repeated() -> str: ...


# program: a step's name is text
# mypy [call-overload]: No overload variant of "step" matches argument type "int"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "name" of type "str"
#   in function "step"
@step(name=3)
def misnamed() -> str: ...


# program: a step's version is text
# mypy [call-overload]: No overload variant of "step" matches argument type "int"
# pyright [reportArgumentType]: Argument of type "Literal[2]" cannot be assigned to parameter "version" of type
#   "str" in function "step"
@step(version=2)
def versioned() -> str: ...


# program: a step has no such option
# mypy [call-overload]: No overload variant of "step" matches argument type "int"
# mypy [call-overload]: Unexpected keyword argument "retries" for overloaded function "step"
# pyright [reportCallIssue]: No overloads for "step" match the provided arguments
@step(retries=3)
def optioned() -> str: ...


# program: a step's name is a keyword argument
# mypy [call-overload]: No overload variant of "step" matches argument type "str"
# pyright [reportArgumentType]: Argument of type "Literal['other']" cannot be assigned to parameter "fn" of type
#   "(**P@step) -> A@step" in function "step"
# pyright [reportCallIssue]: No overloads for "step" match the provided arguments
@step("other")
def positional() -> str: ...


# program: a function made safe for several exceptions may fail with more than them
@step
@safe((ValueError, KeyError))
def guarded() -> int: ...


def guarded_twice() -> Effect[int, ValueError | KeyError | StepFault]:
    # mypy [return-value]: Incompatible return value type (got "Effect[int, Exception | StepFault]", expected
    #   "Effect[int, ValueError | KeyError | StepFault]")
    # pyright [nothing]: it keeps the union of the classes in a tuple, where mypy takes their common base
    return guarded()


# program: only functions are steps
# mypy [call-overload]: No overload variant of "step" matches argument type "int"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "fn" of type
#   "(**P@step) -> A@step" in function "step"
# pyright [reportCallIssue]: No overloads for "step" match the provided arguments
lifted = step(3)


# program: a retry's wait in seconds
# mypy [arg-type]: Argument "wait" to "Retry" has incompatible type "float"; expected "timedelta"
# pyright [reportArgumentType]: Argument of type "float" cannot be assigned to parameter "wait" of type "timedelta"
#   in function "__init__"
waiting = Retry(wait=1.5)


# program: a retry's longest wait in seconds
# mypy [arg-type]: Argument "most" to "Retry" has incompatible type "int"; expected "timedelta | None"
# pyright [reportArgumentType]: Argument of type "Literal[60]" cannot be assigned to parameter "most" of type
#   "timedelta | None" in function "__init__"…
longest = Retry(most=60)


# program: a retry's limit in seconds
# mypy [arg-type]: Argument "within" to "Retry" has incompatible type "int"; expected "timedelta | None"
# pyright [reportArgumentType]: Argument of type "Literal[3600]" cannot be assigned to parameter "within" of type
#   "timedelta | None" in function "__init__"
limited = Retry(within=3600)


# program: a retry's attempts are a number
# mypy [arg-type]: Argument "attempts" to "Retry" has incompatible type "str"; expected "int"
# pyright [reportArgumentType]: Argument of type "Literal['3']" cannot be assigned to parameter "attempts" of type
#   "int" in function "__init__"
attempts = Retry(attempts="3")


# program: a retry's exceptions are classes
# mypy [arg-type]: Argument "on" to "Retry" has incompatible type "str"; expected "type[BaseException] |
#   tuple[type[BaseException], ...]"
# pyright [reportArgumentType]: Argument of type "Literal['OSError']" cannot be assigned to parameter "on" of type
#   "_Classes" in function "__init__"
on = Retry(on="OSError")


# program: a retry's exceptions are not instances
# mypy [arg-type]: Argument "on" to "Retry" has incompatible type "OSError"; expected "type[BaseException] |
#   tuple[type[BaseException], ...]"
# pyright [reportArgumentType]: Argument of type "OSError" cannot be assigned to parameter "on" of type "_Classes"
#   in function "__init__"
on_instance = Retry(on=OSError())


# program: a retry has no such field
# mypy [call-arg]: Unexpected keyword argument "backoff" for "Retry"
# pyright [reportCallIssue]: No parameter named "backoff"
fieldless = Retry(backoff=2)


# program: a retry does not change
def changed(policy: Retry) -> None:
    # mypy [misc]: Property "attempts" defined in "Retry" is read-only
    # pyright [reportAttributeAccessIssue]: Cannot assign to attribute "attempts" for class "Retry"
    policy.attempts = 5


# program: an agent is not its name
# mypy [arg-type]: Argument 2 to "ask" has incompatible type "str"; expected "Agent | Sequence[Agent]"
# pyright [reportArgumentType]: Argument of type "Literal['writer']" … "name" is not present
by_name = ask("plan", "writer", "p")


# program: an agent has a name
class Nameless:
    temperature: float


# mypy [call-overload]: No overload variant of "ask" matches argument types "str", "Nameless", "str"
# pyright [reportArgumentType]: Argument of type "Nameless" … "name" is not present
nameless = ask("plan", Nameless(), "p")


# program: one of several agents has no name
# mypy [list-item]: List item 1 has incompatible type "Nameless"; expected "Agent"
# pyright [reportArgumentType]: Argument of type "list[Agent | Nameless]" … "name" is not present
some_nameless = ask("plan", [writer, Nameless()], "p")


# program: a prompt is text
# mypy [call-overload]: No overload variant of "ask" matches argument types "str", "Agent", "Draft"
# pyright [reportArgumentType]: Argument of type "Draft" cannot be assigned to parameter "prompt" of type "str" in
#   function "ask"
prompted = ask("plan", writer, Draft("x"))


# program: an output is a type and not an object
# mypy [call-overload]: No overload variant of "ask" matches argument types "str", "Agent", "str", "Plan"
# pyright [reportArgumentType]: Argument of type "Plan" cannot be assigned to parameter "output" of type
#   "TypeForm[A@ask]" in function "ask"
output = ask("plan", writer, "p", Plan("x", "low"))


# program: an ask's timeout in seconds
# mypy [call-overload]: No overload variant of "ask" matches argument types "str", "Agent", "str", "type[Plan]",
#   "int"
# pyright [reportArgumentType]: Argument of type "Literal[30]" cannot be assigned to parameter "timeout" of type
#   "timedelta | None" in function "ask"
hasty = ask("plan", writer, "p", Plan, timeout=30)


# program: an ask's retry as a number
# mypy [call-overload]: No overload variant of "ask" matches argument types "str", "Agent", "str", "type[Plan]",
#   "int"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "retry" of type "Retry
#   | None" in function "ask"
again = ask("plan", writer, "p", Plan, retry=3)


# program: an ask without a name
# mypy [call-overload]: No overload variant of "ask" matches argument types "Agent", "str"
# pyright [reportCallIssue]: No overloads for "ask" match the provided arguments
unnamed = ask(writer, "p")


# program: an answer is of the type asked for
def answered() -> Effect[Draft, StepFault]:
    # mypy [arg-type]: Argument 4 to "ask" has incompatible type "TypeForm[Plan]"; expected "TypeForm[Draft]"
    # pyright [reportReturnType]: Type "Effect[Plan, StepFault]" is not assignable to return type "Effect[Draft,
    #   StepFault]"
    return ask("plan", writer, "p", Plan)


# program: an answer is text unless told otherwise
def answered_text() -> Effect[Plan, StepFault]:
    # mypy [return-value]: Incompatible return value type (got "Effect[str, StepFault]", expected "Effect[Plan,
    #   StepFault]")
    # pyright [reportReturnType]: Type "Effect[str, StepFault]" is not assignable to return type "Effect[Plan,
    #   StepFault]"
    return ask("plan", writer, "p")


# program: an answer may be nothing
# mypy [union-attr]: Item "None" of "Plan | None" has no attribute "title"
# pyright [reportOptionalMemberAccess]: "title" is not a known attribute of "None"
titled = ask("plan", writer, "p", Plan | None).map(lambda plan: plan.title)


# program: an answer has no such attribute
# mypy [attr-defined]: "Plan" has no attribute "titel"; maybe "title"?
# pyright [reportAttributeAccessIssue]: Cannot access attribute "titel" for class "Plan"
attribute = ask("plan", writer, "p", Plan).map(lambda plan: plan.titel)


# program: an answer compared with a word that was not offered
@workflow
def compared() -> Do[bool, StepFault]:
    kind = yield from ask("kind", writer, "p", Literal["fix", "feature"])
    # mypy [comparison-overlap]: Non-overlapping equality check (left operand type: "Literal['fix', 'feature']",
    #   right operand type: "Literal['refactor']")
    # pyright [reportUnnecessaryComparison]: Condition will always evaluate to False since the types "Literal['fix',
    #   'feature']" and "Literal['refactor']" have no overlap
    return kind == "refactor"


# program: an answer matched without one of its words
@workflow
# mypy [return]: Missing return statement
# pyright [reportReturnType]: Function with declared return type "int" must return value on all code paths
def matched() -> Do[int, StepFault]:
    # mypy [exhaustive-match]: Match statement has unhandled case for values of type "Literal['feature']"
    # pyright [reportMatchNotExhaustive]: Cases within match statement do not exhaustively handle all values
    match (yield from ask("kind", writer, "p", Literal["fix", "feature"])):
        case "fix":
            return 1


# program: an answer may fail to come
@workflow
def certain_answer() -> Do[str, Never]:
    # mypy [misc]: Incompatible types in "yield from" (actual type "MayFail[StepFault]", expected type
    #   "MayFail[Never]")
    # pyright [reportReturnType]: Return type of generator function must be compatible … "MayFail[StepFault]" is not
    #   a subtype of "MayFail[Never]"
    return (yield from ask("plan", writer, "p"))


# program: a list of answers is not one answer
@workflow
def listed() -> Do[Plan, StepFault]:
    # mypy [return-value]: Incompatible return value type (got "list[Plan]", expected "Plan")
    # pyright [reportReturnType]: Type "list[Plan]" is not assignable to return type "Plan"
    return (yield from ask("plans", writer, "p", list[Plan]))


# program: a price is an estimate and not a number
# mypy [call-overload]: No overload variant of "ask" matches argument types "str", "Agent", "str", "type[Plan]",
#   "float"
# pyright [reportArgumentType]: Argument of type "float" cannot be assigned to parameter "estimate" of type
#   "Estimate | None" in function "ask"
priced = ask("plan", writer, "p", Plan, estimate=0.02)


# program: a step's price is an estimate and not a span
# mypy [call-overload]: No overload variant of "step" matches argument type "Span"
# pyright [reportArgumentType]: Argument of type "Span" cannot be assigned to parameter "estimate" of type
#   "Estimate | None" in function "step"
@step(estimate=Span(0, 1, 2))
def dear() -> None: ...


# program: dollars are no text
# mypy [arg-type]: Argument "usd" to "Estimate" has incompatible type "str"; expected "Span | float"
# pyright [reportArgumentType]: Argument of type "Literal['0.02']" cannot be assigned to parameter "usd" of type
#   "Span | float" in function "__init__"
cheap = Estimate(usd="0.02")


# program: a plan of a name
# mypy [arg-type]: Argument 1 to "plan" has incompatible type "str"; expected
#   "Effect[Any, Any] | Callable[..., Effect[Any, Any]]"
# pyright [reportArgumentType]: Argument of type "Literal['ship']" cannot be assigned to parameter "effect" of type
named_plan = plan("ship")


@prompt("research.md")
def research(topic: str) -> None: ...


# program: a prompt called without a variable
# mypy [call-arg]: Missing positional argument "topic" in call to "research"
# pyright [reportCallIssue]: Argument missing for parameter "topic"
asked_without = research()


# program: a prompt's variable of another type
# mypy [arg-type]: Argument 1 to "research" has incompatible type "int"; expected "str"
# pyright [reportArgumentType]: Argument of type "Literal[3]" cannot be assigned to parameter "topic" of type "str"
asked_number = research(3)
