"""Every promise of inference holds, and every wrong use is refused with its message, by mypy and by pyright.

`typing/right_*.py` holds programs that both checkers accept, `typing/wrong/*.py` programs that they refuse. A
program begins at `# program: what it shows`. What a checker says of a line stands above it:

    # mypy [arg-type]: Argument 1 to "fetch" has incompatible type "int"; expected "str"
    # pyright [reportArgumentType]: Argument of type "Literal[1]" … is not assignable to "str"

A message is pinned when it contains this text (`…` stands for anything; a line that begins with `#   ` goes on with
the one above). `# pyright [nothing]: why` pins a silence. What is said and not pinned is an error as well.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import pytest

Checker: TypeAlias = Literal["mypy", "pyright"]

ROOT = Path(__file__).parent.parent
HERE = ROOT / "tests" / "typing"
CHECKERS: Sequence[Checker] = ("mypy", "pyright")
FILES = (HERE / "given.py", *sorted(HERE.glob("right_*.py")), *sorted(HERE.glob("wrong/*.py")))

_PINNED = re.compile(r"# (mypy|pyright) \[([\w-]+)\]: (.*)")


@attrs.frozen
class Message:
    """What a checker says of a line, or what it is expected to say."""

    line: int
    rule: str
    text: str

    def fits(self, said: Message) -> bool:
        """Whether this expectation is what was said."""
        anything = ".*".join(map(re.escape, self.text.split("…")))
        return (self.line, self.rule) == (said.line, said.rule) and re.search(anything, said.text) is not None


@attrs.frozen
class Program:
    """Lines of a file that show one thing."""

    name: str
    file: Path
    lines: range
    pinned: Mapping[str, Sequence[Message]]
    silent: Mapping[str, str]  # the reason by the checker

    def __str__(self) -> str:
        return self.name


def programs(file: Path) -> Iterator[Program]:
    """The programs of a file; what stands before the first one is a program without a name."""
    text = file.read_text(encoding="utf-8").splitlines()
    starts = [1, *(n for n, line in enumerate(text, 1) if line.startswith("# program: "))]
    for start, end in zip(starts, [*starts[1:], len(text) + 1], strict=True):
        pinned: dict[str, list[Message]] = defaultdict(list)
        silent: dict[str, str] = {}
        above: list[tuple[str, str, str]] = []
        for n in range(start, end):
            line = text[n - 1].strip()
            if begun := _PINNED.fullmatch(line):
                above.append((begun[1], begun[2], begun[3]))
            elif line.startswith("#   ") and above:
                checker, rule, told = above[-1]
                above[-1] = checker, rule, f"{told} {line.removeprefix('#   ')}"
            elif not line.startswith("#"):
                for checker, rule, told in above:
                    if rule == "nothing":
                        silent[checker] = told
                    else:
                        pinned[checker].append(Message(n, rule, told))
                above = []
        yield Program(
            text[start - 1].removeprefix("# program: ") if start > 1 else "", file, range(start, end), pinned, silent
        )


ALL = [program for file in FILES for program in programs(file)]
AROUND = [program for program in ALL if not program.name]
RIGHT = [program for program in ALL if program.name and program.file.parent == HERE]
WRONG = [program for program in ALL if program.name and program.file.parent != HERE]


def start(checker: Checker) -> subprocess.Popen[str]:
    files = [str(file.relative_to(ROOT)) for file in FILES]
    command = {
        "mypy": ["mypy", "--config-file", "pyproject.toml", "--output", "json", *files],
        "pyright": ["pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(HERE)],
    }[checker]
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(HERE), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def messages(checker: Checker, output: str) -> Mapping[Path, Sequence[Message]]:
    """The errors in a checker's JSON, by file; whatever it says of other files than ours is not our business."""
    said: dict[Path, list[Message]] = {file: [] for file in FILES}
    found: list[tuple[str, int, str, str]]
    if checker == "mypy":
        errors: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
        found = [(e["file"], e["line"], e["code"], e["message"]) for e in errors if e["severity"] == "error"]
    else:
        report = json.loads(output)
        assert report["summary"]["filesAnalyzed"] >= len(FILES)
        errors = report["generalDiagnostics"]
        found = [(e["file"], e["range"]["start"]["line"] + 1, e.get("rule", "error"), e["message"]) for e in errors]
    for file, line, rule, text in found:
        if (path := ROOT / file) in said:
            said[path].append(Message(line, rule, " ".join(text.split())))
    return said


