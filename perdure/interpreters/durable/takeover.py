"""How a worker comes to drive a run: it inserted the run, or it takes the run over where it stands."""

from __future__ import annotations

from typing import Any

from perdure.core.effect import Call
from perdure.core.faults import Defect
from perdure.core.machine import Machine
from perdure.core.operations import pure
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.drive import Drive, Options
from perdure.interpreters.durable.ending import Finished, recorded_end
from perdure.interpreters.durable.errors import Drifted, NotFound, Owned
from perdure.interpreters.durable.ports import TERMINAL, Claim, Run, World
from perdure.interpreters.durable.replay import History, Replayed, replay
from perdure.interpreters.durable.times import millis


def begin(world: World, run: Run, call: Call[Any, Any], options: Options, database_id: str) -> Drive:
    """Drive a run that was inserted, claimed, a moment ago."""
    claim = Claim(run.run_id, run.fence, world.liveness.me)
    defect: Defect | None = None
    try:
        machine = Machine(call)
        walk = Replayed(machine, machine.fresh(), {})
    except Defect as found:
        defect, walk = found, _nothing()
    return Drive(world, claim, call, walk, History(), options, database_id, run.lease_until or 0, defect)


async def take_over(world: World, run_id: str, call: Call[Any, Any], options: Options) -> Drive | Finished:
    """Read a run, walk the program against it, and only then claim it.

    Raises:
        NotFound: There is no such run.
        Owned: Another live worker drives it.
        Drifted: The code no longer matches; nothing was written.
        Corrupt: A record cannot be read; nothing was written.
    """
    while True:
        run = await world.store.find(run_id)
        if run is None:
            raise NotFound(f"no run {run_id!r} in this database; see `perdure ps`")
        if run.status in TERMINAL:
            return Finished(recorded_end(call, run))
        if holds(world, run):
            raise Owned(
                f"run {run_id} is driven by worker {run.owner} (fence {run.fence}), which is alive; "
                f"watch it with `perdure watch {run_id}`, or stop that worker first"
            )
        entries = await world.store.entries(run_id)
        verify(run_id, entries)
        history = History.of(entries)
        if options.rename and not history.rename(options.rename):
            raise Drifted(f"nothing in run {run_id} is called {', '.join(options.rename)}: see `perdure show {run_id}`")
        defect: Defect | None = None
        try:
            walk = replay(Machine(call), history, on_change=options.on_change, run_id=run_id)
        except Defect as found:
            defect, walk = found, _nothing()
        lease_until = world.clock.boot() + millis(options.lease)
        claim = await world.store.claim(
            run_id,
            world.liveness.me,
            seen=run.fence,
            lease=run.lease_until,
            last=entries[-1].seq if entries else 0,
            lease_until=lease_until,
            epoch=world.liveness.epoch,
        )
        if claim is not None:  # else somebody was faster: look again
            database_id = await world.store.database_id()
            return Drive(world, claim, call, walk, history, options, database_id, lease_until, defect)


def holds(world: World, run: Run) -> bool:
    """Whether a run is driven by a worker that still has the right to it."""
    if run.status != "running" or run.owner is None or run.lease_until is None:
        return False
    if run.lease_epoch != world.liveness.epoch:
        return False  # the machine was restarted since
    return run.lease_until > world.clock.boot() and world.liveness.alive(run.owner)


def _nothing() -> Replayed:
    """Stands in for a program that cannot be walked."""
    return Replayed(Machine(pure(None)), [], {})
