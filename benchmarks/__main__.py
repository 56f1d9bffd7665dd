"""`python -m benchmarks`: one table of what things cost."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator

import attrs

from benchmarks import agents, chains, fanout, imports, machine, resume
from benchmarks.table import Row, text_of

#: In the order in which they are printed.
ALL: tuple[Callable[[bool], Iterator[Row]], ...] = (
    machine.rows,
    chains.rows,
    fanout.rows,
    resume.rows,
    imports.rows,
    agents.rows,
)


def main(arguments: list[str]) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What a step costs, beside raw SQLite.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: half a minute")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 if a count or a ratio is over its bar")
    given = parser.parse_args(arguments)
    rows = [row for measure in ALL for row in measure(given.quick)]
    if given.json:
        print(json.dumps([attrs.asdict(row) for row in rows], indent=1))
    else:
        print(text_of(rows))
    over = any(row.bar and row.bar.kind != "absolute" and not row.bar.kept for row in rows)
    return 1 if given.check and over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
