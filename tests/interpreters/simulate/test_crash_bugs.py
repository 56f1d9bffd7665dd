"""A proof that finds nothing proves nothing: bugs of an interpreter, one line each, and every one is found.

Each bug is a change of a function's source that is made while the test runs. The test fails where the line is gone,
where the workflow is not safe without the bug, and where the bug is not found.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import attrs
import pytest
from returns.result import Failure, Success

from perdure import (
    Approved,
    Do,
    Effect,
    Fault,
    Retry,
    approval,
    compensate,
    fail,
    now,
    parallel,
    race,
    signal,
    sleep,
    step,
    workflow,
)
from perdure.interpreters.durable import replay, takeover, texts
from perdure.interpreters.durable.drive import Drive
from perdure.interpreters.durable.recording import Recording
from perdure.interpreters.simulate.memory_store import MemoryStore
from perdure.testing import CrashUnsafe, after, assert_crash_safe, each

MINUTE = timedelta(minutes=1)

# -- workflows in which a bug can show ---------------------------------------------------------------------------------


@step
def add(a: int, b: int) -> int:
    return a + b


@step
def zeta(n: int) -> int:
    return n + 26


@step
def alpha(n: int) -> int:
    return n + 1


@step(repeat="once")
def charge(amount: int) -> int:
    return amount


@step
def refund(amount: int) -> None: ...


@step(retry=Retry(attempts=3, wait=MINUTE, jitter=0))
def fetch(page: int) -> str:
    return f"page {page}"


@step
def measure() -> float:
    return 1  # an int is accepted for a float, and is one once it is recorded


@workflow
def chain() -> Do[int]:
    total = yield from zeta(0)
    total = yield from alpha(total)
    return (yield from add(total, 1))


@workflow
def fetched() -> Do[str]:
    page = yield from fetch(1)
    return f"{page}, {(yield from add(1, 1))}"


@workflow
def charged() -> Do[str]:
    match (yield from charge(5).attempt()):
        case Success(amount):
            return f"charged {amount}"
        case Failure(_):
            return "nobody knows"


@workflow
def gated() -> Do[str]:
    total = yield from add(1, 2)
    decision = yield from approval("go", show=total)
    more = yield from add(total, 1)
    return f"{'yes' if isinstance(decision, Approved) else 'no'} {more}"


@workflow
def listening() -> Do[list[int]]:
    heard: list[int] = []
    for _ in range(2):
        heard.append((yield from signal("news", int)))
    return heard


@workflow
def napping() -> Do[bool]:
    began = yield from now()
    yield from parallel(sleep(60 * MINUTE), work())
    return (yield from now()) - began > 60 * MINUTE


@workflow
def work() -> Do[int]:
    return (yield from add((yield from zeta(1)), 1))


@workflow
def undone() -> Do[int, Fault]:
    yield from compensate(add(1, 1), refund)
    yield from zeta(1)
    return (yield from fail(Fault("no room")))


@workflow
def measured() -> Do[str]:
    seen = yield from measure()
    yield from add(1, 1)
    return repr(seen)


@workflow
def meeting() -> Do[bool]:
    decision, _ = yield from parallel(approval("go"), zeta(1))
    return isinstance(decision, Approved)


@workflow
def overheard() -> Do[int]:
    heard, _ = yield from parallel(signal("news", int), zeta(1))
    return heard


@workflow
def hurried() -> Do[int]:
    yield from race(approval("go").map(lambda _: 0), zeta(1))
    return (yield from add(1, 1))


SLOW = {"zeta": after(10 * MINUTE, 27), "add": after(120 * MINUTE, 3)}
RESETS = {"fetch": each(ConnectionError("reset"), ConnectionError("reset"), "page 1")}


@attrs.frozen
class Scene:
    """A workflow that is safe, and the script under which it is."""

    effect: Effect[Any, Any]
    answers: Mapping[str, object] = {}
    steps: Mapping[str, object] = {}
    on: Literal["memory", "sqlite"] = "memory"

    def check(self) -> None:
        assert_crash_safe(self.effect, answers=self.answers, steps=self.steps, on=self.on)


CHAIN = Scene(chain())
FETCHED = Scene(fetched(), steps=RESETS)
CHARGED = Scene(charged(), steps={"charge": 5})
GATED = Scene(gated(), {"go": after(MINUTE, "approve")})
LISTENING = Scene(listening(), {"news": after(MINUTE, each(1, 2))})
NAPPING = Scene(napping(), steps=SLOW)
UNDONE = Scene(undone())
MEASURED = Scene(measured())
MEETING = Scene(meeting(), {"go": after(20 * MINUTE, "approve")}, SLOW)
OVERHEARD = Scene(overheard(), {"news": after(20 * MINUTE, 1)}, SLOW)
HURRIED = Scene(hurried(), {"go": after(60 * MINUTE, "approve")})

SCENES = [CHAIN, FETCHED, CHARGED, GATED, LISTENING, NAPPING, UNDONE, MEASURED, MEETING, OVERHEARD, HURRIED]


# -- bugs --------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Bug:
    """A function, the text of it that is wrong then, and what is said of it.

    Attributes:
        where: A class or a module.
        said: A part of what is said when it is found.
    """

    where: Any
    name: str
    old: str
    new: str
    scene: Scene
    said: str


BUGS = {
    "an attempt acts although nobody wrote that it begins": Bug(
        Drive,
        "_begin",
        'self._record.entry("begin", path, number, op, begun(op))',
        "pass",
        CHAIN,
        "acted before it was recorded that it begins",
    ),
    "an attempt starts before the commit that says so": Bug(
        Drive,
        "_drive",
        """\
            await self._record.commit()
            if self._starting or self._approvals.unheard:
