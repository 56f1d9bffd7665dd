"""A prompt in a file is a function: its variables are its parameters, and an edited file is an edited prompt."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from perdure import Defect, Scripted, ask, plan
from perdure.core.effect import Op
from perdure.core.identity import input_of

MODULE = """
from perdure import Do, Scripted, ask, prompt, step, workflow

@prompt("prompts/research.md")
def research(topic: str, sources: int = 3) -> None: ...

@step
def topic() -> str:
    raise AssertionError("a plan executes nothing")

@workflow
def flow() -> Do[str]:
    found = yield from topic()
    return (yield from ask("q", Scripted("bot", {}), research(found)))
"""
TEXT = "# Research\n\nAbout {{topic}}, from {{ sources }} sources.\n"


@pytest.fixture
def module(tmp_path: Path) -> Callable[..., ModuleType]:
    """A module beside a folder of prompts, loaded."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "flows.py").write_text(MODULE)

    def load(text: str | None = TEXT) -> ModuleType:
        if text is not None:
            (tmp_path / "prompts" / "research.md").write_text(text)
        spec = importlib.util.spec_from_file_location("flows_with_prompts", tmp_path / "flows.py")
        assert spec is not None
        assert spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    return load


def test_arguments_are_put_in_the_place_of_variables(module: Callable[..., ModuleType]) -> None:
    research = module().research

    assert research("bees") == "# Research\n\nAbout bees, from 3 sources.\n"
    assert research(topic="bees", sources=5).endswith("from 5 sources.\n")
    assert research.__name__ == "research"


def test_what_looks_like_a_variable_in_a_value_stays(module: Callable[..., ModuleType]) -> None:
    assert "About {{sources}}, from 3" in module().research("{{sources}}")


def test_an_edited_file_is_another_input(module: Callable[..., ModuleType]) -> None:
    def asked(text: str) -> str:
        effect = ask("q", Scripted("bot", {}), module(text).research("bees"))
        assert isinstance(effect, Op)
        return input_of(effect)

    assert asked(TEXT) == asked(TEXT)
    assert asked(TEXT) != asked(TEXT + "Be brief.")


def test_a_plan_sees_where_a_variable_comes_from(module: Callable[..., ModuleType]) -> None:
    assert "q      ask   bot  -> str  from topic" in str(plan(module().flow()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{topic}} {{sources}} {{audience}}", "the file names audience, and research has no such parameter"),
        ("{{topic}}", "research takes sources, and the file does not name it"),
        (None, "cannot be read: "),
    ],
)
def test_a_file_that_does_not_fit_is_refused_when_the_module_is_loaded(
    text: str | None, said: str, module: Callable[..., ModuleType]
) -> None:
    with pytest.raises(Defect, match=said):
        module(text)


def test_a_wrong_call_says_what_it_takes(module: Callable[..., ModuleType]) -> None:
    with pytest.raises(Defect, match=r"missing a required argument: 'topic'; it takes \(topic: str, sources"):
        module().research()
    with pytest.raises(Defect, match="unexpected keyword argument 'subject'"):
        module().research("bees", subject="bees")
