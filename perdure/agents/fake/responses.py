"""OpenAI's responses, by which Codex asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from perdure.agents.fake.chat import refused
from perdure.agents.fake.script import Heard, Json, Said, Use
from perdure.agents.fake.wire import Event, Wire, called, inside, numbers, objects


def _messages(body: Json) -> Iterator[tuple[str, Any]]:
    given = body.get("input")
    for turn in [{"role": "user", "content": given}] if isinstance(given, str) else objects(given):
        if str(turn.get("type")).endswith("_call_output"):
            yield "tool", turn.get("output")
        else:
            yield str(turn.get("role", "assistant")), turn.get("content")


def _schema(body: Json) -> object:
    return inside(body, "text", "format", "schema")


def _written(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    items = [_call(id, use) for id, use in called(said)]
    if said.text or not items:
        items.insert(0, _message(said.text))
    whole: Json = {
        "id": f"resp_{next(numbers)}",
        "object": "response",
        "created_at": 1_800_000_000,
        "status": "completed",
        "error": None,
        "model": heard.model,
        "output": items,
        "usage": {
            "input_tokens": said.input_tokens,
            "input_tokens_details": {"cached_tokens": said.cached_tokens},
            "output_tokens": said.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input_tokens + said.output_tokens,
        },
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    begun: Json = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[Event] = [("response.created", {"response": begun})]
    for n, item in enumerate(items):
        events += _item(n, item)
    events.append(("response.completed", {"response": whole}))
    return whole, [(name, {"type": name, "sequence_number": n, **tree}) for n, (name, tree) in enumerate(events)]


def _message(text: str) -> Json:
    part: Json = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    head: Json = {"type": "message", "id": f"msg_{next(numbers)}", "role": "assistant", "status": "completed"}
    return {**head, "content": [part]}


def _call(id: str, use: Use) -> Json:
    free = isinstance(use.arguments, str)
    space, _, name = use.name.rpartition("/")
    return {
        "type": "custom_tool_call" if free else "function_call",
        "id": f"fc_{id}",
        "call_id": id,
        "name": name,
        "input" if free else "arguments": use.text,
        "status": "completed",
        **({"namespace": space} if space else {}),
    }


def _item(n: int, item: Json) -> Iterator[Event]:
    """The events in which one item of a response comes."""
    where: Json = {"output_index": n, "item_id": item["id"]}
    unfinished: Json = {**item, "status": "in_progress"}
    if item["type"] == "message":
        part: Json = item["content"][0]
        where["content_index"] = 0
        yield "response.output_item.added", {"output_index": n, "item": {**unfinished, "content": []}}
        yield "response.content_part.added", {**where, "part": {**part, "text": ""}}
        yield "response.output_text.delta", {**where, "delta": part["text"], "logprobs": []}
        yield "response.output_text.done", {**where, "text": part["text"], "logprobs": []}
        yield "response.content_part.done", {**where, "part": part}
    elif item["type"] == "function_call":
        given = item["arguments"]
        yield "response.output_item.added", {"output_index": n, "item": {**unfinished, "arguments": ""}}
        yield "response.function_call_arguments.delta", {**where, "delta": given}
        yield "response.function_call_arguments.done", {**where, "arguments": given, "name": item["name"]}
    yield "response.output_item.done", {"output_index": n, "item": item}


WIRE: Final = Wire(messages=_messages, schema=_schema, written=_written, refused=refused)
