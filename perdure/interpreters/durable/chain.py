"""What makes damage to a journal visible: each entry's digest covers the entry and the digest before it.

Whoever changes, removes or moves one row in the file would have to rewrite every later one.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from perdure.interpreters.durable.errors import Corrupt
from perdure.interpreters.durable.ports import Entry, Kind


def genesis(run_id: str) -> str:
    """What stands before the first entry. It names the run: no journal passes for another's."""
    return sha256(f"perdure journal of {run_id}".encode(errors="surrogatepass")).hexdigest()


def chained(
    previous: str,
    seq: int,
    kind: Kind,
    path: str,
    attempt: int,
    fence: int,
    at: int,
    shape: str,
    input: str,
    payload: str,
) -> Entry:
    """The entry that follows the one with digest `previous` (the first: `genesis`)."""
    # Every text but the last goes with its length, so that two different entries never read the same.
    text = (
        f"{len(previous)} {seq} {len(kind)} {len(path)} {attempt} {fence} {at} {len(shape)} {len(input)} "
        f"{previous}{kind}{path}{shape}{input}{payload}"
    )
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()
    return Entry(seq, kind, path, attempt, fence, at, shape, input, payload, digest, previous)


def verify(run_id: str, entries: Iterable[Entry]) -> None:
    """Check a whole journal, from its first entry on. That its last entries are missing, no chain can tell.

    Raises:
        Corrupt: A row was changed, removed, moved or put in between.
    """
    previous = genesis(run_id)
    for number, entry in enumerate(entries, start=1):
        if entry.seq != number:
            raise _corrupt(run_id, entry, f"entry {number} is missing, and after it comes")
        if entry.previous != previous:
            raise _corrupt(run_id, entry, "this does not follow the one before it:")
        if entry != chained(previous, *entry[:9]):
            raise _corrupt(run_id, entry, "this was changed after it was written:")
        previous = entry.digest


def _corrupt(run_id: str, entry: Entry, what: str) -> Corrupt:
    return Corrupt(
        f"the journal of run {run_id} is damaged: {what} entry {entry.seq} ({entry.kind} of {entry.path!r}). "
        "Nothing was executed. Look with `perdure doctor`, then restore the database from a backup."
    )
