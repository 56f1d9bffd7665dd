"""What the documents show is what happens: their Python runs and type-checks, their commands print what is shown.

In README.md, CONTRIBUTING.md, ARCHITECTURE.md and docs/:

* `python` blocks are one program a document, in their order: it runs, and mypy --strict accepts it.
* `console` blocks are one shell session a document, in an empty folder beside a copy of examples/ and of every
  `python` block that begins with its file's name (`# flows.py`). What is shown under a command is compared, with ids,
  times and spans aside; `…` stands for anything in a line, and alone in a line for any lines. Output is indented where
  it looks like a command.
* `toml` blocks are settings of pyproject.toml under which that Python is checked.
* `text` blocks are pictures. There are no others.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
LANGUAGES = {"python", "console", "toml", "text"}

#: Commands that set up an environment, or begin the suite that this is a part of: CI runs them, word for word.
NOT_HERE = re.compile(r"python3 -m venv |uv |\.ci/run|\.venv/bin/")
#: A document runs nothing else: what it shows of a command's output may look like a command.
HERE = re.compile(r"perdure |echo |mkdir |sed |cat |rm |cp |PERDURE_\w+=\S+ perdure |SHIP_\w+=\S+ perdure ")

#: What differs from run to run.
VARYING = [
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "KEY"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "TIME"),
    (re.compile(r"\+?\b\d+(\.\d+)?(ms|s|min|m|h)\b"), "SPAN"),
    (re.compile(r"\b(pid|fence|kill -9) \d+"), r"\1 N"),
]


@attrs.frozen
class Block:
    """A fenced block of a document; `line` is where its content begins, counted from 0."""

    language: str
    line: int
    lines: Sequence[str]


def blocks(document: Path, language: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    lines = document.read_text().splitlines()
    start, fence = 0, ""
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if fence:
            if language in (None, fence):
                yield Block(fence, start, lines[start:number])
            fence = ""
        else:
            start, fence = number + 1, line[3:].strip() or "(none)"
    assert not fence, f"{document.name}: a block is not closed"


def program(document: Path) -> str:
    """The Python of a document, every line where it stands in the document."""
    lines = [""] * len(document.read_text().splitlines())
    for block in blocks(document, "python"):
        lines[block.line : block.line + len(block.lines)] = block.lines
    return "\n".join(lines) + "\n"


@attrs.frozen
class Command:
    """A command of a console block, and what is shown under it."""

    line: int
    text: str
    shown: Sequence[str]


def commands(document: Path) -> list[Command]:
    """The commands of a document, in order; one that ends with a backslash goes on in the next line."""
    found: list[Command] = []
    for block in blocks(document, "console"):
        text, start = "", block.line
        shown: list[str] = []
        for number, line in enumerate([*block.lines, "$ "], start=block.line + 1):
            if text.endswith("\\"):
                text = f"{text[:-1]}{line.strip()}"
            elif line.startswith("$ "):
                if text:
                    found.append(Command(start, text, shown))
                text, shown, start = line[2:], [], number
            else:
                assert text, f"{document.name}:{number}: a console block begins with a command"
                shown.append(line)
    return found


def plain(text: str) -> list[str]:
    """Output as lines that two runs have in common."""
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if line.strip()]


def fits(shown: Sequence[str], said: str) -> bool:
    """Whether what a document shows is what was said."""
    parts = [
        "(?:[^\n]*\n)*?" if line == "…" else "[^\n]*".join(map(re.escape, line.split("…"))) + "\n"
        for line in plain("\n".join(shown))
    ]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in plain(said))) is not None


def session(found: Sequence[Command], folder: Path) -> list[str]:
    """What each command says, run one after another in one shell."""
    mark = "\x1e"
    script = "".join(f"__left=$?; printf '{mark}'; (exit $__left)\n{command.text}\n" for command in found)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE", "SHIP_", "PYTHON"))}
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env={**kept, "PATH": path, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.split(mark)[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_block_is_of_a_kind_that_is_tried(document: Path) -> None:
    assert {block.language for block in blocks(document)} <= LANGUAGES


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if any(blocks(d, "python"))], ids=lambda d: d.name)
def test_the_python_of_a_document_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"document_{document.stem.replace('-', '_')}"
    file = tmp_path / f"{name}.py"
    file.write_text(program(document))
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delenv("PERDURE_DB", raising=False)
    monkeypatch.chdir(tmp_path)

    spec.loader.exec_module(module)

    assert module.__file__ == str(file)


def test_the_python_of_the_documents_is_well_typed(tmp_path: Path) -> None:
    files = []
    for document in DOCUMENTS:
        if any(blocks(document, "python")):
            file = tmp_path / f"document_{document.stem.replace('-', '_')}.py"
            file.write_text(program(document))
            files.append(file.name)
    settings = "\n".join("\n".join(block.lines) for document in DOCUMENTS for block in blocks(document, "toml"))
    assert "mypy" in tomllib.loads(settings)["tool"]
    (tmp_path / "pyproject.toml").write_text(settings)

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", sys.executable, *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if any(blocks(d, "console"))], ids=lambda d: d.name)
def test_the_commands_of_a_document_say_what_it_shows(document: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for block in blocks(document, "python"):
        if named := re.fullmatch(r"# (\w+\.py)", block.lines[0]):
            (tmp_path / named[1]).write_text("\n".join(block.lines) + "\n")
    found = [command for command in commands(document) if not NOT_HERE.match(command.text)]
    assert [command.text for command in found if not HERE.match(command.text)] == []

    said = session(found, tmp_path)

    assert len(said) == len(found)
    other = [
        f"{document.name}:{command.line}: $ {command.text}\n{text}"
        for command, text in zip(found, said, strict=True)
        if not fits(command.shown, text)
    ]
    assert not other, "the document shows something else:\n" + "\n".join(other)


# -- the two commands of a fresh machine -----------------------------------------------------------------------------


def promised(end: str) -> str:
    """The README's one line that sets up an environment and ends with a command."""
    (found,) = [
        c.text for c in commands(ROOT / "README.md") if c.text.startswith("python3 -m venv") and c.text.endswith(end)
    ]
    return found


def ci(variable: str) -> str:
    """What .ci/run takes from the README under a name, by its own means."""
    (line,) = re.findall(rf"^{variable}=\$\((.+)\)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    return subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_ci_runs_the_two_commands_of_the_readme_word_for_word() -> None:
    script = (ROOT / ".ci" / "run").read_text()

    assert ci("demo") == promised("perdure demo --yes")
    assert ci("tests") == promised("pytest -n auto")
    assert script.count('bash -c "$demo"') == 1
    assert script.count('bash -c "$tests"') == 1


@pytest.mark.parametrize("end", ["perdure demo --yes", "pytest -n auto"])
def test_each_of_the_two_commands_is_sufficient_alone(end: str) -> None:
    steps = promised(end).split(" && ")

    assert steps[0] == "python3 -m venv .venv"
    assert steps[1].startswith(".venv/bin/pip install -q -c constraints.txt -e ")
    assert steps[2:] == [f".venv/bin/{end}"]
    assert ("'.[dev]'" in steps[1]) == (end == "pytest -n auto")
