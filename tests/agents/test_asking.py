"""The one path of an ask: what follows each kind of failure, and what a crash may not change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
import pytest
from returns.result import Failure, Success
from worlds import Lab

import perdure
from perdure import Approved, Denied, Do, Retry, Scripted, StepFault, ask, run_in_memory, workflow
from perdure.agents.asking import asks
from perdure.agents.reply import (
    COURSES,
    AgentError,
    Began,
    Call,
    Cost,
    Event,
    Kind,
    Reply,
    Started,
    Tell,
    Text,
    Unanswered,
    Usage,
    Use,
    Wanted,
    Warned,
)
from perdure.core import codec
from perdure.core.asked import Again, Answer, Asked, Attempt, Question
from perdure.core.effect import Call as WorkflowCall
from perdure.core.leaves import Ask
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.ending import Finished, Parked
from perdure.interpreters.simulate.points import Points
from perdure.testing import assert_crash_safe, simulate


@attrs.frozen
class Review:
    """What a reviewer says."""

    approved: bool
    notes: list[str]
    severity: Literal["low", "high"] = "low"


@attrs.define
class Speaker:
    """An agent of one's own that says what it is told to, one thing a turn."""

    name: str
    says: Callable[[Call], Reply | AgentError | Exception]
    native: bool = True
    calls: list[Call] = attrs.field(factory=list)
    starts: Any = None

    async def answer(self, call: Call, tell: Tell) -> Reply:
        self.calls.append(call)
        if self.starts is not None:
            tell(Started(self.starts))
        said = self.says(call)
        if isinstance(said, Exception):
            raise said
        return said


def speaker(name: str, *says: Reply | AgentError | Exception | str, **more: Any) -> Speaker:
    """It says these one after the other, and the last one for ever."""
    script = iter(says)
    last: list[Any] = []

    def next_one(call: Call) -> Any:
        last[:] = [next(script, last[0] if last else None)]
        return Reply(text=last[0], session=["so far"]) if isinstance(last[0], str) else last[0]

    return Speaker(name, next_one, **more)


@attrs.define
class Asking(Lab):
    """A lab that keeps what the handler noted."""

    noted: list[Any] = attrs.field(factory=list)


def lab(agents: Any, output: Any = str, *, crashes: Sequence[str] = (), **options: Any) -> Asking:
    """One ask, in a world in memory."""

    def body() -> Any:
        return (yield from ask("q", agents, "why?", output, **options))

    body.__annotations__["return"] = Do[output]
    flow: Any = workflow(body)
    made = flow()
    assert isinstance(made, WorkflowCall)

    def perform(asked: Asked) -> Answer | Again:
        return at_once(handler(attrs.evolve(asked, note=world.noted.append)))  # type: ignore[arg-type]  # a coroutine

    world = Asking(made, perform, points=Points(crashes))

    def clock() -> datetime:
        return datetime.fromtimestamp(world.clock.now() / 1000, UTC)

    handler = asks(None, clock)
    return world


def ended(world: Lab) -> Any:
    """Drive it to its end, however long it waits."""
    finished = world.to_the_end({})
    assert isinstance(finished, Finished)
    return finished.outcome


def waits(world: Lab) -> list[tuple[str, float]]:
    """Why and how long, in seconds, it waited between its attempts."""
    payloads = [(entry, json.loads(entry.payload)) for entry in world.entries if entry.kind == "wait"]
    return [(tree["error"], (tree["due"] - entry.at) / 1000) for entry, tree in payloads]


# -- the table -------------------------------------------------------------------------------------------------------


def test_the_table_has_a_course_for_every_kind() -> None:
    assert set(COURSES) == set(get_args(Kind))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_of_failure_takes_the_course_that_the_table_says(kind: Kind) -> None:
    first, second = speaker("first", AgentError(kind, "no")), speaker("second", "yes")

    outcome = ended(lab([first, second]))

    course = COURSES[kind]
    assert len(first.calls) == 1 + course.again
    assert len(second.calls) == (1 if course.then == "next" else 0)
    assert outcome == (Success("yes") if course.then == "next" else Failure(StepFault("q", kind, f"first: {kind}: no")))


