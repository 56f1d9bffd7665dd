"""Every way a program can go, found without running any of it.

The pure machine is driven again and again; replies are placeholders, and an oracle answers the questions the program
asks about them, another way each time. What is found is folded into a decision diagram: a plan, and a way to compare.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Never, TypeAlias

import attrs
from returns.result import Failure, Success

from perdure.core import diagram
from perdure.core.diagram import Answer, Branch, Ends, Node
from perdure.core.effect import Effect, Op, Outcome
from perdure.core.faults import Defect, Interrupted, RetriesExhausted, StepFault, StepTimedOut
from perdure.core.hints import label, peel
from perdure.core.leaves import Child, Now, Signal, Sleep, Suspend
from perdure.core.machine import Machine, Request
from perdure.core.samples import SAMPLES, Sample
from perdure.core.snapshot import Snapshot, snapshot
from perdure.core.symbols import Budget, Oracle, Taken, synth

#: A program, or what makes it of placeholders: its arguments may be replies like any other.
Program: TypeAlias = Effect[Any, Any] | Callable[[Oracle], Effect[Any, Any]]

#: Leaves that only wait: nothing of theirs can be broken or cut off.
_WAITING: Final = (Suspend, Signal, Sleep, Now, Child)


@attrs.frozen(eq=False)
class Exploration:
    """What a program may do.

    Attributes:
        tree: The decision diagram, for `perdure.core.diagram`.
        paths: How many paths were followed: to an end, or to where another one had come to the same.
        broken: Why some paths could not be followed further: defects, and text that only its author could read.
        assumed: Questions that were answered without knowing; the diagram may be too small there.
        cut: Where a budget was spent.
        left: How many answers were not followed, for want of paths.
        sized: Collections in replies, of which only the sizes that were tried are covered.
        asked: Every request by its key, as it is made on each path: the arguments may differ.
        closed: The keys of the requests that some path closes without a reply.
    """

    tree: Node = attrs.field(repr=False)
    paths: int
    broken: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    left: int = 0
    sized: tuple[str, ...] = ()
    asked: Mapping[str, Sequence[Op[Any, Any]]] = attrs.field(factory=dict[str, "Sequence[Op[Any, Any]]"], repr=False)
    closed: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether no other path exists, for replies of the sizes that were tried."""
        return not (self.broken or self.assumed or self.cut)

    @functools.cached_property
    def when(self) -> Mapping[str, frozenset[Answer]]:
        """Every request by its key, with the answers that are given on all paths to it."""
        return diagram.conditions(self.tree)

    @functools.cached_property
    def always(self) -> frozenset[str]:
        """The keys of the requests that are made on every path."""
        return diagram.on_all_paths(self.tree)

    def outline(self) -> str:
        """One line for each request: made always, or under which answers."""

        def condition(key: str) -> str:
            if key in self.always:
                return ""
            return f"  when {' and '.join(sorted(map(str, self.when[key])))}" if self.when[key] else "  sometimes"

        return "\n".join(key + condition(key) for key in self.when)

    def __str__(self) -> str:
        return "\n".join(diagram.lines(self.tree))


def explore(
    effect: Program,
    *,
    faults: bool = False,
    each: bool = False,
    inputs: bool = False,
    joins: bool = True,
    max_paths: int = 1000,
    sizes: tuple[int, ...] = (0, 1),
    depth: int = 200,
    length: int = 20_000,
) -> Exploration:
    """Find all paths of a program. Nothing is executed: no step, no agent, no clock.

    Concurrent requests are answered in the order in which they were made, timers after all others.

    Args:
        effect: The program, or a function of the oracle that makes it.
        faults: Let every leaf also fail, with each error that it declares and each fault that it may have, and let
            timers fire early.
        each: Give every answer to every question once, instead of trying all combinations.
        inputs: Tell requests apart by what is asked, too.
        joins: Follow paths that have come to the same as one: where all are followed, the diagram is the same.
        max_paths: How many paths to follow at most.
        sizes: How many items the collections in replies have.
        depth: How many questions one path may ask.
        length: How many requests one path may make.

    Example:
        >>> from perdure import approval
        >>> print(explore(approval("publish").map(lambda reply: type(reply).__name__)))
        suspend publish
        ? publish -> Approved
            = Success('Approved')
        ? publish -> Denied
            = Success('Denied')
    """
    search = _Search(
        effect, faults=faults, each=each, inputs=inputs, joins=joins, sizes=sizes, depth=depth, length=length
    )
    return search.run(max_paths)


def bisimilar(one: Effect[Any, Any], two: Effect[Any, Any], max_paths: int = 200) -> bool:
    """Whether two programs make the same requests in the same order and end the same, for all small replies and faults.

    A yes covers the first `max_paths` paths. A no may be wrong about programs that look at the same replies in
    another order.

    Example:
        >>> from perdure import pure, signal
        >>> bisimilar(signal("n", int), signal("n", int).bind(pure))
        True
    """
    if one is two:
        return True
    # Which paths join depends on how a program is built, and so would which are the first ones.
    a, b = (explore(effect, faults=True, inputs=True, joins=False, max_paths=max_paths) for effect in (one, two))
    return diagram.same(a.tree, b.tree)


