"""Model providers on loopback, for tests: what they are asked is kept, and what they answer is scripted.

It speaks OpenAI (chat completions, responses), Anthropic (messages) and Gemini (generateContent), streamed and whole:

    with Provider(in_order(Said("hello"))) as provider:
        ...  # point a client at provider.url (Anthropic), provider.url + "/v1" (OpenAI) or + "/v1beta" (Gemini)
        assert provider.heard[0].prompt == "hi"

As a program it prints its address and says the same to everybody: `python tests/fake_models.py hello`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

import attrs

Api: TypeAlias = Literal["chat", "responses", "anthropic", "gemini"]
Json: TypeAlias = dict[str, Any]
#: A server-sent event: its name, if it has one, and its data.
Event: TypeAlias = tuple[str, Json]


@attrs.frozen
class Use:
    """The model wants a tool used. `arguments` is a text for free-form tools; `name` may be `namespace/name`."""

    name: str
    arguments: Json | str = attrs.field(factory=dict)
    id: str = ""

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@attrs.frozen
class Said:
    """One answer: what the model says, or, with another status than 200, the error of its provider.

    Attributes:
        finish: Why it stopped, as OpenAI chat says it: stop, length, content_filter.
        delay: Seconds before the first byte.
        cut: The connection breaks in the middle of the answer.
        short: A stream ends before its end, and as if nothing were the matter.
        parts: Into so many parts the text of a stream is cut.
        door: After the first part of a text the stream waits for it.
        counts: Whether a stream says how many tokens it took.
        streams: Whether its provider has streams; else it answers at once, whatever is asked for.
        refusal: Why the model declines, as OpenAI chat says it beside an empty answer.
    """

    text: str = ""
    uses: tuple[Use, ...] = ()
    input_tokens: int = 11
    output_tokens: int = 7
    cached_tokens: int = 0
    finish: str = "stop"
    status: int = 200
    error: str = "scripted error"
    error_type: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delay: float = 0.0
    cut: bool = False
    short: bool = False
    parts: int = 1
    door: threading.Event | None = None
    counts: bool = True
    refusal: str = ""
    streams: bool = True

    @property
    def pieces(self) -> list[str]:
        """The text of a stream, part by part."""
        size = -(-len(self.text) // self.parts)
        return [self.text[at : at + size] for at in range(0, len(self.text), size or 1)]


@attrs.frozen
class Heard:
    """One request, of the same form for every provider.

    Attributes:
        prompt: The text of the last message of the user.
        turns: How many messages the conversation has.
        results: What tools returned since the last message of the user.
        schema: The JSON Schema that the answer must fit.
        key: The key that it bore.
    """

    api: Api
    path: str
    model: str
    stream: bool
    system: str
    prompt: str
    turns: int
    tools: tuple[str, ...]
    results: tuple[str, ...]
    schema: Json | None
    key: str
    headers: Mapping[str, str]
    body: Json


Script: TypeAlias = Callable[[Heard], Said]


def in_order(*said: Said | str) -> Script:
    """The n-th answer to the n-th request, whoever asks; the last one for ever."""
    answers = [Said(each) if isinstance(each, str) else each for each in said]
    position = itertools.count()
    return lambda _: answers[min(next(position), len(answers) - 1)]


def by_turn(*said: Said | str, aside: Said | None = None) -> Script:
    """The n-th answer after n results of tools: by the conversation itself, so that retries disturb nothing.

    Args:
        said: The answers.
        aside: What a request without any tool gets, such as one for a title.
    """
    answers = [Said(each) if isinstance(each, str) else each for each in said]

    def script(heard: Heard) -> Said:
        if aside is not None and not heard.tools:
            return aside
        return answers[min(len(heard.results), len(answers) - 1)]

    return script


# -- reading ---------------------------------------------------------------------------------------------------------


def _text(content: Any) -> str:
    """The text in the content of a message, in any of the formats."""
    match content:
        case str():
            return content
        case list():
            return "\n".join(filter(None, map(_text, content)))
        case dict():
            return _text(content.get("text") or content.get("content") or content.get("parts"))
        case _:
            return ""


def _tools(tools: Any, space: str = "") -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else []:
        inner = tool.get("functionDeclarations") or tool.get("function_declarations") or tool.get("tools")
        if inner:
            yield from _tools(inner, f"{tool['name']}/" if "name" in tool else "")
        else:
            function = tool.get("function", tool)
            yield space + str(function.get("name") or function.get("type", ""))


def _messages(api: Api, body: Json) -> Iterator[tuple[str, Any]]:
    """The conversation as role and content; what a tool returned has the role `tool`."""
    if api == "gemini":
        for turn in body.get("contents", []):
            parts = turn.get("parts", [])
            results = [part for part in parts if "functionResponse" in part or "function_response" in part]
            yield from (("tool", json.dumps(part)) for part in results)
            if not results:
                yield turn.get("role", "user"), parts
        return
    turns = body.get("input" if api == "responses" else "messages", [])
    for turn in [{"role": "user", "content": turns}] if isinstance(turns, str) else turns:
        content = turn.get("content")
        results = [p for p in content if p.get("type") == "tool_result"] if isinstance(content, list) else []
        yield from (("tool", part.get("content")) for part in results)
        if str(turn.get("type")).endswith("_call_output"):
            yield "tool", turn.get("output")
        elif not results:
            yield str(turn.get("role", "assistant")), content


def _schema(api: Api, body: Json) -> Json | None:
    def inside(*path: str) -> Any:
        found: Any = body
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    found: Any = None
    match api:
        case "chat":
            found = inside("response_format", "json_schema", "schema")
        case "responses":
            found = inside("text", "format", "schema")
        case "anthropic":
            found = inside("output_format", "schema") or inside("output_config", "format", "schema")
        case "gemini":
            settings = inside("generationConfig") or {}
            found = next((value for name, value in settings.items() if "schema" in name.lower()), None)
    return found if isinstance(found, dict) else None


def _route(path: str) -> tuple[Api, str, bool] | None:
    """Of an address: which provider's it is, the model that it names, and whether it asks for a stream."""
    last = path.rpartition("/")[2]
    model, _, method = last.partition(":")
    if method in ("generateContent", "streamGenerateContent"):
        return "gemini", model, method == "streamGenerateContent"
    ends: dict[str, Api] = {"completions": "chat", "responses": "responses", "messages": "anthropic"}
    return (ends[last], "", False) if last in ends else None


