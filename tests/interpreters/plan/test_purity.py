"""What a workflow depends on besides arguments and replies is found with its line and mend; what is clean is not."""

from __future__ import annotations

import gc
import inspect
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import reference_workflows
from mutations import PRELUDE, WORKFLOWS, call

from perdure import Do, pure, workflow
from perdure.core import codec
from perdure.core.effect import Call
from perdure.core.explore import explore
from perdure.core.leaves import parameters_of
from perdure.interpreters.durable.adapters import places
from perdure.interpreters.durable.errors import Unusable
from perdure.interpreters.plan import purity
from perdure.interpreters.plan.rules import Finding
from perdure.interpreters.plan.watch import Watch
from perdure.interpreters.plan.witness import Question, witnessed
from perdure.testing import assert_deterministic

ROOT = Path(__file__).parents[3]

HEAD = """
import functools, hashlib, itertools, json, logging, os, random, secrets, socket, subprocess, sys, tempfile
import threading, time, uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import attrs

import perdure
from perdure import Do, Scripted, ask, for_each, loop, parallel, pure, sleep, step, workflow

fast = Scripted("fast", {})


@step
def say(text: str) -> str:
    return text


@step
def keep(names: frozenset[str]) -> int:
    return len(names)


@attrs.frozen
class Group:
    names: frozenset[str]


@step
def send(group: Group) -> int:
    return 1
"""


def body(lines: str) -> str:
    """A file with one workflow, of which the last line of the body says something."""
    return f"{HEAD}\n\n@workflow\ndef flow(n: int) -> Do[object]:\n{lines}\n    return (yield from say(f'{{x}}'))\n"


@attrs.frozen
class Impure:
    """What is done, the rule that finds it, what is said, and what mends it."""

    lines: str
    rule: str
    said: str
    mend: str


CLOCK, DICE, IO = "use now()", "draw it in a step", "do it in a step"
NAMES = "{'ants', 'bees', 'wasps', 'flies', 'moths'}"

