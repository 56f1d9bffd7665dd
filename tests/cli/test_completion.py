"""What a shell is offered: verbs, runs, gates and targets, found without importing any."""

from __future__ import annotations

import pytest
from terminal import Terminal

from perdure.cli.completion import workflows


def offered(terminal: Terminal, *words: str) -> list[str]:
    """What bash is offered for the last word."""
    said = terminal.here(
        _PERDURE_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(["perdure", *words]),
        COMP_CWORD=str(len(words)),
    )
    return [line.partition(",")[2] for line in said.out.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(shell: str, terminal: Terminal) -> None:
    said, document = terminal.here("completion", shell), terminal.here("completion", shell, "--json").document

    assert said.code == 0
    assert "_PERDURE_COMPLETE" in said.out
    assert said.out.strip() == document["script"].strip()


def test_verbs_runs_and_gates_are_offered(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "gated-1")

    assert offered(terminal, "res") == ["resume"]
    assert offered(terminal, "show", "") == ["@last", "gated-1"]
    assert offered(terminal, "show", "ga") == ["gated-1"]
    assert offered(terminal, "approve", "gated-1", "") == ["go"]


def test_targets_are_read_and_not_imported(terminal: Terminal) -> None:
    (terminal.folder / "evil.py").write_text("raise SystemExit('imported')\n\n@perdure.workflow\ndef flow(): ...\n")

    assert offered(terminal, "run", "evil") == ["evil.py:flow"]
    assert "gated" in [each.rpartition(":")[2] for each in offered(terminal, "run", "flows.py:g")]


def test_a_graph_is_offered_of_targets_and_of_runs(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "flown-1")

    found = offered(terminal, "graph", "flo")

    assert found[-1] == "flown-1"
    assert "flows.py:gated" in found


def test_nothing_is_offered_and_nothing_made_where_there_is_nothing(terminal: Terminal) -> None:
    assert offered(terminal, "show", "") == []
    assert offered(terminal, "run", "none.py:x") == []
    assert not terminal.database.parent.exists()


def test_workflows_are_found_by_their_mark() -> None:
    source = "@workflow\ndef a(): ...\n@perdure.workflow(name='x')\nasync def b(): ...\n@step\ndef c(): ...\n"

    assert workflows(source) == ["a", "b"]
