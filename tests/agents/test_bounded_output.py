"""What an agent prints is kept within bounds, whatever it prints."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from perdure.agents.lines import Lines
from perdure.agents.log import Log

TEXT = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"longer than most"]), max_size=30).map(b"".join)


def whole(text: bytes) -> list[bytes]:
    """Its lines, the empty ones too: after the last end there is one only if it has begun."""
    *ends, rest = text.split(b"\n")
    return [*ends, rest] if rest else ends


@given(TEXT, st.lists(st.integers(0, 40), max_size=10))
def test_lines_are_the_same_however_they_come_in(text: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    lines = Lines()

    found = [line for a, b in itertools.pairwise(places) for line in lines.feed(text[a:b])]
    found += lines.rest()

    assert found == [line.removesuffix(b"\r") for line in whole(text)]


@given(TEXT, st.integers(1, 20))
def test_lines_that_are_too_long_are_counted_and_the_others_kept(text: bytes, longest: int) -> None:
    lines = Lines(longest)

    found = [line for byte in text for line in lines.feed(bytes([byte]))] + list(lines.rest())

    assert found == [line.removesuffix(b"\r") for line in whole(text) if len(line) <= longest]
    assert lines.dropped == sum(len(line) > longest for line in whole(text))


def test_a_line_that_never_ends_takes_no_memory() -> None:
    lines = Lines(100)

    for _ in range(1000):
        assert list(lines.feed(b"x" * 60)) == []
        assert sum(map(len, lines._parts)) <= 100


def test_a_log_keeps_the_beginning_and_the_end(tmp_path: Path) -> None:
    with Log(tmp_path / "log", most=40) as log:
        for number in range(100):
            log.write(f"line {number}")
        assert (tmp_path / "log").read_text() == "line 0\nline 1\n"  # at once, for who looks while it runs

    first, second, gap, *last = (tmp_path / "log").read_text().splitlines()
    assert (first, second, last) == ("line 0", "line 1", ["line 98", "line 99"])
    assert gap == f"... {sum(len(f'line {n}') + 1 for n in range(2, 98))} bytes left out ..."


def test_a_short_log_is_kept_whole(tmp_path: Path) -> None:
    with Log(tmp_path / "log", most=40) as log:
        for number in range(4):
            log.write(f"line {number}")

    assert (tmp_path / "log").read_text() == "".join(f"line {number}\n" for number in range(4))