""",
        """\
            self._start()
            await self._record.commit()
            if self._starting or self._approvals.unheard:
""",
        CHAIN,
        "acted before it was recorded that it begins",
    ),
    "the second attempt has the number of the first": Bug(
        Drive,
        "_open_step",
        "self._begin(op, path, known.attempts + 1,",
        "self._begin(op, path, known.attempts,",
        CHAIN,
        "two attempts of chain/zeta had the number 1",
    ),
    "every attempt has an idempotency key of its own": Bug(
        Drive,
        "_begin",
        "Attempt(self.run_id, path, number, self._key(path))",
        'Attempt(self.run_id, path, number, self._key(f"{path}@{number}"))',
        CHAIN,
        "had different idempotency keys",
    ),
    "once is forgotten": Bug(
        Drive, "_open_step", 'if op.repeat == "once" and', "if False and", CHARGED, "must run at most once"
    ),
    "a step that may be repeated is given up as if it were a once": Bug(
        Drive,
        "_open_step",
        'if op.repeat == "once" and',
        "if True and",
        CHAIN,
        "something else was recorded of chain/zeta",
    ),
    "a crash uses up a retry": Bug(
        Drive,
        "_open_step",
        "known.attempts + 1, known.failed, known.began_at, known.known)",
        "known.attempts + 1, known.failed + 1, known.began_at, known.known)",
        FETCHED,
        "fetched/fetch",
    ),
    "retries are counted from the beginning after a crash": Bug(
        Drive,
        "_open_step",
        "known.attempts + 1, known.failed, known.began_at, known.known)",
        "known.attempts + 1, 0, known.began_at, known.known)",
        FETCHED,
        "fetched/fetch",
    ),
    "the wait before a retry is forgotten in a crash": Bug(
        Drive, "_open_step", 'elif "due" in wait:', "elif False:", FETCHED, "fetched/fetch"
    ),
    "a timer starts anew after a crash": Bug(
        Drive,
        "_open_timer",
        'due = int(wait["due"]) if wait is not None else at(',
        "due = at(",
        NAPPING,
        "napping/all/0/sleep",
    ),
    "a run that parks does not say when to wake it": Bug(
        Drive,
        "_park",
        'batch.status, batch.wake_at, batch.heeded = "parked", wake_at, self._heeded',
        'batch.status, batch.heeded = "parked", self._heeded',
        FETCHED,
        "it waits for ever",
    ),
    "answers are looked for before a run parks, and not while it does": Bug(
        Drive,
        "_park",
        "        if await self._record.commit():\n",
        """\
        if not (await self._world.store.outside(self.run_id, ())).gates:
            batch.gates = ()
        if await self._record.commit():
""",
        MEETING,
        "answered while",
    ),
    "messages are looked for before a run parks, and not while it does": Bug(
        Drive,
        "_park",
        "        if await self._record.commit():\n",
        """\
        if not (await self._world.store.outside(self.run_id, batch.awaits)).signals:
            batch.awaits = ()
        if await self._record.commit():
