"""Durable AI-agent workflows for Python, written as pure, typed descriptions.

A workflow says what should happen; an interpreter decides how. What runs (SQL, event loops, the command line)
loads on first use: importing perdure costs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.core.agents import Agent, Model, Scripted
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
from perdure.core.workflow import workflow

if TYPE_CHECKING:
    from perdure.agents.prompts import prompt
    from perdure.api import AsyncHandle, AsyncStore, Handle, Store, open, open_async, run_in_memory
    from perdure.core.symbols import register_sample
    from perdure.interpreters.durable.state import Waiting
    from perdure.interpreters.handlers import Attempt, attempt
    from perdure.interpreters.plan.plan import Plan, plan

#: What loads on first use, and from where.
_LATER = {
    "AsyncHandle": "perdure.api",
    "AsyncStore": "perdure.api",
    "Attempt": "perdure.interpreters.handlers",
    "Handle": "perdure.api",
    "Plan": "perdure.interpreters.plan.plan",
    "Store": "perdure.api",
    "Waiting": "perdure.interpreters.durable.state",
    "attempt": "perdure.interpreters.handlers",
    "open": "perdure.api",
    "open_async": "perdure.api",
    "plan": "perdure.interpreters.plan.plan",
    "prompt": "perdure.agents.prompts",
    "register_sample": "perdure.core.symbols",
    "run_in_memory": "perdure.api",
}

__all__ = [
    "Agent",
    "Approved",
    "AsyncHandle",
    "AsyncStore",
    "Attempt",
    "Cancelled",
    "Defect",
    "Denied",
    "Do",
    "Effect",
    "Estimate",
    "Exhausted",
    "Expired",
    "Fault",
    "Handle",
    "Interrupted",
    "Model",
    "Op",
    "Outcome",
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
    if name not in _LATER:
        raise AttributeError(f"module 'perdure' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
