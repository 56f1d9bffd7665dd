"""What every coding agent must do, scene by scene: the same for the real programs and for what was recorded of them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import anyio
import attrs
from scenes import until
from subjects import Subject

from perdure.agents import shim
from perdure.agents.harness.coding import Coding
from perdure.agents.harness.known import adapter_of
from perdure.agents.places import mark_of
from perdure.agents.reply import AgentError, Call, Event, Json, Kind, Permit, Reply, Unanswered, Wanted
from perdure.core.agents import Limits
from perdure.core.asked import Attempt
from perdure.core.leaves import Approved, Ask, Denied
from perdure.testing.models import KEY, Said, Script, Use, by_turn, in_order

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "score": {"type": "integer"}},
    "required": ["title", "score"],
    "additionalProperties": False,
}
ANSWER = {"title": "fine", "score": 3}


@attrs.frozen
class Scene:
    """One thing that happens, and what must come of it.

    Attributes:
        says: What the model says, by subject and working folder.
        texts: What the turns end with; or
        kind: what the one turn fails with.
        key: What the provider takes.
        killed: The signal that the program gets in the middle of a tool; the turn after it goes on.
        idle: How long the real program may be silent.
        leaves: The files that a tool wrote.
        person: What a person says to a call that it may not make by itself; `late`: nothing while it runs, and yes
            afterwards.
    """

    says: Callable[[Subject, Path], Script]
    texts: tuple[str, ...] = ()
    kind: Kind | None = None
    key: str = KEY
    schema: Json | None = None
    killed: signal.Signals | None = None
    idle: timedelta | None = None
    leaves: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    person: Approved | Denied | Literal["late"] | None = None


def fails(said: Said) -> Callable[[Subject, Path], Script]:
    return lambda _, __: in_order(said)


def _tool(subject: Subject, work: Path) -> Script:
    # A whole line: some end every file that they write with the end of a line.
    return by_turn(Said(uses=(subject.write(work / "made.txt", "made\n"),)), "all done", aside=Said("Title"))


def _schema(subject: Subject, _: Path) -> Script:
    """The answer in words; or by the tool that a harness adds for it."""

    def script(heard: Any) -> Said:
        tool = next((name for name in ("StructuredOutput", "finish") if name in heard.tools), None)
        return Said(uses=(Use(tool, ANSWER),)) if tool and not heard.results else Said(json.dumps(ANSWER))

    return script


def _two_turns(_: Subject, __: Path) -> Script:
    return lambda heard: Said("second answer" if "and again" in heard.prompt else "first answer")


def _killed(subject: Subject, _: Path) -> Script:
    use = Said(uses=(subject.run("touch started; sleep 1000"),))
    return lambda heard: Said("Title") if not heard.tools else Said("carried on") if "carry on" in heard.prompt else use


def _asking(subject: Subject, _: Path) -> Script:
    """One call, again and again until it has been made or was not allowed."""
    use = Said(uses=(subject.beyond("echo made >> made.txt"),))

    def script(heard: Any) -> Said:
        if not heard.tools:
            return Said("Title")
        whole = json.dumps(heard.body)
        if NOTE in whole:
            return Said("went on without")
        return Said("all done") if heard.results and not any("reviewer" in each for each in heard.results) else use

    return script


#: Why a person did not allow a call.
NOTE = "Not on this machine, please"
STARTED = {"started": ""}
BUSY = {"retry-after": "1"}
SCENES: Mapping[str, Scene] = {
    "hello": Scene(fails(Said("hello")), texts=("hello",)),
    "tool": Scene(_tool, texts=("all done",), leaves={"made.txt": "made\n"}),
    "system": Scene(fails(Said("hello")), texts=("hello",), options={"system": "You are SYSTEM-MARK."}),
    "schema": Scene(_schema, texts=("",), schema=SCHEMA),
    "bad schema": Scene(fails(Said("this is not JSON")), texts=("this is not JSON",), schema=SCHEMA),
    "resume": Scene(_two_turns, texts=("first answer", "second answer")),
    "unauthorised": Scene(fails(Said("never")), kind="auth", key="another"),
    "rate": Scene(fails(Said(status=429, error="rate limited", headers=BUSY)), kind="rate"),
    "quota": Scene(
        fails(Said(status=429, error="You exceeded your current quota", error_type="insufficient_quota", headers=BUSY)),
        kind="quota",
    ),
    "overloaded": Scene(fails(Said(status=529, error="overloaded", headers=BUSY)), kind="rate"),
    "broken": Scene(fails(Said(status=500, error="it broke", headers=BUSY)), kind="transient"),
    "too long": Scene(
        fails(Said(status=400, error="prompt is too long: 300000 tokens > 200000 maximum")), kind="context"
    ),
    "no model": Scene(fails(Said(status=404, error="model: fake-model not found")), kind="config"),
    "cut": Scene(fails(Said("half an answer " * 50, cut=True)), kind="transient"),
    "hang": Scene(fails(Said("late", delay=timedelta(minutes=10))), kind="crashed", idle=timedelta(seconds=12)),
    "permit yes": Scene(_asking, texts=("all done",), leaves={"made.txt": "made\n"}, person=Approved()),
    "permit no": Scene(_asking, texts=("went on without",), person=Denied(note=NOTE)),
    "permit late": Scene(_asking, texts=("all done",), leaves={"made.txt": "made\n"}, person="late"),
    "terminated": Scene(_killed, texts=("carried on",), kind="crashed", killed=signal.SIGTERM, leaves=STARTED),
    "killed": Scene(_killed, texts=("carried on",), kind="crashed", killed=signal.SIGKILL, leaves=STARTED),
}

#: What an agent is told when an attempt was cut off.
CARRY_ON = "You were interrupted; look at the work, and carry on"
#: What it is told when somebody has answered after its process had ended.
GO_ON = "You may make your call now: go on with it."
#: So long a person is waited for, where none comes.
HOLD = timedelta(milliseconds=300)


@attrs.frozen
class Told:
    """One turn as it went."""

    reply: Reply | AgentError | Unanswered
    events: list[Event]
    left: set[int]
    asked: list[Wanted]


def played(subject: Subject) -> list[str]:
    """The scenes that make sense for an agent."""
    return [what for what, scene in SCENES.items() if subject.asks or scene.person is None]


def play(
    name: str,
    subject: Subject,
    scene: Scene,
    work: Path,
    environ: Mapping[str, str],
    session: Json | None = None,
    real: bool = True,
) -> list[Told]:
    """The turns of a scene, one after the other, each in the conversation of the one before."""
    options = dict(scene.options)
    if scene.idle is not None:
        options["limits"] = Limits(idle=scene.idle)
    if scene.person is not None:
        options |= {"confirm": True, "access": "edit", **({"tools": None} if "tools" in subject.options else {})}
    if scene.person == "late":
        options["hold"] = HOLD
    agent = subject.agent(cwd=str(work), **options)
    messages = ["do it"]
    if len(scene.texts) > 1:
        messages.append("and again")
    if scene.killed is not None:
        messages.append(CARRY_ON)
    if scene.person == "late":
        messages.append(GO_ON)
    key, told, permits = uuid.uuid4().hex, list[Told](), tuple[Permit, ...]()
    adapter = adapter_of(agent)
    assert adapter is not None
    coding = Coding(name, agent, adapter, environ)
    for number, message in enumerate(messages, 1):
        if real and number > 1:
            time.sleep(subject.pause)
        ask: Ask[Any] = Ask("q", (agent,), message)
        attempt = Attempt("contract", "flow/q", number, key)
        asked: list[Wanted] = []

        async def confirm(wanted: Wanted, asked: list[Wanted] = asked) -> Approved | Denied:
            asked.append(wanted)
            if scene.person == "late":
                await anyio.sleep_forever()
            assert isinstance(scene.person, Approved | Denied)
            return scene.person

        call = Call(
            ask=ask,
            attempt=attempt,
            message=message,
            schema=scene.schema,
            session=session,
            permits=permits,
            confirm=confirm,
        )
        if scene.killed is not None and number == 1:
            threading.Thread(target=_kill, args=(mark_of(attempt), work, scene.killed), daemon=True).start()
        events: list[Event] = []
        try:
            reply: Reply | AgentError | Unanswered = anyio.run(coding.answer, call, events.append)
        except AgentError as error:
            reply = error
        except Unanswered as waiting:
            reply, permits = waiting, (Permit(waiting.wanted, Approved()),)
        session = reply.session
        told.append(Told(reply, events, shim.marked(mark_of(attempt)), asked))
    return told


def _kill(mark: str, work: Path, number: signal.Signals) -> None:
    """Once the tool runs, end the program as if somebody did it from outside."""
    until((work / "started").exists, "the tool")
    for pid in shim.marked(mark):
        try:
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            if b"shim.py" in Path(f"/proc/{parent}/cmdline").read_bytes():
                os.kill(pid, number)
                return
        except (FileNotFoundError, ProcessLookupError):
            continue  # it was one that had ended meanwhile
