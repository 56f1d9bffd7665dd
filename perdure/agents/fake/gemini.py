"""Gemini's generateContent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from perdure.agents.fake.script import Heard, Json, Said
from perdure.agents.fake.wire import Event, Wire, called, inside, is_object, numbers, objects

#: Why a model stopped, by OpenAI's words for it.
_STOPS: Final = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
#: The kinds of errors, by their status.
_ERRORS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def _messages(body: Json) -> Iterator[tuple[str, Any]]:
    for turn in objects(body.get("contents")):
        parts = objects(turn.get("parts"))
        results = [part for part in parts if "functionResponse" in part or "function_response" in part]
        yield from (("tool", json.dumps(part)) for part in results)
        if not results:
            yield str(turn.get("role", "user")), parts


def _schema(body: Json) -> object:
    settings = inside(body, "generationConfig")
    named = settings.items() if is_object(settings) else ()
    return next((value for name, value in named if "schema" in name.lower()), None)


def _written(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    calls: list[Json] = [
        {"functionCall": {"id": id, "name": use.name, "args": use.arguments}} for id, use in called(said)
    ]
    words: list[Json] = [{"text": said.text}] if said.text or not calls else []
    head: Json = {"modelVersion": heard.model, "responseId": f"response-{next(numbers)}"}
    end: Json = {
        "usageMetadata": {
            "promptTokenCount": said.input_tokens,
            "cachedContentTokenCount": said.cached_tokens,
            "candidatesTokenCount": said.output_tokens,
            "totalTokenCount": said.input_tokens + said.output_tokens,
        }
    }
    stop: Json = {"finishReason": _STOPS.get(said.finish, "STOP")}
    whole: Json = {**head, **end, "candidates": [{**_spoken([*words, *calls]), **stop}]}

    *pieces, last = [[{"text": piece}] for piece in said.pieces] or [words]
    events: list[Event] = [("", {**head, "candidates": [_spoken(piece)]}) for piece in pieces]
    events.append(("", {**head, **end, "candidates": [{**_spoken([*last, *calls]), **stop}]}))
    return whole, events


def _spoken(parts: list[Json]) -> Json:
    return {"index": 0, "content": {"role": "model", "parts": parts}}


def _refused(said: Said) -> Json:
    state = said.error_type or _ERRORS.get(said.status, "INTERNAL")
    return {"error": {"code": said.status, "message": said.error, "status": state}}


WIRE: Final = Wire(messages=_messages, schema=_schema, written=_written, refused=_refused)
