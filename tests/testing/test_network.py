"""A simulation reaches nothing beyond this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from perdure import step
from perdure.testing import NetworkRefused, simulate
from perdure.testing.network import refused

#: An address that is kept for documents: nobody is there.
NOBODY = "192.0.2.1"


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def opened() -> None:
    await asyncio.open_connection(NOBODY, 80)


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection((NOBODY, 80), timeout=1),
        lambda: socket.create_connection(("example.org", 80), timeout=1),
        lambda: socket.getaddrinfo(b"example.org", 80),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", (NOBODY, 9)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", 0, (NOBODY, 9)),
        lambda: socket.socket(socket.AF_INET6).connect_ex(("2001:db8::1", 9)),
        lambda: urllib.request.urlopen("http://example.org/", timeout=1),
        lambda: asyncio.run(opened()),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_every_way_out_is_refused(reach: Callable[[], object]) -> None:
    with refused(), pytest.raises(NetworkRefused, match="reaches nothing beyond this machine"):
        reach()


def test_this_machine_is_not_refused(port: int) -> None:
    with refused():
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, port), timeout=5).close()
        left, right = socket.socketpair()
        left.sendall(b"hello")
        assert right.recv(5) == b"hello"
        left.close()
        right.close()


def test_afterwards_everything_is_as_it_was() -> None:
    before = socket.getaddrinfo

    with refused(), refused():
        assert "connect" in vars(socket.socket)

    assert socket.getaddrinfo is before
    assert not {"connect", "connect_ex", "sendto"} & set(vars(socket.socket))


def test_it_holds_until_the_last_of_several_threads_has_left() -> None:
    entered, leave = threading.Event(), threading.Event()

    def longer() -> None:
        with refused():
            entered.set()
            assert leave.wait(20)

    thread = threading.Thread(target=longer)
    with refused():
        thread.start()
        assert entered.wait(20)
    assert "connect" in vars(socket.socket)
    leave.set()
    thread.join()
    assert "connect" not in vars(socket.socket)


@step
def fetch() -> str:
    with socket.create_connection((NOBODY, 443), timeout=1):
        return "page"


def test_a_step_that_reaches_out_ends_the_simulation_with_the_ways_to_mend_it() -> None:
    with pytest.raises(NetworkRefused) as told:
        simulate(fetch())

    assert str(told.value) == (
        "code in a simulation reached for 192.0.2.1:443, and a simulation reaches nothing beyond this machine. Script "
        "the step: steps={…}, or allow it: simulate(…, network=True), or @pytest.mark.perdure_network on the test"
    )