def test_a_person_who_says_no_is_never_overruled_by_another_agent() -> None:
    other = speaker("other", "done it anyway")

    outcome = ended(lab([speaker("first", AgentError("denied", "not this")), other]))

    assert isinstance(outcome.failure(), StepFault)
    assert other.calls == []


def test_when_every_agent_has_failed_the_step_fails_with_all_reasons() -> None:
    outcome = ended(
        lab([speaker("a", AgentError("auth", "who?", status=401)), speaker("b", AgentError("config", "no"))])
    )

    assert outcome == Failure(StepFault("q", "config", "every agent failed: a: auth (401): who?; b: config: no"))


def test_a_function_in_the_place_of_an_agent_may_fail_with_any_value() -> None:
    closed = Scripted("closed", lambda prompt: Failure("no time"))

    alone = asyncio.run(run_in_memory(ask("q", closed, "why?")))
    both = asyncio.run(run_in_memory(ask("q", [closed, closed], "why?")))

    assert alone == Failure("no time")
    assert both == Failure(StepFault("q", "str", "every agent failed: closed: no time; closed: no time"))


def test_an_agent_that_does_not_know_us_is_not_asked_again_in_the_run() -> None:
    stranger, friend = speaker("stranger", AgentError("auth", "who?")), speaker("friend", "yes")

    @workflow
    def flow() -> Do[str]:
        yield from ask("one", [stranger, friend], "1")
        return (yield from ask("two", [stranger, friend], "2"))

    made = flow()
    assert isinstance(made, WorkflowCall)
    handler = asks(None)
    world = Lab(made, lambda asked: at_once(handler(asked)))  # type: ignore[arg-type]  # a coroutine

    assert ended(world) == Success("yes")
    assert len(stranger.calls) == 1
    assert len(friend.calls) == 2


def test_whatever_else_an_agent_raises_counts_as_crashed() -> None:
    broken = speaker("broken", ValueError("oops"))

    assert ended(lab(broken)) == Failure(StepFault("q", "crashed", "broken: crashed: ValueError: oops"))
    assert len(broken.calls) == 2


def test_what_is_no_answer_is_the_fault_of_the_agent() -> None:
    for answer in (None, 5, Reply(text=5)):  # type: ignore[arg-type]
        outcome = ended(lab(speaker("own", answer, answer)))  # type: ignore[arg-type]

        assert outcome.failure().error == "crashed"


def test_who_was_offered_no_tools_and_wants_them_is_not_asked_for_ever() -> None:
    wanting = Reply(text="", uses=(Use("1", "rm", {}),))

    for agent in (speaker("own", wanting, wanting), Scripted("script", lambda _: wanting)):
        assert ended(lab([agent, speaker("next", "done")])) == Success("done")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_memory_and_the_database_agree_on_what_follows(kind: Kind) -> None:
    def crew() -> list[Speaker]:
        failing = AgentError(kind, "no", retry_after=timedelta(0))
        return [speaker("first", failing), speaker("second", Reply(text="{}", session="s"), GOOD)]

    durable, memory = crew(), crew()
    on_disk = ended(lab(durable, Review))
    in_memory = asyncio.run(run_in_memory(ask("q", memory, "why?", Review)))

    assert in_memory == on_disk
    for one, other in zip(durable, memory, strict=True):
        assert [call.message for call in one.calls] == [call.message for call in other.calls]


# -- waiting ---------------------------------------------------------------------------------------------------------


def test_an_agent_that_says_how_long_to_wait_is_waited_for_so_long() -> None:
    busy = speaker("busy", AgentError("rate", "slow down", retry_after=timedelta(seconds=20)), "yes")
    world = lab(busy)

    assert ended(world) == Success("yes")
    assert waits(world) == [("rate: slow down", 20)]


