# mypy: disable-error-code="empty-body"
"""What the checked programs share: faults, values, and effects of every shape. Judged by checkers, never run."""

from __future__ import annotations

from typing import Generic, Literal, Never, Protocol, TypeVar

import attrs
from returns.result import Result

from perdure import Agent, Effect, Fault, Scripted, step

T = TypeVar("T")


class RateLimited(Fault): ...


@attrs.frozen
class Refused(Fault):
    reason: str = ""


class Broken(Fault): ...


@attrs.frozen
class Draft:
    text: str


@attrs.frozen
class Review:
    approved: bool
    feedback: str


@attrs.frozen
class Score:
    score: float
    feedback: str


@attrs.frozen
class Plan:
    title: str
    risk: Literal["low", "high"]


@attrs.frozen
class Box(Generic[T]):
    inside: T


class Verdict(Protocol):
    """What a review loop asks of a review, whatever class it is."""

    @property
    def approved(self) -> bool: ...
    @property
    def feedback(self) -> str: ...


# Effects come out of functions: a checker may know more about a variable than its declaration says.
def number() -> Effect[int, RateLimited]: ...
def text() -> Effect[str, Refused]: ...
def blob() -> Effect[bytes]: ...
def flag() -> Effect[bool, Never]: ...
def outside(result: int) -> Result[int, Refused]: ...
def draft(feedback: str | None) -> Effect[Draft, RateLimited]: ...
def review(draft: Draft) -> Effect[Review, Refused]: ...
def score(draft: Draft) -> Effect[Score, Refused]: ...
def grow(n: int) -> Effect[int, RateLimited]: ...
def undo(n: int) -> Effect[None, Broken]: ...


@step
def fetch(url: str, *, tries: int = 1) -> str: ...
@step
async def download(url: str) -> bytes: ...
@step
def parse(text: str) -> Result[int, Refused]: ...


writer: Agent = Scripted("writer", {})
critic: Agent = Scripted("critic", {})


# Eight of each, no two alike.
class V1: ...


class V2: ...


class V3: ...


class V4: ...


class V5: ...


class V6: ...


class V7: ...


class V8: ...


class F1(Fault): ...


class F2(Fault): ...


class F3(Fault): ...


class F4(Fault): ...


class F5(Fault): ...


class F6(Fault): ...


class F7(Fault): ...


class F8(Fault): ...


def e1() -> Effect[V1, F1]: ...
def e2() -> Effect[V2, F2]: ...
def e3() -> Effect[V3, F3]: ...
def e4() -> Effect[V4, F4]: ...
def e5() -> Effect[V5, F5]: ...
def e6() -> Effect[V6, F6]: ...
def e7() -> Effect[V7, F7]: ...
def e8() -> Effect[V8, F8]: ...
