"""The processes of the world: workers, and the ports through which the real drive sees the world.

What a port does here is what its real adapter does, without threads, locks and time: the real journal writes, alone
or several batches in one commit, and says what it has to say to a database that may be in any mood.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs
from returns.result import Failure, Success

from perdure.core import codec
from perdure.core.asked import Again, Answer, Asked, Decision, Question, blame, settle
from perdure.core.effect import Call
from perdure.core.faults import StepFault
from perdure.core.leaves import Step
from perdure.interpreters.durable.database import Busy
from perdure.interpreters.durable.ending import Finished
from perdure.interpreters.durable.errors import Fenced, Owned, Unavailable
from perdure.interpreters.durable.journal import Journal
from perdure.interpreters.durable.ports import (
    Batch,
    Claim,
    Ended,
    Entry,
    Event,
    Gate,
    Outside,
    Run,
    Status,
    Stop,
    Wondered,
    World,
)
from perdure.interpreters.durable.takeover import begin, holds, take_over
from perdure.interpreters.durable.transactions import tried
from perdure.interpreters.handlers import LEAVING

from .books import Violation
from .disk import SimulatedDatabase
from .programs import NONCE, mixed
from .scheduler import NEVER, Actor, Group

if TYPE_CHECKING:
    from .world import Simulation

T = TypeVar("T")

#: How often a busy database is tried again before a worker gives up.
_PATIENCE = 8


@attrs.define(eq=False)
class _Job:
    """A write that waits for the commit which it will share."""

    call: Callable[[], object]
    actor: Actor
    done: bool = False
    answer: object = None


@attrs.define(eq=False)
class Process(Group):
    """A process with the database open.

    Attributes:
        skew: Its wall clock's distance from the world's, in milliseconds.
        latest: The latest time that it has seen on its clock, which may be set back at any moment.
        groups: Its drives share commits, as on a worker that drives many runs.
    """

    world: Simulation = attrs.field(kw_only=True)
    skew: int = 0
    latest: int = 0
    groups: bool = False
    stopping: str = ""
    drives: dict[str, SimulatedEffects] = attrs.field(factory=dict)
    supervisor: Actor | None = None
    _jobs: list[_Job] = attrs.field(factory=list)
    _committer: Actor | None = None
    database: SimulatedDatabase = attrs.field(init=False)
    journal: Journal = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Open the database."""
        self.database = SimulatedDatabase(self.world.disk)
        self.journal = Journal(self.database)

    # -- as clock and entropy of its drives ----------------------------------------------------------------------------

    def now(self) -> int:
        now = 1_800_000_000_000 + self.world.scheduler.time + self.skew
        self.latest = max(self.latest, now)
        return now

    def boot(self) -> int:
        return self.world.boot()

    def run_id(self, now: int) -> str:
        raise AssertionError("runs of this world are named by those who start them")

    # -- talking to the database ---------------------------------------------------------------------------------------

    async def read(self, what: str, call: Callable[[], T]) -> T:
        """Ask, until the database answers or is broken.

        Raises:
            Unavailable: It is.
        """
        await self.world.scheduler.point(what)
        self.database.mood = self.world.mood(reading=True)
        try:
            return call()
        finally:
            self._calm(what)

    async def write(self, what: str, call: Callable[[], T], *, joins: bool = False, once: bool = False) -> T:
        """Write, patiently where the database is busy; where the reply is lost on its way, say it again.

        Args:
            what: What is written.
            call: Writes it.
            joins: It may share a commit.
            once: It is not to be said again: to lose the reply would be to lose it all.

        Raises:
            Unavailable: The database cannot be used.
        """
        scheduler, tries = self.world.scheduler, 0
        while True:
            await scheduler.point(f"before {what}")
            try:
                answer = await self._joined(call) if joins and self.groups else self._alone(what, call)
            except Busy as busy:
                tries += 1
                if tries > _PATIENCE:
                    raise Unavailable("busy all the while") from busy
                await scheduler.rest("busy", scheduler.time + 40 * tries)
                continue
            await scheduler.point(f"after {what}")
            if once or not self.world.loses_reply(what):
                return answer

    def _alone(self, what: str, call: Callable[[], T]) -> T:
        self.database.mood = self.world.mood()
        try:
            return call()
        finally:
            self._calm(what)
            self.world.books.look()

    def _calm(self, what: str) -> None:
        if self.database.happened is not None:
            self.world.struck(f"database {self.database.happened}", f"{self.name} at {what}")
        self.database.mood = self.database.happened = None

    async def _joined(self, call: Callable[[], T]) -> T:
        scheduler = self.world.scheduler
        assert scheduler.current is not None
        job = _Job(call, scheduler.current)
        self._jobs.append(job)
        if self._committer is None:
            self._committer = scheduler.spawn(f"{self.name} commits", self, self._commits())
        self._committer.wake()
        while not job.done:
            await scheduler.rest("in the queue", NEVER)
        if isinstance(job.answer, Exception):
            raise job.answer
        return cast("T", job.answer)  # what the call returned: the queue has forgotten its type

    async def _commits(self) -> None:
        """What the thread does that commits for all."""
        scheduler = self.world.scheduler
        while True:
            await scheduler.rest("nothing to commit", 0 if self._jobs else NEVER)
            await scheduler.point("before group commit")
            jobs, self._jobs = self._jobs, []
            if not jobs:
                continue
            if len(jobs) == 1:
                answers: Sequence[object] = [self._alone("group commit", lambda: tried(jobs[0].call, Exception))]  # noqa: B023
            else:
                answers = self._alone("group commit", lambda: self.journal.together([job.call for job in jobs]))  # noqa: B023
            for job, answer in zip(jobs, answers, strict=True):
                job.done, job.answer = True, answer
                job.actor.wake()
            await scheduler.point("after group commit")

    # -- a worker's life -----------------------------------------------------------------------------------------------

    async def supervise(self) -> None:
        """Take up whatever could go on and is driven by nobody."""
        world, scheduler = self.world, self.world.scheduler
        look_at: float = 0
        while True:
            await scheduler.rest("idle", look_at)
            if self.stopping:
                if not self.drives:
                    world.exit(self)
                    return
                look_at = NEVER
                continue
            try:
                runs = await self.read("looking for work", lambda: self.journal.runs(statuses=_OPEN))
            except Unavailable:
                look_at = scheduler.time + 500
                continue
            look_at = NEVER
            for run in runs:
                if run.run_id in self.drives:
                    continue
                due = self._takes_at(run)
                if due <= scheduler.time:
                    self.drive(run)
                else:
                    look_at = min(look_at, due)

    def _takes_at(self, run: Run) -> float:
        """When this worker may take a run, in milliseconds of the world."""
        time = self.world.scheduler.time
        match run.status:
            case "running" if holds(self.ports(None), run):
                return time + 1 + (run.lease_until or 0) - self.boot()
            case "parked":
                return NEVER if run.wake_at is None else time + run.wake_at - self.now()
            case _:
                return time

    def drive(self, run: Run, *, fresh: bool = False) -> None:
        """Begin to drive a run."""
        effects = self.drives[run.run_id] = SimulatedEffects(self, run.run_id)
        self.world.scheduler.spawn(f"{self.name} drives {run.run_id}", self, self._drive(run, effects, fresh))

    async def _drive(self, run: Run, effects: SimulatedEffects, fresh: bool) -> None:
        world, store = self.world, SimulatedStore(self, effects)
        call: Call[Any, Any] = world.calls[run.run_id]
        again_at: float = 0
        try:
            if fresh:
                effects.claim = Claim(run.run_id, run.fence, self.name)
                drive = begin(self.ports(store), run, call, world.options, await store.database_id())
            else:
                found = await take_over(self.ports(store), run.run_id, call, world.options)
                if isinstance(found, Finished):
                    return world.books.tell(run.run_id, found.outcome)
                drive = found
            rest = await drive.run(effects, _nobody)
            if isinstance(rest, Finished):
                world.books.tell(run.run_id, rest.outcome)
        except (Owned, Fenced):
            pass  # another worker has it
        except Unavailable:
            again_at = world.scheduler.time + 100
        finally:
            del self.drives[run.run_id]
            if self.supervisor is not None:
                self.supervisor.until = min(self.supervisor.until, again_at)

    def ports(self, store: Any) -> World:  # Any: a Store, or nothing where none is needed
        return World(store, self, _Liveness(self), self)

    def stop(self, why: str) -> None:
        """Ask the process to end."""
        self.stopping = why
        for effects in self.drives.values():
            effects.tell(Stop(why))
        if self.supervisor is not None:
            self.supervisor.wake()


