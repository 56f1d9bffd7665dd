"""A world without time: the ports of the durable drive, in which nothing waits and nothing is random.

The clock stands still while anything can happen and then leaps to the next thing that does. What happens at one
moment happens in one order, before a crash as after it: timers, what people left, what ended.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import attrs

from perdure.core.asked import Again, Answer, Asked
from perdure.interpreters.durable.at_once import Stuck
from perdure.interpreters.durable.ports import Ended, Event, Left

#: The boot of every simulated machine.
EPOCH: Final = "boot"
#: Longer than any run: how long leases are here, and how rarely a drive need look outside by itself.
FOREVER: Final = timedelta(days=365_000)
#: A drive that asks to be woken later than this, in milliseconds, waits for nothing.
_FAR: Final = 10**13
#: No drive turns so often at one moment without anything happening.
_IDLE: Final = 1000


@attrs.define
class VirtualClock:
    """The `Clock` port. Both times go on together, from the beginning of 2030 on, and only by `advance`."""

    at: int = 1_893_456_000_000
    since_boot: int = 1_000_000

    def now(self) -> int:
        return self.at

    def boot(self) -> int:
        return self.since_boot

    def advance(self, milliseconds: int) -> None:
        """Let time pass; never back."""
        self.at += max(0, milliseconds)
        self.since_boot += max(0, milliseconds)


@attrs.define
class Agenda:
    """What people do to a run, and when. It outlives every process."""

    clock: VirtualClock
    _acts: list[tuple[int, int, Callable[[], None]]] = attrs.field(factory=list)
    _added: int = 0

    def add(self, at: int, act: Callable[[], None]) -> None:
        """Let somebody do something at a moment (milliseconds since boot)."""
        self._added += 1
        heapq.heappush(self._acts, (at, self._added, act))

    @property
    def next_at(self) -> float:
        """When somebody does something next; infinity where nobody will."""
        return self._acts[0][0] if self._acts else math.inf

    def moment(self, at: int | None) -> float:
        """Milliseconds since 1970 as milliseconds since boot; None is never."""
        return math.inf if at is None else at - self.clock.now() + self.clock.boot()

    def leap(self) -> None:
        """Let time pass until somebody does something, and let it be done."""
        self.clock.advance(int(self.next_at) - self.clock.boot())
        self.act()

    def act(self) -> bool:
        """Do what is due; whether there was anything."""
        acted = False
        while self.next_at <= self.clock.boot():
            heapq.heappop(self._acts)[2]()
            acted = True
        return acted


@attrs.define
class VirtualEffects:
    """The `Effects` port: an attempt acts when it starts, and ends when its time is up.

    Attributes:
        perform: What becomes of an attempt: its answer, and when it ends (milliseconds since boot; infinity: never).
        started: How many attempts were started.
    """

    clock: VirtualClock
    perform: Callable[[Asked], tuple[Answer | Again, float]]
    agenda: Agenda
    _due: list[tuple[float, int, str, int, Answer | Again]] = attrs.field(factory=list)
    _running: dict[str, int] = attrs.field(factory=dict)
    started: int = 0
    _idle: int = 0

    def start(self, asked: Asked) -> None:
        attempt = asked.attempt
        answer, ends_at = self.perform(asked)
        self.started += 1
        self._running[attempt.path] = attempt.number
        heapq.heappush(self._due, (ends_at, self.started, attempt.path, attempt.number, answer))

    def cancel(self, path: str) -> None:
        self._running.pop(path, None)

    @property
    def leaving(self) -> bool:
        return False

    async def next(self, until: int | None) -> Sequence[Event]:
        while self._due and self._running.get(self._due[0][2]) != self._due[0][3]:
            heapq.heappop(self._due)  # given up
        ends_at = self._due[0][0] if self._due else math.inf
        timer = math.inf if until is None or until - self.clock.boot() > _FAR else until
        moment = min(ends_at, self.agenda.next_at, timer)
        self._idle += 1
        if moment == math.inf or self._idle > _IDLE:
            raise Stuck("nothing more happens, and it has not ended")
        leaps = moment > self.clock.boot()
        self.clock.advance(int(moment) - self.clock.boot())
        if leaps or moment != timer:
            self._idle = 0
        if leaps and moment == timer:
            return []
        if self.agenda.act():
            return [Left()]
        events: list[Event] = []
        while self._due and self._due[0][0] <= self.clock.boot():
            _, _, path, number, answer = heapq.heappop(self._due)
            if self._running.get(path) == number:
                del self._running[path]
                events.append(Ended(path, number, answer))
        return events

    def close(self) -> None:
        self._due.clear()


@attrs.frozen
class OneAlive:
    """The `Liveness` port: every worker before this one is dead."""

    me: str
    epoch: str = EPOCH

    def alive(self, owner: str) -> bool:
        return owner == self.me


class NoEntropy:
    """The `Entropy` port: ids are given, never drawn."""

    def run_id(self, now: int) -> str:
        return f"run-{now}"
