"""What tests ask of plans."""

from __future__ import annotations

import attrs

from perdure import Plan
from perdure.interpreters.plan.leaf import Leaf


def without_agents(plan: Plan) -> list[Leaf]:
    """The requests of a plan, whoever answers them at whatever price."""
    return [attrs.evolve(leaf, agents=(), estimate=None) for leaf in plan.leaves.values()]
