"""What `import perdure` costs, and what it does not load."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.table import Row, at_most

#: Loaded when a database, an event loop, a command line or a model is used, and not before.
LATER = (
    "alembic",
    "anyio",
    "asyncio",
    "click",
    "litellm",
    "pydantic",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
)

_TIMED = """
import json, sys, time
cpu = time.process_time()
import perdure
print(json.dumps([time.process_time() - cpu, sorted(sys.modules)]))
"""


def rows(quick: bool) -> Iterator[Row]:
    """CPU of the import, and how many modules it loads."""
    imported = [_import() for _ in range(3 if quick else 9)]
    spent = statistics.median(cpu for cpu, _ in imported)
    yield Row("import perdure, CPU", 1, f"{spent * 1000:.0f} ms")
    yield Row("import perdure, modules", len(imported[0][1]), "")
    yield from counted()


def counted() -> Iterator[Row]:
    """How many of the packages that come later are there already."""
    early = sorted({module.partition(".")[0] for module in _import()[1]} & set(LATER))
    bar = at_most(0, len(early), "counted")
    yield Row("import perdure, early packages", len(LATER), ", ".join(early) or "none", bar=bar)


def _import() -> tuple[float, list[str]]:
    done = subprocess.run([sys.executable, "-c", _TIMED], capture_output=True, text=True, check=True)
    cpu, modules = json.loads(done.stdout)
    return cpu, modules
