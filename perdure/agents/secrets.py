"""Nothing secret is recorded: what an agent says is cleaned before anybody else sees it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

#: What a secret is replaced by.
HIDDEN: Final = "[hidden]"

#: Shorter values are no secrets, and would be found in every other word.
_SHORTEST: Final = 8
#: Variables whose values are secret, whoever declared them or not.
_NAMES: Final = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
#: What those who encode for URLs leave as it is: nothing, Python, forms, and encodeURIComponent and encodeURI.
_SAFE: Final = ("", "/", "*", "!'()*", "!'()*;,/?:@&=+$#")
_ESCAPE: Final = re.compile("%[0-9A-F]{2}")
#: How long the lines of base64 are, where it has lines.
_WIDTHS: Final = (64, 76)
#: What is so long and looks so much like a key is one wherever it is printed.
_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{30,}|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{20,}|\bA(?:KIA|SIA)[A-Z0-9]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # a signed token
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/-]{20,}=*|(?<=://)[^\s/:@\"']+:[^\s/@\"']+(?=@)"  # a password in an address
)
#: What looks like a key in an error is one: a provider repeats the key that it refuses.
_SHAPES: Final = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_*-]{8,}|\bAIza[A-Za-z0-9_*-]{16,}|\bgh[pousr]_[A-Za-z0-9*]{16,}|\bxox[a-z]-[A-Za-z0-9*-]{8,}"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/*-]{8,}=*"
)


class Secrets:
    """Values that must not be recorded, in any form in which they are commonly written.

    Args:
        environment: Where they are.
        declared: The names of variables that are secret whatever they are called.

    Example:
        >>> Secrets({"OPENAI_API_KEY": "hunter2-hunter2"}, ()).hide("refused: hunter2-hunter2")
        'refused: [hidden]'
    """

    def __init__(self, environment: Mapping[str, str], declared: Iterable[str]) -> None:
        named = {*declared, *filter(_NAMES.search, environment)}
        values = {environment[name] for name in named if len(environment.get(name, "")) >= _SHORTEST}
        # The longest first: what is hidden of a shorter one would spoil the longer one that contains it.
        self._each = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)
        self._forms = re.compile("|".join(map(re.escape, self._each))) if self._each else None

    def hide(self, text: str) -> str:
        """A text without them."""
        return text if self._forms is None else self._forms.sub(HIDDEN, text)

    def hide_printed(self, text: str) -> str:
        """What a program printed without them, and without what nobody declared and is a key beyond doubt."""
        return _KEYS.sub(HIDDEN, self.hide(text))

    def hide_error(self, text: str) -> str:
        """The text of an error without them, and without whatever looks like a key."""
        return _SHAPES.sub(HIDDEN, self.hide(text))

    def hide_tree(self, tree: Any) -> Any:
        """A JSON tree without them."""
        match tree:
            case str():
                return self.hide(tree)
            case list():
                return [self.hide_tree(item) for item in tree]
            case dict():
                return {self.hide(key): self.hide_tree(item) for key, item in tree.items()}
            case _:
                return tree

    def _tellable(self, text: str) -> int:
        """How much of a text can be told, however it goes on: its end may be the beginning of a secret."""
        longest = len(self._each[0]) if self._each else 0
        last = range(max(0, len(text) - longest + 1), len(text))
        end = next((at for at in last if self._begins(text[at:])), len(text))
        for found in self._forms.finditer(text) if self._forms is not None else ():
            if found.start() < end < found.end():  # it may be a part of a longer one
                return found.start()
        return end

    def _begins(self, end: str) -> bool:
        return any(len(end) < len(form) and form.startswith(end) for form in self._each)


class Veil:
    """Hides secrets in a text that comes part by part, wherever it is cut: what may begin one is held back.

    Example:
        >>> veil = Veil(Secrets({"OPENAI_API_KEY": "hunter2-hunter2"}, ()))
        >>> [veil.add("it is hunt"), veil.add("er2-hunter2 and"), veil.rest()]
        ['it is ', '[hidden] and', '']
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._held = ""

    def add(self, part: str) -> str:
        """What can be told now that this came."""
        text = self._held + part
        end = self._secrets._tellable(text)
        self._held = text[end:]
        return self._secrets.hide(text[:end])

    def rest(self) -> str:
        """What was held back, now that nothing follows."""
        text, self._held = self._held, ""
        return self._secrets.hide(text)


def _forms(value: str) -> Iterable[str]:
    """A value as it is, in JSON, for URLs, and in base64 wherever it begins in what is encoded."""
    yield value
    yield from _lines(value.splitlines())  # what is printed is read line by line
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    for safe in _SAFE:
        for encoded in (quote(value, safe), plus := quote_plus(value, safe), plus.replace("~", "%7E")):
            yield encoded
            yield _ESCAPE.sub(lambda escape: escape[0].lower(), encoded)
    whole = base64.b64encode(value.encode(errors="surrogateescape")).decode().rstrip("=")
    for width in _WIDTHS:
        yield from _lines([whole[at : at + width] for at in range(0, len(whole), width)])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in (0, 1, 2):  # as the part of a longer text, such as `user:value`
            inner = encode(b"\0" * before + value.encode(errors="surrogateescape")).decode().rstrip("=")
            # The first characters hold bits of what comes before, the last one of what follows.
            yield inner[before + 1 if before else 0 : -1 if len(inner) % 4 else None]


def _lines(lines: list[str]) -> Iterable[str]:
    return (line for line in lines if len(line.strip()) >= _SHORTEST)
