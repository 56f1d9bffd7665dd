"""Every example in a docstring is true, and everything public has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import perdure
import perdure.agents
import perdure.agents.fake
import perdure.components
import perdure.core
import perdure.interpreters.plan
import perdure.interpreters.simulate
import perdure.testing

ROOMS = (
    *(perdure.agents, perdure.components, perdure.core, perdure.interpreters.plan, perdure.interpreters.simulate),
    perdure.testing,
    perdure.agents.fake,
)
MODULES = [
    "perdure.api",
    *(f"{room.__name__}.{module.name}" for room in ROOMS for module in pkgutil.iter_modules(room.__path__)),
]
#: Each is a file of its own, whatever else the room has.
PATTERNS = [
    *("approval_gate", "attempt_each", "check_suite", "classify_and_route", "debate", "decision_table"),
    *("escalation_chain", "gather_and_synthesize", "jury", "optimizer", "panel", "poller", "review_loop", "rounds"),
    *("saga", "scan_fix_verify", "supervisor", "try_catch_finally"),
]
#: The functions that must show how they are used.
SHOWN = {
    "perdure.agents.reply": 1,
    "perdure.agents.secrets": 1,
    "perdure.core.agents": 3,
    "perdure.core.operations": 4,
    "perdure.core.workflow": 1,
    "perdure.core.faults": 1,
    "perdure.core.retry": 1,
    "perdure.testing.crashing": 1,
    "perdure.testing.fakes": 1,
    "perdure.testing.histories": 2,
    "perdure.agents.fake.harnesses": 3,
    "perdure.agents.fake.script": 4,
    "perdure.agents.fake.server": 2,
    "perdure.testing.simulating": 1,
    **{f"{perdure.components.__name__}.{pattern}": 3 for pattern in PATTERNS},
}


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))

    assert failed == 0
    assert tried >= SHOWN.get(module, 0)


@pytest.mark.parametrize(
    "kind", [perdure.AsyncHandle, perdure.AsyncStore, perdure.Handle, perdure.Retry, perdure.Store]
)
def test_every_method_of_a_public_class_says_what_it_does(kind: type) -> None:
    silent = [
        name
        for name, member in vars(kind).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and not inspect.getdoc(member)
    ]

    assert silent == []
