"""Verbs that only look: ps, show, why, logs. They import no user code, take no lock and write nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, get_args

import attrs
import click

from perdure.cli import completion, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.cli.overhearing import Heard, Listing
from perdure.cli.printing import ago, line, pretty, state, table, visible
from perdure.cli.progress import followed, lines_of
from perdure.cli.spending import Spent, paid
from perdure.cli.steps import Fold, Step, checked, event_tree, failure, outcome_of, when
from perdure.core.identity import idempotency_key
from perdure.interpreters.durable.errors import Corrupt, NotFound
from perdure.interpreters.durable.ports import Entry, Gate, Run, Status
from perdure.interpreters.durable.state import State, View, moment

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker

#: So many runs are looked at, whatever is asked for.
_MOST: Final = 100_000
#: The rows among which a state is found.
_STATUSES: Final[dict[State, tuple[Status, ...]]] = {
    "running": ("running",),
    "unknown": ("running",),
    "stale": ("running", "ready", "parked"),
    "waiting-approval": ("parked",),
    "waiting-signal": ("parked",),
    "waiting-timer": ("parked",),
    "retrying": ("parked",),
    "blocked": ("blocked",),
    "paused": ("paused",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "dead": ("dead",),
    "succeeded": ("succeeded",),
}


def _span(context: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    """`90s`, `5m`, `1d12h`, or how that is written."""
    try:
        return None if value is None else printing.duration(value)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error), context, parameter) from error


# -- ps --------------------------------------------------------------------------------------------------------------


@command("perdure ps --state waiting-approval --since 2d")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(get_args(State)), help="Only these; may be given often."
)
@click.option("--since", callback=_span, metavar="DURATION", help="Only runs started so recently, e.g. 2h.")
@click.option("-n", "--count", type=click.IntRange(1), default=20, show_default=True, help="No more than these.")
def ps(common: Common, states: tuple[State, ...], since: timedelta | None, count: int) -> None:
    """List runs, newest first, each with why it stands there."""
    views: list[View] = []
    now = int(time.time() * 1000)
    if os.path.lexists(common.path):
        with common.look() as looker:
            after = now - since // timedelta(milliseconds=1) if since is not None else 0
            views = _views(looker, states, max(0, after), count)
    next = next_of(views[0]) if views else "perdure run file.py:workflow"
    runs = [
        {
            "run_id": seen.run_id,
            "workflow": seen.workflow,
            "state": seen.state,
            "why": seen.why,
            "unblock": common.command(seen.unblock) if seen.unblock else None,
            "created_at": when(seen.created_at),
            "finished_at": when(seen.finished_at),
        }
        for seen in views
    ]
    rows = [[v.run_id, v.workflow, v.state, f"{ago(now - v.created_at)} ago", v.why] for v in views]
    text = table(rows, ["RUN", "WORKFLOW", "STATE", "STARTED", "WHY"]) if rows else f"no runs yet in {common.path}"
    if not rows and (states or since):
        text = "no such runs"
    common.tell("ps", {"runs": runs}, text, [next])


def _views(looker: Onlooker, states: tuple[State, ...], since: int, count: int) -> list[View]:
    if not states:
        return [looker.view(run) for run in looker.journal.runs(since=since, limit=min(count, _MOST))]
    statuses = {status for each in states for status in _STATUSES[each]}
    # A state is told from rows, locks and time together, so what is asked for is picked out afterwards.
    found = (looker.view(run) for run in looker.journal.runs(statuses=statuses, since=since, limit=_MOST))
    return [seen for _, seen in zip(range(count), (v for v in found if v.state in states), strict=False)]


def next_of(seen: View) -> str:
    """The command that one may go on with."""
    return seen.unblock or f"perdure show {seen.run_id}"


# -- one run ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Record:
    """All that is recorded of a run. `damage` says what is wrong with it; then there are no steps."""

    run: Run
    view: View
    entries: list[Entry]
    steps: dict[str, Step]
    gates: list[Gate]
    damage: Corrupt | None

    @classmethod
    def of(cls, looker: Onlooker, text: str) -> Record:
        """Read it, and hold it against its digests.

        Raises:
            NotFound: There is none, or there are several.
        """
        run = looker.row(looker.resolve(text))
        view, gates = looker.view(run), [g for g in looker.journal.gates(run.run_id) if g.status == "open"]
        entries = looker.entries_after(run.run_id, 0)
        try:
            checked(run, entries)
            return cls(run, view, entries, Fold(entries).rest(run, looker.held(run)), gates, None)
        except Corrupt as error:
            doctor = f"perdure doctor {run.run_id}"
            view = attrs.evolve(view, state="blocked", why=f"corrupt: {error}", unblock=doctor)
            return cls(run, view, [], {}, [], error)

    @property
    def exit(self) -> Exit:
        """How a command that shows it ends."""
        return Exit.DONE if self.damage is None else Exit.CORRUPT

    def outcome(self, side: str) -> Any:  # Any: a recorded JSON tree
        """What it ended with: `ok` or `err`; None before that, or if that is damaged."""
        return outcome_of(self.run).get(side) if self.damage is None else None

    @property
    def spent(self) -> Spent:
        """What all attempts of all steps took."""
        return Spent.sum(step.spent for step in self.steps.values())

    def step(self, text: str) -> Step:
        """A step by its path or its name.

        Raises:
            NotFound: None, or several; the message lists them.
        """
        found = [s for s in self.steps.values() if text == s.path] or [
            s for s in self.steps.values() if text in (s.name, s.name.partition("#")[0])
        ]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(s.path for s in (found or self.steps.values()))
        many = f"{text!r} names {len(found)} steps" if found else f"run {self.run.run_id} has no step {text!r}"
        raise NotFound(f"{many}; there are: {listed or 'none yet'}")


@command("perdure show @last\nperdure show 01930f plan --full")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
@click.argument("step", required=False)
@click.option("--full", is_flag=True, help="Cut no long value.")
def show(common: Common, run_id: str, step: str | None, full: bool) -> Exit:
    """Show a run and its steps, or all that is recorded of one step."""
    with common.look() as looker:
        record = Record.of(looker, run_id)
        database_id = looker.journal.database_id()
    if step is not None:
        if record.damage is not None:
            raise record.damage
        return _show_step(common, record, record.step(step), database_id, full)
    run, seen = record.run, record.view
    fields = {
        "run_id": run.run_id,
        "workflow": run.workflow,
        "state": seen.state,
        "why": seen.why,
        "target": run.target,
        "input": _tree(run.input),
        "output": record.outcome("ok"),
        "error": record.outcome("err"),
        "created_at": when(run.created_at),
        "finished_at": when(run.finished_at),
        "spent": record.spent.tree(),
        "steps": [each.tree(database_id, run.run_id) for each in record.steps.values()],
        "gates": [gate_tree(common, gate) for gate in record.gates],
    }
    common.tell("show", fields, _shown(record, database_id, full), [seen.unblock or f"perdure logs {run.run_id}"])
    return record.exit


def _tree(text: str) -> Any:  # Any: a JSON tree
    try:
        return json.loads(text)
    except ValueError:
        return None


def _shown(record: Record, database_id: str, full: bool) -> str:
    run, seen, now = record.run, record.view, int(time.time() * 1000)
    took = f", took {ago(run.finished_at - run.created_at)}" if run.finished_at is not None else ""
    lines = [
        f"{run.run_id}  {line(run.workflow)}  {state(seen.state)}",
        f"  target   {line(run.target)}",
        f"  input    {line(run.input)}",
        f"  started  {moment(run.created_at)}, {ago(now - run.created_at)} ago{took}",
    ]
    if seen.why:
        lines.append(f"  why      {line(seen.why, 1000)}")
    if str(record.spent):
        lines.append(f"  spent    {record.spent}")
    if record.steps:
        lines += ["", _drawn(record.steps.values(), database_id, run.run_id, now)]
    lines += [f"  {line(step.path)} went from {line(hop)}" for step in record.steps.values() for hop in step.hops]
    lines += [
        f"  {line(step.path)} failed: {line(failure(step.error))}"
        for step in record.steps.values()
        if step.state == "failed"
    ]
    lines += [
        f"  {line(step.path)} kept its outcome, though the code now asks something else"
        for step in record.steps.values()
        if step.input_changed
    ]
    output, error = record.outcome("ok"), record.outcome("err")
    if run.outcome is not None and record.damage is None:
        value = pretty(output) if error is None else line(failure(error), 1000)
        lines += ["", printing.cut(value, f"perdure show {run.run_id} --full", full)]
    return "\n".join(lines)


def _drawn(steps: Iterable[Step], database_id: str, run_id: str, now: int) -> str:
    """Steps as a table whose first column is the tree of their paths."""
    rows: list[list[str]] = []
    scopes: set[str] = set()
    for step in steps:
        parts = step.path.split("/")
        for depth in range(1, len(parts)):
            scope = "/".join(parts[:depth])
            if scope not in scopes:
                scopes.add(scope)
                rows.append(["  " * (depth - 1) + parts[depth - 1], "", "", "", "", ""])
        took = ago((step.ended_at or now) - step.started_at) if step.state != "open" else ""
        key = idempotency_key(database_id, run_id, step.recorded_path)
        rows.append(["  " * (len(parts) - 1) + step.name, step.state, step.kind, str(step.attempts), took, key])
    return table(rows, ["STEP", "STATE", "KIND", "ATTEMPTS", "TOOK", "IDEMPOTENCY KEY"])


def _show_step(common: Common, record: Record, step: Step, database_id: str, full: bool) -> Exit:
    run_id = record.run.run_id
    fields = {
        "run_id": run_id,
        **step.tree(database_id, run_id),
        "output": step.output,
        "tries": [
            {
                "number": each.number,
                "started_at": when(each.started_at),
                "ended_at": when(each.ended_at),
                "error": each.error,
                "trace": each.trace,
                "agent": each.agent,
                "model": each.model,
                "version": each.version,
                "payer": each.payer,
                "tool": each.tool,
                "asked": [{"path": path, "answer": answer} for path, answer in each.asked.items()],
                "spent": each.spent.tree(),
            }
            for each in step.tries
        ],
    }
    more = common.command(f"perdure show {run_id} {step.path} --full")
    lines = [
        f"{line(step.path)}  {step.kind}  {state(step.state)}",
        f"  idempotency key  {fields['idempotency_key']}",
        f"  started          {fields['started_at']}",
    ]
    if step.ended_at is not None:
        lines.append(f"  took             {ago(step.ended_at - step.started_at)}")
    if step.input_changed:
        lines.append("  the code now asks something else; the recorded outcome stands")
    if len(step.tries) > 1 and str(step.spent):
        lines.append(f"  spent            {step.spent}")
    for each in step.tries:
        end = "" if each.ended_at is None else f", {ago(each.ended_at - each.started_at)}"
        who = f", {line(each.agent)}" if each.agent else ""
        who += f" uses {line(each.tool)}" if each.tool else ""
        lines.append(f"  attempt {each.number}{end}{who}{': ' + line(each.error, 1000) if each.error else ''}")
        for path, answer in each.asked.items():
            said = "nobody has answered" if answer is None else json.dumps(answer, ensure_ascii=False)
            lines.append(f"    asked a person, {line(path)}: {line(said)}")
        if cost := paid(each.spent, each.payer):
            lines.append(f"    {cost}")
        if each.trace:
            lines.append(printing.cut(visible(each.trace.rstrip()), more, full))
    if step.state == "done":
        lines.append(printing.cut(pretty(step.output), more, full))
    elif step.error is not None:
        lines.append(printing.cut(visible(failure(step.error)), more, full))
    common.tell("step", fields, "\n".join(lines), [f"perdure show {run_id}"])
    return Exit.DONE


def gate_command(gate: Gate) -> str:
    """The command that answers a gate."""
    if gate.kind == "approval":
        return f"perdure approve {gate.run_id} {gate.path}"
    return f"perdure {gate.kind} {gate.run_id} {gate.path if gate.kind == 'answer' else gate.name} -i JSON"


def gate_tree(common: Common, gate: Gate) -> dict[str, Any]:
    """A gate as JSON, with the command that answers it."""
    return {
        "run_id": gate.run_id,
        "name": gate.name,
        "path": gate.path,
        "kind": gate.kind,
        "prompt": gate.prompt,
        "show": _tree(gate.show),
        "answer_schema": _tree(gate.schema),
        "subject": gate.subject,
        "opened_at": when(gate.opened_at),
        "expires_at": when(gate.expires_at),
        "command": common.command(gate_command(gate)),
    }


# -- why -------------------------------------------------------------------------------------------------------------


@command("perdure why @last")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
def why(common: Common, run_id: str) -> Exit:
    """Say why a run stands where it does, and what moves it on."""
    with common.look() as looker:
        record = Record.of(looker, run_id)
        refused = [row for row in looker.journal.signals(record.run.run_id) if row.refused]
    run, seen = record.run, record.view
    blockers = [
        {"kind": gate.kind, "name": gate.name, "path": gate.path, "due": when(gate.expires_at)} for gate in record.gates
    ]
    blockers += [
        {"kind": "retry" if step.state == "retrying" else "timer", "name": step.name, "path": step.path, "due": due}
        for step in record.steps.values()
        if step.state in ("retrying", "waiting") and (due := when(step.due)) is not None
        if step.path not in {gate.path for gate in record.gates}
    ]
    aside = [{"name": row.name, "number": row.number, "why": row.refused} for row in refused]
    error = record.outcome("err")
    sentence = seen.why or (failure(error) if error is not None else "")
    fields = {
        "run_id": run.run_id,
        "workflow": run.workflow,
        "state": seen.state,
        "why": sentence,
        "blockers": blockers,
        "set_aside": aside,
        "unblock": common.command(seen.unblock) if seen.unblock else None,
    }
    lines = [f"{run.run_id} is {state(seen.state)}{': ' + line(sentence, 1000) if sentence else ''}"]
    lines += [
        f"  {each['kind']} {line(each['path'])}{' until ' + each['due'] if each['due'] else ''}" for each in blockers
    ]
    lines += [
        f"  set aside: signal {line(row.name)} no. {row.number} does not fit: {line(row.refused)}" for row in refused
    ]
    common.tell("why", fields, "\n".join(lines), [next_of(seen)])
    return record.exit


# -- logs ------------------------------------------------------------------------------------------------------------


@command("perdure logs @last -f\nperdure logs @last --jsonl --since 5m")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends or rests; tells what agents say, too.")
@click.option("--since", callback=_span, metavar="DURATION", help="Only what was recorded so recently.")
@click.option("--step", metavar="STEP", help="Only of this path or name.")
@click.option("--jsonl", is_flag=True, help="One JSON object a line.")
def logs(common: Common, run_id: str, follow: bool, since: timedelta | None, step: str | None, jsonl: bool) -> Exit:
    """Show what was recorded of a run, event by event."""
    if follow and common.json:
        raise click.UsageError("--json is one document, and -f has no end: use --jsonl")
    after = int(time.time() * 1000) - since // timedelta(milliseconds=1) if since is not None else 0
    told: list[dict[str, Any]] = []
    listing = Listing()

    def tell(run: Run, each: Entry | Heard) -> None:
        if each.at < after or (step is not None and step not in (each.path, each.path.rpartition("/")[2])):
            return
        if jsonl:
            name = "heard" if isinstance(each, Heard) else "event"
            tree = each.tree(run.run_id) if isinstance(each, Heard) else event_tree(run.run_id, each)
            printing.out(json.dumps({"schema": f"perdure.{name}/1", **tree}))
        elif common.json:
            told.extend([event_tree(run.run_id, each)] if isinstance(each, Entry) else [])
        else:
            for text in lines_of(run, listing, each):
                printing.out(text)

    with common.look() as looker:
        record = Record.of(looker, run_id)
        if record.damage is not None:
            raise record.damage
        run = record.run
        for each in record.entries:
            tell(run, each)
        for heard in followed(looker, run, record.entries) if follow else ():
            tell(run, heard)
        seen = looker.view(looker.row(run.run_id))
    if not jsonl:
        common.tell(
            "logs", {"run_id": run.run_id, "state": seen.state, "events": told}, _ended(seen, follow), [next_of(seen)]
        )
    return Exit.DONE


def _ended(seen: View, follow: bool) -> str:
    return f"{seen.run_id} is {state(seen.state)}{': ' + line(seen.why, 1000) if seen.why else ''}" if follow else ""