_OPEN: tuple[Status, ...] = ("ready", "running", "parked", "blocked", "paused")


def _nobody(entry: Entry) -> None:
    """Nobody listens."""


@attrs.frozen
class _Liveness:
    process: Process

    @property
    def me(self) -> str:
        return self.process.name

    @property
    def epoch(self) -> str:
        return self.process.world.epoch

    def alive(self, owner: str) -> bool:
        return self.process.world.lives(owner)


class SimulatedStore:
    """The `Store` of one drive: the real journal, and the books beside it."""

    def __init__(self, process: Process, effects: SimulatedEffects) -> None:
        self._process, self._effects, self._books = process, effects, process.world.books
        self._journal = process.journal
        self._seen: tuple[int, int] | None = None

    async def database_id(self) -> str:
        return await self._process.read("reading", self._journal.database_id)

    async def find(self, run_id: str) -> Run | None:
        return await self._process.read("finding", lambda: self._journal.find(run_id))

    async def entries(self, run_id: str) -> Sequence[Entry]:
        return await self._process.read("reading the journal", lambda: self._journal.entries(run_id))

    async def gates(self, run_id: str) -> Sequence[Gate]:
        return await self._process.read("reading gates", lambda: self._journal.gates(run_id))

    async def outside(self, run_id: str, awaits: tuple[str, ...]) -> Outside:
        return await self._process.read("looking outside", lambda: self._journal.outside(run_id, awaits))

    async def start(self, run: Run) -> Run:
        return await self._process.write("start", lambda: self._journal.start(run), joins=True)

    async def claim(
        self, run_id: str, owner: str, *, seen: int, lease: int | None, last: int, lease_until: int, epoch: str
    ) -> Claim | None:
        def take() -> Claim | None:
            held = self._process.world.held(run_id)
            claim = self._journal.claim(
                run_id, owner, seen=seen, lease=lease, last=last, lease_until=lease_until, epoch=epoch
            )
            if claim is not None:
                self._effects.claim = claim
                if held:
                    raise Violation("no run is taken from a live worker", f"{claim} was held by another")
            return claim

        return await self._process.write("claim", take)

    async def commit(self, batch: Batch) -> bool:
        held = False

        def write() -> bool:
            nonlocal held  # what was written once may be said again at any time
            held = held or self._books.standing(batch.claim.run_id).bears(batch.claim)
            return self._journal.commit(batch)

        self._books.submit(batch)
        try:
            done = await self._process.write("commit", write, joins=True)
        finally:
            asked = bool(batch.opened or batch.taken or batch.refused)
            if asked or batch.status is not None:
                self._process.world.poke(asked=asked)
        self._books.acknowledge(batch, held)
        return done

    async def renew(self, claim: Claim, lease_until: int) -> None:
        await self._process.write("renewal", lambda: self._journal.renew(claim, lease_until), joins=True)

    async def expire(self, claim: Claim, path: str, number: int) -> bool:
        gate = self._process.world.disk.observer.execute(
            "SELECT expires_at FROM gates WHERE run_id = ? AND path = ? AND number = ?", (claim.run_id, path, number)
        ).fetchone()
        if gate is None:
            raise Violation("what is closed was open", f"{path} of {claim.run_id} is not there yet")
        if self._process.latest < gate[0]:
            raise Violation("no timer fires early", f"{path} of {claim.run_id} expires at {gate[0]}")
        return await self._process.write("expiry", lambda: self._journal.expire(claim, path, number))

    def changed(self) -> bool:
        before, self._seen = self._seen, self._journal.seen()
        return before != self._seen


