# What perdure calls of litellm, and nothing else: a checker that followed the real one would take a minute and 80 MB.

from collections.abc import Mapping, Sequence
from typing import Any

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
    refusal: str | None

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
    _hidden_params: Mapping[str, Any]

async def acompletion(
    *,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    base_url: str | None = ...,
    api_key: str | None = ...,
    temperature: float | None = ...,
    max_tokens: int | None = ...,
    tools: Sequence[Mapping[str, Any]] | None = ...,
    tool_choice: str | None = ...,
    response_format: Mapping[str, Any] | None = ...,
    timeout: float | None = ...,
    num_retries: int = ...,
    max_retries: int = ...,
) -> ModelResponse: ...
def supports_response_schema(model: str) -> bool: ...
def get_model_info(model: str) -> Mapping[str, Any]: ...
