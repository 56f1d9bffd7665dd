"""`check` finds what is probably wrong, holds the policies, and says by its exit code whether something was found."""

from __future__ import annotations

import pytest
from terminal import Terminal

POLICY = """
[[tool.perdure.policy]]
name = "nobody is greeted unseen"
steps = "greet"
needs = "approval"
"""


def test_a_workflow_in_which_nothing_is_wrong_ends_with_0_and_the_command_that_runs_it(terminal: Terminal) -> None:
    said = terminal.here("check", "flows.py:gated", "-a", "name=bees")

    assert said.code == 0
    assert said.out.splitlines() == [
        "0 findings; 0 of 0 policies held",
        "next: perdure run flows.py:gated -a name=bees",
    ]


def test_what_is_found_is_told_with_its_mend_and_counted(terminal: Terminal) -> None:
    said = terminal.here("check", "flows.py:buggy")

    assert said.code == 1
    assert said.out.splitlines()[-2:] == [
        "1 finding (defect 1); 0 of 0 policies held",
        "next: perdure check flows.py:buggy",
    ]
    assert "ZeroDivisionError" in said.out
    assert "    mend: " in said.out


def test_an_effect_that_is_dropped_is_found_with_its_line(terminal: Terminal) -> None:
    flows = terminal.folder / "flows.py"
    flows.write_text(
        flows.read_text().replace(
            "    yield from sleep(timedelta(days=3))", "    sleep(timedelta(days=3))\n    yield from paid()"
        )
    )
    line = flows.read_text().splitlines().index("    sleep(timedelta(days=3))") + 1

    (found,) = [
        each
        for each in terminal.here("check", "flows.py:later", "--json").document["findings"]
        if each["rule"] == "dropped-effect"
    ]

    assert found["where"] == f"flows.py:{line}"


def test_a_policy_that_is_broken_is_told_with_the_shortest_path(terminal: Terminal) -> None:
    (terminal.folder / "pyproject.toml").write_text(POLICY)

    said = terminal.here("check", "flows.py:gated", "-a", "name=bees")

    assert said.code == 1
    assert said.out.splitlines()[:3] == [
        "! nobody is greeted unseen: gated/greet is reached without a yes at approval",
        "    by this path: gated/greet",
        "0 findings; 0 of 1 policy held",
    ]


def test_a_policy_that_could_not_be_proved_does_not_pass_unless_that_is_allowed(terminal: Terminal) -> None:
    (terminal.folder / "pyproject.toml").write_text(POLICY.replace('"greet"', '"nothing"'))
    command = ("check", "flows.py:gated", "-a", "name=bees", "--max-paths", "1")

    strict, allowed = terminal.here(*command), terminal.here(*command, "--allow-incomplete")

    assert (strict.code, allowed.code) == (1, 0)
    assert strict.out.startswith("? nobody is greeted unseen: not proved, for not all was seen\n")
    assert "not all was seen:" in allowed.out


def test_policies_are_those_of_the_workflow_and_not_of_the_working_directory(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    below, beside = terminal.folder / "pkg" / "deep", terminal.folder / "elsewhere"
    below.mkdir(parents=True)
    beside.mkdir()
    (below / "mine.py").write_text((terminal.folder / "flows.py").read_text())
    (terminal.folder / "pkg" / "pyproject.toml").write_text(POLICY)
    monkeypatch.chdir(beside)

    document = terminal.here("check", "../pkg/deep/mine.py:gated", "-a", "name=bees", "--json").document

    assert [each["policy"] for each in document["violations"]] == ["nobody is greeted unseen"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POLICY.replace("steps", "step"), "policy 'nobody is greeted unseen' has no key 'step': did you mean 'steps'?"),
        ("[tool", "pyproject.toml: "),
        ('[tool.perdure]\npolicy = "all"', "[[tool.perdure.policy]]"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_with_its_file(text: str, said: str, terminal: Terminal) -> None:
    (terminal.folder / "pyproject.toml").write_text(text)

    done = terminal.here("check", "flows.py:paid")

    assert (done.code, done.out) == (2, "")
    assert str(terminal.folder / "pyproject.toml") in done.err
    assert said in done.err


def test_nothing_is_executed_and_no_database_is_made(terminal: Terminal) -> None:
    terminal.here("check", "flows.py:behind", "-a", f"door={terminal.folder / 'door'}")

    assert not (terminal.folder / "door.knocks").exists()
    assert not terminal.database.exists()


def test_without_an_input_all_inputs_are_meant(terminal: Terminal) -> None:
    flows = terminal.folder / "flows.py"
    flows.write_text(
        flows.read_text()
        + """
@workflow
def by_size(size: int) -> Do[int]:
    if size > 100:
        raise ZeroDivisionError("too large")
    return (yield from count([size], 1))
"""
    )

    some, every = terminal.here("check", "flows.py:by_size", "-i", "3"), terminal.here("check", "flows.py:by_size")

    assert (some.code, every.code) == (0, 1)
    assert "too large" in every.out
    assert terminal.here("check", "flows.py:hello").out.endswith("next: perdure plan flows.py:hello\n")


def test_an_input_that_does_not_fit_is_told_with_the_parameters(terminal: Terminal) -> None:
    done = terminal.here("check", "flows.py:hello", "-i", "3")

    assert done.code == 2
    assert "hello(name: str)" in done.err


def test_a_clock_in_a_workflow_is_found_with_its_line_and_its_mend(terminal: Terminal) -> None:
    flows = terminal.folder / "flows.py"
    flows.write_text(
        flows.read_text().replace(
            "    yield from sleep(timedelta(days=3))",
            "    time.sleep(time.time() - time.time())\n    yield from paid()",
        )
    )
    line = flows.read_text().splitlines().index("    time.sleep(time.time() - time.time())") + 1

    said = terminal.here("check", "flows.py:later")

    assert said.code == 1
    assert f"hidden-clock  flows.py:{line}: time.time() in the body of later: a run that is driven again" in said.out
    assert "    mend: use now(), which is recorded: `at = yield from now()`\n" in said.out
    assert "1 finding" not in said.out
    assert "hidden-clock 2" in said.out


def test_what_a_module_prints_is_no_part_of_the_answer(terminal: Terminal) -> None:
    flows = terminal.folder / "flows.py"
    flows.write_text(flows.read_text() + "\nprint('loaded')\n")

    assert terminal.alone("check", "flows.py:paid", "--json").document["findings"] == []
