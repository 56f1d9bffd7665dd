"""What the benchmarks count is the same on every machine, and keeps its bars. What they time is for people."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the benchmarks stand beside the package, not in it

from benchmarks import __main__, agents, chains, driven, fanout, floor, imports  # noqa: E402
from benchmarks.provider import ANSWER, provider  # noqa: E402
from benchmarks.table import Row, at_most, text_of  # noqa: E402
from perdure.agents.model import OFFLINE  # noqa: E402

COUNTED: dict[str, Callable[[], Iterator[Row]]] = {
    "chain": lambda: chains.counted(100),
    "parallel": lambda: fanout.counted(1_000),
    "import": imports.counted,
}


@pytest.mark.parametrize("what", COUNTED)
def test_what_is_counted_keeps_its_bar(what: str) -> None:
    bars = {row.what: row.bar for row in COUNTED[what]()}

    assert bars
    assert {name: bar for name, bar in bars.items() if bar is None or bar.kind != "counted" or not bar.kept} == {}


def test_commits_are_counted_as_sqlite_makes_them(tmp_path: Path) -> None:
    assert driven.commits(tmp_path / "none.db", chains.chain(0), "full") == 2
    assert driven.commits(tmp_path / "five.db", chains.chain(5), "full") == 7


def test_the_floor_writes_the_same_rows(tmp_path: Path) -> None:
    driven.driven(tmp_path / "ours.db", chains.chain(20), "full")
    floor.write(tmp_path / "ours.db", tmp_path / "raw.db", "full")

    tables = ("SELECT * FROM runs", "SELECT * FROM journal ORDER BY seq", "SELECT sql FROM sqlite_master ORDER BY name")
    for table in tables:
        ours, raw = (sqlite3.connect(tmp_path / name).execute(table).fetchall() for name in ("ours.db", "raw.db"))
        assert len(ours) > 0
        assert ours == raw


# -- asks --------------------------------------------------------------------------------------------------------------


def test_asks_are_measured_beside_bare_calls_and_set_no_bar() -> None:
    before = dict(os.environ)
    found = {row.what: row for measure in (agents.models, agents.programs) for row in measure(2, 1)}

    ways = {"ask, model": ("full", "fast", "in memory"), "ask, program": ("full", "in memory")}
    timed = [f"{what}, {way}" for what in ways for way in ways[what]]
    assert list(found) == [name for each in timed for name in (each, f"{each}, added")]
    assert all(found[name].floor and found[name].ratio for name in timed)
    assert {row.bar for row in found.values()} == {None}
    assert {name for name in os.environ if os.environ[name] != before.get(name)} <= {*OFFLINE}


def test_the_bare_calls_ask_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_BENCHMARK_KEY", "sk-benchmark")
    with provider() as url:
        assert asyncio.run(agents.completions(url, 2)) == [ANSWER, ANSWER]
    assert asyncio.run(agents.subprocesses(2)) == [agents.PROMPT, agents.PROMPT]


def test_answers_that_differ_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bare(n: int) -> list[str]:
        return ["something else"] * n

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    flow = functools.partial(agents.ask_program, str(tmp_path))
    with pytest.raises(RuntimeError, match="is not what the bare calls were answered"):
        asyncio.run(agents.measured(flow, bare, ("in memory",), 1, 1))


def test_a_failed_ask_is_no_measurement(tmp_path: Path) -> None:
    flow = functools.partial(agents.ask_program, str(tmp_path / "missing"))
    with pytest.raises(RuntimeError, match=r"did not succeed: .*which is no folder"):
        asyncio.run(agents.measured(flow, agents.subprocesses, ("full",), 1, 1))


def test_without_litellm_the_models_are_skipped_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(agents, "programs", lambda n, count: iter([Row("ask, program", n, "1 ms")]))

    assert [row.what for row in agents.rows(True)] == ["ask, program"]
    assert capsys.readouterr().err == "ask, model: skipped, for litellm is missing: pip install 'perdure[models]'\n"


# -- the table ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "code"), [(1, "counted", 0), (3, "counted", 1), (3, "ratio", 1), (3, "absolute", 0)]
)
def test_a_check_fails_on_counts_and_ratios_only(
    value: float, kind: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Row("something", 1, "3", bar=at_most(2, value, kind))  # type: ignore[arg-type]  # from the parameters
    monkeypatch.setattr(__main__, "ALL", (lambda quick: iter([row]),))

    assert __main__.main(["--check"]) == code
    assert __main__.main([]) == 0
    assert ("OVER" in capsys.readouterr().out) == (value > 2)


def test_the_table_is_aligned() -> None:
    lines = text_of([Row("short", 1, "1 us"), Row("longer", 1_000, "100 us", bar=at_most(5, 6, "counted"))]).split("\n")

    assert lines[2].endswith("<= 5  OVER")
    assert {line.index(" us") for line in lines[1:]} == {lines[1].index(" us")}
