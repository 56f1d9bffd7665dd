"""A run in a simulated world, one process at a time: for tests that stand beside it and look.

The world is the package's own. Here a process is started, stopped, answered and resumed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from perdure.core.asked import Again, Answer, Asked
from perdure.core.effect import Call
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked, Rest
from perdure.interpreters.durable.ports import TERMINAL, Entry, Event, Run, Stop, World
from perdure.interpreters.durable.takeover import begin, take_over
from perdure.interpreters.simulate.memory_store import MemoryStore
from perdure.interpreters.simulate.mortal_store import MortalStore
from perdure.interpreters.simulate.points import Crash, Points
from perdure.interpreters.simulate.world import Agenda, NoEntropy, OneAlive, VirtualClock, VirtualEffects

DEFAULT = Options()


class Stopping(VirtualEffects):
    """Effects of a worker that is told to stop once it has started so many attempts."""

    stop_after: int | None = None

    async def next(self, until: int | None) -> Sequence[Event]:
        if self.stop_after is not None and self.started >= self.stop_after:
            self.stop_after = None
            return [Stop("SIGTERM")]
        return await super().next(until)


@attrs.define
class Lab:
    """One run in a world in memory: start it, crash it, answer it, resume it.

    Attributes:
        call: The workflow.
        perform: What each attempt of a step answers.
        seconds: How long steps take, by name; a millisecond otherwise.
        points: Where it can die, and does.
        executed: Every attempt that was performed: path, number, idempotency key.
        stop_after: After how many attempts a worker is told to stop.
    """

    call: Call[Any, Any]
    perform: Callable[[Asked], Answer | Again]
    seconds: Mapping[str, float] = {}
    points: Points = attrs.field(factory=Points)
    store: MemoryStore = attrs.field(factory=MemoryStore)
    clock: VirtualClock = attrs.field(factory=VirtualClock)
    executed: list[tuple[str, int, str]] = attrs.field(factory=list)
    worker: int = 0
    run_id: str = "run"
    stop_after: int | None = None

    def world(self) -> World:
        """The ports of the next worker."""
        self.worker += 1
        store = MortalStore(self.store, self.points, Agenda(self.clock), opened=lambda gate: None)
        return World(store, self.clock, OneAlive(f"worker-{self.worker}"), NoEntropy())

    def effects(self) -> VirtualEffects:
        """Where its attempts are performed."""
        effects = Stopping(self.clock, self._do, Agenda(self.clock))
        effects.stop_after = self.stop_after
        return effects

    def _do(self, asked: Asked) -> tuple[Answer | Again, float]:
        attempt = asked.attempt
        self.points.before_effect(attempt)
        self.executed.append((attempt.path, attempt.number, attempt.idempotency_key))
        answer = self.perform(asked)
        self.points.after_effect(attempt)
        return answer, self.clock.boot() + int(1000 * self.seconds.get(asked.op.name, 0.001))

    def start(self, options: Options = DEFAULT) -> Rest:
        world = self.world()
        mine = self.row(world.liveness.me)
        run = at_once(world.store.start(mine))
        if run is not mine:
            return self.resume(options)
        return at_once(begin(world, run, self.call, options, "memory").run(self.effects(), _quiet))

    def row(self, owner: str = "") -> Run:
        """The row of the run as it starts."""
        return Run(
            run_id=self.run_id,
            workflow="w",
            target="t",
            folder="f",
            input="{}",
            input_digest="",
            created_at=self.clock.now(),
            status="running",
            fence=1,
            owner=owner or f"worker-{self.worker}",
            lease_until=self.clock.boot() + 30_000,
            lease_epoch="boot",
        )

    def resume(self, options: Options = DEFAULT) -> Rest:
        drive = at_once(take_over(self.world(), self.run_id, self.call, options))
        return drive if isinstance(drive, Finished) else at_once(drive.run(self.effects(), _quiet))

    def to_the_end(self, answers: Mapping[str, str], options: Options = DEFAULT) -> Rest:
        """Start or resume, answering whatever waits, until the run has ended."""
        rest: Rest | None = None
        for _ in range(1000):
            try:
                rest = self.start(options) if self.run_id not in self.store.rows else self.resume(options)
            except Crash:
                self.points.restart()
                continue
            if isinstance(rest, Finished):
                return rest
            if isinstance(rest, Parked):
                for name, answer in answers.items():
                    self.answer(name, answer)
                if rest.wake_at is not None:
                    self.clock.advance(max(0, rest.wake_at - self.clock.now()))
        raise AssertionError(f"it never ended; last it was {rest}")

    # -- what people do ----------------------------------------------------------------------------------------------

    def answer(self, name: str, answer: str, at: int = 0) -> None:
        """Answer every open gate of a name, by JSON."""
        for gate in at_once(self.store.gates(self.run_id)):
            if gate.name == name and gate.status == "open":
                given = {"subject": gate.subject, "answer": answer, "by": None, "note": None, "via": None, "idem": None}
                at_once(self.store.answer(self.run_id, gate.path, gate.number, **given, now=at))  # type: ignore[arg-type]

    def send(self, name: str, payload: str, at: int = 0) -> None:
        """Send the run a message, as JSON."""
        at_once(self.store.send(self.run_id, name, payload, idem=None, now=at))

    def cancel(self, reason: str) -> None:
        """Ask the run to be cancelled."""
        at_once(self.store.ask_cancel(self.run_id, reason, 0))

    @property
    def inbox(self) -> list[Any]:
        """What was sent, in order."""
        return list(at_once(self.store.signals(self.run_id)))

    @property
    def entries(self) -> list[Entry]:
        return self.store.journals.get(self.run_id, [])

    @property
    def ended(self) -> bool:
        return self.store.rows[self.run_id].status in TERMINAL


def _quiet(entry: Entry) -> None:
    """Nobody listens."""
