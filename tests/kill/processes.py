"""perdure as processes that can be killed, and the two witnesses of what they did.

The ledger, to which every attempt of a step adds a line and brings it to the disk, is the truth of what was executed.
The journal is the truth of what was recorded. What a kill may and may not do is said once, by `violations`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import attrs

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
SHIP = f"{ROOT / 'examples' / 'ship.py'}:ship"
RUN = "r1"
#: What an approved run ends with, however often it was killed on the way.
OUTPUT = "report://report/2"
#: The steps that leave lines in the ledger, in the order of the workflow.
STEPS = ("ship/research", "ship/plan", "ship/implement", "ship/publish")

#: How long another process is waited for, in seconds; nothing is asserted about how long it took.
PATIENCE = 120.0
_LOOK = 0.002


def until(seen: Callable[[], T], what: str) -> T:
    """Look until something is so, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := seen()):
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(_LOOK)
    return found


class Line(NamedTuple):
    """One line of the ledger: an attempt began its work, or came to the end of it."""

    event: str
    path: str
    attempt: int
    key: str
    pid: int


class Entry(NamedTuple):
    """What matters here of an entry of the journal."""

    seq: int
    kind: str
    path: str
    attempt: int
    fence: int


@attrs.frozen
class Said:
    """How a command ended, and what it said. `code` is negative for the signal that killed it."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """All of stdout as the one document of `--json`."""
        tree: dict[str, Any] = json.loads(self.out)
        return tree


@attrs.frozen
class Process:
    """A command that goes on, in a group of its own, with its output in files."""

    popen: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Give it so long to end by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)
        return not self.running

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still is."""
        self.popen.send_signal(number)

    def ended(self) -> Said:
        """Wait for its end."""
        code = self.popen.wait(PATIENCE)
        return Said(code, self.out.read_text(), self.err.read_text())

    def killed(self) -> Said:
        """Kill it at this very moment, if it still is."""
        self.send(signal.SIGKILL)
        return self.ended()


@attrs.frozen
class Moment:
    """What the witnesses said when nothing was running.

    Attributes:
        ledger: All lines so far.
        journal: All entries so far.
        status: The run's row; None where there is no such run, or no database.
        damage: What SQLite finds wrong with the file.
    """

    ledger: tuple[Line, ...]
    journal: tuple[Entry, ...]
    status: str | None
    damage: str

    @property
    def finished(self) -> set[str]:
        """The steps whose end is recorded."""
        return {entry.path for entry in self.journal if entry.kind == "end"}


