"""For users' tests.

Everything loads on first use: pytest may import this package in every session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.testing.histories import replay_all

#: What loads on first use, and from where.
_LATER = {
    "replay_all": "perdure.testing.histories",
}

__all__ = [
    "replay_all",
]


def __getattr__(name: str) -> Any:  # PEP 562; the types are in the block above
    if name not in _LATER:
        raise AttributeError(f"module 'perdure.testing' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
