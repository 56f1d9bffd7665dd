"""Milliseconds, as rows have them, and what Python makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_1970: Final = datetime.fromtimestamp(0, UTC)
_ONE: Final = timedelta(milliseconds=1)


def millis(span: timedelta) -> int:
    """A duration in whole milliseconds, rounded up, so that nothing fires early."""
    return -(-span // _ONE)


def at(when: datetime) -> int:
    """An aware datetime in milliseconds since 1970, rounded up."""
    return millis(when - _1970)


def moment(at: int) -> datetime:
    """Milliseconds since 1970 as a datetime (UTC)."""
    return _1970 + at * _ONE
