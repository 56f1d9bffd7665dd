"""Looking imports no user code, takes no lock, writes nothing, and shows what is recorded as text."""

from __future__ import annotations

import json
import re

import pytest
from terminal import Terminal, fits


@pytest.fixture
def seen(terminal: Terminal) -> Terminal:
    """A terminal with three runs: one that ended, one that waits, one that failed with a hostile text."""
    terminal.here("run", "flows.py:hello", "-a", "name=bees", "--id", "hello-1")
    terminal.here("run", "flows.py:gated", "-a", "name=bees", "--id", "gated-1")
    terminal.here("run", "flows.py:broken", "-a", f"text={HOSTILE}", "--id", "broken-1")
    return terminal


HOSTILE = "\x1b]52;c;aGk=\x07\r\u202e[bold red]oh[/]\ud800"


def test_no_runs_yet_is_no_error_and_makes_nothing(terminal: Terminal) -> None:
    said = terminal.here("ps")

    assert (said.code, said.out.splitlines()[-1]) == (0, "next: perdure run file.py:workflow")
    assert said.out.startswith("no runs yet in ")
    assert terminal.here("inbox", "--json").document["gates"] == []
    assert not terminal.database.parent.exists()


def test_runs_are_listed_newest_first_and_picked_by_state(seen: Terminal) -> None:
    def listed(*arguments: str) -> list[str]:
        return [run["run_id"] for run in seen.here("ps", "--json", *arguments).document["runs"]]

    assert listed() == ["broken-1", "gated-1", "hello-1"]
    assert listed("-n", "1") == ["broken-1"]
    assert listed("--state", "waiting-approval") == ["gated-1"]
    assert listed("--state", "succeeded", "--state", "failed") == ["broken-1", "hello-1"]
    assert listed("--state", "stale") == []
    assert listed("--since", "1d") == ["broken-1", "gated-1", "hello-1"]
    assert listed("--since", "0s") == []


def test_more_runs_may_be_asked_for_than_any_database_has(seen: Terminal) -> None:
    assert len(seen.here("ps", "--json", "-n", str(10**30)).document["runs"]) == len(
        seen.here("ps", "--json").document["runs"]
    )


def test_every_listing_ends_with_the_next_command(seen: Terminal) -> None:
    for arguments in (("ps",), ("show", "gated-1"), ("why", "gated-1"), ("logs", "gated-1"), ("inbox",), ("doctor",)):
        last = seen.here(*arguments).out.splitlines()[-1]
        assert last.startswith("next: perdure "), arguments


def test_a_run_is_named_by_any_unique_beginning_or_as_the_last(seen: Terminal) -> None:
    assert seen.here("why", "gat", "--json").document["run_id"] == "gated-1"
    assert seen.here("why", "@last", "--json").document["run_id"] == "broken-1"

    seen.here("run", "flows.py:hello", "-a", "name=bees", "--id", "gated")
    assert seen.here("why", "gated", "--json").document["run_id"] == "gated"
    ambiguous, unknown = seen.here("show", "gat"), seen.here("show", "nope")
    assert (ambiguous.code, unknown.code, seen.here("cancel", "").code) == (2, 2, 2)
    assert "gated, gated-1" in ambiguous.err


def test_looking_needs_no_user_code_and_changes_no_file(seen: Terminal) -> None:
    (seen.folder / "flows.py").unlink()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in seen.database.parent.rglob("*"))

    for verb in ("ps", "inbox"):
        assert seen.here(verb, "--json").document
    for verb in ("show", "why", "logs", "doctor"):
        assert seen.here(verb, "gated-1", "--json").document

    assert sorted((path.name, path.stat().st_mtime_ns) for path in seen.database.parent.rglob("*")) == before


def test_a_run_is_shown_with_its_steps(seen: Terminal) -> None:
    shown = seen.here("show", "gated-1", "--json").document
    step, gate = shown["steps"]

    assert (step["path"], step["kind"], step["state"], step["attempts"]) == ("gated/greet", "step", "done", 1)
    assert (gate["path"], gate["kind"], gate["state"]) == ("gated/go", "suspend", "waiting")
    assert step["idempotency_key"] in seen.here("show", "gated-1").out
    assert (shown["input"], shown["output"], shown["next"]) == ({"name": "bees"}, None, ["perdure approve gated-1 go"])


