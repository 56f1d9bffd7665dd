"""What is done in an emergency, one action after the other: the riskier it is, the more people must say yes before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, Literal, TypeAlias, overload

import attrs
from typing_extensions import TypeVar

from perdure.components.halted import Halted, stage
from perdure.core.effect import Do, Effect
from perdure.core.faults import Expired
from perdure.core.leaves import Approved, Denied
from perdure.core.operations import approval, fail
from perdure.core.workflow import workflow

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
E = TypeVar("E")
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E_co = TypeVar("E_co", covariant=True)

#: How much can go wrong: `safe` things are done unasked, `risky` ones are approved, `critical` ones by two people.
Risk: TypeAlias = Literal["safe", "risky", "critical"]

_GATES: Mapping[Risk, tuple[str, ...]] = {"safe": (), "risky": ("approve",), "critical": ("approve", "confirm")}


@attrs.frozen
class Action(Generic[A_co, E_co]):
    """An action of a runbook.

    Attributes:
        effect: What is done.
        risk: How much can go wrong. It must be said: nothing is safe by default.
        show: What whoever is asked is shown. An approval is for exactly this.
    """

    effect: Effect[A_co, E_co]
    risk: Risk = attrs.field(kw_only=True, validator=attrs.validators.in_(_GATES))
    show: object = attrs.field(kw_only=True, default=None)


@overload
def runbook(
    actions: Mapping[str, Action[A, E]], *, expires: None = ...
) -> Effect[dict[str, A], Halted[dict[str, A], E | Denied]]: ...
@overload
def runbook(
    actions: Mapping[str, Action[A, E]], *, expires: timedelta
) -> Effect[dict[str, A], Halted[dict[str, A], E | Denied | Expired]]: ...
def runbook(actions: Mapping[str, Action[Any, Any]], *, expires: timedelta | None = None) -> Effect[Any, Any]:
    """Do one action after the other, each only after as many people said yes as its risk asks for.

    ```text
    safe     ───────────────────────► done ──► the next action
    risky    ──► approve ───────────► done ──► the next action
    critical ──► approve ─► confirm ► done ──► the next action
                    │          │        │
                    └──────────┴────────┴──► denied, expired, failed, or twice the same person ──► Halted
    ```

    The gates of an action are called `approve-NAME` and `confirm-NAME`. They are opened when it is the action's turn,
    so whoever is asked can know what the actions before it did. In a `saga` a denial takes back what was done.

    Args:
        actions: By name, in their order; the names are part of the keys.
        expires: If given, a gate closes this long after it was opened.

    Returns:
        What each action did, by name: all of them.

    Raises:
        Halted: An action was denied, or failed; nothing of any later one happened. `because` is the `Denied` or the
            failure, `state` is what the actions before it did. A critical action that the same person approved and
            confirmed is denied; people who do not say who they are count as one.

    Example:
        >>> from perdure import Approved, step
        >>> from perdure.components import Action, runbook
        >>> from perdure.testing import simulate
        >>> @step
        ... def run(command: str) -> str:
        ...     return f"{command}: ok"
        >>> failover = runbook({
        ...     "look": Action(run("status"), risk="safe"),
        ...     "drain": Action(run("drain eu"), risk="risky", show="eu serves 4 users"),
        ...     "promote": Action(run("promote us"), risk="critical"),
        ... })
        >>> ann, ben = Approved(by="ann"), Approved(by="ben")
        >>> simulate(failover, answers={"approve-drain": ann, "approve-promote": ann, "confirm-promote": ben}).value()
        {'look': 'status: ok', 'drain': 'drain eu: ok', 'promote': 'promote us: ok'}
        >>> halted = simulate(failover, answers={"approve-drain": ann, "approve-promote": ann, "confirm-promote": ann})
        >>> halted.outcome.failure().at, halted.outcome.failure().because.note
        ('promote', 'approved and confirmed by the same person')
    """
    return _run(actions, lambda gate, show: approval(gate, show=show, expires=expires))


@workflow(name="runbook")
def _run(
    actions: Mapping[str, Action[A, E1]], ask: Callable[[str, object], Effect[Approved | Denied, E2]]
) -> Do[dict[str, A], Halted[dict[str, A], E1 | E2 | Denied]]:
    done: dict[str, A] = {}
    for name, action in actions.items():
        gates = [ask(f"{gate}-{name}", action.show) for gate in _GATES[action.risk]]
        done[name] = yield from stage(name, _allowed(gates, action.effect), dict(done))
    return done


def _allowed(gates: Sequence[Effect[Approved | Denied, E2]], effect: Effect[A, E1]) -> Effect[A, E1 | E2 | Denied]:
    return _passed(gates).bind(lambda _: effect)


@workflow(name="gates")
def _passed(gates: Sequence[Effect[Approved | Denied, E2]]) -> Do[None, E2 | Denied]:
    people: list[str] = []
    for gate in gates:
        answer = yield from gate
        if isinstance(answer, Denied):
            yield from fail(answer)
        if answer.by in people:
            yield from fail(Denied(by=answer.by, note="approved and confirmed by the same person"))
        people.append(answer.by)
