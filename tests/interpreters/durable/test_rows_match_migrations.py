from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import attrs
import pytest
from sqlalchemy import create_engine

from perdure.interpreters.durable import ports, rows
from perdure.interpreters.durable.database import SCHEMA, open_database


def schema(raw: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Every table, index and trigger with its text, white space aside."""
    found = raw.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(kind, name): " ".join(sql.split()) for kind, name, sql in found if name != "alembic_version"}


def test_the_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    open_database(tmp_path / "migrated.db").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    rows.METADATA.create_all(engine)
    engine.dispose()

    with (
        contextlib.closing(sqlite3.connect(tmp_path / "migrated.db")) as migrated,
        contextlib.closing(sqlite3.connect(tmp_path / "models.db")) as models,
    ):
        assert schema(migrated) == schema(models)
        assert {kind for kind, _ in schema(migrated)} == {"table", "index", "trigger"}


def test_the_last_migration_has_the_number_of_the_schema() -> None:
    versions = Path(rows.__file__).parent / "migrations" / "versions"

    numbers = sorted(int(file.name[:4]) for file in versions.glob("[0-9]*.py"))

    assert numbers == list(range(1, SCHEMA + 1))


@pytest.mark.parametrize(
    ("table", "value"), [(rows.RUNS, ports.Run), (rows.GATES, ports.Gate), (rows.SIGNALS, ports.SignalRow)]
)
def test_a_row_is_its_value_column_for_attribute(table: object, value: type) -> None:
    assert list(table.c.keys()) == [field.name for field in attrs.fields(value)]  # type: ignore[attr-defined]


def test_a_journal_row_is_the_run_and_the_entry() -> None:
    assert list(rows.JOURNAL.c.keys()) == ["run_id", *ports.Entry._fields]


def test_the_tables_leave_a_users_own_tables_alone() -> None:
    from sqlmodel import Field, SQLModel

    class Runs(SQLModel, table=True):
        __tablename__ = "runs"
        id: int = Field(primary_key=True)

    assert SQLModel.metadata.tables["runs"] is not rows.RUNS


def test_what_is_said_to_the_database_is_what_the_tables_say() -> None:
    from perdure.interpreters.durable import statements, texts

    written = {name: value for name, value in vars(texts).items() if name.isupper()}
    assert written == statements.texts(), "run: python -m perdure.interpreters.durable.statements > …/durable/texts.py"
