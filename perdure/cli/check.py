"""The verb that judges a workflow before it runs: rules, policies, and what its text alone can tell."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli import completion, given, policies, printing
from perdure.cli.common import Common, command
from perdure.cli.comparing import unsure
from perdure.cli.exits import Exit
from perdure.cli.printing import line

if TYPE_CHECKING:
    from perdure.cli.foreseeing import Foreseen
    from perdure.interpreters.durable.adapters.places import Target
    from perdure.interpreters.plan.policy import Policy, Verdict
    from perdure.interpreters.plan.rules import Finding


@command("perdure check flows.py:ship -i '\"bees\"'\nperdure check flows.py:ship --runs")
@click.argument("target", shell_complete=completion.targets)
@click.option("-i", "--input", metavar="JSON|@FILE|-", help="The input, as for `run`; any input without it.")
@click.option("-a", "--arg", "named", multiple=True, metavar="NAME=VALUE", help="One argument; text for a str.")
@click.option("--runs", is_flag=True, help="Judge its runs in flight, as --db does: would each go on?")
@click.option("--runs-of", "old", metavar="TARGET", help="As --runs, for runs started from another target.")
@click.option("--allow-incomplete", is_flag=True, help="Let a policy pass that held on all that was seen.")
@click.option("--max-paths", type=click.IntRange(1), default=1000, show_default=True, help="Paths to follow.")
def check(
    common: Common,
    target: str,
    input: str | None,
    named: tuple[str, ...],
    runs: bool,
    old: str | None,
    allow_incomplete: bool,
    max_paths: int,
) -> Exit:
    """Find what is wrong with a workflow, or breaks a policy or a run.

    Nothing is executed, and nothing is written. Without an input all inputs are meant. Policies stand in the nearest
    pyproject.toml, under [[tool.perdure.policy]].
    """
    from perdure.interpreters.durable.adapters import places
    from perdure.interpreters.durable.verdicts import GoesOn
    from perdure.interpreters.plan import policy, purity, rules, source
    from perdure.interpreters.plan.plan import AnyInput
    from perdure.interpreters.plan.survey import survey

    text = given.read(input) if input is not None else None
    with printing.stdout_kept():
        place = places.target(target, Path.cwd())
        block = places.load(place)
        held = policies.of(block)
        program = given.program(block, text, named)
        with purity.looking(place, block.fn, given.arguments(program), max_paths=max_paths) as hidden:
            seen = survey(program, max_paths=max_paths)
            found = (*rules.findings(seen), *source.findings(block.fn), *hidden())
    verdict = policy.judge(held, seen)
    runs = runs or common.db is not None  # whoever names a database means what is in it
    flying = _flying(common, place, old) if runs or old is not None else None
    fields = {
        "target": target,
        "workflow": block.name,
        "findings": [{"rule": f.rule, "where": f.where, "said": f.said, "mend": f.mend} for f in found],
        "policies": [each.name for each in held],
        "violations": [{"policy": v.policy, "said": v.said, "path": list(v.path)} for v in verdict.violations],
        "unproved": list(verdict.unproved),
        "complete": not seen.unsure,
        "unsure": list(seen.unsure),
        "runs": None if flying is None else [each.tree for each in flying],
    }
    again = shlex.join(["--runs-of", old] if old is not None else ["--runs"] if runs else [])
    stuck = [each for each in flying or () if not isinstance(each.verdict, GoesOn)]
    bad = bool(stuck) or bool(found or verdict.violations) or (bool(verdict.unproved) and not allow_incomplete)
    verb = "check" if bad else "plan" if isinstance(program, AnyInput) else "run"
    next = given.command(verb, target, input, named, text) + (f" {again}" if bad and again else "")
    shown = [*_text(found, verdict), *unsure(seen.unsure), _counts(found, held, verdict)]
    if flying is not None:
        from perdure.cli.foreseeing import told

        shown += told(flying)
    common.tell("check", fields, "\n".join(shown), [*(each.command for each in stuck if each.command), next])
    return Exit.FAILED if bad else Exit.DONE


def _flying(common: Common, place: Target, old: str | None) -> list[Foreseen]:
    from perdure.cli.foreseeing import runs_in_flight
    from perdure.interpreters.durable.adapters import places

    return runs_in_flight(common, place, places.target(old, Path.cwd()) if old is not None else None)


def _text(found: tuple[Finding, ...], verdict: Verdict) -> list[str]:
    lines = policies.broken(verdict)
    for each in found:
        lines.append(f"{each.rule}  {line(each.where)}: {line(each.said, 400)}")
        lines.append(f"    mend: {line(each.mend, 400)}")
    return lines


def _counts(found: tuple[Finding, ...], of: tuple[Policy, ...], verdict: Verdict) -> str:
    kinds = ", ".join(f"{rule} {count}" for rule, count in Counter(each.rule for each in found).items())
    held = len(of) - len(verdict.violations) - len(verdict.unproved)
    unproved = f", {len(verdict.unproved)} not proved" if verdict.unproved else ""
    return (
        f"{printing.count(len(found), 'finding')}{f' ({kinds})' if kinds else ''}; "
        f"{held} of {printing.count(len(of), 'policy', 'policies')} held{unproved}"
    )
