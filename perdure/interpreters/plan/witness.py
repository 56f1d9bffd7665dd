"""What fresh processes see of one workflow: under another hash seed, in another time zone, and when they look again.

The question comes on stdin and the answer goes to stdout, both as one JSON document.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Literal

import attrs

from perdure.core import codec
from perdure.core.effect import Call
from perdure.core.leaves import parameters_of
from perdure.core.workflow import block_of
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.errors import Unusable
from perdure.interpreters.plan.leaf import same_everywhere
from perdure.interpreters.plan.plan import AnyInput
from perdure.interpreters.plan.source import functions, names
from perdure.interpreters.plan.survey import Course, courses
from perdure.interpreters.plan.watch import Deed, Watch


@attrs.frozen
class Question:
    """What to look at.

    Attributes:
        target: Where the workflow is, and `folder` what has to be on the module search path.
        arguments: A JSON object; None for any input.
        max_paths: How many paths to follow at most.
        how: Once; or `watched`, so that what its code does besides asking is seen; or `twice`, with a look at what has
            changed in between.
    """

    target: str
    folder: str
    arguments: str | None
    max_paths: int
    how: Literal["once", "watched", "twice"]


@attrs.frozen
class Testimony:
    """What one process saw.

    Attributes:
        first: What the workflow may do, without failures and with them.
        again: The same, found once more in the same process.
        deeds: What its code did besides asking.
        changed: The names of what its code uses of its module, and what was another thing afterwards.
    """

    first: tuple[Course, Course]
    again: tuple[Course, Course] | None = None
    deeds: tuple[Deed, ...] = ()
    changed: tuple[str, ...] = ()


@contextlib.contextmanager
def witness(question: Question, seed: int) -> Iterator[Callable[[], Testimony]]:
    """Begin to explore a workflow in a process of its own, which is gone afterwards. Nothing of it is executed.

    Args:
        question: What to look at.
        seed: The seed of Python's hashes. It decides the time zone too: odd and even are never on the same day.

    Yields:
        What waits for the testimony. It raises `Unusable` where the workflow ended the process.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "perdure.interpreters.plan.witness"],
        env={
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "TZ": "Pacific/Niue" if seed % 2 else "Pacific/Kiritimati",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # what is found here is found there
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already, and its exit code says so
            process.stdin.write(codec.dumps(question, Question))
            process.stdin.close()
        process.stdin = None  # or `communicate` would write to it
        yield lambda: _ended(question, process)
    finally:
        process.kill()
        process.communicate()


def _ended(question: Question, process: subprocess.Popen[str]) -> Testimony:
    out, err = process.communicate()
    if process.returncode != 0:
        last = (err.strip().splitlines() or ["it said nothing"])[-1]
        raise Unusable(f"{question.target} ended the process that explored it ({process.returncode}): {last}")
    testimony: Testimony = codec.loads(out, Testimony)
    return testimony


def witnessed(question: Question) -> Testimony:
    """Explore a workflow in this process."""
    block = places.load(places.Target(question.target, question.folder))

    def explored() -> tuple[Course, Course]:
        if question.arguments is None:
            return courses(AnyInput(block), max_paths=question.max_paths)
        args, kwargs = parameters_of(block.fn).decode(
            codec.loads(question.arguments, Any)
        )  # anew: bodies may change them
        return courses(Call(block, args, kwargs), max_paths=question.max_paths)

    if question.how == "once":
        return Testimony(explored())
    if question.how == "watched":
        with Watch() as watch:
            first = explored()
        return Testimony(first, deeds=watch.deeds)
    before = dict(_state(block.fn))
    first = explored()
    after = dict(_state(block.fn))
    return Testimony(first, explored(), changed=tuple(name for name in after if before.get(name) != after[name]))


def _state(fn: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """What a workflow's code uses of its module and may change, by name, as text."""
    for each, tree in functions(fn):
        for name in sorted({node.id for node in names(tree)}):
            value = getattr(each, "__globals__", {}).get(name)
            if isinstance(value, type):
                yield name, _text({key: item for key, item in vars(value).items() if not callable(item)})
            elif not isinstance(value, (ModuleType, FunctionType, type(None))) and block_of(value) is None:
                yield name, _text(value)
        yield f"the defaults of {each.__name__}", _text((each.__defaults__, each.__kwdefaults__))


def _text(value: object) -> str:
    try:
        return same_everywhere(repr(value))
    except Exception:  # the user's __repr__
        return ""


def _main() -> None:
    answer = os.dup(1)
    os.dup2(2, 1)  # what the workflow's module prints is not the answer
    asked: Question = codec.loads(sys.stdin.read(), Question)
    text = codec.dumps(witnessed(asked), Testimony)
    with open(answer, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    _main()
