"""A request as it comes, of whatever protocol, read into one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from perdure.agents.fake import anthropic, chat, gemini, responses
from perdure.agents.fake.script import Api, Heard, Json
from perdure.agents.fake.wire import Wire, is_object, objects, text_of

WIRES: Final[Mapping[Api, Wire]] = {
    "chat": chat.WIRE,
    "responses": responses.WIRE,
    "anthropic": anthropic.WIRE,
    "gemini": gemini.WIRE,
}
#: How the path of each ends; Gemini's names the model and a method.
_ENDS: Final[Mapping[str, Api]] = {"completions": "chat", "responses": "responses", "messages": "anthropic"}
_METHODS: Final = ("generateContent", "streamGenerateContent")


def heard(path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: Json) -> Heard | None:
    """A request for an answer; None, if it is for something else.

    Args:
        path: Of its address.
        query: Of its address.
        headers: By their names in small letters.
        body: What it says.
    """
    route = _route(path)
    if route is None:
        return None
    api, model, stream = route
    messages = list(WIRES[api].messages(body))
    prompt, results = "", list[str]()
    for role, content in messages:
        if role == "user":
            prompt, results = text_of(content), []
        elif role == "tool":
            results.append(text_of(content))
    schema = WIRES[api].schema(body)
    return Heard(
        api=api,
        path=path,
        model=str(body.get("model", model)),
        stream=bool(body.get("stream", stream)),
        system=_system(body) or text_of([content for role, content in messages if role in ("system", "developer")]),
        prompt=prompt,
        turns=len(messages),
        tools=tuple(_tools(body.get("tools"))),
        results=tuple(results),
        schema=schema if is_object(schema) else None,
        key=_key(query, headers),
        headers=headers,
        body=body,
    )


def _route(path: str) -> tuple[Api, str, bool] | None:
    """Of an address: the protocol, the model that it names, and whether it asks for a stream."""
    last = path.rpartition("/")[2]
    model, _, method = last.partition(":")
    if method in _METHODS:
        return "gemini", model, method == "streamGenerateContent"
    return (_ENDS[last], "", False) if last in _ENDS else None


def _system(body: Json) -> str:
    names = ("system", "instructions", "systemInstruction", "system_instruction")
    return text_of(next((body[name] for name in names if body.get(name)), None))


def _tools(tools: object, space: str = "") -> Iterator[str]:
    for tool in objects(tools):
        inner = tool.get("functionDeclarations") or tool.get("function_declarations") or tool.get("tools")
        if inner:
            yield from _tools(inner, f"{tool['name']}/" if "name" in tool else "")
        else:
            function = tool.get("function", tool)
            yield space + str(function.get("name") or function.get("type", ""))


def _key(query: Mapping[str, list[str]], headers: Mapping[str, str]) -> str:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or query.get("key", [""])[0] or bearer
