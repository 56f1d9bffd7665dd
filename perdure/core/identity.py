"""Which step is which: names, keys, and the digests of what was asked.

The key of a request is the path of its scopes, its name and its occurrence there (`ship/review_loop/review#2`).
Counters live in their scope, so that inserting one name shifts no other.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Container
from typing import Any, Final
from urllib.parse import quote

import attrs

from perdure.core import codec, schema
from perdure.core.effect import Op
from perdure.core.faults import Defect

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_SEGMENT: Final = 80
_LONGEST_PATH: Final = 1000


def checked_name(name: object, what: str) -> str:
    """The name itself, if it can be part of a key.

    Raises:
        Defect: It cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Defect(
            f"{name!r} cannot name a {what}: a name becomes part of a key, so it consists of letters, digits, "
            "'_', '.' and '-' and does not start with '.' or '-'"
        )
    return name


def segment(text: str) -> str:
    """Any string as one segment of a key: percent-encoded, and cut with a digest where it is too long.

    Example:
        >>> segment("src/app.py")
        'src%2Fapp.py'
    """
    safe = quote(text, safe="", errors="surrogatepass").replace("~", "%7E") or "~"
    return safe if len(safe) <= _LONGEST_SEGMENT else f"{safe[:60]}~{_short(safe)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@attrs.define(eq=False)
class Path:
    """One scope and the names used in it: the n-th use of a name gets `#n`."""

    text: str
    # `dict[str, int]` would take five times as long to call, and a path is made for every workflow call.
    used: dict[str, int] = attrs.field(factory=dict)  # pyright: ignore[reportUnknownVariableType]

    def key(self, name: str) -> str:
        """The key of the next use of `name` here."""
        n = self.used.get(name, 0) + 1
        self.used[name] = n
        leaf = name if n == 1 else f"{name}#{n}"
        if not self.text:
            return leaf
        if len(self.text) > _LONGEST_PATH:  # ten thousand scopes deep, a key must still be a key
            return f"~{_short(self.text)}/{leaf}"
        return f"{self.text}/{leaf}"


def scopes_of(key: str, names: Container[str]) -> list[str]:
    """The scopes with these names that a request is in, the outermost first.

    Example:
        >>> scopes_of("ship/all/0/race#2/1/plan", ("all", "race"))
        ['ship/all', 'ship/all/0/race#2']
    """
    segments = key.split("/")
    return [
        "/".join(segments[: n + 1]) for n, segment in enumerate(segments[:-1]) if segment.partition("#")[0] in names
    ]


@functools.lru_cache(maxsize=4096)
def _shape(kind: str, version: str, output: Any) -> str:
    return codec.digest(codec.canonical([kind, version, schema.shape(output)]))


def shape_of(op: Op[Any, Any]) -> str:
    """What makes a recorded step the same step: its kind, its declared version, the structure of its output."""
    return _shape(op.kind, op.version, op.output)


def input_of(op: Op[Any, Any]) -> str:
    """The digest of what is asked. Another input under the same shape is an edited prompt, not another step.

    Raises:
        CodecError: An argument does not fit its annotation.
    """
    return codec.digest(codec.canonical(op.encode()))


def idempotency_key(database: str, run_id: str, path: str) -> str:
    """What every attempt of one step sends along, so that the far side can do it once."""
    return hashlib.sha256(f"{database}|{run_id}|{path}".encode(errors="surrogatepass")).hexdigest()[:32]