def _heard(path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: Json) -> Heard | None:
    route = _route(path)
    if route is None:
        return None
    api, model, stream = route
    messages = list(_messages(api, body))
    prompt, results = "", list[str]()
    for role, content in messages:
        if role == "user":
            prompt, results = _text(content), []
        elif role == "tool":
            results.append(_text(content))
    system = body.get("system") or body.get("instructions") or body.get("systemInstruction")
    system = system or body.get("system_instruction")
    system = system or [content for role, content in messages if role in ("system", "developer")]
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return Heard(
        api,
        path,
        str(body.get("model", model)),
        bool(body.get("stream", stream)),
        _text(system),
        prompt,
        len(messages),
        tuple(_tools(body.get("tools"))),
        tuple(results),
        _schema(api, body),
        headers.get("x-api-key") or headers.get("x-goog-api-key") or query.get("key", [""])[0] or bearer,
        headers,
        body,
    )


# -- writing ---------------------------------------------------------------------------------------------------------


_numbers = itertools.count(1)


def _used(said: Said) -> list[tuple[str, Use]]:
    return [(use.id or f"call_{next(_numbers)}", use) for use in said.uses]


def _chat(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    head: Json = {"id": f"chatcmpl-{next(_numbers)}", "created": 1_800_000_000, "model": heard.model}
    uses = [
        {"index": n, "id": id, "type": "function", "function": {"name": use.name, "arguments": use.text}}
        for n, (id, use) in enumerate(_used(said))
    ]
    message: Json = {"role": "assistant", "content": said.text or None, **({"tool_calls": uses} if uses else {})}
    message |= {"refusal": said.refusal} if said.refusal else {}
    finish = "tool_calls" if uses else said.finish
    usage = {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": said.cached_tokens},
    }
    choice: Json = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    chunk: Json = {**head, "object": "chat.completion.chunk"}
    deltas: list[Json] = [{"role": "assistant", "content": piece} for piece in said.pieces]
    deltas += [{"tool_calls": [use]} for use in uses]
    deltas += [{"refusal": said.refusal}] if said.refusal else []
    events: list[Event] = [
        ("", {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas
    ]
    events.append(("", {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}))
    if said.counts:
        events.append(("", {**chunk, "choices": [], "usage": usage}))
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, events


def _responses(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    items: list[Json] = []
    if said.text or not said.uses:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        item = {"type": "message", "id": f"msg_{next(_numbers)}", "role": "assistant", "status": "completed"}
        items.append({**item, "content": [part]})
    for id, use in _used(said):
        free = isinstance(use.arguments, str)
        space, _, name = use.name.rpartition("/")
        call: Json = {
            "type": "custom_tool_call" if free else "function_call",
            "id": f"fc_{id}",
            "call_id": id,
            "name": name,
            "input" if free else "arguments": use.text,
            "status": "completed",
        }
        items.append({**call, "namespace": space} if space else call)
    usage = {
        "input_tokens": said.input_tokens,
        "input_tokens_details": {"cached_tokens": said.cached_tokens},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.input_tokens + said.output_tokens,
    }
    whole: Json = {
        "id": f"resp_{next(_numbers)}",
        "object": "response",
        "created_at": 1_800_000_000,
        "status": "completed",
        "error": None,
        "model": heard.model,
        "output": items,
        "usage": usage,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[Event] = [("response.created", {"response": begun})]
    for n, item in enumerate(items):
        events += _item(n, item)
    events.append(("response.completed", {"response": whole}))
    return whole, [(name, {"type": name, "sequence_number": n, **data}) for n, (name, data) in enumerate(events)]


def _item(n: int, item: Json) -> Iterator[Event]:
    """The events in which one item of a response comes."""
    where: Json = {"output_index": n, "item_id": item["id"]}
    unfinished = {**item, "status": "in_progress"}
    if item["type"] == "message":
        part = item["content"][0]
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


def _anthropic(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    reasons = {"length": "max_tokens", "content_filter": "refusal"}
    stop: Json = {"stop_reason": reasons.get(said.finish, "end_turn"), "stop_sequence": None}
    blocks: list[Json] = [{"type": "text", "text": said.text}] if said.text or not said.uses else []
    for id, use in _used(said):
        blocks.append({"type": "tool_use", "id": f"toolu_{id}", "name": use.name, "input": use.arguments})
        stop["stop_reason"] = "tool_use"
    head: Json = {"id": f"msg_{next(_numbers)}", "type": "message", "role": "assistant", "model": heard.model}
    read = {"input_tokens": said.input_tokens, "cache_creation_input_tokens": 0}
    usage: Json = {**read, "cache_read_input_tokens": said.cached_tokens, "output_tokens": said.output_tokens}
    begun = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    events: list[Event] = [("message_start", {"message": begun})]
    for n, block in enumerate(blocks):
        if block["type"] == "text":
            empty, deltas = {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in said.pieces]
        else:
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        events.append(("content_block_start", {"index": n, "content_block": empty}))
        events += [("content_block_delta", {"index": n, "delta": delta}) for delta in deltas]
        events.append(("content_block_stop", {"index": n}))
    events += [("message_delta", {"delta": stop, "usage": usage}), ("message_stop", {})]
    return {**head, "content": blocks, **stop, "usage": usage}, [(name, {"type": name, **d}) for name, d in events]


def _gemini(heard: Heard, said: Said) -> tuple[Json, list[Event]]:
    reasons = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
    parts: list[Json] = [{"text": said.text}] if said.text or not said.uses else []
    parts += [{"functionCall": {"id": id, "name": use.name, "args": use.arguments}} for id, use in _used(said)]
    whole: Json = {
        "candidates": [
            {
                "index": 0,
                "content": {"role": "model", "parts": parts},
                "finishReason": reasons.get(said.finish, "STOP"),
            }
        ],
        "usageMetadata": {
            "promptTokenCount": said.input_tokens,
            "cachedContentTokenCount": said.cached_tokens,
            "candidatesTokenCount": said.output_tokens,
            "totalTokenCount": said.input_tokens + said.output_tokens,
        },
        "modelVersion": heard.model,
        "responseId": f"response-{next(_numbers)}",
    }
    head = {name: value for name, value in whole.items() if name not in ("candidates", "usageMetadata")}
    pieces = [{**head, "candidates": [_spoken([{"text": piece}])]} for piece in said.pieces[:-1]]
    rest = [{"text": said.pieces[-1]}] if said.pieces else []
    last = {**whole["candidates"][0], **_spoken([*rest, *parts[1 if said.text or not said.uses else 0 :]])}
    return whole, [*(("", piece) for piece in pieces), ("", {**whole, "candidates": [last]})]


def _spoken(parts: list[Json]) -> Json:
    return {"index": 0, "content": {"role": "model", "parts": parts}}


WRITERS: dict[Api, Callable[[Heard, Said], tuple[Json, list[Event]]]] = {
    "chat": _chat,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
}


def _error(api: Api, said: Said) -> Json:
    """An error as the provider writes it."""
    match api:
        case "anthropic":
            types = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
            types |= {429: "rate_limit_error", 529: "overloaded_error"}
            type = types.get(said.status, "invalid_request_error" if said.status < 500 else "api_error")
            return {"type": "error", "error": {"type": said.error_type or type, "message": said.error}}
        case "gemini":
            states = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
            states |= {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
            state = said.error_type or states.get(said.status, "INTERNAL")
            return {"error": {"code": said.status, "message": said.error, "status": state}}
        case "chat" | "responses":
            error = {"message": said.error, "type": said.error_type or "error", "param": None}
            return {"error": {**error, "code": said.error_type or None}}


# -- serving ---------------------------------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: ClassVar[Provider]

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at what was heard."""

    def _stream(self, events: list[str], said: Said) -> None:
        """One after the other, as the answer says."""
        if said.door is None:
            self._send(200, "text/event-stream", "".join(events), said.headers, said.cut)
            return
        first = next(n for n, event in enumerate(events, 1) if json.dumps(said.pieces[0])[1:-1] in event)
        text = "".join(events)
        self._send(200, "text/event-stream", text, said.headers, shown=len("".join(events[:first]).encode()))
        while not said.door.wait(0.05) and not self.provider.closing.is_set():
            pass
        with contextlib.suppress(ConnectionError):
            self.wfile.write("".join(events[first:]).encode())

    def _send(
        self,
        status: int,
        type: str,
        text: str,
        headers: Mapping[str, str],
        cut: bool = False,
        shown: int | None = None,
    ) -> None:
        self.close_connection = True
        body = text.encode()
        with contextlib.suppress(ConnectionError):  # who asked may have given up
            self.send_response(status)
            length = {"content-type": type, "content-length": str(len(body)), "connection": "close"}
            for name, value in {**headers, **length}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body[:shown])

    def _json(self, status: int, tree: object, headers: Mapping[str, str] | None = None, cut: bool = False) -> None:
        self._send(status, "application/json", json.dumps(tree), headers or {}, cut)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.provider.aside.append(f"{self.command} {path}")
        if path.endswith("/models"):
            self._json(200, {"object": "list", "data": [{"id": "fake-model", "object": "model"}]})
        else:
            self._json(404, {"error": {"message": "no such path", "type": "not_found"}})

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_GET

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        heard = _heard(url.path, query, headers, body) if isinstance(body, dict) else None
        if heard is None:
            self.provider.aside.append(f"POST {url.path}")
            if url.path.endswith(("count_tokens", ":countTokens")):
                self._json(200, {"input_tokens": 11, "totalTokens": 11})
            else:
                self._json(404, {"error": {"message": "no such path", "type": "not_found"}})
            return
        said = self.provider.answer(heard)
        if said.delay:
            self.provider.closing.wait(said.delay)
        if said.status != 200:
            self._json(said.status, _error(heard.api, said), said.headers)
            return
        whole, events = WRITERS[heard.api](heard, said)
        if not (heard.stream and said.streams):
            self._json(200, whole, said.headers, said.cut)
        elif heard.api == "gemini" and query.get("alt") != ["sse"]:
            self._json(200, [whole], said.headers, said.cut)
        else:
            lines = [f"event: {name}\n" * bool(name) + f"data: {json.dumps(data)}\n\n" for name, data in events]
            lines += ["data: [DONE]\n\n"] if heard.api == "chat" else []
            self._stream(lines[: 1 + len(lines) // 4] if said.short else lines, said)


class Provider:
    """The server, as a context manager.

    Args:
        script: What it answers.
        key: The only key that it knows; None takes any.

    Attributes:
        heard: Every request so far, in order.
        aside: Every request for something else than an answer: `METHOD path`.
    """

    def __init__(self, script: Script, *, key: str | None = None) -> None:
        self.heard: list[Heard] = []
        self.aside: list[str] = []
        self.closing = threading.Event()
        self._script, self._key = script, key
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, heard: Heard) -> Said:
        """What it says to a request."""
        self.heard.append(heard)
        if self._key is not None and heard.key != self._key:
            type = "invalid_api_key" if heard.api in ("chat", "responses") else ""
            return Said(status=401, error=f"Incorrect API key provided: {heard.key}", error_type=type)
        try:
            return self._script(heard)
        except Exception as error:  # a wrong script shows as an error of the server, and not as a hang
            return Said(status=500, error=f"the script failed: {error!r}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


if __name__ == "__main__":
    with Provider(in_order(" ".join(sys.argv[1:]) or "hello")) as provider:
        print(provider.url, flush=True)
        threading.Event().wait()
