"""Models, asked through litellm: one turn is one completion.

litellm takes seconds to import and would fetch its list of prices from the network, so it is loaded on the first use,
in a thread, and told to use the list that it brings. Its own retries are off: each attempt is ours, and recorded.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import attrs

from perdure.agents.failures import classified
from perdure.agents.reply import AgentError, Call, Cost, Json, Reply, Tell, Text, Usage, Use
from perdure.agents.streaming import streamed
from perdure.agents.structured import instructed
from perdure.agents.tools import described
from perdure.core import codec
from perdure.core.agents import Model

if TYPE_CHECKING:
    from litellm import ModelResponse

#: It asks the network for its lists unless these are set before it is imported.
OFFLINE: Final = ("LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS")


def load() -> ModuleType:
    """litellm, without a word to the network or on the screen.

    Raises:
        ModuleNotFoundError: The extra `models` is not installed.
    """
    for variable in OFFLINE:
        os.environ.setdefault(variable, "True")
    import litellm

    litellm.suppress_debug_info = True
    # It puts values into its own classes that are none of theirs, and pydantic would say so on the screen.
    warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
    return litellm


async def speaker(agent: Model) -> Speaker:
    """Who speaks for a model.

    Raises:
        ModuleNotFoundError: The extra `models` is not installed.
        AgentError: There is no asyncio loop, which litellm needs.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise AgentError("config", "models are asked on asyncio only, and this loop is another") from None
    litellm = await asyncio.to_thread(load)
    native = agent.native if agent.native is not None else litellm.supports_response_schema(agent.model)
    return Speaker(agent, native)


@attrs.frozen
class Speaker:
    """Speaks for a model whose library is loaded."""

    agent: Model
    native: bool

    @property
    def name(self) -> str:
        """The model."""
        return self.agent.name

    async def answer(self, call: Call, tell: Tell) -> Reply:
        """One completion. The conversation is what was said after the task, for the task itself is recorded already.

        Raises:
            AgentError: There is no whole answer.
        """
        import litellm  # loaded: see `speaker`

        agent, live = self.agent, call.live and self.agent.stream
        said: list[Json] = [*(call.session or ())]
        said += [{"role": "tool", "tool_call_id": result.id, "content": result.text} for result in call.results]
        said += [{"role": "user", "content": call.message}] if call.message else []
        if call.session is not None:
            task = instructed(call.ask.prompt, call.schema, self.native)
            said.insert(0, {"role": "user", "content": task})
        tools = [*(described(tool) for tool in agent.tools), *call.tools]
        system = [{"role": "system", "content": agent.system}] if agent.system else []
        request: Json = {
            "model": agent.model,
            "messages": _sendable([*system, *said]),
            "base_url": agent.base_url,
            "api_key": _key(agent),
            "temperature": agent.temperature,
            "max_tokens": agent.max_tokens,
            "tools": tools or None,
            "tool_choice": "none" if tools and call.repair else None,
            "response_format": _format(call.schema) if call.schema is not None and self.native else None,
            "timeout": agent.timeout.total_seconds(),
            "num_retries": 0,
            "max_retries": 0,
        }
        try:
            whole = streamed(request, tell, agent.timeout) if live else litellm.acompletion(**request)
            response: ModelResponse = await whole
        except AgentError:
            raise
        except Exception as error:  # of some hundred classes; their fields say what happened
            raise classified(error) from None
        reply = _whole(response, call, said[1:], limited=agent.max_tokens is not None)
        if reply.text and not live:
            tell(Text(reply.text))
        return reply


def _sendable(tree: Json) -> Json:
    """A conversation as it can be sent: half a character, such as a tool may give, has no bytes and becomes a `?`."""
    match tree:
        case str():
            return tree.encode(errors="replace").decode()
        case list():
            return [_sendable(item) for item in tree]
        case dict():
            return {key: _sendable(item) for key, item in tree.items()}
        case _:
            return tree


def _key(agent: Model) -> str | None:
    if agent.key is None:
        return None
    key = os.environ.get(agent.key)
    if not key:
        raise AgentError("auth", f"the environment variable {agent.key} is not set")
    return key