""",
        OVERHEARD,
        "answered while",
    ),
    "a run that something kept from parking does not look for it": Bug(
        Drive, "_park", "self._look_outside = True\n        return None", "return None", MEETING, "answered while"
    ),
    "an answer is not marked as consumed": Bug(
        Drive,
        "_answered",
        "self._record.batch.consumed.append((*gate.key, entry.seq))",
        "pass",
        GATED,
        "the answer is not marked as consumed",
    ),
    "a message is heard and not taken": Bug(
        Drive,
        "_heard",
        "self._record.batch.taken.append((message.name, message.number, entry.seq))",
        "pass",
        LISTENING,
        "messages",
    ),
    "a gate is asked anew by every worker": Bug(
        Drive,
        "_open_gate",
        'goes_on = ("open", "decided") if',
        "goes_on = () if",
        GATED,
        "gate gated/go was opened anew",
    ),
    "the gate of a branch that has lost stays open": Bug(
        Drive,
        "_close_cancelled",
        "self._record.batch.withdrawn.append(self._gate(path, waiting))",
        "pass",
        HURRIED,
        "is still open",
    ),
    "the program sees what a step returned and not what was recorded": Bug(
        Drive,
        "_reply",
        "return self._settle(op, path, attempt, kind, payload, seen)",
        "return self._settle(op, path, attempt, kind, payload, outcome)",
        MEASURED,
        'ends with {"ok":"1.0"}; recorded was {"ok":"1"}',
    ),
    "a worker that takes over counts from one": Bug(
        Recording, "__init__", "self._seq = last.seq if last else 0", "self._seq = 0", CHAIN, "numbered [1"
    ),
    "a worker that takes over begins a chain of its own": Bug(
        Recording,
        "__init__",
        "self._previous = last.digest if last else genesis(claim.run_id)",
        "self._previous = genesis(claim.run_id)",
        CHAIN,
        "the journal of run run is damaged",
    ),
    "outcomes are replayed by name and not in the order of the record": Bug(
        replay,
        "replay",
        "for n, entry in enumerate(history.outcomes):",
        "for n, entry in enumerate(sorted(history.outcomes, key=lambda entry: entry.path)):",
        CHAIN,
        "the interpreter does not replay what it recorded",
    ),
    "what is to be taken back is forgotten in a crash": Bug(
        replay,
        "replay",
        "machine.cancelled.clear()\n    walk",
        "machine._root.saga.undos.clear()\n    walk",
        UNDONE,
        "refund",
    ),
    "a worker that takes over reads all but the last entry": Bug(
        takeover, "take_over", "History.of(entries)", "History.of(entries[:-1])", CHAIN, "the run did not end"
    ),
    "the guard lets a worker write that has lost the run": Bug(
        MemoryStore,
        "_held",
        "if run.fence != claim.fence or run.owner != claim.owner or run.status",
        "if run.status",
        CHAIN,
        "a worker that had lost the run wrote all the same",
    ),
    "a claim does not raise the fence": Bug(
        MemoryStore,
        "claim",
        "        self.rows[run_id] = attrs.evolve(\n",
        "        seen -= 1\n        self.rows[run_id] = attrs.evolve(\n",
        CHAIN,
        "the fence is 1 after the run was taken over 1 times",
    ),
    "a run that is started again is reset": Bug(
        MemoryStore,
        "start",
        "return self.rows.setdefault(run.run_id, run)",
        "self.rows[run.run_id] = run\n        return run",
        GATED,
        "is no longer driven by worker",
    ),
    "a claim is given to whoever asks": Bug(
        MemoryStore,
        "claim",
        "!= (seen, lease, last)",
        "!= (run.fence, run.lease_until, last)",
        GATED,
        "a worker claimed the run",
    ),
}


def planted(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the bug where the function is, and where it was imported to."""
    held = inspect.getattr_static(bug.where, bug.name)
    function = held.__func__ if isinstance(held, classmethod) else held
    source = inspect.getsource(function)
    assert source.count(bug.old) == 1, f"{bug.name} no longer has this once: {bug.old!r}"
    names = dict(vars(sys.modules[function.__module__]))
    exec(compile(textwrap.dedent(source.replace(bug.old, bug.new)), f"<{bug.name}>", "exec"), names)
    for module in [bug.where, *(module for name, module in sys.modules.items() if name.startswith("perdure."))]:
        if vars(module).get(bug.name) is held:
            monkeypatch.setattr(module, bug.name, names[bug.name])


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: repr(scene.effect))
def test_every_scene_is_safe_without_a_bug(scene: Scene) -> None:
    scene.check()


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(bug, monkeypatch)

    with pytest.raises(CrashUnsafe) as found:
        bug.scene.check()

    assert bug.said in str(found.value)


def test_the_guard_of_the_real_store_is_missed_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = "WHERE runs.run_id = ? AND runs.fence = ? AND runs.owner = ? AND runs.status = 'running'"
    assert texts.RECORD.count(guard) == 1
    attrs.evolve(CHAIN, on="sqlite").check()
    monkeypatch.setattr(texts, "RECORD", texts.RECORD.replace(guard, "WHERE runs.run_id = ? OR ? = ?"))

    with pytest.raises(CrashUnsafe, match="a worker that had lost the run wrote all the same"):
        attrs.evolve(CHAIN, on="sqlite").check()
