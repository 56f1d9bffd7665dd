"""The pytest plugin: one function a fixture. Off by `-p no:perdure`.

Every session of pytest imports this module, so it imports nothing; fixtures do, when a test asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from perdure.api import Store
    from perdure.interpreters.simulate.crash import CrashSafe
    from perdure.testing.fakes import FakeAgent
    from perdure.testing.simulating import Simulate
    from perdure.testing.snapshots import PlanSnapshot

_NETWORK = "perdure_network"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("perdure", "perdure: durable workflows")
    group.addoption("--perdure-update", action="store_true", help="write the files that plan_snapshot compares with")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{_NETWORK}: let simulations in this test reach the network")


@pytest.fixture
def simulate(request: pytest.FixtureRequest) -> Simulate:
    """`perdure.testing.simulate`, but an entry of the script that answers nothing fails the test."""
    from perdure.testing.simulating import strictly

    return strictly(network=request.node.get_closest_marker(_NETWORK) is not None)


@pytest.fixture
def assert_crash_safe(request: pytest.FixtureRequest) -> Callable[..., CrashSafe]:
    """`perdure.testing.assert_crash_safe`, but an entry of the script that answers nothing fails the test."""
    from perdure.testing.crashing import strictly

    return strictly(network=request.node.get_closest_marker(_NETWORK) is not None)


@pytest.fixture
def fake_agent() -> Callable[..., FakeAgent]:
    """`perdure.testing.fake_agent`: an agent that answers by a script and keeps what it was asked."""
    from perdure.testing.fakes import fake_agent

    return fake_agent


@pytest.fixture
def plan_snapshot(request: pytest.FixtureRequest) -> PlanSnapshot:
    """Compares the plan of an effect with the file of this test in `plans/` beside it."""
    from perdure.testing.snapshots import PlanSnapshot

    path: Path = request.path
    test = f"{path.stem}.{request.node.name}"
    return PlanSnapshot(path.parent / "plans", test, update=bool(request.config.getoption("perdure_update")))


@pytest.fixture
def durable_store(tmp_path: Path) -> Iterator[Store]:
    """A database of this test's own, closed after it."""
    from perdure.api import open

    with open(tmp_path / "perdure.db") as store:
        yield store
