"""Where a real program works in these tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def room() -> Iterator[Path]:
    """An empty home and an empty folder, below the real home: some trust nothing below a folder that all may write."""
    root = Path(tempfile.mkdtemp(prefix="perdure-harness-", dir=Path.home()))
    for name in ("home", "work"):
        (root / name).mkdir()
    yield root
    shutil.rmtree(root, ignore_errors=True)
