"""One program, run to its end and leaving nothing behind, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from scenes import QUICK, alive, fresh_mark, into, limits, number_in, python, until, zombies

from perdure.agents import shim
from perdure.agents.process import Ended, Goodbye, Launch, OnLine, Unstartable, run_process
from perdure.agents.secrets import HIDDEN, Secrets

linux = pytest.mark.skipif(sys.platform != "linux", reason="what left its group is found by /proc")

#: A process that leaves group and session, is nobody's child, keeps the pipes, ignores TERM, and says its number.
ESCAPED = """
    import os, signal, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open("escaped", "w") as file:
                file.write(f"{os.getpid()}\\n")
            time.sleep(1000)
        os._exit(0)
    while not os.path.exists("escaped"):
        time.sleep(0.01)
"""


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Callable[..., tuple[Ended, list[str]]]:
    def run(launch: Launch, **options: Any) -> tuple[Ended, list[str]]:
        lines: list[str] = []
        last = options.pop("last", None)

        def on_line(line: str) -> bool:
            lines.append(line)
            return bool(line == last)

        async def main() -> Ended:
            return await run_process(launch, on_line, **{"mark": fresh_mark(), "limits": limits(), **options})

        return anyio.run(main, backend=request.param), lines

    return run


def test_a_long_prompt_arrives_by_stdin_whole_and_not_in_the_arguments(tmp_path: Path, run: Any) -> None:
    launch = python(tmp_path, "import sys; print(len(sys.stdin.read()), len(sys.argv))", stdin="é" * 300_000)

    assert run(launch) == (Ended(0), ["300000 1"])


def test_half_a_character_in_a_prompt_keeps_no_program_from_reading_it(tmp_path: Path, run: Any) -> None:
    assert run(python(tmp_path, "import sys; print(sys.stdin.read())", stdin="a\ud83db")) == (Ended(0), ["a?b"])


def test_a_program_need_not_read_its_prompt(tmp_path: Path, run: Any) -> None:
    ended, lines = run(python(tmp_path, "print('done')", stdin="x" * 1_000_000))

    assert (ended.code, lines) == (0, ["done"])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(3)", 3),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import os; os.kill(os.getpid(), 9)", -9),
    ],
)
def test_how_a_program_ended_is_told(code: str, expected: int, tmp_path: Path, run: Any) -> None:
    ended, _ = run(python(tmp_path, code))

    assert ended == Ended(expected)


def test_only_the_environment_that_was_given_reaches_the_program(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "must not leak")

    _, (line,) = run(python(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))", MINE="1"), mark="m")

    seen = json.loads(line)
    assert seen.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # Python's own doing
    assert seen == {"PATH": "/usr/bin:/bin", "MINE": "1", "PERDURE_AGENT": "m"}


def test_a_silent_program_is_ended_after_the_idle_time(tmp_path: Path, run: Any) -> None:
    ended, lines = run(
        python(tmp_path, "import time; print('hello', flush=True); time.sleep(1000)"), limits=limits(idle=QUICK)
    )

    assert (ended, lines) == (Ended(-signal.SIGTERM, stopped="idle"), ["hello"])


def test_a_talkative_program_is_ended_after_the_wall_time(tmp_path: Path, run: Any) -> None:
    code = "import time\nwhile True: print('on', flush=True); time.sleep(0.01)"

    ended, lines = run(python(tmp_path, code), limits=limits(wall=timedelta(milliseconds=500), idle=QUICK * 100))

    assert ended.stopped == "wall"
    assert set(lines) == {"on"}


def test_a_program_that_does_not_end_after_its_last_line_is_ended(tmp_path: Path, run: Any) -> None:
    code = "import time; print('first', flush=True); print('last', flush=True); time.sleep(1000)"

    ended, lines = run(python(tmp_path, code), last="last", limits=limits(linger=QUICK))

    assert ended.stopped == "linger"
    assert lines == ["first", "last"]


def test_a_program_that_ignores_term_is_killed_after_the_grace(tmp_path: Path, run: Any) -> None:
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
        print("on", flush=True)
        while True: time.sleep(1000)
    """

    ended, lines = run(python(tmp_path, code), limits=limits(idle=QUICK))

    assert (ended, lines) == (Ended(-signal.SIGKILL, stopped="idle"), ["on", "no"])


