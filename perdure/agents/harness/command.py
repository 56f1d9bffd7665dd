"""Any program: the prompt on its stdin, the answer on its stdout, and 0 for success."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import attrs

from perdure.agents.harness.adapter import Adapter, Object, Reading, Room, introduced
from perdure.agents.process import Ended, Launch
from perdure.agents.reply import AgentError, Call, Event, Reply, Text
from perdure.core.agents import Command


def command(agent: Command, call: Call, room: Room) -> Launch:
    """The command line of a turn; what the agent is told beside the prompt comes before it."""
    return Launch(agent.argv, dict(room.env), room.cwd, introduced(agent, call))


#: No longer answer is taken, in characters: a part of one would be another answer.
_LONGEST: Final = 10_000_000


@attrs.define
class _Reading(Reading):
    lines: list[str] = attrs.field(factory=list)  # joined at the end: adding to one text would copy it at every line
    size: int = 0

    def take(self, event: Object) -> Iterator[Event]:
        line = str(event["line"])
        self.lines.append(line)
        self.size += len(line) + 1
        if self.size > _LONGEST:
            raise _too_long()
        yield Text(f"{line}\n")

    def reply(self, ended: Ended, now: datetime | None = None) -> Reply:
        # Its last word is its end: there is no event to look for, only the code.
        self.done = ended.code == 0 and ended.stopped is None
        self.text = "\n".join(self.lines).strip("\n")
        if ended.dropped:
            self.failed = _too_long()
        elif self.done and not self.text.strip():
            self.failed = AgentError("crashed", "it ended with code 0 and said nothing: let it print its answer")
        return super().reply(ended, now)

    def unfinished(self, ended: Ended) -> AgentError:
        error = super().unfinished(ended)
        return error if ended.stopped or ended.code < 0 else attrs.evolve(error, kind="crashed")


def _too_long() -> AgentError:
    return AgentError(
        "budget", f"its answer is longer than {_LONGEST} characters: let it write to a file, and say where"
    )


ADAPTER = Adapter(
    title="Command",
    program="",
    command=command,
    reading=lambda *_: _Reading(),
    mcp=False,
    picks=False,
    counts=False,
    prices=False,
    fixed=True,
    plain=True,
)