def test_without_a_word_on_it_the_waits_grow() -> None:
    world = lab(speaker("busy", AgentError("transient", "reset")))

    assert isinstance(ended(world), Failure)
    first, second = (seconds for _, seconds in waits(world))
    assert 1.8 <= first <= 2
    assert 7.2 <= second <= 8


def test_a_wait_survives_the_process_and_an_early_resume_asks_nobody() -> None:
    busy = speaker("busy", AgentError("rate", "slow down", retry_after=timedelta(seconds=20)), "yes")
    world = lab(busy)

    first = world.start()
    assert isinstance(first, Parked)
    assert world.resume() == first
    assert len(busy.calls) == 1
    world.clock.advance(20_000)
    assert world.resume() == Finished(Success("yes"))


def test_nobody_is_waited_for_long_while_there_is_another_agent() -> None:
    limited = speaker("limited", AgentError("rate", "slow down", retry_after=timedelta(hours=1)))
    world = lab([limited, speaker("other", "yes")])

    assert ended(world) == Success("yes")
    assert waits(world) == [("rate: slow down", 0)]


def test_a_quota_parks_the_run_until_its_reset_where_nobody_else_can_answer() -> None:
    used_up = speaker("used-up", AgentError("quota", "come back", retry_after=timedelta(hours=5)), "yes")
    world = lab([used_up, speaker("broken", AgentError("config", "no such model"))])
    began = world.clock.now()

    parked = world.start()

    assert isinstance(parked, Parked)
    assert parked.wake_at is not None
    assert parked.wake_at - began >= 5 * 3_600_000
    assert ended(world) == Success("yes")
    assert [asked.attempt.number for asked in used_up.calls] == [1, 3]


def test_a_long_wait_is_waited_for_where_there_is_nobody_else() -> None:
    world = lab(speaker("limited", AgentError("rate", "slow down", retry_after=timedelta(hours=1)), "yes"))

    assert ended(world) == Success("yes")
    assert waits(world) == [("rate: slow down", 3600)]


def test_who_was_given_up_is_not_asked_again_after_the_wait_for_another() -> None:
    quota = AgentError("quota", "come back", retry_after=timedelta(hours=5))
    used_up, broken = speaker("a", quota, AgentError("config", "gone")), speaker("b", AgentError("config", "no"))

    outcome = ended(lab([used_up, broken]))

    reasons = "a: quota: come back; b: config: no; a: config: gone"
    assert outcome == Failure(StepFault("q", "config", f"every agent failed: {reasons}"))
    assert (len(used_up.calls), len(broken.calls)) == (2, 1)


def test_a_wait_that_cannot_be_meant_is_a_month() -> None:
    world = lab(speaker("limited", AgentError("rate", "slow down", retry_after=timedelta.max), "yes"))

    assert ended(world) == Success("yes")
    assert waits(world) == [("rate: slow down", 31 * 24 * 3600)]


def test_a_quota_that_never_ends_is_given_up_in_the_end() -> None:
    used_up = speaker("used-up", AgentError("quota", "come back", retry_after=timedelta(hours=5)))

    assert isinstance(ended(lab(used_up)), Failure)
    assert len(used_up.calls) == 4


def test_a_retry_asks_all_of_them_again() -> None:
    first, second = speaker("first", AgentError("config", "no")), speaker("second", AgentError("config", "no"), "yes")

    assert ended(lab([first, second], retry=Retry(attempts=2))) == Success("yes")
    assert (len(first.calls), len(second.calls)) == (2, 2)


# -- crashes ---------------------------------------------------------------------------------------------------------


GOOD = '{"approved": true, "notes": [], "severity": "low"}'
LIMITED = AgentError("rate", "slow down", retry_after=timedelta(seconds=5))

#: Agents that answer by what they are asked and not by how often, so that a crash changes nothing of what they say.
CREWS: dict[str, Callable[[], list[Speaker]]] = {
    "hop": lambda: [speaker("a", AgentError("config", "no")), speaker("b", Reply(text=GOOD))],
    "wait": lambda: [speaker("a", LIMITED), speaker("b", Reply(text=GOOD))],
    "repair": lambda: [Speaker("a", lambda call: Reply(text=GOOD if call.repair else "{}", session="s"))],
}


