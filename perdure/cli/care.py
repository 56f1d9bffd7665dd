"""Verbs that look after the installation and the database: doctor, db."""

from __future__ import annotations

import importlib.metadata
import os
import platform
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
    """Look for what is wrong: here, in the database, in a run."""
    found, damage = [_python(), _sqlite(), _bytecode(), _models(), _mcp(), _agents()], False
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


def _sqlite() -> Finding:
    """SQLite could lose a commit when one process reset the log while another was writing to it."""
    from sqlite3 import sqlite_version_info as version

    text = ".".join(map(str, version))
    if (3, 7, 0) <= version <= (3, 51, 2) and version not in ((3, 44, 6), (3, 50, 7)):
        more = "a rare race of two processes on the write-ahead log is mended in 3.51.3, 3.50.7 and 3.44.6"
        return Finding("SQLite", "warn", f"{text}: {more}; take a newer one when you can")
    return Finding("SQLite", "ok", text)


def _bytecode() -> Finding:
    if sys.dont_write_bytecode:
        return Finding("bytecode", "warn", "PYTHONDONTWRITEBYTECODE is set: every start compiles every module anew")
    return Finding("bytecode", "ok", "cached")


def _models() -> Finding:
    return _library("models", "litellm", "ask a Model: pip install 'perdure[models]'")


def _mcp() -> Finding:
    needed = "give a Model servers of tools, and to be one: pip install 'perdure[mcp]'"
    return _library("servers of tools", "mcp", needed)


def _library(what: str, package: str, needed: str) -> Finding:
    """What an extra brings, by what its package says: to load it may take seconds."""
    try:
        return Finding(what, "ok", f"{package} {importlib.metadata.version(package)}")
    except importlib.metadata.PackageNotFoundError:
        return Finding(what, "ok", f"not installed, and needed to {needed}")


def _agents() -> Finding:
    """Nobody needs all of them, so that one is missing is not wrong."""
    import anyio

    from perdure.cli.agents import look_for_all

    here = [f"{each.agent} {each.version or '?'}" for each in anyio.run(look_for_all) if each.path is not None]
    said = ", ".join(here) or "none installed"
    return Finding("coding agents", "ok", f"{said}; perdure agents says more, perdure agents --fake tries each")


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


@attrs.frozen
class _File:
    """What is known of a database without opening it: an old one is not migrated by looking."""

    path: str
    exists: bool
    schema_version: int | None
    known_schema: int
    size: int | None

    @classmethod
    def at(cls, path: Path) -> _File:
        """Read the file's header, if there is one: bytes 60 to 63 are the schema's number."""
        from perdure.interpreters.durable.database import SCHEMA

        if not path.is_file():
            return cls(str(path), False, None, SCHEMA, None)
        with path.open("rb") as file:
            head = file.read(64)
        ours = head.startswith(b"SQLite format 3\0")
        return cls(str(path), True, int.from_bytes(head[60:64]) if ours else None, SCHEMA, path.stat().st_size)

    @property
    def tree(self) -> dict[str, object]:
        return attrs.asdict(self)


@command("perdure db path")
def path(common: Common) -> None:
    """Print where the database is, or will be: one line, for scripts."""
    common.tell("db", _File.at(common.path).tree, str(common.path), ["perdure db status"] if common.json else [])


@command("perdure db status")
def status(common: Common) -> None:
    """Say which schema the database has, and which this perdure knows."""
    file = _File.at(common.path)
    text = f"{file.path}: schema {file.schema_version} (known: {file.known_schema}), {file.size or 0:,} bytes"
    if not file.exists:
        text = f"{file.path} does not exist yet; the first run makes it"
    behind = file.schema_version is not None and file.schema_version < file.known_schema
    common.tell("db", file.tree, text, ["perdure db upgrade" if behind else "perdure doctor"])


@command("perdure db upgrade")
def upgrade(common: Common) -> None:
    """Make the database, or migrate it after a copy beside it."""
    from perdure.interpreters.durable.database import open_database

    open_database(common.path).close()
    file = _File.at(common.path)
    common.tell("db", file.tree, f"{file.path} has schema {file.schema_version}", ["perdure ps"])


for _each in (path, status, upgrade):
    db.add_command(_each)
