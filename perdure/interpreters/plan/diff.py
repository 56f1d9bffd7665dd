"""How two versions of a workflow differ in what they do; nothing where the one is a refactoring of the other.

Both are walked side by side, an answer given in one given in the other as well, so that it does not matter in which
order they look, how often, or in which function. Keys are identity; what cannot be told by a name is never left out.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from perdure.interpreters.plan import courses
from perdure.interpreters.plan import facts as known_facts
from perdure.interpreters.plan.changes import (
    Added,
    Change,
    Changed,
    ConditionChanged,
    Differs,
    EndChanged,
    GatePassedBy,
    GateRemoved,
    MoreOften,
    Moved,
    Removed,
    Renamed,
)
from perdure.interpreters.plan.survey import YES, Asked, Course, Ended, Fact, Looked, Point, Survey

#: How many places the walk looks at before it says that it saw no further.
_MOST_STATES: Final = 20_000
_MOST_RENAMES: Final = 100

_Facts: TypeAlias = tuple[Fact, ...]


@attrs.frozen
class Difference:
    """What differs between two versions.

    Attributes:
        changes: One by one, in the order of the new version.
        unsure: Why there may be more; empty where both were seen whole.
    """

    changes: tuple[Change, ...]
    unsure: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)


def difference(old: Survey, new: Survey) -> Difference:
    """What the new version does otherwise.

    Example:
        >>> from perdure import approval, pure
        >>> from perdure.interpreters.plan.survey import survey
        >>> gate = survey(approval("publish"))
        >>> difference(gate, survey(approval("publish").bind(pure))).changes
        ()
        >>> [change.said for change in difference(gate, survey(pure(None))).changes]
        ['approval removed', 'ends otherwise (always): Success(<publish>) → Success(None)']
    """
    old, renamed = _aligned(old, new)
    pairs = [(old.calm, new.calm), (old.failing, new.failing)]
    found = [_walked(a, b) for a, b in pairs]
    changes: list[Change] = [*renamed]
    for (a, b), walked in zip(pairs, found, strict=True):
        changes += [*_requests(a, b), *walked.traits, *_unpaired(a, b, walked.paired), *_repeated(a, b)]
    for (a, b), walked in zip(pairs, found, strict=True):
        changes += [change for split in walked.splits if not split.impossible for change in _split(a, b, split)]
        changes += _passed_by(a, b)
    if not changes and any(walked.splits for walked in found):
        split = next(split for walked in found for split in walked.splits)
        changes.append(Differs(new.workflow, _path(split.facts), _said(split.old), _said(split.new)))
    unsure = (*old.unsure, *new.unsure, *(why for walked in found for why in walked.unsure))
    return Difference(tuple(_told_once(changes)), tuple(dict.fromkeys(unsure)))


def _told_once(changes: Iterable[Change]) -> Iterator[Change]:
    """Each change once; of ends that differ alike, the one with the shortest path, which came first."""
    told = set[object]()
    for change in changes:
        same = (change.old, change.new) if isinstance(change, (EndChanged, Differs)) else change
        if same not in told:
            told.add(same)
            yield change


# -- the walk --------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Split:
    """Where the two go different ways, after the same requests and answers.

    `impossible`: one looks at an answer that the other cannot get, or that was not followed there.
    """

    facts: _Facts
    old: Point
    new: Point
    impossible: bool = False


@attrs.define
class _Walked:
    """What the walk found: other traits, the pairs it saw, where the two part, and a pair that looks like a rename."""

    traits: list[Change] = attrs.field(factory=list[Change])
    paired: set[str] = attrs.field(factory=set[str])
    splits: list[_Split] = attrs.field(factory=list["_Split"])
    unsure: list[str] = attrs.field(factory=list[str])
    renamed: tuple[str, str] | None = None


def _walked(old: Course, new: Course) -> _Walked:
    walked = _Walked()
    gone, come = old.requests.keys() - new.requests.keys(), new.requests.keys() - old.requests.keys()
    asks_below = courses.questions_below(old), courses.questions_below(new)
    queue: deque[tuple[int, int, _Facts]] = deque([(0, 0, ())])
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
            ways = _answered(a, facts)
            queue += ((then, j, known) for then, known in ways)
            walked.splits += [] if ways or a.missing else [_Split(facts, a, b, impossible=True)]
        elif isinstance(b, Looked):
            ways = _answered(b, facts)
            queue += ((i, then, known) for then, known in ways)
            walked.splits += [] if ways or b.missing else [_Split(facts, a, b, impossible=True)]
        elif isinstance(a, Asked) and isinstance(b, Asked) and a.key == b.key:
            walked.paired.add(a.key)
            walked.traits += _other_traits(a, b)
            queue.append((a.then, b.then, facts))
        elif isinstance(a, Asked) and isinstance(b, Asked) and a.key in gone and b.key in come and _alike(a, b):
            walked.renamed = walked.renamed or (a.key, b.key)
            queue.append((a.then, b.then, facts))
        elif isinstance(a, Asked) and a.key in gone:
            queue.append((a.then, j, facts))
        elif isinstance(b, Asked) and b.key in come:
            queue.append((i, b.then, facts))
        elif not _cut(a, b) and not (isinstance(a, Ended) and a == b):
            walked.splits.append(_Split(facts, a, b))
    return walked


def _answered(point: Looked, facts: _Facts) -> list[tuple[int, _Facts]]:
    """Where a question leads: by the answer that was given already or follows, else by each."""
    known = known_facts.answer(point.question, facts)
    if known is None:
        return [(then, (*facts, (point.question, given))) for given, then in point.answers.items()]
    return [(point.answers[known], facts)] if known in point.answers else []


def _cut(*points: Point) -> bool:
    return any(isinstance(point, Ended) and point.how == "cut" for point in points)


def _alike(a: Asked, b: Asked) -> bool:
    """The same request under another name: in the same scope, or under the same name in another one."""
    return _what(a) == _what(b) and (_scope(a.key) == _scope(b.key) or _last(a.key) == _last(b.key))


def _what(asked: Asked) -> tuple[str | None, ...]:
    return tuple(asked.traits.get(name) for name in ("kind", "output", "structure"))


def _scope(key: str) -> str:
    return key.rpartition("/")[0]


def _last(key: str) -> str:
    return key.rpartition("/")[2]


def _other_traits(a: Asked, b: Asked) -> Iterator[Change]:
    other = [name for name in dict.fromkeys((*a.traits, *b.traits)) if a.traits.get(name) != b.traits.get(name)]
    for name in other:
        if name != "structure" or "output" not in other:
            yield Changed(b.key, name, a.traits.get(name, ""), b.traits.get(name, ""))
    if a.asked != b.asked:
        yield Changed(b.key, "prompt" if b.role == "ask" else "input", a.asked, b.asked)


def _unpaired(old: Course, new: Course, paired: set[str]) -> Iterator[Change]:
    """Requests that both make, and that the walk did not meet together."""
    for key, asked in new.requests.items():
        if key in old.requests and key not in paired:
            yield from _other_traits(old.requests[key], asked)


# -- renames ---------------------------------------------------------------------------------------------------------


def _aligned(old: Survey, new: Survey) -> tuple[Survey, list[Change]]:
    """The old version with the new names, and what was renamed for that."""
    renamed: list[Change] = []
    for _ in range(_MOST_RENAMES):
        found = _walked(old.calm, new.calm).renamed or _walked(old.failing, new.failing).renamed
        if found is None:
            break
        before, now = _shortened(*found, [course.requests for course in (old.calm, old.failing, new.calm, new.failing)])
        old = attrs.evolve(old, calm=_under(old.calm, before, now), failing=_under(old.failing, before, now))
        renamed.append(Renamed(before, now))
    return old, renamed


def _shortened(old: str, new: str, keys: Sequence[Collection[str]]) -> tuple[str, str]:
    """Where only a scope's name differs, the scope: as long as all in it moved along."""
    a, b = old, new
    while _last(a) == _last(b) and _scope(a) and a.count("/") == b.count("/"):
        up, there = _scope(a), _scope(b)
        if any(key.startswith(f"{up}/") for key in (*keys[2], *keys[3])):
            break
        if any(key.startswith(f"{there}/") for key in (*keys[0], *keys[1])):
            break
        a, b = up, there
    return a, b


