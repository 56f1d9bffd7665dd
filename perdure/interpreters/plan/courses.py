"""Questions about the paths of one course: what passes which gate, how often, and by which shortest path."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from perdure.interpreters.plan.survey import FAILS, YES, Asked, Course, Fact, Looked, following


def shortest(
    course: Course, goal: Callable[[Asked], bool], passes: Callable[[Course, int, Fact | None], bool]
) -> tuple[str, ...] | None:
    """The shortest path to a request, on which nothing passed; None where there is none.

    Args:
        course: All paths.
        goal: Which requests are meant.
        passes: Whether what is done at a place, or the answer that is given there, is what a path must not have.
    """
    queue: deque[tuple[int, tuple[str, ...]]] = deque([(0, ())])
    seen = {0}
    while queue:
        at, path = queue.popleft()
        point = course.points[at]
        if isinstance(point, Asked) and goal(point):
            return (*path, point.key)
        for fact, then in following(point):
            if then not in seen and not passes(course, at, fact):
                seen.add(then)
                queue.append((then, (*path, *step_of(point, fact))))
    return None


def is_at(key: str) -> Callable[[Asked], bool]:
    """Being the request of this key."""
    return lambda asked: asked.key == key


def step_of(point: object, fact: Fact | None) -> tuple[str, ...]:
    """One step of a path in words: a request, or an answer that decides. That nothing failed is not worth a word."""
    if isinstance(point, Asked):
        return (point.key,)
    return () if fact is None else words((fact,))


def words(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Answers as people read them."""
    return tuple(
        f"{question} is {given}" if not question.endswith(FAILS) else f"{question} with {given}"
        for question, given in facts
        if not (question.endswith(FAILS) and given == "no")
    )


def yes_at(gates: Iterable[str]) -> Callable[[Course, int, Fact | None], bool]:
    """Passing one of these gates: somebody said yes there."""
    held = frozenset(gates)
    return lambda _course, _at, fact: fact is not None and fact[0] in held and fact[1] in YES


def approvals(course: Course) -> tuple[str, ...]:
    """The keys of the gates at which somebody says yes or no."""
    return tuple(key for key, asked in course.requests.items() if asked.role == "approval")


def most(course: Course, counts: Callable[[Asked], bool]) -> tuple[int, tuple[str, ...]]:
    """How many such requests a path makes at most, and which they are there."""
    below: dict[int, tuple[int, int | None]] = {}
    for at in range(len(course.points) - 1, -1, -1):
        point = course.points[at]
        best, then = max(((below[then][0], then) for _, then in following(point)), default=(0, None))
        below[at] = best + (isinstance(point, Asked) and counts(point)), then
    path: list[str] = []
    place: int | None = 0
    while place is not None:
        point = course.points[place]
        if isinstance(point, Asked) and counts(point):
            path.append(point.key)
        place = below[place][1]
    return below[0][0], tuple(path)


def after(course: Course) -> dict[str, set[str]]:
    """For every request those that may be made after it."""
    below: dict[int, set[str]] = {}
    found: dict[str, set[str]] = {}
    for at in range(len(course.points) - 1, -1, -1):
        point = course.points[at]
        here = set[str]().union(*(below[then] for _, then in following(point)))
        if isinstance(point, Asked):
            found.setdefault(point.key, set()).update(here)
            here = here | {point.key}
        below[at] = here
    return found


def questions_below(course: Course) -> list[frozenset[str]]:
    """For every place the questions that may be asked from there on."""
    below: list[frozenset[str]] = [frozenset()] * len(course.points)
    for at in range(len(course.points) - 1, -1, -1):
        point = course.points[at]
        here = frozenset[str]().union(*(below[then] for _, then in following(point)))
        below[at] = here | {point.question} if isinstance(point, Looked) else here
    return below