IMPURE: Mapping[str, Impure] = {
    "time.time": Impure("    x = time.time()  # here", "hidden-clock", "time.time() in the body of flow", CLOCK),
    "datetime.now": Impure("    x = datetime.now(UTC)  # here", "hidden-clock", "datetime.now() in", CLOCK),
    "date.today": Impure("    x = date.today()  # here", "hidden-clock", "date.today() in", CLOCK),
    "monotonic": Impure("    x = time.monotonic_ns()  # here", "hidden-clock", "time.monotonic_ns() in", CLOCK),
    "time.sleep": Impure("    x = time.sleep(0)  # here", "hidden-clock", "stand still", "use sleep("),
    "random.random": Impure("    x = random.random()  # here", "hidden-dice", "random.random() in", DICE),
    "random.choice": Impure("    x = random.choice([1, 2, 3])  # here", "hidden-dice", "random.choice() in", DICE),
    "a generator without a seed": Impure(
        "    x = random.Random().random()  # here", "hidden-dice", "random.Random() in", DICE
    ),
    "uuid4": Impure("    x = uuid.uuid4()  # here", "hidden-dice", "uuid.uuid4() in", DICE),
    "urandom": Impure("    x = os.urandom(4)  # here", "hidden-dice", "os.urandom() in", DICE),
    "secrets": Impure("    x = secrets.token_hex()  # here", "hidden-dice", "secrets.token_hex() in", DICE),
    "open": Impure("    x = open(__file__).close()  # here", "hidden-io", "open() in", IO),
    "read_text": Impure("    x = len(Path(__file__).read_text())  # here", "hidden-io", "Path.read_text() in", IO),
    "listdir": Impure("    x = len(os.listdir('.'))  # here", "hidden-io", "os.listdir() in", IO),
    "exists": Impure("    x = os.path.exists('.')  # here", "hidden-io", "os.path.exists() in", IO),
    "getcwd": Impure("    x = len(os.getcwd())  # here", "hidden-io", "os.getcwd() in", IO),
    "socket": Impure("    x = socket.socket().close()  # here", "hidden-io", "socket.socket() in", IO),
    "subprocess": Impure("    x = subprocess.run(['true']).returncode  # here", "hidden-io", "subprocess.run() in", IO),
    "a thread": Impure(
        "    x = threading.Thread(target=int).start()  # here", "hidden-io", "threading.Thread.start() in", IO
    ),
    "os.environ": Impure(
        "    x = os.environ.get('LANG')  # here", "hidden-environment", "os.environ in", "as an argument"
    ),
    "getenv": Impure("    x = os.getenv('LANG')  # here", "hidden-environment", "os.getenv() in", "as an argument"),
    "a set is walked through": Impure(
        f"    for x in {NAMES}:  # here\n        yield from say(x)", "set-order", "the order of the set", "use sorted("
    ),
    "a set with a name": Impure(
        f"    names = {NAMES}\n    for x in names | {{'x'}}:  # here\n        yield from say(x)",
        "set-order",
        "the order of the set names | {'x'} is another in every process",
        "use sorted(names | {'x'})",
    ),
    "a small set": Impure("    x = list({'ants', 'bees'})  # here", "set-order", "the order of the set", "use sorted("),
    "a set in a prompt": Impure(
        f"    names = frozenset({NAMES})\n    x = yield from ask('look', fast, f'Of {{names}}')  # here",
        "set-order",
        "the order of the set names is",
        "use sorted(names)",
    ),
    "items by a set": Impure(
        f"    names = {NAMES}\n    x = yield from for_each(names, say)  # here",
        "set-order",
        "the order of the set names is",
        "use sorted(names)",
    ),
    "hash": Impure("    x = hash('bees')  # here", "hidden-hash", "hash() in the body of flow", "hashlib"),
    "the time zone": Impure(
        "    x = datetime(2020, 1, 1, tzinfo=UTC).astimezone().hour",
        "not-deterministic",
        "flow/say is asked",
        "on arguments and replies alone",
    ),
}

#: What is outside of the body, and the whole of it.
OUTSIDE: Mapping[str, Impure] = {
    "a counter of the module": Impure(
        body("    x = next(COUNTER)  # here").replace("@workflow", "COUNTER = itertools.count()\n\n\n@workflow"),
        "hidden-state",
        "it changes COUNTER",
        "keep it in a local variable",
    ),
    "a list of the module": Impure(
        body("    SEEN.append(n)  # here\n    x = len(SEEN)").replace("@workflow", "SEEN = []\n\n\n@workflow"),
        "hidden-state",
        "it changes SEEN",
        "keep it in a local variable",
    ),
    "an attribute of a class": Impure(
        body("    Seen.count += 1  # here\n    x = Seen.count").replace(
            "@workflow", "class Seen:\n    count = 0\n\n\n@workflow"
        ),
        "hidden-state",
        "it changes Seen",
        "keep it in a local variable",
    ),
    "a helper of the module": Impure(
        body("    x = helper()").replace("@workflow", "def helper():\n    return time.time()  # here\n\n\n@workflow"),
        "hidden-clock",
        "time.time() in the body of flow",
        CLOCK,
    ),
    "a function given to bind": Impure(
        body("    x = yield from pure(1).bind(lambda k: pure(k + random.random()))  # here"),
        "hidden-dice",
        "random.random() in the body of flow",
        DICE,
    ),
    "an inner workflow": Impure(
        body("    x = yield from inner()").replace(
            "@workflow\ndef flow",
            "@workflow\ndef inner() -> Do[str]:\n    yield from say('a')\n"
            "    return (yield from say(str(uuid.uuid4())))  # here\n\n\n@workflow\ndef flow",
        ),
        "hidden-dice",
        "uuid.uuid4() in the body of inner",
        DICE,
    ),
    "an async workflow": Impure(
        f"{HEAD}\n\n@workflow\nasync def flow(n: int) -> str:\n    await say('a')\n"
        "    return await say(str(date.today()))  # here\n",
        "hidden-clock",
        "date.today() in the body of flow",
        CLOCK,
    ),
    "only after a failure": Impure(
        f"{HEAD}\n\n@workflow\ndef flow(n: int) -> Do[str]:\n"
        "    return (yield from say('a').lash(lambda error: say(str(time.time()))))  # here\n",
        "hidden-clock",
        "time.time() in the body of flow",
        CLOCK,
    ),
}

