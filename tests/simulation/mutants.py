"""Bugs of one line, put into the engine on purpose: a simulator that finds none of them proves nothing.

A mutant is a change of a module's text. The text that it replaces must be there exactly once, so a mutant cannot
outlive the line that it is about. Its code then takes the place of the module's own until the mutant is taken out.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import attrs

from .world import Played, play

_ENGINE = "perdure.interpreters.durable"


@attrs.frozen
class Mutant:
    """One bug.

    Attributes:
        name: What is wrong.
        module: Where, within the durable interpreter.
        old: A part of its text.
        new: What it is replaced by.
        within: The bug must be found by a world with a seed below this one.
    """

    name: str
    module: str
    old: str
    new: str
    within: int


MUTANTS = (
    Mutant(
        "a journal entry is written without a look at the fence",
        "texts",
        "WHERE runs.run_id = ? AND runs.fence = ? AND runs.owner = ? AND runs.status = 'running'",
        "WHERE runs.run_id = ? AND ? > 0 AND ? <> ''",
        400,
    ),
    Mutant(
        "a worker that thaws starts what it was about to start",
        "drive",
        "while self._record.lapsed:",
        "while False:",
        2000,
    ),
    Mutant(
        "a run is taken from a live worker",
        "takeover",
        "return run.lease_until > world.clock.boot() and world.liveness.alive(run.owner)",
        "return False",
        400,
    ),
    Mutant(
        "a lease never ends",
        "takeover",
        "return run.lease_until > world.clock.boot() and world.liveness.alive(run.owner)",
        "return world.liveness.alive(run.owner)",
        400,
    ),
    Mutant(
        "a run is taken from an owner that has come back",
        "texts",
        "AND runs.fence = :seen AND runs.lease_until IS :lease AND",
        "AND runs.fence = :seen AND :lease IS :lease AND",
        2000,
    ),
    Mutant(
        "an effect starts before it is recorded",
        "drive",
        "            await self._record.commit()\n            if self._starting or self._approvals.unheard:",
        "            self._start()\n            await self._record.commit()\n"
        "            if self._starting or self._approvals.unheard:",
        100,
    ),
    Mutant(
        "what begins meets what was given up",
        "drive",
        "        if self._effects.leaving:",
        "        if False:",
        1000,
    ),
    Mutant(
        "`once` is run again",
        "drive",
        'if op.repeat == "once" and (voided or',
        'if op.repeat == "never" and (voided or',
        400,
    ),
    Mutant(
        "a run parks although it was answered",
        "journal",
        'if batch.status == "parked" and self._arrived(batch):',
        "if False:",
        400,
    ),
    Mutant(
        "a run parks although a message came",
        "drive",
        "        batch.awaits = self._awaits()\n",
        "",
        1000,
    ),
    Mutant(
        "a message is not marked as taken",
        "drive",
        "        self._record.batch.taken.append((message.name, message.number, entry.seq))\n",
        "",
        200,
    ),
    Mutant(
        "an answer is not marked as consumed",
        "drive",
        "        self._record.batch.consumed.append((*gate.key, entry.seq))\n",
        "",
        200,
    ),
    Mutant(
        "an attempt has an idempotency key of its own",
        "drive",
        "return idempotency_key(self._database_id, self.run_id, self._history.recorded(path))",
        "return idempotency_key(self._database_id, self.run_id, f'{path} {self._claim.fence}')",
        200,
    ),
    Mutant(
        "a new owner does not go on with the chain",
        "recording",
        "self._previous = last.digest if last else genesis(claim.run_id)",
        "self._previous = genesis(claim.run_id)",
        100,
    ),
    Mutant(
        "a timer fires early",
        "drive",
        "while self._timers and self._timers[0][0] <= self._world.clock.now():",
        "while self._timers and self._timers[0][0] <= self._world.clock.now() + 500:",
        200,
    ),
    Mutant(
        "a gate is closed before it is there",
        "drive",
        "            if self._record.batch.opened:",
        "            if False:",
        1000,
    ),
    Mutant(
        "a run that is taken over starts before it looks",
        "drive",
        "        await self._happened()  # before anything starts",
        "        # before anything starts",
        1000,
    ),
    Mutant(
        "the second of two answers counts too",
        "journal",
        '        raise Conflict(f"{name} is decided already, by ',
        '        return False\n        raise Conflict(f"{name} is decided already, by ',
        100,
    ),
    Mutant(
        "an answer counts for something else than was shown",
        "journal",
        "if gate.subject != subject:",
        "if False:",
        200,
    ),
    Mutant(
        "a write that may have been made is called busy",
        "transactions",
        'raise Unavailable(f"{why}; it may be recorded',
        'raise Busy(f"{why}; it may be recorded',
        3000,
    ),
    Mutant(
        "nobody is woken by an answer",
        "texts",
        """WAKE: Final = \"\"\"UPDATE runs SET status='ready'""",
        """WAKE: Final = \"\"\"UPDATE runs SET status='parked'""",
        100,
    ),
    Mutant(
        "a branch that lost leaves its gate open",
        "drive",
        "            if waiting is not None and waiting.gate is not None and waiting.until is None:\n",
        "            if False:\n",
        400,
    ),
    Mutant(
        "a crash takes from the budget of retries",
        "drive",
        "self._begin(op, path, known.attempts + 1, known.failed, known.began_at, known.known)",
        "self._begin(op, path, known.attempts + 1, known.attempts, known.began_at, known.known)",
        1000,
    ),
    Mutant(
        "a commit that failed is taken for done",
        "transactions",
        "            answer = found()\n            if answer is not None",
        "            answer = found() or True\n            if answer is not None",
        200,
    ),
    Mutant(
        "a commit that was done is taken for failed, and made again under new numbers",
        "recording",
        "        self.batch = Batch(self._claim)\n        done = await self._world.store.commit(batch)\n",
        "        done = await self._world.store.commit(batch)\n",
        50,
    ),
    Mutant(
        "what was recorded first is replayed last",
        "texts",
        "WHERE journal.run_id = :run_id AND journal.seq > :seq ORDER BY journal.seq",
        "WHERE journal.run_id = :run_id AND journal.seq > :seq ORDER BY journal.seq DESC",
        50,
    ),
    Mutant(
        "messages are consumed in the order of their senders' clocks",
        "drive",
        "newest[message.name] = max(message.at, newest.get(message.name, message.at))",
        "newest[message.name] = message.at",
        500,
    ),
    Mutant(
        "the wish to cancel is forgotten when a worker dies",
        "drive",
        '                self._record.note("note", cancel=outside.cancel)\n',
        "",
        1000,
    ),
    Mutant(
        "a crash loses what was answered in the middle of an attempt",
        "replay",
        '        if entry.kind == "wait":\n            kept',
        '        if entry.kind in ("wait", "begin"):\n            kept',
        1000,
    ),
    Mutant(
        "an answer to a question is not marked as consumed",
        "asking",
        "        self._record.batch.consumed.append((*gate.key, entry.seq))\n",
        "",
        200,
    ),
    Mutant(
        "an attempt hears an answer before it is recorded",
        "asking",
        "            self.unheard.append((asking.by, asking.decision))\n",
        "            asking.by.answer(asking.decision)\n",
        200,
    ),
    Mutant(
        "a yes to one question is a yes to another",
        "asking",
        "if one.free and one.subject == gate.subject",
        "if one.free",
        2000,
    ),
    Mutant(
        "a question of an attempt that was cut off is forgotten",
        "asking",
        "                self._left.setdefault(home, []).append(gate)\n",
        "                pass\n",
        500,
    ),
    Mutant(
        "an answer that nobody heard any more is lost",
        "asking",
        "return not self.first and (self.by is None or self.by.gone)",
        "return not self.first and self.by is None",
        1000,
    ),
    Mutant(
        "a run that parks forgets what was answered besides",
        "replay",
        '_read(entry).get("kept", ())',
        "()",
        2000,
    ),
    Mutant(
        "a run that parks does not look for the answer to a question",
        "drive",
        "            return waiting.until.gate, 1\n",
        "            return path, 1\n",
        500,
    ),
)