@pytest.mark.parametrize("crew", CREWS)
def test_a_crash_anywhere_changes_neither_the_agent_nor_the_bounds(crew: str) -> None:
    calm = lab(CREWS[crew](), Review)
    assert ended(calm) == Success(Review(True, []))

    for point in calm.points.met:
        agents = CREWS[crew]()
        world = lab(agents, Review, crashes=[point.label])

        assert ended(world) == Success(Review(True, [])), point
        asked = [call.attempt.number for agent in agents for call in agent.calls]
        assert asked == sorted(asked), "an agent that was given up was asked again"
        assert len(asked) <= len(calm.executed) + 1, "only the attempt that was cut off is made again"


def test_the_position_is_found_by_name_should_the_list_be_another_on_resume() -> None:
    first = speaker("first", AgentError("config", "no"))
    slow = speaker("second", AgentError("rate", "busy", retry_after=timedelta(seconds=30)), "yes")
    world = lab([first, slow])
    assert isinstance(world.start(), Parked)
    again = lab([speaker("new", "never asked"), first, slow])
    again.store, again.clock, again.worker = world.store, world.clock, world.worker
    again.clock.advance(30_000)

    assert again.resume() == Finished(Success("yes"))
    assert len(first.calls) == 1


def test_a_conversation_that_was_cut_off_is_gone_on_with() -> None:
    coder = speaker("coder", AgentError("crashed", "killed"), "done", starts="session-1")
    world = lab(coder)

    assert ended(world) == Success("done")
    assert [call.session for call in coder.calls] == [None, "session-1"]
    assert coder.calls[0].message == "why?"
    assert coder.calls[1].message.startswith("You were interrupted.")
    assert {"agent": "coder"}.items() <= world.noted[0].items()
    assert world.noted[0]["known"]["session"] == "session-1"


# -- structured output -----------------------------------------------------------------------------------------------


def test_an_answer_of_another_form_is_asked_for_again_in_the_same_conversation() -> None:
    coder = speaker("coder", '{"approved": "false", "notes": [1], "severity": "low"}', GOOD)

    world = lab(coder, Review)

    assert ended(world) == Success(Review(True, []))
    first, second = coder.calls
    assert (first.repair, first.session) == (False, None)
    assert (second.repair, second.session) == (True, ["so far"])
    assert "- $.approved: 'false' is not of type 'boolean'" in second.message
    assert "- $.notes[0]: 1 is not of type 'string'" in second.message
    assert waits(world)[0][0].startswith("invalid_output: $.approved: 'false' is not")


def test_a_repair_is_bounded_and_then_the_next_agent_is_asked() -> None:
    stubborn, other = speaker("stubborn", "no braces"), speaker("other", GOOD)

    assert ended(lab([stubborn, other], Review, repair=2)) == Success(Review(True, []))
    assert len(stubborn.calls) == 3
    assert [call.repair for call in other.calls] == [False]


NO_JSON = "$: there is no JSON value in the answer, or one in which a key stands twice"


def test_without_repair_the_first_answer_counts() -> None:
    outcome = ended(lab(speaker("stubborn", "no braces"), Review, repair=0))

    assert outcome == Failure(StepFault("q", "invalid_output", "stubborn: invalid_output: " + NO_JSON))


def test_a_default_never_answers_in_the_place_of_the_agent() -> None:
    assert isinstance(ended(lab(speaker("a", '{"approved": true, "notes": []}'), Review, repair=0)), Failure)


def test_an_agent_without_schemas_is_told_the_form_at_the_end_of_the_prompt() -> None:
    plain = speaker("plain", f"Here it is:\n```json\n{GOOD}\n```\n", native=False)

    assert ended(lab(plain, Review)) == Success(Review(True, []))
    assert plain.calls[0].message.startswith("why?\n\nEnd with one JSON value that fits this JSON Schema")