def _format(schema: Mapping[str, Any]) -> Json:
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": _closed(schema)},
    }


def _closed(schema: Json) -> bool:
    """Whether it is of the part of schemas that providers hold a model to: all fields are known, and all are given."""
    match schema:
        case {"type": "object", "properties": properties, "required": required, "additionalProperties": False}:
            return set(properties) == set(required) and all(map(_closed, [*properties.values(), *_defs(schema)]))
        case {"type": "object"} | {"prefixItems": _} | {"const": _}:
            return False
        case {"anyOf": arms}:
            return all(map(_closed, [*arms, *_defs(schema)]))
        case {"items": items}:
            return all(map(_closed, [items, *_defs(schema)]))
        case _:
            return True


def _defs(schema: Json) -> Sequence[Json]:
    return list(schema.get("$defs", {}).values())


def _whole(response: ModelResponse, call: Call, before: list[Json], *, limited: bool = False) -> Reply:
    """The reply, if it is one. Its session is what was said after the task.

    Args:
        response: What came.
        call: What was asked.
        before: What was said after the task before.
        limited: Its length has a limit of ours; else who cut it was its provider.

    Raises:
        AgentError: It was cut short, withheld, declined or empty.
    """
    usage = _usage(response)
    cost = _cost(response) if usage != Usage() else Cost()  # litellm prices no tokens at nothing
    if not response.choices:
        raise AgentError("transient", "it answered nothing", usage=usage, cost=cost)
    choice = response.choices[0]
    text = choice.message.content or ""
    refusal = (choice.message.provider_specific_fields or {}).get("refusal")
    if refusal or choice.finish_reason == "content_filter":
        raise AgentError("refused", refusal or "its provider withheld the answer", usage=usage, cost=cost)
    if choice.finish_reason == "length":
        if limited:
            raise AgentError("budget", "the answer was longer than max_tokens allows", usage=usage, cost=cost)
        why = "the answer was longer than its provider lets it be: max_tokens= may let it be longer"
        raise AgentError("context", why, usage=usage, cost=cost)
    calls = choice.message.tool_calls or []
    if not text.strip() and call.schema is None and not calls:
        raise AgentError("transient", "it answered nothing", usage=usage, cost=cost)
    version = f"litellm {importlib.metadata.version('litellm')}"
    uses = tuple(Use(each.id, each.function.name or "", _input(each.function.arguments)) for each in calls)
    answer: Json = {"role": "assistant", "content": text}
    if uses:
        answer["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": use.name, "arguments": each.function.arguments}}
            for use, each in zip(uses, calls, strict=True)
        ]
    session = [*before, answer]
    return Reply(
        text=text, uses=uses, session=session, model=response.model or "", version=version, usage=usage, cost=cost
    )


def _input(arguments: str) -> Json:
    """What a tool is given. What is no JSON is passed on as it is, and told to the model as what does not fit.

    So is what Python alone takes for JSON, such as `NaN`: it could not be recorded, and the reply would be lost.
    """
    try:
        return codec.loads(arguments or "{}", Any)
    except codec.CodecError:
        return arguments


def _usage(response: ModelResponse) -> Usage:
    """Each token once: providers count what they read from a cache among what they read.

    Of what is no count nobody knows anything, and litellm says 0 where the provider says nothing: but no prompt is read
    in no tokens.
    """
    usage = getattr(response, "usage", None)
    if usage is None or min(usage.prompt_tokens, usage.completion_tokens) < 0 or usage.prompt_tokens == 0:
        return Usage()
    read, wrote = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = getattr(read, "cached_tokens", None) or 0
    written = getattr(read, "cache_creation_tokens", None) or 0
    among = cached + written if cached + written <= usage.prompt_tokens else 0  # some gateways count it beside
    return Usage(
        input=usage.prompt_tokens - among,
        output=usage.completion_tokens,
        cache_read=cached or None,
        cache_write=written or None,
        reasoning=getattr(wrote, "reasoning_tokens", None) or None,
    )


def _cost(response: ModelResponse) -> Cost:
    usd = response._hidden_params.get("response_cost")
    return Cost() if usd is None else Cost(Decimal(f"{usd:.10f}").normalize(), "priced")
