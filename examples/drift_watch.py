"""A watch that looks every night whether a folder is still as a person approved it, and tells of what is not.

Its agent is a rule and needs no key; with `-a live=true` a real one stands in its place, and nothing else changes.
Whether something has drifted the program decides: an agent only says what that may mean. Between two nights there is
no process; a watch that slept through its night looks as soon as it is resumed.

    perdure run examples/drift_watch.py:drift_watch -a folder=/etc/ssh
    perdure approve @last
    perdure resume @last
"""

import hashlib
from datetime import timedelta
from pathlib import Path

import attrs

from perdure import (
    Agent,
    Approved,
    Denied,
    Do,
    Effect,
    Fault,
    Model,
    Scripted,
    StepFault,
    approval,
    ask,
    fallback,
    pure,
    step,
    workflow,
)
from perdure.components import drift_detector

NIGHT = timedelta(days=1)


@attrs.frozen
class Drift:
    """How a folder differs from what was approved: a line for each file."""

    drifted: bool
    what: str


@attrs.frozen
class NotApproved(Fault):
    """There is nothing to hold the folder to."""

    by: str
    note: str


def explain(prompt: str) -> str:
    return "Somebody else may log in now." if "authorized_keys" in prompt else "No rule knows what this means."


OFFLINE = Scripted("explainer", explain)
#: A model, and no coding agent: it reads the names of files, and can look into none of them.
LIVE = Model("anthropic/claude-sonnet-4-5")


@step
def look(folder: str) -> str:
    """A line for each file, with a digest of what is in it: what is recorded every night tells no secret."""
    root = Path(folder)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    return "\n".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(root)}" for file in files)


def digests(lines: str) -> dict[str, str]:
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines.splitlines())}


@step
def compare(approved: str, found: str) -> Drift:
    was, now = digests(approved), digests(found)
    what = [
        *(f"- added: {name}" for name in now if name not in was),
        *(f"- removed: {name}" for name in was if name not in now),
        *(f"- changed: {name}" for name in now if name in was and now[name] != was[name]),
    ]
    return Drift(bool(what), "\n".join(what))


@step
def tell(report: str, what: str, meaning: str) -> str:
    """Here a real watch would page somebody. To tell it twice is to tell it once: the file is the same."""
    Path(report).write_text(f"{what}\n\n{meaning}\n")
    return report


def alerted(drift: Drift, explainer: Agent, report: str) -> Effect[str, StepFault]:
    """Tell people of a drift, and what it may mean; without that, where the agent is down."""
    meaning = ask("explain", explainer, f"In one sentence, what may this change of a folder mean?\n\n{drift.what}")
    return fallback(meaning, pure("Nobody was there to say what it means.")).bind(
        lambda text: tell(report, drift.what, text)
    )


@workflow
def drift_watch(
    folder: str, report: str = "drift.md", nights: int = 30, live: bool = False
) -> Do[Drift, StepFault | NotApproved]:
    approved = yield from look(folder)
    match (yield from approval("approve-baseline", prompt=f"Is {folder} as it should be?", show=approved)):
        case Denied(by=by, note=note):
            raise NotApproved(by, note)
        case Approved():
            explainer = LIVE if live else OFFLINE
            return (
                yield from drift_detector(
                    approved,
                    look(folder),
                    compare,
                    lambda drift: alerted(drift, explainer, report),
                    every=NIGHT,
                    rounds=nights,
                )
            )