def _under(course: Course, old: str, new: str) -> Course:
    """A course in which a key, or a scope, is called otherwise, wherever it is mentioned."""
    mention = re.compile(rf"(?<![\w.%~/#-]){re.escape(old)}(?![\w%~-])")

    def put(text: str) -> str:
        return mention.sub(lambda _: new, text)

    def renamed(point: Point) -> Point:
        match point:
            case Asked():
                key = put(point.key)
                return attrs.evolve(point, key=key, name=_last(key).partition("#")[0], asked=put(point.asked))
            case Looked():
                return attrs.evolve(point, question=put(point.question))
            case Ended():
                return attrs.evolve(point, what=put(point.what))

    return Course(tuple(map(renamed, course.points)), course.unsure)


# -- changes ---------------------------------------------------------------------------------------------------------


def _requests(old: Course, new: Course) -> Iterator[Change]:
    for key, asked in old.requests.items():
        if key not in new.requests:
            bare = tuple(k for k in new.requests if key in _needed(old, k)) if asked.role == "approval" else ()
            yield GateRemoved(key, bare) if asked.role == "approval" else Removed(key, _words(asked))
    for key, asked in new.requests.items():
        if key not in old.requests:
            yield Added(key, _words(asked))


def _words(asked: Asked) -> str:
    agents = asked.traits.get("agents", "")
    return f"{asked.role}{f' {agents}' if agents else ''} -> {asked.traits.get('output', 'None')}"