def test_an_agent_without_a_conversation_is_told_everything_again() -> None:
    script = iter(["{}", GOOD])
    forgetful = Speaker("forgetful", lambda call: Reply(text=next(script)))

    assert ended(lab(forgetful, Review)) == Success(Review(True, []))
    assert forgetful.calls[1].message.startswith("why?\n\nYour answer to that was:\n{}\n\nThe form of your answer")


def test_a_scripted_agent_may_speak_as_a_real_one() -> None:
    said = iter([Reply(text="not yet"), Reply(text=GOOD)])
    bot = Scripted("bot", lambda prompt: next(said))

    assert ended(lab(bot, Review)) == Success(Review(True, []))


# -- money -----------------------------------------------------------------------------------------------------------


def costing(usd: str | None, text: str = "{}") -> Reply:
    cost = Cost() if usd is None else Cost(Decimal(usd), "priced")
    return Reply(text=text, session="s", usage=Usage(input=10, output=5), cost=cost)


def test_what_each_turn_took_is_recorded_with_who_says_so() -> None:
    world = lab(speaker("dear", costing("0.25"), costing(None, GOOD)), Review)

    assert ended(world) == Success(Review(True, []))
    first, second = world.noted
    assert first == {"agent": "dear", "spent": {"input": 10, "output": 5, "usd": "0.25", "source": "priced"}}
    assert second["spent"] == {"input": 10, "output": 5, "usd": None, "source": "unknown"}


@pytest.mark.parametrize("usd", ["NaN", "Infinity", "-1"])
def test_what_is_no_sum_of_money_is_not_known(usd: str) -> None:
    world = lab(speaker("a", costing(usd, "{}"), '{"approved": true, "notes": []}'), Review, budget=1.0)

    assert ended(world).failure().error == "budget"


def test_once_the_budget_is_spent_no_further_turn_is_taken() -> None:
    dear, other = speaker("dear", costing("0.30")), speaker("other", GOOD)

    outcome = ended(lab([dear, other], Review, budget=0.5))

    assert outcome == Failure(StepFault("q", "budget", "dear: budget: it has cost 0.60 USD so far, of 0.5 USD"))
    assert len(dear.calls) == 2
    assert other.calls == []


def test_a_budget_cannot_be_kept_by_what_nobody_can_price() -> None:
    outcome = ended(lab(speaker("dear", costing(None)), Review, budget=0.5))

    assert "nobody knows what it has cost so far" in outcome.failure().reason


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_what_is_secret_is_hidden_in_answers_errors_and_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    leaky = speaker(
        "leaky",
        AgentError("transient", "bad key hunter2-hunter2 or sk-abcdefghijkl"),
        Reply(text='{"approved": "hunter2-hunter2"}', session=["hunter2-hunter2"]),
        Reply(text='{"approved": true, "notes": ["aHVudGVyMi1odW50ZXIy"], "severity": "low"}'),
    )
    world = lab(leaky, Review)

    assert ended(world) == Success(Review(True, ["[hidden]"]))
    recorded = json.dumps([entry.payload for entry in world.entries])
    assert "hunter2" not in recorded
    assert "sk-abc" not in recorded


# -- watching --------------------------------------------------------------------------------------------------------


def test_whoever_watches_sees_no_secret_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    seen: list[Any] = []

    def watch(attempt: Attempt, event: Event) -> None:
        seen.append(event)
        raise LookupError("a bug of who watches")

    outcome = asyncio.run(
        run_in_memory(ask("q", speaker("coder", "done", starts="hunter2-hunter2"), "why?"), watch=watch)
    )

    assert outcome == Success("done")
    assert seen == [Began("coder"), Started("[hidden]")]
    assert "a bug of who watches" in caplog.text
    assert "hunter2" not in caplog.text


