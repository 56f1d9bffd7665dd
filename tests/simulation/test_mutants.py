"""A simulator that finds nothing proves nothing: every bug that is put into the engine is found, and soon enough."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, Mutant, found, mutated
from .world import play


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name.replace(" ", "-") for mutant in MUTANTS])
def test_a_bug_of_one_line_is_found(mutant: Mutant) -> None:
    before = play(0).digest

    with mutated(mutant):
        caught = found(mutant)

    assert caught is not None, f"no world with a seed below {mutant.within} finds it"
    assert play(0).digest == before, "the bug is still there"
