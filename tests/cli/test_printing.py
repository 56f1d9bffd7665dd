"""Recorded text is shown and never obeyed; values and spans read well."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from perdure.cli import printing


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\rb", r"a\x0db"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u2028", r"\u2028"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\ufeff\u200b", r"\ufeff\u200b"),
        ("line\n\tline", "line\n\tline"),
        ("żółw 蜂 🐝", "żółw 蜂 🐝"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printing.visible(text) == shown


def test_one_line_stays_one_line() -> None:
    assert printing.line("a\nb\tc") == r"a\nb\tc"
    assert printing.line("x" * 300, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("text", ["\x1b\x7f\x9b", "\u202e", "\U000e0041", "\ud800", "żółw\n"])
def test_a_value_for_people_is_still_json(text: str) -> None:
    shown = printing.pretty({"text": text})

    assert json.loads(shown) == {"text": text}
    assert printing.visible(shown) == shown


def test_a_long_value_is_cut_and_says_how_to_see_all_of_it() -> None:
    shown = printing.cut("x" * 5000, "perdure show r1 plan --full", full=False)

    assert shown.endswith("\n… 3,000 more characters: perdure show r1 plan --full")
    assert printing.cut("x" * 5000, "", full=True) == "x" * 5000


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0, "0.0s"), (-5, "0.0s"), (1234, "1.2s"), (61_000, "1m 1s"), (3_600_000, "1h"), (90_061_000, "1d 1h")],
)
def test_spans_are_told_in_their_two_largest_units(milliseconds: int, shown: str) -> None:
    assert printing.ago(milliseconds) == shown


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("2.5", timedelta(seconds=2.5)),
    ],
)
def test_durations_are_read(text: str, span: timedelta) -> None:
    assert printing.duration(text) == span


@pytest.mark.parametrize("text", ["", "soon", "5x", "h", "-3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        printing.duration(text)


def test_columns_are_as_wide_as_they_need_and_cells_are_escaped() -> None:
    drawn = printing.table([["a\x1b", "1"], ["bbbbbbb", "2"]], ["NAME", "N"])

    assert drawn.splitlines() == ["NAME     N", "a\\x1b    1", "bbbbbbb  2"]
