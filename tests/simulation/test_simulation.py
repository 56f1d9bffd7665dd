"""The simulator itself: everything follows from the seed, nothing is found in the engine, and it can tell."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import perdure

from .mutants import MUTANTS, found, mutated
from .programs import Depends, comparable, draw, model, program
from .report import Tally, smallest, tally, text
from .world import play

ROOT = Path(__file__).parents[2]
SAMPLE = int(os.environ.get("PERDURE_SCHEDULES", "300"))


@pytest.fixture(scope="module")
def sample() -> Tally:
    return tally(range(SAMPLE))


def test_a_sample_of_worlds_keeps_every_promise(sample: Tally) -> None:
    assert sample.broken == []
    assert sample.worlds == SAMPLE


def test_what_can_go_wrong_does(sample: Tally) -> None:
    """A sample without faults would keep its promises, too."""
    for what in (
        "crash before commit", "crash after commit", "crash before group commit", "crash before effect",
        "crash after effect", "crash in effect", "crash before claim", "crash after claim", "crash of a command",
        "freeze", "freeze past the lease", "clock jump", "reboot", "SIGTERM", "SIGINT", "reply lost",
        "database busy", "database refused", "database lost", "database unsafe", "database full",
        "database statement", "database unread",
    ):  # fmt: skip
        assert sample.counts[what], what


def test_a_seed_is_a_world() -> None:
    once = [play(seed).digest for seed in range(25)]

    assert [play(seed).digest for seed in range(25)] == once
    assert len(set(once)) == len(once)


def test_a_seed_is_the_same_world_in_every_process() -> None:
    code = "from simulation.world import play; print([play(seed).digest for seed in range(25)])"
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT / "tests")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]

    assert said == [f"{[play(seed).digest for seed in range(25)]}\n"] * 2


def test_a_fault_that_is_left_out_does_not_happen() -> None:
    played = next(played for played in map(play, range(100)) if len(played.faults) > 2)
    numbers = {fault.number for fault in played.faults}

    assert not numbers & {fault.number for fault in play(played.seed, frozenset(numbers)).faults}


def test_a_failure_is_made_small_and_says_how_to_see_it_again() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "`once` is run again")
    with mutated(mutant):
        large = found(mutant)
        assert large is not None
        small = smallest(large)
        assert small.broken is not None
        assert large.broken is not None
        again = play(small.seed, small.without, small.trees if small.chosen else {})

    assert small.broken.promise == large.broken.promise == "`once` is never executed twice"
    assert 1 <= len(small.faults) <= len(large.faults)
    assert all(len(tree) <= len(large.trees[run_id]) for run_id, tree in small.trees.items())
    assert again.digest == small.digest
    assert f"python -m tests.simulation --seed {large.seed}" in text(small)


def test_the_model_tells_how_many_programs_end() -> None:
    """And where it does, it can be wrong: it is compared with the outcome of every such run."""
    told = 0
    for seed in range(200):
        rng = random.Random(seed)
        try:
            model(draw(rng, rng.randint(1, 6)), 1)
            told += 1
        except Depends:
            continue

    assert told > 60


def test_a_program_is_what_its_tree_says() -> None:
    tree = ["then", ["step", "work"], ["both", 0, [["step", "work"], ["try", ["step", "crash"]]]]]

    end = asyncio.run(perdure.run_in_memory(program(json.dumps(tree))))

    assert comparable(end) == model(tree, 1)


@pytest.mark.parametrize("arguments", [["--schedules", "60", "--processes", "1"], ["--seed", "7"]])
def test_the_command_tells_how_it_went(arguments: list[str]) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    if "--seed" in arguments:
        assert "every promise is kept\nagain: python -m tests.simulation --seed 7" in said.stdout
    else:
        assert said.stdout.startswith("60 schedules in ")
        assert "0 lost, 0 doubled, 0 stuck, 0 otherwise wrong\nagain: python -m tests.simulation --schedules 60" in (
            said.stdout
        )