def test_a_program_may_say_its_last_words_when_it_is_told_to_end(tmp_path: Path, run: Any) -> None:
    code = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), sys.exit(0)))
        print("on", flush=True)
        time.sleep(1000)
    """

    assert run(python(tmp_path, code), limits=limits(idle=QUICK)) == (Ended(0, stopped="idle"), ["on", "bye"])


@linux
def test_what_a_program_leaves_running_is_killed_though_it_left_the_group(tmp_path: Path, run: Any) -> None:
    ended, _ = run(python(tmp_path, ESCAPED))

    assert ended.code == 0
    assert not alive(number_in(tmp_path / "escaped"))


@linux
def test_a_process_that_hides_its_mark_is_killed_as_a_descendant(tmp_path: Path, run: Any) -> None:
    code = ESCAPED.replace("time.sleep(1000)", "os.execve('/bin/sleep', ['sleep', '1000'], {})")

    ended, _ = run(python(tmp_path, code))

    assert ended.code == 0
    until(lambda: not alive(number_in(tmp_path / "escaped")), "its end")


@linux
def test_a_killed_shim_frees_nothing(tmp_path: Path, run: Any) -> None:
    code = ESCAPED + "\n    os.kill(os.getppid(), signal.SIGKILL)\n    time.sleep(1000)"

    ended, _ = run(python(tmp_path, code))

    assert ended.code == -signal.SIGKILL
    assert not alive(number_in(tmp_path / "escaped"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_ends_the_whole_tree(backend: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as group:

            def on_line(_: str) -> bool:
                group.cancel_scope.cancel()
                return False

            launch = python(tmp_path, ESCAPED + "\n    print('up', flush=True)\n    time.sleep(1000)")
            await run_process(launch, on_line, mark=fresh_mark(), limits=limits())

    anyio.run(main, backend=backend)

    assert not alive(number_in(tmp_path / "escaped"))
    assert zombies() == []


def test_an_error_of_the_reader_ends_the_program_and_is_raised(tmp_path: Path) -> None:
    async def main() -> None:
        def on_line(line: str) -> bool:
            raise ValueError(line)

        launch = python(tmp_path, "import time; print('odd', flush=True); time.sleep(1000)")
        await run_process(launch, on_line, mark=fresh_mark(), limits=limits())

    with pytest.raises(ValueError, match="odd"):
        anyio.run(main)


def test_nothing_is_left_of_a_program_that_has_ended(tmp_path: Path, run: Any) -> None:
    mark = fresh_mark()
    descriptors = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    run(python(tmp_path, "print(1)"), mark=mark)

    assert zombies() == []
    assert shim.marked(mark) == set()
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_line_that_is_too_long_is_dropped_and_the_next_is_read(tmp_path: Path, run: Any) -> None:
    code = "print('x' * 5_000_000); print('short'); print('y' * 999_999); print('no end', end='')"

    ended, lines = run(python(tmp_path, code), longest=1_000_000)

    assert ended == Ended(0, dropped=1)
    assert [line[:6] for line in lines] == ["short", "yyyyyy", "no end"]


def test_lines_of_a_kind_that_nobody_reads_are_skipped(tmp_path: Path, run: Any) -> None:
    code = """print('{"type":"noise"}'); print('{"type":"word"}')"""

    assert run(python(tmp_path, code), skip=(b'{"type":"noise"',))[1] == ['{"type":"word"}']


def test_secrets_are_in_no_line_no_error_and_no_log(tmp_path: Path, run: Any) -> None:
    secret = "correct horse battery"
    code = """
        import base64, os, sys, urllib.parse
        key = os.environ["KEY"]
        print(key, base64.b64encode(b"me:" + key.encode()).decode(), urllib.parse.quote(key))
        print("x" * 1000, key, file=sys.stderr)
    """
    log = tmp_path / "logs" / "log"

    ended, (line,) = run(python(tmp_path, code, KEY=secret), hide=Secrets({"KEY": secret}, ["KEY"]).hide, log=log)

    assert line.split()[0] == HIDDEN
    assert line.split()[2] == HIDDEN
    for text in (line, ended.stderr, log.read_text()):
        assert HIDDEN in text
        assert not any(part in text for part in ("horse", "aG9yc2", "hvcnNl", "b3JzZ"))


def test_the_log_is_for_its_owner_and_follows_no_link(tmp_path: Path, run: Any) -> None:
    run(python(tmp_path, "print('said')"), log=tmp_path / "logs" / "log")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    assert (tmp_path / "logs" / "log").read_text() == "said\n"
    assert (tmp_path / "logs" / "log").stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="symbolic"):
        run(python(tmp_path, "print('said')"), log=tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_only_the_end_of_a_long_stderr_is_kept(tmp_path: Path, run: Any) -> None:
    ended, _ = run(python(tmp_path, "import sys; sys.stderr.write('x' * 1_000_000 + 'the end')"))

    assert len(ended.stderr) == 64 * 1024
    assert ended.stderr.endswith("xthe end")


def test_files_are_written_for_their_owner_before_the_program_starts(tmp_path: Path, run: Any) -> None:
    path = tmp_path / "scratch" / "schema.json"
    launch = python(tmp_path, "import sys; print(open(sys.argv[1]).read())", str(path))

    _, lines = run(Launch(launch.argv, launch.env, tmp_path, files={path: "{}"}))

    assert lines == ["{}"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_program_that_is_not_there_is_told_with_what_mends_it(tmp_path: Path, run: Any) -> None:
    with pytest.raises(Unstartable, match=r"nowhere is not on the PATH: install it, or put its folder on the PATH"):
        run(Launch(("nowhere",), {"PATH": "/usr/bin"}, tmp_path))


def test_a_folder_that_is_not_there_is_told_with_what_mends_it(tmp_path: Path, run: Any) -> None:
    with pytest.raises(
        Unstartable, match=r"is to work in .*/gone, which is no folder: make it, or mend the agent's cwd"
    ):
        run(Launch(("true",), {"PATH": "/usr/bin:/bin"}, tmp_path / "gone"))


def test_a_file_that_cannot_be_executed_is_told(tmp_path: Path, run: Any) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o700)

    ended, _ = run(Launch((str(broken),), {"PATH": "/usr/bin"}, tmp_path))

    assert ended.code == 127
    assert ended.stderr == f"perdure: cannot start {broken}: Exec format error\n"


# -- a program that is told something while it runs ------------------------------------------------------------------

#: Reads a line for each `ask` that it prints, and says what it was told; ends when its stdin does.
ASKS = """
    import sys
    print("said", sys.stdin.readline().strip(), flush=True)
    for number in range(int(sys.argv[1])):
        print("ask", number, flush=True)
        print("told", sys.stdin.readline().strip(), flush=True)
    print("end", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["asyncio", "trio"])