@attrs.frozen
class Place:
    """A folder with a database and a ledger, and the command `perdure` in it.

    Attributes:
        folder: Where the processes work.
        database: The file, which the first run makes.
        target: The workflow.
        seconds: How long an agent pretends to think.
    """

    folder: Path
    database: Path = attrs.field()
    target: str = SHIP
    seconds: float = 0.0
    _count: Iterator[int] = attrs.field(factory=itertools.count, repr=False, eq=False)
    _started: list[Process] = attrs.field(factory=list, repr=False, eq=False)

    @database.default
    def _beside(self) -> Path:
        return self.folder / "perdure.db"

    @property
    def ledger(self) -> Path:
        """The witness of what was executed."""
        return self.folder / "ledger"

    # -- processes -----------------------------------------------------------------------------------------------------

    def start(self, *words: str, under: Sequence[str] = (), **environment: str) -> Process:
        """A command, as a process that goes on.

        Args:
            words: What follows `perdure`.
            under: What it is run by, such as strace.
            environment: More of it.
        """
        name = f"{next(self._count):03}-{words[0]}"
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.err"
        # Whatever the caller's environment says: a start that has to compile every module anew takes twice as long.
        left = ("PERDURE", "SHIP_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
        given = {
            "PERDURE_DB": str(self.database),
            "SHIP_LEDGER": str(self.ledger),
            "SHIP_SECONDS": str(self.seconds),
            "NO_COLOR": "1",
        }
        with out.open("wb") as stdout, err.open("wb") as stderr:
            popen = subprocess.Popen(
                [*under, sys.executable, "-m", "perdure", *words],
                cwd=self.folder,
                env={**kept, **given, **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        process = Process(popen, out, err)
        self._started.append(process)
        return process

    def call(self, *words: str, under: Sequence[str] = (), **environment: str) -> Said:
        """A command, as a process, to its end."""
        return self.start(*words, under=under, **environment).ended()

    def run(self, *words: str, **environment: str) -> Process:
        """Start the workflow."""
        return self.start("run", self.target, "-i", '"bees"', "--id", RUN, "--json", *words, **environment)

    def resume(self, *words: str, **environment: str) -> Process:
        """Take the run up."""
        return self.start("resume", RUN, "--json", *words, **environment)

    def parked(self) -> Place:
        """Itself, with the run waiting for its approval."""
        said = self.run().ended()
        assert said.code == 3, said
        return self

    def approved(self) -> Place:
        """Itself, with the run approved and driven by nobody."""
        said = self.call("approve", RUN)
        assert said.code == 0, said
        return self

    def show(self) -> dict[str, Any]:
        """All that is told of the run, its chain verified."""
        said = self.call("show", RUN, "--json")
        assert said.code == 0, said
        return said.document

    def close(self) -> None:
        """End what was left running."""
        for process in self._started:
            if process.running:
                process.killed()

    def copied(self, folder: Path) -> Place:
        """The same database and ledger elsewhere, at rest."""
        folder.mkdir(parents=True)
        there = Place(folder, target=self.target, seconds=self.seconds)
        for end in ("", "-wal"):
            if (file := Path(f"{self.database}{end}")).exists():
                shutil.copyfile(file, f"{there.database}{end}")
        if self.ledger.exists():
            shutil.copyfile(self.ledger, there.ledger)
        return there

    # -- witnesses -----------------------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """The ledger's complete lines."""
        if not self.ledger.exists():
            return []
        *whole, _ = self.ledger.read_text().split("\n")
        return [Line(**json.loads(line)) for line in whole if line]

    def looked_at(self, run_id: str = RUN) -> Moment:
        """What the witnesses say. The database is copied first: whoever opens the log of a dead writer mends it."""
        lines = tuple(self.lines())
        with tempfile.TemporaryDirectory() as folder:
            for end in ("", "-wal"):
                if (file := Path(f"{self.database}{end}")).exists():
                    shutil.copyfile(file, Path(folder, f"copy{end}"))
            if not (copy := Path(folder, "copy")).exists():
                return Moment(lines, (), None, "ok")
            with contextlib.closing(sqlite3.connect(copy)) as raw:
                rows = raw.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,)).fetchall()
                entries = raw.execute(
                    "SELECT seq, kind, path, attempt, fence FROM journal WHERE run_id = ? ORDER BY seq", (run_id,)
                ).fetchall()
                (damage,) = raw.execute("PRAGMA integrity_check").fetchone()
            return Moment(lines, tuple(Entry(*row) for row in entries), rows[0][0] if rows else None, damage)


def wrong_at(moment: Moment) -> list[str]:
    """What must not be so at any moment, however the processes before it ended."""
    begun = {(entry.path, entry.attempt) for entry in moment.journal if entry.kind == "begin"}
    wrong = [] if moment.damage == "ok" else [f"the file is damaged: {moment.damage}"]
    for line in moment.ledger:
        if (line.path, line.attempt) not in begun:
            wrong.append(f"attempt {line.attempt} of {line.path} was executed before it was recorded as begun")
    return wrong


def violations(
    place: Place,
    kills: Sequence[Moment],
    shown: dict[str, Any],
    *,
    output: object = OUTPUT,
    steps: Sequence[str] = STEPS,
) -> list[str]:
    """What a run that has ended shows of broken promises.

    Args:
        kills: What the witnesses said right after each kill.
        shown: What `perdure show --json` says of the run now.
        output: What a run that nobody killed ends with.
        steps: What it executes, in order.
    """
    wrong = [each for kill in kills for each in wrong_at(kill)]
    now = place.looked_at()
    wrong += wrong_at(now)
    if (shown["state"], shown["output"]) != ("succeeded", output):
        wrong.append(f"it ended otherwise: {shown['state']} {shown['output']!r}")

    begins = [line for line in now.ledger if line.event == "begin"]
    count = Counter(line.path for line in begins)
    if tuple(dict.fromkeys(line.path for line in begins)) != tuple(steps):
        wrong.append(f"other steps were executed: {dict(count)}")
    for number, kill in enumerate(kills, start=1):
        for line in now.ledger[len(kill.ledger) :]:
            if line.event == "begin" and line.path in kill.finished:
                wrong.append(f"{line.path} was recorded before kill {number}, and was executed again after it")
    if sum(count.values()) > len(steps) + len(kills):
        wrong.append(f"{sum(count.values())} attempts of {len(steps)} steps after {len(kills)} kills")

    told = {step["path"]: step for step in shown["steps"]}
    for path in count:
        keys = {line.key for line in begins if line.path == path}
        numbers = [line.attempt for line in begins if line.path == path]
        if keys != {told[path]["idempotency_key"]}:
            wrong.append(f"{path} was executed under the keys {sorted(keys)}")
        if sorted(set(numbers)) != numbers:
            wrong.append(f"{path} was executed as the attempts {numbers}")
        if told[path]["attempts"] < numbers[-1]:
            wrong.append(f"{path} was executed as attempt {numbers[-1]}, and {told[path]['attempts']} are recorded")
    ends = Counter(entry.path for entry in now.journal if entry.kind in ("end", "wake"))
    if set(ends.values()) - {1} or not set(steps) <= set(ends):
        wrong.append(f"outcomes are not recorded once each: {dict(ends)}")
    return wrong


# -- tracing ---------------------------------------------------------------------------------------------------------


def no_strace() -> str | None:
    """Why system calls cannot be interfered with here; None where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=none", "true"]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    said = tried.stderr.strip().splitlines()
    return None if tried.returncode == 0 else f"processes may not be traced: {said[-1] if said else tried.returncode}"
