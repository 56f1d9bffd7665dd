"""Workflows as text, and edits of their text: what a run of the one meets when the other is deployed.

Every edit is made at every place where it can be made, so that a place before, at and behind the cursor is among them.
"""

from __future__ import annotations

import ast
import copy
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from perdure.core.effect import Call
from perdure.core.workflow import block_of

PRELUDE = """
from datetime import timedelta

import attrs

from perdure import (
    Approved, Denied, Do, Exhausted, Fault, Retry, Scripted, StepFault, TimedOut, approval, ask, compensate, fallback,
    for_each, loop, now, parallel, parallel_map, pure, race, retry, saga, scope, signal, sleep, step, suspend, timeout,
    workflow,
)


@attrs.frozen
class Draft:
    text: str
    good: bool


@attrs.frozen
class Refused(Fault):
    why: str


fast, careful = Scripted("fast", {}), Scripted("careful", {})


@step
def extra(n: int) -> int:
    return n


@step
def fetch(url: str) -> str:
    return url


@step
def count(n: int) -> int:
    return n


@step
def write(text: str) -> Draft:
    return Draft(text, True)


@step
def publish(text: str) -> str:
    return text


@step
def undo(text: str) -> None:
    return None
"""

WORKFLOWS: Mapping[str, str] = {
    "straight": """
@workflow
def flow(n: int) -> Do[str]:
    page = yield from fetch("home")
    draft = yield from ask("draft", fast, f"Write about {page}", Draft)
    yield from approval("ok", prompt="Good?", show=draft)
    more = yield from publish(draft.text)
    return more
""",
    "branching": """
@workflow
def flow(n: int) -> Do[str]:
    draft = yield from write("bees")
    if draft.good:
        first = yield from publish("good")
        return first
    match (yield from approval("review", prompt="Well?", show=draft.text)):
        case Approved():
            done = yield from publish(draft.text)
        case _:
            done = yield from fetch("elsewhere")
    last = yield from count(3)
    return done
""",
    "side by side": """
@workflow
def part(n: int) -> Do[int]:
    one = yield from count(n)
    two = yield from extra(one)
    return two


@workflow
def flow(n: int) -> Do[int]:
    pair = yield from parallel(part(1), part(2), suspend("how-many", int))
    page = yield from fetch("home")
    total = yield from count(pair[0])
    return total
""",
    "for each": """
@workflow
def summed(item: str) -> Do[str]:
    page = yield from fetch(item)
    said = yield from ask("sum-up", fast, f"Sum up {page}")
    return said


@workflow
def flow(n: int) -> Do[str]:
    start = yield from count(n)
    notes = yield from for_each(["a", "b", "c"], summed, key=lambda item: item)
    gate = yield from suspend("sure", bool)
    end = yield from publish("-".join(notes))
    return end
""",
    "rounds": """
@workflow
def improved(draft: Draft) -> Do[Draft, StepFault]:
    better = yield from ask("improve", fast, f"Improve {draft.text}", Draft)
    return better


@workflow
def flow(n: int) -> Do[str, StepFault | Exhausted[Draft]]:
    first = yield from write("start")
    best = yield from loop(first, improved, until=lambda draft: draft.good, rounds=3, name="tries")
    yield from suspend("publish", bool, prompt="Publish?", show=best.text)
    done = yield from publish(best.text)
    return done
""",
    "race": """
@workflow
def nag(n: int) -> Do[int]:
    yield from sleep(timedelta(days=1))
    page = yield from fetch("reminder")
    return 0


@workflow
def flow(n: int) -> Do[int]:
    start = yield from count(n)
    paid = yield from race(signal("paid", int), nag(start))
    if paid > 2:
        receipt = yield from publish("receipt")
    last = yield from extra(paid)
    return last
""",
    "saga": """
@workflow
def booked(n: int) -> Do[str, StepFault]:
    flight = yield from compensate(fetch("flight"), lambda got: undo(got))
    hotel = yield from compensate(publish("hotel"), lambda got: undo(got))
    sure = yield from suspend("sure", bool)
    if not sure:
        raise StepFault("booked", "nobody is sure", "")
    return hotel


@workflow
def flow(n: int) -> Do[str, StepFault]:
    start = yield from count(n)
    trip = yield from saga(booked(n))
    mailed = yield from publish(trip)
    return mailed
""",
    "signals and timers": """
@workflow
def flow(n: int) -> Do[int]:
    order = yield from signal("order", int)
    at = yield from now()
    yield from sleep(timedelta(hours=2))
    checked = yield from count(order)
    again = yield from signal("order", int)
    total = yield from extra(checked + again)
    return total
""",
    "scopes": """
@workflow
def inner(n: int) -> Do[Draft]:
    page = yield from fetch("inner")
    draft = yield from ask("draft", [fast, careful], f"About {page}", Draft)
    return draft


@workflow
def flow(n: int) -> Do[str]:
    one = yield from scope("first", inner(1))
    two = yield from inner(2)
    yield from approval("ok", prompt="Both?", show=[one.text, two.text])
    three = yield from scope("third", publish(one.text))
    return three
""",
    "ways around": """
@workflow
def flow(n: int) -> Do[str, StepFault]:
    page = yield from fallback(fetch("first"), publish("second"))
    draft = yield from retry(write(page), Retry(attempts=2))
    late = yield from timeout(ask("proof", fast, draft.text), timedelta(hours=1)).lash(lambda _: pure("late"))
    age = yield from suspend("age", int, prompt="How old?")
    kept = yield from publish(late)
    return kept
""",
}


