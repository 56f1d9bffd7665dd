"""What an exception of litellm means, by its fields first and by its words last.

Providers say the same thing in different classes: 403 comes as three of them, and a quota as a rate limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

from perdure.agents.reply import AgentError, Cost, Kind

#: A provider that wants no longer a wait than this is only busy, whatever it says of quotas.
_BUSY: Final = timedelta(minutes=1)
#: No longer message is recorded, in characters.
_LONGEST: Final = 1000

_QUOTA: Final = re.compile(r"insufficient_quota|quota|billing|credit balance|usage limit", re.IGNORECASE)
_CONTEXT: Final = re.compile(
    r"context[ _](length|window)|maximum context|prompt is too long|too many (input )?tokens|input is too long"
    r"|exceeds the maximum number of tokens",
    re.IGNORECASE,
)
_POLICY: Final = re.compile(r"content[ _](policy|filter|management)|safety (system|filter)", re.IGNORECASE)
_NO_KEY: Final = re.compile(r"missing [\w ]*(api[ _]key|credentials)", re.IGNORECASE)
_DELAY: Final = re.compile(r'"?retryDelay"?:\s*"([\d.]+)s"')
#: What the provider itself said, within what litellm says of it.
_INNER: Final = re.compile(r'"message":\s*"((?:[^"\\]|\\.)*)"')
_PREFIX: Final = re.compile(r"^(litellm\.\w+: )+(\w+: )?(\w+Exception - )?")


def classified(error: Exception, now: datetime | None = None) -> AgentError:
    """The failure that an exception tells.

    Args:
        error: Whatever litellm raised.
        now: Against which a date in `Retry-After` counts; the current time by default.
    """
    inner = getattr(error, "original_exception", None)
    if _named(error, "MidStreamFallbackError") and isinstance(inner, Exception):
        error = inner  # which knows more
    text, status = str(error), _number(getattr(error, "status_code", None))
    unheard = _named(error, "APIConnectionError") or "Connection error" in text
    if unheard:
        status = None  # it bears a number though no server ever answered
    after = _retry_after(getattr(error, "litellm_response_headers", None) or {}, text, now or datetime.now(UTC))
    # Who refuses a request bills nothing for it. What a server did before it broke, nobody knows.
    cost = Cost(Decimal(0), "priced") if status is not None and 400 <= status < 500 else Cost()
    kind = _kind(error, status, text, after, unheard)
    return AgentError(kind, _said(error, text), status=status, retry_after=after, cost=cost)


def _number(status: object) -> int | None:
    """An HTTP status; gateways that answer 200 and put an error in the body put any word of theirs there."""
    found = re.fullmatch(r"[1-5]\d\d", str(status))
    return int(found[0]) if found else None


def _said(error: Exception, text: str) -> str:
    inner = _INNER.search(text)
    said = (inner[1] if inner else _PREFIX.sub("", text)).replace("\\'", "'")  # litellm prints some as bytes
    return " ".join(said.split())[:_LONGEST] or type(error).__name__


def _kind(error: Exception, status: int | None, text: str, after: timedelta | None, unheard: bool) -> Kind:
    if _named(error, "ContextWindowExceededError") or (status in (400, 413) and _CONTEXT.search(text)):
        return "context"
    if _named(error, "ContentPolicyViolationError") or (status == 400 and _POLICY.search(text)):
        return "refused"
    if status in (400, 402, 403, 429) and _QUOTA.search(text):
        return "rate" if after is not None and after <= _BUSY else "quota"
    if status in (401, 403) or _NO_KEY.search(text):
        return "auth"
    if status == 429 or "overloaded" in text.lower():
        return "rate"
    if status is None:
        return "transient" if unheard else "crashed"
    return "transient" if status >= 500 or status in (408, 409) else "config"


def _named(error: Exception, name: str) -> bool:
    """Whether it is of that class or of one below it; by name, for the classes need not be loaded to be known."""
    return any(cls.__name__ == name for cls in type(error).__mro__)


def _retry_after(headers: Mapping[str, str], text: str, now: datetime) -> timedelta | None:
    """How long the provider wants to be left alone: by header, in seconds or as a date, or by Gemini's own field."""
    named = {str(name).lower(): value for name, value in headers.items()}
    try:
        if "retry-after-ms" in named:
            return timedelta(milliseconds=max(0.0, float(named["retry-after-ms"])))
        if "retry-after" in named:
            return _seconds_or_date(named["retry-after"], now)
        found = _DELAY.search(text)
        return timedelta(seconds=float(found[1])) if found else None
    except (ValueError, TypeError, OverflowError):
        return None  # what cannot be read tells nothing


def _seconds_or_date(value: str, now: datetime) -> timedelta:
    try:
        return timedelta(seconds=max(0.0, float(value)))
    except ValueError:
        return max(timedelta(0), parsedate_to_datetime(value) - now)
