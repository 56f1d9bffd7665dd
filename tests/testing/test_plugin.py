"""The pytest plugin: what its fixtures do, what they say, and that it costs nothing where it is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SETTINGS = """
[tool.pytest.ini_options]
addopts = ["--strict-markers", "--strict-config"]
filterwarnings = ["error"]
"""

FLOWS = """
import socket
from datetime import timedelta
from perdure import Do, approval, ask, Scripted, sleep, step, workflow

@step
def draft(topic: str) -> str:
    return f"about {topic}"

@step
def lets_through() -> bool:
    return "connect" not in vars(socket.socket)

@workflow
def letter(topic: str) -> Do[str]:
    text = yield from draft(topic)
    yield from sleep(timedelta(days=2))
    yield from approval("send", show=text)
    return text
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of a user, with strict settings and a workflow."""
    pytester.makepyprojecttoml(SETTINGS)
    pytester.makepyfile(flows=FLOWS)
    pytester.syspathinsert()
    return pytester


def said(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


def run(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_the_plugin_loads_nothing_but_itself() -> None:
    loaded = run("""
import sys, pytest
before = set(sys.modules)
import perdure.testing.plugin
print(*sorted(set(sys.modules) - before))
""")

    assert loaded == ["perdure", "perdure.testing", "perdure.testing.plugin"]


def test_a_session_that_uses_no_fixture_loads_no_more(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing() -> None: ...")
    loaded = run("""
import sys, pytest
code = pytest.main(["-q", "-p", "no:cacheprovider"])
print(int(code), *sorted(name for name in sys.modules if name.partition(".")[0] == "perdure"))
""")

    assert loaded == ["0", "perdure", "perdure.testing", "perdure.testing.plugin"]


def test_the_plugin_can_be_switched_off(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(simulate): ...")

    result = project.runpytest("-p", "no:perdure")

    result.assert_outcomes(errors=1)
    assert "fixture 'simulate' not found" in said(result)


def test_simulate_runs_a_workflow_by_a_script(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from datetime import timedelta
        from flows import letter
        from perdure.testing import after

        def test_it(simulate):
            sim = simulate(letter("bees"), answers={"send": after(timedelta(days=1), "approve")})
            assert sim.value() == "about bees"
            assert sim.elapsed == timedelta(days=3)
    """)

    project.runpytest().assert_outcomes(passed=1)


def test_an_entry_that_answers_nothing_fails_the_test_and_says_what_was_asked(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from flows import letter

        def test_it(simulate):
            simulate(letter("bees"), answers={"send": "approve"}, steps={"drafts": "…"})
    """)

    result = project.runpytest()

    result.assert_outcomes(failed=1)
    text = said(result)
    assert ">       simulate(letter(" in text
    assert "def strict(" not in text
    assert "steps['drafts'] was never used; did you mean 'draft'?" in text
    assert "Remove it, or mend its name; perdure.testing.simulate, imported, only lists it in `.unused`." in text
    assert "letter/draft (step): <Success: about bees>" in text


def test_what_must_be_scripted_fails_the_test_with_the_line_to_add(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from flows import letter

        def test_it(simulate):
            simulate(letter("bees"))
    """)

    assert 'Add to answers: {"send": Approved(by="…")}' in said(project.runpytest())


def test_a_mark_lets_simulations_of_a_test_reach_the_network(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from flows import lets_through

        def test_refused(simulate):
            assert not simulate(lets_through()).value()

        @pytest.mark.perdure_network
        def test_allowed(simulate):
            assert simulate(lets_through()).value()
            assert not simulate(lets_through(), network=False).value()
    """)

    project.runpytest().assert_outcomes(passed=2)


def test_fake_agents_answer_by_a_script_and_keep_their_prompts(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from perdure import ask
        from perdure.testing import each

        def test_it(simulate, fake_agent):
            critic = fake_agent("critic", each("bad", "good"))
            twice = ask("a", critic, "One?").bind(lambda _: ask("b", critic, "Two?"))
            assert simulate(twice).value() == "good"
            assert critic.prompts == ("One?", "Two?")
    """)

    project.runpytest().assert_outcomes(passed=1)


def test_a_plan_is_compared_with_a_file_beside_the_test(project: pytest.Pytester) -> None:
    test = project.makepyfile("""
        import pytest
        from flows import letter

        @pytest.mark.parametrize("topic", ["a/b"])
        def test_it(plan_snapshot, topic):
            plan_snapshot(letter(topic))
            plan_snapshot(letter(topic), "with faults", faults=True)
    """)
    folder = test.parent / "plans"

    missing = project.runpytest()
    missing.assert_outcomes(failed=1)
    assert "is missing. Write it by `pytest --perdure-update`, read it, and commit it:" in said(missing)

    project.runpytest("--perdure-update").assert_outcomes(passed=1)
    module = test.stem
    assert sorted(file.name for file in folder.iterdir()) == [
        f"{module}.test_it-a-b-.with-faults.txt",
        f"{module}.test_it-a-b.txt",
    ]
    project.runpytest().assert_outcomes(passed=1)


def test_a_plan_that_changed_fails_with_the_difference(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from flows import letter

        def test_it(plan_snapshot):
            plan_snapshot(letter("bees"))
    """)
    project.runpytest("--perdure-update").assert_outcomes(passed=1)
    flows = project.path / "flows.py"
    flows.write_text(flows.read_text().replace('approval("send"', 'approval("dispatch"'))

    changed = project.runpytest_subprocess()

    changed.assert_outcomes(failed=1)
    assert "if the change is meant: `pytest --perdure-update`" in said(changed)
    assert "-waits for people: send" in said(changed)
    assert "+waits for people: dispatch" in said(changed)


def test_a_store_of_the_tests_own_is_closed_after_it(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from flows import letter
        from perdure import Waiting
        from perdure.api import Unusable

        kept = []

        def test_it(durable_store, tmp_path):
            kept.append(durable_store)
            assert durable_store.path == tmp_path / "perdure.db"
            assert isinstance(durable_store.start(letter("bees"), id="one").result(), Waiting)

        def test_after_it():
            with pytest.raises(Unusable, match="closed"):
                kept[0].show("one")
    """)

    project.runpytest().assert_outcomes(passed=2)
