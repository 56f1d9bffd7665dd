"""A journal as people read it: its steps, folded from the entries, and each entry as one event.

By the recorded JSON alone: no user code is imported, and no type is needed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import attrs

from perdure.cli.printing import line
from perdure.cli.spending import NOTHING_SPENT, Spent
from perdure.core import codec
from perdure.core.identity import idempotency_key
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import TERMINAL, Entry, Run
from perdure.interpreters.durable.replay import History
from perdure.interpreters.durable.state import moment

#: open: begun or waited for, and nobody is at it any more: its run has ended, or its outcome was voided.
StepState: TypeAlias = Literal["done", "failed", "running", "waiting", "retrying", "interrupted", "open"]


@attrs.define
class Try:
    """One attempt of a step. `error` is what it failed with; a cut one has neither error nor end.

    Attributes:
        agent: Who was asked, once that is known; `model` and `version` are what it says of itself.
        payer: Whose account paid, as the agent says: the name of a variable, or of a kind of login.
        tool: The tool of its that was used in this attempt, if it was one.
        asked: What it asked people: by the path of the gate, what was answered, if anything was.
        spent: What it took.
    """

    number: int
    started_at: int
    ended_at: int | None = None
    error: str | None = None
    trace: str | None = None
    agent: str | None = None
    model: str | None = None
    version: str | None = None
    payer: str | None = None
    tool: str | None = None
    asked: dict[str, Any] = attrs.field(factory=dict)  # Any: a recorded JSON tree
    spent: Spent = NOTHING_SPENT


@attrs.define
class Step:
    """What is recorded of one path.

    Attributes:
        recorded_path: What it was called first: its idempotency key is made of that.
        seq: The number of the entry with its outcome.
        output: The recorded JSON of a success; `error` that of a failure: `{"type": …, "value": …}`.
        input_changed: Its outcome was kept although the code now asks something else.
        due: When the timer that it waits for goes off.
    """

    path: str
    recorded_path: str
    started_at: int
    kind: str = ""
    state: StepState = "running"
    attempts: int = 0
    seq: int | None = None
    ended_at: int | None = None
    output: Any = None
    error: Any = None
    input_changed: bool = False
    due: int | None = None
    tries: list[Try] = attrs.field(factory=list)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def hops(self) -> list[str]:
        """From which agent to which it went, and why."""
        asked = [each for each in self.tries if each.agent is not None]
        return [f"{a.agent} to {b.agent}: {a.error}" for a, b in itertools.pairwise(asked) if a.agent != b.agent]

    @property
    def spent(self) -> Spent:
        """What all its attempts took."""
        return Spent.sum(each.spent for each in self.tries)

    def tree(self, database_id: str, run_id: str) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": self.path,
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "attempts": self.attempts,
            "idempotency_key": idempotency_key(database_id, run_id, self.recorded_path),
            "started_at": when(self.started_at),
            "ended_at": when(self.ended_at),
            "input_changed": self.input_changed,
            "due": when(self.due),
            "error": self.error,
            "spent": self.spent.tree(),
        }


def when(at: int | None) -> str | None:
    """A moment as JSON has it: ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Fold:
    """The steps of a run, entry by entry, in the order in which they were first asked."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.steps: dict[str, Step] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Take one more entry in."""
        tree = json.loads(entry.payload) if entry.payload else {}
        match entry.kind:
            case "begin":
                self._begin(entry, tree)
            case "wait":
                self._wait(entry, tree)
            case "end" | "wake":
                self._end(entry, tree)
            case "void":
                self._void(tree["since"])
            case "note":
                self._note(entry, tree)

    def rest(self, run: Run, held: bool) -> dict[str, Step]:
        """The steps as they stand: what is begun runs only while somebody is at it."""
        for step in self.steps.values():
            if run.status in TERMINAL and step.state not in ("done", "failed"):
                step.state = "open"
            elif step.state == "running" and not held:
                step.state = "interrupted"
        return self.steps

    def _step(self, entry: Entry, tree: dict[str, Any]) -> Step:
        step = self.steps.setdefault(entry.path, Step(entry.path, entry.path, entry.at))
        step.kind = line(str(tree.get("as", step.kind)).partition(" ")[0]) or "step"
        step.attempts = max(step.attempts, entry.attempt)
        step.due = None
        return step

    def _begin(self, entry: Entry, tree: dict[str, Any]) -> None:
        step = self._step(entry, tree)
        step.state = "running"
        step.tries.append(Try(entry.attempt, entry.at))

    def _wait(self, entry: Entry, tree: dict[str, Any]) -> None:
        step = self._step(entry, tree)
        tries = "retry" in tree or "again" in tree
        step.state, step.due = ("retrying" if tries and "until" not in tree else "waiting"), tree.get("due")
        if tries and step.tries:
            tried = step.tries[-1]
            if "until" in tree:
                tried.asked.setdefault(tree["gate"], None)
            tried.ended_at, tried.error, tried.trace = entry.at, tree.get("error"), tree.get("trace") or None

    def _end(self, entry: Entry, tree: dict[str, Any]) -> None:
        step = self._step(entry, {})
        step.seq, step.ended_at = entry.seq, entry.at
        step.state, step.output, step.error = ("done" if "ok" in tree else "failed"), tree.get("ok"), tree.get("err")
        if step.tries and step.tries[-1].ended_at is None and step.tries[-1].number == entry.attempt:
            step.tries[-1].ended_at = entry.at
            step.tries[-1].error = None if "ok" in tree else failure(tree.get("err"))

    def _void(self, first: int) -> None:
        for step in self.steps.values():
            if step.seq is None or step.seq >= first:
                step.state, step.seq, step.ended_at, step.output, step.error = "open", None, None, None, None

    def _note(self, entry: Entry, tree: dict[str, Any]) -> None:
        step = self.steps.get(entry.path)
        if "changed" in tree and step is not None:
            step.input_changed = True
        if "trace" in tree and step is not None and step.tries:
            step.tries[-1].trace = tree["trace"]
        if "asks" in tree and step is not None and step.tries:
            step.tries[-1].asked[tree["gate"]] = None
        if "answer" in tree and step is not None:
            for tried in step.tries:
                if tree["gate"] in tried.asked:
                    tried.asked[tree["gate"]] = tree["answer"]
        if isinstance(said := tree.get("said"), dict) and step is not None and step.tries:
            tried = step.tries[-1]
            tried.agent, tried.model = said.get("agent", tried.agent), said.get("model", tried.model)
            tried.version, tried.tool = said.get("version", tried.version), said.get("tool", tried.tool)
            tried.payer = said.get("payer", tried.payer)
            tried.spent = Spent.of(said["spent"]) if "spent" in said else tried.spent
        if "rename" in tree:
            self.steps = {new: self.steps[old] for old, new in self._renamed(tree["rename"])}
            for path, step in self.steps.items():
                step.path = path

    def _renamed(self, names: dict[str, str]) -> list[tuple[str, str]]:
        history = History(outcomes=[_named(path) for path in self.steps])
        history.rename(names)
        return [(old, entry.path) for old, entry in zip(self.steps, history.outcomes, strict=True)]


