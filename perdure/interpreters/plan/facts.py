"""What follows from answers that were given: a text that is 'a' is not 'b', a number over 5 is over 3.

Only what is certain follows. Without it two programs that ask in another order would seem to differ on paths that no
reply can take.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterable
from typing import Any, Final

from perdure.interpreters.plan.survey import Fact

_RELATION: Final = re.compile(r"(?s)(.+) (==|<|>) (.+)")
_HOLDS: Final = {"==": operator.eq, "<": operator.lt, ">": operator.gt}


def answer(question: str, facts: Iterable[Fact]) -> str | None:
    """The answer that a question must have, or None where either is possible.

    Example:
        >>> answer("n > 3", [("n > 5", "True")]), answer("n > 7", [("n > 5", "True")])
        ('True', None)
        >>> answer("word == 'b'", [("word == 'a'", "True")])
        'False'
    """
    facts = tuple(facts)
    known = dict(facts).get(question)
    asked = _relation(question)
    if known is not None or asked is None:
        return known
    for fact, given in facts:
        said = _relation(fact)
        if said is not None and said[0] == asked[0]:
            follows = _follows(said[1], said[2], given == "True", asked[1], asked[2])
            if follows is not None:
                return str(follows)
    return None


def _relation(question: str) -> tuple[str, str, Any] | None:  # Any: whatever literal it is compared with
    match = _RELATION.fullmatch(question)
    if match is None:
        return None
    try:
        return match[1], match[2], ast.literal_eval(match[3])
    except (ValueError, SyntaxError):  # compared with another placeholder
        return None


def _follows(sign: str, bound: Any, holds: bool, asked: str, value: Any) -> bool | None:
    """Whether `x asked value`, where it is known that `x sign bound` holds or does not."""
    if isinstance(bound, str) is not isinstance(value, str):
        return None
    if sign == "==":
        return bool(_HOLDS[asked](bound, value)) if holds else None
    if holds is (sign == ">"):  # x > bound, or x >= bound
        under = value <= bound if holds else value < bound
        above = value == bound and not holds
        return {"==": False if under else None, ">": True if under else None, "<": False if under or above else None}[
            asked
        ]
    over = value >= bound if holds else value > bound  # x < bound, or x <= bound
    below = value == bound and not holds
    return {"==": False if over else None, "<": True if over else None, ">": False if over or below else None}[asked]
