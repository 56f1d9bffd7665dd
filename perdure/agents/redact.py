"""Secrets are taken out of what an agent says before any of it is read, shown or written.

Known are the values that an agent declares by name, in the forms in which programs print them, and the shapes of
common keys, which nobody declared.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

import attrs

#: A shorter value is a word like any other: taking it out would tell where it stood and spoil the text.
SHORTEST = 8

_SHAPES = (
    r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}",  # Anthropic, OpenAI and those who follow them
    r"AIza[A-Za-z0-9_-]{30,}",
    r"gh[opsur]_[A-Za-z0-9]{30,}",
    r"github_pat_[A-Za-z0-9_]{30,}",
    r"glpat-[A-Za-z0-9_-]{20,}",
    r"xox[abprs]-[A-Za-z0-9-]{10,}",
    r"A(?:KIA|SIA)[A-Z0-9]{16}",
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",  # a signed token
    r"(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,}",
    r"(?<=://)[^\s/:@\"']+:[^\s/@\"']+(?=@)",  # a password in an address
)


@attrs.frozen
class Redactor:
    """Takes secrets out of text.

    Attributes:
        secrets: Declared values by the name of their variable.

    Example:
        >>> Redactor({"TOKEN": "correct horse"}).text("Bearer correct horse, correct+horse")
        'Bearer [TOKEN], [TOKEN]'
    """

    secrets: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def text(self, text: str) -> str:
        """The text with the name of each secret in its place, and `[secret]` for what looks like a key."""
        return self._pattern.sub(lambda found: f"[{self._forms.get(found[0], 'secret')}]", text)

    @functools.cached_property
    def _forms(self) -> Mapping[str, str]:
        return {
            form: name for name, value in self.secrets.items() if len(value) >= SHORTEST for form in _forms_of(value)
        }

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(map(re.escape, self._forms), key=len, reverse=True)
        return re.compile("|".join([*longest_first, *_SHAPES]))


def _forms_of(value: str) -> Iterator[str]:
    """A value as it is written: plain, in JSON, in an address, and in base64 at every place of a longer text."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(value)
    yield quote(value, safe="")
    yield quote_plus(value)
    raw = value.encode()
    for before in range(3):  # three bytes are four letters, so the letters depend on what came before
        encoded = base64.b64encode(b"\0" * before + raw).rstrip(b"=").decode()
        start = (before * 8 + 5) // 6
        end = (before + len(raw)) * 8 // 6  # the letters that hold bits of the value alone
        yield encoded[start:end]
        yield encoded[start:end].replace("+", "-").replace("/", "_")