@attrs.frozen
class Stammerer:
    """It says its text in parts, with a warning in between, and then fails or not."""

    parts: tuple[str | Event, ...]
    error: AgentError | None = None
    name: str = "stammerer"
    native: bool = True

    async def answer(self, call: Call, tell: Tell) -> Reply:
        for part in self.parts:
            tell(Text(part) if isinstance(part, str) else part)
        if self.error is not None:
            raise self.error
        return Reply(text="done")


def heard(agent: Stammerer) -> list[Event]:
    seen: list[Event] = []
    asyncio.run(run_in_memory(ask("q", agent, "why?"), watch=lambda _, event: seen.append(event)))
    return seen


def test_a_secret_that_comes_in_parts_is_hidden_and_nothing_else_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")

    seen = heard(Stammerer(("It is: h", "unter", "2-hunter2!", " 12")))

    assert seen == [Began("stammerer"), Text("It is: "), Text("[hidden]!"), Text(" 12")]


def test_what_was_held_back_is_told_before_anything_else_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")

    assert heard(Stammerer(("hunt", Warned("slow"), "er2"), AgentError("config", "no"))) == [
        Began("stammerer"),
        Text("hunt"),
        Warned("slow"),
        Text("er2"),
    ]


def test_who_pays_is_recorded_with_the_attempt_at_once() -> None:
    world = lab(Stammerer((Started("s1", "ANTHROPIC_API_KEY"),)))

    assert ended(world) == Success("done")
    assert [said["payer"] for said in world.noted if "payer" in said] == ["ANTHROPIC_API_KEY"]
    assert world.noted[0]["known"]["session"] == "s1"


def test_which_version_ran_is_recorded_at_once_and_with_a_failure_too() -> None:
    begun = lab(Stammerer((Started("s1", version="1.2"),)))
    failed = lab(speaker("a", AgentError("config", "no", version="1.3")))

    ended(begun), ended(failed)

    assert begun.noted[0]["version"] == "1.2"
    assert [said["version"] for said in failed.noted] == ["1.3"]


def test_agents_can_be_watched_in_a_durable_run(tmp_path: Path) -> None:
    seen: list[Any] = []

    with perdure.open(tmp_path / "runs.db", watch=lambda attempt, event: seen.append((attempt.path, event))) as store:
        outcome = store.start(watched(), id="r1").result()

    assert outcome == Success("done")
    assert seen == [("watched/q", Began("coder")), ("watched/q", Started("session"))]


@workflow
def watched() -> Do[str]:
    return (yield from ask("q", speaker("coder", "done", starts="session"), "why?"))


# -- calls that wait for a person ------------------------------------------------------------------------------------

YES = '{"_type":"Approved","by":"ana","note":"","at":null}'
NO = '{"_type":"Denied","by":"ana","note":"not on a Friday","at":null}'
BASH = Wanted("call-7", "Bash", {"command": "rm -r old"})


def wanting(*more: Reply | AgentError | Unanswered | str, **options: Any) -> Speaker:
    """It wants to use a tool, gets no answer in time, and goes on when it is asked again."""
    return speaker("claude-code", Unanswered(BASH, ["so far"]), *more, "done", **options)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (YES, "The reviewer allowed your call of Bash: go on with it."),
        (
            YES.replace('"note":""', '"note":"but hurry"'),
            "The reviewer allowed your call of Bash: go on with it. They say: but hurry",
        ),
        (NO, "The reviewer did not allow your call of Bash: not on a Friday. Go on without it."),
    ],
)
def test_who_got_no_answer_in_time_goes_on_with_it_in_the_same_conversation(answer: str, message: str) -> None:
    agent = wanting()
    world = lab([agent, speaker("codex", "never asked")])

    assert isinstance(world.start(), Parked)

    (gate,) = at_once(world.store.gates(world.run_id))
    assert (gate.path, gate.name, gate.prompt) == ("body/q:Bash", "Bash", "claude-code wants to use Bash in body/q")
    assert json.loads(gate.show) == BASH.input
    world.answer("Bash", answer)
    assert world.resume() == Finished(Success("done"))
    first, second = agent.calls
    assert first.permits == ()
    (permit,) = second.permits
    assert permit.wanted == BASH
    assert codec.dumps(permit.decision, Approved | Denied) == answer
    assert (second.message, second.session) == (message, ["so far"])


