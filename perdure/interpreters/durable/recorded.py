"""All that is recorded of one run, as one value: what a resume reads, and what a history file holds."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from perdure.interpreters.durable.ports import Entry, Gate, Run, SignalRow


@attrs.frozen
class Recorded:
    """A run: its row, its journal, its gates (oldest first) and its inbox."""

    run: Run
    entries: Sequence[Entry]
    gates: Sequence[Gate] = ()
    signals: Sequence[SignalRow] = ()
