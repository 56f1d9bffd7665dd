"""When to try again, as data. Nothing here waits: interpreters ask how long, and record when."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TypeAlias

import attrs

from perdure.core.faults import Defect


def _positive(_: object, field: attrs.Attribute[timedelta], value: object) -> None:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise Defect(f"Retry({field.name}={value!r}): a duration is a timedelta that is not negative")


_Classes: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]


def _tuple(on: _Classes) -> tuple[type[BaseException], ...]:
    return on if isinstance(on, tuple) else (on,)


_MOST = timedelta(minutes=5)


@attrs.frozen
class Retry:
    """How often a step is tried, and how long it waits in between.

    Attributes:
        attempts: How many times at most, the first included. An attempt cut off by a crash is not counted.
        wait: Before the second attempt.
        factor: Each further wait is this much longer (exponential backoff).
        most: No single wait is longer. By default 5 minutes, or `wait` itself where that is longer.
        jitter: Up to this share of a wait is taken off it, by a hash of the idempotency key and the attempt:
            spread between runs, the same on every replay. Between 0 and 1.
        on: Which failures are tried again: classes of declared errors, or of what a step raised. All by default.
        within: No attempt starts later than this after the first one did. None: no such limit.

    Raises:
        Defect: A value that makes no sense.

    Example:
        >>> policy = Retry(attempts=4, wait=timedelta(seconds=2), jitter=0)
        >>> [policy.delay(n, "key") for n in (1, 2, 3)]
        [datetime.timedelta(seconds=2), datetime.timedelta(seconds=4), datetime.timedelta(seconds=8)]
    """

    attempts: int = 3
    wait: timedelta = attrs.field(default=timedelta(seconds=1), validator=_positive)
    factor: float = 2.0
    most: timedelta | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    jitter: float = 0.1
    on: tuple[type[BaseException], ...] = attrs.field(default=(Exception,), converter=_tuple)
    within: timedelta | None = None

    def __attrs_post_init__(self) -> None:
        if self.attempts < 1:
            raise Defect(f"Retry(attempts={self.attempts!r}): the first attempt counts, so at least 1")
        if not 0 <= self.jitter <= 1 or self.factor < 1:
            raise Defect(
                f"Retry(jitter={self.jitter!r}, factor={self.factor!r}): jitter is from 0 to 1, factor at least 1"
            )

    def delay(self, attempt: int, seed: str) -> timedelta:
        """How long to wait after this many attempts have failed.

        Args:
            attempt: 1 after the first failure.
            seed: The idempotency key of the step.
        """
        most = self.most if self.most is not None else max(self.wait, _MOST)
        seconds = min(self.wait.total_seconds() * self.factor ** min(attempt - 1, 64), most.total_seconds())
        return timedelta(seconds=seconds * (1 - self.jitter * spread(seed, attempt)))

    def again(self, failed: int, error: object, elapsed: timedelta, seed: str) -> timedelta | None:
        """How long to wait before the next attempt, or None when this failure is the end of it.

        Args:
            failed: How many attempts have failed by their own doing.
            error: What the last one failed with; what a step raised is the `__cause__` of its StepFault.
            elapsed: Since the first attempt began.
            seed: The idempotency key of the step.
        """
        cause = error.__cause__ if isinstance(error, BaseException) else None
        if failed >= self.attempts or not (
            isinstance(error, self.on) or isinstance(cause, self.on) or self.on == (Exception,)
        ):
            return None
        wait = self.delay(failed, seed)
        return None if self.within is not None and elapsed + wait > self.within else wait


def spread(seed: str, n: int) -> float:
    """A number from 0 to 1 that looks random and is the same for the same seed and n."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{n}".encode()).digest()[:6], "big") / 2**48
