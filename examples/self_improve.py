"""Betters another workflow: reads what its runs came to, proposes new source, and puts it in place if a person says so.

Its agent is a rule and needs no key; with `-a live=true` a model stands in its place, and nothing else changes. Whether
a proposal is fit for a person is decided by mypy, by `perdure diff`, and by `perdure check` with the runs in flight.
The database is the one that any command would use: the nearest .perdure/, or what PERDURE_DB names.

    perdure run examples/self_improve.py:self_improve -a target=answers.py:answer
    perdure approve @last && perdure resume @last
"""

import difflib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
from returns.result import Failure, Result, Success

from perdure import Denied, Do, Effect, Exhausted, Fault, Model, Scripted, StepFault, ask, components, step, workflow
from perdure.components import Proposed

FILE = "\n\nThe file:\n"
TASK = "Change this workflow so that its runs need fewer rounds. Change little, and rename nothing. The last runs were:"


@attrs.frozen
class Change:
    """The whole new text of the file."""

    text: str


@attrs.frozen
class Judged:
    """What commands say of a change; `digest` is of its text, `base` of the text that it was compared with."""

    approved: bool
    feedback: str
    diff: list[str]
    digest: str
    base: str


@attrs.frozen
class Moved(Fault):
    """The file, or the change, is no more what the person was shown."""

    file: str


def reform(prompt: str) -> Change:
    """What reviewers missed most often is asked for at once."""
    told, _, source = prompt.partition(FILE)
    missed = re.findall(r'"approved":false,"feedback":"([^"\\]+)"', told)
    often = max(missed, key=missed.count, default="")
    style = re.search('STYLE = "(.*)"', source)
    if style is None or often in style[1]:
        return Change(source)
    return Change(source.replace(style[0], f'STYLE = "{style[1]} {often}"'))


OFFLINE, LIVE = Scripted("reformer", reform), Model("anthropic/claude-sonnet-4-5")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def called(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    if done.stderr.endswith(f"No module named {module}\n"):
        raise ModuleNotFoundError(f"no change can be judged without {module}: pip install {module}")
    return done


@step
def read(file: str) -> str:
    return Path(file).read_text()


@step
def ended(target: str) -> list[str]:
    """The last runs of the workflow that have ended, each with all that it was answered."""
    file, _, name = target.rpartition(":")
    told: list[str] = []
    for run in json.loads(called("perdure", "ps", "--json").stdout)["runs"]:
        if run["workflow"] == name and run["state"] in ("succeeded", "failed"):
            header, *rest = map(json.loads, called("perdure", "export", run["run_id"]).stdout.splitlines())
            if Path(header["history"]["target"].rpartition(":")[0]).resolve() == Path(file).resolve():
                ends = [entry for line in rest if (entry := line.get("entry")) and entry["kind"] == "end"]
                told.append("\n".join([run["state"], *(f"{end['path']} {end['payload']}" for end in ends)]))
    return told


@step
def judge(target: str, text: str) -> Judged:  # beside the file, where it finds what it imports
    file, _, name = target.rpartition(":")
    old, beside = Path(file).read_text(), Path(f"{file.removesuffix('.py')}_{sha(text)[:8]}.py")
    beside.write_text(text)
    try:
        new = f"{beside}:{name}"
        differs = called("perdure", "diff", target, new, "--exit-code", "--json")
        checked = called("perdure", "check", new, "--runs-of", target)
        typed = called("mypy", "--strict", str(beside))
    finally:
        beside.unlink()
    wrong = [done.stdout + done.stderr for done in (typed, checked) if done.returncode]
    if differs.returncode not in (0, 1):
        return Judged(False, "\n".join([differs.stderr, *wrong]), [], sha(text), sha(old))
    found = json.loads(differs.stdout)
    diff = [f"{each['mark']} {each['key']}: {each['said']} {each['warning']}" for each in found["changes"]]
    diff += found["unsure"]
    if diff:
        diff += difflib.unified_diff(old.splitlines(), text.splitlines(), file, file, n=1, lineterm="")
    return Judged(not wrong, "\n".join(wrong), diff, sha(text), sha(old))


@step
def adopt(file: str, text: str, digest: str, base: str) -> Result[str, Moved]:
    """Put a text in place of the one that it was compared with. Done twice it is done once."""
    if sha(text) != digest or sha(Path(file).read_text()) not in (base, digest):
        return Failure(Moved(file))
    new = Path(f"{file}.new")
    new.write_text(text)
    new.replace(file)
    return Success(f"{file} is now {digest[:12]}")


@workflow
def self_improve(
    target: str, live: bool = False
) -> Do[str | Denied, StepFault | Moved | Exhausted[Proposed[Change, Judged]]]:
    file = target.rpartition(":")[0]
    source = yield from read(file)

    def propose(runs: Sequence[str], wrong: str | None) -> Effect[Change, StepFault]:
        told = "\n\n".join([TASK, *runs, *([] if wrong is None else [f"Your last change was no good:\n{wrong}"])])
        return ask("propose", LIVE if live else OFFLINE, f"{told}{FILE}{source}", Change)

    def put(proposed: Proposed[Change, Judged]) -> Effect[str, StepFault | Moved]:
        return adopt(file, proposed.change.text, proposed.judged.digest, proposed.judged.base)

    improved = components.self_improve(ended(target), propose, lambda change: judge(target, change.text), put)
    return (yield from improved)
