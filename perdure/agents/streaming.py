"""A reply of a model part by part: told as it comes, and put together to the same response as one that comes at once.

litellm ends every stream with a last word of its own, whether the provider gave one or the answer broke off in the
middle, and passes no refusal on. So both are read before litellm reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from perdure.agents.reply import AgentError, Json, Tell, Text

if TYPE_CHECKING:
    from litellm import CustomStreamWrapper, ModelResponse


#: What mends it where the server knows no streams.
_NO_STREAMS: Final = "; if its server has no streams, say so: Model(…, stream=False)"


async def streamed(request: Json, tell: Tell, timeout: timedelta) -> ModelResponse:
    """The response to a request, told while it comes.

    Args:
        request: As for `litellm.acompletion`, which must be loaded.
        tell: Is told each part of the text.
        timeout: How long all of it may take; the library's own is between two parts.

    Raises:
        AgentError: It broke off, or took too long.
    """
    import litellm

    parts = []
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            stream: CustomStreamWrapper = await litellm.acompletion(
                **request, stream=True, stream_options={"include_usage": True}
            )
            raw = _Raw.of(stream)
            async for part in stream:
                parts.append(part)
                if part.choices and (delta := part.choices[0].delta.content):
                    tell(Text(delta))
    except TimeoutError:
        raise AgentError("transient", f"it took longer than {timeout}") from None
    if not raw.ended(stream):
        spoken = any(part.choices and part.choices[0].delta.content for part in parts)
        why = "its answer broke off in the middle" if spoken else f"its stream held no answer{_NO_STREAMS}"
        raise AgentError("transient", why)
    response: ModelResponse = litellm.stream_chunk_builder(parts)
    if raw.refusal:
        response.choices[0].message.provider_specific_fields = {"refusal": raw.refusal}
    if not any(getattr(part, "usage", None) for part in stream.chunks):  # then what it says of tokens is a guess
        del response.usage
        response._hidden_params.pop("response_cost", None)
    return response


@attrs.define
class _Raw:
    """What a provider says that litellm keeps for itself.

    Attributes:
        refusal: Why the model declines, by OpenAI's field of its own.
        finishes: Whether the last word of the provider is read here; else litellm's own list of parts has it.
        finished: It was read.
    """

    refusal: str = ""
    finishes: bool = False
    finished: bool = False

    @classmethod
    def of(cls, stream: CustomStreamWrapper) -> _Raw:
        """Look into a stream that nobody has read from."""
        raw, inner = cls(), stream.completion_stream
        if inner is not None and _module(inner).partition(".")[0] == "openai":
            stream.completion_stream = raw._openai(inner)
        elif stream.make_call is not None:
            stream.make_call = raw._made(stream.make_call)
        return raw

    def ended(self, stream: CustomStreamWrapper) -> bool:
        """Whether the provider said that its answer ends where it ended."""
        return self.finished if self.finishes else any(c.finish_reason for part in stream.chunks for c in part.choices)

    async def _openai(
        self, parts: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:  # Any: whatever the library of OpenAI reads
        async for part in parts:
            if part.choices and part.choices[0].delta is not None:
                self.refusal += getattr(part.choices[0].delta, "refusal", None) or ""
            yield part

    def _made(self, make_call: Callable[..., Any]) -> Callable[..., Any]:  # Any: litellm gives them no types
        """Gemini's parts: litellm says `stop` for each of them that gives no reason to end."""

        async def made(*args: Any, **kwargs: Any) -> Any:
            parser = await make_call(*args, **kwargs)
            if _module(parser).endswith("_gemini"):
                self.finishes, parse = True, parser.chunk_parser

                def parsed(chunk: Any) -> Any:
                    ends = [candidate.get("finishReason") for candidate in chunk.get("candidates") or ()]
                    self.finished = self.finished or any(ends) or "promptFeedback" in chunk
                    return parse(chunk)

                parser.chunk_parser = parsed
            return parser

        return made


def _module(thing: object) -> str:
    """Where a class comes from: by name, for to import it would be to check all that it imports."""
    return type(thing).__module__
