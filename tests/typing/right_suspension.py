# mypy: disable-error-code="unused-awaitable, empty-body"
"""Waiting for people, messages, time and other runs: the answer has a type, an expiry is a failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, Never, assert_type

from given import Draft, Plan, RateLimited, number

from perdure import (
    Approved,
    Denied,
    Do,
    Effect,
    Expired,
    approval,
    child,
    now,
    signal,
    sleep,
    sleep_until,
    suspend,
    workflow,
)

DAY = timedelta(days=1)


# program: a gate asks for yes or no and cannot fail
assert_type(suspend("gate"), Effect[bool, Never])
assert_type(suspend("gate", prompt="?", show=Draft("x")), Effect[bool, Never])


# program: a gate that expires can fail
assert_type(suspend("gate", expires=DAY), Effect[bool, Expired])


# program: a gate asks for an object
assert_type(suspend("gate", Plan), Effect[Plan, Never])
assert_type(suspend("gate", Plan, expires=DAY), Effect[Plan, Expired])


# program: a gate asks for any type expression
assert_type(suspend("gate", Plan | None), Effect[Plan | None, Never])
assert_type(suspend("gate", Literal["a", "b"], expires=DAY), Effect[Literal["a", "b"], Expired])
assert_type(suspend("gate", list[Draft], prompt="?"), Effect[list[Draft], Never])


# program: an approval is approved or denied
assert_type(approval("publish"), Effect[Approved | Denied, Never])
assert_type(approval("publish", prompt="?", show=Draft("x"), expires=None), Effect[Approved | Denied, Never])


# program: an approval that expires can fail
assert_type(approval("publish", expires=DAY), Effect[Approved | Denied, Expired])


# program: a decision is matched completely
@workflow
def publish() -> Do[str, Expired]:
    match (yield from approval("publish", expires=DAY)):
        case Approved(by=who):
            assert_type(who, str)
            return who
        case Denied(note=why, at=when):
            assert_type(when, datetime | None)
            return why


assert_type(publish(), Effect[str, Expired])


# program: an expiry is handled and leaves the type
assert_type(suspend("gate", expires=DAY).lash(lambda late: suspend("manager")), Effect[bool, Never])


# program: an expiry says which gate
assert_type(
    suspend("gate", expires=DAY).swap().map(lambda late: (late.gate, late.after)), Effect[tuple[str, timedelta], bool]
)


# program: a signal has the type of its message
assert_type(signal("comment", str), Effect[str, Never])
assert_type(signal("plan", Plan), Effect[Plan, Never])


# program: a signal's message may be of any type expression
assert_type(signal("plan", Plan | None), Effect[Plan | None, Never])
assert_type(signal("kind", Literal["stop", "go"]), Effect[Literal["stop", "go"], Never])
assert_type(signal("drafts", list[Draft]), Effect[list[Draft], Never])
assert_type(signal("counts", dict[str, int]), Effect[dict[str, int], Never])


# program: sleeping yields nothing
assert_type(sleep(timedelta(minutes=5)), Effect[None, Never])
assert_type(sleep_until(datetime(2030, 1, 1, tzinfo=UTC)), Effect[None, Never])


# program: the time is a datetime
assert_type(now(), Effect[datetime, Never])
assert_type(now().bind(lambda t: sleep_until(t + DAY)), Effect[None, Never])


# program: a child run yields and fails as its workflow does
@workflow
def ship(topic: str) -> Do[Draft, RateLimited]:
    yield from number()
    return Draft(topic)


assert_type(child(ship("bees")), Effect[Draft, RateLimited])
assert_type(child(ship("bees"), name="bees"), Effect[Draft, RateLimited])