@attrs.frozen(eq=False)
class _Unseen:
    """An answer that was not followed yet: to the question at `branch`, which is the choice `at` of a path."""

    branch: Branch
    taken: list[Taken]
    at: int
    pick: int

    def script(self) -> list[tuple[str, int]]:
        """The choices that lead there."""
        return [*((t.question, t.pick) for t in self.taken[: self.at]), (self.taken[self.at].question, self.pick)]


@attrs.define(eq=False)
class _Search:
    """All paths: the program is driven from its start, once for every answer that was not followed yet."""

    effect: Program
    faults: bool
    each: bool
    inputs: bool
    joins: bool
    sizes: tuple[int, ...]
    depth: int
    length: int
    todo: list[_Unseen] = attrs.field(factory=list[_Unseen], init=False)
    given: set[tuple[str, int]] = attrs.field(factory=set[tuple[str, int]], init=False)
    skipped: bool = attrs.field(default=False, init=False)
    asked: dict[str, list[Op[Any, Any]]] = attrs.field(factory=dict[str, "list[Op[Any, Any]]"], init=False)
    closed: set[str] = attrs.field(factory=set[str], init=False)
    #: What the program held right after a choice, and the paths from there.
    met: dict[Snapshot, Branch] = attrs.field(factory=dict[Snapshot, Branch], init=False)

    def run(self, max_paths: int) -> Exploration:
        broken, cut, assumed, sized = (dict[str, None]() for _ in range(4))
        paths = 0

        def followed(script: list[tuple[str, int]]) -> tuple[str, Branch]:
            oracle = Oracle(script, self.sizes, self.depth)
            drive = _Drive(self.effect, oracle, self.faults, self.inputs, self.length, self.met if self.joins else None)
            last = drive.run()
            assumed.update(oracle.assumed)
            sized.update(oracle.sized)
            self.closed.update(drive.closed)
            if last.end is not None and last.end.how in ("broke", "cut"):
                (broken if last.end.how == "broke" else cut)[last.end.what] = None
            return self._grown(drive, last)

        _, root = followed([])
        for paths in range(1, max_paths + 1):
            if not self.todo or paths == max_paths:
                break
            unseen = self.todo.pop()
            unseen.branch.answers[unseen.pick] = followed(unseen.script())
        if self.todo:
            cut[f"{len(self.todo)} more answers to follow after {paths} paths"] = None
        if self.skipped:
            cut["every answer was followed once, not in all combinations"] = None
        return Exploration(
            diagram.reduced(root),
            paths,
            tuple(broken),
            tuple(sorted(assumed)),
            tuple(cut),
            len(self.todo),
            tuple(sorted(sized)),
            self.asked,
            frozenset(self.closed),
        )

    def _grown(self, drive: _Drive, branch: Branch) -> tuple[str, Branch]:
        """The last answer of the script, and the paths from there: one, with what else it could have been answered."""
        for _, key, _, op in drive.asked:
            self.asked.setdefault(key, []).append(op)
        taken, start = drive.oracle.taken, len(drive.oracle.script)
        moments = [0, *(choice.moment for choice in taken[start:])]
        after = {len(taken): branch}
        self.given.update((choice.question, choice.pick) for choice in taken)
        for at in range(len(taken) - 1, start - 1, -1):
            choice = taken[at]
            answers: list[tuple[str, Branch] | None] = [None] * choice.width
            answers[choice.pick] = choice.answer, branch
            branch = after[at] = Branch(drive.asked[moments[at - start] : choice.moment], choice.question, answers)
            for pick in range(choice.width - 1, choice.pick, -1):
                if self.each and (choice.question, pick) in self.given:
                    self.skipped = True
                else:
                    self.given.add((choice.question, pick))
                    self.todo.append(_Unseen(branch, taken, at, pick))
        self.met.update((held, after[choices]) for choices, held in drive.held.items())
        return taken[start - 1].answer if 0 < start <= len(taken) else "?", branch


