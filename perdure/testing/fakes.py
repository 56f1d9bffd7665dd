"""Agents for tests: they answer by a script of their own, and keep what they were asked."""

from __future__ import annotations

import attrs

from perdure.core.agents import Scripted
from perdure.core.estimate import Estimate
from perdure.core.faults import Defect
from perdure.interpreters.simulate.script import After, Each, ScriptError, Word


@attrs.define(eq=False)
class _Part:
    """What an agent says, and what it was asked."""

    agent: str
    answer: object
    prompts: list[str] = attrs.field(factory=list[str])

    def __call__(self, prompt: str) -> object:
        self.prompts.append(prompt)
        answer = self.answer
        if isinstance(answer, Each):
            answer = self._next(answer)
        if isinstance(answer, Each | After | Word):
            raise ScriptError(
                f"fake agent {self.agent!r} answers at once, by a value, an exception, a function or each(…) of those; "
                f"what takes time or is made up belongs into the script of the run: agents={{name: {answer!r}}}"
            )
        if isinstance(answer, Exception):
            raise answer
        return answer(prompt) if callable(answer) else answer

    def _next(self, each: Each) -> object:
        turn = len(self.prompts)
        if turn > len(each.answers):
            raise ScriptError(
                f"fake agent {self.agent!r} has {len(each.answers)} answers and is asked for the {turn}. time: "
                f"{self.prompts[-1]!r}. Add an answer to its each(…)"
            )
        return each.answers[turn - 1]


@attrs.frozen
class FakeAgent(Scripted):
    """A `Scripted` agent that keeps its prompts, so it runs on every interpreter. Made by `fake_agent`."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """What it was asked so far, in order."""
        return tuple(self._part.prompts)

    def __call__(self, prompt: str) -> object:
        """Its answer, so that it can stand in a script as a function."""
        return self._part(prompt)

    @property
    def _part(self) -> _Part:
        if not isinstance(self.reply, _Part):
            raise Defect("FakeAgent(…) is made by fake_agent(name, answer)")
        return self.reply


def fake_agent(name: str, answer: object, *, estimate: Estimate | None = None) -> FakeAgent:
    """An agent that answers by a script and keeps what it was asked.

    Args:
        name: For people and records.
        answer: A value, an exception, a function of the prompt, or `each(…)` of those, one a question.
        estimate: What an attempt is said to cost, to plan with.

    Example:
        >>> from perdure import ask
        >>> from perdure.testing import each, fake_agent, simulate
        >>> critic = fake_agent("critic", each("too long", "fine"))
        >>> review = ask("first", critic, "Is it good?").bind(lambda _: ask("second", critic, "And now?"))
        >>> simulate(review).value(), critic.prompts
        ('fine', ('Is it good?', 'And now?'))
    """
    return FakeAgent(name, _Part(name, answer), estimate)
