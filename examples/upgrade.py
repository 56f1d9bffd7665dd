"""An upgrade of a dependency: one server first, then the others one by one, and all of it taken back if one is unwell.

Its agent is a rule and needs no key; with `-a live=true` a real one stands in its place, and nothing else changes. It
reads the release notes; where they break something, a person is asked. Whether a server is well the program decides.

    mkdir fleet && echo 'lib==1.0' > fleet/lock.txt && echo 'Faster.' > fleet/notes.txt
    perdure run examples/upgrade.py:upgrade -a folder=fleet -a wanted=lib==2.0
    perdure resume @last
"""

from datetime import timedelta
from pathlib import Path

import attrs

from perdure import (
    Agent,
    Denied,
    Do,
    Effect,
    Fault,
    Model,
    Scripted,
    StepFault,
    approval,
    ask,
    fail,
    for_each,
    pure,
    sleep,
    step,
    workflow,
)
from perdure.components import compensate, saga

CANARY, OTHERS = "canary", ("eu", "us")
SOAK = timedelta(hours=1)


@attrs.frozen
class Risk:
    """What the release notes say: whether something that worked may no longer work."""

    breaking: bool
    why: str


@attrs.frozen
class Refused(Fault):
    by: str
    note: str


@attrs.frozen
class Unwell(Fault):
    server: str
    errors: int


def assess(prompt: str) -> Risk:
    notes = prompt.partition("\n\n")[2].strip()
    return Risk("removed" in notes.lower(), notes)


OFFLINE: Agent = Scripted("assessor", assess)
LIVE: Agent = Model("anthropic/claude-sonnet-4-5")


@step
def read(folder: str, name: str) -> str:
    return Path(folder, name).read_text().strip()


@step
def put(folder: str, name: str, version: str) -> None:
    """Here a real upgrade would write a lock file, or deploy. To put it twice is to put it once."""
    Path(folder, name).write_text(f"{version}\n")


@step
def errors(folder: str, server: str) -> int:
    """How many requests the server has failed: here a file, which is not there while there are none."""
    file = Path(folder, f"{server}.errors")
    return int(file.read_text()) if file.exists() else 0


def changed(folder: str, name: str, was: str, wanted: str) -> Effect[None, StepFault]:
    """The wanted version, and how to go back."""
    return compensate(put(folder, name, wanted), lambda _: put(folder, name, was))


@workflow
def deployed(folder: str, server: str, was: str, wanted: str) -> Do[str, StepFault | Unwell]:
    """A server that has the wanted version, and was well with it for a while."""
    yield from changed(folder, f"{server}.txt", was, wanted)
    yield from sleep(SOAK)
    failed = yield from errors(folder, server)
    return (yield from fail(Unwell(server, failed)) if failed else pure(server))


@workflow
def rolled_out(folder: str, was: str, wanted: str) -> Do[list[str], StepFault | Unwell]:
    yield from changed(folder, "lock.txt", was, wanted)
    first = yield from deployed(folder, CANARY, was, wanted)
    others = yield from for_each(OTHERS, lambda server: deployed(folder, server, was, wanted), key=str, limit=1)
    return [first, *others]


@workflow
def upgrade(folder: str, wanted: str, live: bool = False) -> Do[list[str], StepFault | Refused | Unwell]:
    was = yield from read(folder, "lock.txt")
    notes = yield from read(folder, "notes.txt")
    assessor = LIVE if live else OFFLINE
    risk = yield from ask("assess", assessor, f"May these changes break a program that uses it?\n\n{notes}", Risk)
    if risk.breaking:
        decision = yield from approval("approve-risk", prompt=f"Upgrade {was} to {wanted}?", show=risk.why)
        if isinstance(decision, Denied):
            raise Refused(decision.by, decision.note)
    return (yield from saga(rolled_out(folder, was, wanted)))
