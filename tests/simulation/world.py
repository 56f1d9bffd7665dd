"""A whole world from one number: its workers, its people, its runs, and what goes wrong.

Faults have numbers. A world may be played again without some of them, which is how a failure is made small.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs

from perdure.core import codec
from perdure.core.asked import Asked
from perdure.core.effect import Call
from perdure.interpreters.durable.drive import Options
from perdure.interpreters.durable.errors import Unavailable
from perdure.interpreters.durable.ports import Run
from perdure.interpreters.durable.times import millis

from . import invariants
from .books import Books, Violation
from .disk import MOODS, Mood, disk
from .people import Answerer, Canceller, Killed, Person, Sender
from .processes import Process, SimulatedEffects, SimulatedStore
from .programs import asking, draw, program
from .scheduler import NEVER, Actor, Group, Scheduler

#: Once faults have stopped, every run must have ended within so many turns.
_PATIENCE = 6_000
#: Where it matters most what happens next.
_CRITICAL = frozenset(
    f"{when} {what}"
    for when in ("before", "after", "in")
    for what in ("commit", "group commit", "claim", "effect", "renewal", "expiry", "start")
)
#: So many turns more are played after the last end: zombies wake up, and late answers come.
_AFTERMATH = 60


@attrs.frozen
class Fault:
    """One thing that went wrong."""

    number: int
    at: int
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.number:>3}  at {self.at:>7} ms  {self.what:<26} {self.where}"


@attrs.frozen
class Played:
    """How a world went.

    Attributes:
        seed: What everything followed from.
        without: Numbers of faults that were left out.
        chosen: The programs were given, and not drawn.
        faults: What went wrong, in order.
        digest: Of every turn and every row: the same for the same seed.
        trees: The programs of its runs.
        trace: Every turn: when, who, where.
        broken: The promise that was broken, if one was.
    """

    seed: int
    without: frozenset[int]
    chosen: bool
    faults: tuple[Fault, ...]
    turns: int
    digest: str
    trees: dict[str, str]
    trace: list[tuple[int, str, str]]
    broken: Violation | None


class Simulation:
    """One world."""

    def __init__(self, seed: int, without: frozenset[int], trees: Mapping[str, str]) -> None:
        self.seed, self.without, self._chosen = seed, without, bool(trees)
        self.rng = random.Random(seed)
        self.scheduler = Scheduler(self.rng)
        self.disk = disk()
        self.disk.empty()
        self.books = Books(self.disk.observer)
        self.chaos = True
        self.news = 0
        self.faults: list[Fault] = []
        self.options = Options(
            lease=timedelta(seconds=self.rng.choice((3, 3, 10))),
            linger=timedelta(seconds=self.rng.choice((0, 0, 5))),
            grace=timedelta(milliseconds=self.rng.choice((0, 100, 1000))),
            # Looked outside seldom, there is more room for what comes in between.
            poll=timedelta(milliseconds=self.rng.choice((50, 400))),
            on_change="refuse",
        )
        self.trees: dict[str, str] = {}
        self.calls: dict[str, Call[Any, Any]] = {}
        for number in range(1, self.rng.choice((1, 1, 1, 2)) + 1):
            run_id, tree = f"run-{number}", draw(self.rng, self.rng.choice((1, 2, 3, 4, 6)))
            drawn = json.dumps(asking(tree, random.Random(f"{seed} {run_id}")))
            call = program(trees.get(run_id, drawn))
            assert isinstance(call, Call)
            self.trees[run_id], self.calls[run_id] = trees.get(run_id, drawn), call
        self._rate = self.rng.choice((0.0, 0.01, 0.02, 0.05))
        self._moody = self.rng.choice((0.0, 0.03, 0.1))
        self._drawn = 0
        self._workers: dict[str, Process] = {}
        self._wanted = self.rng.randint(1, 3)
        self._born = 0
        self._boots, self._booted_at = 1, 0
        self._nursery: Actor | None = None

    # -- playing -------------------------------------------------------------------------------------------------------

    def play(self) -> Played:
        """Let it happen."""
        broken: Violation | None = None
        try:
            self._populate()
            self._play()
            invariants.check(self)
        except Violation as violation:
            broken = violation
        except Exception as error:
            broken = Violation("nothing is raised that is not promised", f"{type(error).__name__}: {error}")
            broken.__cause__ = error
        finally:
            for group in self._workers.values():
                group.alive = False
            self.scheduler.end(lambda actor: True)
        return Played(
            self.seed,
            self.without,
            self._chosen,
            tuple(self.faults),
            len(self.scheduler.trace),
            self._digest(),
            self.trees,
            self.scheduler.trace,
            broken,
        )

    def _populate(self) -> None:
        nature = Group("nature")
        self._nursery = self.scheduler.spawn("nature", nature, self._nature())
        people: list[Any] = [Answerer("ana", self), Sender("sam", self)]
        if self.rng.random() < 0.5:
            people.append(Answerer("bob", self))
        if self.rng.random() < 0.15:
            people.append(Canceller("cem", self))
        for person in people:
            self.scheduler.spawn(person.name, person, person.live())

    def _play(self) -> None:
        left, after = self.rng.randint(40, 400), 0
        for _ in range(left + _PATIENCE):
            left -= 1
            if left == 0 or (self._over() and self.chaos):
                self._calm()
            if not self.scheduler.turn(self._befall):
                break
            if self._over():
                after += 1
                if after > _AFTERMATH:
                    return
        if not self._over():
            stand = {run_id: self.books.standing(run_id) for run_id in self.calls if run_id in self.books.started}
            raise Violation("no run is stuck", f"{stand}, of {list(self.calls)}, after {self.scheduler.time} ms")

    def _over(self) -> bool:
        return len(self.books.ended) == len(self.calls)

    def _calm(self) -> None:
        """Faults stop, and what is frozen thaws."""
        self.chaos = False
        for actor in self.scheduler.actors:
            actor.group.thaws_at = 0
        self.poke(asked=True)

    async def _nature(self) -> None:
        """Workers are born, and runs are started, until there are enough of both."""
        starting: dict[str, Process] = {}
        while True:
            wait = self.rng.choice((1, 200, 2_000)) if self.chaos else 1
            await self.scheduler.rest("nature", self.scheduler.time + wait)
            while len(self._workers) < self._wanted:
                self._bear()
            for run_id in self.calls:
                if run_id not in self.books.started and not self.lives(getattr(starting.get(run_id), "name", "")):
                    for worker in self.rng.sample(list(self._workers.values()), self.rng.randint(1, self._wanted)):
                        starting[run_id] = worker
                        self.scheduler.spawn(f"{worker.name} starts {run_id}", worker, self._start(worker, run_id))
            if len(self.books.started) == len(self.calls) and len(self._workers) == self._wanted:
                await self.scheduler.rest("nature", NEVER)

    def _bear(self) -> None:
        self._born += 1
        worker = Process(f"worker-{self._born}", world=self, skew=self.rng.choice((0, 0, -8_000, 8_000)))
        worker.groups = self.rng.random() < 0.4
        self._workers[worker.name] = worker
        worker.supervisor = self.scheduler.spawn(worker.name, worker, worker.supervise())

    async def _start(self, worker: Process, run_id: str) -> None:
        """What `perdure run` does, with an id and a key: whoever comes second finds the run."""
        text = json.dumps({"text": self.trees[run_id]})
        mine = Run(
            run_id=run_id,
            workflow="program",
            target="simulation.programs:program",
            folder="",
            input=text,
            input_digest=codec.digest(text),
            created_at=worker.now(),
            key=f"key of {run_id}",
            status="running",
            fence=1,
            owner=worker.name,
            lease_until=self.boot() + millis(self.options.lease),
            lease_epoch=self.epoch,
            claims=1,
        )
        store = SimulatedStore(worker, SimulatedEffects(worker, run_id))
        run: Run | None = None
        while run is None:
            try:
                run = await store.start(mine)
            except Unavailable:
                await self.scheduler.rest("to start again", self.scheduler.time + 200)
        self.books.started.add(run_id)
        self.poke()
        if run == mine and run_id not in worker.drives:
            worker.drive(run, fresh=True)

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    def _dice(self, chance: float) -> random.Random | None:
        """The numbers by which a fault happens now, if one does. They depend on the fault's number alone."""
        if not self.chaos or self.rng.random() >= chance:
            return None
        self._drawn += 1
        return None if self._drawn in self.without else random.Random(self.seed * 1_000_003 + self._drawn)

    def struck(self, what: str, where: str) -> None:
        """Something went wrong."""
        self.faults.append(Fault(self._drawn, self.scheduler.time, what, where))

    def mood(self, *, reading: bool = False) -> Mood | None:
        """What is to befall the database next."""
        dice = self._dice(self._moody / 10 if reading else self._moody)
        if dice is None:
            return None
        return "unread" if reading else dice.choice(MOODS)

    def loses_reply(self, what: str) -> bool:
        """Whether the reply to what was just written is lost, so that it is said again."""
        if self._dice(self._moody / 4) is None:
            return False
        self.struck("reply lost", what)
        return True

    def _befall(self, actor: Actor) -> bool:
        if isinstance(actor.group, Person):
            return self._befall_person(actor)
        process = actor.group
        if not isinstance(process, Process):
            return False
        dice = self._dice(self._rate * (4 if actor.place in _CRITICAL else 1))
        if dice is None:
            return False
        match dice.randrange(20):
            case 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8:
                self.struck(f"crash {actor.place}", actor.name)
                self._kill(process)
                return True
            case 9 | 10 | 11 | 12 | 13:
                lease = millis(self.options.lease)
                frozen = dice.choice((lease // 3, lease + 1, 2 * lease, 5 * lease))
                self.struck("freeze past the lease" if frozen > lease else "freeze", f"{actor.name} {actor.place}")
                process.thaws_at = self.scheduler.time + frozen
                return True
            case 14 | 15 | 16:
                jump = dice.choice((-20_000, -1_000, 1_000, 20_000))
                process.skew = max(-30_000, min(30_000, process.skew + jump))
                self.struck("clock jump", f"{process.name} by {jump} ms")
            case 17 | 18:
                self.struck("SIGTERM" if dice.random() < 0.8 else "SIGINT", f"{actor.name} {actor.place}")
                process.stop(self.faults[-1].what)
            case _:
                self.struck("reboot", f"{actor.name} {actor.place}")
                self._reboot()
                return True
        return False

    def _befall_person(self, actor: Actor) -> bool:
        dice = self._dice(self._rate / 4)
        if dice is None or actor.place == "begin":
            return False
        self.struck("crash of a command", f"{actor.name} {actor.place}")
        self.scheduler.interrupt(actor, Killed())
        return True

    def _kill(self, process: Process) -> None:
        """As by SIGKILL: nothing of it goes on, and what it had open is closed by the kernel."""
        process.alive = False
        del self._workers[process.name]
        self.scheduler.end(lambda actor: actor.group is process)
        process.journal.close()
        if self._nursery is not None:
            self._nursery.wake()
        self.poke()

    def exit(self, process: Process) -> None:
        """A process ends by itself."""
        self._kill(process)

    def _reboot(self) -> None:
        for process in list(self._workers.values()):
            self._kill(process)
        self._boots, self._booted_at = self._boots + 1, self.scheduler.time

    # -- what the world is like ----------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        return f"boot-{self._boots}"

    def boot(self) -> int:
        """Milliseconds since the machine was started."""
        return 10_000 + self.scheduler.time - self._booted_at

    def lives(self, name: str) -> bool:
        """Whether a worker of this name is there, frozen or not."""
        return name in self._workers

    def held(self, run_id: str) -> bool:
        """Whether a run is the right of a worker that is there, as the world knows it."""
        if run_id not in self.books.known:
            return False
        standing = self.books.standing(run_id)
        return (
            standing.status == "running"
            and self.lives(standing.owner or "")
            and standing.lease_epoch == self.epoch
            and (standing.lease_until or 0) > self.boot()
        )

    def poke(self, *, asked: bool = False) -> None:
        """Something has changed: workers look again, and people too where something is asked of them."""
        self.news += asked
        places = ("idle", "nothing to do") if asked else ("idle",)
        soon = self.scheduler.time + (self.rng.choice((0, 0, 50)) if self.chaos else 0)
        for actor in self.scheduler.actors:
            if actor.place in places:
                actor.until = min(actor.until, soon)

    def lasts(self, asked: Asked) -> int:
        """How long an attempt takes, in milliseconds."""
        if not self.chaos:
            return 1
        if asked.op.name == "slow":
            return self.rng.choice((1, 500, 1_900, 2_100, 4_000))
        return self.rng.choice((0, 1, 1, 5, 20, 20, 300, 4_000))

    def holds(self) -> float:
        """How long an attempt waits for a person, in milliseconds."""
        return self.rng.choice((0, 40, 1_000, 5_000, NEVER)) if self.chaos else NEVER

    def crosses(self) -> bool:
        """Whether an attempt stops waiting at the moment at which it is answered, and does not hear it."""
        return self.chaos and self.rng.random() < 0.1

    def cuts(self) -> bool:
        """Whether an attempt that is given up is cut off, as async code is, or goes on unheard, as a thread does."""
        return self.rng.random() < 0.5

    def _digest(self) -> str:
        digest = hashlib.sha256(repr((self.scheduler.trace, self.faults)).encode())
        for table in ("runs", "journal", "gates", "signals"):
            digest.update(repr(self.disk.observer.execute(f"SELECT * FROM {table}").fetchall()).encode())
        return digest.hexdigest()


def play(seed: int, without: frozenset[int] = frozenset(), trees: Mapping[str, str] = {}) -> Played:
    """The world of this seed, without those of its faults, and with these programs for the runs that it has."""
    return Simulation(seed, without, trees).play()
