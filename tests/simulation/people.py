"""Everybody who is not a worker: who starts runs, answers, sends and cancels, early, late, twice and contradicting.

A person remembers what they meant to say. When the command with which they say it dies under their hands, they give
it again, with the same key.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from perdure.interpreters.durable.errors import Conflict, NotFound, Unavailable
from perdure.interpreters.durable.ports import TERMINAL, Gate, SignalRow

from .books import Sent, Violation
from .processes import Process
from .programs import BASES, NONCE
from .scheduler import NEVER

if TYPE_CHECKING:
    from .world import Simulation

T = TypeVar("T")


class Killed(Exception):
    """The command that a person gave has died."""


class Person(Process):
    """Somebody with a command line, on whichever machine: each command may see another time."""

    def __init__(self, name: str, world: Simulation) -> None:
        super().__init__(name, world=world)
        self._rng = random.Random(world.rng.getrandbits(32))

    async def think(self, longest: int, least: int = 1) -> None:
        """Let some time go by: little, once faults have stopped and all that is wanted is an end."""
        scheduler = self.world.scheduler
        wait = self._rng.randint(least, max(least, longest)) if self.world.chaos else least
        try:
            await scheduler.rest("thinking", scheduler.time + wait)
        except Killed:
            self.restart()

    async def nothing(self, since: int) -> None:
        """Wait until something happens, if nothing has since then."""
        if self.world.news != since:
            return
        try:
            await self.world.scheduler.rest("nothing to do", NEVER)
        except Killed:
            self.restart()

    async def ask(self, call: Callable[[], T]) -> T:
        """Look at something, however often it takes."""
        while True:
            try:
                return await self.read("looking", call)
            except Killed:
                self.restart()
            except Unavailable:
                await self.think(500)

    async def say(self, what: str, call: Callable[[], T]) -> T:
        """Write something, however often it takes.

        Raises:
            Conflict, NotFound: It was refused.
        """
        while True:
            try:
                return await self.write(what, call)
            except Killed:
                self.restart()
            except Unavailable:
                await self.think(500)
            finally:
                self.world.poke()

    def restart(self) -> None:
        """Another command, with a connection and a clock of its own."""
        self.skew = self._rng.choice((0, 0, -4_000, 4_000)) if self.world.chaos else 0
        self.journal.close()
        self.open()


class Answerer(Person):
    """Answers gates: at once or late, once or twice, and may contradict themselves and others."""

    async def live(self) -> None:
        while True:
            since = self.world.news
            gates = [gate for gate in await self.ask(self.journal.open_gates) if gate.kind != "signal"]
            if not gates:
                await self.nothing(since)
                continue
            gate = self._rng.choice(gates)
            await self.think(3_000)
            answer = self._answer(gate)
            if self._rng.random() < 0.1:
                await self._mistake(gate, answer)
            await self._decide(gate, answer)
            if self._rng.random() < 0.3:
                await self._decide(gate, answer)
            if self._rng.random() < 0.3:
                await self._decide(gate, self._answer(gate))

    def _answer(self, gate: Gate) -> str:
        nonce = self.world.books.nonce()
        if gate.kind == "approval":
            said = "Approved" if self._rng.random() < 0.7 else "Denied"
            return f'{{"_type":"{said}","by":"{self.name}","note":"{nonce}","at":null}}'
        return str(BASES[gate.name] + NONCE * nonce)

    async def _decide(self, gate: Gate, answer: str, subject: str | None = None) -> None:
        which = (gate.run_id, gate.path, gate.number)
        self.world.books.tried[which].add(answer)
        self.restart()
        now = self.now()
        try:
            await self.say(
                "answer",
                lambda: self.journal.answer(
                    *which, subject=subject or gate.subject, answer=answer, by=self.name, note=None, via="cli",
                    idem=None, now=now,
                ),
            )  # fmt: skip
        except Conflict:
            await self.think(2_000, least=500)  # it may be open for long yet, and too late for an answer
        else:
            if subject is not None:
                raise Violation("an answer is for what was shown", f"{which} was answered for {subject}")
            self.world.books.accept(which, answer)

    async def _mistake(self, gate: Gate, answer: str) -> None:
        """Answer what was shown before, and what was never asked."""
        await self._decide(gate, answer, subject="what was shown before")
        try:
            await self.say(
                "answer",
                lambda: self.journal.answer(
                    gate.run_id, gate.path, gate.number + 7, subject="", answer="1", by=None, note=None, via=None,
                    idem=None, now=self.now(),
                ),
            )  # fmt: skip
        except (NotFound, Conflict):
            return
        raise Violation("an answer is for a gate", f"{gate.path} has no number {gate.number + 7}")


class Sender(Person):
    """Sends messages: before the run, before the wait, twice under one key, and some that nobody can read."""

    async def live(self) -> None:
        for run_id in self.world.calls:
            for name in ("news", "more"):
                if name in self.world.trees[run_id] and self._rng.random() < 0.4:
                    await self._send(run_id, name)
        while True:
            since = self.world.news
            gates = [gate for gate in await self.ask(self.journal.open_gates) if gate.kind == "signal"]
            wanted = [gate for gate in gates if self._rng.random() < 0.1 or not await self._under_way(gate)]
            if not wanted:
                await self.nothing(since)
                continue
            gate = self._rng.choice(wanted)
            await self.think(3_000)
            await self._send(gate.run_id, gate.name)

    async def _under_way(self, gate: Gate) -> bool:
        rows = await self.ask(lambda: self.journal.signals(gate.run_id))
        return any(row.name == gate.name and row.consumed is None and row.refused is None for row in rows)

    async def _send(self, run_id: str, name: str) -> None:
        nonce = self.world.books.nonce()
        idem = f"message-{nonce}" if self._rng.random() < 0.5 else None
        payload = str(BASES[name] + NONCE * nonce)
        if self._rng.random() < 0.1:
            await self._say(run_id, Sent(name, f'"no number: {nonce}"', idem and f"{idem}-junk"))
        sent = Sent(name, payload, idem)
        await self._say(run_id, sent)
        if idem is not None and self._rng.random() < 0.3:
            await self._say(run_id, sent)
            if await self._say(run_id, Sent(name, payload + "0", idem)):
                raise Violation("one key is one message", f"{sent} was followed by another of its key")

    async def _say(self, run_id: str, sent: Sent) -> bool:
        self.world.books.sent[run_id].append(sent)
        self.restart()
        now = self.now()

        def send() -> SignalRow:
            return self.journal.send(run_id, sent.name, sent.payload, idem=sent.idem, now=now)

        try:
            row = await (self.say("signal", send) if sent.idem is not None else self.write("signal", send, once=True))
        except Killed:
            self.restart()
            return False  # it may have arrived: without a key, to send it again could be to send it twice
        except (Conflict, Unavailable):
            return False
        finally:
            self.world.poke()
        sent.told = row.payload == sent.payload
        return sent.told


class Canceller(Person):
    """Has second thoughts about one of the runs."""

    async def live(self) -> None:
        run_id = self._rng.choice(sorted(self.world.calls))
        await self.think(20_000)
        for _ in range(self._rng.randint(1, 2)):
            try:
                run = await self.say("cancel", lambda: self.journal.ask_cancel(run_id, "second thoughts", self.now()))
            except NotFound:
                await self.think(1_000)
            except Conflict:
                return
            else:
                if run.status not in TERMINAL:
                    self.world.books.cancelled.setdefault(run_id, self.world.books.standing(run_id).fence)
