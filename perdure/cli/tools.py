"""The verbs as tools of agents: what each is called with, what it answers, and what it may change.

A tool is a verb with the same words, so what it answers is the document that `--json` prints, and what it refuses is
refused in the same sentence. Verbs that look and decide run here; those that drive a run load the user's code, so each
has a process of its own, as on the command line.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import attrs
import click

from perdure.cli import printing
from perdure.cli.common import Common
from perdure.cli.exits import problem
from perdure.interpreters.durable.errors import NotFound, Unusable
from perdure.interpreters.durable.state import State

#: What `--json` prints.
Document: TypeAlias = dict[str, Any]  # a JSON tree
#: JSON of whatever type a workflow says.
Json: TypeAlias = Any

#: How often a run that is driven is looked at, and how long those that still are get at the end, in seconds.
_LOOK: Final = 0.1
_GRACE: Final = 15.0
#: The parts of a run as `show` tells it that `run` and `resume` tell of it, too.
_RUN: Final = ("run_id", "workflow", "state", "why", "output", "error", "created_at", "finished_at")


@attrs.define
class _Heard(Common):
    """What a verb tells is kept, and not printed."""

    json: bool = True
    quiet: bool = True
    via: str = "mcp"
    told: Document = attrs.field(factory=dict)

    def tell(self, name: str, fields: Mapping[str, Any], text: str, next: Sequence[str]) -> None:  # noqa: ARG002
        self.told = printing.document_tree(name, fields, [self.command(line) for line in next])


@attrs.frozen
class Tool:
    """A tool.

    Attributes:
        call: A function whose parameters are the tool's, and whose docstring is its description.
        document: What it answers, by the name of its schema, unless it is an error.
        writes: It changes something.
        destructive: What it changes cannot be taken back.
        repeatable: The same call, made twice, changes no more than once.
    """

    call: Callable[..., Document]
    document: str
    writes: bool = False
    destructive: bool = False
    repeatable: bool = True

    @property
    def name(self) -> str:
        return self.call.__name__


class Tools:
    """The tools of one database.

    Args:
        db: What `--db` says.
        own: Runs that nothing is to be done to from here.
        targets: The workflows that may be started, as they were typed.
    """

    def __init__(self, db: str | None, own: frozenset[str] = frozenset(), targets: Sequence[str] = ()) -> None:
        self._db, self._own, self._targets = db, own, tuple(targets)
        self._driving: list[subprocess.Popen[bytes]] = []

    def reading(self) -> list[Tool]:
        """Those that change nothing."""
        return [
            Tool(self.list_runs, "ps"),
            Tool(self.get_run, "show"),
            Tool(self.get_events, "logs"),
            Tool(self.why, "why"),
            Tool(self.inbox, "inbox"),
        ]

    def writing(self) -> list[Tool]:
        """Those that decide and drive."""
        return [
            Tool(self.approve, "answer", writes=True),
            Tool(self.deny, "answer", writes=True),
            Tool(self.answer, "answer", writes=True),
            Tool(self.signal, "signal", writes=True, repeatable=False),
            Tool(self.resume, "run", writes=True),
            Tool(self.cancel, "run", writes=True, destructive=True),
            Tool(self.start_run, "run", writes=True),
        ]

    def refusal(self, error: Exception) -> Document:
        """An error as a document."""
        heard, found = _Heard(self._db), problem(error)
        heard.tell("error", found.tree, "", found.next)
        return heard.told

    def close(self) -> None:
        """Stop what is driven from here: it is parked, and goes on when somebody resumes it."""
        for child in self._driving:
            if child.poll() is None:
                child.terminate()
        for child in self._driving:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_GRACE)

    # -- to look -----------------------------------------------------------------------------------------------------

    def list_runs(self, state: State | None = None, since: str | None = None, count: int = 20) -> Document:
        """List runs, newest first, each with why it stands there.

        `state`: only those in this state. `since`: only those started so recently, such as "2h" or "3d".
        `count`: no more than these.
        """
        return self._say("ps", state=state, since=since, count=count)

    def get_run(self, run_id: str) -> Document:
        """Show a run: its input, its steps, its open gates, what it cost, and its output or its error.

        `run_id`: its id, a unique beginning of it, or "@last".
        """
        return self._say("show", run_id)

    def get_events(self, run_id: str, step: str | None = None, after: int = 0, count: int = 200) -> Document:
        """Show what was recorded of a run, event by event, oldest first.

        `step`: only of this step, by its name or path. `after`: only events with a higher `seq`; to read on, give the
        `seq` of the last one. `count`: no more than these.
        """
        told = self._say("logs", run_id, step=step)
        return {**told, "events": [event for event in told["events"] if event["seq"] > after][: max(0, count)]}

    def why(self, run_id: str) -> Document:
        """Say why a run stands where it does, and which command moves it on."""
        return self._say("why", run_id)

    def inbox(self) -> Document:
        """List what waits for a decision, oldest first, with what is to be decided on."""
        return self._say("inbox")

    # -- to decide ---------------------------------------------------------------------------------------------------

    def approve(self, run_id: str, gate: str | None = None, note: str = "") -> Document:
        """Say yes at a gate of a run. It is recorded, and `resume` drives the run on.

        `gate`: its name or path; may be left out where only one is open. An agent decides nothing in its own run.
        """
        return self._decide("approve", run_id, gate, note=note)

    def deny(self, run_id: str, gate: str | None = None, note: str = "") -> Document:
        """Say no at a gate of a run: a decision that the workflow gets, with the note, and not a failure.

        `gate`: its name or path; may be left out where only one is open. An agent decides nothing in its own run.
        """
        return self._decide("deny", run_id, gate, note=note)

    def answer(self, run_id: str, value: Json, gate: str | None = None, note: str = "") -> Document:
        """Answer a gate of a run by a value, which must fit the gate's `answer_schema` (see `inbox`).

        `gate`: its name or path; may be left out where only one is open. An agent decides nothing in its own run.
        """
        return self._decide("answer", run_id, gate, input=json.dumps(value), note=note)

    def signal(self, run_id: str, name: str, payload: Json = None, key: str | None = None) -> Document:
        """Send a message to a run. It may come before the run waits for it.

        `key`: your name for this message; sent again under it, it arrives once.
        """
        return self._say("signal", self._other(run_id, to_come=True), name, input=json.dumps(payload), key=key)

    def _decide(self, verb: str, run_id: str, gate: str | None, **options: object) -> Document:
        from perdure.cli.people import me

        return self._say(verb, run_id, *([] if gate is None else [gate]), by=f"{me()} through mcp", **options)

    # -- to drive ----------------------------------------------------------------------------------------------------

    def resume(self, run_id: str, wait_seconds: float = 30) -> Document:
        """Take up a run where it stands: what finished is not executed again.

        It is driven until it ends or waits for somebody, for as long as this server lives. The answer says how it
        stands then, or after `wait_seconds`.
        """
        found = self._other(run_id)
        return self._drive(["resume", "--", found], wait_seconds, lambda: found)

    def cancel(self, run_id: str, reason: str = "", wait_seconds: float = 30) -> Document:
        """Cancel a run: close what is open, and take back what was done by its compensations."""
        found = self._other(run_id)
        return self._drive(["cancel", f"--reason={reason}", "--", found], wait_seconds, lambda: found)

    def start_run(self, target: str, key: str, input: Json = None, wait_seconds: float = 30) -> Document:
        """Start a workflow, and drive it until it ends or waits for somebody, for as long as this server lives.

        `target`: one of those that this server was started with. `key`: your name for this request; given again with
        the same input it is the same run. `input`: the argument of the workflow, or an object or array of several;
        leave it out where it has none. The answer says how the run stands when it rests, or after `wait_seconds`.
        """
        if target not in self._targets:
            may = f"may be started here are: {', '.join(self._targets)}" if self._targets else "nothing may be"
            refusal = Unusable(f"{target} may not be started through this server; {may}")
            refusal.add_note(f"perdure mcp --write --start {target}")
            raise refusal
        given = [] if input is None else [f"--input={json.dumps(input)}"]
        return self._drive(["run", *given, f"--key={key}", "--", target], wait_seconds, lambda: self._started(key))

    # -- by the command line -----------------------------------------------------------------------------------------

    def _say(self, verb: str, *words: str, **options: object) -> Document:
        """What a verb says to these words, here."""
        from perdure.cli.main import cli

        heard = _Heard(self._db, own=self._own)
        given = [f"--{name}={value}" for name, value in options.items() if value is not None]
        found = cli.get_command(click.Context(cli), verb)
        assert found is not None
        found.main([*given, "--", *words], f"perdure {verb}", obj=heard, standalone_mode=False)
        return heard.told

    def _other(self, run_id: str, *, to_come: bool = False) -> str:
        """The id of a run that is not that of the agent that asks.

        Raises:
            NotFound: There is none, or there are several.
            Unusable: It is.
        """
        common = _Heard(self._db, own=self._own)
        try:
            with common.look() as looker:
                found = looker.resolve(run_id)
        except NotFound:
            if not to_come:
                raise
            found = run_id  # the verb itself says whether that may be
        common.refuse_own(found)
        return found

    def _started(self, key: str) -> str | None:
        with contextlib.suppress(NotFound), _Heard(self._db).look() as looker:
            run = looker.journal.find_by_key(key)
            return None if run is None else run.run_id
        return None

    def _drive(self, words: Sequence[str], wait: float, which: Callable[[], str | None]) -> Document:
        """What a verb says in a process of its own, an error's too; or how its run stands, where that goes on."""
        verb, *rest = words
        named = [f"--db={self._db}"] if self._db is not None else []
        with tempfile.TemporaryFile() as out:  # not a pipe: nobody may be there to read it
            child = subprocess.Popen(
                [sys.executable, "-m", "perdure", verb, "--json", "--quiet", *named, *rest],
                stdin=subprocess.DEVNULL,
                stdout=out,
            )
            self._driving.append(child)  # calls come in several threads, so the list stays the same one
            for other in [other for other in self._driving if other is not child and other.poll() is not None]:
                with contextlib.suppress(ValueError):  # another call has forgotten it
                    self._driving.remove(other)
            late = time.monotonic() + wait
            while child.poll() is None:
                if time.monotonic() > late and (run_id := which()) is not None:
                    shown = self._say("show", run_id)
                    return {"schema": "perdure.run/1", **{name: shown[name] for name in _RUN}, "next": shown["next"]}
                time.sleep(_LOOK)
            return _document(out)


def _document(out: IO[bytes]) -> Document:
    out.seek(0)
    try:
        told: Document = json.load(out)
    except ValueError:
        raise Unusable("its process ended without a word; what it printed on stderr says more") from None
    return told


def schema_of(document: str) -> Document:
    """The shipped schema of a document."""
    text = Path(__file__).with_name("schemas").joinpath(f"{document}.json").read_text(encoding="utf-8")
    found: Document = json.loads(text)
    return found
