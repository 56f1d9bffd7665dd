"""Which kind of failure it is: by the structured fields of an error first, then by its text.

Only ever the text of an error. What an agent says, or what its tools print, may quote any number: an agent that read
`401` in a log has not lost its key.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from perdure.agents.reply import Kind

#: What a service calls it, in the order in which it counts: a used-up quota has the status of a rate limit.
_CODES: Final[dict[Kind, str]] = {
    "quota": r"insufficient_quota|usage_limit|quota_exceeded|billing",
    "context": r"context_length|context_?overflow|context_window|prompt_too_long",
    "auth": r"authentication|unauthori[sz]ed|unauthenticated|invalid_api_key|permission_?denied|ProviderAuth",
    "rate": r"rate_?limit|overloaded|resource_exhausted|too_many_requests",
    "refused": r"(content|cyber|bio)_policy|content_filter|policy_violation|refusal",
    "config": r"not_found|(invalid|bad)_request|invalid_argument|unsupported",
    "transient": r"server_error|api_error|unavailable|timeout",
}
#: What it says in its text.
_TEXTS: Final[dict[Kind, str]] = {
    "quota": r"exceeded your current quota|quota exceeded|usage limit|credit balance|insufficient_quota|out of credits",
    "context": r"prompt is too long|context[ _](?:length|window)|maximum context|input is too long|ran out of room"
    r"|exceeds the maximum number of tokens",
    "auth": r"not logged in|please run /login|(?:invalid|incorrect) (?:api|x-api)[ -]key|set an auth method|no api key"
    r"|api key (?:is )?(?:missing|not|invalid)",
    "rate": r"rate.?limit|too many requests|overloaded",
    "refused": r"content policy|content filter|unable to respond to this request",
    "config": r"model[^.]{0,80}(?:not found|does not exist)|unknown model|no such model",
}
_LATER: Final = re.compile(
    r"stream (disconnected|closed|error)|high demand|temporary error"
    r"|connection|econn|socket|network|fetch failed|timed? ?out|terminated|premature"
    r"|aborted|eof|incomplete|unmarshal",
    re.IGNORECASE,
)
_STATUS: Final = re.compile(r"(?<![\d.])(400|401|402|403|404|408|413|422|429|5\d\d)(?![\d.]*\d)")
_WAIT: Final = re.compile(
    r"(?:try again|retry|reset[s]?|available) (?:again )?(?:in|after) "
    r"((?:(?:about )?\d+(?:\.\d+)? ?(?:days?|hours?|minutes?|seconds?|ms|d|h|m|s)\b[, ]*(?:and )?)+)",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?) ?(days?|hours?|minutes?|seconds?|ms|d|h|m|s)", re.IGNORECASE)
_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def kind_of(status: int | None, code: str, message: str, *, otherwise: Kind) -> Kind:
    """The kind of an error.

    Args:
        status: Of the HTTP response, where the harness tells it.
        code: What the service calls it, where the harness tells it.
        message: The text of the error.
        otherwise: Where none of them says anything.
    """
    named, told = _first(_CODES, code), _first(_TEXTS, message)
    if status is None and (found := _STATUS.search(message)):
        status = int(found[1])
    # A wording tells a quota from a rate limit, and a prompt that is too long from any other bad request.
    if told in ("quota", "context") and (status is None or status in (400, 402, 403, 413, 429)):
        return told
    if named in ("quota", "context"):
        return named
    by_status = _by_status(status)
    if by_status is not None:
        return by_status
    if named is not None:
        return named
    return told or ("transient" if _LATER.search(message) else otherwise)


def _first(table: dict[Kind, str], text: str) -> Kind | None:
    return next((kind for kind, words in table.items() if re.search(words, text, re.IGNORECASE)), None)


def _by_status(status: int | None) -> Kind | None:
    match status:
        case None:
            return None
        case 401 | 403:
            return "auth"
        case 402:
            return "quota"
        case 413:
            return "context"
        case 429 | 529:
            return "rate"
        case 408:
            return "transient"
        case _ if status >= 500:
            return "transient"
        case _ if status >= 400:
            return "config"
        case _:
            return None


def wait_in(message: str) -> timedelta | None:
    """How long an error asks us to wait, where its text says so."""
    found = _WAIT.search(message)
    if found is None:
        return None
    seconds = 0.0
    for number, unit in _PART.findall(found[1]):
        seconds += float(number) * (0.001 if unit.lower() == "ms" else _UNITS[unit[0].lower()])
    return timedelta(seconds=seconds)
