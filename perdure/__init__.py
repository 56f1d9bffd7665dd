"""Durable AI-agent workflows for Python, written as pure, typed descriptions.

A workflow says what should happen; an interpreter decides how. Every name loads on first use: a program that only
describes work loads no SQL and no event loop, and pytest, which imports perdure for its plugin, loads nothing at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perdure.agents.prompts import prompt
    from perdure.api import AsyncHandle, AsyncStore, Handle, Store, open, open_async, run_in_memory
    from perdure.core.agents import (
        Acp,
        Agent,
        Antigravity,
        ClaudeCode,
        Codex,
        Command,
        Gemini,
        Limits,
        McpServer,
        Model,
        OpenCode,
        Pi,
        Scripted,
    )
    from perdure.core.codec import register
    from perdure.core.effect import Do, Effect, Op, Outcome
    from perdure.core.estimate import Estimate, Span
    from perdure.core.faults import (
        Cancelled,
        Defect,
        Exhausted,
        Expired,
        Fault,
        Interrupted,
        RetriesExhausted,
        StepFault,
        StepTimedOut,
        TimedOut,
    )
    from perdure.core.leaves import Approved, Denied
    from perdure.core.operations import (
        approval,
        ask,
        branch,
        child,
        compensate,
        ensure,
        fail,
        fallback,
        for_each,
        loop,
        now,
        parallel,
        parallel_map,
        pure,
        race,
        retry,
        saga,
        scope,
        signal,
        sleep,
        sleep_until,
        step,
        suspend,
        timeout,
    )
    from perdure.core.retry import Retry
    from perdure.core.symbols import register_sample
    from perdure.core.workflow import workflow
    from perdure.interpreters.durable.state import Waiting
    from perdure.interpreters.handlers import Attempt, attempt
    from perdure.interpreters.plan.plan import Plan, plan

#: Where each name is taken from when it is first used.
_HOMES = {
    "Acp": "perdure.core.agents",
    "Agent": "perdure.core.agents",
    "Antigravity": "perdure.core.agents",
    "Approved": "perdure.core.leaves",
    "AsyncHandle": "perdure.api",
    "AsyncStore": "perdure.api",
    "Attempt": "perdure.interpreters.handlers",
    "Cancelled": "perdure.core.faults",
    "ClaudeCode": "perdure.core.agents",
    "Codex": "perdure.core.agents",
    "Command": "perdure.core.agents",
    "Defect": "perdure.core.faults",
    "Denied": "perdure.core.leaves",
    "Do": "perdure.core.effect",
    "Effect": "perdure.core.effect",
    "Estimate": "perdure.core.estimate",
    "Exhausted": "perdure.core.faults",
    "Expired": "perdure.core.faults",
    "Fault": "perdure.core.faults",
    "Gemini": "perdure.core.agents",
    "Handle": "perdure.api",
    "Interrupted": "perdure.core.faults",
    "Limits": "perdure.core.agents",
    "McpServer": "perdure.core.agents",
    "Model": "perdure.core.agents",
    "Op": "perdure.core.effect",
    "OpenCode": "perdure.core.agents",
    "Outcome": "perdure.core.effect",
    "Pi": "perdure.core.agents",
    "Plan": "perdure.interpreters.plan.plan",
    "RetriesExhausted": "perdure.core.faults",
    "Retry": "perdure.core.retry",
    "Scripted": "perdure.core.agents",
    "Span": "perdure.core.estimate",
    "StepFault": "perdure.core.faults",
    "StepTimedOut": "perdure.core.faults",
    "Store": "perdure.api",
    "TimedOut": "perdure.core.faults",
    "Waiting": "perdure.interpreters.durable.state",
    "approval": "perdure.core.operations",
    "ask": "perdure.core.operations",
    "attempt": "perdure.interpreters.handlers",
    "branch": "perdure.core.operations",
    "child": "perdure.core.operations",
    "compensate": "perdure.core.operations",
    "ensure": "perdure.core.operations",
    "fail": "perdure.core.operations",
    "fallback": "perdure.core.operations",
    "for_each": "perdure.core.operations",
    "loop": "perdure.core.operations",
    "now": "perdure.core.operations",
    "open": "perdure.api",
    "open_async": "perdure.api",
    "parallel": "perdure.core.operations",
    "parallel_map": "perdure.core.operations",
    "plan": "perdure.interpreters.plan.plan",
    "prompt": "perdure.agents.prompts",
    "pure": "perdure.core.operations",
    "race": "perdure.core.operations",
    "register": "perdure.core.codec",
    "register_sample": "perdure.core.symbols",
    "retry": "perdure.core.operations",
    "run_in_memory": "perdure.api",
    "saga": "perdure.core.operations",
    "scope": "perdure.core.operations",
    "signal": "perdure.core.operations",
    "sleep": "perdure.core.operations",
    "sleep_until": "perdure.core.operations",
    "step": "perdure.core.operations",
    "suspend": "perdure.core.operations",
    "timeout": "perdure.core.operations",
    "workflow": "perdure.core.workflow",
}

__all__ = [
    "Acp",
    "Agent",
    "Antigravity",
    "Approved",
    "AsyncHandle",
    "AsyncStore",
    "Attempt",
    "Cancelled",
    "ClaudeCode",
    "Codex",
    "Command",
    "Defect",
    "Denied",
    "Do",
    "Effect",
    "Estimate",
    "Exhausted",
    "Expired",
    "Fault",
    "Gemini",
    "Handle",
    "Interrupted",
    "Limits",
    "McpServer",
    "Model",
    "Op",
    "OpenCode",
    "Outcome",
    "Pi",
    "Plan",
    "RetriesExhausted",
    "Retry",
    "Scripted",
    "Span",
    "StepFault",
    "StepTimedOut",
    "Store",
    "TimedOut",
    "Waiting",
    "approval",
    "ask",
    "attempt",
    "branch",
    "child",
    "compensate",
    "ensure",
    "fail",
    "fallback",
    "for_each",
    "loop",
    "now",
    "open",
    "open_async",
    "parallel",
    "parallel_map",
    "plan",
    "prompt",
    "pure",
    "race",
    "register",
    "register_sample",
    "retry",
    "run_in_memory",
    "saga",
    "scope",
    "signal",
    "sleep",
    "sleep_until",
    "step",
    "suspend",
    "timeout",
    "workflow",
]


def __getattr__(name: str) -> Any:  # PEP 562; the types are in the block above
    if name not in _HOMES:
        raise AttributeError(f"module 'perdure' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
