"""Retry: exponential, capped, spread by the key, limited by attempts, error type and deadline."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from perdure import Fault, Retry, StepFault
from perdure.core.retry import spread

NOTHING = timedelta(0)
keys = st.text(max_size=20)


def fault(cause: Exception | None = None) -> StepFault:
    made = StepFault("s", "E", "r")
    made.__cause__ = cause
    return made


def test_three_attempts_are_the_default() -> None:
    policy = Retry()
    assert policy.again(1, fault(), NOTHING, "k") is not None
    assert policy.again(2, fault(), NOTHING, "k") is not None
    assert policy.again(3, fault(), NOTHING, "k") is None


def test_waits_grow_by_the_factor_up_to_the_cap() -> None:
    policy = Retry(attempts=9, wait=timedelta(seconds=1), factor=3, most=timedelta(seconds=20), jitter=0)
    assert [policy.delay(n, "k").total_seconds() for n in range(1, 6)] == [1, 3, 9, 20, 20]


def test_a_first_wait_beyond_the_default_cap_is_not_cut() -> None:
    policy = Retry(attempts=9, wait=timedelta(hours=1), jitter=0)
    assert policy.delay(3, "k") == timedelta(hours=1)


def test_a_huge_count_of_attempts_does_not_overflow() -> None:
    assert Retry(attempts=10**6, jitter=0).delay(10**6, "k") == timedelta(minutes=5)


@given(keys, st.integers(1, 50), st.floats(0, 1))
def test_jitter_only_shortens_by_its_share_and_is_the_same_on_every_replay(
    key: str, attempt: int, jitter: float
) -> None:
    policy, plain = Retry(jitter=jitter), Retry(jitter=0)
    delay, full = policy.delay(attempt, key), plain.delay(attempt, key)
    assert full * (1 - jitter) - timedelta(microseconds=1) <= delay <= full
    assert delay == policy.delay(attempt, key)


def test_jitter_differs_between_runs() -> None:
    policy = Retry(jitter=1)
    assert len({policy.delay(1, f"key-{n}") for n in range(100)}) > 90


@given(keys, st.integers(0, 1000))
def test_a_spread_is_a_share(key: str, n: int) -> None:
    assert 0 <= spread(key, n) < 1


def test_only_named_failures_are_tried_again_by_their_class_or_their_cause() -> None:
    policy = Retry(on=OSError)  # type: ignore[arg-type]  # one class is taken for a tuple of one
    assert policy.again(1, fault(ConnectionError()), NOTHING, "k") is not None
    assert policy.again(1, fault(ValueError()), NOTHING, "k") is None
    assert policy.again(1, OSError(), NOTHING, "k") is not None
    assert Retry(on=(Fault,)).again(1, fault(), NOTHING, "k") is not None


def test_a_failure_that_is_no_exception_is_tried_again_by_default_only() -> None:
    assert Retry().again(1, "text", NOTHING, "k") is not None
    assert Retry(on=(OSError,)).again(1, "text", NOTHING, "k") is None


def test_no_attempt_starts_after_the_deadline() -> None:
    policy = Retry(attempts=99, wait=timedelta(seconds=10), jitter=0, within=timedelta(minutes=1))
    assert policy.again(1, fault(), timedelta(seconds=50), "k") == timedelta(seconds=10)
    assert policy.again(1, fault(), timedelta(seconds=51), "k") is None
