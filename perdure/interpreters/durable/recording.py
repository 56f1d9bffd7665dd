"""What the owner of a run writes: numbered in memory, chained, and committed in batches while the claim holds."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, TypeAlias

from perdure.core.codec import CodecError
from perdure.core.effect import Op
from perdure.core.identity import input_of, shape_of
from perdure.interpreters.durable.chain import chained, genesis
from perdure.interpreters.durable.ports import Batch, Claim, Entry, Kind, World

Tell: TypeAlias = Callable[[Entry], None]


class Recording:
    """The journal of one run, in the hands of its owner.

    Attributes:
        batch: What the next commit writes.
        tell: Called with every entry once it is recorded.
        renew_at: When the lease is to be renewed, in milliseconds since boot: a third of it after it was.
    """

    def __init__(self, world: World, claim: Claim, last: Entry | None, lease: int, lease_until: int) -> None:
        self.batch = Batch(claim)
        self.tell: Tell | None = None
        self._world, self._claim = world, claim
        self._seq = last.seq if last else 0
        self._previous = last.digest if last else genesis(claim.run_id)
        self._lease = lease
        self._leased(lease_until)
        self._digests: dict[str, tuple[str, str]] = {}

    def _leased(self, until: int) -> None:
        self._lease_until = until
        self.renew_at = until - self._lease * 2 // 3

    @property
    def lapsed(self) -> bool:
        """Whether somebody may have taken the run over: this process was frozen, or its loop blocked, for too long."""
        return self._world.clock.boot() >= self._lease_until

    def entry(self, kind: Kind, path: str, attempt: int, op: Op[Any, Any], payload: str) -> Entry:
        """Add an entry about a leaf.

        Raises:
            CodecError: What is asked cannot be recorded.
        """
        shape, asked = self._digests.get(path) or self._asked(op, path)
        return self._add(kind, path, attempt, shape, asked, payload)

    def note(self, kind: Kind, path: str = "", attempt: int = 0, **said: Any) -> Entry:
        """Add an entry about the run, as a JSON object."""
        return self._add(kind, path, attempt, "", "", json.dumps(said))

    def close(self, path: str) -> None:
        """Forget what was asked under a path: it has its outcome, or nobody waits for one."""
        self._digests.pop(path, None)

    def reset(self) -> None:
        """Drop what could not be committed."""
        self.batch = Batch(self._claim)

    async def commit(self) -> bool:
        """Write the batch, and move the lease with it when that is due. False: a park that did not park.

        Raises:
            Fenced: The claim no longer holds. Nothing was written.
        """
        batch, boot = self.batch, self._world.clock.boot()
        if boot >= self.renew_at:
            batch.lease_until = boot + self._lease
        if not (batch.entries or batch.opened or batch.withdrawn or batch.refused or batch.status or batch.lease_until):
            return True
        self.batch = Batch(self._claim)
        done = await self._world.store.commit(batch)
        if batch.lease_until is not None:
            self._leased(batch.lease_until)
        if self.tell is not None:
            for entry in batch.entries:
                self.tell(entry)
        return done

    async def still_ours(self) -> None:
        """Take up a lease that has lapsed.

        Raises:
            Fenced: Somebody else did.
        """
        until = self._world.clock.boot() + self._lease
        await self._world.store.renew(self._claim, until)
        self._leased(until)

    def _add(self, kind: Kind, path: str, attempt: int, shape: str, asked: str, payload: str) -> Entry:
        self._seq += 1
        at = self._world.clock.now()
        entry = chained(self._previous, self._seq, kind, path, attempt, self._claim.fence, at, shape, asked, payload)
        self._previous = entry.digest
        self.batch.entries.append(entry)
        return entry

    def _asked(self, op: Op[Any, Any], path: str) -> tuple[str, str]:
        """Shape and input of an open request, as first recorded: a step may change what it is given."""
        try:
            known = self._digests[path] = shape_of(op), input_of(op)
        except CodecError as error:
            raise CodecError(f"what is asked under {path}, {error.path}", error.reason) from error
        return known


@functools.lru_cache(maxsize=4096)
def _signature(kind: str, output: Any) -> str:
    name = getattr(output, "__name__", None) or str(output).replace("typing.", "")
    return f"{kind} -> {name if len(name) <= 100 else name[:99] + '…'}"


def signature(op: Op[Any, Any]) -> str:
    """A leaf in a few words: `ask -> Plan`."""
    try:
        return _signature(op.kind, op.output)
    except TypeError:  # a type that cannot be hashed
        return _signature.__wrapped__(op.kind, op.output)


@functools.lru_cache(maxsize=4096)
def _begun(kind: str, output: Any) -> str:
    return json.dumps({"as": _signature(kind, output)}, separators=(",", ":"))


def begun(op: Op[Any, Any]) -> str:
    """What the entry of an attempt's begin says. The same for every attempt of a kind, so it is made once."""
    try:
        return _begun(op.kind, op.output)
    except TypeError:  # a type that cannot be hashed
        return json.dumps({"as": signature(op)}, separators=(",", ":"))
