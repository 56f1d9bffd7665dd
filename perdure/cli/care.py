"""Verbs that look after the installation and the database: doctor, db."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import click

from perdure.cli import completion, printing
from perdure.cli.common import Common, command, options
from perdure.cli.exits import Exit
from perdure.cli.looking import Record
from perdure.interpreters.durable.errors import Corrupt, DurableError

if TYPE_CHECKING:
    from perdure.interpreters.durable.adapters.worker import Onlooker

Verdict: TypeAlias = Literal["ok", "warn", "bad"]


@attrs.frozen
class Finding:
    """One thing that was looked at. `warn` may go wrong one day; `bad` is wrong now."""

    what: str
    verdict: Verdict
    detail: str


@command("perdure doctor\nperdure doctor @last")
@click.argument("run_id", metavar="RUN", required=False, shell_complete=completion.runs)
def doctor(common: Common, run_id: str | None) -> Exit:
    """Look for what is wrong here, in the database, and in one run's records."""
    found, damage = [_python(), _sqlite(sqlite3.sqlite_version_info), _bytecode()], False
    if not os.path.lexists(common.path):
        found.append(Finding("database", "ok", f"{common.path} does not exist yet; the first run makes it"))
        if run_id is not None:
            common.require()
    else:
        try:
            with common.look() as looker:
                found += _database(looker)
                if run_id is not None:
                    record = Record.of(looker, run_id)
                    damage = record.damage is not None
                    said = str(record.damage) if damage else f"{len(record.entries)} entries, each follows the last"
                    found.append(Finding(f"run {record.run.run_id}", "bad" if damage else "ok", said))
        except Corrupt as error:
            damage = True
            found.append(Finding("database", "bad", str(error)))
        except DurableError as error:
            if run_id is not None:
                raise
            found.append(Finding("database", "bad", str(error)))
    findings = [attrs.asdict(each) for each in found]
    rows = [[each.verdict, each.what, each.detail] for each in found]
    text = "\n".join(
        f"{printing.state(verdict, 4)}  {printing.line(what)}: {printing.line(detail, 1000)}"
        for verdict, what, detail in rows
    )
    bad = any(each.verdict == "bad" for each in found)
    common.tell("doctor", {"healthy": not bad, "findings": findings}, text, ["perdure ps"])
    return Exit.CORRUPT if damage else Exit.FAILED if bad else Exit.DONE


def _python() -> Finding:
    import perdure.interpreters.durable.database as database

    known = f"Python {platform.python_version()} on {platform.system()}; schema {database.SCHEMA}"
    return Finding("environment", "ok" if sys.platform in ("linux", "darwin") else "warn", known)


def _sqlite(version: tuple[int, ...]) -> Finding:
    """SQLite could lose a commit when one process reset the log while another was writing to it."""
    text = ".".join(map(str, version))
    if (3, 7, 0) <= version <= (3, 51, 2) and version not in ((3, 44, 6), (3, 50, 7)):
        more = "a rare race of two processes on the write-ahead log is mended in 3.51.3, 3.50.7 and 3.44.6"
        return Finding("SQLite", "warn", f"{text}: {more}; take a newer one when you can")
    return Finding("SQLite", "ok", text)


def _bytecode() -> Finding:
    if sys.dont_write_bytecode:
        return Finding("bytecode", "warn", "PYTHONDONTWRITEBYTECODE is set: every start compiles every module anew")
    return Finding("bytecode", "ok", "cached")


def _database(looker: Onlooker) -> Iterator[Finding]:
    path, mode = looker.path, looker.path.stat().st_mode & 0o777
    yield Finding("database", "ok", f"{path}, schema {looker.journal.schema_version()}")
    shared = "others may read what your runs recorded: chmod 600" if mode & 0o077 else "only its owner can read it"
    yield Finding("permissions", "warn" if mode & 0o077 else "ok", f"{mode:04o}: {shared}")
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        yield Finding("access", "warn", "read-only for you: runs can be looked at, and nothing can be recorded")
    wrong = looker.journal.integrity()
    yield Finding("integrity", "bad" if wrong else "ok", "; ".join(wrong[:5]) or "the file is sound")
    live, dead = _locks(looker)
    swept = ", swept away by the next worker" if dead else ""
    yield Finding("workers", "ok", f"{live} alive; {dead} locks of dead ones{swept}")


def _locks(looker: Onlooker) -> tuple[int, int]:
    locks = [path.stem for path in looker.path.with_name(f"{looker.path.name}.workers").glob("*.lock")]
    live = sum(looker.liveness.alive(owner) for owner in locks)
    return live, len(locks) - live


# -- db --------------------------------------------------------------------------------------------------------------


@click.group(params=options(), epilog="\b\nExample:\n  perdure db path")
def db() -> None:
    """See where the database is, and bring it up to date."""


def _facts(common: Common) -> dict[str, object]:
    """What is known of the file without opening it as ours: an old one is not migrated by looking."""
    path = common.path
    known: dict[str, object] = {"path": str(path), "exists": path.is_file(), "schema_version": None, "size": None}
    if path.is_file():
        known["size"] = path.stat().st_size
        known["schema_version"] = _schema(path)
    return known


def _schema(path: Path) -> int | None:
    """The number in the file's header (bytes 60 to 63, big-endian)."""
    head = path.read_bytes()[:64] if path.stat().st_size < 1024 else path.open("rb").read(64)
    return int.from_bytes(head[60:64]) if head.startswith(b"SQLite format 3\0") else None


@command("perdure db path")
def path(common: Common) -> None:
    """Print where the database is, or will be."""
    common.tell("db", _facts(common), str(common.path), [] if not common.json else ["perdure db status"])


@command("perdure db status")
def status(common: Common) -> Exit:
    """Say which schema the database has, and which this perdure knows."""
    from perdure.interpreters.durable.database import SCHEMA

    known = _facts(common)
    if not known["exists"]:
        text = f"{known['path']} does not exist yet; the first run makes it"
    else:
        text = (
            f"{known['path']}: schema {known['schema_version']}, this perdure knows {SCHEMA}, {known['size']:,} bytes"
        )
    behind = known["schema_version"] is not None and int(str(known["schema_version"])) < SCHEMA
    next = "perdure db upgrade" if behind else "perdure doctor"
    common.tell("db", {**known, "known_schema": SCHEMA}, text, [next])
    return Exit.DONE


@command("perdure db upgrade")
def upgrade(common: Common) -> None:
    """Make the database, or migrate it after a copy beside it."""
    from perdure.interpreters.durable.database import SCHEMA, open_database

    open_database(common.path).close()
    known = {**_facts(common), "known_schema": SCHEMA}
    common.tell("db", known, f"{known['path']} has schema {known['schema_version']}", ["perdure ps"])


for _each in (path, status, upgrade):
    db.add_command(_each)
