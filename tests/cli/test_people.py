"""People answer what waits: once, by a value that fits, and from a process that drives nothing."""

from __future__ import annotations

import getpass
import json

import pytest
from terminal import Terminal


@pytest.fixture
def waits(terminal: Terminal) -> Terminal:
    """A terminal with a run that waits for an approval."""
    assert terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "r1").code == 3
    return terminal


def test_an_approval_is_answered_by_yes_or_no_and_says_so(waits: Terminal) -> None:
    refused = waits.here("answer", "r1", "-i", "5")

    assert refused.code == 2
    assert "say yes or no: perdure approve r1 go, or perdure deny" in refused.err


def test_the_inbox_shows_what_is_asked_and_how_to_answer(waits: Terminal) -> None:
    people, programs = waits.here("inbox"), waits.here("inbox", "--json").document

    assert "Say hello bees?" in people.out
    assert people.out.endswith("next: perdure approve r1 gated/go\n")
    (gate,) = programs["gates"]
    assert (gate["name"], gate["show"], gate["command"]) == (
        "go",
        {"text": "hello bees"},
        "perdure approve r1 gated/go",
    )


def test_an_approval_is_recorded_and_says_what_comes_next(waits: Terminal) -> None:
    said = waits.here("approve", "r1", "go", "--note", "fine", "--json").document

    assert (said["path"], said["by"], said["note"]) == ("gated/go", getpass.getuser(), "fine")
    assert said["answer"]["_type"] == "Approved"
    assert (said["state"], said["next"]) == ("stale", ["perdure resume r1"])
    assert waits.here("resume", "r1").code == 0
    assert waits.here("inbox", "--json").document["gates"] == []


def test_the_same_decision_again_changes_nothing_and_another_is_a_conflict(waits: Terminal) -> None:
    first = waits.here("approve", "r1", "--by", "ana", "--json").document
    again = waits.here("approve", "r1", "--by", "bob", "--json").document
    other = waits.here("deny", "r1", "--by", "bob")

    assert again == first
    assert (other.code, other.out) == (9, "")
    assert "decided already, by ana" in other.err


def test_a_denial_reaches_the_workflow(waits: Terminal) -> None:
    waits.here("deny", "r1", "--note", "not today")

    said = waits.here("resume", "r1", "--json")

    assert (said.code, said.document["state"]) == (1, "failed")
    assert said.document["error"]["value"] == {"why": "not today"}


def test_a_name_may_be_left_out_only_where_one_gate_is_open(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:two_gates", "--id", "r1")

    several = terminal.here("approve", "r1")
    unknown = terminal.here("approve", "r1", "middle")
    assert (several.code, unknown.code) == (2, 2)
    assert "perdure approve r1 two_gates/all/0/left" in several.err
    assert "open are: left, right" in unknown.err

    assert terminal.here("approve", "r1", "left").code == 0
    assert terminal.here("deny", "r1").code == 0
    assert terminal.here("resume", "r1").out == "[\n  true,\n  false\n]\n"


DATES = """
from datetime import date, datetime
from uuid import UUID

from perdure import Do, parallel, suspend, workflow


@workflow
def dated() -> Do[tuple[datetime, date, UUID]]:
    return (yield from parallel(suspend("when", datetime), suspend("day", date), suspend("which", UUID)))
"""


def test_a_text_that_is_no_date_and_no_uuid_is_refused_at_the_door(terminal: Terminal) -> None:
    (terminal.folder / "dates.py").write_text(DATES)
    terminal.here("run", "dates.py:dated", "--id", "r1")

    for name, wrong, right in (
        ("when", "2030-01-01T00:00:00", "2030-01-01T00:00:00+00:00"),
        ("day", "the first", "2030-01-01"),
        ("which", "7", "12345678-1234-5678-1234-567812345678"),
    ):
        refused = terminal.here("answer", "r1", name, "-i", json.dumps(wrong))
        assert refused.code == 2
        assert repr(wrong) in refused.err
        assert terminal.here("answer", "r1", name, "-i", json.dumps(right)).code == 0
    assert terminal.here("resume", "r1").code == 0


def test_a_value_has_to_fit(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:asks", "--id", "r1")

    for arguments in (("answer", "r1", "-i", '"five"'), ("answer", "r1", "-i", "5.0"), ("approve", "r1")):
        assert terminal.here(*arguments).code == 2, arguments
    assert terminal.here("inbox", "--json").document["next"] == ["perdure answer r1 asks/how-many -i JSON"]
    assert terminal.here("answer", "r1", "how-many", "-i", "-", input="5").code == 0
    assert terminal.here("resume", "r1").out == "5\n"


def test_an_answer_comes_too_late_once_a_gate_has_expired(terminal: Terminal) -> None:
    said = terminal.here("run", "flows.py:expires", "--id", "r1", "--json")

    assert (said.code, said.document["error"]["type"]) == (1, "Expired")
    assert terminal.here("approve", "r1").code == 9


def test_a_signal_may_come_before_the_wait_and_before_the_run(terminal: Terminal) -> None:
    early = terminal.here("signal", "r1", "paid", "-i", "5", "--key", "p1", "--json")
    again = terminal.here("signal", "r1", "paid", "-i", "5", "--key", "p1")
    other = terminal.here("signal", "r1", "paid", "-i", "6", "--key", "p1")

    assert (early.code, early.document["exists"]) == (0, False)
    assert early.document["next"] == ["perdure run file.py:workflow --id r1"]
    assert (again.code, other.code) == (0, 9)
    assert terminal.here("run", "flows.py:paid", "--id", "r1").out == "5\n"
    assert terminal.here("signal", "r1", "paid", "-i", "7").code == 9


def test_a_signal_that_does_not_fit_is_refused_or_set_aside_and_told(terminal: Terminal) -> None:
    terminal.here("signal", "r1", "paid", "-i", '"five"')
    terminal.here("run", "flows.py:paid", "--id", "r1")

    refused = terminal.here("signal", "r1", "paid", "-i", '"six"')
    why = terminal.here("why", "r1", "--json").document

    assert refused.code == 2
    assert [(each["name"], each["number"]) for each in why["set_aside"]] == [("paid", 1)]
    assert [each["kind"] for each in why["blockers"]] == ["signal"]
    assert "set aside: signal paid no. 1" in terminal.here("why", "r1").out


def test_no_run_can_have_such_an_id(terminal: Terminal) -> None:
    assert terminal.here("signal", "no such id", "paid").code == 2
    assert terminal.here("signal", "@last", "paid").code == 2
