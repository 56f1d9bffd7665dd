"""How each coding agent is pointed at a provider on loopback: by its environment, its settings and its options."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs

from perdure.agents.fake.server import HOST, KEY
from perdure.core.agents import Antigravity, ClaudeCode, Codex, Gemini, Harness, OpenCode, Pi
from perdure.core.faults import Defect

#: Where programs look for settings and logins: all of it within the home folder, whatever yours says.
_WITHIN: Final = {
    "HOME": ".",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
}


@attrs.frozen
class Pointing:
    """What leads a coding agent to a provider, and to no other.

    Attributes:
        url: The provider's address.
        model: Which model it is to be given, by `model=`.
        environ: Variables that it is to be given by their names, by `env=`.
        files: Settings, by their paths in its home folder.
    """

    url: str
    model: str
    environ: Mapping[str, str]
    files: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @property
    def env(self) -> tuple[str, ...]:
        """The names of its variables, for `env=`."""
        return tuple(self.environ)

    def home(self, folder: Path) -> dict[str, str]:
        """Make a folder its home, and say what the environment of its worker must hold.

        Some programs look for their updates, or for lists of models, whatever they are told. The provider is their
        proxy too, and lets nothing out: that is a `CONNECT` in its `aside`.
        """
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        within = {name: str(folder / path) for name, path in _WITHIN.items()}
        proxies = {"HTTPS_PROXY": self.url, "https_proxy": self.url, "NO_PROXY": HOST, "no_proxy": HOST}
        return {**within, **proxies, **self.environ}


def pointing(agent: type[Harness], url: str) -> Pointing:
    """What leads a coding agent to a provider.

    Args:
        agent: Its class.
        url: The provider's address: `FakeProvider.url`.

    Raises:
        Defect: It is none whose service is known.

    Example:
        >>> from perdure import ClaudeCode
        >>> from perdure.testing.models import pointing
        >>> here = pointing(ClaudeCode, "http://127.0.0.1:8080")
        >>> ClaudeCode(model=here.model, env=here.env).env
        ('ANTHROPIC_BASE_URL', 'ANTHROPIC_API_KEY', 'API_TIMEOUT_MS')
    """
    if agent not in _POINTINGS:
        known = ", ".join(each.__name__ for each in _POINTINGS)
        raise Defect(f"how {agent.__name__} is pointed at a provider is up to its program; it is known of {known}")
    return _POINTINGS[agent](url)


#: The price of a model that nobody knows, in dollars for a million tokens: a harness then says what it cost.
_PRICE: Final = {"input": 3, "output": 15}


def _claude_code(url: str) -> Pointing:
    environ = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "API_TIMEOUT_MS": "60000"}
    return Pointing(url, "claude-sonnet-4-5", environ)


def _codex(url: str) -> Pointing:
    settings = f"""model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
env_key = "FAKE_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
    return Pointing(url, "fake-model", {"FAKE_KEY": KEY}, {".codex/config.toml": settings})


def _pi(url: str) -> Pointing:
    model = {"id": "fake-model", "cost": {**_PRICE, "cacheRead": 0, "cacheWrite": 0}}
    provider = {"baseUrl": f"{url}/v1", "api": "openai-completions", "apiKey": "FAKE_KEY", "models": [model]}
    files = {
        ".pi/agent/models.json": json.dumps({"providers": {"fake": provider}}),
        ".pi/agent/settings.json": json.dumps({"retry": {"enabled": True, "maxRetries": 1, "baseDelayMs": 10}}),
    }
    return Pointing(url, "fake/fake-model", {"FAKE_KEY": KEY}, files)


def _gemini(url: str) -> Pointing:
    return Pointing(url, "gemini-2.5-flash", {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url})


def _antigravity(url: str) -> Pointing:
    return attrs.evolve(_gemini(url), model="gemini-3.8-flash")


def _opencode(url: str) -> Pointing:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "{env:FAKE_KEY}"},
        "models": {"fake-model": {"cost": _PRICE, "limit": {"context": 100000, "output": 4000}}},
    }
    settings = {"provider": {"fake": provider}, "small_model": "fake/fake-model"}
    return Pointing(url, "fake/fake-model", {"FAKE_KEY": KEY}, {".config/opencode/opencode.json": json.dumps(settings)})


_POINTINGS: Final[Mapping[type[Harness], Callable[[str], Pointing]]] = {
    ClaudeCode: _claude_code,
    Codex: _codex,
    Pi: _pi,
    Antigravity: _antigravity,
    Gemini: _gemini,
    OpenCode: _opencode,
}