def test_a_crash_anywhere_asks_a_person_once_and_tells_the_agent_what_was_said() -> None:
    calm = lab(wanting())
    assert calm.to_the_end({"Bash": YES}) == Finished(Success("done"))

    for point in calm.points.met:
        agent = Speaker("claude-code", lambda call: Reply(text="done") if call.permits else Unanswered(BASH, ["so"]))
        world = lab(agent, crashes=[point.label])

        assert world.to_the_end({"Bash": YES}) == Finished(Success("done")), point

        assert len(at_once(world.store.gates(world.run_id))) == 1, point
        assert [permit.wanted for permit in agent.calls[-1].permits] == [BASH], point


def test_what_was_said_outlives_a_failure_of_the_agent_and_a_name_of_its_conversation() -> None:
    agent = wanting(AgentError("transient", "cut"), starts=["so far", 2])
    world = lab(agent)

    world.to_the_end({"Bash": YES})

    assert [len(call.permits) for call in agent.calls] == [0, 1, 1]
    assert agent.calls[2].message == "The reviewer allowed your call of Bash: go on with it."
    assert agent.calls[2].session == ["so far", 2]


def test_what_was_said_is_used_up_once_the_agent_has_replied() -> None:
    agent = wanting('{"approved": 1}', '{"approved": true, "notes": [], "severity": "low"}')

    world = lab(agent, Review)
    world.to_the_end({"Bash": YES})

    assert [(len(call.permits), call.repair) for call in agent.calls] == [(0, False), (1, False), (0, True)]


def test_a_second_call_is_asked_about_for_itself() -> None:
    agent = wanting(Unanswered(attrs.evolve(BASH, id="call-8", input={"command": "ls"}), ["so far"]))
    world = lab(agent)
    world.start()
    world.answer("Bash", YES)

    assert isinstance(world.resume(), Parked)

    world.answer("Bash", NO)
    assert world.resume() == Finished(Success("done"))
    (permit,) = agent.calls[2].permits
    assert (permit.wanted.input, type(permit.decision)) == ({"command": "ls"}, Denied)
    assert [gate.path for gate in at_once(world.store.gates(world.run_id))] == ["body/q:Bash", "body/q:Bash#2"]


def test_an_agent_may_ask_in_the_middle_of_its_turn() -> None:
    asked: list[Question] = []

    async def confirm(question: Question) -> Approved | Denied:
        asked.append(question)
        return Approved(by="ana")

    class Patient(Speaker):
        async def answer(self, call: Call, tell: Tell) -> Reply:
            return Reply(text=type(await call.confirm(BASH)).__name__)

    op = ask("q", Patient("claude-code", lambda _: Reply(text="")), "why?")
    assert isinstance(op, Ask)
    attempt = Attempt("run", "flow/q", 1, "key")

    assert asyncio.run(asks(None)(Asked(op, attempt, confirm=confirm))) == Success("Approved")  # type: ignore[arg-type]
    assert asked == [Question("Bash", "claude-code wants to use Bash in flow/q", BASH.input)]
    assert asyncio.run(run_in_memory(op)) == Success("Denied")
    assert asyncio.run(run_in_memory(op, answers={"Bash": Approved()})) == Success("Approved")


