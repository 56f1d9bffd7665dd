"""The kind of a failure is told by what is structured first, and by the text of the error last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.agents.harness.kinds import kind_of, wait_in


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, "", "", "auth"),
        (403, "", "", "auth"),
        (402, "", "", "quota"),
        (404, "", "", "config"),
        (400, "", "", "config"),
        (408, "", "", "transient"),
        (413, "", "", "context"),
        (429, "", "", "rate"),
        (500, "", "", "transient"),
        (503, "", "", "transient"),
        (529, "", "", "rate"),
        (429, "insufficient_quota", "", "quota"),
        (429, "", "You exceeded your current quota", "quota"),
        (400, "", "prompt is too long: 300000 tokens", "context"),
        (None, "ContextOverflowError", "", "context"),
        (None, "authentication_error", "", "auth"),
        (None, "", "unexpected status 401 Unauthorized", "auth"),
        (None, "", "429 rate limited", "rate"),
        (None, "", "Not logged in · Please run /login", "auth"),
        (None, "", "You've hit your usage limit. Try again in 3 hours", "quota"),
        (None, "", "stream disconnected before completion", "transient"),
        (None, "", "model: fake-model not found", "config"),
        (None, "", "something else", "crashed"),
        # A number in a structured field counts more than any in the text.
        (500, "", "while the last request said 401", "transient"),
        # Numbers that only look like one.
        (None, "", "port 4011 of 127.0.0.401 at 5000", "crashed"),
    ],
)
def test_an_error_has_a_kind(status: int | None, code: str, message: str, kind: str) -> None:
    assert kind_of(status, code, message, otherwise="crashed") == kind


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 20s.", 20),
        ("try again in 1.5s", 1.5),
        ("try again in 3 days 4 hours 5 minutes", 3 * 86400 + 4 * 3600 + 5 * 60),
        ("retry after 30 seconds", 30),
        ("Please try again in 250ms", 0.25),
    ],
)
def test_how_long_to_wait_is_read_where_it_is_said(message: str, seconds: float) -> None:
    assert wait_in(message) == timedelta(seconds=seconds)


def test_where_it_is_not_said_nothing_is_made_up() -> None:
    assert wait_in("it failed after 20s, and I will not try again") is None
