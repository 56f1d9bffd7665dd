"""`diff` tells what another version does otherwise: of two files, or of one at a git revision."""

from __future__ import annotations

import os
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from terminal import Terminal, schema

from perdure.cli.revisions import Version
from perdure.interpreters.plan import changes

GATED = """
from perdure import Approved, Do, approval, step, workflow
from wording import WORD

@step
def publish(text: str) -> str:
    return text

@workflow
def ship(topic: str) -> Do[str]:
    reply = yield from approval("gate", show=topic)
    if isinstance(reply, Approved):
        return (yield from publish(f"{WORD} {topic}"))
    return "no"
"""
OPEN = GATED.replace('reply = yield from approval("gate", show=topic)', "reply = Approved()")


def git(folder: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{what}": "x@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **who}, check=True, capture_output=True)


def commit(folder: Path, text: str, word: str = "about") -> None:
    (folder / "ship.py").write_text(text)
    (folder / "wording.py").write_text(f"WORD = {word!r}\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


@pytest.fixture
def repository(terminal: Terminal) -> Terminal:
    """A repository in which the gate was there, and is not any more."""
    git(terminal.folder, "init", "-q", "-b", "main")
    commit(terminal.folder, GATED)
    commit(terminal.folder, OPEN)
    return terminal


def test_a_gate_that_is_gone_since_a_revision_is_told_with_what_is_made_without_it(repository: Terminal) -> None:
    said = repository.here("diff", "ship.py:ship@HEAD~1", "ship.py:ship", "-i", '"bees"')

    assert said.code == 0
    assert said.out.splitlines() == [
        "- ship/gate  approval removed",
        "             ⚠ ship/publish made without it",
        "1 change, 1 to look at",
        "next: perdure check ship.py:ship",
    ]


def test_what_a_module_beside_it_said_at_the_revision_counts_too(repository: Terminal) -> None:
    commit(repository.folder, OPEN, "on")

    (change,) = repository.here("diff", "ship.py:ship@HEAD~1", "ship.py:ship@main", "-i", '"b"', "--json").document[
        "changes"
    ]

    assert (change["kind"], change["said"]) == ("changed", "input ('about b',) → ('on b',)")


def test_the_exit_code_says_whether_they_differ_where_it_is_asked_to(repository: Terminal) -> None:
    same = repository.here("diff", "ship.py:ship@main", "ship.py:ship", "-a", "topic=b", "--exit-code")
    other = repository.here("diff", "ship.py:ship@HEAD~1", "ship.py:ship", "-a", "topic=b", "--exit-code")

    assert (same.code, other.code) == (0, 1)
    assert same.out.startswith("no difference: ")


def test_what_was_not_seen_whole_is_no_proof_that_nothing_differs(repository: Terminal) -> None:
    command = ("diff", "ship.py:ship@HEAD~1", "ship.py:ship@HEAD~1", "-a", "topic=b", "--max-paths", "1", "--exit-code")

    said, allowed = repository.here(*command), repository.here(*command, "--allow-incomplete")

    assert (said.code, allowed.code) == (1, 0)
    assert "not all was seen:\n  1 more answers to follow after 1 paths" in said.out


def test_nothing_of_the_repository_is_touched(repository: Terminal) -> None:
    def standing() -> tuple[object, ...]:
        names = sorted(path for path in repository.folder.rglob("*") if "__pycache__" not in path.parts)
        return names, (repository.folder / ".git" / "index").read_bytes()

    before = standing()
    repository.here("diff", "ship.py:ship@HEAD~1", "ship.py:ship", "-a", "topic=b")

    assert standing() == before


def test_a_package_is_compared_by_its_module(repository: Terminal) -> None:
    package = repository.folder / "flows"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for text in (GATED, OPEN):
        (package / "shipping.py").write_text(text)
        commit(repository.folder, text)

    said = repository.here("diff", "flows.shipping:ship@HEAD~1", "flows.shipping:ship", "-a", "topic=b")

    assert said.out.startswith("- ship/gate  approval removed\n")


def test_a_run_that_is_suspended_goes_on_by_the_command_that_a_rename_is_told_with(terminal: Terminal) -> None:
    old = (terminal.folder / "flows.py").read_text()
    (terminal.folder / "old.py").write_text(old)
    (terminal.folder / "new.py").write_text(old.replace('approval("go"', 'approval("really"'))
    terminal.here("run", "old.py:gated", "-a", "name=bees", "--id", "r1")

    (change,) = terminal.here("diff", "old.py:gated", "new.py:gated", "-a", "name=bees", "--json").document["changes"]
    option = change["warning"].partition("perdure resume RUN ")[2].split()
    refused = terminal.here("resume", "r1", "--target", "new.py:gated")
    mended = terminal.here("resume", "r1", "--target", "new.py:gated", *option)

    assert option == ["--rename", "go=really"]
    assert (refused.code, mended.code) == (5, 3)


@pytest.mark.parametrize(
    ("old", "code", "said"),
    [
        ("ship.py:ship@nothing", 2, "there is no revision 'nothing' in "),
        ("ship.py:ship@--all", 2, "there is no revision '--all' in "),
        ("late.py:ship@HEAD", 2, "late.py:ship@HEAD: there is no file late.py"),
        ("ship.py:nope@HEAD", 2, "ship.py:nope@HEAD: 'nope' in ship.py is not a @workflow; there are: ship"),
        ("nothing", 2, "'nothing' names no workflow"),
    ],
)
def test_a_version_that_is_not_there_is_told_as_it_was_typed(
    old: str, code: int, said: str, repository: Terminal
) -> None:
    (repository.folder / "late.py").write_text(GATED)

    done = repository.here("diff", old, "ship.py:ship", "-a", "topic=b")

    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_an_input_that_fits_only_one_version_is_told_with_that_version(repository: Terminal) -> None:
    commit(repository.folder, OPEN.replace("topic: str)", "topic: str, by: str)"))

    done = repository.here("diff", "ship.py:ship@HEAD~1", "ship.py:ship", "-i", '"bees"')

    assert done.code == 2
    assert "ship.py:ship: the input does not fit ship(topic: str, by: str)" in done.err


def test_outside_of_a_repository_two_files_can_be_compared_and_revisions_cannot(terminal: Terminal) -> None:
    (terminal.folder / ".git").rmdir()

    files = terminal.here("diff", "flows.py:hello", "flows.py:hello", "-a", "name=b")
    revision = terminal.here("diff", "flows.py:hello@HEAD", "flows.py:hello", "-a", "name=b")

    assert files.code == 0
    assert revision.code == 2
    assert "is in no git repository, so there is no revision 'HEAD' of flows.py:hello" in revision.err


def test_without_git_a_revision_is_refused_with_what_helps(
    repository: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))

    done = repository.here("diff", "ship.py:ship@HEAD", "ship.py:ship", "-a", "topic=b")

    assert done.code == 7
    assert "there is no command git" in done.err


def test_what_a_module_prints_is_not_the_answer(terminal: Terminal) -> None:
    noisy = (terminal.folder / "flows.py").read_text() + "\nprint('loading')\n"
    (terminal.folder / "flows.py").write_text(noisy)

    assert terminal.alone("diff", "flows.py:paid", "flows.py:paid", "--json").document["changes"] == []


def test_the_schema_names_every_kind_of_change() -> None:
    kinds = {each.__name__ for each in changes.Change.__subclasses__()}
    named = schema("diff")["properties"]["changes"]["items"]["properties"]["kind"]["enum"]

    assert {"".join(word.capitalize() for word in kind.split("-")) for kind in named} == kinds
    assert resources.files("perdure.cli").joinpath("schemas", "diff.json").is_file()


def test_a_target_has_no_revision_unless_it_says_so() -> None:
    assert Version.of("pkg.flows:ship") == Version("pkg.flows:ship", "")
    assert Version.of("a@b/flows.py:ship@v1/x") == Version("a@b/flows.py:ship", "v1/x")
