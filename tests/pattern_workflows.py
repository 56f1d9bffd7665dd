"""Every pattern as a user would write it: one small workflow each, whose agents answer by rule and take some rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, Never

import attrs
from returns.result import Success

from perdure import (
    Approved,
    Denied,
    Do,
    Effect,
    Estimate,
    Exhausted,
    Expired,
    Outcome,
    Scripted,
    Span,
    StepFault,
    TimedOut,
    ask,
    pure,
    step,
    suspend,
    workflow,
)
from perdure.components import (
    Action,
    Answered,
    Attempted,
    Decided,
    Halted,
    Merged,
    NoMajority,
    NoQuorum,
    OverBudget,
    Proposed,
    Rejected,
    Rule,
    Shadowed,
    approval_gate,
    attempt_each,
    check_suite,
    classify_and_route,
    compensate,
    content_pipeline,
    debate,
    decision_table,
    delegation,
    drift_detector,
    escalation_chain,
    gather_and_synthesize,
    jury,
    kanban,
    majority,
    merge_queue,
    optimizer,
    panel,
    poller,
    review_loop,
    runbook,
    saga,
    scan_fix_verify,
    self_improve,
    sidecar,
    supervisor,
    try_catch_finally,
)

Vote = Literal["ship", "wait"]


@attrs.frozen
class Review:
    approved: bool
    feedback: str


@attrs.frozen
class Score:
    score: float
    feedback: str


@attrs.frozen
class Opinion:
    vote: Vote
    why: str


# -- Agents that answer by rule. ------------------------------------------------------------------------------------

writer = Scripted("writer", lambda prompt: f"A text ({prompt})")
critic = Scripted("critic", lambda prompt: Review("shorter" in prompt, "shorter"))
pedant = Scripted("pedant", lambda prompt: Review("comma" in prompt, "a comma"))
cheap = Scripted("cheap", lambda prompt: prompt)
rater = Scripted("rater", lambda prompt: Score(len(prompt), prompt))
judge = Scripted("judge", lambda prompt: Opinion("wait" if "risk" in prompt else "ship", prompt))
boss = Scripted("boss", lambda prompt: ["wall"] if prompt.endswith("wall: failed") else [])


def written(topic: str) -> Callable[[str | None], Effect[str, StepFault]]:
    return lambda feedback: ask("write", writer, topic if feedback is None else f"{topic}, {feedback}")


def reviewed_by(agent: Scripted) -> Callable[[str], Effect[Review, StepFault]]:
    return lambda draft: ask("review", agent, draft, Review)


# -- The patterns. --------------------------------------------------------------------------------------------------


@workflow
def article(topic: str) -> Do[str, StepFault | Exhausted[str]]:
    """A review loop."""
    return (yield from review_loop(written(topic), reviewed_by(critic), rounds=3))


@workflow
def edited(topic: str) -> Do[str, StepFault | Exhausted[str]]:
    """A review loop with a jury, one of whom is never content."""
    reviewers = jury({"length": reviewed_by(critic), "style": reviewed_by(pedant)}, needed=1)
    return (yield from review_loop(written(topic), reviewers, rounds=2))


@workflow
def slogan(product: str) -> Do[str, StepFault | Exhausted[str]]:
    """An optimizer."""
    scored = optimizer(written(product), lambda text: ask("rate", rater, text, Score), target=40, rounds=3)
    return (yield from scored)


@step
def lint(folder: str) -> list[str]:
    return [f"{folder}/a.py", f"{folder}/b.py"]


@step
def tidy(file: str) -> str:
    if file.endswith("b.py"):
        raise OSError("read-only")
    return f"tidied {file}"


@step
def build(tidied: int) -> Review:
    return Review(tidied > 1, f"{tidied} tidied")


Fixes = list[Attempted[str, str, StepFault]]


@workflow
def clean(folder: str) -> Do[Fixes, StepFault | Exhausted[Fixes]]:
    """A scan that is fixed and verified; one of its fixes always fails."""

    def verify(fixes: Sequence[Attempted[str, str, StepFault]]) -> Effect[Review, StepFault]:
        return build(sum("tidied" in str(outcome) for _, outcome in fixes))

    return (yield from scan_fix_verify(lint(folder), tidy, verify, rounds=2, key=lambda file: file))


def vote_of(opinion: Opinion) -> Vote:
    return opinion.vote


def opinions(change: str) -> Mapping[str, Effect[Opinion, StepFault]]:
    topics = ("speed", "risk", "style")
    return {topic: ask("judge", judge, f"the {topic} of {change}", Opinion) for topic in topics}


@workflow
def summed_up(change: str) -> Do[str, StepFault]:
    """A panel whose opinions an agent sums up."""
    return (
        yield from panel(opinions(change), lambda said: ask("sum-up", writer, "; ".join(o.why for o in said.values())))
    )


@workflow
def voted(change: str) -> Do[Vote, NoMajority[Vote] | NoQuorum[Opinion, StepFault]]:
    """A panel whose votes the program counts."""
    return (yield from panel(opinions(change), majority(vote_of), quorum=2))


@workflow
def argued(motion: str) -> Do[Opinion, StepFault]:
    """A debate."""

    def heard(said: Sequence[tuple[str, str]]) -> str:
        return "\n".join([motion, *(f"{pro} / {con}" for pro, con in said)])

    return (
        yield from debate(
            lambda said: ask("argue", writer, f"for {heard(said)}"),
            lambda said: ask("argue", writer, f"against {heard(said)}"),
            lambda said: ask("judge", judge, heard(said), Opinion),
        )
    )


@step
def work(part: str) -> str:
    if part == "wall":
        raise OSError("no bricks")
    return f"built {part}"


@workflow
def house(parts: list[str]) -> Do[Fixes, StepFault | Exhausted[Fixes]]:
    """A supervisor, one of whose workers always fails."""

    def again(done: Sequence[Attempted[str, str, StepFault]]) -> Effect[list[str], StepFault]:
        told = [f"{part}: {'failed' if 'no bricks' in str(outcome) else 'done'}" for part, outcome in done]
        return ask("look", boss, "\n".join(told), list[str])

    return (yield from supervisor(pure(parts), work, again, rounds=2, key=lambda part: part))


@step
def triage(question: str) -> Opinion:
    raise ConnectionError("overloaded")


@workflow
def support(question: str) -> Do[Answered[Opinion], Expired]:
    """An escalation over a level that fails, one that is not good, and a person."""

    def person(tried: Mapping[str, Outcome[Opinion, StepFault]]) -> Effect[Opinion, Expired]:
        show = [f"{level}: {outcome}" for level, outcome in tried.items()]
        return suspend("decide", Opinion, prompt=question, show=show, expires=timedelta(days=2))

    levels = {"rules": triage(question), "agent": ask("answer", judge, f"the risk of {question}", Opinion)}
    return (yield from escalation_chain(levels, good=lambda opinion: opinion.vote == "ship", human=person))


@step
def book(what: str) -> str:
    return f"{what} 17"


@step
def cancel(booking: str) -> None: ...


@step
def pay(bookings: list[str]) -> str:
    raise ConnectionError("card refused")


@workflow
def trip(seat: str, room: str) -> Do[str, StepFault]:
    """A saga that fails at its last step."""
    return (yield from saga(booked(seat, room)))


@workflow
def booked(*places: str) -> Do[str, StepFault]:
    bookings: list[str] = []
    for place in places:
        bookings.append((yield from compensate(book(place), cancel)))
    return (yield from pay(bookings))


@workflow
def survey(files: list[str]) -> Do[Fixes, StepFault]:
    """Attempts, side by side."""
    return (yield from attempt_each(files, tidy))


@step
def publish(text: str) -> str:
    return f"published {text}"


@workflow
def guarded(text: str, risky: bool) -> Do[str | Denied, StepFault | Expired]:
    """A gate, where it is needed."""
    gate = approval_gate("publish-it", publish(text), when=risky, show=text, expires=timedelta(days=1))
    return (yield from gate)


Kind = Literal["bug", "praise", "spam"]
sorter = Scripted("sorter", lambda prompt: "bug" if "broken" in prompt else "spam")


@step
def fix(text: str) -> str:
    return f"fixed: {text}"


@workflow
def routed(text: str) -> Do[str, StepFault]:
    """A classification with a route, one without, and what becomes of the rest."""
    routes: Mapping[Kind, Callable[[str], Effect[str, StepFault]]] = {"bug": fix, "praise": publish}
    sort: Effect[str, StepFault] = classify_and_route(
        text,
        lambda text: ask("sort", sorter, text, Kind),
        routes,
        otherwise=lambda text: ask("look", writer, text),
    )
    return (yield from sort)


@step
def fetch(url: str) -> str:
    if "down" in url:
        raise ConnectionError("no route")
    return f"text of {url}"


@workflow
def report(*urls: str) -> Do[str, StepFault]:
    """Sources, one of which is down."""

    def whole(found: Mapping[str, Outcome[str, StepFault]]) -> Effect[str, StepFault]:
        there = [outcome.unwrap() for outcome in found.values() if isinstance(outcome, Success)]
        return ask("write", writer, f"{'; '.join(there)} ({len(found) - len(there)} missing)")

    return (yield from gather_and_synthesize({url: fetch(url) for url in urls}, whole))


@step
def status(build: str) -> str:
    return "running"


@workflow
def built(build: str) -> Do[str, StepFault | Exhausted[str]]:
    """A poll that never ends well."""
    poll = poller(status(build), done=lambda seen: seen == "done", every=timedelta(minutes=5), factor=2, rounds=3)
    return (yield from poll)


@workflow
def expense(cents: int) -> Do[Decided[str], StepFault]:
    """A table of rules."""
    decided = decision_table(
        cents,
        {
            "small": Rule(when=lambda cents: cents < 1_000, then=lambda cents: publish(f"{cents} paid")),
            "medium": Rule(when=lambda cents: cents < 10_000, then=lambda cents: ask("boss", writer, f"pay {cents}?")),
        },
        otherwise=lambda cents: publish(f"{cents} refused"),
    )
    return (yield from decided)


@workflow
def careful(place: str) -> Do[str, StepFault]:
    """A body that fails, its handler, and what is done in any case."""
    return (
        yield from try_catch_finally(
            pay([place]), catch=lambda fault: publish(fault.reason), finally_=cancel(place).attempt()
        )
    )


@workflow
def checked(draft: str) -> Do[str, StepFault]:
    """Checks by an agent, by a step, and by one that is down."""
    checks: Mapping[str, Effect[Review, StepFault]] = {
        "length": reviewed_by(critic)(draft),
        "build": build(2),
        "risk": triage(draft).map(lambda opinion: Review(opinion.vote == "ship", opinion.why)),
    }
    suite = yield from check_suite(checks, needed=2)
    return "passed" if suite.approved else suite.feedback


@step
def run(command: str) -> str:
    return f"{command}: ok"


Ran = dict[str, str]


@workflow
def failover(region: str) -> Do[Ran, Halted[Ran, StepFault | Denied | Expired]]:
    """A runbook with an action of each risk."""
    actions = {
        "look": Action(run("status"), risk="safe"),
        "drain": Action(run(f"drain {region}"), risk="risky", show=f"{region} serves 4 users"),
        "promote": Action(run("promote"), risk="critical"),
    }
    return (yield from runbook(actions, expires=timedelta(hours=1)))


@step
def replicas(region: str) -> int:
    return 3


@step
def page(what: str) -> None: ...


@attrs.frozen
class Drift:
    drifted: bool
    what: str


def fewer(wanted: int, found: int) -> Effect[Drift, Never]:
    return pure(Drift(found < wanted, f"{found} of {wanted}"))


def told(drift: Drift) -> Effect[None, StepFault]:
    return page(drift.what)


@workflow
def watched(region: str) -> Do[Drift, StepFault]:
    """A watch over something that does not drift."""
    return (yield from drift_detector(3, replicas(region), fewer, told, every=timedelta(days=1), rounds=3))


Column = Callable[[str], Effect[str, StepFault]]
COLUMNS: Mapping[str, Column] = {"code": work, "tidy": tidy, "ship": publish}


@workflow
def board(cards: list[str]) -> Do[list[Attempted[str, str, Halted[str, StepFault]]], StepFault]:
    """A board with three places, one of them to tidy, and a card in each of two columns that does not leave it."""
    return (yield from kanban(cards, COLUMNS, limits={"tidy": 1}, key=lambda card: card, limit=3))


@step
def rebase(trunk: str, change: str) -> str:
    return f"{trunk}+{change}"


@step
def suite(candidate: str) -> Review:
    return Review("b" not in candidate, "2 tests failed")


@step
def push(candidate: str) -> str:
    return candidate


Queue = Merged[str, str, StepFault | Rejected]


@workflow
def merged(*changes: str) -> Do[Queue, Halted[Queue, StepFault]]:
    """A queue, one of whose changes is not good."""
    return (yield from merge_queue("trunk", changes, rebase=rebase, check=suite, land=push))


@workflow
def shadowed(question: str) -> Do[Shadowed[str, StepFault | TimedOut], StepFault]:
    """An answer with another one in its shadow."""
    return (
        yield from sidecar(
            ask("answer", writer, question),
            ask("answer", cheap, question),
            lambda text: ask("rate", rater, text, Score),
        )
    )


@workflow
def post(topic: str) -> Do[str, Halted[str, StepFault]]:
    """A pipeline whose second stage fails."""
    stages: Mapping[str, Column] = {"draft": written_at_once, "tidy": tidy, "publish": publish}
    return (yield from content_pipeline(topic, stages))


def written_at_once(topic: str) -> Effect[str, StepFault]:
    return ask("write", writer, f"{topic}.py")


@attrs.frozen
class Job:
    worker: str
    after: list[int]
    what: str


JOBS = [Job("builder", [], "roof"), Job("builder", [], "door"), Job("painter", [0, 1], "all")]
#: Its first plan has a task for nobody.
architect = Scripted("architect", lambda prompt: JOBS if "builder, painter" in prompt else [Job("elf", [], "it")])


@step
def paint(what: str, built: list[str]) -> str:
    return f"painted {what}: {', '.join(built)}"


WORKERS: Mapping[str, Callable[[Job, Sequence[str]], Effect[str, StepFault]]] = {
    "builder": lambda job, before: work(job.what),
    "painter": lambda job, before: paint(job.what, list(before)),
}


@workflow
def delegated(goal: str) -> Do[list[str], StepFault | Exhausted[Sequence[Job]] | Halted[dict[int, str], StepFault]]:
    """A plan that is sent back once, and then done."""
    return (yield from delegation(lambda wrong: ask("plan", architect, wrong or goal, list[Job]), WORKERS, rounds=2))


#: Its first plan is too dear.
builder = Scripted("builder", lambda prompt: JOBS[:2] if "It may cost" in prompt else JOBS)
PRICES = {"builder": Estimate(usd=Span(0, 1, 2)), "painter": Estimate(usd=5)}

Afforded = StepFault | Exhausted[Sequence[Job]] | OverBudget[Sequence[Job]] | Halted[dict[int, str], StepFault]


@workflow
def afforded(goal: str) -> Do[list[str], Afforded]:
    """A plan that is sent back for its price, and then done."""

    def plan(wrong: str | None) -> Effect[list[Job], StepFault]:
        return ask("plan", builder, wrong or goal, list[Job])

    return (yield from delegation(plan, WORKERS, prices=PRICES, budget_usd=4, rounds=2))


@attrs.frozen
class Judged:
    approved: bool
    feedback: str
    diff: list[str]
    digest: str


#: Its first change is no good.
reformer = Scripted("reformer", lambda prompt: "be brief" if "say how" in prompt else "be")


@step
def finished(target: str) -> list[str]:
    return [f"{target}: too long", f"{target}: too long"]


@step
def differ(target: str, change: str) -> Judged:
    return Judged("brief" in change, "say how", [f"+ {change}"], f"sha of {change}")


@step
def adopt(target: str, change: str, digest: str) -> str:
    return f"{target} adopted {change} ({digest})"


Bettered = Proposed[str, Judged]


@workflow
def bettered(target: str) -> Do[str | Denied, StepFault | Exhausted[Bettered]]:
    """A change of a workflow that is sent back once, and then shown to a person."""

    def propose(complaints: list[str], wrong: str | None) -> Effect[str, StepFault]:
        return ask("propose", reformer, "; ".join([*complaints, wrong or "what would help?"]))

    def put(proposed: Bettered) -> Effect[str, StepFault]:
        return adopt(target, proposed.change, proposed.judged.digest)

    return (yield from self_improve(finished(target), propose, lambda change: differ(target, change), put, rounds=2))


#: A call of each.
PATTERNS: Mapping[str, Effect[object, object]] = {
    "review_loop": article("bees"),
    "jury": edited("bees"),
    "optimizer": slogan("bees"),
    "scan_fix_verify": clean("src"),
    "panel": summed_up("the cache"),
    "panel_votes": voted("the cache"),
    "debate": argued("tea"),
    "supervisor": house(["roof", "wall"]),
    "escalation_chain": support("the cache"),
    "saga": trip("seat", "room"),
    "attempt_each": survey(["a.py", "b.py"]),
    "approval_gate": guarded("bees", risky=True),
    "classify_and_route": routed("the door is broken"),
    "gather_and_synthesize": report("web", "down", "wiki"),
    "poller": built("nightly"),
    "decision_table": expense(5_000),
    "try_catch_finally": careful("seat"),
    "check_suite": checked("a long text"),
    "runbook": failover("eu"),
    "drift_detector": watched("eu"),
    "kanban": board(["roof", "wall", "b.py", "door"]),
    "merge_queue": merged("a", "b"),
    "sidecar": shadowed("why?"),
    "content_pipeline": post("b"),
    "delegation": delegated("a house"),
    "delegation_priced": afforded("a house"),
    "self_improve": bettered("answers"),
}
#: Who is asked in them, and has no rule.
ANSWERS: Mapping[str, Mapping[str, object]] = {
    "escalation_chain": {"decide": Opinion("ship", "I looked at it")},
    "approval_gate": {"publish-it": "approve"},
    "self_improve": {"approve-change": "approve"},
    "runbook": {
        "approve-drain": Approved(by="ann"),
        "approve-promote": Approved(by="ann"),
        "confirm-promote": Approved(by="ben"),
    },
}
