"""What a workflow may do, found in a process of its own: two versions of one module cannot be loaded into one.

The question comes on stdin and the answer goes to stdout, both as one JSON document.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import attrs
import click

from perdure.cli import given, printing
from perdure.core import codec
from perdure.interpreters.durable.errors import DurableError, Unusable
from perdure.interpreters.plan.survey import Survey, survey


@attrs.frozen
class Question:
    """Which workflow to explore, with which arguments: as on the command line, but that `input` is read already."""

    target: str
    here: Path
    input: str | None
    named: tuple[str, ...]
    max_paths: int


@attrs.frozen
class Refused:
    """Why it cannot be explored."""

    why: str


def ask(question: Question) -> Survey:
    """Explore a workflow elsewhere.

    Raises:
        Unusable: It cannot be found, imported or called.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "perdure.cli.surveying"],
        cwd=question.here,
        input=codec.dumps(question, Question),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unusable(f"{question.target} ended the process that explored it, with exit code {done.returncode}")
    answer: Survey | Refused = codec.loads(done.stdout, Survey | Refused)
    if isinstance(answer, Refused):
        raise Unusable(answer.why)
    return answer


def _answer(question: Question) -> Survey | Refused:
    from perdure.interpreters.durable.adapters import places

    try:
        block = places.load(places.target(question.target, question.here))
        return survey(given.program(block, question.input, question.named), max_paths=question.max_paths)
    except click.UsageError as error:
        return Refused(error.format_message())
    except DurableError as error:
        return Refused(str(error))


if __name__ == "__main__":
    asked: Question = codec.loads(sys.stdin.read(), Question)
    with printing.stdout_kept():
        found = _answer(asked)
    printing.out(codec.dumps(found, Survey | Refused))