def test_a_step_is_shown_with_its_value_or_its_traceback(seen: Terminal) -> None:
    assert '"hello bees"' in seen.here("show", "gated-1", "greet").out
    broken = seen.here("show", "broken-1", "breaks", "--json").document
    people = seen.here("show", "broken-1", "broken/breaks").out

    assert broken["error"]["type"] == "StepFault"
    assert "ValueError" in broken["tries"][0]["trace"]
    assert "Traceback (most recent call last)" in people
    assert seen.here("show", "gated-1", "nope").code == 2


def test_what_is_tried_again_is_shown_with_what_it_failed_of(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:retries", "--id", "r1")

    (step,) = terminal.here("show", "r1", "--json").document["steps"]
    told = terminal.here("show", "r1", "flaky", "--json").document["tries"]
    why = terminal.here("why", "r1", "--json").document

    assert (step["state"], step["attempts"]) == ("retrying", 1)
    assert "no route" in told[0]["error"]
    assert (why["state"], [each["kind"] for each in why["blockers"]]) == ("retrying", ["retry"])


def test_a_long_value_is_cut_unless_all_is_asked_for(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:hello", "-a", f"name={'x' * 5000}", "--id", "r1")

    cut, full = terminal.here("show", "r1", "greet"), terminal.here("show", "r1", "greet", "--full")

    assert re.search(r"… 3,008 more characters: perdure show r1 hello/greet --full", cut.out)
    assert "x" * 5000 in full.out


@pytest.mark.parametrize("arguments", [("ps",), ("show",), ("show", "breaks"), ("why",), ("logs",), ("doctor",)])
@pytest.mark.parametrize("colour", ["never", "always"])
def test_recorded_text_is_shown_and_never_obeyed(arguments: tuple[str, ...], colour: str, seen: Terminal) -> None:
    verb, *rest = arguments
    run = [] if verb == "ps" else ["broken-1"]

    said = seen.here(verb, *run, *rest, "--color", colour)

    left = re.sub(r"\x1b\[\d*m", "", said.out) if colour == "always" else said.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", left)
    if arguments in (("show",), ("show", "breaks"), ("why",), ("logs",)):
        assert "[bold red]oh[/]" in left


def test_a_pipe_gets_no_colour_unless_it_is_asked_for(seen: Terminal) -> None:
    assert "\x1b" not in seen.alone("ps").out
    assert "\x1b[" in seen.alone("ps", "--color", "always").out
    assert "\x1b[" in seen.alone("--color", "always", "ps", NO_COLOR="1").out


def test_logs_tell_event_by_event(seen: Terminal) -> None:
    people = seen.here("logs", "gated-1").out
    document = seen.here("logs", "gated-1", "--json").document
    lines = [json.loads(line) for line in seen.here("logs", "gated-1", "--jsonl").out.splitlines()]

    assert [line.split()[1] for line in people.splitlines()[:3]] == ["started", "done", "waits"]
    assert [event["event"] for event in document["events"]] == ["started", "done", "waits"]
    assert [event["seq"] for event in lines] == [1, 2, 3]
    for event in lines:
        fits(event)
    step = seen.here("logs", "gated-1", "--json", "--step", "greet").document
    assert {event["path"] for event in step["events"]} == {"gated/greet"}
    assert seen.here("logs", "gated-1", "--json", "--since", "0s").document["events"] == []
    assert seen.here("logs", "gated-1", "-f", "--json").code == 2


def test_a_blocked_run_says_why(terminal: Terminal) -> None:
    terminal.here("run", "flows.py:buggy", "--id", "r1")

    why = terminal.here("why", "r1", "--json").document

    assert (why["state"], why["unblock"]) == ("blocked", "perdure resume r1")
    assert "a bug" in why["why"]
