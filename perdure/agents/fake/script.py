"""What a fake provider hears and says, the same for every protocol, and the scripts that lead from one to the other."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeAlias

import attrs

#: The protocols: OpenAI has two of them.
Api: TypeAlias = Literal["chat", "responses", "anthropic", "gemini"]
#: An object of JSON.
Json: TypeAlias = dict[str, Any]  # JSON trees have no better type in Python


@attrs.frozen
class Use:
    """The model wants a tool used.

    Attributes:
        name: The tool; of one in a namespace `namespace/name`.
        arguments: What it is given: an object, or the text that a free-form tool takes.
        id: Of the call; by default a fresh one.
    """

    name: str
    arguments: Json | str = attrs.field(factory=dict[str, Any])
    id: str = ""

    @property
    def text(self) -> str:
        """The arguments as text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@attrs.frozen
class Said:
    """One answer: what the model says, or, with another status than 200, the error of its provider.

    Attributes:
        text: What the model says.
        uses: The tools that it wants used.
        input_tokens: How many it says that it read, those from a cache aside.
        output_tokens: How many it says that it wrote.
        cached_tokens: How many it says that it read from a cache.
        finish: Why it stopped, as OpenAI chat says it: stop, length, content_filter.
        refusal: Why the model declines, as OpenAI chat says it beside an empty answer.
        status: Of HTTP.
        error: What the provider says, if the status is no success.
        error_type: The kind of error, in the provider's words; by default what belongs to the status.
        headers: Further ones, such as `retry-after`.
        delay: So much time passes before the first byte.
        cut: The connection breaks in the middle of the answer.
        short: A stream ends before its end, and as if nothing were the matter.
        parts: Into so many parts the text of a stream is cut.
        door: After the first part of a text the stream waits until this is set.
        counts: A stream says how many tokens it took.
        streams: The provider has streams; else it answers at once, whatever is asked for.
    """

    text: str = ""
    uses: tuple[Use, ...] = attrs.field(default=(), kw_only=True)
    input_tokens: int = attrs.field(default=11, kw_only=True)
    output_tokens: int = attrs.field(default=7, kw_only=True)
    cached_tokens: int = attrs.field(default=0, kw_only=True)
    finish: str = attrs.field(default="stop", kw_only=True)
    refusal: str = attrs.field(default="", kw_only=True)
    status: int = attrs.field(default=200, kw_only=True)
    error: str = attrs.field(default="scripted error", kw_only=True)
    error_type: str = attrs.field(default="", kw_only=True)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)
    delay: timedelta = attrs.field(default=timedelta(0), kw_only=True)
    cut: bool = attrs.field(default=False, kw_only=True)
    short: bool = attrs.field(default=False, kw_only=True)
    parts: int = attrs.field(default=1, kw_only=True)
    door: threading.Event | None = attrs.field(default=None, kw_only=True)
    counts: bool = attrs.field(default=True, kw_only=True)
    streams: bool = attrs.field(default=True, kw_only=True)

    @property
    def pieces(self) -> list[str]:
        """The text of a stream, part by part."""
        size = -(-len(self.text) // self.parts)
        return [self.text[at : at + size] for at in range(0, len(self.text), size or 1)]


@attrs.frozen(kw_only=True)
class Heard:
    """One request, of the same form for every protocol.

    Attributes:
        api: The protocol.
        path: Of its address.
        model: Which one is asked.
        stream: A stream is asked for.
        system: What the model is told before the conversation.
        prompt: The text of the last message of the user.
        turns: How many messages the conversation has.
        tools: The names of the tools that the model may use.
        results: What tools returned since the last message of the user.
        schema: The JSON Schema that the answer must fit.
        key: The key that it bore.
        headers: By their names in small letters.
        body: All of it.
    """

    api: Api
    path: str
    model: str
    stream: bool
    system: str
    prompt: str
    turns: int
    tools: tuple[str, ...]
    results: tuple[str, ...]
    schema: Json | None
    key: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: Json = attrs.field(repr=False)


#: What is answered to a request. It is called in a thread of the request.
Script: TypeAlias = Callable[[Heard], Said]


def in_order(*said: Said | str) -> Script:
    """The n-th answer to the n-th request, whoever asks; the last one for ever.

    Example:
        >>> from perdure.testing.models import Said, in_order
        >>> busy_once = in_order(Said(status=429, error="slow down"), "It is fine now.")
    """
    answers = _answers(said)
    position = itertools.count()
    return lambda _: answers[min(next(position), len(answers) - 1)]


def by_turn(*said: Said | str, aside: Said | str | None = None) -> Script:
    """The n-th answer after n results of tools: by the conversation itself, so that retries disturb nothing.

    Args:
        said: The answers.
        aside: What a request without any tool gets, such as one for a title.

    Example:
        >>> from perdure.testing.models import Said, Use, by_turn
        >>> looks_first = by_turn(Said(uses=(Use("weather", {"city": "Rome"}),)), "It is warm.")
    """
    answers = _answers(said)
    [other] = _answers([aside]) if aside is not None else [None]

    def script(heard: Heard) -> Said:
        if other is not None and not heard.tools:
            return other
        return answers[min(len(heard.results), len(answers) - 1)]

    return script


def _answers(said: Iterable[Said | str]) -> list[Said]:
    return [Said(each) if isinstance(each, str) else each for each in said]