def test_a_call_with_a_secret_in_it_is_shown_without_and_recognised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the agent says again has the secret, and what was recorded has not."""
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-hunter2")
    secret = attrs.evolve(BASH, input={"command": "login hunter2-hunter2"})
    said: list[str] = []

    class Patient(Speaker):
        async def answer(self, call: Call, tell: Tell) -> Reply:
            if call.session is None:
                raise Unanswered(secret, ["so far"])
            assert call.permits == ()
            said.extend([type(await call.confirm(secret)).__name__, (await call.confirm(secret)).note])
            return Reply(text="done")

    world = lab(Patient("claude-code", lambda _: Reply(text="")))
    world.start()
    (gate,) = at_once(world.store.gates(world.run_id))
    assert json.loads(gate.show) == {"command": "login [hidden]"}
    world.answer("Bash", YES)

    assert world.resume() == Finished(Success("done"))

    assert said == ["Approved", "nobody can be asked here"]
    assert "hunter2" not in str(world.entries)


def test_no_part_of_a_call_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-hunter2")
    world = lab(speaker("own", Unanswered(Wanted("hunter2-hunter2", "use hunter2-hunter2", {}), ["so far"])))

    world.start()

    (gate,) = at_once(world.store.gates(world.run_id))
    assert gate.prompt == "own wants to use use [hidden] in body/q"
    assert "hunter2" not in f"{world.entries}{gate}"


def test_a_call_is_not_taken_for_one_that_only_python_calls_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-hunter2")
    said: list[str] = []

    def login(times: object) -> Wanted:
        return attrs.evolve(BASH, input={"command": "login hunter2-hunter2", "times": times})

    class Patient(Speaker):
        async def answer(self, call: Call, tell: Tell) -> Reply:
            if call.session is None:
                raise Unanswered(login(1), ["so far"])
            said.extend([type(await call.confirm(login(times))).__name__ for times in (True, 1)])
            return Reply(text="done")

    world = lab(Patient("claude-code", lambda _: Reply(text="")))
    world.start()
    world.answer("Bash", YES)
    world.resume()

    assert said == ["Denied", "Approved"]


def test_what_an_agent_says_before_it_asks_is_heard_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2-hunter2")
    heard: list[Event] = []
    before: list[Event] = []

    async def confirm(_: Question) -> Approved | Denied:
        before.extend(heard)
        return Approved()

    class Patient(Speaker):
        async def answer(self, call: Call, tell: Tell) -> Reply:
            tell(Text("May I go on the hunt"))
            return Reply(text=type(await call.confirm(BASH)).__name__)

    op: Any = ask("q", Patient("claude-code", lambda _: Reply(text="")), "why?")
    handler = asks(None, watch=lambda _, event: heard.append(event))
    asyncio.run(handler(Asked(op, Attempt("run", "q", 1, "key"), confirm=confirm)))  # type: ignore[arg-type]

    assert "".join(event.delta for event in before if isinstance(event, Text)) == "May I go on the hunt"


def script(wanted: Any) -> Scripted:
    def reply(_: str) -> str:
        raise Unanswered(wanted, None)

    return Scripted("script", reply)


@pytest.mark.parametrize("wanted", ["a text", Wanted("1", 5, {}), Wanted("1", "Bash", {"x": float("nan")})])  # type: ignore[arg-type]
def test_what_no_person_can_be_asked_about_is_the_fault_of_the_agent(wanted: Any) -> None:
    for agent in (speaker("own", Unanswered(wanted, None), Unanswered(wanted, None)), script(wanted)):
        outcome = ended(lab(agent))

        assert isinstance(outcome, Failure)
        assert outcome.failure().error == "crashed"


def test_a_tool_whose_name_no_gate_can_have_is_asked_about_all_the_same() -> None:
    agent = speaker("claude-code", Unanswered(Wanted("1", ".mcp/files: read", {}), ["so far"]), "done")
    world = lab(agent)

    assert world.to_the_end({"mcp-files-read": YES}) == Finished(Success("done"))


def test_a_scripted_agent_may_wait_for_a_person_and_is_told_what_they_said() -> None:
    def careful(prompt: str) -> str:
        if "The reviewer" not in prompt:
            raise Unanswered(BASH, None)
        return prompt

    world = lab(Scripted("careful", careful))

    ended = world.to_the_end({"Bash": NO})

    assert ended == Finished(
        Success("why?\n\nThe reviewer did not allow your call of Bash: not on a Friday. Go on without it.")
    )
    assert_crash_safe(world.call, answers={"Bash": "deny"}, depth=2)
    assert "did not allow" in simulate(world.call, answers={"Bash": "deny"}).value()
