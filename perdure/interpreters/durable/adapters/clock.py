"""Time, as the machine tells it."""

from __future__ import annotations

import time
from typing import Final

#: Counts while the machine sleeps, so that a lease cannot outlive a suspended laptop. macOS has no such clock by this
#: name; its monotonic clock stands still in sleep, and then only delays a takeover.
_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The clock of this machine."""

    def now(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def boot(self) -> int:
        """Milliseconds since boot."""
        return time.clock_gettime_ns(_BOOT) // 1_000_000
