"""Scan, ask, fix, verify: a copy of a real Python package is tidied by ruff. No model and no key.

    perdure run examples/tidy.py:tidy -a work=/tmp/tidy -a source="$(python -c 'import click; print(*click.__path__)')"
    perdure approve @last
    perdure resume @last

Nothing is fixed before somebody approved the findings, and the source is only ever read. Each file is fixed by a
durable step of its own: kill -9 the run in the middle, resume it, and only the files that were not finished are
fixed again.
"""

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
from returns.result import Failure, Result, Success

from perdure import Denied, Do, Fault, StepFault, approval, for_each, parallel, scope, step, workflow

RULES = "F,I,RUF100,UP"


@attrs.frozen
class Finding:
    """What ruff found in a line; `fixable` if ruff mends it without changing what the program means."""

    file: str
    line: int
    code: str
    message: str
    fixable: bool


@attrs.frozen
class Report:
    """What became of it: how many files and findings, how many were mended, how many are left."""

    files: int
    found: int
    fixed: int
    left: int
    compiles: bool


@attrs.frozen
class Declined:
    """Somebody looked at the findings and said no: an outcome, not a failure."""

    by: str
    note: str
    found: int


@attrs.frozen
class RuffFailed(Fault):
    """ruff could not do its work."""

    status: int
    said: str


@attrs.frozen
class Overlap(Fault):
    """The copy would lie in its source, or replace it."""

    source: str
    copy: str


def ruff(*arguments: str) -> Result[str, RuffFailed]:
    """Run ruff; what it prints, findings or none."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero", "--select", RULES]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    return Success(done.stdout) if done.returncode == 0 else Failure(RuffFailed(done.returncode, done.stderr.strip()))


def findings(printed: str, folder: Path) -> list[Finding]:
    """ruff's JSON as values, with file names relative to the folder."""
    return sorted(
        (
            Finding(
                file=Path(found["filename"]).relative_to(folder).as_posix(),
                line=found["location"]["row"],
                code=found["code"] or "syntax",
                message=found["message"],
                fixable=found["fix"] is not None and found["fix"]["applicability"] == "safe",
            )
            for found in json.loads(printed)
        ),
        key=lambda finding: (finding.file, finding.line, finding.code, finding.message),
    )


@step
def copy(source: str, work: str) -> Result[str, Overlap]:
    """A fresh copy of the package under `work`; whatever an earlier attempt left there is replaced."""
    package = Path(source).resolve()
    place = (Path(work) / package.name).resolve()
    if place.is_relative_to(package) or package.is_relative_to(place):
        return Failure(Overlap(str(package), str(place)))
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(package, place, ignore=shutil.ignore_patterns("__pycache__"))
    return Success(str(place))


@step
def scan(folder: str) -> Result[list[Finding], RuffFailed]:
    return ruff("--output-format", "json", folder).map(lambda printed: findings(printed, Path(folder)))


@step
def fix(folder: str, file: str) -> Result[None, RuffFailed]:
    """Mend one file in place. What is mended already stays as it is, so that this may run again."""
    return ruff("--fix", "--quiet", str(Path(folder) / file)).map(lambda _: None)


@step
def byte_compile(folder: str) -> bool:
    """Whether every file is still Python."""
    return compileall.compile_dir(folder, quiet=2, force=True)


@workflow
def tidy(source: str, work: str) -> Do[Report | Declined, Overlap | RuffFailed | StepFault]:
    folder = yield from copy(source, work)
    found = yield from scan(folder)
    by_file: dict[str, list[Finding]] = {}
    for finding in found:
        by_file.setdefault(finding.file, []).append(finding)

    fixable = [file for file, several in by_file.items() if any(finding.fixable for finding in several)]
    question = f"Fix {sum(finding.fixable for finding in found)} of {len(found)} findings in {len(fixable)} files?"
    decision = yield from approval("apply-fixes", prompt=question, show=by_file)
    if isinstance(decision, Denied):
        return Declined(decision.by, decision.note, len(found))

    yield from for_each(fixable, lambda file: fix(folder, file), key=lambda file: file, limit=4)
    left, compiles = yield from scope("verify", parallel(scan(folder), byte_compile(folder)))
    return Report(len(fixable), len(found), len(found) - len(left), len(left), compiles)
