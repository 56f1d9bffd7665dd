"""A recorded run as a file of lines: to keep beside the code, and to hold tomorrow's code against.

One JSON object a line, each with one member that says what it is: a header, the journal entry by entry, the gates, the
inbox, and at the end the digest of all lines before. The digests of the journal stay, so damage is seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import attrs

from perdure.core import codec
from perdure.interpreters.durable.chain import verify
from perdure.interpreters.durable.errors import Corrupt, Unusable
from perdure.interpreters.durable.ports import Entry, Gate, Run, SignalRow, Status
from perdure.interpreters.durable.recorded import Recorded

#: The version of the format that is written, and the newest that is read.
VERSION: Final = 1


@attrs.frozen
class Header:
    """The first line: what a run is and how it ended. Who drove it, and under which lease, is no part of a history.

    Attributes:
        target: Where the workflow is; a file as a path from the folder in which the run was exported, if it is below.
        folder: What is put on the module search path to find it, as such a path too.
        outcome: How it ended, as the exact text that has the digest.
    """

    version: int
    run_id: str
    workflow: str
    target: str
    folder: str
    input: Any  # a JSON tree
    input_digest: str
    created_at: int
    code: str
    status: Status
    cancel: str | None
    outcome: str | None
    outcome_digest: str | None
    finished_at: int | None


def dump(recorded: Recorded) -> str:
    """A run as the text of a history file."""
    lines = list(_lines(recorded))
    return "".join(f"{line}\n" for line in (*lines, json.dumps({"end": _digest(lines)})))


def _lines(recorded: Recorded) -> Iterator[str]:
    run = recorded.run
    yield _line("history", Header(version=VERSION, **{**_kept(run), "input": json.loads(run.input)}))
    yield from (_line("entry", entry) for entry in recorded.entries)
    yield from (_line("gate", gate) for gate in recorded.gates)
    yield from (_line("signal", signal) for signal in recorded.signals)


_KINDS: Final[dict[str, Any]] = {"history": Header, "entry": Entry, "gate": Gate, "signal": SignalRow}


def _line(kind: str, value: object) -> str:
    return json.dumps({kind: codec.to_json(value, _KINDS[kind])})


def _kept(run: Run | Header) -> dict[str, Any]:
    """What a row and its header have in common."""
    return {field.name: getattr(run, field.name) for field in attrs.fields(Header) if field.name != "version"}


def _digest(lines: list[str]) -> str:
    return codec.digest("\n".join(lines))


def load(text: str, source: str) -> Recorded:
    """Read a history file.

    Args:
        text: Its content.
        source: Its name, for messages.

    Raises:
        Unusable: It is no history, or of a later release.
        Corrupt: It was changed after it was written, or is cut off.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    header = _header(lines, source)
    if _tree(lines[-1]) != {"end": _digest(lines[:-1])}:
        raise Corrupt(f"{source} was changed after it was written, or is cut off: export the run again")
    parts: dict[str, list[Any]] = {"entry": [], "gate": [], "signal": []}
    try:
        for line in lines[1:-1]:
            ((kind, tree),) = json.loads(line).items()
            parts[kind].append(codec.from_json(tree, _KINDS[kind]))
    except (ValueError, LookupError, AttributeError) as error:
        raise Corrupt(f"{source} cannot be read: {error}") from error
    verify(header.run_id, parts["entry"])
    run = Run(**{**_kept(header), "input": codec.dumps(header.input, Any)})
    return Recorded(run, parts["entry"], parts["gate"], parts["signal"])


def _header(lines: list[str], source: str) -> Header:
    tree = _tree(lines[0]).get("history") if lines else None
    if not isinstance(tree, dict) or not isinstance(tree.get("version"), int):
        raise Unusable(f"{source} is no history of a run: make one with `perdure export RUN -o FILE`")
    if tree["version"] > VERSION:
        raise Unusable(
            f"{source} was written by a newer perdure (version {tree['version']} of the format, this one reads "
            f"{VERSION}): upgrade perdure"
        )
    try:
        header: Header = codec.from_json(tree, Header)
    except codec.CodecError as error:
        raise Corrupt(f"{source} cannot be read: {error}") from error
    return header


def _tree(line: str) -> dict[str, Any]:
    try:
        tree = json.loads(line)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}
