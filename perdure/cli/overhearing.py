"""What agents say and do, as people and programs are told it: read from the files of their attempts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from perdure.agents.live import Line, Tail
from perdure.agents.places import events_of
from perdure.cli.printing import line
from perdure.cli.steps import Step, when
from perdure.core.asked import Attempt
from perdure.core.identity import idempotency_key

#: A text without line ends is told in pieces of so many characters.
_PIECE: Final = 160
#: What an event is called in a listing, and the field that says more about it.
_WORDS: Final = {
    "Text": ("says", "delta"),
    "ToolStarted": ("uses", "input"),
    "ToolEnded": ("used", "output"),
    "Warned": ("warns", "message"),
}


@attrs.frozen
class Heard:
    """One thing that an agent said or did."""

    path: str
    attempt: int
    agent: str
    line: Line

    @property
    def at(self) -> int:
        """When."""
        at: int = self.line["at"]
        return at

    def tree(self, run_id: str) -> dict[str, Any]:
        """As JSON."""
        more = {name: value for name, value in self.line.items() if name not in ("at", "event")}
        where = {"run_id": run_id, "path": self.path, "attempt": self.attempt, "agent": self.agent}
        return {**where, "at": when(self.at), "event": str(self.line.get("event")), "more": more}


@attrs.define
class _Voice:
    """One attempt that is being listened to: who makes it, the line that they are at, the tool that they use."""

    path: str
    attempt: int
    tail: Tail
    agent: str = ""
    text: str = ""
    tool: str = ""

    def more(self) -> Iterator[Heard]:
        for said in self.tail.more():
            match said:
                case {"event": "Began", "agent": str(agent)}:
                    self.agent = agent
                case {"event": "Text", "delta": str(delta)}:
                    lines = [each for each in f"{self.text}{delta}".split("\n") if each.strip()]
                    self.text, self.tool = (lines[-1][-_PIECE:] if lines else ""), ""
                case {"event": "ToolStarted", "name": str(name)}:
                    self.text, self.tool = "", f"uses {name} {_told(said.get('input'))}"
                case _:  # of the others nothing is left to be seen
                    pass
            yield Heard(self.path, self.attempt, self.agent, said)


class Overheard:
    """Listens to the agents of one run. Safe to be asked from two threads.

    Args:
        database_id: Of the database; with the run and the path it makes the keys by which the files are found.
        run_id: The run.
        steps: As they stand now: what is over is not listened to any more.
    """

    def __init__(self, database_id: str, run_id: str, steps: Iterable[Step]) -> None:
        self._database_id, self._run_id = database_id, run_id
        self._lock = threading.Lock()
        self._voices: dict[tuple[str, int], _Voice] = {}
        self._heard = {step.path: step.attempts - (step.state == "running") for step in steps}

    def more(self, steps: Iterable[Step]) -> list[Heard]:
        """What was said and done since.

        Args:
            steps: As they stand now; of an attempt that has ended since, the rest is told.
        """
        with self._lock:
            asks = [step for step in steps if step.kind == "ask"]
            for step in asks:
                for number in range(self._heard.get(step.path, 0) + 1, step.attempts + 1):
                    self._voices[step.path, number] = self._voice(step, number)
                self._heard[step.path] = step.attempts
            found = [heard for voice in self._voices.values() for heard in voice.more()]
            at_it = {(step.path, step.attempts) for step in asks if step.state == "running"}
            for key in [key for key in self._voices if key not in at_it]:
                self._voices.pop(key).tail.close()
            return found

    def last(self, path: str) -> str:
        """The last words of who is at a step, or the tool that they use; empty where nothing was heard."""
        with self._lock:
            said = [(v.agent, v.tool or v.text) for v in self._voices.values() if v.path == path]
        return next((f"{agent}: {last.strip()}" for agent, last in reversed(said) if last), "")

    def _voice(self, step: Step, number: int) -> _Voice:
        key = idempotency_key(self._database_id, self._run_id, step.recorded_path)
        return _Voice(step.path, number, Tail(events_of(os.environ, Attempt(self._run_id, step.path, number, key))))


def _told(value: Any) -> str:  # Any: a JSON tree
    """The input or output of a tool for people: of a single field its value alone."""
    if isinstance(value, dict) and len(value) == 1:
        [value] = value.values()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Listing:
    """Makes lines of what is heard: a text is told in whole lines, whatever the pieces in which it comes."""

    def __init__(self) -> None:
        self._text: dict[tuple[str, int], Heard] = {}

    def add(self, heard: Heard) -> Iterator[tuple[Heard, str]]:
        """The lines that are whole now, each with what it is of."""
        key, event = (heard.path, heard.attempt), heard.line.get("event")
        if event == "Text":
            before = self._text.pop(key, None)
            text = (before.line["delta"] if before else "") + str(heard.line.get("delta"))
            whole, _, rest = text.rpartition("\n")
            while len(rest) > _PIECE:
                at = max(rest.rfind(" ", 0, _PIECE), 0) or _PIECE
                whole, rest = f"{whole}\n{rest[:at]}", rest[at:].lstrip(" ")
            yield from ((heard, _line(heard, each)) for each in whole.split("\n") if each.strip())
            if rest:
                self._text[key] = attrs.evolve(heard, line={**heard.line, "delta": rest})
            return
        yield from self._rest(key)
        if event in _WORDS:
            yield heard, _line(heard, _told(heard.line.get(_WORDS[event][1])))

    def rest(self, path: str) -> Iterator[tuple[Heard, str]]:
        """What has no end yet at a path, now that something else happens there."""
        for key in [key for key in self._text if key[0] == path]:
            yield from self._rest(key)

    def _rest(self, key: tuple[str, int]) -> Iterator[tuple[Heard, str]]:
        if (heard := self._text.pop(key, None)) is not None and heard.line["delta"].strip():
            yield heard, _line(heard, heard.line["delta"])


def _line(heard: Heard, text: str) -> str:
    word, name = _WORDS[heard.line["event"]][0], str(heard.line.get("name", ""))
    if heard.line.get("ok") is False:
        word = "fails"
    said = f"{name} {text}" if name else text
    return f"{word:<10} {line(heard.path)}  {line(heard.agent)}: {line(said)}"
