"""How two versions of a workflow differ in what they do; nothing where the one is a refactoring of the other.

Both are walked side by side, an answer given in one given in the other as well, so that it does not matter in which
order they look, how often, or in which function. Keys are identity; what cannot be told by a name is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

import attrs

from perdure.interpreters.plan import courses
from perdure.interpreters.plan.changes import (
    Added,
    Change,
    CompensationRemoved,
    ConditionChanged,
    Differs,
    EndChanged,
    GatePassedBy,
    GateRemoved,
    MoreOften,
    Moved,
    PriceChanged,
    Removed,
    Renamed,
)
from perdure.interpreters.plan.survey import YES, Asked, Course, Ended, Looked, Point, Survey
from perdure.interpreters.plan.walk import Facts, Split, name_of, other_traits, scope_of, walk

_MOST_RENAMES: Final = 100


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
    found = [walk(a, b) for a, b in pairs]
    changes: list[Change] = [*renamed]
    for (a, b), walked in zip(pairs, found, strict=True):
        changes += [*_requests(a, b), *walked.traits, *_unpaired(a, b, walked.paired), *_repeated(a, b)]
    for (a, b), walked in zip(pairs, found, strict=True):
        changes += [change for split in walked.splits for change in _split(a, b, split)]
        changes += _passed_by(a, b)
    if not changes:  # what only one version can be answered leads nowhere in the walk
        changes += [change for a, b in pairs for change in _other_answers(a, b)]
    if old.usd != new.usd:
        changes.append(PriceChanged(new.workflow, old.usd, new.usd, new.unpriced))
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


# -- renames ---------------------------------------------------------------------------------------------------------


def _aligned(old: Survey, new: Survey) -> tuple[Survey, list[Change]]:
    """The old version with the new names, and what was renamed for that."""
    renamed: list[Change] = []
    for _ in range(_MOST_RENAMES):
        found = walk(old.calm, new.calm).renamed or walk(old.failing, new.failing).renamed
        if found is None:
            break
        rename = _rename(*found, _keys(old), _keys(new))
        old = attrs.evolve(old, calm=_under(old.calm, rename), failing=_under(old.failing, rename))
        renamed.append(rename)
    return old, renamed


def _keys(seen: Survey) -> frozenset[str]:
    return frozenset((*seen.calm.requests, *seen.failing.requests))


def _rename(old: str, new: str, before: Collection[str], now: Collection[str]) -> Renamed:
    """The rename that a resume can be told: by one name, where it means nothing else, or by a whole key."""
    a, b = old, new
    while name_of(a) == name_of(b) and a.count("/") == b.count("/") and scope_of(a):
        a, b = scope_of(a), scope_of(b)
    one, other = name_of(a), name_of(b)
    plain = scope_of(a) == scope_of(b) and "#" not in one + other
    stays = any(_inside(key, a) for key in now) or any(_inside(key, b) for key in before)
    elsewhere = any(_mentions(key, one) and not _inside(key, a) for key in before)
    return (
        Renamed(a, b, f"{one}={other}") if plain and not stays and not elsewhere else Renamed(old, new, f"{old}={new}")
    )


def _inside(key: str, scope: str) -> bool:
    return key == scope or key.startswith((f"{scope}/", f"{scope}#"))


def _mentions(key: str, name: str) -> bool:
    return any(part.partition("#")[0] == name for part in key.split("/"))


def _under(course: Course, rename: Renamed) -> Course:
    """A course in which a key, or a scope with all occurrences, is called otherwise, wherever it is mentioned."""
    old, new = rename.key, rename.new
    alone = "#" if "/" in rename.option or "#" in rename.option else ""
    mention = re.compile(rf"(?<![\w.%~/#-]){re.escape(old)}(?![\w%~{alone}-])")

    def put(text: str) -> str:
        return mention.sub(lambda _: new, text)

    def renamed(point: Point) -> Point:
        match point:
            case Asked():
                key = put(point.key)
                return attrs.evolve(point, key=key, name=name_of(key).partition("#")[0], asked=put(point.asked))
            case Looked():
                return attrs.evolve(point, question=put(point.question))
            case Ended():
                return attrs.evolve(point, what=put(point.what))

    return Course(tuple(map(renamed, course.points)), course.unsure)


# -- changes ---------------------------------------------------------------------------------------------------------


def _unpaired(old: Course, new: Course, paired: set[str]) -> Iterator[Change]:
    """Requests that both make, and that the walk did not meet together."""
    for key, asked in new.requests.items():
        if key in old.requests and key not in paired:
            yield from other_traits(old.requests[key], asked)


def _requests(old: Course, new: Course) -> Iterator[Change]:
    for key, asked in old.requests.items():
        if key not in new.requests:
            yield _removed(asked, old, new)
    for key, asked in new.requests.items():
        if key not in old.requests:
            yield Added(key, _words(asked))


def _removed(asked: Asked, old: Course, new: Course) -> Change:
    if asked.role == "approval":
        return GateRemoved(asked.key, tuple(key for key in new.requests if asked.key in _needed(old, key)))
    return (CompensationRemoved if asked.takes_back else Removed)(asked.key, _words(asked))


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


def _split(old: Course, new: Course, split: Split) -> Iterator[Change]:
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
        yield EndChanged(_workflow_of(new), _path(split.facts), a.what, b.what)
    else:
        yield Differs(_workflow_of(new), _path(split.facts), _said(a), _said(b))


def _conditions(course: Course, key: str, other: Collection[str]) -> str:
    """The answers that are given on all paths to a request, but for those of requests that only one version makes."""
    facts = [fact for fact in sorted(course.when[key]) if not any(_about(fact[0], each) for each in other)]
    return " and ".join(courses.words(facts))


def _other_answers(old: Course, new: Course) -> Iterator[Change]:
    """Questions that can be answered otherwise."""
    before, now = _answers(old), _answers(new)
    for question in sorted(before.keys() & now.keys()):
        if before[question] != now[question]:
            yield Differs(_workflow_of(new), question, *(" | ".join(sorted(each[question])) for each in (before, now)))


def _answers(course: Course) -> dict[str, set[str]]:
    """The answers to every question of which all were followed."""
    found: dict[str, set[str]] = {}
    partly = set[str]()
    for point in course.points:
        if isinstance(point, Looked):
            found.setdefault(point.question, set()).update(point.answers)
            partly |= {point.question} if point.missing else set()
    return {question: given for question, given in found.items() if question not in partly}


def _about(question: str, key: str) -> bool:
    return re.search(rf"(?<![\w./#%~-]){re.escape(key)}(?![\w/#%~-])", question) is not None


def _workflow_of(course: Course) -> str:
    return next(iter(course.requests), "").partition("/")[0] or "the workflow"


def _path(facts: Facts) -> str:
    return ", ".join(courses.words(facts)) or "always"


def _said(point: Point) -> str:
    match point:
        case Asked():
            return point.key
        case Looked():
            return f"looks at {point.question}"
        case Ended():
            return f"ends with {point.what}"
