"""In whose agents this process runs: by the mark that every process of an agent bears, and all around it do too.

An agent can take the mark out of the environment of what it starts, but not out of its own, so the processes above this
one are asked too. The uppermost process of an agent is our own shim, which orphans come back to. Without /proc (macOS)
only this process is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from perdure.agents.shim import MARK, above, marks


def runs_around(mine: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The ids of the runs whose agents this process belongs to: several, where one agent started the next."""
    return frozenset(mark.partition("/")[0] for mark in _marks(mine) if mark)


def _marks(mine: Mapping[str, str]) -> Iterator[str]:
    yield mine.get(MARK, "")
    for pid in above(os.getpid()):
        yield from marks(pid)
