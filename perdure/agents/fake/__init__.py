"""A provider of models on this machine, that stands in the place of every other: users know it as `testing.models`.

It speaks as OpenAI (chat completions and responses), Anthropic (messages) and Gemini (generateContent) do, streamed and
whole, so that litellm and coding agents take it for theirs.
"""
