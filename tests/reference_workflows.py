"""Ten workflows as people write them, with prices: what plans and simulations are held against.

`REFERENCES` has each by its name, called with an input. Everything that costs says so, with bounds that differ, so that
a sum which leaves one out is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import attrs
from returns.result import Failure, Result, Success

from perdure import (
    Approved,
    Denied,
    Do,
    Effect,
    Estimate,
    Exhausted,
    Expired,
    Fault,
    Retry,
    Scripted,
    Span,
    StepFault,
    TimedOut,
    approval,
    ask,
    compensate,
    fallback,
    for_each,
    loop,
    parallel,
    pure,
    retry,
    saga,
    sleep,
    step,
    timeout,
    workflow,
)

MINUTE = timedelta(minutes=1)


def agent(name: str, least: float, most: float) -> Scripted:
    """An agent that costs between so many cents, and ten times as many seconds and a hundred times as many tokens."""
    usual = (least + most) / 2

    def span(per_cent: float) -> Span:
        return Span(least * per_cent, usual * per_cent, most * per_cent)

    price = Estimate(tokens_in=span(100), tokens_out=span(50), usd=span(0.01), seconds=span(10))
    return Scripted(name, {}, price)


fast, careful = agent("fast", 1, 2), agent("careful", 5, 30)
writer, critic, judge = agent("writer", 3, 9), agent("critic", 1, 4), agent("judge", 2, 3)

#: What a call of somebody else's service costs.
FEE = Estimate(tokens_in=0, tokens_out=0, usd=Span(0.1, 0.1, 0.25), seconds=Span(1, 2, 8))


@attrs.frozen
class Draft:
    text: str
    words: int


@attrs.frozen
class Verdict:
    decision: Literal["accept", "revise", "reject"]
    legal: bool
    notes: str


@attrs.frozen
class Rejected(Fault):
    why: str


# -- 1. A review loop of twenty rounds, with ways out of the middle of a round. ---------------------------------------


@workflow
def review_loop(topic: str) -> Do[Draft, Rejected | StepFault]:
    draft = yield from ask("write", writer, f"Write about {topic}.", Draft)
    for _ in range(20):
        verdict = yield from ask("review", critic, f"Review: {draft.text}", Verdict)
        match verdict.decision:
            case "accept":
                return draft
            case "reject":
                raise Rejected(verdict.notes)
            case "revise":
                draft = yield from ask("revise", writer, f"{draft.text}\nMind: {verdict.notes}", Draft)
    return draft


# -- 2. An optimizer: the best of five tries, or the first that is good enough. ---------------------------------------


@attrs.frozen
class Attempted:
    text: str
    score: float


@workflow
def improved(best: Attempted) -> Do[Attempted, StepFault]:
    text = yield from ask("propose", writer, f"Do better than: {best.text}")
    score = yield from ask("score", judge, f"From 0 to 1: {text}", float)
    return Attempted(text, score) if score > best.score else best


@workflow
def optimizer(task: str) -> Do[str, StepFault | Exhausted[Attempted]]:
    first = Attempted(task, 0.0)
    best = yield from loop(first, improved, until=lambda best: best.score >= 0.9, rounds=5, name="tries")
    return best.text


# -- 3. A panel: three opinions side by side, and one who weighs them. ------------------------------------------------


@workflow
def panel(question: str) -> Do[str, StepFault]:
    opinions = yield from parallel(
        ask("opinion", fast, question), ask("opinion", careful, question), ask("opinion", critic, question)
    )
    answer = yield from ask("weigh", judge, "\n".join(opinions), Draft)
    if answer.words > 500:
        return (yield from ask("shorten", [fast, careful], answer.text))
    return answer.text


# -- 4. A chain of fallbacks: between agents, and between ways. --------------------------------------------------------


@step(estimate=FEE)
def look_up(question: str) -> Result[str, Rejected]:
    return Success(question)


@workflow
def fallback_chain(question: str) -> Do[str, StepFault]:
    return (
        yield from fallback(
            ask("answer", [fast, careful], question, retry=Retry(attempts=2)),
            look_up(question),
            ask("answer", judge, question, estimate=Estimate(tokens_in=9, tokens_out=9, usd=1, seconds=1)),
        )
    )


# -- 5. A saga: three bookings, taken back when one fails. -------------------------------------------------------------


@step(estimate=FEE)
def book(what: str) -> Result[str, Rejected]:
    return Success(what) if what else Failure(Rejected("nothing to book"))


@step(estimate=FEE, retry=Retry(attempts=4))
def cancel(booking: str) -> None: ...


@workflow
def trip(place: str) -> Do[list[str], Rejected | StepFault]:
    return (yield from saga(booked(place)))


@workflow
def booked(place: str) -> Do[list[str], Rejected | StepFault]:
    bookings: list[str] = []
    for what in ("flight", "hotel", "car"):
        bookings.append((yield from compensate(book(f"{what} to {place}"), cancel)))
    return bookings


# -- 6. Triage: a label decides who answers. ---------------------------------------------------------------------------


@step(estimate=FEE)
def send(to: str, text: str) -> None: ...


@workflow
def triage(mail: str) -> Do[str, StepFault]:
    kind = yield from ask("kind", fast, mail, Literal["billing", "technical", "spam"])
    if kind == "spam":
        return "dropped"
    reply = yield from ask("reply", careful if kind == "technical" else writer, mail, Draft)
    urgent = yield from ask("urgent", fast, mail, bool)
    if urgent:
        yield from send("phone", reply.text)
    yield from send("mail", reply.text)
    return kind


# -- 7. Polling: start something, and look again and again. ------------------------------------------------------------


@step(estimate=FEE, repeat="once")
def deploy(version: str) -> str:
    return version


@step(estimate=Estimate(tokens_in=0, tokens_out=0, usd=0.001, seconds=Span(0, 1, 2)))
def state(deployment: str) -> Literal["running", "done", "failed"]:
    return "done"


@workflow
def rollout(version: str) -> Do[str, Rejected | StepFault]:
    deployment = yield from deploy(version)
    for _ in range(6):
        now = yield from state(deployment)
        if now == "done":
            return deployment
        if now == "failed":
            raise Rejected("it failed")
        yield from sleep(MINUTE)
    raise Rejected("it takes too long")


# -- 8. Escalation: whoever does not answer in a day is passed by. -----------------------------------------------------


@workflow
def escalation(request: str) -> Do[bool, Expired | StepFault]:
    summary = yield from ask("summary", fast, request)
    gate = approval("team", prompt=request, show=summary, expires=timedelta(days=1))
    decision = yield from gate | approval("lead", prompt=request, show=summary, expires=timedelta(days=2))
    match decision:
        case Approved(note=note):
            yield from send("requester", note)
            return True
        case Denied():
            return False


# -- 9. Fan-out: as many reviews as there are files, and one summary. --------------------------------------------------


@attrs.frozen
class Listing:
    files: list[str]


@workflow
def fan_out(repository: str) -> Do[str, StepFault]:
    listing = yield from ask("list", fast, f"Which files of {repository} matter?", Listing)
    notes = yield from for_each(listing.files, one_file, key=lambda file: file)
    return (yield from ask("summary", writer, "\n".join(notes)))


@workflow
def one_file(file: str) -> Do[str, StepFault]:
    verdict = yield from ask("review", critic, f"Review {file}.", Verdict)
    if verdict.legal:
        yield from send("lawyer", verdict.notes)
    return verdict.notes


# -- 10. Retries and time limits, of a step, an ask and a whole. -------------------------------------------------------


@step(estimate=FEE, retry=Retry(attempts=3), timeout=timedelta(seconds=5))
def fetch(url: str) -> str:
    return url


@workflow
def persistent(url: str) -> Do[str, StepFault | TimedOut]:
    page = yield from fetch(url)
    facts = yield from retry(ask("facts", writer, f"The facts of {page}", timeout=MINUTE), Retry(attempts=3))
    slow = timeout(ask("proof", [careful, judge], facts), 5 * MINUTE)
    return (yield from slow.lash(lambda _: pure(facts)))


REFERENCES: Mapping[str, Effect[Any, Any]] = {
    "review_loop": review_loop("bees"),
    "optimizer": optimizer("a poem"),
    "panel": panel("Why?"),
    "fallback_chain": fallback_chain("Who?"),
    "trip": trip("Rome"),
    "triage": triage("My bill is wrong."),
    "rollout": rollout("1.2"),
    "escalation": escalation("May I?"),
    "fan_out": fan_out("perdure"),
    "persistent": persistent("home"),
}
