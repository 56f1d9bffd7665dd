"""One thread, many actors: who goes on, and when, follows from one generator of random numbers.

An actor is a coroutine that gives up control at every call of a port, and says where it is. What happens to it there
(nothing, a crash, a freeze) is not its business.
"""

from __future__ import annotations

import math
import random
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeAlias

import attrs

NEVER = math.inf
_Work: TypeAlias = Coroutine[Any, Any, None]


@attrs.define(eq=False)
class Group:
    """Actors that are frozen and killed together: a process."""

    name: str
    thaws_at: float = 0
    alive: bool = True


@attrs.define(eq=False)
class Actor:
    """A thread of control.

    Attributes:
        place: What it is about to do, or has just done.
        until: It rests until then, in milliseconds of the world.
    """

    name: str
    group: Group
    work: _Work
    place: str = "begin"
    until: float = 0

    def wake(self) -> None:
        """Let it go on."""
        self.until = 0


@types.coroutine
def _rest(until: float) -> Generator[float, None, None]:
    yield until


class Scheduler:
    """Time and turns.

    Attributes:
        time: Milliseconds since the world began.
        current: Whose turn it is.
    """

    def __init__(self, rng: random.Random) -> None:
        self.time = 0
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self.trace: list[tuple[int, str, str]] = []
        self._rng = rng

    def spawn(self, name: str, group: Group, work: _Work) -> Actor:
        """A new actor. Its first turn comes like any other."""
        actor = Actor(name, group, work)
        self.actors.append(actor)
        return actor

    def end(self, chosen: Callable[[Actor], bool]) -> None:
        """End actors where they are, at once."""
        for actor in [actor for actor in self.actors if chosen(actor)]:
            self.actors.remove(actor)
            if actor is not self.current:
                actor.work.close()

    async def point(self, place: str) -> None:
        """Here anybody else may go on first."""
        await self.rest(place, 0)

    async def rest(self, place: str, until: float) -> None:
        """Do nothing until then, or until somebody wakes the actor."""
        assert self.current is not None
        self.current.place = place
        await _rest(until)

    def turn(self, befall: Callable[[Actor], bool]) -> bool:
        """Let one actor go on to its next point.

        Args:
            befall: Asked before; True where something happened to the actor, and its turn is over.

        Returns:
            False where nobody will ever go on.
        """
        time = self.time
        ready = [actor for actor in self.actors if actor.until <= time and actor.group.thaws_at <= time]
        if not ready:
            soonest = min((max(actor.until, actor.group.thaws_at) for actor in self.actors), default=NEVER)
            if soonest == NEVER:
                return False
            self.time = int(soonest)
            return True
        actor = ready[int(self._rng.random() * len(ready))] if len(ready) > 1 else ready[0]
        self.time += 1
        self.trace.append((time, actor.name, actor.place))
        if befall(actor):
            return True
        self._go_on(actor, lambda: actor.work.send(None))
        return True

    def interrupt(self, actor: Actor, error: Exception) -> None:
        """Let an actor go on with an error at the point where it is."""
        self._go_on(actor, lambda: actor.work.throw(error))

    def _go_on(self, actor: Actor, to_the_next: Callable[[], float]) -> None:
        self.current = actor
        try:
            actor.until = to_the_next()
        except StopIteration:
            if actor in self.actors:
                self.actors.remove(actor)
        else:
            if actor not in self.actors:  # it ended itself, or its whole process
                actor.work.close()
        self.current = None