@attrs.frozen
class Mutation:
    """An edit: `harmless` where no run may be refused for it, `renames` where a new name must be enough."""

    kind: str
    source: str
    harmless: bool = False
    renames: bool = False


KINDS: dict[str, tuple[Callable[[str], Iterator[str]], bool, bool]] = {}


def edit(*, harmless: bool = False, renames: bool = False) -> Callable[[Any], Any]:
    def keep(make: Callable[[str], Iterator[str]]) -> Callable[[str], Iterator[str]]:
        KINDS[make.__name__.replace("_", " ")] = make, harmless, renames
        return make

    return keep


def mutations(source: str) -> Iterator[Mutation]:
    """Every edit of a text, at every place."""
    for kind, (make, harmless, renames) in KINDS.items():
        for made in dict.fromkeys(make(source)):
            if made != source:
                yield Mutation(kind, made, harmless, renames)


@functools.lru_cache(maxsize=512)
def call(source: str) -> Call[Any, Any]:
    """The workflow of a text, called."""
    space: dict[str, Any] = {"__name__": "mutated"}
    exec(compile(source, "<mutated>", "exec", dont_inherit=True), space)
    blocks = [block for value in space.values() if (block := block_of(value)) is not None]
    return Call(blocks[-1], (5,), {})


# -- in the bodies of workflows, statement by statement --------------------------------------------------------------


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements that are in workflows, in their order."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(getattr(d, "id", "") == "workflow" for d in node.decorator_list):
            for inner in ast.walk(node):
                if isinstance(inner, (ast.FunctionDef, ast.If, ast.match_case)):
                    yield inner.body


def _at_each(source: str, change: Callable[[list[ast.stmt], int], bool]) -> Iterator[str]:
    """The text with a change at one statement, for each statement that can be changed."""
    tree = ast.parse(source)
    for n, body in enumerate(_bodies(tree)):
        for at in range(len(body)):
            other = copy.deepcopy(tree)
            if change(next(itertools.islice(_bodies(other), n, None)), at):
                yield ast.unparse(ast.fix_missing_locations(other))


def _asked(statement: ast.stmt) -> ast.YieldFrom | None:
    value = getattr(statement, "value", None)
    return value if isinstance(value, ast.YieldFrom) else None


def _statement(text: str) -> ast.stmt:
    return ast.parse(text).body[0]


def _expression(text: str, **parts: ast.expr) -> ast.expr:
    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parts.get(node.id, node)

    made = ast.parse(text, mode="eval").body
    filled = Fill().visit(made)
    assert isinstance(filled, ast.expr)
    return filled


def _inserted(text: str) -> Callable[[list[ast.stmt], int], bool]:
    def change(body: list[ast.stmt], at: int) -> bool:
        body.insert(at, _statement(text))
        return True

    return change


