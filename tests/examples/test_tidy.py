"""examples/tidy.py on a real package: asked before it acts, durable file by file, and never at the source."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cattrs
import pytest
from returns.result import Failure, Success

import perdure
from perdure import Approved, Denied, Waiting, run_in_memory
from perdure.testing import assert_crash_safe

EXAMPLE = Path(__file__).parents[2] / "examples" / "tidy.py"
#: Real input: a package that is installed wherever perdure is.
PACKAGE = Path(cattrs.__file__).parent

#: A worker that is killed as it begins to fix its seventh file.
KILLED = """
import asyncio, os, signal, sys
import perdure
from perdure.core.leaves import Step
from perdure.interpreters.handlers import steps

perform, begun = steps(asyncio.to_thread), 0

async def handle(asked):
    global begun
    begun += asked.op.name == "fix"
    if begun == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return await perform(asked)

with perdure.open(sys.argv[1], handlers={Step: handle}) as store:
    store.resume(sys.argv[2]).result()
"""


def sources(folder: Path) -> dict[str, bytes]:
    """Every Python file of a package."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.py"))}


def test_the_approval_shows_the_findings_and_nothing_is_fixed_before_it(example: Any, tmp_path: Path) -> None:
    with perdure.open(tmp_path / "runs.db") as store:
        resting = store.start(example.tidy(str(PACKAGE), str(tmp_path / "work"))).result()
        (gate,) = store.inbox()

    assert isinstance(resting, Waiting)
    assert resting.state == "waiting-approval"
    shown = json.loads(gate.show)
    assert all(finding["file"] == file for file, several in shown.items() for finding in several)
    assert {"code", "file", "fixable", "line", "message"} == set(next(iter(shown.values()))[0])
    assert sources(tmp_path / "work" / "cattrs") == sources(PACKAGE)


def test_what_was_approved_is_fixed_in_the_copy_alone(example: Any, tmp_path: Path) -> None:
    before = sources(PACKAGE)
    with perdure.open(tmp_path / "runs.db") as store:
        handle = store.start(example.tidy(str(PACKAGE), str(tmp_path / "work")))
        handle.result()
        store.approve(handle.run_id, by="ann")
        outcome = handle.result()

    assert isinstance(outcome, Success)
    report = outcome.unwrap()
    assert report.compiles
    assert report.fixed > 0
    assert report.left == report.found - report.fixed
    assert sources(PACKAGE) == before
    after = sources(tmp_path / "work" / "cattrs")
    assert len([file for file in after if after[file] != before[file]]) == report.files


def test_a_denial_is_an_outcome_and_fixes_nothing(example: Any, tmp_path: Path) -> None:
    outcome = asyncio.run(
        run_in_memory(
            example.tidy(str(PACKAGE), str(tmp_path)), answers={"apply-fixes": Denied(by="ann", note="not today")}
        )
    )

    assert isinstance(outcome, Success)
    declined = outcome.unwrap()
    assert (declined.by, declined.note) == ("ann", "not today")
    assert sources(tmp_path / "cattrs") == sources(PACKAGE)


def test_no_crash_changes_what_is_reported_and_the_real_package_is_mended_once(example: Any, tmp_path: Path) -> None:
    proved = assert_crash_safe(example.tidy(str(PACKAGE), str(tmp_path / "work")), answers="approve")

    assert proved.tried[0].runs == proved.tried[0].of > 30
    assert sources(tmp_path / "work" / "cattrs") != sources(PACKAGE)


def test_a_copy_that_would_replace_its_source_is_refused(example: Any, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "kept.py").write_text("import os\n")

    outcome = asyncio.run(run_in_memory(example.tidy(str(package), str(tmp_path))))

    assert outcome == Failure(example.Overlap(str(package), str(package)))
    assert sources(package) == {"kept.py": b"import os\n"}


def test_what_ruff_refuses_is_a_typed_failure(example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "RULES", "NOSUCHRULE")

    outcome = asyncio.run(run_in_memory(example.tidy(str(PACKAGE), str(tmp_path)), answers={"apply-fixes": Approved()}))

    assert isinstance(outcome, Failure)
    failure = outcome.failure()
    assert isinstance(failure, example.RuffFailed)
    assert failure.status == 2
    assert "NOSUCHRULE" in failure.said


def test_the_command_line_runs_asks_and_goes_on(cli: Callable[..., tuple[int, Any]], tmp_path: Path) -> None:
    begun, waiting = cli("run", f"{EXAMPLE}:tidy", "-a", f"source={PACKAGE}", "-a", f"work={tmp_path / 'work'}")
    approved, _ = cli("approve", "@last", "--by", "ann")
    ended, document = cli("resume", "@last")

    assert (begun, approved, ended) == (3, 0, 0)
    assert waiting["state"] == "waiting-approval"
    assert document["state"] == "succeeded"
    assert document["output"]["compiles"] is True


def test_a_worker_killed_between_fixes_repeats_none_that_was_finished(example: Any, tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    with perdure.open(database) as store:
        whole = store.start(example.tidy(str(PACKAGE), str(tmp_path / "whole")))
        cut = store.start(example.tidy(str(PACKAGE), str(tmp_path / "cut")))
        for handle in (whole, cut):
            handle.result()
            store.approve(handle.run_id)
        expected = whole.result()

    killed = subprocess.run([sys.executable, "-c", KILLED, str(database), cut.run_id], check=False)
    with perdure.open(database) as store:
        before = store.journal(cut.run_id)
        outcome = store.resume(cut.run_id).result()
        after = store.journal(cut.run_id)

    assert killed.returncode == -signal.SIGKILL
    assert outcome == expected
    assert sources(tmp_path / "cut" / "cattrs") == sources(tmp_path / "whole" / "cattrs")
    begun = Counter(entry.path for entry in after if entry.kind == "begin")
    finished = {entry.path for entry in before if entry.kind == "end"}
    cut_off = {entry.path for entry in before if entry.kind == "begin"} - finished
    assert sum(path.endswith("/fix") for path in finished) >= 3
    assert {begun[path] for path in finished} == {1}
    assert {begun[path] for path in cut_off} == {2}
