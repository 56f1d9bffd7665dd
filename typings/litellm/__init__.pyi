# What perdure calls of litellm, and nothing else: a checker that followed the real one would take a minute and 80 MB.

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

suppress_debug_info: bool

class Function:
    name: str | None
    arguments: str

class ToolCall:
    id: str
    function: Function

class Message:
    content: str | None
    tool_calls: list[ToolCall] | None
    provider_specific_fields: Mapping[str, Any] | None

class Choice:
    finish_reason: str | None
    message: Message

class Details:
    cached_tokens: int | None
    cache_creation_tokens: int | None
    reasoning_tokens: int | None

class Usage:
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: Details | None
    completion_tokens_details: Details | None

class ModelResponse:
    model: str | None
    choices: list[Choice]
    usage: Usage
    _hidden_params: dict[str, Any]

class Delta:
    content: str | None

class StreamingChoices:
    delta: Delta
    finish_reason: str | None

class ModelResponseStream:
    choices: list[StreamingChoices]

class CustomStreamWrapper:
    completion_stream: AsyncIterator[Any] | None
    make_call: Callable[..., Any] | None
    chunks: list[ModelResponseStream]
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> ModelResponseStream: ...

# A ModelResponse; with stream=True a CustomStreamWrapper.
async def acompletion(**request: Any) -> Any: ...
def stream_chunk_builder(chunks: list[ModelResponseStream]) -> ModelResponse: ...
def supports_response_schema(model: str) -> bool: ...
def get_model_info(model: str) -> Mapping[str, Any]: ...
