"""Prompts that are kept in files, as functions whose parameters are the variables."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec

from perdure.core.faults import Defect

P = ParamSpec("P")

_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


def prompt(file: str) -> Callable[[Callable[P, None]], Callable[P, str]]:
    """Let a function give the text of a file, with its arguments put in the place of `{{variables}}`.

    The function only says which variables there are and of which types, so checkers see a missing or a wrong one. The
    file is read once, when the function is defined. What comes of it is a prompt like any other: an edited file is an
    edited prompt. A variable's value is put in as it is: what looks like a variable in it stays.

    Args:
        file: The file, from the folder of the module; UTF-8.

    Raises:
        Defect: There is no such file, or its variables are not the parameters. Calling it wrongly is one too.

    Example:
        @prompt("prompts/research.md")
        def research(topic: str, sources: int = 3) -> None: ...

        ask("research", researcher, research("bees"), Research)
    """

    def read(declared: Callable[P, None]) -> Callable[P, str]:
        path = Path(inspect.getfile(declared)).parent / file
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Defect(f"prompt({file!r}) of {declared.__name__} cannot be read: {error}") from None
        signature = inspect.signature(declared).replace(return_annotation=inspect.Signature.empty)
        _agree(file, set(_VARIABLE.findall(text)), set(signature.parameters), declared.__name__)

        @functools.wraps(declared)
        def filled(*args: P.args, **kwargs: P.kwargs) -> str:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise Defect(f"prompt {declared.__name__} ({file}): {error}; it takes {signature}") from None
            bound.apply_defaults()
            return _VARIABLE.sub(lambda found: f"{bound.arguments[found[1]]}", text)

        return filled

    return read


def _agree(file: str, named: set[str], parameters: set[str], name: str) -> None:
    unknown, unused = sorted(named - parameters), sorted(parameters - named)
    said = [f"the file names {', '.join(unknown)}, and {name} has no such parameter"] if unknown else []
    said += [f"{name} takes {', '.join(unused)}, and the file does not name it"] if unused else []
    if said:
        raise Defect(f"prompt({file!r}): {'; '.join(said)}. Let {{{{variables}}}} and parameters be the same")
