"""What an exception of the library says in fields and words is told as one kind, with the wait that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.agents.failures import classified

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class APIConnectionError(Exception):
    """As the library names what never came to a server."""


def error(status: int | None, text: str, **headers: str) -> Exception:
    raised: Any = Exception(text)
    raised.status_code, raised.litellm_response_headers = status, {k.replace("_", "-"): v for k, v in headers.items()}
    return raised  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("headers", "text", "wait"),
    [
        ({"retry_after": "20"}, "busy", timedelta(seconds=20)),
        ({"Retry_After": "1.5"}, "busy", timedelta(seconds=1.5)),
        ({"retry_after": "Tue, 01 Jan 2030 00:01:00 GMT"}, "busy", timedelta(minutes=1)),
        ({"retry_after": "Mon, 31 Dec 2029 00:00:00 GMT"}, "busy", timedelta(0)),
        ({"retry_after_ms": "250", "retry_after": "1"}, "busy", timedelta(milliseconds=250)),
        ({"retry_after": "-5"}, "busy", timedelta(0)),
        ({"retry_after": "soon"}, "busy", None),
        ({"retry_after": "inf"}, "busy", None),
        ({}, '{"error": {"details": [{"retryDelay": "34s"}]}}', timedelta(seconds=34)),
        ({}, '{"error": {"details": [{"retryDelay": "1.2.3s"}]}}', None),
        ({}, f'{{"error": {{"details": [{{"retryDelay": "{"9" * 40}s"}}]}}}}', None),
        ({}, "busy", None),
    ],
)
def test_how_long_to_wait_is_read_as_providers_write_it(
    headers: dict[str, str], text: str, wait: timedelta | None
) -> None:
    assert classified(error(429, text, **headers), NOW).retry_after == wait


@pytest.mark.parametrize(("status", "kind"), [("429", "rate"), ("rate_limit", "crashed"), (0, "crashed")])
def test_a_status_that_is_no_number_is_none(status: Any, kind: str) -> None:
    assert classified(error(status, "busy"), NOW).kind == kind


def test_a_quota_that_resets_within_the_minute_is_only_a_rate() -> None:
    text = "You exceeded your current quota"

    assert classified(error(429, text, retry_after="30"), NOW).kind == "rate"
    assert classified(error(429, text, retry_after="3600"), NOW).kind == "quota"
    assert classified(error(429, text), NOW).kind == "quota"


def test_words_are_believed_only_where_the_status_leaves_it_open() -> None:
    assert classified(error(500, "the quota service is down"), NOW).kind == "transient"
    assert classified(error(401, "prompt is too long"), NOW).kind == "auth"


def test_what_never_came_to_a_server_bears_no_status() -> None:
    gone: Any = APIConnectionError("no route")
    gone.status_code = 500

    told = classified(gone, NOW)

    assert (told.kind, told.status, told.cost.source) == ("transient", None, "unknown")


def test_what_nobody_foresaw_counts_as_a_crash_and_says_what_it_was() -> None:
    told = classified(TypeError("unhashable"), NOW)

    assert (told.kind, told.message) == ("crashed", "unhashable")


def test_the_message_is_what_the_provider_said_in_one_line() -> None:
    text = 'litellm.AuthenticationError: AnthropicException - {"type": "error", "error": {"message": "bad \\nkey"}}'

    assert classified(error(401, text), NOW).message == "bad \\nkey"
    assert classified(error(404, "litellm.NotFoundError: OpenAIException - no\nmodel"), NOW).message == "no model"
    assert len(classified(error(400, "x" * 100_000), NOW).message) == 1000
