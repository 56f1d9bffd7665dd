"""A run in a simulated world, one process at a time: for tests that stand beside it and look.

The world is the package's own. Here a process is started, stopped, answered and resumed by hand.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from returns.result import Success

from perdure.core.asked import Again, Answer, Asked, Decision, Question
from perdure.core.effect import Call
from perdure.interpreters.durable.at_once import at_once
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.ending import Finished, Parked, Rest
from perdure.interpreters.durable.ports import TERMINAL, Ended, Entry, Event, Gate, Left, Run, Stop, Wondered, World
from perdure.interpreters.durable.takeover import begin, take_over
from perdure.interpreters.simulate.memory_store import MemoryStore
from perdure.interpreters.simulate.mortal_store import MortalStore
from perdure.interpreters.simulate.points import Crash, Points
from perdure.interpreters.simulate.world import Agenda, NoEntropy, OneAlive, VirtualClock, VirtualEffects

DEFAULT = Options()


#: An attempt that asks people, and waits for their answers.
Talk: TypeAlias = Generator[Question, Decision, Answer | Again]


@attrs.define
class Stopping(VirtualEffects):
    """Effects of a worker that is told to stop once it has started so many attempts, and whose attempts may ask.

    Attributes:
        people: Called when nothing happens any more but that attempts wait for an answer.
        asked: What an attempt asked last.
    """

    stop_after: int | None = None
    people: Callable[[], None] | None = None
    asked: list[Wondered] = attrs.field(factory=list)
    _talk: deque[Event] = attrs.field(factory=deque)
    _talking: dict[str, int] = attrs.field(factory=dict)

    def end(self, path: str, answer: Answer | Again) -> None:
        """End an attempt that waits for an answer."""
        self._talk.append(Ended(path, self._talking.pop(path), answer))

    def stop(self) -> None:
        """Tell the worker to stop; nobody comes by any more."""
        self.people = None
        self._talk.append(Stop("SIGTERM"))

    def ask(self, path: str, question: Question) -> None:
        """Let an attempt that waits for an answer ask once more."""
        self.asked.append(Wondered(path, self._talking[path], question, lambda decision: None))
        self._talk.append(self.asked[-1])

    def talk(self, asked: Asked, talk: Talk, ended: Callable[[], None]) -> None:
        """Let an attempt ask, and go on with what it is answered."""
        attempt = asked.attempt
        self._talking[attempt.path] = attempt.number

        def go_on(decision: Decision | None) -> None:
            if self._talking.get(attempt.path) != attempt.number:
                return
            try:
                question = next(talk) if decision is None else talk.send(decision)
            except StopIteration as stop:
                del self._talking[attempt.path]
                ended()
                self._talk.append(Ended(attempt.path, attempt.number, stop.value))
            else:
                self.asked = [Wondered(attempt.path, attempt.number, question, go_on)]
                self._talk.extend(self.asked)

        go_on(None)

    def cancel(self, path: str) -> None:
        self._talking.pop(path, None)
        super().cancel(path)

    async def next(self, until: int | None) -> Sequence[Event]:
        if self.stop_after is not None and self.started >= self.stop_after:
            self.stop_after, self.people = None, None
            return [Stop("SIGTERM")]
        if self._talk:
            return [self._talk.popleft()]
        if self._talking and self.people is not None:
            self.people()
            return [Left()]
        return await super().next(until)


@attrs.define
class Lab:
    """One run in a world in memory: start it, crash it, answer it, resume it.

    Attributes:
        call: The workflow.
        perform: What each attempt of a step answers, at once or after it has asked people.
        seconds: How long steps take, by name; a millisecond otherwise.
        points: Where it can die, and does.
        executed: Every attempt that was performed: path, number, idempotency key.
        stop_after: After how many attempts a worker is told to stop.
        people: What they do while an attempt waits for them.
    """

    call: Call[Any, Any]
    perform: Callable[[Asked], Answer | Again | Talk]
    seconds: Mapping[str, float] = {}
    points: Points = attrs.field(factory=Points)
    store: MemoryStore = attrs.field(factory=MemoryStore)
    clock: VirtualClock = attrs.field(factory=VirtualClock)
    executed: list[tuple[str, int, str]] = attrs.field(factory=list)
    _effects: Stopping = attrs.field(init=False)
    worker: int = 0
    run_id: str = "run"
    stop_after: int | None = None
    people: Callable[[Lab], None] = lambda lab: None

    def world(self) -> World:
        """The ports of the next worker."""
        self.worker += 1
        store = MortalStore(self.store, self.points, Agenda(self.clock), opened=lambda gate: None)
        return World(store, self.clock, OneAlive(f"worker-{self.worker}"), NoEntropy())

    def effects(self) -> VirtualEffects:
        """Where its attempts are performed."""
        self._effects = Stopping(
            self.clock,
            self._do,
            Agenda(self.clock),
            stop_after=self.stop_after,
            people=lambda: self.people(self),
        )
        return self._effects

    def _do(self, asked: Asked) -> tuple[Answer | Again, float]:
        attempt = asked.attempt
        self.points.before_effect(attempt)
        self.executed.append((attempt.path, attempt.number, attempt.idempotency_key))
        answer = self.perform(asked)
        if isinstance(answer, Generator):
            self._effects.talk(asked, answer, lambda: self.points.after_effect(attempt))
            return Success(None), math.inf
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
                self.answer_at(gate, answer, at)

    def answer_at(self, gate: Gate, answer: str, at: int = 0) -> None:
        """Answer one gate, by JSON."""
        given = {"subject": gate.subject, "answer": answer, "by": None, "note": None, "via": None, "idem": None}
        at_once(self.store.answer(self.run_id, gate.path, gate.number, **given, now=at))  # type: ignore[arg-type]

    @property
    def talks(self) -> list[Wondered]:
        """What attempts of the present worker have asked, and not been answered."""
        return self._effects.asked

    def end(self, path: str, answer: Answer | Again) -> None:
        """End an attempt that waits for an answer."""
        self._effects.end(path, answer)

    def ask(self, path: str, question: Question) -> None:
        """Let an attempt that waits for an answer ask something besides."""
        self._effects.ask(path, question)

    def stop(self) -> None:
        """Tell the present worker to stop."""
        self._effects.stop()

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
