"""Kill perdure before every system call that writes, and take the run up again.

    python tests/kill/syscalls.py --sample 25
    python tests/kill/syscalls.py --all

A clean run of examples/ship.py (three agents, an approval and a step) is traced once: `run` from nothing, `approve`,
`resume`. Each of its calls that changes a file or brings one to the disk is a kill point: the command is run anew, is
killed when it is about to make that call, and the run is then driven to its end by the same commands, with no repair
in between. One line a point says how that went. Exits with 1 if a promise was broken at any of them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import attrs
from processes import RUN, Moment, Place, Said, no_strace, violations, wrong_at

#: The calls that change what another process will find.
WRITES: Final = (
    "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fallocate", "link", "unlink", "rename", "mkdir",
)  # fmt: skip
#: What a traced command must not differ in from one start to the next.
STEADY: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
_CALL: Final = re.compile(r"(\d+) +(\w+)\((.*)")
_RANDOM: Final = re.compile(r"\.([0-9a-f]{16})\.|-\d+-[0-9a-f]{8}\.")


@attrs.frozen
class Point:
    """The `nth` call of this name in one command; those of a step's thread are counted apart, by the ledger.

    Attributes:
        command: run, approve or resume.
        what: The file that the call is about.
    """

    command: str
    call: str
    nth: int
    ledger: bool
    what: str

    def __str__(self) -> str:
        return f"{self.command:<8} {self.call:<10} {self.nth:>3}  {self.what:<24}"


@attrs.frozen
class Verdict:
    """How it went: whether the kill came, how the resumes ended, and what was wrong."""

    point: Point
    reached: bool
    told: str
    wrong: list[str]

    def __str__(self) -> str:
        return (
            f"{self.point} {'killed' if self.reached else 'ended':<7} {self.told:<44} {'; '.join(self.wrong) or 'ok'}"
        )


def traced(log: Path, *filters: str) -> list[str]:
    """The beginning of a command line that writes every call that writes into a file."""
    return ["strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={','.join(WRITES)}", *filters]


# -- a clean run -----------------------------------------------------------------------------------------------------


@attrs.frozen
class Clean:
    """A run that nobody killed, as it stood before each of its three commands, and every point of it."""

    before: dict[str, Place]
    points: list[Point]


def clean(folder: Path) -> Clean:
    """Run it once, traced."""
    place = Place(folder / "clean")
    place.folder.mkdir()
    before: dict[str, Place] = {}
    points: list[Point] = []
    for command, ends in (("run", 3), ("approve", 0), ("resume", 0)):
        before[command] = place.copied(folder / f"before-{command}")
        log = folder / f"{command}.strace"
        said = perform(place, command, traced(log))
        assert said.code == ends, said
        points += found(command, log, place)
    wrong = violations(place, [], place.show())
    assert wrong == [], wrong
    return Clean(before, points)


def perform(place: Place, command: str, under: Sequence[str] = ()) -> Said:
    """One of the three commands, to its end."""
    words = {
        "run": ("run", place.target, "-i", '"bees"', "--id", RUN, "--json"),
        "approve": ("approve", RUN, "--json"),
        "resume": ("resume", RUN, "--json"),
    }[command]
    return place.call(*words, under=under, **(STEADY if under else {}))


def found(command: str, log: Path, place: Place) -> list[Point]:
    """The points of a traced command, in their order."""
    points: list[Point] = []
    counts: Counter[tuple[bool, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None or match[2] not in WRITES:
            continue
        ledger = f"<{place.ledger}>" in match[3]
        counts[ledger, match[2]] += 1
        points.append(Point(command, match[2], counts[ledger, match[2]], ledger, named(match[3], place)))
    return points


def named(arguments: str, place: Place) -> str:
    """The file that a call is about, without what is drawn anew each time."""
    path = re.search(r'[<"](/[^>"]*)[>"]', arguments)
    if path is None or not path[1].startswith(f"{place.folder}"):
        return "another"
    name = path[1].removeprefix(str(place.folder)).removeprefix("/") or "."
    return "its output" if re.match(r"\d{3}-", name) else _RANDOM.sub(lambda drawn: ".*." if drawn[1] else "-*.", name)


# -- killing ---------------------------------------------------------------------------------------------------------


def judged(point: Point, start: Place, folder: Path) -> Verdict:
    """Kill one command at one point, drive the run to its end, and look for what is wrong."""
    place = start.copied(folder)
    log = folder / "strace"
    filters = ["-P", str(place.ledger)] if point.ledger else []
    kill = f"inject={point.call}:signal=SIGKILL:when={point.nth}"
    reached, told, wrong = False, list[str](), list[str]()
    try:
        reached = perform(place, point.command, traced(log, *filters, "-e", kill)).code == -9
        kills = [place.looked_at()] if reached else []
        told, wrong = finished(place, point, kills)
        if not wrong:
            wrong = violations(place, kills, place.show())
    except Exception as error:  # such as a command that never ends: the other points are still tried
        wrong = [f"{type(error).__name__}: {error}"]
    finally:
        place.close()
        shutil.rmtree(folder)
    return Verdict(point, reached, " ".join(told), wrong)


def finished(place: Place, point: Point, kills: list[Moment]) -> tuple[list[str], list[str]]:
    """Take the run up as a person would; return how each command ended, and what no command may answer."""
    told, refused = list[str](), [each for kill in kills for each in wrong_at(kill)]

    def tell(command: str, *expected: int) -> Said:
        said = perform(place, command)
        told.append(f"{command}={said.code}")
        if said.code not in expected:
            refused.append(f"{command} ended with {said.code}: {(said.err or said.out).strip()[-300:]}")
        return said

    if point.command == "approve":
        tell("approve", 0)
    known = place.looked_at().status is not None
    said = tell("resume", *((0, 3) if known else (2,)))
    if said.code == 2:
        # Nothing is recorded of it, so nothing may have been executed, and it is simply asked for again.
        if place.lines():
            refused.append("it was executed before it was recorded")
        said = tell("run", 3)
    if said.code == 3:
        tell("approve", 0)
        tell("resume", 0)
    return told, refused


# -- the command -----------------------------------------------------------------------------------------------------


def sampled(points: Sequence[Point], count: int, seed: int) -> list[Point]:
    """So many of the points, spread evenly over the run and drawn within each part."""
    dice, parts = random.Random(seed), min(count, len(points))
    return [points[dice.randrange(n * len(points) // parts, (n + 1) * len(points) // parts)] for n in range(parts)]


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sample", type=int, default=25, metavar="N", help="kill at N points (25)")
    which.add_argument("--all", action="store_true", help="kill at every point")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which points are sampled (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="points at once (the CPUs)")
    parser.add_argument("--require", action="store_true", help="fail where nothing can be traced, instead of skipping")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str], say: Callable[[str], object] = print) -> int:
    """Kill, and tell; the exit code."""
    asked = parsed(arguments)
    missing = no_strace()
    if missing is not None:
        say(f"{'failed' if asked.require else 'skipped'}: {missing}")
        return int(asked.require)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perdure-kill-") as name:
        folder = Path(name)
        whole = clean(folder)
        points = whole.points if asked.all else sampled(whole.points, asked.sample, asked.seed)
        say(
            f"{len(whole.points)} calls that write in a clean run; "
            + ("killed at every one" if asked.all else f"killed at {len(points)} of them, seed {asked.seed}")
        )
        with ThreadPoolExecutor(asked.jobs) as pool:
            verdicts: list[Verdict] = []
            tries = [
                pool.submit(judged, point, whole.before[point.command], folder / f"{n:04}")
                for n, point in enumerate(points, start=1)
            ]
            for n, tried in enumerate(tries, start=1):
                verdicts.append(tried.result())
                say(f"{n:>4}  {verdicts[-1]}")
    killed = sum(verdict.reached for verdict in verdicts)
    broken = [verdict for verdict in verdicts if verdict.wrong]
    by = ", ".join(f"{count} {command}" for command, count in Counter(p.command for p in points).items())
    took = time.monotonic() - began
    say(f"{killed} of {len(verdicts)} points killed ({by}) in {took:.0f} s: {len(broken)} violations")
    if killed * 10 < len(verdicts) * 9:
        say("too few kills came: the traced run differs from the clean one")
        return 1
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], lambda text: print(text, flush=True)))
