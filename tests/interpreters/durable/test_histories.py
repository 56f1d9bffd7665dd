"""A history file is the run, whole or refused; and today's code does what was recorded, or it is told what it does."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import PRELUDE, WORKFLOWS, call
from test_foresee import recorded, replies, states
from worlds import Lab

from perdure.core import codec
from perdure.interpreters.durable import histories
from perdure.interpreters.durable.ending import Finished
from perdure.interpreters.durable.errors import Corrupt, Unusable
from perdure.interpreters.durable.foresee import retrace
from perdure.interpreters.durable.ports import Run
from perdure.interpreters.durable.recorded import Recorded
from perdure.interpreters.durable.verdicts import Cannot, EndsOtherwise, GoesOn, NeedsRename
from perdure.testing import replay_all

ROOT = Path(__file__).parents[3]
#: Runs of examples/ship.py: approved, denied, waiting. Never written anew: a later version of the format adds its own.
GOLDEN = sorted((ROOT / "tests" / "histories").glob("*.jsonl"))
INPUT = '{"n":5}'
ANSWERS: Mapping[str, str] = {
    "ok": '{"_type":"Approved"}',
    "review": '{"_type":"Denied"}',
    **dict.fromkeys(("how-many", "age"), "3"),
    **dict.fromkeys(("sure", "publish"), "true"),
}


def with_input(run: Run) -> Run:
    return attrs.evolve(run, input=INPUT, input_digest=codec.digest(codec.canonical(json.loads(INPUT))))


def finished(source: str, seed: int = 0) -> Recorded:
    """A run to its end."""
    lab = Lab(call(source), replies(seed))
    for name in ("order", "order", "paid"):
        lab.send(name, "1")
    assert isinstance(lab.to_the_end(ANSWERS), Finished)
    kept = recorded(lab.store)
    return attrs.evolve(kept, run=with_input(kept.run))


@pytest.fixture(scope="module")
def straight() -> Recorded:
    return finished(PRELUDE + WORKFLOWS["straight"])


# -- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_state_of_a_run_is_the_same_after_it_was_written_and_read(name: str) -> None:
    for store, _ in states(PRELUDE + WORKFLOWS[name], 1):
        kept = recorded(store)
        run = with_input(kept.run)

        again = histories.load(histories.dump(attrs.evolve(kept, run=run)), "here")

        assert (again.entries, again.gates, again.signals) == (kept.entries, kept.gates, kept.signals)
        volatile = {"fence": 0, "owner": None, "lease_until": None, "lease_epoch": None, "reason": None}
        assert again.run == attrs.evolve(run, **volatile, wake_at=None, claims=0, progress=0)


def test_the_first_line_says_what_it_is_and_each_other_line_is_one_thing(straight: Recorded) -> None:
    lines = [json.loads(line) for line in histories.dump(straight).splitlines()]

    assert lines[0]["history"]["version"] == 1
    assert lines[0]["history"]["input"] == {"n": 5}
    assert [line["entry"]["seq"] for line in lines if "entry" in line] == list(range(1, len(straight.entries) + 1))
    assert [next(iter(line)) for line in lines if "entry" not in line] == [
        *("history", "gate", "signal", "signal", "signal", "end")
    ]


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10**6), new=st.characters(codec="utf-8"))
def test_one_other_character_is_seen(at: int, new: str, straight: Recorded) -> None:
    text = histories.dump(straight)
    at %= len(text)
    other = text[:at] + new + text[at + 1 :]
    if [line for line in other.splitlines() if line.strip()] == text.splitlines():
        return  # another end of a line

    with pytest.raises((Corrupt, Unusable)):
        histories.load(other, "here")


@pytest.mark.parametrize("gone", range(1, 6))
def test_lines_that_are_gone_are_seen(gone: int, straight: Recorded) -> None:
    lines = histories.dump(straight).splitlines()

    with pytest.raises(Corrupt, match=r"here was changed after it was written, or is cut off"):
        histories.load("\n".join(lines[:-gone]), "here")
    with pytest.raises(Corrupt):
        histories.load("\n".join(lines[:gone] + lines[gone + 1 :]), "here")


def test_an_entry_that_was_changed_with_the_last_line_is_seen_by_the_chain(straight: Recorded) -> None:
    entries = [entry._replace(payload="{}") if entry.seq == 2 else entry for entry in straight.entries]

    with pytest.raises(Corrupt, match="the journal of run run is damaged"):
        histories.load(histories.dump(attrs.evolve(straight, entries=entries)), "here")


def test_a_history_of_a_later_release_is_refused_with_what_helps(straight: Recorded) -> None:
    text = histories.dump(straight).replace('"version": 1', '"version": 2', 1)

    with pytest.raises(Unusable, match=r"newer perdure \(version 2 .* reads 1\): upgrade perdure"):
        histories.load(text, "here")


@pytest.mark.parametrize("text", ["", "\n", "hello", "[]", "{}", '{"history": 1}', '{"history": {}}', '{"entry": {}}'])
def test_what_is_no_history_is_refused_with_how_one_is_made(text: str) -> None:
    with pytest.raises(Unusable, match="here is no history of a run: make one with `perdure export RUN -o FILE`"):
        histories.load(text, "here")


# -- held against the code -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_finished_run_replays_to_its_end(name: str, seed: int) -> None:
    source = PRELUDE + WORKFLOWS[name]
    verdict = retrace(finished(source, seed), call(source))

    assert isinstance(verdict, GoesOn)
    assert (verdict.changed, verdict.open) == ((), ())
    assert verdict.outcome is not None


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_run_in_flight_replays(name: str) -> None:
    source = PRELUDE + WORKFLOWS[name]

    for store, _ in states(source, 1):
        assert isinstance(retrace(recorded(store), call(source)), GoesOn)


def edited(old: str, new: str) -> str:
    source = PRELUDE + WORKFLOWS["straight"]
    assert old in source
    return source.replace(old, new)


def test_another_end_is_told_beside_the_recorded_one(straight: Recorded) -> None:
    verdict = retrace(straight, call(edited("    return more", "    return more + '!'")))

    assert straight.run.outcome is not None
    ends = json.loads(straight.run.outcome)["ok"]
    assert verdict == EndsOtherwise(straight.run.outcome, json.dumps({"ok": f"{ends}!"}, separators=(",", ":")), ())


def test_a_run_that_ended_and_is_asked_for_more_now_is_told_with_what_is_asked(straight: Recorded) -> None:
    verdict = retrace(straight, call(edited("    return more", "    yield from extra(1)\n    return more")))

    assert verdict == EndsOtherwise(straight.run.outcome or "", "", ("flow/extra",))


def test_a_changed_prompt_replays_and_is_told(straight: Recorded) -> None:
    verdict = retrace(straight, call(edited("Write about", "Write well about")))

    assert isinstance(verdict, GoesOn)
    assert verdict.changed == ("flow/draft",)


def test_a_renamed_step_is_told_and_replays_under_its_new_name(straight: Recorded) -> None:
    program = call(edited("publish(", "post("))

    verdict = retrace(straight, program)

    assert isinstance(verdict, NeedsRename)
    assert verdict.rename == {"publish": "post"}
    assert isinstance(retrace(straight, program, rename=verdict.rename), GoesOn)


def test_a_removed_step_does_not_replay(straight: Recorded) -> None:
    verdict = retrace(straight, call(edited('    page = yield from fetch("home")\n', "    page = ''\n")))

    assert isinstance(verdict, Cannot)
    assert "recorded  step   flow/fetch" in verdict.why


def test_a_cancelled_run_replays_to_its_cancellation() -> None:
    source = PRELUDE + WORKFLOWS["saga"]
    lab = Lab(call(source), replies(0))
    lab.start()
    lab.cancel("enough")
    assert isinstance(lab.resume(), Finished)

    assert isinstance(retrace(recorded(lab.store), call(source)), GoesOn)
    other = retrace(recorded(lab.store), call(source.replace("lambda got: undo(got)", "lambda got: undo(got + '!')")))
    assert isinstance(other, GoesOn)
    assert other.changed == ("undo/undo", "undo#2/undo")


def test_a_recorded_end_that_was_changed_is_corrupt(straight: Recorded) -> None:
    changed = attrs.evolve(straight, run=attrs.evolve(straight.run, outcome='{"ok":"other"}'))

    with pytest.raises(Corrupt, match="the recorded end of run run was changed"):
        retrace(changed, call(PRELUDE + WORKFLOWS["straight"]))


# -- files of every release ------------------------------------------------------------------------------------------


def test_the_histories_that_every_release_wrote_are_read_and_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))

    assert replay_all("tests/histories/*.jsonl") == 3
    written = {json.loads(file.read_text().splitlines()[0])["history"]["version"] for file in GOLDEN}
    assert written == set(range(1, histories.VERSION + 1))
