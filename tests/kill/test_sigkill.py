"""A worker is killed at random moments, again and again, and the run ends as if nobody had.

PERDURE_KILLS says how many kills there are in all (10), PERDURE_SEED which moments are drawn.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

from processes import Moment, Place, Process, until, violations

KILLS = int(os.environ.get("PERDURE_KILLS", "10"))
SEED = int(os.environ.get("PERDURE_SEED", "20260301"))
#: How long an agent thinks here, in seconds: long enough to be killed in the middle of it.
THINKS = 0.05
#: No run is killed more often than this.
_OFTEN = 7


def test_a_run_killed_at_random_moments_ends_the_same_and_repeats_nothing_recorded(tmp_path: Path, made: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    kills, runs = 0, 0
    while kills < KILLS:
        runs += 1
        (tmp_path / f"run-{runs}").mkdir()
        place = Place(tmp_path / f"run-{runs}", seconds=THINKS)
        shutil.copyfile(made, place.database)
        try:
            moments = voyage(place, dice, min(KILLS - kills, dice.randint(5, _OFTEN)))
            wrong = violations(place, moments, place.show())
        finally:
            place.close()

        kills += len(moments)
        begun = [f"{line.path.removeprefix('ship/')}#{line.attempt}" for line in place.lines() if line.event == "begin"]
        at = [f"{len(moment.ledger)}/{len(moment.journal)}" for moment in moments]
        print(
            f"run {runs}: killed at (lines/entries) {', '.join(at) or '-'}; executed {' '.join(begun)}; {wrong or 'ok'}"
        )
        assert wrong == [], f"seed {SEED}, run {runs}"
    print(f"{kills} kills in {runs} runs: 0 violations")


def voyage(place: Place, dice: random.Random, most: int) -> list[Moment]:
    """Drive a run to its end, approve it on the way, and kill the worker up to `most` times."""
    kills: list[Moment] = []
    while True:
        moment = place.looked_at()
        process = place.resume() if moment.status else place.run()
        # Half of the kills are kept for the half of the run that comes after the approval.
        early = moment.status is None or not {"ship/research", "ship/plan"} <= moment.finished
        if len(kills) < (most + early) // (1 + early) and killed(place, process, dice):
            kills.append(place.looked_at())
            continue
        said = process.ended()
        if said.code == 3:
            place.approved()
            continue
        assert said.code == 0, said
        return kills


def killed(place: Place, process: Process, dice: random.Random) -> bool:
    """Kill a worker a little after it has come a random way, unless it is faster; whether it was killed."""
    steps = dice.choice([0, 1, 1, 2, 2, 3, 3, 4])
    lines = len(place.lines()) + steps
    until(lambda: not process.running or len(place.lines()) >= lines, f"line {lines} of the ledger")
    # Before its first line, it starts Python, opens the database and claims the run.
    if process.ends_within(dice.uniform(0.3, 1.2) if steps == 0 else dice.uniform(0, 1.5 * THINKS)):
        return False
    return process.killed().code == -9