EVERY = {**{name: attrs.evolve(each, lines=body(each.lines)) for name, each in IMPURE.items()}, **OUTSIDE}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of a module outlives its file."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("perdure_file_"):
            del sys.modules[name]


#: What only other processes can see: the others would be found in one as well, which is faster.
ELSEWHERE = ("set-order", "hidden-hash", "not-deterministic")


def findings_here(file: Path) -> tuple[Finding, ...]:
    """What the two processes would find, found in this one."""
    target = places.Target(f"{file}:flow", str(file.parent))
    question = Question(target.text, target.folder, '{"n":1}', 1000, "watched")
    watched, twice = witnessed(question), witnessed(attrs.evolve(question, how="twice"))
    return purity.findings(places.load(target).fn, watched, twice)


def findings(file: Path, name: str = "flow", arguments: str | None = '{"n":1}') -> tuple[Finding, ...]:
    target = places.Target(f"{file}:{name}", str(file.parent))
    with purity.looking(target, places.load(target).fn, arguments) as found:
        return found()


@pytest.mark.parametrize("name", EVERY)
def test_what_a_workflow_depends_on_is_found_with_its_line_and_what_mends_it(name: str, tmp_path: Path) -> None:
    each, file = EVERY[name], tmp_path / "flows.py"
    file.write_text(each.lines)
    here = [n for n, line in enumerate(each.lines.splitlines(), start=1) if line.endswith("# here")]

    (found,) = findings(file) if each.rule in ELSEWHERE else findings_here(file)

    assert found.rule == each.rule
    assert found.where == (f"flows.py:{here[0]}" if here else "flow/say")
    assert each.said in found.said
    assert each.mend in found.mend


CLEAN: Mapping[str, str] = {
    "a sorted set": f"    for x in sorted({NAMES}):\n        yield from say(x)",
    "a set that is asked whether it has something": f"    x = 'bees' in {NAMES}",
    "a set as an argument": f"    x = yield from keep(frozenset({NAMES}))",
    "a set in an argument": f"    x = yield from send(Group(frozenset({NAMES})))",
    "a set that is counted": f"    x = len({NAMES}) + sum(len(name) for name in {NAMES})",
    "a set of numbers": "    for x in {3, 1, 2}:\n        yield from say(str(x))",
    "a generator with a seed": "    x = random.Random(3).random()",
    "a digest": "    x = hashlib.sha256(b'bees').hexdigest()",
    "a name from a name": "    x = uuid.uuid5(uuid.NAMESPACE_DNS, 'bees')",
    "time that was given": "    x = (yield from perdure.now()) + timedelta(days=1)",
    "a moment that is written down": "    x = datetime(2030, 1, 1, tzinfo=UTC).isoformat() + str(date(2030, 1, 1))",
    "a moment that is read": "    x = datetime.strptime('2030', '%Y')",
    "paths that are joined": "    x = os.path.join('a', 'b') + str(Path('a') / 'b')",
    "a message": "    logging.getLogger('flows').warning('hello')\n    x = 1",
    "an import": "    import wave\n    x = wave.__name__",
    "JSON": "    x = json.dumps({'b': 1, 'a': [json.loads('3')]})",
    "a memo": "    x = memo(3) + memo(3)",
    "printing": "    print('hello')\n    x = 1",
    "a hash that decides nothing": "    x = 1 if hash('bees') else 2",
    "an address that is shown": "    x = yield from pure(object()).map(lambda _: 1)",
}


