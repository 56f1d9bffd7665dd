"""How a run stands, as one pure function of its rows, its owner and the time.

Command line, API, web and everything else that people look at use this and nothing of their own. What is not known
is `unknown`, never guessed; every state that is not an end comes with a reason and the command that moves it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, assert_never

import attrs

from perdure.interpreters.durable.ports import Gate, Run

State: TypeAlias = Literal[
    "running",
    "waiting-approval",
    "waiting-signal",
    "waiting-timer",
    "retrying",
    "blocked",
    "paused",
    "stale",
    "failed",
    "cancelled",
    "dead",
    "succeeded",
    "unknown",
]


@attrs.frozen
class View:
    """A run for people.

    Attributes:
        why: One sentence; empty where the state says it all.
        unblock: The exact command that moves it on, if there is one.
    """

    run_id: str
    workflow: str
    state: State
    why: str
    unblock: str | None
    created_at: int
    finished_at: int | None


@attrs.frozen
class Waiting:
    """What `result()` answers for a run that waits: nothing is wrong, and no process is needed.

    Attributes:
        run_id: The run.
        state: Such as `waiting-approval`.
        why: For what, in one sentence.
        unblock: The command that moves it on.
    """

    run_id: str
    state: State
    why: str
    unblock: str | None


def view(run: Run, gates: Sequence[Gate], now: int, held: bool | None) -> View:
    """How a run stands.

    Args:
        run: Its row.
        gates: Its open gates, oldest first.
        now: Milliseconds since 1970.
        held: Whether a live worker has the right to it; None where that cannot be known.
    """
    state, why, unblock = _stand(run, gates, now, held)
    return View(run.run_id, run.workflow, state, why, unblock, run.created_at, run.finished_at)


def _stand(run: Run, gates: Sequence[Gate], now: int, held: bool | None) -> tuple[State, str, str | None]:
    resume = f"perdure resume {run.run_id}"
    reason: dict[str, Any] = json.loads(run.reason) if run.reason else {}
    match run.status:
        case "succeeded" | "failed" | "dead":
            return run.status, "", None
        case "cancelled":
            return "cancelled", run.cancel or "", None
        case "running":
            if held is None:
                return "unknown", "its worker cannot be looked at from here", f"perdure doctor {run.run_id}"
            if not held:
                return "stale", "its worker died or lost its lease in the middle of it", resume
            if asked := _asked(run, gates):
                return "running", f"driven by {run.owner}, and asks: {asked[0]}", asked[1]
            return "running", f"driven by {run.owner}", f"perdure watch {run.run_id}"
        case "ready":
            if run.cancel is not None:
                return "stale", "it is to be cancelled, and nobody drives it", resume
            if reason.get("kind") == "stopped":
                return "stale", f"its worker was stopped by {reason.get('why')}, and nobody drives it", resume
            return "stale", "it could go on, and nobody drives it", resume
        case "paused":
            return "paused", f"it was paused by {reason.get('why', 'somebody')}", resume
        case "blocked":
            return "blocked", f"{reason.get('kind', 'unknown')}: {reason.get('message', '')}", resume
        case "parked":
            return _parked(run, gates, now, reason, resume)
        case _:
            assert_never(run.status)


def _parked(
    run: Run, gates: Sequence[Gate], now: int, reason: dict[str, Any], resume: str
) -> tuple[State, str, str | None]:
    if run.wake_at is not None and run.wake_at <= now:
        return "stale", f"its timer was due {_ago(now - run.wake_at)} ago, and nobody drives it", resume
    if asked := _asked(run, gates):
        return "waiting-approval", *asked
    if gates:
        return "waiting-signal", f"a signal {gates[0].name!r}", f"perdure signal {run.run_id} {gates[0].name} -i JSON"
    due = f"due {moment(run.wake_at)}" if run.wake_at is not None else ""
    nearest = min((w for w in reason.get("waits", ()) if w.get("due")), key=lambda w: w["due"], default=None)
    if nearest is not None and nearest["kind"] == "retry":
        return "retrying", f"{nearest['path']} is tried again, {due}", resume
    return "waiting-timer", due, resume


def _asked(run: Run, gates: Sequence[Gate]) -> tuple[str, str] | None:
    """What a person is asked first, and the command that answers it."""
    asked = [gate for gate in gates if gate.kind != "signal"]
    if not asked:
        return None
    gate, more = asked[0], f" and {len(asked) - 1} more" if len(asked) > 1 else ""
    which = gate.name if sum(other.name == gate.name for other in asked) == 1 else gate.path
    command = f"perdure approve {run.run_id} {which}"
    if gate.kind == "answer":
        command = f"perdure answer {run.run_id} {which} -i JSON"
    prompt = f": {gate.prompt}" if gate.prompt else ""
    return f"{gate.name}{prompt}{more}", command


def moment(at: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ago(milliseconds: int) -> str:
    return str(timedelta(seconds=milliseconds // 1000))
