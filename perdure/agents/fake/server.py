"""The provider itself: a server on loopback that keeps what it hears and answers by a script."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from perdure.agents.fake.reading import WIRES, heard
from perdure.agents.fake.script import Heard, Json, Said, Script, in_order
from perdure.agents.fake.wire import is_object
from perdure.core.faults import Defect

#: A key for whatever will not ask without one. No service knows it.
KEY: Final = "a-key-that-is-none"
#: The one interface that it listens on.
HOST: Final = "127.0.0.1"
#: Where each provider that litellm knows by this name is found, below the address.
_PATHS: Final = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}
#: By which litellm finds a provider, and its key.
_ADDRESSES: Final = {"OPENAI_BASE_URL": "openai", "ANTHROPIC_BASE_URL": "anthropic", "GEMINI_API_BASE": "gemini"}
_KEYS: Final = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


def path_of(model: str) -> str:
    """Below which path the provider of a `Model` of this name is found.

    Raises:
        Defect: A fake provider does not speak as that one does.
    """
    maker = model.partition("/")[0]
    if maker not in _PATHS:
        *others, last = (f"{name}/…" for name in _PATHS)
        raise Defect(f"a fake provider speaks as those of {', '.join(others)} and {last} do, not as that of {model}")
    return _PATHS[maker]


class FakeProvider:
    """A provider of models on loopback. It serves while its `with` block runs.

    Args:
        script: What it answers: a function of the request, or one answer to every request.
        key: The only key that it takes; None takes any.

    Attributes:
        heard: Every request for an answer so far, in order.
        aside: Every request for something else: `METHOD path`, or `CONNECT host:port` of who takes it for a proxy.

    Example:
        >>> import json, urllib.request
        >>> from perdure.testing.models import FakeProvider
        >>> with FakeProvider("Bees dance.") as provider:
        ...     body = {"model": "any", "messages": [{"role": "user", "content": "Why?"}]}
        ...     address = f"{provider.base_url('openai/any')}/chat/completions"
        ...     with urllib.request.urlopen(address, json.dumps(body).encode()) as reply:
        ...         json.load(reply)["choices"][0]["message"]["content"], provider.heard[0].prompt
        ('Bees dance.', 'Why?')
    """

    def __init__(self, script: Script | Said | str, *, key: str | None = None) -> None:
        self.heard: list[Heard] = []
        self.aside: list[str] = []
        self._script = in_order(script) if isinstance(script, Said | str) else script
        self._key = key
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer((HOST, 0), functools.partial(_Handler, self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def base_url(self, model: str) -> str:
        """Where a `Model` of this name finds it, by `base_url=`.

        Raises:
            Defect: It does not speak as the provider of that model does.
        """
        return self.url + path_of(model)

    @property
    def environ(self) -> Mapping[str, str]:
        """Variables by which every `Model` of those providers that has no `base_url` finds it, past any proxy.

        A test sets them by `monkeypatch.setenv`, and its workflow stays as it is.
        """
        places = {name: self.url + _PATHS[maker] for name, maker in _ADDRESSES.items()}
        return {**places, **dict.fromkeys(_KEYS, KEY), **dict.fromkeys(("NO_PROXY", "no_proxy"), HOST)}

    def answer(self, heard: Heard) -> Said:
        """Keep a request, and say what is answered to it."""
        self.heard.append(heard)
        if self._key is not None and heard.key != self._key:
            kind = "invalid_api_key" if heard.api in ("chat", "responses") else ""
            return Said(status=401, error=f"Incorrect API key provided: {heard.key}", error_type=kind)
        try:
            return self._script(heard)
        except Exception as error:  # a wrong script shows as an error of the server, and not as a hang
            return Said(status=500, error=f"the script failed: {error!r}")

    def wait(self, seconds: float, door: threading.Event | None = None) -> bool:
        """Wait for so long, or until a door is opened or the server closes; say whether it still waits."""
        return not (door or self._closing).wait(seconds) and not self._closing.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    """One connection, which is one request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, provider: FakeProvider, *given: Any) -> None:  # Any: what the server gives its base
        self._provider = provider
        super().__init__(*given)

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at what was heard."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self._provider.aside.append(f"{self.command} {path}")
        if path.endswith("/models"):
            self._json(200, {"object": "list", "data": [{"id": "fake-model", "object": "model"}]})
        else:
            self._no_such_path()

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_GET

    def do_CONNECT(self) -> None:
        self._provider.aside.append(f"CONNECT {self.path}")
        self._json(403, {"error": {"message": "there is no way out", "type": "forbidden"}})

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = heard(url.path, query, headers, body) if body is not None else None
        if asked is None:
            self._provider.aside.append(f"POST {url.path}")
            if url.path.endswith(("count_tokens", ":countTokens")):
                self._json(200, {"input_tokens": 11, "totalTokens": 11})
            else:
                self._no_such_path()
            return
        said = self._provider.answer(asked)
        if said.delay:
            self._provider.wait(said.delay.total_seconds())
        if said.status != 200:
            self._json(said.status, WIRES[asked.api].refused(said), said.headers)
            return
        whole, events = WIRES[asked.api].written(asked, said)
        if not (asked.stream and said.streams):
            self._json(200, whole, said.headers, cut=said.cut)
        elif asked.api == "gemini" and query.get("alt") != ["sse"]:
            self._json(200, [whole], said.headers, cut=said.cut)
        else:
            lines = [f"event: {name}\n" * bool(name) + f"data: {json.dumps(tree)}\n\n" for name, tree in events]
            lines += ["data: [DONE]\n\n"] if asked.api == "chat" else []
            self._stream(lines[: 1 + len(lines) // 4] if said.short else lines, said)

    def _body(self) -> Json | None:
        try:
            tree: Any = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        except ValueError:
            return None
        return tree if is_object(tree) else None

    def _stream(self, lines: Sequence[str], said: Said) -> None:
        """Send one event after the other, as the answer says."""
        text = "".join(lines)
        if said.door is None:
            self._send(200, "text/event-stream", text, said.headers, cut=said.cut)
            return
        first = next(n for n, line in enumerate(lines, 1) if json.dumps(said.pieces[0])[1:-1] in line)
        shown = "".join(lines[:first])
        self._send(200, "text/event-stream", text, said.headers, shown=len(shown.encode()))
        while self._provider.wait(0.05, said.door):
            pass
        with contextlib.suppress(ConnectionError):
            self.wfile.write(text[len(shown) :].encode())

    def _no_such_path(self) -> None:
        self._json(404, {"error": {"message": "no such path", "type": "not_found"}})

    def _json(self, status: int, tree: object, headers: Mapping[str, str] | None = None, *, cut: bool = False) -> None:
        self._send(status, "application/json", json.dumps(tree), headers or {}, cut=cut)

    def _send(
        self,
        status: int,
        kind: str,
        text: str,
        headers: Mapping[str, str],
        *,
        cut: bool = False,
        shown: int | None = None,
    ) -> None:
        self.close_connection = True
        body = text.encode()
        with contextlib.suppress(ConnectionError):  # who asked may have given up
            self.send_response(status)
            ours = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
            for name, value in {**headers, **ours}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body[:shown])
