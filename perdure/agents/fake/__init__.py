"""A provider of models on this machine, that stands in the place of every other: users know it as `testing.models`.

It speaks as OpenAI (chat completions and responses), Anthropic (messages) and Gemini (generateContent) do, streamed and
whole, so that litellm and coding agents take it for theirs.
"""

from perdure.agents.fake.harnesses import Pointing, pointing
from perdure.agents.fake.script import Api, Heard, Json, Said, Script, Use, by_turn, in_order
from perdure.agents.fake.server import KEY, FakeProvider

__all__ = [
    "KEY",
    "Api",
    "FakeProvider",
    "Heard",
    "Json",
    "Pointing",
    "Said",
    "Script",
    "Use",
    "by_turn",
    "in_order",
    "pointing",
]
