"""Who speaks for a model in the tests of its tools."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs

from perdure.agents.reply import Call, Cost, Reply, Tell, Use


@attrs.define
class Speaker:
    """Wants the tools used that it is told to, one reply after the other, and then answers with what came of the last.

    Attributes:
        name: Its own.
        wants: The tools, by reply.
        says: Its answer, of what came of those that it wanted last.
        native: It takes a schema by itself.
        calls: What it was told so far.
    """

    name: str
    wants: list[tuple[Use, ...]]
    says: Callable[[list[str]], str] = "\n".join
    native: bool = True
    calls: list[Call] = attrs.field(factory=list)

    async def answer(self, call: Call, tell: Tell) -> Reply:
        self.calls.append(call)
        came = [result.text for result in call.results]
        said, free = [*(call.session or []), came], Cost(Decimal(0), "priced")
        turn = len(said) - 1
        if turn < len(self.wants):
            return Reply(text="", uses=self.wants[turn], session=said, cost=free)
        return Reply(text=self.says(came) if came else "done", session=said, cost=free)
