"""`perdure demo`: a run that is killed in the middle, taken up again, and approved. Offline, with real processes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from perdure.cli import printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit

#: How long anything may take before the demo gives up, and how often it looks, in seconds.
_PATIENCE, _LOOK = 30.0, 0.01
#: How long the agents pretend to think, in seconds: long enough to be killed in the middle.
_THINKING = "0.7"


class _Stage:
    """A folder with a workflow and a database, and the commands that are run there."""

    def __init__(self, common: Common, folder: Path) -> None:
        self.common, self.folder, self.ledger = common, folder, folder / "ledger.jsonl"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PERDURE_DB"},
            "SHIP_LEDGER": str(self.ledger),
            "SHIP_SECONDS": _THINKING,
        }

    def start(self, *arguments: str, quiet: bool = False) -> subprocess.Popen[str]:
        """Begin a command as a process of its own, and show it."""
        given = [*arguments, "--db", "demo.db"]
        if not quiet:
            self.common.say(f"\n$ perdure {shlex.join(given)}")
        return subprocess.Popen(
            [sys.executable, "-m", "perdure", *given],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, expect: int) -> None:
        """Run a command to its end, and show what it says.

        Raises:
            _Unseen: It ended otherwise than it has to.
        """
        process = self.start(*arguments)
        said = _to_the_end(process)
        self.common.say(printing.visible(said.rstrip()))
        if process.returncode != expect:
            raise _Unseen(f"perdure {arguments[0]} ended with {process.returncode}, not {expect}")

    def document(self, *arguments: str) -> dict[str, Any]:
        """What a command tells programs."""
        found: dict[str, Any] = json.loads(_to_the_end(self.start(*arguments, "--json", quiet=True)))
        return found

    def kill_in_the_middle(self, path: str, *arguments: str) -> None:
        """Run a command, and kill exactly its process once the ledger says that a step began."""
        process = self.start(*arguments)
        deadline = time.monotonic() + _PATIENCE
        try:
            while not self._began(path):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise _Unseen(f"{path} never began")
                time.sleep(_LOOK)
        finally:
            process.send_signal(signal.SIGKILL)
            said, _ = process.communicate()
        self.common.say(printing.visible(said.rstrip()))
        self.common.say(f"$ kill -9 {process.pid}      # in the middle of {path}")

    def _began(self, path: str) -> bool:
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return any((e := json.loads(line))["event"] == "begin" and e["path"] == path for line in lines)


class _Unseen(Exception):
    """Something was not as the demo promises."""


def _to_the_end(process: subprocess.Popen[str]) -> str:
    """What a process says until it ends; it does not outlive our patience.

    Raises:
        _Unseen: It did not end.
    """
    try:
        said, _ = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise _Unseen(f"a command did not end in {_PATIENCE:.0f} s") from late
    return said


@command("perdure demo --yes", name="demo")
@click.option("--yes", is_flag=True, help="Approve without asking.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Leave workflow and database there.")
def demo(common: Common, yes: bool, keep: Path | None) -> Exit:
    """Run a workflow, kill it, resume it, approve it: offline.

    Every command is shown and really run, as a process of its own.
    """
    folder = keep.resolve() if keep is not None else Path(tempfile.mkdtemp(prefix="perdure-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any((folder / name).exists() for name in ("demo.db", "ship.py")):
        raise click.UsageError(f"--keep {keep}: there is a demo already; name another folder")
    try:
        shutil.copyfile(Path(__file__).parent / "template" / "ship.py", folder / "ship.py")
        return _play(common, _Stage(common, folder), yes)
    except _Unseen as error:
        return _told(common, False, str(error), {})
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _play(common: Common, stage: _Stage, yes: bool) -> Exit:
    common.say(f"# A workflow of four steps and one approval: {stage.folder / 'ship.py'}. No key, no network.")
    stage.kill_in_the_middle("ship/plan", "run", "ship.py:ship", "-i", '"bees"', "--id", "demo")
    common.say("\n# Nobody drives it now, and what was finished is recorded.")
    stage.run("ps", expect=Exit.DONE)
    common.say("\n# Step 1 is skipped. Step 2 was cut off, so it is made again, as attempt 2 under the same key.")
    stage.run("resume", "demo", expect=Exit.SUSPENDED)
    common.say("\n# Now it is rows and no process. Another process answers it.")
    verdict = (
        "approve" if yes or not sys.stdin.isatty() or click.confirm("Approve?", default=True, err=True) else "deny"
    )
    stage.run(verdict, "demo", expect=Exit.DONE)
    stage.run("resume", "demo", expect=Exit.DONE if verdict == "approve" else Exit.FAILED)
    stage.run("show", "demo", expect=Exit.DONE)
    attempts = {step["path"]: step["attempts"] for step in stage.document("show", "demo")["steps"]}
    seen = attempts.get("ship/research") == 1 and attempts.get("ship/plan") == 2
    told = f"research was made {attempts.get('ship/research')} time, plan {attempts.get('ship/plan')} times"
    return _told(common, seen, told, attempts)


def _told(common: Common, seen: bool, told: str, attempts: dict[str, int]) -> Exit:
    """Say what was seen, as it is recorded."""
    text = f"\nSeen: {told}; the kill cost one attempt and no finished step."
    wrong = f"\nThis is not what was promised: {told}"
    next = "perdure run FILE.py:WORKFLOW" if seen else "perdure doctor"
    common.tell("demo", {"seen": seen, "told": told, "attempts": attempts}, text if seen else wrong, [next])
    return Exit.DONE if seen else Exit.FAILED
