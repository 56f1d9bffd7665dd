"""How a run stands: one pure function, every state with its reason and the command that moves it."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from perdure.interpreters.durable.ports import Gate, GateKind, Run
from perdure.interpreters.durable.state import view

NOW = 1_800_000_000_000
RUN = Run("r1", "ship", "flows:ship", "/folder", "{}", "d", NOW - 60_000)


def gate(name: str, kind: GateKind = "approval", prompt: str = "Sure?") -> Gate:
    return Gate("r1", f"ship/{name}", 1, name, kind, prompt, "null", "{}", "s", NOW)


def run(**fields: Any) -> Run:
    reason = fields.pop("reason", None)
    return attrs.evolve(RUN, reason=json.dumps(reason) if reason else None, **fields)


RESUME = "perdure resume r1"
WAITS_FOR_RETRY = {"waits": [{"path": "ship/call", "kind": "retry", "due": NOW + 5000}]}


@pytest.mark.parametrize(
    ("row", "gates", "held", "state", "why", "unblock"),
    [
        (run(status="succeeded"), (), False, "succeeded", "", None),
        (run(status="failed"), (), False, "failed", "", None),
        (run(status="dead"), (), False, "dead", "", None),
        (run(status="cancelled", cancel="enough"), (), False, "cancelled", "enough", None),
        (run(status="running", owner="w1"), (), True, "running", "driven by w1", "perdure watch r1"),
        (run(status="running", owner="w1"), (), False, "stale", "its worker died", RESUME),
        (run(status="running", owner="w1"), (), None, "unknown", "cannot be looked at", "perdure doctor r1"),
        (run(status="ready"), (), False, "stale", "nobody drives it", RESUME),
        (run(status="ready", cancel="x"), (), False, "stale", "to be cancelled", RESUME),
        (run(status="ready", reason={"kind": "stopped", "why": "SIGTERM"}), (), False, "stale", "by SIGTERM", RESUME),
        (run(status="paused", reason={"why": "SIGINT"}), (), False, "paused", "by SIGINT", RESUME),
        (
            run(status="blocked", reason={"kind": "defect", "message": "KeyError"}),
            (),
            False,
            "blocked",
            "defect: KeyError",
            RESUME,
        ),
        (run(status="parked"), (gate("ok"),), False, "waiting-approval", "ok: Sure?", "perdure approve r1 ok"),
        (run(status="parked"), (gate("ok", prompt=""), gate("b")), False, "waiting-approval", "ok and 1 more", None),
        (
            run(status="parked"),
            (gate("which", "answer"),),
            False,
            "waiting-approval",
            "which: Sure?",
            "perdure answer r1 which -i JSON",
        ),
        (
            run(status="parked"),
            (gate("news", "signal"),),
            False,
            "waiting-signal",
            "a signal 'news'",
            "perdure signal r1 news -i JSON",
        ),
        (run(status="parked", wake_at=NOW + 1), (), False, "waiting-timer", "due 2027-01-15T08:00:00Z", RESUME),
        (run(status="parked", wake_at=NOW), (), False, "stale", "its timer was due 0:00:00 ago", RESUME),
        (
            run(status="parked", wake_at=NOW + 5000, reason=WAITS_FOR_RETRY),
            (),
            False,
            "retrying",
            "ship/call is tried again, due 2027-01-15T08:00:05Z",
            RESUME,
        ),
    ],
)
def test_a_run_says_how_it_stands(
    row: Run, gates: tuple[Gate, ...], held: bool | None, state: str, why: str, unblock: str | None
) -> None:
    seen = view(row, gates, NOW, held)

    assert seen.state == state
    assert why in seen.why
    assert unblock is None or seen.unblock == unblock
