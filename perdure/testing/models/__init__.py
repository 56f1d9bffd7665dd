"""A provider of models on this machine, for tests: real requests, scripted answers, no key and no network.

It speaks as OpenAI (chat completions and responses), Anthropic (messages) and Gemini (generateContent) do, streamed and
whole, so that litellm and coding agents take it for theirs. `python -m perdure.testing.models TEXT` starts one that
says the same to everybody, and prints its address.
"""

from perdure.testing.models.harnesses import Pointing, pointing
from perdure.testing.models.script import Api, Heard, Json, Said, Script, Use, by_turn, in_order
from perdure.testing.models.server import KEY, FakeProvider

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