def _named(path: str) -> Entry:
    return Entry(0, "end", path, 0, 0, 0, "", "", "", "", "")


def checked(run: Run, entries: list[Entry]) -> None:
    """Hold what is recorded of a run against its digests.

    Raises:
        Corrupt: Something was changed from outside.
    """
    verify(run.run_id, entries)
    outcome_of(run)
    try:
        digest = codec.digest(codec.canonical(json.loads(run.input)))
    except ValueError:
        digest = ""
    if digest != run.input_digest:
        raise Corrupt(f"the input of run {run.run_id} was changed after it was written. Restore it from a backup.")


def outcome_of(run: Run) -> dict[str, Any]:
    """How a run ended, as it is recorded: `ok` or `err`; nothing before that.

    Raises:
        Corrupt: It was changed from outside.
    """
    if run.outcome is None:
        return {}
    if codec.digest(run.outcome) != run.outcome_digest:
        raise Corrupt(f"the outcome of run {run.run_id} was changed after it was written. Restore it from a backup.")
    found: dict[str, Any] = json.loads(run.outcome)
    return found


def failure(tree: Any) -> str:  # Any: a recorded failure
    """A recorded failure in one line: its type and what it bears."""
    if not isinstance(tree, dict) or "type" not in tree:
        return json.dumps(tree, ensure_ascii=False)
    value = tree.get("value")
    if not isinstance(value, dict):
        return f"{tree['type']}: {json.dumps(value, ensure_ascii=False)}"
    fields = ", ".join(f"{name}={json.dumps(field, ensure_ascii=False)}" for name, field in value.items())
    return f"{tree['type']}: {fields}" if fields else str(tree["type"])


