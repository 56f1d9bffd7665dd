"""The real world behind the ports: locks, threads, tasks, time, dice, and where workflows are found."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import asked, driven
from returns.result import Failure, Success

from perdure import Defect, StepFault, step
from perdure.core.asked import Asked
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.adapters.clock import SystemClock
from perdure.interpreters.durable.adapters.effects import LoopEffects, Threads
from perdure.interpreters.durable.adapters.entropy import SystemEntropy
from perdure.interpreters.durable.adapters.liveness import FlockLiveness
from perdure.interpreters.durable.errors import Corrupt, Unusable
from perdure.interpreters.durable.ports import Ended, Stop
from perdure.interpreters.handlers import attempt, steps

# -- liveness --------------------------------------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from perdure.interpreters.durable.adapters.liveness import FlockLiveness
held = FlockLiveness(Path(sys.argv[1]))
print(held.me, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holder(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_worker_is_alive_until_its_process_is_killed(tmp_path: Path) -> None:
    mine = FlockLiveness(tmp_path)
    with holder(tmp_path) as (process, name):
        assert mine.alive(name)
        process.kill()
        process.wait(timeout=30)
        assert not mine.alive(name)
    mine.close()


def test_the_lock_is_not_inherited_by_what_a_worker_executes(tmp_path: Path) -> None:
    mine = FlockLiveness(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        other = FlockLiveness(tmp_path)
        name = mine.me
        mine.close()
        assert not other.alive(name)
        other.close()
        child.communicate(b"\n", timeout=30)


def test_lock_files_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path: Path) -> None:
    (tmp_path / "dead-1.lock").touch()
    with holder(tmp_path) as (_, name):
        mine = FlockLiveness(tmp_path)
        assert sorted(path.name for path in tmp_path.glob("*.lock")) == sorted([f"{name}.lock", f"{mine.me}.lock"])
        mine.close()


def test_nobody_is_alive_by_a_name_that_is_a_path(tmp_path: Path) -> None:
    mine = FlockLiveness(tmp_path / "locks")
    assert not mine.alive("../../etc/passwd")
    assert not mine.alive("never-was")
    assert mine.alive(mine.me)
    assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
    mine.close()


# -- threads and tasks -----------------------------------------------------------------------------------------------


@step
def quick(n: int) -> int:
    return n


def test_sync_calls_run_side_by_side_up_to_the_limit() -> None:
    threads, meeting = Threads(2), threading.Barrier(2)

    async def main() -> list[object]:
        calls = [threads.run(lambda: meeting.wait(timeout=20)) for _ in range(2)]
        return list(await asyncio.gather(*calls, *(threads.run(threading.get_ident) for _ in range(20))))

    outcomes = asyncio.run(main())
    assert len(set(outcomes[2:])) <= 2


def test_what_a_thread_raises_arrives_even_a_stop_iteration() -> None:
    def stops() -> None:
        raise StopIteration

    def fails() -> None:
        raise ValueError("no")

    async def main() -> None:
        threads = Threads(1)
        with pytest.raises(RuntimeError, match="StopIteration"):
            await threads.run(stops)
        with pytest.raises(ValueError, match="no"):
            await threads.run(fails)

    asyncio.run(main())


def test_a_thread_that_outlives_the_loop_harms_nobody() -> None:
    release, done = threading.Event(), threading.Event()

    def lingers() -> None:
        release.wait(timeout=20)
        done.set()

    async def main() -> None:
        Threads(1).run(lingers)

    asyncio.run(main())
    release.set()
    assert done.wait(timeout=20)


def test_a_step_sees_its_attempt_and_its_end_is_an_event() -> None:
    @step
    def tells() -> str:
        return attempt().idempotency_key

    async def drive(effects: LoopEffects) -> list[Any]:
        effects.start(asked(tells()))
        return list(await effects.next(None))

    assert driven(steps(Threads(1).run), drive) == [Ended("p", 1, Success("key"))]


def test_a_cancelled_attempt_answers_nothing_and_the_wait_has_a_deadline() -> None:
    @step
    async def forever() -> int:
        await asyncio.Event().wait()
        return 1

    async def drive(effects: LoopEffects) -> list[Any]:
        effects.start(asked(forever()))
        effects.cancel("p")
        return list(await effects.next(SystemClock().boot() + 20))

    assert driven(steps(None), drive) == []


def test_stopping_is_an_event_and_a_broken_handler_a_defect() -> None:
    async def broken(_: Asked) -> Any:
        raise KeyError("oops")

    async def drive(effects: LoopEffects) -> None:
        effects.stop("SIGTERM")
        assert list(await effects.next(None)) == [Stop("SIGTERM")]
        effects.start(asked(quick(1)))
        with pytest.raises(Defect, match="a handler answers Success or Failure"):
            await effects.next(None)

    driven(broken, drive)


def test_a_step_that_raises_is_a_failure_with_its_cause() -> None:
    @step
    async def fails() -> int:
        raise OSError("no route")

    async def drive(effects: LoopEffects) -> Any:
        effects.start(asked(fails()))
        (event,) = await effects.next(None)
        return event

    event = driven(steps(None), drive)
    assert event == Ended("p", 1, Failure(StepFault("fails", "OSError", "no route")))
    assert isinstance(event.outcome.failure().__cause__, OSError)


# -- dice and clocks -------------------------------------------------------------------------------------------------


def test_run_ids_sort_by_time_and_differ() -> None:
    entropy = SystemEntropy()
    ids = [entropy.run_id(1_800_000_000_000 + n) for n in range(100)]
    assert sorted(ids) == ids
    assert len({entropy.run_id(1) for _ in range(1000)}) == 1000
    assert all(text[14] == "7" and text[19] in "89ab" and len(text) == 36 for text in ids)


def test_boot_time_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.boot() for _ in range(1000)]
    assert times == sorted(times)


# -- places ----------------------------------------------------------------------------------------------------------


def test_the_nearest_folder_counts_up_to_the_root_of_the_repository(tmp_path: Path) -> None:
    outer, repository = tmp_path / ".perdure", tmp_path / "repo"
    deep = repository / "a" / "b"
    deep.mkdir(parents=True)
    outer.mkdir()

    assert places.database(None, deep) == outer / "perdure.db"
    (repository / ".git").mkdir()
    assert places.database(None, deep) == deep / ".perdure" / "perdure.db"
    (repository / ".perdure").mkdir()
    assert places.database(None, deep) == repository / ".perdure" / "perdure.db"


@pytest.mark.parametrize(
    ("url", "path"),
    [("x.db", "x.db"), ("sqlite:///x.db", "x.db"), ("sqlite:///a%20b.db", "a b.db")],
)
def test_a_database_is_named_by_path_or_url(tmp_path: Path, url: str, path: str) -> None:
    assert places.database(url, tmp_path) == tmp_path / path
    assert places.database(f"sqlite:///{tmp_path}/y.db", Path("/")) == tmp_path / "y.db"


@pytest.mark.parametrize("url", ["postgresql://host/db", "mysql://x", "sqlite://", "sqlite:///"])
def test_other_databases_are_refused_in_words(url: str) -> None:
    with pytest.raises(Unusable, match="no database that perdure can use"):
        places.database(url, Path("/tmp"))


FLOW = """
    from perdure import Do, pure, workflow

    @workflow
    def flow() -> Do[int]:
        return (yield from pure(1))

    class Shop:
        @workflow
        def order(self) -> Do[int]:
            return (yield from pure(1))

    number = 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "some_flows.py"
    file.write_text(textwrap.dedent(FLOW))
    return file


