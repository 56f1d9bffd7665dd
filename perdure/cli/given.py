"""What people give on the command line, made the arguments of a workflow: pure, by the workflow's own types."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perdure.core import codec
from perdure.core.effect import Call
from perdure.core.hints import label, peel
from perdure.core.leaves import Parameters, arguments_of, parameters_of
from perdure.core.workflow import Block

if TYPE_CHECKING:
    from perdure.interpreters.plan.plan import AnyInput


def read(text: str) -> str:
    """What `-i` names: the text itself, the content of `@file`, or stdin for `-`.

    Raises:
        click.UsageError: There is no such file.
    """
    if text == "-":
        return sys.stdin.read()
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"-i {text}: {error}") from error


def tree(text: str, option: str = "-i") -> Any:  # Any: a JSON tree
    """A JSON text as a tree.

    Raises:
        click.UsageError: It is none.
    """
    try:
        return codec.loads(text, Any)
    except codec.CodecError as error:
        raise click.UsageError(
            f"{option}: {error.reason}. A text is JSON in double quotes: {option} '\"…\"'"
        ) from error


def renaming(text: str) -> tuple[str, str]:
    """What `--rename` says: an old name (or path) and the new one.

    Raises:
        click.UsageError: It says something else.
    """
    old, mark, new = text.partition("=")
    if not (old and mark and new):
        raise click.UsageError(f"--rename {text}: write OLD=NEW")
    return old, new


def call(block: Block, input: str | None, named: Sequence[str]) -> tuple[Call[Any, Any], dict[str, Any]]:
    """A workflow call, and its arguments as they are recorded.

    Args:
        block: The workflow.
        input: The text of `-i`: the argument of a workflow with one parameter; for others an array or an object, or
            any other value for the only parameter that has no default.
        named: `NAME=VALUE`, as often as `-a` was given: text where the parameter is a `str`, JSON otherwise.

    Raises:
        click.UsageError: They do not fit; the message has the parameters, and where what does not fit.
    """
    parameters = parameters_of(block.fn)
    try:
        found = _placed(parameters, tree(input)) if input is not None else {}
        for each in named:
            name, value = _named(parameters, each)
            if name in found:
                raise codec.CodecError(f"$.{name}", "given twice")
            found[name] = value
        args, kwargs = parameters.decode(found)
        recorded = parameters.encode(args, kwargs)
    except (codec.CodecError, codec.NoSchema, TypeError) as error:
        raise click.UsageError(f"the input does not fit {signature(block)}: {error}") from error
    return Call(block, args, kwargs), recorded


def program(block: Block, input: str | None, named: Sequence[str]) -> Call[Any, Any] | AnyInput:
    """A workflow to look at: called with what is given, or for any input where nothing is and something is needed.

    Raises:
        click.UsageError: The arguments do not fit.
    """
    from perdure.interpreters.plan.plan import AnyInput

    anything = AnyInput(block)
    nothing_given = input is None and not named and bool(anything.open)
    return anything if nothing_given else call(block, input, named)[0]


def arguments(program: Call[Any, Any] | AnyInput) -> str | None:
    """The arguments of a workflow as a JSON object; None for any input."""
    if not isinstance(program, Call):
        return None
    return codec.dumps(arguments_of(program), Any)


def command(verb: str, target: str, input: str | None, named: Sequence[str], read: str | None = None) -> str:
    """The command that does something else with the same workflow and the same input.

    Args:
        verb: What it does.
        target: As it was typed.
        input: What `-i` was given.
        named: The values of `-a`.
        read: What `-i` was read as: stdin cannot be read again.
    """
    again = read.strip() if input == "-" and read is not None else input
    words = ["perdure", verb, target, *(("-i", again) if again is not None else ())]
    return shlex.join([*words, *(word for each in named for word in ("-a", each))])


def signature(block: Block) -> str:
    """A workflow and its parameters: `ship(topic: str, rounds: int = 3)`."""
    parameters = parameters_of(block.fn)
    stars: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    said = [
        f"{stars.get(p.kind, '')}{name}: {label(parameters.hints.get(name, Any))}"
        + (f" = {p.default!r}" if p.default is not p.empty else "")
        for name, p in parameters.signature.parameters.items()
    ]
    return f"{block.name}({', '.join(said)})"


def _placed(parameters: Parameters, value: Any) -> dict[str, Any]:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    every = parameters.signature.parameters
    single = [name for name, p in every.items() if p.kind not in several]
    if len(every) == 1 and single:
        return {single[0]: value}
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        needed = [name for name in single if every[name].default is inspect.Parameter.empty]
        if len(needed) == 1:
            return {needed[0]: value}
        raise codec.CodecError("$", "neither an array of positional nor an object of named arguments")
    positional = [name for name in single if every[name].kind is not inspect.Parameter.KEYWORD_ONLY]
    found = dict(zip(positional, value, strict=False))
    rest = value[len(positional) :]
    many = next((name for name, p in every.items() if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    if rest and many is None:
        raise codec.CodecError(f"$[{len(positional)}]", f"there are only {len(positional)} positional parameters")
    return {**found, many: rest} if many is not None and rest else found


def _named(parameters: Parameters, text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark:
        raise codec.CodecError("$", f"-a {text}: write NAME=VALUE")
    if peel(parameters.hints.get(name, Any)) is str:
        return name, value
    try:
        return name, codec.loads(value, Any)
    except codec.CodecError as error:
        raise codec.CodecError(
            f"$.{name}", f"{error.reason}; -a takes JSON where the parameter is not a str"
        ) from error
