"""Rules of a house for its workflows, held against every path before anything runs.

They stand in pyproject.toml, under `[[tool.perdure.policy]]`. A gate counts as passed only where somebody said yes.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

import attrs

from perdure.interpreters.plan import courses
from perdure.interpreters.plan.changes import dollars
from perdure.interpreters.plan.leaf import Role
from perdure.interpreters.plan.survey import YES, Asked, Course, Fact, Survey

_ROLES: Final = frozenset[str](get_args(Role))
#: What `most` counts, and which requests that is.
_COUNTED: Final[Mapping[str, frozenset[str]]] = {
    "asks": frozenset({"ask"}),
    "people": frozenset({"approval", "answer"}),
    "steps": frozenset({"step"}),
}
_DOLLARS: Final = "dollars"
_KEYS: Final = ("name", "steps", "needs", "never-before", "most")


class BadPolicy(ValueError):
    """A policy that cannot be read: the message says which, why, and what was probably meant."""


@attrs.frozen
class Selector:
    """Which requests are meant: `deploy*` by name or key, `approval` by role, `approval:review*` by both.

    Example:
        >>> str(Selector.of("approval:review*")), Selector.of("deploy*").role
        ('approval:review*', '')
    """

    role: str
    pattern: str

    @classmethod
    def of(cls, text: str) -> Selector:
        head, mark, rest = text.partition(":")
        if mark:
            if head not in _ROLES:
                raise BadPolicy(f"{text!r}: no role is called {head!r}{_meant(head, _ROLES)}")
            return cls(head, rest)
        return cls(text, "*") if text in _ROLES else cls("", text)

    def __str__(self) -> str:
        return self.pattern if not self.role else self.role if self.pattern == "*" else f"{self.role}:{self.pattern}"

    def matches(self, asked: Asked) -> bool:
        if self.role and asked.role != self.role:
            return False
        return fnmatch.fnmatchcase(asked.name, self.pattern) or fnmatch.fnmatchcase(asked.key, self.pattern)

    def passed(self, course: Course, at: int, fact: Fact | None) -> bool:
        """Whether such a request is done with at a place: a gate by a yes, any other by being made."""
        if fact is not None:
            asked = course.requests.get(fact[0])
            return asked is not None and asked.role == "approval" and fact[1] in YES and self.matches(asked)
        point = course.points[at]
        return isinstance(point, Asked) and point.role != "approval" and self.matches(point)


@attrs.frozen
class Policy:
    """One rule.

    Attributes:
        name: In people's words; a violation begins with it.
        steps: The requests that it is about; of `needs` and `never_before`.
        needs: What must be passed before them, on every path.
        never_before: What must not come after them, on any path.
        most: How many asks, steps or people there may be on one path, and what it may cost in US dollars.
    """

    name: str
    steps: Selector | None = None
    needs: Selector | None = None
    never_before: Selector | None = None
    most: Mapping[str, float] = {}


@attrs.frozen
class Violation:
    """A policy that does not hold, and the shortest path that shows it."""

    policy: str
    said: str
    path: tuple[str, ...]


@attrs.frozen
class Verdict:
    """How a workflow stands to the policies.

    Attributes:
        violations: What does not hold.
        unproved: The names of the policies that held on all that was seen, which was not all.
    """

    violations: tuple[Violation, ...] = ()
    unproved: tuple[str, ...] = ()


def read(tables: Any) -> tuple[Policy, ...]:  # Any: whatever a person wrote
    """The policies of `[[tool.perdure.policy]]`.

    Raises:
        BadPolicy: A key is unknown, missing or of the wrong kind.

    Example:
        >>> read([{"name": "seen", "steps": "deploy*", "need": "approval"}])
        Traceback (most recent call last):
        ...
        perdure.interpreters.plan.policy.BadPolicy: policy 'seen' has no key 'need': did you mean 'needs'?
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadPolicy("policies are tables, each under [[tool.perdure.policy]]")
    return tuple(_policy(table, number) for number, table in enumerate(tables, start=1))


def judge(policies: Iterable[Policy], seen: Survey) -> Verdict:
    """Hold policies against every path of a workflow."""
    violations: list[Violation] = []
    unproved: list[str] = []
    for policy in policies:
        found = _too_dear(policy, seen) or _broken(policy, seen.calm) or _broken(policy, seen.failing)
        if found is not None:
            violations.append(found)
        elif seen.unsure:
            unproved.append(policy.name)
    return Verdict(tuple(violations), tuple(unproved))


