"""What of this process's environment an agent gets to see: a short list of harmless names, and what it declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perdure.core.agents import Harness, Model

#: Where things are, which language is spoken, and how the network is reached. No key, no token.
ALLOWED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
)

#: A terminal that can do nothing, so that nothing draws on it.
_PLAIN = {"TERM": "dumb", "NO_COLOR": "1"}


def allowed(mine: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that any agent may see."""
    kept = {name: value for name, value in mine.items() if name in ALLOWED or name.startswith("LC_")}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept, **_PLAIN}


def given(agent: Harness | Model) -> list[str]:
    """The variables that a coding agent, and the servers of tools of any agent, are given, by name."""
    mine = agent.env if isinstance(agent, Harness) else ()
    return [*mine, *(name for server in agent.mcp for name in server.env)]


def declared(names: Iterable[str], mine: Mapping[str, str]) -> dict[str, str]:
    """The values of declared names.

    Raises:
        LookupError: One is not set; a harness without its key would ask for a login, or bill another account.
    """
    wanted = list(names)
    missing = [name for name in wanted if name not in mine]
    if missing:
        which = ", ".join(missing)
        raise LookupError(
            f"env={wanted!r} is declared, but {which} is not set here, so it would run without: "
            f"export {missing[0]}=… where the worker starts, or take the name out of env"
        )
    return {name: mine[name] for name in wanted}
