"""The verb that looks ahead: plan. Nothing is executed and no database is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perdure.cli import completion, given, policies, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.interpreters.durable.errors import Conflict

if TYPE_CHECKING:
    from perdure.core.effect import Call
    from perdure.core.workflow import Block
    from perdure.interpreters.plan.plan import AnyInput, Plan
    from perdure.interpreters.plan.policy import Policy, Verdict
    from perdure.interpreters.plan.price import Way

#: As the plan's own default, which is not imported for the help.
_MAX_PATHS = 1000


@command("perdure plan flows.py:ship -i '\"bees\"'\nperdure plan flows.py:ship --faults")
@click.argument("target", shell_complete=completion.targets)
@click.option("-i", "--input", metavar="JSON|@FILE|-", help="The input, as for `run`; any input without it.")
@click.option("-a", "--arg", "named", multiple=True, metavar="NAME=VALUE", help="One argument; text for a str.")
@click.option("--faults", is_flag=True, help="Let everything also fail, and timers fire early.")
@click.option("--policy", is_flag=True, help="Judge the policies of pyproject.toml, too.")
@click.option("--each", is_flag=True, help="Give every answer once, not in all combinations.")
@click.option(
    "--max-paths", type=click.IntRange(1), default=_MAX_PATHS, show_default=True, help="Follow no more paths."
)
def plan(
    common: Common,
    target: str,
    input: str | None,
    named: tuple[str, ...],
    faults: bool,
    policy: bool,
    each: bool,
    max_paths: int,
) -> Exit:
    """Show all that a workflow may do, and what it may cost; run nothing.

    TARGET is file.py:workflow or package.module:workflow. Without an input the plan is for any input. Policies stand
    in the nearest pyproject.toml, under [[tool.perdure.policy]]; one that does not hold, or is not proved, ends with 1.
    """
    from perdure.core.effect import Call
    from perdure.interpreters.durable.adapters import places
    from perdure.interpreters.plan.plan import plan

    text = given.read(input) if input is not None else None
    with printing.stdout_kept():
        block = places.load(places.target(target, Path.cwd()))
        program = given.program(block, text, named)
        found = plan(program, faults=faults, each=each or None, max_paths=max_paths)
        judged = _judged(block, program, max_paths) if policy else None
        said = "\n".join([printing.visible(str(found)), *(["", *policies.every(*judged)] if judged else [])])
    concrete = isinstance(program, Call)
    usual = not faults and not each and max_paths == _MAX_PATHS
    if usual and concrete:
        next = f"{given.command('run', target, input, named, text)} --approve-plan {found.hash}"
    elif concrete:  # what is approved is the plan without options
        next = given.command("plan", target, input, named, text)
    else:
        next = f"{given.command('plan', target, None, ())} -i JSON"
    document = {**fields(found), "policies": policies.fields(*judged) if judged else None}
    if judged and (judged[1].violations or judged[1].unproved):
        common.tell("plan", document, said, [given.command("check", target, input, named, text)])
        return Exit.FAILED
    common.tell("plan", document, said, [next])
    return Exit.DONE


def _judged(block: Block, program: Call[Any, Any] | AnyInput, max_paths: int) -> tuple[tuple[Policy, ...], Verdict]:
    """The policies, and how the workflow stands to them: with failures and early timers, whatever the plan shows."""
    from perdure.interpreters.plan.policy import judge
    from perdure.interpreters.plan.survey import survey

    held = policies.of(block)
    return held, judge(held, survey(program, max_paths=max_paths))


def refuse_another(call: Call[Any, Any], approved: str, command: str) -> None:
    """Make sure that a plan is the one that somebody approved.

    Args:
        call: What is about to start.
        approved: The hash of the approved plan.
        command: What shows the plan as it is now.

    Raises:
        Conflict: It is another one.
    """
    from perdure.interpreters.plan.plan import plan

    found = plan(call).hash
    if found != approved:
        refused = Conflict(
            f"the plan for this input is {found}, and approved was {approved}: nothing was started. Look at the plan "
            "as it is now, and approve that"
        )
        refused.add_note(command)
        raise refused


def fields(plan: Plan) -> dict[str, Any]:
    """A plan as a document."""
    from perdure.interpreters.plan.tree import estimate_tree, leaf_tree, pieces_of

    return {
        "workflow": plan.title,
        "output": plan.output,
        "hash": plan.hash,
        "faults": plan.faults,
        "complete": plan.complete,
        "broken": list(plan.broken),
        "assumed": list(plan.assumed),
        "cut": list(plan.cut),
        "sized": list(plan.sized),
        "paths": plan.paths,
        "price": estimate_tree(plan.price),
        "usual": estimate_tree(plan.usual),
        "cheapest": _way(plan.cheapest),
        "dearest": _way(plan.dearest),
        "unpriced": list(plan.unpriced),
        "uncounted": list(plan.uncounted),
        "people": list(plan.people),
        "requests": [
            {
                **leaf_tree(leaf),
                "always": key in plan.always,
                "when": sorted(map(str, plan.when.get(key, ()))),
            }
            for key, leaf in plan.leaves.items()
        ],
        "pieces": pieces_of(plan.folded),
    }


def _way(way: Way) -> dict[str, Any]:
    from perdure.interpreters.plan.tree import estimate_tree

    return {
        "answers": list(map(str, way.answers)),
        "requests": list(way.requests),
        "end": way.end,
        "estimate": estimate_tree(way.estimate),
    }