def test_a_workflow_is_found_in_a_file_and_found_again(file: Path) -> None:
    found = places.target(f"{file.name}:flow", file.parent)
    block = places.load(found)

    assert block.name == "flow"
    assert found.text == f"{file}:flow"
    assert places.target_of(block) == found


def test_a_workflow_of_a_package_is_named_by_module_and_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_package" / "inner"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "flows.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.setattr(sys, "path", [*sys.path])

    block = places.load(places.target("some_package.inner.flows:flow", tmp_path))

    assert places.target_of(block) == places.Target("some_package.inner.flows:flow", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("some_flows.py:nothing", r"'nothing' in .* is not a @workflow; there are: flow"),
        ("some_flows.py:number", "is not a @workflow"),
        ("missing.py:flow", "there is no file"),
        ("some_flows:flow:x", "cannot import"),
        ("no_such_module_anywhere:flow", "cannot import 'no_such_module_anywhere'"),
    ],
)
def test_what_is_not_found_is_said(file: Path, text: str, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        places.load(places.target(text, file.parent))
    with pytest.raises(Corrupt, match="--target"):
        places.load_recorded(places.target(text, file.parent))


@pytest.mark.parametrize("text", ["", "flow", ":flow", "file.py:", "file.py"])
def test_a_target_needs_a_place_and_a_name(text: str) -> None:
    with pytest.raises(Unusable, match="names no workflow"):
        places.target(text, Path("/tmp"))


def test_a_file_that_breaks_on_import_is_reported_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(Unusable, match="ZeroDivisionError"):
        places.load(places.target("broken.py:flow", tmp_path))
