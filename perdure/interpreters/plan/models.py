"""What a model may cost, by the list of prices that comes with litellm. It is read as a file: nothing is imported.

Without litellm, or for a model that is not in the list, nothing is known, and nothing is guessed.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from perdure.core.agents import Model
from perdure.core.estimate import UNKNOWN, UNPRICED, Estimate, Span
from perdure.core.leaves import Ask
from perdure.core.schema import NoSchema, json_schema

_LIST: Final = "model_prices_and_context_window_backup.json"

#: A token is as a rule four characters, and at the least one byte, of which a character has up to four.
_USUAL: Final = 0.25
_MOST: Final = 4
#: What is sent around a prompt, and what is said of a form that does not fit, in characters at the most.
_AROUND: Final = 1_000
_SAID: Final = 6_000
#: The failures that may be paid for, after which the same agent is asked again.
_PAID_FAILURES: Final = 2
#: Prices of what a workflow does not ask for: other tiers of service, and other things than text.
_OTHERWISE: Final = ("batches", "flex", "priority", "balanced", "ultrafast", "audio", "image", "video", "character")


def price_of(agent: Model, op: Ask[Any], chars: int | None) -> Estimate:
    """What one round with a model may cost: its first turn, those that repair the form, those after a fault.

    Args:
        agent: The model.
        op: What is asked.
        chars: The length of the prompt in characters; None where that depends on replies.
    """
    entry = _entry(agent.model)
    if entry is None or agent.tools or agent.mcp:  # nobody knows what a tool will say
        return UNPRICED
    schema = _schema(op.output)
    if schema is None:
        return UNPRICED
    repairs = 0 if op.output is str else op.repair
    turns = 1 + repairs + _PAID_FAILURES
    answer, window = agent.max_tokens or entry.get("max_output_tokens"), entry.get("max_input_tokens")
    # Whatever flows into a prompt, a turn reads no more than the model can.
    bounds = [turns * window] if isinstance(window, int) else []
    usual = None
    if chars is not None:
        first = chars + len(agent.system) + schema
        usual = first * _USUAL
        if isinstance(answer, int):  # each turn reads what was said in those before it
            again = answer + _MOST * (schema + _SAID)
            bounds.append(turns * _MOST * (first + _AROUND) + again * turns * (turns - 1) // 2)
    most = min(bounds, default=None)
    read = Span(0, None if most is None or usual is None else min(usual, most), most)
    written = Span(0, None, answer * turns if isinstance(answer, int) else None)
    return Estimate(tokens_in=read, tokens_out=written, usd=_usd(entry, read, written))


def _usd(entry: Mapping[str, Any], read: Span, written: Span) -> Span:
    reading, writing = _dearest(entry, "input_cost_per_token", "cache_creation"), _dearest(entry, "output_cost_per_")
    if read.max is None or written.max is None or reading is None or writing is None:
        return UNKNOWN
    return Span(0, None, read.max * reading + written.max * writing)


def _dearest(entry: Mapping[str, Any], *kinds: str) -> float | None:
    """The highest price of a token, whatever the length of the conversation and the use of a cache."""
    prices = [
        value
        for name, value in entry.items()
        if name.startswith(kinds) and "token" in name and isinstance(value, int | float)
        if not any(word in name for word in _OTHERWISE)
    ]
    return max(prices, default=None)


def _schema(output: Any) -> int | None:
    """How long the schema of an answer is, in characters; None where it has none."""
    if output is str:
        return 0
    try:
        return len(json.dumps(json_schema(output)))
    except NoSchema:
        return None


def _entry(model: str) -> Mapping[str, Any] | None:
    """What the list says of a model, under its full name or, of the same provider, under its own."""
    provider, _, own = model.partition("/")
    for name in (model, own):
        entry = _prices().get(name)
        if isinstance(entry, dict) and str(entry.get("litellm_provider", "")).startswith(provider):
            return entry
    return None


@functools.cache
def _prices() -> Mapping[str, Any]:
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    file = Path(spec.origin).with_name(_LIST)
    found = json.loads(file.read_text()) if file.is_file() else {}
    return found if isinstance(found, dict) else {}
