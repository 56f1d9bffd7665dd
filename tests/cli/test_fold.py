"""A journal is folded into the steps that people see, whatever happened to them."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from perdure.cli.spending import Spent
from perdure.cli.steps import Fold, checked, event, failure
from perdure.core import codec
from perdure.interpreters.durable.chain import chained, genesis
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import Entry, Kind, Run


def journal(*told: tuple[Kind, str, int, dict[str, Any]]) -> list[Entry]:
    """Entries, a second apart."""
    previous, entries = genesis("r1"), []
    for seq, (kind, path, attempt, payload) in enumerate(told, start=1):
        text = json.dumps(payload) if payload else ""
        entries.append(chained(previous, seq, kind, path, attempt, 1, seq * 1000, "", "", text))
        previous = entries[-1].digest
    return entries


RUN = Run("r1", "flow", "flows:flow", "/", "{}", codec.digest("{}"), 0, status="running")
BEGUN: tuple[Kind, str, int, dict[str, Any]] = ("begin", "flow/a", 1, {"as": "step -> int"})
DONE: tuple[Kind, str, int, dict[str, Any]] = ("end", "flow/a", 1, {"ok": 1})


@pytest.mark.parametrize(
    ("entries", "status", "held", "state"),
    [
        ([BEGUN], "running", True, "running"),
        ([BEGUN], "running", False, "interrupted"),
        ([BEGUN], "succeeded", False, "open"),
        ([BEGUN, DONE], "running", True, "done"),
        ([BEGUN, ("end", "flow/a", 1, {"err": {"type": "E", "value": {}}})], "running", True, "failed"),
        ([BEGUN, ("wait", "flow/a", 1, {"retry": 1, "due": 5, "error": "no"})], "parked", False, "retrying"),
        ([("wait", "flow/a", 1, {"due": 5, "as": "sleep -> None"})], "parked", False, "waiting"),
        ([BEGUN, DONE, ("void", "", 0, {"since": 2})], "running", True, "open"),
        ([BEGUN, DONE, ("void", "", 0, {"since": 3})], "running", True, "done"),
    ],
)
def test_a_step_stands_as_its_entries_say(entries: list[Any], status: Any, held: bool, state: str) -> None:
    steps = Fold(journal(*entries)).rest(attrs.evolve(RUN, status=status), held)

    assert steps["flow/a"].state == state


def test_a_renamed_step_keeps_its_key() -> None:
    fold = Fold(journal(BEGUN, DONE, ("note", "", 0, {"rename": {"a": "b"}}), ("begin", "flow/c", 1, {})))

    renamed = fold.steps["flow/b"].tree("database", "r1")
    before = Fold(journal(BEGUN, DONE)).steps["flow/a"].tree("database", "r1")

    assert list(fold.steps) == ["flow/b", "flow/c"]
    assert (renamed["name"], renamed["idempotency_key"]) == ("b", before["idempotency_key"])


def test_attempts_keep_what_each_failed_of() -> None:
    fold = Fold(
        journal(
            BEGUN,
            ("wait", "flow/a", 1, {"retry": 1, "due": 5, "error": "no route", "trace": "Traceback"}),
            ("begin", "flow/a", 2, {"as": "step -> int"}),
            ("begin", "flow/a", 3, {"as": "step -> int"}),
            ("note", "flow/a", 3, {"trace": "Traceback 3"}),
            ("end", "flow/a", 3, {"err": {"type": "StepFault", "value": {"reason": "bad"}}}),
        )
    )

    step = fold.steps["flow/a"]

    assert [(t.number, t.error, t.trace) for t in step.tries] == [
        (1, "no route", "Traceback"),
        (2, None, None),
        (3, 'StepFault: reason="bad"', "Traceback 3"),
    ]
    assert (step.attempts, step.state) == (3, "failed")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (BEGUN, ("started", "")),
        (("begin", "flow/a", 2, {}), ("started", "attempt 2")),
        (DONE, ("done", "")),
        (("wait", "g", 1, {"gate": "g", "as": "signal -> int"}), ("waits", "for the signal g")),
        (("wait", "g", 1, {"gate": "g", "as": "suspend -> bool"}), ("waits", "for an answer to g")),
        (("wait", "g", 1, {"due": 0}), ("sleeps", "until 1970-01-01T00:00:00Z")),
        (("wake", "g", 1, {"ok": None}), ("woke", "")),
        (("wake", "g", 1, {"ok": True}), ("answered", "true")),
        (("wake", "g", 1, {"err": {"type": "Expired", "value": {}}}), ("failed", "Expired")),
        (("void", "", 0, {"since": 3}), ("voided", "what was recorded from entry 3 on no longer counts")),
        (("note", "", 0, {"cancel": "enough"}), ("cancelling", "enough")),
        (("note", "", 0, {"rename": {"a": "b"}}), ("renamed", "a to b")),
        (("note", "a", 1, {"trace": "Traceback\nValueError: no\n"}), ("raised", "ValueError: no")),
        (("note", "a", 1, {"something": "newer"}), ("noted", "")),
    ],
)
def test_each_entry_is_an_event(entry: Any, told: tuple[str, str]) -> None:
    assert event(journal(entry)[0]) == told


@pytest.mark.parametrize(
    ("tree", "told"), [(None, "null"), ("no", '"no"'), ({"type": "E", "value": [1]}, "E: [1]"), ({"a": 1}, '{"a": 1}')]
)
def test_any_failure_can_be_told(tree: Any, told: str) -> None:
    assert failure(tree) == told


@pytest.mark.parametrize(
    "run",
    [
        attrs.evolve(RUN, input='{"a":1}'),
        attrs.evolve(RUN, input="no json"),
        attrs.evolve(RUN, outcome='{"ok":1}', outcome_digest=codec.digest('{"ok":2}')),
    ],
)
def test_a_row_that_was_changed_is_corrupt(run: Run) -> None:
    checked(RUN, journal(BEGUN, DONE))

    with pytest.raises(Corrupt):
        checked(run, journal(BEGUN, DONE))


def test_the_hops_of_an_ask_are_told_with_what_each_attempt_took() -> None:
    spent = {"input": 10, "output": 2, "usd": "0.25", "source": "priced"}
    fold = Fold(
        journal(
            ("begin", "flow/a", 1, {"as": "ask -> str"}),
            ("note", "flow/a", 1, {"said": {"agent": "fast", "spent": {**spent, "usd": None, "source": "unknown"}}}),
            ("wait", "flow/a", 1, {"again": {"agent": "careful"}, "due": 5, "error": "rate: no", "as": "ask -> str"}),
            ("begin", "flow/a", 2, {"as": "ask -> str"}),
            ("note", "flow/a", 2, {"said": {"agent": "careful", "model": "m", "version": "v", "spent": spent}}),
            ("end", "flow/a", 2, {"ok": "yes"}),
        )
    )
    step = fold.steps["flow/a"]

    assert step.hops == ["fast to careful: rate: no"]
    assert [(each.agent, each.error) for each in step.tries] == [("fast", "rate: no"), ("careful", None)]
    assert str(step.spent) == "tokens 20 in, 4 out; $0.25 priced, and 1 of unknown cost"
    assert step.spent.tree() == {
        "input": 20,
        "output": 4,
        "cache_read": None,
        "cache_write": None,
        "reasoning": None,
        "usd": "0.25",
        "sources": ["priced"],
        "unpriced": 1,
    }


@pytest.mark.parametrize("said", [None, 3, {}, {"usd": "much"}, {"input": "many", "usd": None}])
def test_a_note_that_nobody_foresaw_breaks_no_sum(said: Any) -> None:
    assert Spent.of(said).usd is None


def test_a_tool_that_a_model_uses_is_told() -> None:
    begin, note = journal(BEGUN, ("note", "flow/a", 1, {"said": {"agent": "fast", "tool": "search"}}))

    assert event(note) == ("told", "fast: uses search")
    assert Fold([begin, note]).steps["flow/a"].tries[0].tool == "search"


def test_what_a_handler_says_is_an_event() -> None:
    note, wait = journal(
        ("note", "flow/a", 1, {"said": {"agent": "fast", "spent": {"output": 2, "usd": None, "source": "unknown"}}}),
        ("wait", "flow/a", 1, {"again": {"agent": "careful"}, "due": 5, "error": "rate: no"}),
    )
    later = wait._replace(payload='{"again": {}, "due": 9000, "error": "rate: no"}')

    assert event(note) == ("told", "fast: tokens 2 out; cost unknown")
    assert event(wait) == ("goes on", "with careful, after rate: no")
    assert event(later) == ("goes on", "with another attempt at 1970-01-01T00:00:09Z, after rate: no")