def _needed(course: Course, key: str) -> frozenset[str]:
    """The gates at which somebody said yes on every path to a request."""
    gates = set(courses.approvals(course))
    return frozenset(gate for gate, given in course.when.get(key, ()) if gate in gates and given in YES)


def _passed_by(old: Course, new: Course) -> Iterator[Change]:
    """Requests that can now be reached without a yes that they needed."""
    before, now = courses.approvals(old), courses.approvals(new)
    for key in new.requests:
        if key not in old.requests:
            continue
        needed = _needed(old, key)
        told = False
        for gate in sorted(needed - _needed(new, key)):
            path = courses.shortest(new, courses.is_at(key), courses.yes_at([gate]))
            if gate in new.requests and path is not None:
                told = True
                yield GatePassedBy(key, gate, ", ".join(path))
        # Where each path had its own gate, as in rounds of a loop, none is on all of them.
        if not told and not needed and courses.shortest(old, courses.is_at(key), courses.yes_at(before)) is None:
            path = courses.shortest(new, courses.is_at(key), courses.yes_at(now))
            if path is not None:
                yield GatePassedBy(key, "any gate", ", ".join(path))


def _repeated(old: Course, new: Course) -> Iterator[Change]:
    """`once` steps that one path makes more often than before."""
    names = {asked.name: key for key, asked in new.requests.items() if asked.traits.get("repeat") == "once"}
    for name, key in names.items():
        before, now = (courses.most(course, _named(name))[0] for course in (old, new))
        if 0 < before < now:
            yield MoreOften(key, before, now)


def _named(name: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.name == name


def _split(old: Course, new: Course, split: _Split) -> Iterator[Change]:
    """What it is that goes another way: a condition, the order, the end, or something without a better name.

    After an answer of an added or removed request the ways part anyhow; there only what has nothing to do with that
    request is told.
    """
    other = old.requests.keys() ^ new.requests.keys()
    a, b = split.old, split.new
    found: list[Change] = []
    for point in (a, b):
        if isinstance(point, Asked) and point.key in old.requests and point.key in new.requests:
            before, now = (_conditions(course, point.key, other) for course in (old, new))
            if before != now:
                found.append(ConditionChanged(point.key, before, now))
    if not found and isinstance(a, Asked) and isinstance(b, Asked):
        then_old, then_new = courses.after(old), courses.after(new)
        if b.key in then_old.get(a.key, ()) and a.key in then_new.get(b.key, ()):
            found.append(Moved(a.key, b.key))
    yield from found
    if found or any(_about(question, key) for question, _ in split.facts for key in other):
        return
    if isinstance(a, Ended) and isinstance(b, Ended):
        yield EndChanged(_scope_of(new), _path(split.facts), a.what, b.what)
    else:
        yield Differs(_scope_of(new), _path(split.facts), _said(a), _said(b))


def _conditions(course: Course, key: str, other: Collection[str]) -> str:
    """The answers that are given on all paths to a request, but for those of requests that only one version makes."""
    facts = [fact for fact in sorted(course.when[key]) if not any(_about(fact[0], each) for each in other)]
    return " and ".join(courses.words(facts))


def _about(question: str, key: str) -> bool:
    return re.search(rf"(?<![\w./#%~-]){re.escape(key)}(?![\w/#%~-])", question) is not None


def _scope_of(course: Course) -> str:
    return next(iter(course.requests), "").partition("/")[0] or "the workflow"


def _path(facts: _Facts) -> str:
    return ", ".join(courses.words(facts)) or "always"


def _said(point: Point) -> str:
    match point:
        case Asked():
            return point.key
        case Looked():
            return f"looks at {point.question}"
        case Ended():
            return f"ends with {point.what}"
