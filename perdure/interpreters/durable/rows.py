"""The tables: what the database keeps of the values in `ports`, column for attribute, in the same order.

A migration makes them (`migrations/`), and a test holds that both say the same. The rules that not even a defect of
ours may break stand here as constraints and triggers.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Final

from sqlalchemy import DDL, BigInteger, CheckConstraint, Column, Index, Integer, Table, Text, event, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from perdure.interpreters.durable.ports import TERMINAL

#: Milliseconds and numbers: 64 bits everywhere.
Big: Final = BigInteger().with_variant(Integer(), "sqlite")

_ENDED: Final = ", ".join(f"'{status}'" for status in sorted(TERMINAL))


# Any: a class variable is a pydantic field and a column at once, and has neither's type.
def _text(**more: Any) -> Any:
    return Field(sa_column=Column(Text, nullable=False, **more))


def _text_or_none(**more: Any) -> Any:
    return Field(default=None, sa_column=Column(Text, nullable=True, **more))


def _big(**more: Any) -> Any:
    return Field(sa_column=Column(Big, nullable=False, autoincrement=False, **more))


def _big_or_none() -> Any:
    return Field(default=None, sa_column=Column(Big, nullable=True))


def _index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class _Rows(SQLModel, registry=registry()):
    """Ours alone: a program that uses SQLModel itself may have a table `runs` of its own."""


class MetaRow(_Rows, table=True):
    """What the database says of itself."""

    __tablename__ = "meta"
    __table_args__: ClassVar[Any] = ({"sqlite_strict": True},)

    key: str = _text(primary_key=True)
    value: str = _text()


class RunRow(_Rows, table=True):
    """A `Run`. Indexed is only what waits, so that a finished run costs its row and no more."""

    __tablename__ = "runs"
    __table_args__: ClassVar[Any] = (
        CheckConstraint(
            "status IN ('ready', 'running', 'parked', 'blocked', 'paused', 'succeeded', 'failed', 'cancelled', 'dead')",
            name="runs_status",
        ),
        _index("runs_key", "key", where="key IS NOT NULL", unique=True),
        _index("runs_due", "wake_at", where="status = 'parked' AND wake_at IS NOT NULL"),
        _index("runs_ready", "created_at", where="status = 'ready'"),
        _index("runs_lease", "lease_until", where="status = 'running'"),
        {"sqlite_strict": True},
    )

    run_id: str = _text(primary_key=True)
    workflow: str = _text()
    target: str = _text()
    folder: str = _text()
    input: str = _text()
    input_digest: str = _text()
    created_at: int = _big()
    code: str = _text()
    key: str | None = _text_or_none()
    parent_run: str | None = _text_or_none()
    parent_path: str | None = _text_or_none()
    status: str = _text()
    reason: str | None = _text_or_none()
    fence: int = _big()
    owner: str | None = _text_or_none()
    lease_until: int | None = _big_or_none()
    lease_epoch: str | None = _text_or_none()
    wake_at: int | None = _big_or_none()
    cancel: str | None = _text_or_none()
    claims: int = _big()
    progress: int = _big()
    outcome: str | None = _text_or_none()
    outcome_digest: str | None = _text_or_none()
    finished_at: int | None = _big_or_none()


class JournalRow(_Rows, table=True):
    """An `Entry`. Its key is where it lies in the file, and there is no other index: a commit writes few pages."""

    __tablename__ = "journal"
    __table_args__: ClassVar[Any] = (
        CheckConstraint("kind IN ('begin', 'end', 'wait', 'wake', 'void', 'note')", name="journal_kind"),
        {"sqlite_strict": True, "sqlite_with_rowid": False},
    )

    run_id: str = _text(primary_key=True)
    seq: int = _big(primary_key=True)
    kind: str = _text()
    path: str = _text()
    attempt: int = _big()
    fence: int = _big()
    at: int = _big()
    shape: str = _text()
    input: str = _text()
    payload: str = _text()
    digest: str = _text()
    previous: str = _text()


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", 'Field name "schema"', UserWarning)  # pydantic's own, long deprecated

    class GateRow(_Rows, table=True):
        """A `Gate`."""

        __tablename__ = "gates"
        __table_args__: ClassVar[Any] = (
            CheckConstraint("kind IN ('approval', 'answer', 'signal')", name="gates_kind"),
            CheckConstraint("status IN ('open', 'decided', 'expired', 'withdrawn')", name="gates_status"),
            CheckConstraint(
                "status <> 'decided' OR (answer IS NOT NULL AND decided_at IS NOT NULL)", name="gates_answer"
            ),
            _index("gates_open", "opened_at", where="status = 'open'"),
            {"sqlite_strict": True},
        )

        run_id: str = _text(primary_key=True)
        path: str = _text(primary_key=True)
        number: int = _big(primary_key=True)
        name: str = _text()
        kind: str = _text()
        prompt: str = _text()
        show: str = _text()
        schema: str = _text()  # type: ignore[assignment]  # hides pydantic's deprecated method
        subject: str = _text()
        opened_at: int = _big()
        status: str = _text()
        expires_at: int | None = _big_or_none()
        answer: str | None = _text_or_none()
        answer_digest: str | None = _text_or_none()
        by: str | None = _text_or_none()
        note: str | None = _text_or_none()
        via: str | None = _text_or_none()
        idem: str | None = _text_or_none()
        decided_at: int | None = _big_or_none()
        consumed: int | None = _big_or_none()


class InboxRow(_Rows, table=True):
    """A `SignalRow`: no reference to `runs`, for a message may come before its run."""

    __tablename__ = "signals"
    __table_args__: ClassVar[Any] = (
        _index("signals_idem", "run_id", "name", "idem", where="idem IS NOT NULL", unique=True),
        {"sqlite_strict": True},
    )

    run_id: str = _text(primary_key=True)
    name: str = _text(primary_key=True)
    number: int = _big(primary_key=True)
    payload: str = _text()
    at: int = _big()
    idem: str | None = _text_or_none()
    consumed: int | None = _big_or_none()
    refused: str | None = _text_or_none()


METADATA: Final = _Rows.metadata
META: Final[Table] = METADATA.tables["meta"]
RUNS: Final[Table] = METADATA.tables["runs"]
JOURNAL: Final[Table] = METADATA.tables["journal"]
GATES: Final[Table] = METADATA.tables["gates"]
SIGNALS: Final[Table] = METADATA.tables["signals"]


def _refuses(table: Table, name: str, when: str, why: str) -> None:
    """A trigger that lets a statement fail: `when` is its moment and condition, `why` what it says."""
    timing, _, condition = when.partition(" IF ")
    event.listen(
        table,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]  # SQLAlchemy left its __init__ without a return type
            f"CREATE TRIGGER {name} BEFORE {timing} ON {table.name}"
            + (f" WHEN {condition}" if condition else "")
            + f" BEGIN SELECT RAISE(ABORT, '{why}'); END"
        ).execute_if(dialect="sqlite"),
    )


def _differs(*columns: str) -> str:
    return " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)


_refuses(JOURNAL, "journal_stays", "UPDATE", "a journal entry never changes")
_refuses(
    JOURNAL,
    "journal_kept",
    f"DELETE IF EXISTS (SELECT 1 FROM runs WHERE run_id = OLD.run_id AND status NOT IN ({_ENDED}))",
    "the journal of a run that goes on is kept",
)
_refuses(RUNS, "runs_fence", "UPDATE OF fence IF NEW.fence < OLD.fence", "a fence never decreases")
_refuses(
    RUNS,
    "runs_ended",
    "UPDATE OF status, outcome, outcome_digest, finished_at "
    f"IF OLD.status IN ({_ENDED}) AND ({_differs('status', 'outcome', 'outcome_digest', 'finished_at')})",
    "how a run ended never changes",
)
_refuses(
    RUNS,
    "runs_identity",
    "UPDATE OF run_id, target, input, input_digest, created_at "
    f"IF {_differs('run_id', 'target', 'input', 'input_digest', 'created_at')}",
    "what a run was started with never changes",
)
# A decided gate may still be withdrawn: shown otherwise, it is asked again, and the old answer counts for nothing.
_ANSWER: Final = ("subject", "answer", "answer_digest", '"by"', "decided_at")
_refuses(
    GATES,
    "gates_decided",
    f"UPDATE OF status, {', '.join(_ANSWER)} "
    f"IF OLD.decided_at IS NOT NULL AND ({_differs(*_ANSWER)} OR NEW.status NOT IN ('decided', 'withdrawn'))",
    "an answer never changes",
)