def _wrapped(text: str) -> Callable[[list[ast.stmt], int], bool]:
    def change(body: list[ast.stmt], at: int) -> bool:
        asked = _asked(body[at])
        if asked is None:
            return False
        body[at].value = _expression(text, it=asked.value)  # type: ignore[attr-defined]  # it has one: it is asked
        return True

    return change


@edit()
def insert_a_step(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("yield from extra(99)"))


@edit()
def insert_an_agent(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("yield from ask('idea', fast, 'Any idea?')"))


@edit()
def insert_a_gate(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("yield from approval('another', prompt='Really?')"))


@edit()
def insert_a_timer(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("yield from sleep(timedelta(minutes=5))"))


@edit()
def ask_for_the_time(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("yield from now()"))


@edit()
def remove_a_request(source: str) -> Iterator[str]:
    def change(body: list[ast.stmt], at: int) -> bool:
        if _asked(body[at]) is None:
            return False
        body[at].value = ast.Constant("gone")  # type: ignore[attr-defined]  # it has one: it is asked
        return True

    yield from _at_each(source, change)


@edit()
def swap_two_statements(source: str) -> Iterator[str]:
    def change(body: list[ast.stmt], at: int) -> bool:
        if at + 1 == len(body):
            return False
        body[at], body[at + 1] = body[at + 1], body[at]
        return True

    yield from _at_each(source, change)


@edit()
def ask_twice(source: str) -> Iterator[str]:
    def change(body: list[ast.stmt], at: int) -> bool:
        if _asked(body[at]) is None:
            return False
        body.insert(at, copy.deepcopy(body[at]))
        return True

    yield from _at_each(source, change)


@edit(renames=True)
def wrap_in_a_scope(source: str) -> Iterator[str]:
    yield from _at_each(source, _wrapped("(yield from scope('group', it))"))


@edit()
def put_beside_another(source: str) -> Iterator[str]:
    yield from _at_each(source, _wrapped("(yield from parallel(it, extra(98)))[0]"))


@edit()
def race_against_a_timer(source: str) -> Iterator[str]:
    yield from _at_each(source, _wrapped("(yield from timeout(it, timedelta(days=9)).lash(lambda _: pure(None)))"))


@edit(harmless=True)
def ask_by_bind(source: str) -> Iterator[str]:
    yield from _at_each(source, _wrapped("(yield from it.bind(pure))"))


@edit(harmless=True)
def insert_what_is_no_request(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("unused = yield from pure(1)"))


@edit()
def end_early(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("return 'early'"))


@edit()
def raise_a_bug(source: str) -> Iterator[str]:
    yield from _at_each(source, _inserted("raise ZeroDivisionError('a bug')"))


# -- in the text -----------------------------------------------------------------------------------------------------


def _each(source: str, pattern: str, new: str) -> Iterator[str]:
    """The text with one occurrence replaced, for each; the prelude's imports stay."""
    for found in re.finditer(pattern, source, re.MULTILINE):
        yield source[: found.start()] + found.expand(new) + source[found.end() :]


STEPS = ("extra", "fetch", "count", "write", "publish", "undo")


@edit(renames=True)
def rename_a_step(source: str) -> Iterator[str]:
    for name in STEPS:
        yield re.sub(rf"\b{name}\(", f"{name}_better(", source)


@edit(renames=True)
def rename_what_has_a_name(source: str) -> Iterator[str]:
    yield from _each(source, r'(ask|approval|suspend|signal|scope)\("([a-z-]+)"', r'\1("\2-again"')


@edit(renames=True)
def rename_an_inner_workflow(source: str) -> Iterator[str]:
    for name in ("part", "summed", "improved", "nag", "booked", "inner"):
        yield re.sub(rf"\b{name}\b(?=[(,)])", f"{name}_part", source)


@edit(renames=True)
def rename_the_workflow(source: str) -> Iterator[str]:
    yield source.replace("def flow(", "def river(")


@edit(harmless=True)
def change_a_prompt(source: str) -> Iterator[str]:
    yield from _each(source, r'f"([A-Z])', r'f"Please: \1')