def found(mutant: Mutant) -> Played | None:
    """The first world that finds the bug, which must be in the engine already."""
    return next((played for seed in range(mutant.within) if (played := play(seed)).broken is not None), None)


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """The engine, with this bug in it."""
    module = importlib.import_module(f"{_ENGINE}.{mutant.module}")
    text = inspect.getsource(module)
    found = text.count(mutant.old)
    if found != 1:
        raise AssertionError(f"{mutant.name!r} is stale: its text is {found} times in {module.__name__}")
    twin = ModuleType(module.__name__)
    twin.__file__ = module.__file__
    exec(compile(text.replace(mutant.old, mutant.new), str(module.__file__), "exec"), twin.__dict__)
    undo = [_swapped(module, name, getattr(twin, name)) for name in vars(module) if name in vars(twin)]
    try:
        yield
    finally:
        for one in undo:
            for owner, name, value in one:
                setattr(owner, name, value)


def _swapped(owner: Any, name: str, new: Any) -> list[tuple[Any, str, Any]]:
    """Put the twin's code, or its text, in the place of the owner's; what to set to undo that."""
    old = vars(owner)[name]
    if isinstance(old, str) and isinstance(new, str):
        setattr(owner, name, new)
        return [(owner, name, old)]
    if isinstance(old, property) and isinstance(new, property):
        old, new = old.fget, new.fget
    if isinstance(old, classmethod | staticmethod):
        old, new = old.__func__, new.__func__
    if isinstance(old, FunctionType) and isinstance(new, FunctionType):
        before = old.__code__
        old.__code__ = new.__code__
        return [(old, "__code__", before)]
    if isinstance(owner, ModuleType) and isinstance(old, type) and old.__module__ == owner.__name__:
        return [undo for inner in vars(old) if inner in vars(new) for undo in _swapped(old, inner, vars(new)[inner])]
    return []
