"""How a run comes to rest, and how its end is written and read."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from perdure.core import codec, outcomes
from perdure.core.codec import CodecError
from perdure.core.effect import Call, Outcome
from perdure.core.faults import Cancelled
from perdure.core.workflow import members
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import Run


@attrs.frozen
class Finished:
    """The run has ended."""

    outcome: Outcome[Any, Any]


@attrs.frozen
class Parked:
    """The run waits, without a process: `waits` says for what, `wake_at` (ms since 1970) when a timer is due."""

    waits: tuple[dict[str, Any], ...]
    wake_at: int | None


@attrs.frozen
class Stopped:
    """The worker was told to stop; all that ended is recorded, and the run can go on elsewhere."""

    why: str


Rest: TypeAlias = Finished | Parked | Stopped


def _types(call: Call[Any, Any]) -> tuple[Any, tuple[Any, ...]]:
    output, error = call.block.hints
    return output, (*members(error), Cancelled)


def dump_end(call: Call[Any, Any], outcome: Outcome[Any, Any]) -> tuple[str, Finished]:
    """A run's end as text, and as everybody will see it from now on: what cannot be read must not be written.

    Raises:
        CodecError: It does not fit the workflow's types.
    """
    payload, seen = outcomes.recorded(outcome, *_types(call))
    return payload, Finished(seen)


def recorded_end(call: Call[Any, Any], run: Run) -> Outcome[Any, Any]:
    """The outcome of a run that has ended.

    Raises:
        Corrupt: Its row was changed after it was written, or does not fit its types.
    """
    try:
        if run.outcome is not None and codec.digest(run.outcome) == run.outcome_digest:
            return outcomes.load(run.outcome, *_types(call))
        why = "it was changed after it was written"
    except CodecError as error:
        why = str(error)
    raise Corrupt(f"the recorded end of run {run.run_id} cannot be read: {why}. Restore a backup; see: perdure doctor")
