"""What is nearly always a mistake in a workflow: each rule is a function over what the workflow may do.

A rule only speaks of what it saw; what a workflow's text alone can tell is in `source`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from perdure.core.faults import STEP_FAULTS, Expired
from perdure.interpreters.plan.survey import FAILS, Asked, Course, Ended, Fact, Looked, Survey, following


@attrs.frozen
class Finding:
    """What is probably wrong.

    Attributes:
        rule: Its name.
        where: The key, or the file and line.
        said: What is so, and why it matters.
        mend: What to do.
    """

    rule: str
    where: str
    said: str
    mend: str


def findings(seen: Survey) -> tuple[Finding, ...]:
    """What all rules find.

    Example:
        >>> from perdure import pure, signal
        >>> from perdure.interpreters.plan.survey import survey
        >>> [finding.rule for finding in findings(survey(signal("paid", int).bind(lambda _: pure(None))))]
        ['unused-answer']
    """
    return tuple(dict.fromkeys(finding for rule in RULES for finding in rule(seen)))


def duplicate_names(seen: Survey) -> Iterator[Finding]:
    """Two different requests under one name in one scope: which is `#2` depends on which comes first."""
    first: dict[str, Asked] = {}
    for course in (seen.calm, seen.failing):
        for key, asked in course.requests.items():
            other = first.setdefault(key.partition("#")[0] if "#" in key.rpartition("/")[2] else key, asked)
            if other.shape != asked.shape:
                yield Finding(
                    "duplicate-name",
                    key,
                    f"another request than {other.key}, under the same name: which is which depends on their order",
                    "give one of them a name of its own",
                )


_LONG: Final = re.compile(r"(?P<where>.+?): more than (?P<count>\d+) (?P<what>questions|requests) on one path")


def unbounded_loops(seen: Survey) -> Iterator[Finding]:
    """A path that does not end within what one path may ask: as a rule a `while True` over replies."""
    ends = (point for course in (seen.calm, seen.failing) for point in course.points if isinstance(point, Ended))
    for end in ends:
        long = _LONG.fullmatch(end.what) if end.how == "cut" else None
        if long is not None:
            yield Finding(
                "unbounded-loop",
                re.sub(r"#\d+", "", long["where"]).partition(" ")[0],
                f"after {long['count']} {long['what']} on one path there is no end yet: nothing bounds what it costs",
                "use loop(…, rounds=…), whose end is told as Exhausted",
            )


def broken_paths(seen: Survey) -> Iterator[Finding]:
    """A path on which the workflow raises what is no failure: a run that takes it is blocked."""
    for course in (seen.calm, seen.failing):
        for point in course.points:
            if isinstance(point, Ended) and point.how == "broke":
                yield Finding(
                    "defect",
                    seen.workflow,
                    f"on some path it raises what is no failure: {point.what}",
                    "mend it; text of a reply is parsed in a step, and decided on by typed fields",
                )


def lone_once_steps(seen: Survey) -> Iterator[Finding]:
    """A `once` step that may be cut off, and after which nobody looks and nothing is taken back."""
    for point in seen.failing.points:
        if isinstance(point, Asked) and point.traits.get("repeat") == "once" and _ends_alone(seen.failing, point):
            yield Finding(
                "once-alone",
                point.key,
                "nobody knows whether it took effect after an attempt that was cut off, and nothing follows then: "
                "no person is asked and nothing is taken back",
                "match Interrupted and ask somebody, or compensate(…) what was done before it",
            )


def _ends_alone(course: Course, step: Asked) -> bool:
    """Whether some path from its interruption to the end asks no person and compensates nothing."""

    def otherwise(fact: Fact | None) -> bool:
        return fact is not None and fact[0] == f"{step.key}{FAILS}" and fact[1] != "Interrupted"

    todo, seen = [step.then], set[int]()
    while todo:
        place = todo.pop()
        point = course.points[place]
        if place in seen or (isinstance(point, Asked) and _looks_after(point)):
            continue
        seen.add(place)
        if isinstance(point, Ended):
            if point.how != "cut":
                return True
            continue
        todo += [then for fact, then in following(point) if not otherwise(fact)]
    return False


def _looks_after(asked: Asked) -> bool:
    return asked.role in ("approval", "answer") or asked.takes_back


#: The error of a request that failed is no answer to it.
_FAULTS: Final = "|".join((*STEP_FAULTS, Expired.__name__))


def unused_answers(seen: Survey) -> Iterator[Finding]:
    """What somebody was asked for, and on which nothing depends."""
    used = "\n".join(_texts(seen.calm)) + "\n" + "\n".join(_texts(seen.failing))
    for key, asked in seen.calm.requests.items():
        if asked.role not in ("ask", "approval", "answer", "signal") or asked.traits.get("output", "None") == "None":
            continue
        after = seen.calm.points[asked.then]
        if isinstance(after, Ended) and after.how == "cut":
            continue  # nobody saw what becomes of it
        if not re.search(rf"(?<![\w./#%~-]){re.escape(key)}(?![\w/#%~-]|\.(?:{_FAULTS})\.)", used):
            who = "an agent" if asked.role == "ask" else "somebody"
            yield Finding(
                "unused-answer",
                key,
                f"{who} is asked for {asked.traits['output']}, and on no path does anything depend on the answer",
                "use it, ask for nothing (None), or do not ask",
            )


def _texts(course: Course) -> Iterator[str]:
    """Where an answer can be seen: in what is asked, in what is looked at, in the end."""
    for point in course.points:
        match point:
            case Asked(asked=asked):
                yield asked
            case Looked(question=question) if not question.endswith(FAILS):
                yield question
            case Ended(how="success" | "failure", what=what):
                yield what
            case _:
                pass


RULES: Final[tuple[Callable[[Survey], Iterator[Finding]], ...]] = (
    duplicate_names,
    unbounded_loops,
    broken_paths,
    lone_once_steps,
    unused_answers,
)