# -- events ----------------------------------------------------------------------------------------------------------


def event(entry: Entry) -> tuple[str, str]:
    """One entry for people: what happened, and more about it."""
    tree = json.loads(entry.payload) if entry.payload else {}
    match entry.kind:
        case "begin":
            return "started", f"attempt {entry.attempt}" if entry.attempt > 1 else ""
        case "wait" if "retry" in tree:
            return "retries", f"at {moment(tree['due'])}, for attempt {entry.attempt} failed: {tree.get('error', '')}"
        case "wait" if "until" in tree:
            return "waits", f"for an answer to {tree['until']['name']}, before another attempt"
        case "wait" if "again" in tree:
            who = f"with {agent}" if isinstance(agent := tree["again"].get("agent"), str) else "with another attempt"
            late = f" at {moment(tree['due'])}" if tree["due"] > entry.at else ""
            why = f", after {tree['error']}" if tree.get("error") else ""
            return "goes on", f"{who}{late}{why}"
        case "wait" if "gate" in tree:
            signal = str(tree.get("as", "")).startswith("signal")
            return "waits", f"for the signal {tree['gate']}" if signal else f"for an answer to {tree['gate']}"
        case "wait":
            return "sleeps", f"until {moment(tree['due'])}"
        case "end" | "wake" if "err" in tree:
            return "failed", failure(tree["err"])
        case "end":
            return "done", ""
        case "wake":
            return ("woke", "") if tree.get("ok") is None else ("answered", json.dumps(tree["ok"], ensure_ascii=False))
        case "void":
            return "voided", f"what was recorded from entry {tree['since']} on no longer counts"
        case "note":
            return next(((word, told(tree[key])) for key, (word, told) in _NOTES.items() if key in tree), ("noted", ""))


_NOTES: Final[dict[str, tuple[str, Any]]] = {  # Any: a function of whatever the note bears
    "changed": ("kept", lambda _: "its outcome stands, though the code now asks something else"),
    "trace": ("raised", lambda trace: trace.strip().rpartition("\n")[2]),
    "cancel": ("cancelling", lambda reason: reason),
    "rename": ("renamed", lambda names: ", ".join(f"{old} to {new}" for old, new in names.items())),
    "said": ("told", lambda said: _told(said)),
    "refused": ("set aside", lambda why: f"an answer that is none: {why}"),
    "answer": ("answered", lambda said: json.dumps(said, ensure_ascii=False)),
    "gate": ("asks", lambda path: f"a person, at gate {path}"),
    "not_undone": ("not undone", lambda left: "; ".join(f"{each['path']}: {each['error']}" for each in left)),
}


def _told(said: Any) -> str:
    if not isinstance(said, dict):
        return ""
    what = "it began a conversation" if "tool" not in said else f"uses {said['tool']}"
    what = str(Spent.of(said["spent"])) if "spent" in said else what
    return ": ".join(str(part) for part in (said.get("agent"), what) if part)


def event_line(entry: Entry) -> str:
    """One entry as a line of text."""
    word, more = event(entry)
    return f"{word:<10} {line(entry.path or '-')}{'  ' + line(more) if more else ''}"


def event_tree(run_id: str, entry: Entry) -> dict[str, Any]:
    """One entry as JSON."""
    word, more = event(entry)
    return {
        "run_id": run_id,
        "seq": entry.seq,
        "kind": entry.kind,
        "event": word,
        "detail": more,
        "path": entry.path,
        "attempt": entry.attempt,
        "fence": entry.fence,
        "at": when(entry.at),
        "payload": json.loads(entry.payload) if entry.payload else None,
    }
