"""For users' tests: runs in virtual time by a script, and the pytest plugin (`perdure.testing.plugin`).

Everything loads on first use: pytest imports this package in every session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.interpreters.simulate.crash import CrashSafe, CrashUnsafe
    from perdure.interpreters.simulate.script import Answers, ScriptError, Unscripted, Unused, after, auto, each, never
    from perdure.interpreters.simulate.trace import Record, Simulated
    from perdure.testing.crashing import assert_crash_safe
    from perdure.testing.determinism import assert_deterministic
    from perdure.testing.fakes import FakeAgent, fake_agent
    from perdure.testing.histories import replay_all
    from perdure.testing.network import NetworkRefused
    from perdure.testing.simulating import Simulate, simulate
    from perdure.testing.snapshots import PlanSnapshot

#: Where each name is taken from when it is first used.
_HOMES = {
    "Answers": "perdure.interpreters.simulate.script",
    "CrashSafe": "perdure.interpreters.simulate.crash",
    "CrashUnsafe": "perdure.interpreters.simulate.crash",
    "FakeAgent": "perdure.testing.fakes",
    "NetworkRefused": "perdure.testing.network",
    "PlanSnapshot": "perdure.testing.snapshots",
    "Record": "perdure.interpreters.simulate.trace",
    "ScriptError": "perdure.interpreters.simulate.script",
    "Simulate": "perdure.testing.simulating",
    "Simulated": "perdure.interpreters.simulate.trace",
    "Unscripted": "perdure.interpreters.simulate.script",
    "Unused": "perdure.interpreters.simulate.script",
    "after": "perdure.interpreters.simulate.script",
    "assert_crash_safe": "perdure.testing.crashing",
    "assert_deterministic": "perdure.testing.determinism",
    "auto": "perdure.interpreters.simulate.script",
    "each": "perdure.interpreters.simulate.script",
    "fake_agent": "perdure.testing.fakes",
    "never": "perdure.interpreters.simulate.script",
    "replay_all": "perdure.testing.histories",
    "simulate": "perdure.testing.simulating",
}

__all__ = [
    "Answers",
    "CrashSafe",
    "CrashUnsafe",
    "FakeAgent",
    "NetworkRefused",
    "PlanSnapshot",
    "Record",
    "ScriptError",
    "Simulate",
    "Simulated",
    "Unscripted",
    "Unused",
    "after",
    "assert_crash_safe",
    "assert_deterministic",
    "auto",
    "each",
    "fake_agent",
    "never",
    "replay_all",
    "simulate",
]


def __getattr__(name: str) -> Any:  # PEP 562; the types are in the block above
    if name not in _HOMES:
        raise AttributeError(f"module 'perdure.testing' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