def talk(request: pytest.FixtureRequest) -> Callable[..., tuple[Ended, list[str]]]:
    """Runs a program that is told something: `then` says what is done with a line."""

    def talk(launch: Launch, then: OnLine, **options: Any) -> tuple[Ended, list[str]]:
        lines: list[str] = []

        def on_line(line: str) -> Any:
            lines.append(line)
            return then(line)

        async def main() -> Ended:
            given = {"mark": fresh_mark(), "limits": limits(), **options}
            return await run_process(attrs.evolve(launch, talks=True), on_line, **given)

        return anyio.run(main, backend=request.param), lines

    return talk


def test_a_program_is_told_what_its_lines_ask_for_and_its_stdin_ends_after_its_last(tmp_path: Path, talk: Any) -> None:
    def then(line: str) -> bool | str:
        return f"answer to {line}\n" if line.startswith("ask") else line == "end"

    ended, lines = talk(python(tmp_path, ASKS, "2", stdin="hello\n"), then)

    assert ended == Ended(0)
    assert lines == ["said hello", "ask 0", "told answer to ask 0", "ask 1", "told answer to ask 1", "end"]


def test_while_a_person_is_asked_no_limit_runs_and_what_it_prints_is_read(tmp_path: Path, talk: Any) -> None:
    code = """
        import sys
        print("ask", flush=True)
        print("x" * 1_000_000, flush=True)
        print("told", sys.stdin.readline().strip(), flush=True)
    """
    read = anyio.Event()

    async def person() -> str:
        await read.wait()
        await anyio.sleep(3 * QUICK.total_seconds())
        return "yes\n"

    def then(line: str) -> Any:
        if line.startswith("x"):
            read.set()
        return person if line == "ask" else False

    ended, lines = talk(python(tmp_path, code), then, limits=limits(idle=2 * QUICK, wall=15 * QUICK))

    assert ended == Ended(0)
    assert lines[-1] == "told yes"


def test_the_limits_run_again_once_the_person_has_answered(tmp_path: Path, talk: Any) -> None:
    code = "import sys, time; print('ask', flush=True); sys.stdin.readline(); time.sleep(1000)"

    async def person() -> str:
        return "yes\n"

    ended, _ = talk(python(tmp_path, code), lambda line: person if line == "ask" else False, limits=limits(idle=QUICK))

    assert ended.stopped == "idle"


