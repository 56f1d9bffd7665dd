"""Workflows in files, as a run finds them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from perdure.interpreters.durable.adapters import places


def loaded(file: Path, workflow: str) -> Any:
    """The module of a file, as a run of a workflow in it will find it again."""
    block = places.load(places.Target(f"{file}:{workflow}", str(file.parent)))
    return sys.modules[block.fn.__module__]
