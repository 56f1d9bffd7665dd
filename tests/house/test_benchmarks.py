"""What the benchmarks count is the same on every machine, and keeps its bars. What they time is for people."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the benchmarks stand beside the package, not in it

from benchmarks import __main__, chains, driven, fanout, floor, imports  # noqa: E402
from benchmarks.table import Row, at_most, text_of  # noqa: E402

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
