"""Every example in a docstring is true, and everything public has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import perdure
import perdure.core
import perdure.testing

MODULES = [
    "perdure.api",
    *(f"perdure.core.{module.name}" for module in pkgutil.iter_modules(perdure.core.__path__)),
    *(f"perdure.testing.{module.name}" for module in pkgutil.iter_modules(perdure.testing.__path__)),
]
#: The functions that must show how they are used.
SHOWN = {"perdure.core.operations": 4, "perdure.core.workflow": 1, "perdure.core.faults": 1, "perdure.core.retry": 1}
SHOWN |= {"perdure.testing.histories": 2}


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