def test_what_is_clean_has_no_finding(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    flows = [
        f"@workflow\ndef flow_{n}(n: int) -> Do[object]:\n{lines}\n    return (yield from say(f'{{x}}'))\n"
        for n, lines in enumerate(CLEAN.values())
    ]
    every = ", ".join(f"flow_{n}(n)" for n in range(len(flows)))
    whole = f"@workflow\ndef flow(n: int) -> Do[object]:\n    return (yield from parallel({every}))\n"
    memo = "@functools.cache\ndef memo(n: int) -> int:\n    return n\n"
    file.write_text("\n\n".join([HEAD, memo, *flows, whole]))

    assert findings(file) == ()


def test_an_outcome_that_is_a_set_is_clean(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text(
        f"{HEAD}\n\n@workflow\ndef flow(n: int) -> Do[set[str]]:\n    yield from say('a')\n    return {NAMES}\n"
    )

    assert findings(file) == ()


@pytest.mark.parametrize("name", reference_workflows.REFERENCES)
def test_the_reference_workflows_are_clean(name: str) -> None:
    effect = reference_workflows.REFERENCES[name]
    assert isinstance(effect, Call)
    arguments = codec.dumps(parameters_of(effect.block.fn).encode(effect.args, effect.kwargs), Any)

    assert findings(Path(inspect.getfile(reference_workflows)), effect.block.name, arguments) == ()


@pytest.mark.parametrize(("file", "name"), [("ship.py", "ship"), ("tidy.py", "tidy")])
def test_the_examples_are_clean_for_any_input(file: str, name: str) -> None:
    assert findings(ROOT / "examples" / file, name, None) == ()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_in_workflows_as_people_write_them_nothing_is_seen(name: str) -> None:
    effect = call(PRELUDE + WORKFLOWS[name])

    with Watch() as watch:
        explore(effect, faults=True, max_paths=100)

    assert watch.deeds == ()


def test_what_steps_do_is_not_the_workflows(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text(
        body("    x = yield from read()").replace(
            "@workflow", "@step\ndef read() -> float:\n    return time.time() + random.random()\n\n\n@workflow"
        )
    )

    assert findings(file) == ()


def test_a_workflow_that_ends_the_process_is_told_with_its_last_words(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text(body("    x = os._exit(3)"))

    with pytest.raises(Unusable, match=r"flows\.py:flow ended the process that explored it \(3\)"):
        findings(file)


def test_what_a_garbage_collection_does_is_nobodys() -> None:
    class Closed:
        def __del__(self) -> None:
            time.time()

    @workflow
    def flow() -> Do[int]:
        Closed()  # goes at once
        cycle: list[object] = [Closed()]
        cycle.append(cycle)
        del cycle
        gc.collect()
        yield from pure(1)
        return 1

    gc.callbacks.append(reads_the_clock)
    try:
        with Watch() as watch:
            explore(flow())
    finally:
        gc.callbacks.remove(reads_the_clock)

    assert watch.deeds == ()


def reads_the_clock(*_: object) -> None:
    time.time()


def test_watching_leaves_the_profiler_as_it_was() -> None:
    def mine(*_: object) -> None: ...

    sys.setprofile(mine)
    try:
        with Watch():
            assert sys.getprofile() is not mine
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)


# -- in users' tests -------------------------------------------------------------------------------------------------


def test_assert_deterministic_passes_what_is_clean() -> None:
    assert_deterministic(reference_workflows.panel("Why?"))


def test_assert_deterministic_says_what_was_found_and_what_mends_it(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text(EVERY["time.time"].lines)
    block = places.load(places.Target(f"{file}:flow", str(tmp_path)))

    with pytest.raises(AssertionError) as failed:
        assert_deterministic(Call(block, (1,), {}))

    first, mend = str(failed.value).splitlines()
    assert first.startswith("hidden-clock  flows.py:")
    assert mend.startswith("  mend: use now()")
    assert os.fspath(tmp_path) not in first