@pytest.mark.parametrize("listens", [True, False])
def test_after_a_goodbye_a_program_ends_by_itself_or_is_ended(
    listens: bool, tmp_path: Path, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.agents.process._GOODBYE", 10 * QUICK if listens else QUICK)
    then = "print('went at', sys.stdin.readline().strip())" if listens else "time.sleep(1000)"
    code = f"import sys, time; print('ask', flush=True); {then}"

    async def person() -> Goodbye:
        return Goodbye("leave\n")

    ended, lines = talk(python(tmp_path, code), lambda line: person if line == "ask" else False)

    if listens:
        assert (ended, lines) == (Ended(0), ["ask", "went at leave"])
    else:
        assert (ended.stopped, ended.code, lines) == ("linger", -signal.SIGTERM, ["ask"])


def test_a_program_that_asks_and_asks_and_never_reads_is_silent_in_the_end(tmp_path: Path, talk: Any) -> None:
    code = "import itertools\nfor n in itertools.count(): print('ask', n, flush=True)"

    ended, lines = talk(python(tmp_path, code), lambda line: "x" * 10_000 + "\n", limits=limits(idle=QUICK))

    assert ended.stopped == "idle"
    assert len(lines) < 100_000


def test_a_program_that_has_closed_its_stdin_is_told_in_vain(tmp_path: Path, talk: Any) -> None:
    code = "import os; os.close(0)\nfor n in range(300): print('ask', n, flush=True)"

    ended, lines = talk(python(tmp_path, code), lambda line: "x" * 10_000 + "\n")

    assert (ended, len(lines)) == (Ended(0), 300)


def test_an_open_question_does_not_outlive_the_program(tmp_path: Path, talk: Any) -> None:
    ended, lines = talk(python(tmp_path, "print('ask')"), lambda _: anyio.sleep_forever)

    assert (ended, lines) == (Ended(0), ["ask"])


def test_an_error_of_who_asks_ends_the_program_and_is_raised(tmp_path: Path, talk: Any) -> None:
    async def person() -> str:
        raise ValueError("nobody is there")

    with pytest.raises(ValueError, match="nobody is there"):
        talk(python(tmp_path, "import time; print('ask', flush=True); time.sleep(1000)"), lambda _: person)


# -- two at once, and the death of the worker ------------------------------------------------------------------------


def test_two_that_write_in_one_folder_take_turns(tmp_path: Path) -> None:
    code = """
        import os, time
        os.mkdir("working")  # fails where another is at work
        time.sleep(0.2)
        os.rmdir("working")
        print("done")
    """

    assert anyio.run(both, tmp_path, code, True) == ["done", "done"]


def test_two_that_only_read_work_at_once(tmp_path: Path) -> None:
    code = """
        import os, sys, time
        open(f"{os.getpid()}.in", "w").close()
        while len([name for name in os.listdir(".") if name.endswith(".in")]) < 2: time.sleep(0.01)
        print("met")
    """

    assert anyio.run(both, tmp_path, code, False) == ["met", "met"]


async def both(folder: Path, code: str, alone: bool) -> list[str]:
    """What two that are started at once say."""
    lines: list[str] = []

    async def one() -> None:
        await run_process(python(folder, code), into(lines), mark=fresh_mark(), alone=alone)

    async with anyio.create_task_group() as group:
        group.start_soon(one)
        group.start_soon(one)
    return lines


WORKER = """
import sys
from datetime import timedelta
from pathlib import Path

import anyio

from perdure.agents.process import Launch, Limits, run_process

folder, mark, code = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
launch = Launch((sys.executable, "-I", "-S", "-c", code), {"PATH": "/usr/bin:/bin"}, folder)
limits = Limits(grace=timedelta(milliseconds=200))
anyio.run(lambda: run_process(launch, lambda _: False, mark=mark, limits=limits))
"""

#: Writes a byte again and again, ignoring TERM, as a process that has left the group.
WRITER = (
    textwrap.dedent(
        ESCAPED.replace(
            "time.sleep(1000)",
            "\n".join(
                [
                    "end = time.monotonic() + 60",
                    "            while time.monotonic() < end:",
                    "                open('written', 'ab').write(b'.')",
                    "                time.sleep(0.005)",
                ]
            ),
        )
    )
    + "\nprint('up', flush=True)\ntime.sleep(1000)"
)


def start_worker(folder: Path, mark: str) -> subprocess.Popen[bytes]:
    (folder / "worker.py").write_text(WORKER)
    return subprocess.Popen([sys.executable, folder / "worker.py", folder, mark, WRITER])


@linux
@pytest.mark.parametrize(
    ("how", "same"),
    [(signal.SIGKILL, True), (signal.SIGKILL, False), (signal.SIGSTOP, True)],
    ids=["killed, the same step", "killed, another step", "frozen, the same step"],
)
def test_the_next_attempt_starts_when_nothing_of_a_lost_workers_is_left(
    how: signal.Signals, same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.agents.process._SHIM", QUICK)
    mark = fresh_mark()
    worker = start_worker(tmp_path, mark)
    written = tmp_path / "written"
    until(written.exists, "the first byte")
    writer = number_in(tmp_path / "escaped")

    worker.send_signal(how)
    seen: list[str] = []
    size = "print(os.path.getsize('written'))"
    code = f"import os, time; {size}; time.sleep(0.1); {size}"
    anyio.run(
        lambda: run_process(
            python(tmp_path, code),
            into(seen),
            mark=mark if same else fresh_mark(),
            limits=limits(),
        )
    )

    assert not alive(writer)
    assert seen[0] == seen[1], "a byte was written beside the next attempt"
    worker.kill()
    worker.wait()
