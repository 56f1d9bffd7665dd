"""`perdure graph` draws a workflow, or how far a run has come in it, for people and for other programs."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from terminal import Terminal

from perdure.cli.main import VERBS

ROOT = Path(__file__).parents[2]

TREE = """\
ship('bees', False) -> str or Rejected | StepFault  plan …
├─ ✓ research      ask       researcher  -> Research           done  $0
├─ ✓ plan          ask       planner     -> Plan               done  from research  $0
├─ … approve-plan  approval              -> Approved | Denied  waiting  from plan
├─◇ approve-plan: Approved
│  ├─ · implement  ask       writer      -> Report             from plan  $0
│  ├─ · publish    step                  -> str                from implement
"""

MERMAID = """\
flowchart TD
    n0(("start"))
    n1{{"go<br/>approval"}}
    n2(["'yes'"])
    n3(["'no'"])
    n0 --> n1
    n1 -->|"True"| n2
    n1 -->|"False"| n3
"""

GATE = """
from perdure import *
@workflow
def gate() -> Do[str]:
    return "yes" if (yield from suspend("go")) else "no"
"""


@pytest.fixture
def shipping(terminal: Terminal) -> Terminal:
    shutil.copy(ROOT / "examples" / "ship.py", terminal.folder)
    (terminal.folder / "gate.py").write_text(GATE)
    return terminal


def test_graph_is_a_verb_for_authors() -> None:
    assert VERBS["Author"]["graph"] == "drawing"


def test_without_a_format_a_workflow_is_drawn_as_the_tree_of_its_plan(shipping: Terminal) -> None:
    drawn = shipping.here("graph", "ship.py:ship", "-i", '"bees"').out.splitlines()
    planned = shipping.here("plan", "ship.py:ship", "-i", '"bees"').out.splitlines()

    assert drawn[:-1] == planned[:-1]
    assert drawn[-1] == "next: perdure plan ship.py:ship -i '\"bees\"'"
    assert not shipping.database.exists()


def test_nothing_but_the_drawing_is_on_stdout_where_it_is_for_a_program(shipping: Terminal) -> None:
    mermaid = shipping.here("graph", "gate.py:gate", "--format", "mermaid")
    dot = shipping.here("graph", "gate.py:gate", "--format", "dot")
    svg = shipping.here("graph", "gate.py:gate", "--format", "svg")

    assert mermaid.out.partition("\n")[2].startswith(MERMAID)
    assert dot.out.startswith("digraph perdure {\n")
    assert dot.out.endswith("}\n")
    assert ElementTree.fromstring(svg.out).get("class") == "perdure"
    assert {said.err for said in (mermaid, dot, svg)} == {"next: perdure plan gate.py:gate\n"}


def test_quiet_says_nothing_beside_the_drawing(shipping: Terminal) -> None:
    assert shipping.here("graph", "gate.py:gate", "--format", "dot", "-q").err == ""


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.svg", "<svg "),
        ("a.SVG", "<svg "),
        ("a.dot", "digraph "),
        ("a.gv", "digraph "),
        ("a.mmd", "%% "),
        ("a", "gate()"),
    ],
)
def test_the_name_of_a_file_says_the_format(shipping: Terminal, name: str, begins: str) -> None:
    said = shipping.here("graph", "gate.py:gate", "-o", name)

    assert said.out == f"wrote {name}\nnext: perdure plan gate.py:gate\n"
    assert (shipping.folder / name).read_text().startswith(begins)


def test_the_document_says_where_the_drawing_went(shipping: Terminal) -> None:
    found = shipping.here("graph", "gate.py:gate", "-o", "a.svg", "--json").document

    assert (found["format"], found["file"], found["content"]) == ("svg", "a.svg", None)
    assert [node["state"] for node in found["nodes"]] == [None] * 4
    assert (shipping.folder / "a.svg").exists()


def test_a_format_that_is_said_counts_more_than_the_name(shipping: Terminal) -> None:
    shipping.here("graph", "gate.py:gate", "-o", "a.svg", "--format", "dot")

    assert (shipping.folder / "a.svg").read_text().startswith("digraph ")


def test_a_theme_can_be_forced(shipping: Terminal) -> None:
    for theme in ("light", "dark", "both"):
        shipping.here("graph", "gate.py:gate", "-o", f"{theme}.svg", "--theme", theme)

    found = {theme: (shipping.folder / f"{theme}.svg").read_text() for theme in ("light", "dark", "both")}
    assert ["prefers-color-scheme" in text for text in found.values()] == [False, False, True]
    assert found["light"] != found["dark"]


# -- Runs. -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(shipping: Terminal) -> Terminal:
    """Whoever has just run the example, which waits."""
    assert shipping.here("run", "ship.py:ship", "-i", '"bees"', "--id", "r1", SHIP_SECONDS="0").code == 3
    return shipping


def test_the_tree_of_a_run_has_signs_for_how_far_it_has_come(waiting: Terminal) -> None:
    said = waiting.here("graph", "r1")

    head, *lines = said.out.splitlines()
    assert head.startswith("ship('bees', False) -> ")
    assert lines[: len(TREE.splitlines()) - 1] == TREE.splitlines()[1:]
    assert lines[-1] == "next: perdure approve r1 approve-plan"


def test_a_run_is_found_by_its_prefix_or_as_the_last_one(waiting: Terminal) -> None:
    drawn = [waiting.here("graph", name, "--json").document["run_id"] for name in ("r1", "@last")]

    assert drawn == ["r1", "r1"]


def test_the_document_of_a_run_has_the_states_and_the_way_that_was_taken(waiting: Terminal) -> None:
    waiting.here("deny", "r1")
    waiting.here("resume", "r1", SHIP_SECONDS="0")

    found = waiting.here("graph", "r1", "--json", "--format", "mermaid").document

    states = {node["key"] or node["role"]: node["state"] for node in found["nodes"]}
    assert states == {
        "start": "passed",
        "ship/research": "done",
        "ship/plan": "done",
        "ship/approve-plan": "done",
        "ship/implement": "skipped",
        "ship/publish": "skipped",
        "success": "skipped",
        "failure": "failed",
    }
    assert [edge["answers"] for edge in found["edges"] if edge["taken"]] == [[], [], [], ["Denied"]]
    assert found["content"].startswith("%% ship")
    assert "==>" in found["content"]
    assert found["notes"][0] == "the run is failed"


def test_the_picture_of_a_run_says_what_is_done_and_what_waits(waiting: Terminal) -> None:
    drawn = waiting.here("graph", "r1", "--format", "svg").out

    assert "run r1 · plan" in drawn
    for kinds in ("agent done", "gate waiting", "agent ahead", "step ahead"):
        assert f'class="node {kinds}"' in drawn
    assert 'class="edge taken"' in drawn


def test_attempts_are_shown(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:retries", "--id", "r1")

    found = terminal.here("graph", "r1", "--json").document

    assert "↻ flaky" in found["content"]
    assert "retrying" in found["content"]
    (node,) = (node for node in found["nodes"] if node["key"])
    assert (node["state"], node["times"]) == ("retrying", 1)
    assert node["attempts"] >= 1


def test_what_a_changed_workflow_does_not_do_any_more_is_still_shown(terminal: Terminal) -> None:
    (terminal.folder / "gate.py").write_text(GATE.replace('"go"', '"old"'))
    terminal.alone("run", "gate.py:gate", "--id", "r1")
    (terminal.folder / "gate.py").write_text(GATE)

    found = terminal.alone("graph", "r1", "--json").document

    stray = [edge for edge in found["edges"] if not edge["in_plan"]]
    assert [node["key"] for node in found["nodes"] if node["id"] == stray[0]["target"]] == ["gate/old"]
    assert "not in the plan: gate/old  waiting" in found["content"]


# -- Refusals. ---------------------------------------------------------------------------------------------------------


def test_an_unknown_format_is_refused_with_those_that_there_are(shipping: Terminal) -> None:
    said = shipping.here("graph", "gate.py:gate", "--format", "png")

    assert (said.code, said.out) == (2, "")
    assert "'png' is not one of 'tree', 'mermaid', 'dot', 'svg'" in said.err


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("nowhere.py:gate", "there is no file"),
        ("gate.py:other", "is not a @workflow; there are: gate"),
        ("gate.py", "names no workflow: write file.py:workflow"),
        ("no.such.module:flow", "cannot import 'no.such.module'"),
    ],
)
def test_a_target_that_cannot_be_explored_is_refused(shipping: Terminal, what: str, why: str) -> None:
    said = shipping.here("graph", what, "-o", "a.svg")

    assert (said.code, said.out) == (2, "")
    assert why in said.err
    assert not (shipping.folder / "a.svg").exists()


def test_a_run_that_there_is_not_is_refused(waiting: Terminal) -> None:
    said = waiting.here("graph", "nobody")

    assert (said.code, said.out) == (2, "")
    assert "nobody" in said.err
    assert said.err.endswith("next: perdure ps\n")


def test_a_run_has_its_input(waiting: Terminal) -> None:
    said = waiting.here("graph", "r1", "-i", '"wasps"')

    assert said.code == 2
    assert "r1 is a run and has its input: leave out -i and -a" in said.err


def test_a_run_whose_workflow_is_gone_is_told_so(terminal: Terminal) -> None:
    terminal.alone("run", "flows.py:asks", "--id", "r1")
    (terminal.folder / "flows.py").write_text("")

    said = terminal.alone("graph", "r1")

    assert (said.code, said.out) == (6, "")
    assert "flows.py" in said.err


def test_a_file_that_cannot_be_written_is_told(shipping: Terminal) -> None:
    said = shipping.here("graph", "gate.py:gate", "-o", "no/such/folder/a.svg")

    assert (said.code, said.out) == (2, "")
    assert "-o no/such/folder/a.svg: No such file or directory. Name a file in a folder that exists" in said.err


def test_an_svg_is_not_thrown_at_a_terminal(shipping: Terminal) -> None:
    shown, terminal_side = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure", "graph", "gate.py:gate", "--format", "svg"],
            cwd=shipping.folder,
            stdin=subprocess.DEVNULL,
            stdout=terminal_side,
            stderr=subprocess.PIPE,
            text=True,
        )
        _, said = process.communicate(timeout=60)
    finally:
        os.close(terminal_side)
        os.close(shown)

    assert process.returncode == 2
    assert "an SVG is a picture, and this is a terminal: nothing was drawn" in said
    assert said.splitlines()[-1] == "next: perdure graph gate.py:gate -o graph.svg"


def test_what_the_workflow_prints_is_not_part_of_the_drawing(terminal: Terminal) -> None:
    (terminal.folder / "loud.py").write_text(GATE.replace("    return", "    print('noise')\n    return"))

    said = terminal.alone("graph", "loud.py:gate", "--format", "dot")

    assert "noise" not in said.out
    assert "noise" in said.err


# -- The pictures in the documents. ------------------------------------------------------------------------------------

PICTURES = {
    "ship.svg": ("graph", "ship.py:ship", "-i", '"bees"', "-o"),
    "ship-run.svg": ("graph", "ship-1", "-o"),
    "code-review.svg": ("graph", "code_review.py:code_review", "-a", "path=change.diff", "-o"),
    "triage.svg": ("graph", "triage.py:triage", "-a", "folder=tickets", "-o"),
    "drift-watch.svg": ("graph", "drift_watch.py:drift_watch", "-a", "folder=conf", "-o"),
    "upgrade.svg": ("graph", "upgrade.py:upgrade", "-a", "folder=fleet", "-a", "wanted=lib==2.0", "-o"),
    "self-improve.svg": ("graph", "self_improve.py:self_improve", "-a", "target=answers.py:answer", "-o"),
    "report.svg": ("graph", "report.py:report", "-a", "question=Shall we keep bees?", "-a", "folder=bees", "-o"),
    "gstack.svg": ("graph", "gstack/cycle.py:cycle", "-a", "folder=shop", "-a", "idea=Greet visitors by name.", "-o"),
}


def pictures(terminal: Terminal) -> dict[str, str]:
    """The pictures of the documents, made anew."""
    for example in (
        "ship.py",
        "code_review.py",
        "triage.py",
        "drift_watch.py",
        "upgrade.py",
        "report.py",
        "self_improve.py",
    ):
        shutil.copy(ROOT / "examples" / example, terminal.folder)
    shutil.copytree(ROOT / "examples" / "gstack", terminal.folder / "gstack", dirs_exist_ok=True)
    terminal.here("run", "ship.py:ship", "-i", '"bees"', "--id", "ship-1", SHIP_SECONDS="0")
    for name, command in PICTURES.items():
        assert terminal.here(*command, name).code == 0
    return {name: (terminal.folder / name).read_text() for name in PICTURES}


def test_the_pictures_in_the_documents_are_those_that_are_drawn_now(terminal: Terminal) -> None:
    shown = {name: (ROOT / "docs" / name).read_text() for name in PICTURES}

    assert pictures(terminal) == shown, f"if the change is meant: run the commands of {PICTURES} and copy the files"
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert all(f"]({name})" in pages for name in PICTURES)
