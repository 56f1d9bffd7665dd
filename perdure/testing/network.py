"""No way out: while it holds, this process reaches nothing beyond its own machine."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Generator
from typing import Any, Final

from perdure.interpreters.simulate.script import ScriptError


class NetworkRefused(ScriptError):
    """Code in a simulation reached for another machine."""


#: What a socket is told an address by; it is always the last argument.
_OF_SOCKETS: Final = ("connect", "connect_ex", "sendto")

_entering: Final = threading.Lock()
_inside = 0
_undo: Final = contextlib.ExitStack()


@contextlib.contextmanager
def refused() -> Generator[None]:
    """Refuse every connection but those to this machine itself, in this whole process, until the last one has left.

    Raises:
        NetworkRefused: In the code that reaches out, before anything is looked up or sent.
    """
    global _inside
    with _entering:
        if _inside == 0:
            _install()
        _inside += 1
    try:
        yield
    finally:
        with _entering:
            _inside -= 1
            if _inside == 0:
                _undo.close()


def _install() -> None:
    from unittest import mock

    for name in _OF_SOCKETS:
        _undo.enter_context(mock.patch.object(socket.socket, name, _guarded(getattr(socket.socket, name))))
    _undo.enter_context(mock.patch.object(socket, "getaddrinfo", _local(socket.getaddrinfo)))


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(sock: socket.socket, *args: Any) -> Any:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            _check(*args[-1][:2])
        return method(sock, *args)

    return guarded


def _local(look_up: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        _check(host, port)
        return look_up(host, port, *args, **options)

    return guarded


def _check(host: Any, port: Any) -> None:
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if name in (None, "", "localhost") or _is_here(str(name)):
        return
    raise NetworkRefused(
        f"code in a simulation reached for {name}:{port}, and a simulation reaches nothing beyond this machine. Script "
        "the step: steps={…}, or allow it: simulate(…, network=True), or @pytest.mark.perdure_network on the test"
    )


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
