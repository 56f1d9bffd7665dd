"""Verbs that drive: run, resume, cancel."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perdure.cli import completion, given, printing
from perdure.cli.common import Common, command
from perdure.cli.exits import Exit
from perdure.cli.printing import line
from perdure.cli.steps import failure, outcome_of, when
from perdure.core import codec
from perdure.core.effect import Call
from perdure.interpreters.durable.errors import Blocked, Drifted, DurableError, Owned
from perdure.interpreters.durable.ports import TERMINAL, Run

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.places import Target
    from perdure.interpreters.durable.adapters.worker import Onlooker, Worker
    from perdure.interpreters.durable.replay import OnChange

#: Timers nearer than this are waited for here; for later ones the run parks and the command ends.
_LINGER = timedelta(seconds=30)
#: How long `cancel` waits for the worker that it asked, and how often it looks, in seconds.
_PATIENCE, _LOOK = 60.0, 0.1

_threads = click.option(
    "--threads", type=click.IntRange(1), default=32, show_default=True, help="Sync steps that run at once."
)
_lease = click.option(
    "--lease",
    type=float,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the run stays ours without a sign of life.",
)


@command("perdure run flows.py:ship -i '\"bees\"'\nperdure run pkg.flows:ship -a topic=bees --key order-17")
@click.argument("target", shell_complete=completion.targets)
@click.option("-i", "--input", metavar="JSON|@FILE|-", help="The argument, or an array or object of several.")
@click.option("-a", "--arg", "named", multiple=True, metavar="NAME=VALUE", help="One argument; text for a str.")
@click.option("--id", "run_id", metavar="ID", help="The run's id; a fresh one by default.")
@click.option("--key", metavar="KEY", help="Your name for this request: given again, it is the same run.")
@click.option("--approve-plan", "approved", metavar="HASH", help="Start only if the plan is still this one.")
@_threads
@_lease
@click.option("--fast", is_flag=True, help="Do not wait for the disk: a power cut may take the last commits.")
def run(
    common: Common,
    target: str,
    input: str | None,
    named: tuple[str, ...],
    run_id: str | None,
    key: str | None,
    approved: str | None,
    threads: int,
    lease: float,
    fast: bool,
) -> Exit:
    """Start a workflow, and drive it until it ends or waits.

    TARGET is file.py:workflow or package.module:workflow.
    """
    from perdure.interpreters.durable.adapters import places

    text = given.read(input) if input is not None else None
    with printing.stdout_kept():
        found = places.target(target, Path.cwd())
        call, recorded = given.call(places.load(found), text, named)
        if approved is not None:
            from perdure.cli import planning

            planning.refuse_another(call, approved, given.command("plan", target, input, named, text))

    async def start(worker: Worker) -> Exit:
        mine = worker.new_run(call, found.text, found.folder, codec.dumps(recorded, Any), run_id, key)
        row = await worker.store.start(mine)
        if row != mine:
            common.say(f"run {row.run_id} exists already with this input")
        return await _drive(common, worker, row, call, fresh=row == mine)

    return _work(common, start, threads, lease, fast)


@command("perdure resume @last\nperdure resume 01930f --rename summarize=summarise")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
@click.option("--target", metavar="TARGET", help="Where its workflow is now.", shell_complete=completion.targets)
@click.option(
    "--on-change",
    type=click.Choice(["keep", "rerun", "refuse"]),
    default="keep",
    show_default=True,
    help="For finished steps that are now asked with another input.",
)
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="A step's new name; may be given often.")
@_threads
@_lease
def resume(
    common: Common,
    run_id: str,
    target: str | None,
    on_change: OnChange,
    rename: tuple[str, ...],
    threads: int,
    lease: float,
) -> Exit:
    """Take up a run where it stands: what finished is not executed again."""
    from perdure.interpreters.durable.adapters import places

    common.require()
    names = dict(given.renaming(each) for each in rename)
    place = places.target(target, Path.cwd()) if target is not None else None

    async def take_up(worker: Worker) -> Exit:
        row = worker.row(worker.resolve(run_id))
        if row.status in TERMINAL:
            return ended(common, worker, row)
        return await _drive(common, worker, row, place, on_change=on_change, rename=names)

    return _work(common, take_up, threads, lease)


@command("perdure cancel @last --reason 'wrong topic'")
@click.argument("run_id", metavar="RUN", shell_complete=completion.runs)
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--no-wait", is_flag=True, help="Only ask: whoever drives or resumes the run heeds it.")
@_threads
@_lease
def cancel(common: Common, run_id: str, reason: str, no_wait: bool, threads: int, lease: float) -> Exit:
    """Cancel a run: close what is open, and take back what was done."""
    common.require()

    async def undo(worker: Worker) -> Exit:
        import asyncio

        found = worker.resolve(run_id)
        row = await worker.store.ask_cancel(found, reason, worker.clock.now())
        if no_wait and row.status not in TERMINAL:
            _report(common, worker, row)
            return Exit.DONE
        deadline = time.monotonic() + _PATIENCE
        while True:
            if row.status in TERMINAL or not worker.held(row):
                with contextlib.suppress(Owned):  # a resume was faster, and heeds the wish
                    code = await _drive(common, worker, row, None)
                    return {Exit.CANCELLED: Exit.DONE, Exit.DONE: Exit.CONFLICT}.get(code, code)
            elif time.monotonic() > deadline:
                raise Owned(f"run {found} is asked to cancel, and its worker {row.owner} is still at it")
            await asyncio.sleep(_LOOK)
            row = worker.row(found)

    return _work(common, undo, threads, lease)


# -- driving ---------------------------------------------------------------------------------------------------------


def _work(
    common: Common, what: Callable[[Worker], Coroutine[Any, Any, Exit]], threads: int, lease: float, fast: bool = False
) -> Exit:
    """Be a worker while something is done."""
    import asyncio

    from perdure.api import tidied
    from perdure.interpreters.durable.adapters.worker import Worker

    async def work() -> Exit:
        worker = Worker.open(
            common.path, durability="fast" if fast else "full", threads=threads, lease=timedelta(seconds=lease)
        )
        try:
            tidied(worker)
            code = await what(worker)
        finally:
            await worker.close()
        if code in (Exit.INTERRUPTED, Exit.TERMINATED):
            # Stopped is stopped: no thread of the user's is joined, by the loop or by the interpreter.
            printing.flush()
            os._exit(code)
        return code

    return asyncio.run(work())


async def _drive(
    common: Common,
    worker: Worker,
    row: Run,
    program: Call[Any, Any] | Target | None,
    *,
    fresh: bool = False,
    on_change: OnChange = "keep",
    rename: Mapping[str, str] | None = None,
) -> Exit:
    """Drive a run until it ends, waits or is stopped, and tell how it stands then.

    Args:
        program: Its call, or another place where its workflow is now; None for the recorded one.
    """
    import asyncio

    from perdure.api import default_handlers
    from perdure.cli.progress import following
    from perdure.interpreters.durable.adapters import places

    if row.status in TERMINAL:
        return ended(common, worker, row)
    stopped: list[signal.Signals] = []
    try:
        with printing.stdout_kept(), following(common, worker, row) as tell:
            call = program if isinstance(program, Call) else places.call_of(row, program)
            effects = worker.drive(
                row,
                call,
                default_handlers(worker.threads.run),
                fresh=fresh,
                on_change=on_change,
                rename=rename,
                linger=_LINGER,
                tell=tell,
            )

            def stop(number: signal.Signals) -> None:
                if stopped and number is signal.SIGINT:
                    os._exit(Exit.INTERRUPTED)
                stopped.append(number)
                common.say(f"{number.name}: steps get 5 s to end, then the run is parked; Ctrl-C again leaves at once")
                effects.stop(number.name)

            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop, number)
            try:
                await worker.rest(row.run_id)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)
    except Blocked:
        pass  # the row says so, and why
    except DurableError as error:
        if isinstance(error, Drifted):
            command = _under_other_names(worker, row, program, rename or {})
            if command is not None and f" {command} " not in str(error):  # it is not offered there already
                error.add_note(command)
        error.add_note(f"perdure why {row.run_id}")
        raise
    row = worker.row(row.run_id)
    if stopped and row.status not in TERMINAL:
        _report(common, worker, row, f"perdure resume {row.run_id}")
        return Exit.INTERRUPTED if stopped[0] is signal.SIGINT else Exit.TERMINATED
    return ended(common, worker, row)


def _under_other_names(
    worker: Worker, row: Run, program: Call[Any, Any] | Target | None, rename: Mapping[str, str]
) -> str | None:
    """The command with which a run that was refused goes on, if it only needs names: that is tried, and not guessed."""
    from perdure.cli.foreseeing import resuming, with_names
    from perdure.interpreters.durable.adapters import places
    from perdure.interpreters.durable.foresee import foresee

    with printing.stdout_kept():
        call = program if isinstance(program, Call) else places.call_of(row, program)
        verdict = foresee(worker.journal.recorded(row), call, now=worker.clock.now(), rename=rename)
    moved = None if isinstance(program, Call) else program
    return with_names(resuming(row.run_id, moved), verdict)


_ENDS = {"succeeded": Exit.DONE, "failed": Exit.FAILED, "dead": Exit.FAILED, "cancelled": Exit.CANCELLED}


def ended(common: Common, looker: Onlooker, row: Run) -> Exit:
    """Tell how a run stands that nobody drives now, and how a command ends that drove it or watched."""
    _report(common, looker, row)
    return _ENDS.get(row.status, Exit.FAILED if row.status == "blocked" else Exit.SUSPENDED)


def _report(common: Common, looker: Onlooker, row: Run, next: str | None = None) -> None:
    """Tell how a run stands: the value on stdout, all else on stderr; or one document."""
    seen = looker.view(row)
    outcome = outcome_of(row)
    next = next or seen.unblock or f"perdure show {row.run_id}"
    if common.json:
        fields = {
            "run_id": row.run_id,
            "workflow": row.workflow,
            "state": seen.state,
            "why": seen.why,
            "output": outcome.get("ok"),
            "error": outcome.get("err"),
            "created_at": when(row.created_at),
            "finished_at": when(row.finished_at),
        }
        common.tell("run", fields, "", [next])
        return
    why = line(failure(outcome["err"]) if "err" in outcome else seen.why, 1000)
    took = f" in {printing.ago(row.finished_at - row.created_at)}" if row.finished_at is not None else ""
    # That it failed, or cannot go on, is never quiet.
    say = printing.err if "err" in outcome or row.status == "blocked" else common.say
    say(f"{row.run_id} {printing.state(seen.state)}{took}{': ' + why if why else ''}")
    say(f"next: {line(common.command(next), 1000)}")
    if "ok" in outcome:
        printing.out(printing.pretty(outcome["ok"]))
