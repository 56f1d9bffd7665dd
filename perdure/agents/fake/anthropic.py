"""Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from perdure.agents.fake.script import Heard, Json, Said
from perdure.agents.fake.wire import Event, Wire, called, inside, numbers, objects

#: Why a model stopped, by OpenAI's words for it.
_STOPS: Final = {"length": "max_tokens", "content_filter": "refusal"}
#: The kinds of errors, by their status.
_ERRORS: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _messages(body: Json) -> Iterator[tuple[str, Any]]:
    for turn in objects(body.get("messages")):
        content = turn.get("content")
        results = [part for part in objects(content) if part.get("type") == "tool_result"]
        yield from (("tool", part.get("content")) for part in results)
        if not results:
            yield str(turn.get("role")), content


def _schema(body: Json) -> object:
    return inside(body, "output_format", "schema") or inside(body, "output_config", "format", "schema")


def _written(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    stop: Json = {"stop_reason": _STOPS.get(said.finish, "end_turn"), "stop_sequence": None}
    blocks: list[Json] = [{"type": "text", "text": said.text}] if said.text or not said.uses else []
    for id, use in called(said):
        blocks.append({"type": "tool_use", "id": f"toolu_{id}", "name": use.name, "input": use.arguments})
        stop["stop_reason"] = "tool_use"
    head: Json = {"id": f"msg_{next(numbers)}", "type": "message", "role": "assistant", "model": heard.model}
    usage: Json = {
        "input_tokens": said.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached_tokens,
        "output_tokens": said.output_tokens,
    }
    begun: Json = {**head, "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[Event] = [("message_start", {"message": {**begun, "usage": {**usage, "output_tokens": 1}}})]
    for n, block in enumerate(blocks):
        events += _block(n, block, said)
    events += [("message_delta", {"delta": stop, "usage": usage}), ("message_stop", {})]
    return {**head, "content": blocks, **stop, "usage": usage}, [(name, {"type": name, **d}) for name, d in events]


def _block(n: int, block: Json, said: Said) -> Iterator[Event]:
    """The events in which one block of a message comes."""
    if block["type"] == "text":
        empty: Json = {**block, "text": ""}
        deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in said.pieces]
    else:
        empty = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    yield "content_block_start", {"index": n, "content_block": empty}
    for delta in deltas:
        yield "content_block_delta", {"index": n, "delta": delta}
    yield "content_block_stop", {"index": n}


def _refused(said: Said) -> Json:
    usual = _ERRORS.get(said.status, "invalid_request_error" if said.status < 500 else "api_error")
    return {"type": "error", "error": {"type": said.error_type or usual, "message": said.error}}


WIRE: Final = Wire(messages=_messages, schema=_schema, written=_written, refused=_refused)
