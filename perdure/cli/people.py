"""Verbs for people: inbox, approve, deny, answer, signal. They record a decision, and drive nothing."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import time
from typing import TYPE_CHECKING

import click

from perdure.cli import completion, given, printing
from perdure.cli.common import Common, command
from perdure.cli.looking import gate_command, gate_tree, next_of
from perdure.cli.printing import ago, line, visible
from perdure.cli.steps import when
from perdure.interpreters.durable.errors import NotFound
from perdure.interpreters.durable.ports import Gate

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker

_run = click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
_gate = click.argument("name", required=False, shell_complete=completion.gates)
_by = click.option("--by", help="Who decides; your user name by default.")
_note = click.option("--note", default="", help="What else there is to say.")


@command("perdure inbox")
def inbox(common: Common) -> None:
    """List what waits for a person, oldest first."""
    found: list[Gate] = []
    if os.path.lexists(common.path):
        with common.look() as looker:
            found = [gate for gate in looker.journal.open_gates() if gate.kind != "signal"]
    now, gates = int(time.time() * 1000), [gate_tree(common, gate) for gate in found]
    parts = []
    for gate, tree in zip(found, gates, strict=True):
        until = f", until {tree['expires_at']}" if tree["expires_at"] else ""
        parts.append(f"{gate.run_id}  {line(gate.path)}  {gate.kind}, for {ago(now - gate.opened_at)}{until}")
        parts += [f"  {visible(gate.prompt)}"] if gate.prompt else []
        if tree["show"] is not None:
            shown = printing.cut(
                printing.pretty(tree["show"]), common.command(f"perdure show {gate.run_id} --json"), False
            )
            parts += [f"  {each}" for each in shown.splitlines()]
    next = gate_command(found[0]) if found else "perdure ps"
    common.tell("inbox", {"gates": gates}, "\n".join(parts) or "nothing waits for a person", [next])


@command("perdure approve @last\nperdure approve 01930f approve-plan --note 'go ahead'")
@_run
@_gate
@_by
@_note
def approve(common: Common, run_id: str, name: str | None, by: str | None, note: str) -> None:
    """Say yes at a gate. It is recorded; `resume` drives the run on."""
    _decide(common, run_id, name, True, by, note)


@command("perdure deny @last --note 'not this week'")
@_run
@_gate
@_by
@_note
def deny(common: Common, run_id: str, name: str | None, by: str | None, note: str) -> None:
    """Say no at a gate: a decision that the workflow gets, not a failure."""
    _decide(common, run_id, name, False, by, note)


@command("perdure answer @last severity -i '\"high\"'")
@_run
@_gate
@click.option("-i", "--input", required=True, metavar="JSON|@FILE|-", help="The answer.")
@_by
@_note
def answer(common: Common, run_id: str, name: str | None, input: str, by: str | None, note: str) -> None:
    """Answer a gate by a value."""
    value = given.tree(given.read(input))
    with common.look() as looker:
        gate = looker.gate(_decided(common, looker, run_id), name)
        _told(common, looker, looker.answer(gate, value, by=by or me(), note=note, via=common.via))


def _decide(common: Common, run_id: str, name: str | None, yes: bool, by: str | None, note: str) -> None:
    with common.look() as looker:
        gate = looker.gate(_decided(common, looker, run_id), name)
        decision = looker.decision(gate, yes, by or me(), note)
        _told(common, looker, looker.answer(gate, decision, by=by or me(), note=note, via=common.via))


def _decided(common: Common, looker: Onlooker, run_id: str) -> str:
    """The run that somebody decides in, who must not be its agent."""
    found = looker.resolve(run_id)
    common.refuse_own(found)
    return found


def _told(common: Common, looker: Onlooker, gate: Gate) -> None:
    seen = looker.view(looker.row(gate.run_id))
    fields = {
        "run_id": gate.run_id,
        "name": gate.name,
        "path": gate.path,
        "answer": json.loads(gate.answer or "null"),
        "by": gate.by,
        "note": gate.note,
        "decided_at": when(gate.decided_at),
        "state": seen.state,
    }
    text = f"recorded for {line(gate.path)} by {line(gate.by)}: {line(gate.answer)}"
    common.tell("answer", fields, text, [next_of(seen)])


def me() -> str:
    """Who decides, where nobody says so."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        return f"uid {os.getuid()}"


@command("perdure signal 01930f paid -i '{\"amount\": 5}' --key payment-8")
@_run
@click.argument("name")
@click.option("-i", "--input", metavar="JSON|@FILE|-", help="The message; null by default.")
@click.option("--key", help="Your name for this message: sent again, it arrives once.")
def signal(common: Common, run_id: str, name: str, input: str | None, key: str | None) -> None:
    """Send a message to a run. It may come before the run waits for it, and before the run exists."""
    from perdure.interpreters.durable.adapters.worker import Onlooker

    payload = given.tree(given.read(input)) if input is not None else None
    looker = Onlooker.look(common.path)
    with contextlib.closing(looker.store):
        try:
            found = looker.resolve(run_id)
        except NotFound:
            if run_id.startswith("@") or looker.journal.match(run_id):
                raise
            found = run_id  # a run to come
        looker.signal(found, name, payload, key)
        run = looker.journal.find(found)
        seen = looker.view(run) if run is not None else None
    next = next_of(seen) if seen is not None else f"perdure run file.py:workflow --id {found}"
    kept = "" if run is not None else ", which does not exist yet: it is kept for it"
    fields = {"run_id": found, "name": name, "payload": payload, "key": key, "exists": run is not None}
    common.tell("signal", fields, f"sent {line(name)} to run {line(found)}{kept}", [next])
