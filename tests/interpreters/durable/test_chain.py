from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.interpreters.durable.chain import chained, genesis, verify
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import Entry

RUN = "release-7"


def journal(count: int, run_id: str = RUN) -> list[Entry]:
    previous, entries = genesis(run_id), list[Entry]()
    for seq in range(1, count + 1):
        entries.append(
            chained(previous, seq, "end", f"step#{seq}", 1, 1, 1_700_000_000_000, "s", "i", f'{{"ok":{seq}}}')
        )
        previous = entries[-1].digest
    return entries


def test_an_untouched_journal_verifies() -> None:
    verify(RUN, journal(5))
    verify(RUN, [])


@pytest.mark.parametrize(
    "field", ["kind", "path", "attempt", "fence", "at", "shape", "input", "payload", "digest", "previous"]
)
def test_a_changed_field_is_found_and_the_entry_named(field: str) -> None:
    entries = journal(5)
    old = getattr(entries[2], field)
    entries[2] = entries[2]._replace(**{field: old + 1 if isinstance(old, int) else old + "x"})

    with pytest.raises(Corrupt, match=rf"run {RUN} .*entry 3 .*step#3.*perdure doctor.*backup"):
        verify(RUN, entries)


@pytest.mark.parametrize("gone", [0, 2])
def test_a_removed_entry_is_found(gone: int) -> None:
    entries = journal(5)
    del entries[gone]

    with pytest.raises(Corrupt, match=f"entry {gone + 1} is missing"):
        verify(RUN, entries)


def test_removed_and_renumbered_is_found() -> None:
    entries = journal(5)
    del entries[2]
    entries[2:] = [entry._replace(seq=entry.seq - 1) for entry in entries[2:]]

    with pytest.raises(Corrupt, match="does not follow the one before"):
        verify(RUN, entries)


def test_reordered_entries_are_found() -> None:
    entries = journal(5)
    entries[1], entries[2] = entries[2], entries[1]

    with pytest.raises(Corrupt, match=RUN):
        verify(RUN, entries)


def test_another_runs_journal_is_found() -> None:
    with pytest.raises(Corrupt, match="does not follow"):
        verify(RUN, journal(2, "another"))


texts = st.text(st.sampled_from("ab 1"), max_size=4)


@given(st.tuples(texts, texts, texts, texts, texts), st.tuples(texts, texts, texts, texts, texts))
def test_different_entries_have_different_digests(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def digest(texts: tuple[str, ...]) -> str:
        path, shape, input, payload, previous = texts
        return chained(previous, 1, "end", path, 1, 1, 1, shape, input, payload).digest

    assert (digest(one) == digest(other)) == (one == other)


@given(st.text(), st.text())
def test_any_text_can_be_chained_lone_surrogates_too(path: str, payload: str) -> None:
    verify(RUN, [chained(genesis(RUN), 1, "end", path + "\ud800", 1, 1, 1, "", "", payload + "\udfff")])
