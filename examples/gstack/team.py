"""Who is asked: rules that need no key, or real agents. Nothing else of a cycle depends on it."""

from typing import TypeVar

import attrs
from typing_extensions import TypeForm

from perdure import Agent, ClaudeCode, Codex, Effect, Estimate, Model, Span, StepFault, ask

A = TypeVar("A")


@attrs.frozen
class Role:
    """Somebody with a stand-in: whoever is down, out of quota or logged out is passed over.

    Attributes:
        agents: In the order in which they are tried.
        usd: What an answer may cost. No attempt is begun once it is spent.
    """

    agents: list[Agent]
    usd: float = 0

    def asks(self, name: str, prompt: str, output: TypeForm[A]) -> Effect[A, StepFault]:
        if not self.usd:
            return ask(name, self.agents, prompt, output)
        spent = Estimate(usd=Span(self.usd / 20, self.usd / 4, self.usd))
        return ask(name, self.agents, prompt, output, budget=self.usd, estimate=spent)


@attrs.frozen
class Team:
    """Two voices of two makers, who have not heard one another; somebody who writes code; somebody for small things."""

    first: Role
    second: Role
    builder: Role
    clerk: Role


def real(folder: str) -> Team:
    claude, codex = Model("anthropic/claude-sonnet-4-5"), Model("openai/gpt-5")
    work = f"{folder}/work"
    return Team(
        first=Role([claude, codex], usd=0.60),
        second=Role([codex, claude], usd=0.60),
        builder=Role([ClaudeCode(access="edit", cwd=work), Codex(access="edit", cwd=work)], usd=5.00),
        clerk=Role([Model("gemini/gemini-2.5-flash"), claude], usd=0.10),
    )


def team(folder: str, live: bool) -> Team:
    from rules import OFFLINE  # it names the types of this module

    return real(folder) if live else OFFLINE