@pytest.fixture(scope="session")
def verdicts() -> Mapping[str, Mapping[Path, Sequence[Message]]]:
    """What each checker that is installed says: one run of each over all files, side by side."""
    running = {checker: start(checker) for checker in CHECKERS if importlib.util.find_spec(checker)}
    told: dict[str, Mapping[Path, Sequence[Message]]] = {}
    for checker, process in running.items():
        output, trouble = process.communicate(timeout=300)
        assert process.returncode in (0, 1), f"{checker} gave up: {trouble}{output}"
        told[checker] = messages(checker, output)
    return told


@pytest.fixture(params=CHECKERS)
def said(request: pytest.FixtureRequest, verdicts: Mapping[str, Mapping[Path, Sequence[Message]]]) -> Said:
    if request.param not in verdicts:
        pytest.skip(f"{request.param} is not installed: pip install perdure[dev]")
    return Said(request.param, verdicts[request.param])


@attrs.frozen
class Said:
    checker: str
    by_file: Mapping[Path, Sequence[Message]]

    def differs(self, program: Program) -> str:
        """What was pinned and not said, and what was said and not pinned; the latter as it would be pinned."""
        unpinned = [message for message in self.by_file[program.file] if message.line in program.lines]
        unsaid: list[Message] = []
        for pinned in program.pinned.get(self.checker, ()):
            if match := next((message for message in unpinned if pinned.fits(message)), None):
                unpinned.remove(match)
            else:
                unsaid.append(pinned)
        return "\n".join(
            f"{program.file.relative_to(ROOT)}:{message.line}: {what}\n"
            f"    # {self.checker} [{message.rule}]: {message.text}"
            for what, several in (("was not said", unsaid), ("is not pinned", unpinned))
            for message in several
        )


@pytest.mark.parametrize("program", RIGHT, ids=str)
def test_a_right_program_is_accepted(program: Program, said: Said) -> None:
    assert not said.differs(program)


@pytest.mark.parametrize("program", WRONG, ids=str)
def test_a_wrong_program_is_refused_with_its_message(program: Program, said: Said) -> None:
    assert not said.differs(program)


@pytest.mark.parametrize("program", AROUND, ids=lambda program: program.file.stem)
def test_what_the_programs_stand_on_is_accepted(program: Program, said: Said) -> None:
    assert not said.differs(program)


def test_a_message_that_is_missing_or_unexpected_is_told() -> None:
    file = FILES[0]
    program = Program("p", file, range(1, 4), {"mypy": [Message(2, "misc", "one … three")]}, {})

    assert not Said("mypy", {file: [Message(2, "misc", "one two three"), Message(9, "misc", "x")]}).differs(program)
    assert "was not said" in Said("mypy", {file: []}).differs(program)
    assert "was not said" in Said("mypy", {file: [Message(1, "misc", "one two three")]}).differs(program)
    assert "was not said" in Said("mypy", {file: [Message(2, "arg-type", "one two three")]}).differs(program)
    assert "is not pinned" in Said("mypy", {file: [Message(2, "misc", "one two")]}).differs(program)
    assert "is not pinned" in Said("pyright", {file: [Message(2, "misc", "one three")]}).differs(program)


def test_there_are_sixty_programs_of_each_kind_and_no_two_of_one_name() -> None:
    assert len(RIGHT) >= 60
    assert len(WRONG) >= 60
    assert len({program.name for program in RIGHT}) == len(RIGHT)
    assert len({program.name for program in WRONG}) == len(WRONG)


def test_right_programs_pin_nothing() -> None:
    assert not [program.name for program in (*RIGHT, *AROUND) if program.pinned or program.silent]


def test_each_wrong_program_is_refused_by_mypy_and_by_pyright_or_the_silence_has_a_reason() -> None:
    assert not [program.name for program in WRONG if not program.pinned.get("mypy")]
    assert not [p.name for p in WRONG if bool(p.pinned.get("pyright")) == bool(p.silent.get("pyright"))]
