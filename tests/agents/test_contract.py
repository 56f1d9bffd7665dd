"""Every coding agent keeps one contract: on what was recorded of the real ones, and (`-m harness`) on the real ones."""

from __future__ import annotations

import json
import stat
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from contract import ANSWER, NOTE, SCENES, Told, play, played
from scenes import zombies
from subjects import SUBJECTS, environ

from perdure.agents.harness.adapter import Reading, Room, SessionLost
from perdure.agents.harness.known import adapter_named
from perdure.agents.process import Ended
from perdure.agents.reply import AgentError, Call, Reply, Started, ToolEnded, ToolStarted, Unanswered, Usage
from perdure.core.asked import Attempt
from perdure.core.leaves import Ask
from perdure.testing.models import KEY, FakeProvider

HERE = Path(__file__).parent


def recording(name: str, what: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((HERE / "recorded" / name / f"{what.replace(' ', '-')}.json").read_text())
    return tree


@attrs.define
class Stage:
    """Where a scene is played: by a program that repeats what was recorded."""

    name: str
    tmp_path: Path
    heard: list[dict[str, Any]] = attrs.field(factory=list)
    told: str = ""

    def play(self, what: str) -> list[Told]:
        subject, scene, script = SUBJECTS[self.name], SCENES[what], recording(self.name, what)
        folder, work, home = (self.tmp_path / name for name in ("bin", "work", "home"))
        for each in (folder, work, home):
            each.mkdir()
        if scene.killed is not None:
            script["turns"][0]["hangs"] = True
        (folder / "recorded.json").write_text(json.dumps({**script, "leaves": scene.leaves}))
        program = folder / subject.program
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_program.py"}" "{folder}" "$@"\n')
        program.chmod(stat.S_IRWXU)
        env = environ(home, subject.home(home, "http://127.0.0.1:1"), f"{folder}:/usr/bin:/bin")
        if scene.idle is not None:
            scene = attrs.evolve(scene, idle=timedelta(milliseconds=700))
        if "program" in subject.options:
            scene = attrs.evolve(scene, options={**scene.options, "program": subject.program})
        told = play(self.name, subject, scene, work, env, real=False)
        self.heard = [json.loads(line) for line in (folder / "heard.jsonl").read_text().splitlines()]
        if (talk := folder / "told.jsonl").exists():
            self.told = talk.read_text()
        return told


@pytest.fixture(params=SUBJECTS)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(request.param, tmp_path)


def judge(name: str, what: str, told: list[Told], work: Path) -> None:
    """Whether the turns of a scene went as they must."""
    scene = SCENES[what]
    if scene.kind is not None:
        error = told[0].reply
        assert isinstance(error, AgentError), error
        assert error.kind == scene.kind, error
    replies = [each.reply for each in (told[1:] if scene.killed or scene.person == "late" else told)]
    for reply, text in zip(replies, scene.texts, strict=False):
        assert isinstance(reply, Reply), reply
        assert reply.text == text or scene.schema
    assert len(replies) >= len(scene.texts)
    for each in told:
        assert each.left == set(), "something of it still lives"
    for file, text in scene.leaves.items():
        assert (work / file).read_text() == text
    if scene.person is not None:
        (wanted,) = told[0].asked
        assert "made.txt" in json.dumps(wanted.input)
        assert isinstance(told[0].reply, Unanswered) == (scene.person == "late")
        assert not any(each.asked for each in told[1:]), "what was decided is not asked again"
        assert (work / "made.txt").exists() == bool(scene.leaves)
    assert zombies() == []


EVERY = [(name, what) for name, subject in SUBJECTS.items() for what in played(subject)]
ASKING = [name for name, subject in SUBJECTS.items() if subject.asks]


@pytest.mark.parametrize(("name", "what"), EVERY)
def test_a_scene_ends_as_it_must(name: str, what: str, tmp_path: Path) -> None:
    judge(name, what, Stage(name, tmp_path).play(what), tmp_path / "work")


@pytest.mark.parametrize("what", ["permit yes", "permit no", "permit late"])
@pytest.mark.parametrize("name", ASKING)
def test_what_a_program_is_told_is_what_the_real_one_was_told(name: str, what: str, tmp_path: Path) -> None:
    stage = Stage(name, tmp_path)

    stage.play(what)

    turns = recording(name, what)["turns"]
    real = "".join(line["told"] for turn in turns for line in turn["lines"] if isinstance(line, dict))
    told = stage.told.replace(str(tmp_path / "work"), "/folder")
    assert [json.loads(line) for line in told.splitlines()] == [json.loads(line) for line in real.splitlines()]
    assert (NOTE in told) == (what == "permit no")


@pytest.mark.parametrize("name", ASKING)
def test_what_waits_for_a_person_says_what_it_took_so_far(name: str, tmp_path: Path) -> None:
    first, second = Stage(name, tmp_path).play("permit late")

    assert isinstance(first.reply, Unanswered)
    assert isinstance(second.reply, Reply)
    if name in ("claude_code", "codex_server"):  # the others say it at the end of a turn, and this is none
        assert (first.reply.usage.input, first.reply.usage.output) == (11, 7)
    assert (first.reply.cost.usd is not None) == (name == "claude_code")
    if adapter_named(name).counts:
        assert (second.reply.usage.input, second.reply.usage.output) == (22, 14)


@pytest.mark.parametrize("what", ["hello", "resume", "tool"])
def test_a_reply_says_what_this_turn_took(what: str, stage: Stage) -> None:
    for number, each in enumerate(stage.play(what)):
        assert isinstance(each.reply, Reply)
        usage, replies = each.reply.usage, 2 if what == "tool" else 1
        if adapter_named(stage.name).counts:
            assert (usage.input, usage.output) == (11 * replies, 7 * replies), f"turn {number + 1}"
        else:
            assert usage == Usage()
        assert each.reply.version == recording(stage.name, what)["version"] != ""
        if each.reply.cost.usd is None:
            assert each.reply.cost.source == "unknown"
        else:
            assert each.reply.cost.source == "reported"
            assert float(each.reply.cost.usd) == pytest.approx(replies * (11 * 3 + 7 * 15) / 1e6)


def test_the_conversation_is_announced_once_and_first(stage: Stage) -> None:
    (told,) = stage.play("tool")

    assert type(told.events[0]) is Started
    assert told.events[0].payer == ("ANTHROPIC_API_KEY" if stage.name == "claude_code" else "")
    assert sum(isinstance(event, Started) for event in told.events) == 1
    assert isinstance(told.reply, Reply)
    assert told.reply.session is not None


def test_a_tool_is_told_with_its_beginning_and_its_end(stage: Stage) -> None:
    (told,) = stage.play("tool")

    started = [event for event in told.events if isinstance(event, ToolStarted)]
    ended = [event for event in told.events if isinstance(event, ToolEnded)]
    assert len(started) == 1
    if SUBJECTS[stage.name].tells_ends:
        assert [(event.id, event.ok) for event in ended] == [(started[0].id, True)]


@pytest.mark.parametrize("what", ["resume", "killed"])
def test_a_later_turn_goes_on_with_the_same_conversation(what: str, stage: Stage) -> None:
    first, second = stage.play(what)

    assert second.reply.session is not None
    named = json.dumps(first.reply.session)
    name = first.reply.session["thread"] if isinstance(first.reply.session, dict) else first.reply.session
    assert name in json.dumps(second.reply.session), named
    second_start = stage.heard[1]
    assert name in " ".join([*second_start["argv"], *second_start["files"].values(), stage.told])


def test_no_prompt_and_no_key_is_in_the_arguments_and_nothing_undeclared_in_the_environment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_OTHER_KEY", "must not leak")

    stage.play("hello")

    (heard,) = stage.heard
    assert heard["stdin"] == "do it" or "do it" in stage.told
    assert not any("do it" in word or KEY in word for word in heard["argv"])
    assert KEY in heard["env"].values()
    assert "SOME_OTHER_KEY" not in heard["env"]


def test_what_a_turn_wrote_for_its_program_is_gone_and_its_log_is_private(stage: Stage) -> None:
    stage.play("system")

    left = [path for path in (stage.tmp_path / "home" / ".local").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["attempt-1.log"]
    assert left[0].stat().st_mode & 0o777 == 0o600
    assert left[0].parent.stat().st_mode & 0o777 == 0o700


def test_native_schemas_give_a_value_and_the_others_a_text_that_holds_one(stage: Stage) -> None:
    (told,) = stage.play("schema")

    assert isinstance(told.reply, Reply)
    assert (told.reply.value or json.loads(told.reply.text)) == ANSWER


# -- reading, without a process --------------------------------------------------------------------------------------


def reading_of(name: str, turn: dict[str, Any], upto: int | None = None, session: Any = None) -> Reading:
    """What the adapter makes of a recorded turn, or of its beginning."""
    adapter = adapter_named(name)
    agent = SUBJECTS[name].agent()
    ask: Ask[Any] = Ask("q", (agent,), "do it")  # type: ignore[arg-type]  # each has a name
    call = Call(ask=ask, attempt=Attempt("r", "q", 1, "k"), message="do it", session=session)
    reading = adapter.reading(agent, call, Room(Path("/folder"), Path("/scratch"), {}, "a-fresh-uuid"))
    for line in turn["lines"][:upto]:
        if isinstance(line, str) and line.startswith("{") and not line.encode().startswith(adapter.skip or (b"\0",)):
            list(reading.take(json.loads(line)))
    return reading


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("code", [0, 1, -9, -15, 143])
def test_without_its_last_event_no_turn_has_succeeded_whatever_the_code(name: str, code: int) -> None:
    (turn,) = recording(name, "tool")["turns"]

    for upto in range(len(turn["lines"])):
        reading = reading_of(name, turn, upto)
        if reading.done:
            continue
        with pytest.raises(AgentError) as raised:
            reading.reply(Ended(code))
        assert raised.value.kind in ("crashed", "config")
    assert not reading_of(name, turn, 1).done


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("code", [0, 1, -9])
def test_with_its_last_event_a_turn_has_succeeded_whatever_the_code(name: str, code: int) -> None:
    (turn,) = recording(name, "tool")["turns"]

    assert reading_of(name, turn).reply(Ended(code)).text == "all done"


@pytest.mark.parametrize("name", SUBJECTS)
def test_words_of_the_agent_are_never_taken_for_an_error(name: str) -> None:
    (turn,) = recording(name, "tool")["turns"]
    quoting = "the log says: 401 invalid api key, 429 rate limited, insufficient_quota"
    turn = {**turn, "lines": [line.replace("all done", quoting) for line in turn["lines"] if isinstance(line, str)]}

    assert reading_of(name, turn).reply(Ended(1)).text == quoting


LOST_ANTIGRAVITY = '{"type": "error", "name": "RuntimeError", "message": "conversation not found (cannot resume)"}'
LOST = {
    "antigravity": Ended(1),
    "claude_code": Ended(1, "No conversation found with session ID: 0"),
    "codex": Ended(1, "Error: thread/resume: thread/resume failed: no rollout found for thread id 0 (code -32600)"),
    "pi": Ended(1, "No session found matching '0'"),
    "gemini": Ended(42, "Error resuming session: Invalid session identifier"),
    "opencode": Ended(1, "Error: Session not found"),
}


@pytest.mark.parametrize("name", LOST)
def test_a_conversation_that_is_lost_is_told_from_a_crash(name: str) -> None:
    with pytest.raises(SessionLost):
        reading_of(name, {"lines": [LOST_ANTIGRAVITY] if name == "antigravity" else []}).reply(LOST[name])


def test_a_last_event_that_was_too_long_to_read_is_told() -> None:
    (turn,) = recording("claude_code", "tool")["turns"]

    with pytest.raises(AgentError, match="with code 0, without its last word; 1 of its lines were too long to read"):
        reading_of("claude_code", turn, 1).reply(Ended(0, dropped=1))


@pytest.mark.parametrize("name", ["codex_server", "gemini_acp", "opencode_acp"])
def test_a_conversation_that_cannot_be_loaded_is_lost(name: str) -> None:
    session = {"thread": "0", "counted": {}} if name == "codex_server" else "0"
    said = [
        {"id": 1, "result": {}},
        {"id": 2, "error": {"code": -32600, "message": "no rollout found for thread id 0"}},
    ]

    reading = reading_of(name, {"lines": [json.dumps(each) for each in said]}, session=session)

    assert reading.done
    with pytest.raises(SessionLost):
        reading.reply(Ended(0))


# -- the real ones ---------------------------------------------------------------------------------------------------


def needed(name: str, *more: str) -> Any:
    subject = SUBJECTS[name]
    return pytest.param(name, *more, marks=pytest.mark.skipif(bool(subject.missing), reason=subject.missing))


def for_real(name: str, what: str, room: Path) -> tuple[list[Told], FakeProvider]:
    subject, scene = SUBJECTS[name], SCENES[what]
    with FakeProvider(scene.says(subject, room / "work"), key=scene.key) as provider:
        env = environ(room / "home", subject.home(room / "home", provider.url))
        return play(name, subject, scene, room / "work", env), provider


def _takes_answer(body: Any) -> bool:
    """Whether a model is offered a tool that takes what the schema asks for."""
    match body:
        case {"name": "StructuredOutput" | "finish", **tool}:
            return all(f'"{name}"' in json.dumps(tool) for name in ANSWER)
        case dict():
            return any(map(_takes_answer, body.values()))
        case list():
            return any(map(_takes_answer, body))
        case _:
            return False


@pytest.mark.harness
@pytest.mark.parametrize(("name", "what"), [needed(*each) for each in EVERY])
def test_a_scene_ends_as_it_must_for_real(name: str, what: str, room: Path) -> None:
    told, provider = for_real(name, what, room)

    judge(name, what, told, room / "work")
    if what == "system":
        assert any("SYSTEM-MARK" in json.dumps(heard.body) for heard in provider.heard)
    if what in ("resume", "killed"):
        assert any("do it" in json.dumps(heard.body) for heard in provider.heard[1:])
    if what == "schema" and adapter_named(name).native:
        assert any(heard.schema or _takes_answer(heard.body) for heard in provider.heard)
    assert all(heard.key == KEY for heard in provider.heard)


@pytest.mark.harness
@pytest.mark.parametrize(("access", "written"), [("read", False), ("edit", True)])
@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS if "confirm" not in SUBJECTS[name].options])
def test_access_is_kept_for_real(name: str, access: str, written: bool, room: Path) -> None:
    subject, work = SUBJECTS[name], room / "work"
    options = {"access": access, **({"tools": None} if "tools" in subject.options else {})}
    scene = attrs.evolve(SCENES["tool"], options=options)
    with FakeProvider(scene.says(subject, work)) as provider:
        env = environ(room / "home", subject.home(room / "home", provider.url))
        (told,) = play(name, subject, scene, work, env)

    assert isinstance(told.reply, Reply), told.reply
    assert (work / "made.txt").exists() == written


@pytest.mark.harness
@pytest.mark.parametrize("name", [needed(name) for name in SUBJECTS])
def test_a_conversation_that_is_lost_is_begun_anew_for_real(name: str, room: Path) -> None:
    subject = SUBJECTS[name]
    unknown: Any = "5f170155-0000-4000-8000-000000000001"
    if name.startswith("opencode"):
        unknown = "ses_ddd3ea4a8ffe6ZrFBlnySsVjfu"
    with FakeProvider(SCENES["hello"].says(subject, room / "work")) as provider:
        env = environ(room / "home", subject.home(room / "home", provider.url))
        session = {"thread": unknown, "counted": {}} if name.startswith("codex") else unknown
        (told,) = play(name, subject, SCENES["hello"], room / "work", env, session=session)

    assert isinstance(told.reply, Reply), told.reply
    assert told.reply.text == "hello"
    assert unknown not in json.dumps(told.reply.session)