@edit(harmless=True)
def change_an_argument(source: str) -> Iterator[str]:
    yield from _each(source, r'\b(fetch|publish|write)\("', r'\1("other ')


@edit(harmless=True)
def change_what_a_gate_says(source: str) -> Iterator[str]:
    yield from _each(source, r'prompt="', 'prompt="Say: ')


@edit(harmless=True)
def change_an_agent(source: str) -> Iterator[str]:
    yield from _each(source, r'(ask\("[a-z-]+"), (fast|\[fast, careful\])', r"\1, careful")


@edit(harmless=True)
def change_a_retry(source: str) -> Iterator[str]:
    yield from _each(source, r"^@step$", "@step(retry=Retry(attempts=4))")


@edit(harmless=True)
def change_a_time_limit(source: str) -> Iterator[str]:
    yield from _each(source, r"^@step$", "@step(timeout=timedelta(seconds=7), repeat='pure')")


@edit()
def never_repeat_a_step(source: str) -> Iterator[str]:
    yield from _each(source, r"^@step$", "@step(repeat='once')")


@edit(harmless=True)
def change_the_body_of_a_step(source: str) -> Iterator[str]:
    yield from _each(source, r"^    return (n|url|text)$", r"    return \1 + \1")


@edit(harmless=True)
def rename_an_output_class(source: str) -> Iterator[str]:
    yield source.replace("Draft", "Sketch")


@edit(harmless=True)
def give_an_output_field_a_default(source: str) -> Iterator[str]:
    yield source.replace("    good: bool", "    good: bool = True")


@edit(harmless=True)
def sleep_longer(source: str) -> Iterator[str]:
    yield from _each(source, r"timedelta\((days|hours)=(\d)\)", r"timedelta(\1=\g<2>0)")


@edit()
def change_a_version(source: str) -> Iterator[str]:
    yield from _each(source, r"^@step$", "@step(version='2')")


@edit()
def add_an_output_field(source: str) -> Iterator[str]:
    yield source.replace("    good: bool", "    good: bool\n    more: int = 0")


@edit()
def change_an_output_type(source: str) -> Iterator[str]:
    yield from _each(source, r"(ask\(.*), Draft\)", r"\1)")
    yield from _each(source, r'(suspend\("[a-z-]+"), (int|bool)', r"\1, str")
    yield from _each(source, r'signal\("([a-z]+)", int\)', r'signal("\1", float)')
    yield from _each(source, r"-> (int|str):\n    return (\w+)$", r"-> bool:\n    return True")


@edit()
def change_the_keys_of_the_items(source: str) -> Iterator[str]:
    yield source.replace("key=lambda item: item", "key=lambda item: f'item-{item}'")
    yield source.replace(", key=lambda item: item", "")
    yield source.replace('["a", "b", "c"]', '["x", "a", "b", "c"]')
    yield source.replace('["a", "b", "c"]', '["a", "c"]')


@edit()
def change_the_order_of_branches(source: str) -> Iterator[str]:
    yield source.replace("part(1), part(2)", "part(2), part(1)")
    yield source.replace('part(2), suspend("how-many", int)', 'suspend("how-many", int), part(2)')
    yield source.replace('signal("paid", int), nag(start)', 'nag(start), signal("paid", int)')


@edit()
def turn_a_condition(source: str) -> Iterator[str]:
    yield from _each(source, r"if (draft\.good|not sure|paid > 2):", r"if not (\1):")
    yield from _each(source, r"until=lambda draft: draft\.good", "until=lambda draft: not draft.good")
    yield from _each(source, r"case Approved\(\)", "case Denied()")
    yield from _each(source, r"paid > 2", "paid > 200")


@edit()
def change_the_rounds(source: str) -> Iterator[str]:
    yield source.replace("rounds=3", "rounds=1")
    yield source.replace("rounds=3", "rounds=9")


@edit()
def take_nothing_back(source: str) -> Iterator[str]:
    yield from _each(source, r"compensate\((\w+\(\"\w+\")\), lambda got: undo\(got\)\)", r"\1)")
    yield source.replace("saga(booked(n))", "booked(n)")