def _too_dear(policy: Policy, seen: Survey) -> Violation | None:
    """A price that is over the limit, or that may be: what nobody knows is not taken for little."""
    limit = policy.most.get(_DOLLARS)
    if limit is None or (seen.usd.max is not None and seen.usd.max <= limit):
        return None
    if seen.usd.max is None and seen.usd.min <= limit:
        unknown = ", ".join(seen.unpriced) or f"{seen.workflow}, of which not all was seen,"
        return Violation(policy.name, f"nobody knows what {unknown} costs, and ${limit:g} are allowed", seen.unpriced)
    return Violation(policy.name, f"it may cost {dollars(seen.usd)}, and ${limit:g} are allowed", ())


def _broken(policy: Policy, course: Course) -> Violation | None:
    for what, limit in policy.most.items():
        if what == _DOLLARS:
            continue
        count, counted = courses.most(course, _counted(what))
        if count > limit:
            return Violation(policy.name, f"up to {count} {what} on one path, and {limit:g} are allowed", counted)
    if policy.steps is not None and policy.needs is not None:
        path = courses.shortest(course, policy.steps.matches, policy.needs.passed)
        if path is not None:
            return Violation(policy.name, f"{path[-1]} is reached without {_passing(policy.needs)}", path)
    if policy.steps is not None and policy.never_before is not None:
        return _too_early(policy, policy.steps, policy.never_before, course)
    return None


def _too_early(policy: Policy, steps: Selector, later: Selector, course: Course) -> Violation | None:
    """A path on which a request comes first, and what should have come before it only then."""
    ahead = courses.after(course)
    for key, asked in course.requests.items():
        if not steps.matches(asked):
            continue
        late = next((k for k in ahead[key] if k != key and later.matches(course.requests[k])), None)
        path = courses.shortest(course, courses.is_at(key), later.passed)
        if late is not None and path is not None:
            return Violation(policy.name, f"{key} comes before {late}", (*path, late))
    return None


def _counted(what: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.role in _COUNTED[what]


def _passing(selector: Selector) -> str:
    return f"a yes at {selector}" if selector.role == "approval" else f"{selector} before it"


# -- reading ---------------------------------------------------------------------------------------------------------


def _policy(table: Mapping[str, Any], number: int) -> Policy:
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise BadPolicy(f"policy {number} has no name: say in a few words what it promises")
    for key in table:
        if key not in _KEYS:
            raise BadPolicy(f"policy {name!r} has no key {key!r}{_meant(key, _KEYS)}")
    selectors = {key: _selector(table, name, key) for key in ("steps", "needs", "never-before")}
    most = _limits(table.get("most", {}), name)
    if not most and not selectors["needs"] and not selectors["never-before"]:
        raise BadPolicy(f"policy {name!r} asks for nothing: give it needs, never-before, or most")
    if bool(selectors["steps"]) is not bool(selectors["needs"] or selectors["never-before"]):
        raise BadPolicy(f"policy {name!r}: `steps` says what `needs` and `never-before` are about; give both")
    return Policy(name, selectors["steps"], selectors["needs"], selectors["never-before"], most)


def _selector(table: Mapping[str, Any], name: str, key: str) -> Selector | None:
    if key not in table:
        return None
    text = table[key]
    if not isinstance(text, str) or not text:
        raise BadPolicy(f'policy {name!r}: {key} = {text!r} is no pattern, such as "deploy*" or "approval:review*"')
    try:
        return Selector.of(text)
    except BadPolicy as error:
        raise BadPolicy(f"policy {name!r}: {key} = {error}") from None


def _limits(table: Any, name: str) -> Mapping[str, float]:
    if not isinstance(table, Mapping):
        raise BadPolicy(f"policy {name!r}: most = {table!r} is no table, such as {{ asks = 10 }}")
    for what, limit in table.items():
        if what not in (*_COUNTED, _DOLLARS):
            raise BadPolicy(f"policy {name!r}: most counts no {what!r}{_meant(what, (*_COUNTED, _DOLLARS))}")
        if type(limit) not in ((int, float) if what == _DOLLARS else (int,)) or not limit >= 0:
            raise BadPolicy(f"policy {name!r}: most {what} = {limit!r} is no limit of them")
    return dict(table)


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), 1)
    return f": did you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(known))}"