class SimulatedEffects:
    """Performs leaves in virtual time, and tells the books."""

    def __init__(self, process: Process, run_id: str) -> None:
        self._process, self._run_id = process, run_id
        self.claim: Claim | None = None
        self._actors: dict[str, Actor] = {}
        self._leaving: dict[str, tuple[Actor, int]] = {}
        self._events: list[Event] = []
        self._waiter: Actor | None = None
        if process.stopping:
            self._events.append(Stop(process.stopping))

    def tell(self, event: Event) -> None:
        """Let the drive know."""
        self._events.append(event)
        if self._waiter is not None:
            self._waiter.wake()

    def start(self, asked: Asked) -> None:
        world = self._process.world
        assert self.claim is not None
        if self.leaving:
            raise Violation("what was given up ends before anything begins", f"{list(self._leaving)} still act")
        world.books.starts(asked, self.claim)
        name = f"{self._process.name} {asked.attempt.path}"
        self._actors[asked.attempt.path] = world.scheduler.spawn(name, self._process, self._perform(asked, self.claim))

    def cancel(self, path: str) -> None:
        actor = self._actors.pop(path, None)
        if actor is None:
            return
        if self._process.world.cuts():
            self._process.world.scheduler.end(lambda other: other is actor)
        else:
            self._leaving[actor.name] = actor, self._process.world.scheduler.time + int(LEAVING * 1000)

    @property
    def leaving(self) -> bool:
        return any(until > self._process.world.scheduler.time for _, until in self._leaving.values())

    async def next(self, until: int | None) -> Sequence[Event]:
        world = self._process.world
        self._waiter = world.scheduler.current
        await world.scheduler.point("between two turns")
        if not self._events:
            rest = NEVER if until is None else world.scheduler.time + until - world.boot()
            await world.scheduler.rest("waiting", rest)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        if self._process.alive:
            for path in list(self._actors):
                self.cancel(path)

    async def _perform(self, asked: Asked, claim: Claim) -> None:
        world, attempt = self._process.world, asked.attempt
        me = world.scheduler.current
        await world.scheduler.point("before effect")
        made = world.books.executes(asked, claim)
        await world.scheduler.rest("in effect", world.scheduler.time + world.lasts(asked))
        made.answer = await self._asks(asked) if asked.op.name in ("heedful", "patient") else self._answer(asked)
        await world.scheduler.point("after effect")
        if self._actors.get(attempt.path) is me:
            del self._actors[attempt.path]
            self.tell(Ended(attempt.path, attempt.number, made.answer))
        elif me is not None and self._leaving.get(me.name, (None, 0))[0] is me:
            del self._leaving[me.name]
            if self._waiter is not None:
                self._waiter.wake()

    async def _asks(self, asked: Asked) -> Answer | Again:
        """What comes of a step that asks people. It knows what was said to the attempts before it."""
        n, world = asked.op.describe()[0], self._process.world
        heard: dict[str, Any] = dict(asked.known.get("heard", {}))
        if "held" in asked.known:
            heard[asked.known["held"]] = world.books.hears(asked, asked.known["held"], asked.known["answer"])
        prompts = ["Now?"] if asked.op.name == "heedful" else ["Now?", "And then?"]
        for prompt in world.rng.sample(prompts, len(prompts)):
            if prompt in heard:
                continue
            question = Question("sure", prompt, n)
            said = await self._confirmed(asked, question) if asked.op.name == "patient" else None
            if said is None:
                return Again(None, {"heard": heard, "held": prompt}, until=question)
            heard[prompt] = said
        yes = sum(said["_type"] == "Approved" for said in heard.values())
        return Success(mixed(n, 6 + yes) + NONCE * world.books.nonce())

    async def _confirmed(self, asked: Asked, question: Question) -> Any:  # Any: a JSON tree
        """What a person says in time; None where they do not, or where nobody heard it."""
        world, attempt = self._process.world, asked.attempt
        me, said = world.scheduler.current, list[Any]()
        assert me is not None

        def answer(decision: Decision) -> None:
            said.append(world.books.hears(asked, question.prompt, codec.to_json(decision, Decision)))
            me.wake()

        wondered = Wondered(attempt.path, attempt.number, question, answer)
        if self._actors.get(attempt.path) is me:
            self.tell(wondered)
        until = world.scheduler.time + world.holds()
        while not said and world.scheduler.time < until:
            await world.scheduler.rest("asking", until)
        if not said or world.crosses():
            wondered.gone = True
            return None
        return said[0]

    def _answer(self, asked: Asked) -> Answer:
        """What the step's own code says, with a nonce above a number."""
        op, books = asked.op, self._process.world.books
        assert isinstance(op, Step)
        if op.name == "flaky" and not books.failed_before(asked):
            return Failure(StepFault(op.name, "OSError", "the first time"))
        try:
            answer = settle(op, op.task.fn(*op.args, **op.kwargs))
        except Exception as error:
            return blame(op, error)
        match answer:
            case Success(int(base)):
                return Success(base + NONCE * books.nonce())
            case _:
                return answer
