"""Two courses, walked side by side: what is given as an answer in one is given in the other as well.

So it does not matter in which order the two look, how often, or at what that decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

from perdure.interpreters.plan import courses
from perdure.interpreters.plan import facts as known_facts
from perdure.interpreters.plan.changes import Change, Changed
from perdure.interpreters.plan.survey import Asked, Course, Ended, Fact, Looked, Point

#: How many places the walk looks at before it says that it saw no further.
_MOST_STATES: Final = 20_000

Facts: TypeAlias = tuple[Fact, ...]


@attrs.frozen
class Split:
    """Where the two go different ways, after the same requests and answers."""

    facts: Facts
    old: Point
    new: Point


@attrs.define
class Walked:
    """What the walk found: other traits, the pairs it saw, where the two part, and a pair that looks like a rename."""

    traits: list[Change] = attrs.field(factory=list[Change])
    paired: set[str] = attrs.field(factory=set[str])
    splits: list[Split] = attrs.field(factory=list["Split"])
    unsure: list[str] = attrs.field(factory=list[str])
    renamed: tuple[str, str] | None = None


def walk(old: Course, new: Course) -> Walked:
    """Walk two courses side by side, as far as they go together."""
    walked = Walked()
    gone, come = old.requests.keys() - new.requests.keys(), new.requests.keys() - old.requests.keys()
    asks_below = courses.questions_below(old), courses.questions_below(new)
    queue: deque[tuple[int, int, Facts]] = deque([(0, 0, ())])
    seen = set[tuple[int, int, frozenset[Fact]]]()
    while queue:
        i, j, facts = queue.popleft()
        matter = asks_below[0][i] | asks_below[1][j]
        state = i, j, frozenset(fact for fact in facts if fact[0] in matter)
        if state in seen:
            continue
        seen.add(state)
        if len(seen) > _MOST_STATES:
            walked.unsure.append(f"the versions were compared at {_MOST_STATES} places, and no further")
            break
        a, b = old.points[i], new.points[j]
        if isinstance(a, Looked):
            queue += ((then, j, known) for then, known in _answered(a, facts))
        elif isinstance(b, Looked):
            queue += ((i, then, known) for then, known in _answered(b, facts))
        elif isinstance(a, Asked) and isinstance(b, Asked) and a.key == b.key:
            walked.paired.add(a.key)
            walked.traits += other_traits(a, b)
            queue.append((a.then, b.then, facts))
        elif isinstance(a, Asked) and isinstance(b, Asked) and a.key in gone and b.key in come and _alike(a, b):
            walked.renamed = walked.renamed or (a.key, b.key)
            queue.append((a.then, b.then, facts))
        elif isinstance(a, Asked) and a.key in gone:
            queue.append((a.then, j, facts))
        elif isinstance(b, Asked) and b.key in come:
            queue.append((i, b.then, facts))
        elif not _cut(a, b) and not (isinstance(a, Ended) and a == b):
            walked.splits.append(Split(facts, a, b))
    return walked


def _answered(point: Looked, facts: Facts) -> list[tuple[int, Facts]]:
    """Where a question leads: by the answer that was given already or follows, else by each.

    Nowhere, where that answer can only be given in the other version.
    """
    known = known_facts.answer(point.question, facts)
    if known is None:
        return [(then, (*facts, (point.question, given))) for given, then in point.answers.items()]
    return [(point.answers[known], facts)] if known in point.answers else []


def _cut(*points: Point) -> bool:
    return any(isinstance(point, Ended) and point.how == "cut" for point in points)


def _alike(a: Asked, b: Asked) -> bool:
    """The same request under another name: in the same scope, or under the same name in another one."""
    return a.shape == b.shape and (scope_of(a.key) == scope_of(b.key) or name_of(a.key) == name_of(b.key))


def scope_of(key: str) -> str:
    """The key of the scope that a request is in."""
    return key.rpartition("/")[0]


def name_of(key: str) -> str:
    """The last segment of a key."""
    return key.rpartition("/")[2]


def other_traits(a: Asked, b: Asked) -> Iterator[Change]:
    """What is declared or asked otherwise by the same request."""
    for name in dict.fromkeys((*a.traits, *b.traits)):
        if a.traits.get(name) != b.traits.get(name):
            yield Changed(b.key, name, a.traits.get(name, ""), b.traits.get(name, ""))
    if a.asked != b.asked:
        yield Changed(b.key, "prompt" if b.role == "ask" else "input", a.asked, b.asked)
