"""OpenAI's chat completions, which most servers of models speak too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from perdure.agents.fake.script import Heard, Json, Said
from perdure.agents.fake.wire import Event, Wire, called, inside, numbers, objects


def _messages(body: Json) -> Iterator[tuple[str, Any]]:
    return ((str(message.get("role")), message.get("content")) for message in objects(body.get("messages")))


def _schema(body: Json) -> object:
    return inside(body, "response_format", "json_schema", "schema")


def _written(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    head: Json = {"id": f"chatcmpl-{next(numbers)}", "created": 1_800_000_000, "model": heard.model}
    uses: list[Json] = [
        {"index": n, "id": id, "type": "function", "function": {"name": use.name, "arguments": use.text}}
        for n, (id, use) in enumerate(called(said))
    ]
    message: Json = {"role": "assistant", "content": said.text or None}
    message |= {"tool_calls": uses} if uses else {}
    message |= {"refusal": said.refusal} if said.refusal else {}
    finish = "tool_calls" if uses else said.finish
    usage: Json = {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens},
    }
    choice: Json = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    whole: Json = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}

    deltas: list[Json] = [{"role": "assistant", "content": piece} for piece in said.pieces]
    deltas += [{"tool_calls": [use]} for use in uses]
    deltas += [{"refusal": said.refusal}] if said.refusal else []
    chunk: Json = {**head, "object": "chat.completion.chunk"}
    parts: list[Json] = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    parts += [{"choices": [], "usage": usage}] if said.counts else []
    return whole, [("", {**chunk, **part}) for part in parts]


def refused(said: Said) -> Json:
    """An error, as OpenAI says it in both of its protocols."""
    kind = said.error_type or None
    return {"error": {"message": said.error, "type": kind or "error", "param": None, "code": kind}}


WIRE: Final = Wire(messages=_messages, schema=_schema, written=_written, refused=refused)
