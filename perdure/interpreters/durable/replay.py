"""A journal folded, and the strict walk of a program against it.

Strict: the recorded outcome that comes next must be among the open requests, and what was begun or waited for
must have been asked. The first difference refuses the run, before anything is executed or written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from perdure.core import codec, outcomes
from perdure.core.asked import NOTHING_KNOWN, Said
from perdure.core.effect import Op
from perdure.core.faults import Defect
from perdure.core.identity import input_of, shape_of
from perdure.core.leaves import Ask, Child, Step
from perdure.core.machine import Machine, Request
from perdure.interpreters.durable.errors import Corrupt, Drifted
from perdure.interpreters.durable.ports import Entry
from perdure.interpreters.durable.recording import signature

OnChange: TypeAlias = Literal["keep", "rerun", "refuse"]


@attrs.define
class Unfinished:
    """A path that was begun or waited for, and has no outcome yet.

    Attributes:
        last: The newest `begin` or `wait` of it.
        attempts: The number of the newest attempt, or of the newest gate.
        failed: How many attempts failed by their own doing.
        began_at: When the first attempt began.
        since: The number of its first entry.
        known: What the next attempt is given.
        decided: What it waited for was a person's answer, and that is part of `known`.
        answers: What people said to questions, and who asked may not have heard: `(gate, subject, decision)`,
            of which the last is JSON.
    """

    last: Entry
    attempts: int
    failed: int
    began_at: int
    since: int
    known: Said = NOTHING_KNOWN
    decided: bool = False
    answers: list[tuple[str, str, Any]] = attrs.field(factory=list)  # Any: a JSON tree

    def answered(self, note: Mapping[str, Any]) -> None:
        """Somebody has answered what it waits for, or what is asked in the middle of an attempt."""
        if self.last.kind == "wait":
            self.known, self.decided = {**self.known, "answer": note["answer"]}, True
        else:
            self.answers.append((note["gate"], note["subject"], note["answer"]))

    @property
    def waits_since(self) -> dict[str, Any] | None:
        """What its newest entry waits for, if that is a wait."""
        return json.loads(self.last.payload) if self.last.kind == "wait" else None


@attrs.define
class History:
    """What a journal says: outcomes in recorded order, and what is open.

    Attributes:
        outcomes: The entries that count, oldest first.
        unfinished: By path.
        attempts: The highest number ever used for a path whose outcome, or whose attempts, were voided.
        origin: Paths that were renamed, to what they were called when they were first recorded.
        changed: Paths whose changed input was noted, with the digest noted last.
        cancelled_at: The number after which the run was cancelled, and why.
        last: The newest entry.
    """

    outcomes: list[Entry] = attrs.field(factory=list)
    unfinished: dict[str, Unfinished] = attrs.field(factory=dict)
    attempts: dict[str, int] = attrs.field(factory=dict)
    origin: dict[str, str] = attrs.field(factory=dict)
    changed: dict[str, str] = attrs.field(factory=dict)
    cancelled_at: tuple[int, str] | None = None
    last: Entry | None = None

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> History:
        """Fold a journal.

        Raises:
            Corrupt: A note or wait cannot be read.
        """
        history = cls()
        for entry in entries:
            history.last = entry
            match entry.kind:
                case "begin":
                    history._open(entry)
                case "end" | "wake":
                    history.unfinished.pop(entry.path, None)
                    history.outcomes.append(entry)
                case "wait":
                    history._open(entry)
                case "void":
                    history.void(_read(entry)["since"])
                case "note":
                    history._note(entry, _read(entry))
        return history

    def _open(self, entry: Entry) -> None:
        open_ = self.unfinished.get(entry.path)
        if open_ is None:
            open_ = self.unfinished[entry.path] = Unfinished(entry, entry.attempt, 0, entry.at, entry.seq)
        open_.last, open_.attempts = entry, entry.attempt
        if entry.kind == "wait":
            kept = _read(entry).get("kept", ()) if '"kept"' in entry.payload else ()
            open_.answers, open_.decided = list(kept), False
        if entry.kind == "wait" and ('"retry"' in entry.payload or '"again"' in entry.payload):
            wait = _read(entry)
            open_.failed += "retry" in wait
            open_.known = wait.get("again", NOTHING_KNOWN)

    def void(self, first: int) -> None:
        """Let no outcome from this number on count, nor what was begun since; counts of attempts go on."""
        voided = [(entry.path, entry.attempt) for entry in self.outcomes if entry.seq >= first]
        self.outcomes = [entry for entry in self.outcomes if entry.seq < first]
        for path, open_ in list(self.unfinished.items()):
            if open_.since >= first:
                voided.append((path, open_.attempts))
                del self.unfinished[path]
        for path, attempt in voided:
            self.attempts[path] = max(attempt, self.attempts.get(path, 0))

    def recorded(self, path: str) -> str:
        """What a path was called when it was first recorded: its idempotency key and its gates go by that."""
        if not self.origin:
            return path
        if path in self.origin:
            return self.origin[path]
        return f"{path}~" if path in self.origin.values() else path  # a new step under a name that was given up

    def _note(self, entry: Entry, note: Mapping[str, Any]) -> None:
        open_ = self.unfinished.get(entry.path)
        if open_ is not None and "known" in note.get("said", ()):
            open_.known = note["said"]["known"]
        if open_ is not None and "answer" in note:
            open_.answered(note)
        if "changed" in note:
            self.changed[note["changed"]] = note["input"]
        if "cancel" in note and self.cancelled_at is None:
            self.cancelled_at = (entry.seq, note["cancel"])
        if "rename" in note:
            self.rename(note["rename"])

    def rename(self, names: Mapping[str, str]) -> int:
        """Let what is recorded be known under new names from here on; return how many paths that changes.

        Args:
            names: Old to new: whole paths, or single names wherever they occur.
        """
        known = [entry.path for entry in self.outcomes] + list(self.unfinished) + list(self.attempts)
        new = {path: renamed(path, names) for path in known}
        changed = {old: path for old, path in new.items() if old != path}
        if len(set(new.values())) < len(new):
            both = next(path for path in changed.values() if list(new.values()).count(path) > 1)
            raise Drifted(f"two steps would be called {both}: the new name is recorded already. Give another one")
        self.outcomes = [
            entry._replace(path=changed[entry.path]) if entry.path in changed else entry for entry in self.outcomes
        ]
        self.unfinished = {new[path]: open_ for path, open_ in self.unfinished.items()}
        self.attempts = {new[path]: number for path, number in self.attempts.items()}
        self.changed = {renamed(path, names): digest for path, digest in self.changed.items()}
        moved = {path: self.recorded(old) for old, path in changed.items()}
        self.origin = {path: old for path, old in self.origin.items() if path not in changed} | moved
        return len(changed)


def renamed(path: str, names: Mapping[str, str]) -> str:
    """What a path is called under new names: of whole paths, or single names wherever they occur."""
    if path in names:
        return names[path]
    parts = path.split("/")
    for n, part in enumerate(parts):
        name, mark, occurrence = part.partition("#")
        parts[n] = names.get(name, name) + mark + occurrence
    return "/".join(parts)


def _read(entry: Entry) -> Mapping[str, Any]:
    try:
        tree = json.loads(entry.payload)
    except ValueError as error:
        raise Corrupt(f"entry {entry.seq} ({entry.kind} {entry.path}) cannot be read: {error}") from error
    if not isinstance(tree, dict):
        raise Corrupt(f"entry {entry.seq} ({entry.kind} {entry.path}) is not an object")
    return tree


# -- the walk --------------------------------------------------------------------------------------------------------


@attrs.define
class Replayed:
    """Where a run stands after the walk.

    Attributes:
        machine: Fed with every recorded outcome.
        opened: The requests without one, in the order in which they were asked.
        changed: Paths whose recorded outcome was kept although the code now asks something else: path to digest.
        void_from: With `rerun`: the number of the first outcome that no longer counts.
    """

    machine: Machine[Any, Any]
    opened: list[Request]
    changed: dict[str, str]
    void_from: int | None = None


def replay(machine: Machine[Any, Any], history: History, *, on_change: OnChange, run_id: str) -> Replayed:
    """Walk a fresh machine through a journal. Nothing is executed and nothing is written.

    Raises:
        Drifted: The program asks something else than was recorded.
        Corrupt: An outcome cannot be read.
        Defect: The program did what no program may.
    """
    walk = Replayed(machine, [], {})
    opened: dict[str, Request] = {}
    unasked = dict(history.unfinished)
    total = len(history.outcomes)
    cancelled_at = history.cancelled_at

    def look() -> None:
        for request in machine.fresh():
            opened[request.key] = request
            begun = unasked.pop(request.key, None) if unasked else None
            if begun is not None and begun.last.shape != shape_of(request.op):
                raise _reshaped(run_id, len(history.outcomes), total, begun.last, request.op)

    look()
    for n, entry in enumerate(history.outcomes):
        if cancelled_at is not None and entry.seq > cancelled_at[0]:
            machine.cancel(cancelled_at[1])
            cancelled_at = None
            look()
        request = machine.pending.get(entry.path)
        if request is None:
            raise _drift(run_id, n, total, entry, machine)
        if shape_of(request.op) != entry.shape:
            raise _reshaped(run_id, n, total, entry, request.op)
        if entry.shape:
            asked = _input(run_id, entry, request.op)
            if asked != entry.input:
                if on_change == "refuse":
                    raise Drifted(_other_input(run_id, entry))
                if on_change == "rerun":
                    if history.cancelled_at is not None:
                        raise Drifted(f"run {run_id} is being cancelled: nothing of it is executed again but its undos")
                    walk.void_from = entry.seq
                    break
                if history.changed.get(entry.path) != asked:  # said once
                    walk.changed[entry.path] = asked
        try:
            outcome = outcomes.load(entry.payload, request.op.output, request.op.errors)
        except codec.CodecError as error:
            raise Corrupt(
                f"run {run_id}: the recorded outcome of {entry.path} (entry {entry.seq}) cannot be read: {error}. "
                "It is not taken for undone. Restore a backup, or mend the type that it no longer fits"
            ) from error
        del opened[entry.path]
        machine.reply(entry.path, outcome)
        look()
    else:
        if cancelled_at is not None:
            machine.cancel(cancelled_at[1])
            look()
        if unasked:
            first = min(unasked.values(), key=lambda u: u.last.seq)
            agreed = total + len(history.unfinished) - len(unasked)
            raise _drift(run_id, agreed, total, first.last, machine, opened.values())  # closed ones too
    machine.cancelled.clear()
    walk.opened = [request for key, request in opened.items() if machine.pending.get(key) is request]
    return walk


def _input(run_id: str, entry: Entry, op: Op[Any, Any]) -> str:
    try:
        return input_of(op)
    except (codec.CodecError, TypeError) as error:
        raise Drifted(
            f"run {run_id} cannot resume: {entry.path} is now called with arguments that do not fit: {error}\n"
            "  Nothing was executed and nothing was written. Restore the old code, or give what the annotations say"
        ) from error


def _drift(
    run_id: str,
    agreed: int,
    total: int,
    entry: Entry,
    machine: Machine[Any, Any],
    opened: Iterable[Request] | None = None,
) -> Drifted:
    pending = list(machine.pending.values())
    where, name = entry.path.rpartition("/")[0], entry.path.rpartition("/")[2]
    what = {"begin": "begun", "wait": "waited for"}.get(entry.kind, "done")
    lines = [
        f"  position  {min(agreed + 1, max(total, 1))} of {max(total, 1)}",
        f"    recorded  {_recorded(entry)}   {entry.path}   {what}, attempt {entry.attempt}",
    ]
    here = [r for r in pending if r.key.rpartition("/")[0] == where] or list(pending)
    if here:
        lines += [f"    code now  {signature(r.op)}   {r.key}" for r in here[:4]]
    else:
        lines.append(
            "    code now  nothing: the workflow has ended" if machine.outcome is not None else "    code now  nothing"
        )
    alike = [r for r in (pending if opened is None else opened) if entry.shape and shape_of(r.op) == entry.shape]
    same = [r for r in here if r in alike]
    if len(same) == 1:
        new = same[0].key.rpartition("/")[2]
        ways = [
            "  This looks like a rename: same kind, same output type, same place.",
            "  Nothing was executed and nothing was written. Choose one:",
            f"    perdure resume {run_id} --rename {name}={new}    keep the recorded outcome under the new name",
        ]
    else:
        ways = [
            "  A step was removed, moved, or put before it. Nothing was executed and nothing was written. Choose one:",
            f"    perdure resume {run_id} --rename {name}=NEW    if it only has another name now",
        ]
    ways += [
        "    perdure run TARGET …                           a new run of the new code; the old one stays as it is",
        "    restore the old code                           and resume unchanged",
    ]
    refused = f"run {run_id} cannot resume: the workflow no longer matches what was recorded"
    return Drifted(
        "\n".join([refused, *lines, *ways]), diff="\n".join(lines), entry=entry, position=agreed, asked=alike
    )


def _recorded(entry: Entry) -> str:
    try:
        text = json.loads(entry.payload).get("as") if entry.kind in ("begin", "wait") else None
    except (ValueError, AttributeError):
        text = None
    return text or "step"


def _reshaped(run_id: str, n: int, total: int, entry: Entry, op: Op[Any, Any]) -> Drifted:
    lines = [
        f"  position  {n + 1} of {total}",
        f"    recorded  shape {entry.shape[:12]}   done, attempt {entry.attempt}",
        f"    code now  shape {shape_of(op)[:12]}   {signature(op)}"
        + (f", version {op.version!r}" if op.version else ""),
        "  Its kind, its declared version or the structure of its output type has changed.",
    ]
    ways = [
        "  Nothing was executed and nothing was written. Choose one:",
        "    give the new step a new name                   and put it behind what was recorded",
        "    perdure run TARGET …                           a new run of the new code; the old one stays as it is",
        "    restore the old code                           and resume unchanged",
    ]
    what = f"run {run_id} cannot resume: {entry.path} is another step than the one that was recorded"
    return Drifted(
        "\n".join([what, *lines, *ways]), diff="\n".join([f"  {entry.path} is another step", *lines]), entry=entry
    )


def _other_input(run_id: str, entry: Entry) -> str:
    return "\n".join(
        [
            f"run {run_id} cannot resume with --on-change refuse: {entry.path} is now asked with another input",
            "  Nothing was executed and nothing was written. Choose one:",
            f"    perdure resume {run_id} --on-change keep       keep the recorded outcome",
            f"    perdure resume {run_id} --on-change rerun      execute it, and what follows it, again",
            "    restore the old input",
        ]
    )


def performed(op: Op[Any, Any]) -> bool:
    """Whether a leaf is performed by a handler, rather than waited for."""
    if isinstance(op, Child):
        raise Defect(
            f"child {op.name!r}: child runs with rows of their own do not exist yet on SQL; call the workflow directly "
            "(`yield from flow(…)`) to run it inside this run"
        )
    return isinstance(op, (Step, Ask)) or type(op).__module__.partition(".")[0] != "perdure"