@attrs.define(eq=False)
class _Drive:
    """One path: the program from its start to its end, along the oracle's choices."""

    effect: Program
    oracle: Oracle
    faults: bool
    inputs: bool
    length: int
    met: Mapping[Snapshot, Branch] | None
    #: The requests after the last choice of the script.
    asked: list[tuple[str, str, str, Op[Any, Any]]] = attrs.field(
        factory=list["tuple[str, str, str, Op[Any, Any]]"], init=False
    )
    clock: datetime = attrs.field(default=SAMPLES[datetime], init=False)
    due: dict[str, datetime] = attrs.field(factory=dict[str, datetime], init=False)
    requests: int = attrs.field(default=0, init=False)
    place: str = attrs.field(default="", init=False)
    closed: list[str] = attrs.field(factory=list[str], init=False)
    #: What the program held right after so many choices, and after how many it was last looked at.
    held: dict[int, Snapshot] = attrs.field(factory=dict[int, Snapshot], init=False)
    looked: int = attrs.field(default=0, init=False)

    def run(self) -> Branch:
        """What is after the last choice: the end, or the paths of another drive that came to the same."""
        machine: Machine[Any, Any] | None = None
        try:
            machine = Machine(self.effect if isinstance(self.effect, Effect) else self.effect(self.oracle))
            while machine.outcome is None:
                met = self._met(machine)
                if met is not None:
                    return self._left(machine, met)
                for request in machine.fresh():
                    self._asked(request)
                request = self._next(machine.pending)
                machine.reply(request.key, self._reply(request))
            self.closed += machine.cancelled
            left = tuple(key for key, _ in machine.not_undone)
            if isinstance(machine.outcome, Success):
                return self._ended(Ends("success", f"Success({machine.outcome.unwrap()!r})", left))
            return self._ended(Ends("failure", f"Failure({machine.outcome.failure()!r})", left))
        except Budget as spent:
            return self._closed(machine, Ends("cut", str(spent)))
        except Exception as bug:  # the user's code: its bodies, annotations, reprs
            where = f" at {self.place}" if self.place else ""
            return self._closed(machine, Ends("broke", str(bug) if isinstance(bug, Defect) else f"{bug!r}{where}"))

    def _met(self, machine: Machine[Any, Any]) -> Branch | None:
        """The paths of another drive that came to the same. It is looked for after each new choice, and only there."""
        choices = len(self.oracle.taken)
        new = choices > self.looked and choices >= len(self.oracle.script)
        if self.met is None or not new or len(self.asked) > self.oracle.taken[-1].moment:
            return None
        self.looked = choices
        # What was closed before decides nothing.
        self.closed += machine.cancelled
        machine.cancelled.clear()
        self.due = {key: due for key, due in self.due.items() if key in machine.pending}
        held = snapshot((machine, self.clock, self.due), apart=self.oracle)
        if held is None:
            return None
        met = self.met.get(held)  # to hash it takes as long as it is
        if met is None:
            self.held[choices] = held
        return met

    def _left(self, machine: Machine[Any, Any], met: Branch) -> Branch:
        """Close the bodies of a path that is followed elsewhere; what they look at meanwhile is no choice of it."""
        choices = len(self.oracle.taken)
        with contextlib.suppress(Defect):  # the program does not close them here, so what they do then is no mistake
            machine.close()
        del self.oracle.taken[choices:]
        return met

    def _ended(self, end: Ends) -> Branch:
        return Branch(self.asked[self.oracle.taken[-1].moment if self.oracle.taken else 0 :], end=end)

    def _closed(self, machine: Machine[Any, Any] | None, end: Ends) -> Branch:
        try:
            if machine is not None:
                machine.close()
        except Exception as bug:
            return self._ended(end if end.how == "broke" else Ends("broke", str(bug)))
        return self._ended(end)

    def _asked(self, request: Request) -> None:
        self.requests += 1
        if self.requests > self.length:
            raise Budget(f"{request.key}: more than {self.length} requests on one path")
        key, op = request.key, request.op
        if isinstance(op, Sleep):
            self.due[key] = op.due(self.clock, key)
        if len(self.oracle.taken) >= len(self.oracle.script):
            self.asked.append((op.kind, key, repr(op.describe()) if self.inputs else "", op))
            self.oracle.moment = len(self.asked)

    def _next(self, pending: Mapping[str, Request]) -> Request:
        """The request to answer: the first one, or a timer where there is no other, or where faults let it be early."""
        first = next((request for key, request in pending.items() if key not in self.due), None)
        if first is not None and not (self.faults and self.due):
            return first
        timer = min((key for key in self.due if key in pending), key=self.due.__getitem__, default=None)
        if first is not None and (timer is None or not self._early(timer, first.key)):
            return first
        assert timer is not None  # a machine without an outcome has something open
        self.clock = max(self.clock, self.due.pop(timer))
        return pending[timer]

    def _early(self, timer: str, other: str) -> bool:
        return self.oracle.choose(f"{timer} fires before {other}", (False, True), lambda yes: "yes" if yes else "no")

    def _reply(self, request: Request) -> Outcome[Any, Any]:
        key, op = request.key, request.op
        self.place = key
        if isinstance(op, Now):
            return Success(Sample(self.oracle, key, self.clock))
        never = peel(op.output) is Never
        failures = _failures(op) if self.faults or never else ()
        error = self.oracle.choose(f"{key} fails", failures if never and failures else (None, *failures), _failing)
        if error is None:
            return Success(synth(op.output, key, self.oracle))
        fault = synth(error, f"{key}.{label(error)}", self.oracle)
        return Failure(attrs.evolve(fault, step=op.name) if isinstance(fault, StepFault) else fault)


def _failing(error: Any) -> str:
    return "no" if error is None else label(error)


def _failures(op: Op[Any, Any]) -> tuple[Any, ...]:
    """The types that a leaf may fail with."""
    if isinstance(op, _WAITING):
        return op.errors
    may = {
        StepFault: True,
        StepTimedOut: op.timeout is not None,
        RetriesExhausted: op.retry is not None and op.retry.attempts > 1,
        Interrupted: op.repeat == "once",
    }
    return (*op.errors, *(kind for kind, can in may.items() if can and kind not in op.errors))
