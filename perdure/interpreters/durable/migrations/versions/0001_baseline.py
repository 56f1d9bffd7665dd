"""The first schema: meta, runs, journal, gates, signals.

Written out, and not taken from `rows.py`, which goes on to change.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _text_or_none(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=True) for name in names]


def _big(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, Big, nullable=False, autoincrement=False) for name in names]


def _big_or_none(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, Big, nullable=True) for name in names]


def _index(name: str, table: str, *columns: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


TRIGGERS = """
CREATE TRIGGER journal_stays BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'a journal entry never changes'); END

CREATE TRIGGER journal_kept BEFORE DELETE ON journal
WHEN EXISTS (SELECT 1 FROM runs WHERE run_id = OLD.run_id
AND status NOT IN ('cancelled', 'dead', 'failed', 'succeeded'))
BEGIN SELECT RAISE(ABORT, 'the journal of a run that goes on is kept'); END

CREATE TRIGGER runs_fence BEFORE UPDATE OF fence ON runs
WHEN NEW.fence < OLD.fence
BEGIN SELECT RAISE(ABORT, 'a fence never decreases'); END

CREATE TRIGGER runs_ended BEFORE UPDATE OF status, outcome, outcome_digest, finished_at ON runs
WHEN OLD.status IN ('cancelled', 'dead', 'failed', 'succeeded')
AND (NEW.status IS NOT OLD.status OR NEW.outcome IS NOT OLD.outcome
OR NEW.outcome_digest IS NOT OLD.outcome_digest OR NEW.finished_at IS NOT OLD.finished_at)
BEGIN SELECT RAISE(ABORT, 'how a run ended never changes'); END

CREATE TRIGGER runs_identity BEFORE UPDATE OF run_id, target, input, input_digest, created_at ON runs
WHEN NEW.run_id IS NOT OLD.run_id OR NEW.target IS NOT OLD.target OR NEW.input IS NOT OLD.input
OR NEW.input_digest IS NOT OLD.input_digest OR NEW.created_at IS NOT OLD.created_at
BEGIN SELECT RAISE(ABORT, 'what a run was started with never changes'); END

CREATE TRIGGER gates_decided BEFORE UPDATE OF status, subject, answer, answer_digest, "by", decided_at ON gates
WHEN OLD.decided_at IS NOT NULL AND (NEW.subject IS NOT OLD.subject OR NEW.answer IS NOT OLD.answer
OR NEW.answer_digest IS NOT OLD.answer_digest OR NEW."by" IS NOT OLD."by" OR NEW.decided_at IS NOT OLD.decided_at
OR NEW.status NOT IN ('decided', 'withdrawn'))
BEGIN SELECT RAISE(ABORT, 'an answer never changes'); END
"""


def upgrade() -> None:
    op.create_table("meta", *_text("key", "value"), sa.PrimaryKeyConstraint("key"), sqlite_strict=True)
    op.create_table(
        "runs",
        *_text("run_id", "workflow", "target", "folder", "input", "input_digest"),
        *_big("created_at"),
        *_text("code"),
        *_text_or_none("key", "parent_run", "parent_path"),
        *_text("status"),
        *_text_or_none("reason"),
        *_big("fence"),
        *_text_or_none("owner"),
        *_big_or_none("lease_until"),
        *_text_or_none("lease_epoch"),
        *_big_or_none("wake_at"),
        *_text_or_none("cancel"),
        *_big("claims", "progress"),
        *_text_or_none("outcome", "outcome_digest"),
        *_big_or_none("finished_at"),
        sa.PrimaryKeyConstraint("run_id"),
        sa.CheckConstraint(
            "status IN ('ready', 'running', 'parked', 'blocked', 'paused', 'succeeded', 'failed', 'cancelled', 'dead')",
            name="runs_status",
        ),
        sqlite_strict=True,
    )
    _index("runs_key", "runs", "key", where="key IS NOT NULL", unique=True)
    _index("runs_due", "runs", "wake_at", where="status = 'parked' AND wake_at IS NOT NULL")
    _index("runs_ready", "runs", "created_at", where="status = 'ready'")
    _index("runs_lease", "runs", "lease_until", where="status = 'running'")
    op.create_table(
        "journal",
        *_text("run_id"),
        *_big("seq"),
        *_text("kind", "path"),
        *_big("attempt", "fence", "at"),
        *_text("shape", "input", "payload", "digest", "previous"),
        sa.PrimaryKeyConstraint("run_id", "seq"),
        sa.CheckConstraint("kind IN ('begin', 'end', 'wait', 'wake', 'void', 'note')", name="journal_kind"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gates",
        *_text("run_id", "path"),
        *_big("number"),
        *_text("name", "kind", "prompt", "show", "schema", "subject"),
        *_big("opened_at"),
        *_text("status"),
        *_big_or_none("expires_at"),
        *_text_or_none("answer", "answer_digest", "by", "note", "via", "idem"),
        *_big_or_none("decided_at", "consumed"),
        sa.PrimaryKeyConstraint("run_id", "path", "number"),
        sa.CheckConstraint("kind IN ('approval', 'answer', 'signal')", name="gates_kind"),
        sa.CheckConstraint("status IN ('open', 'decided', 'expired', 'withdrawn')", name="gates_status"),
        sa.CheckConstraint(
            "status <> 'decided' OR (answer IS NOT NULL AND decided_at IS NOT NULL)", name="gates_answer"
        ),
        sqlite_strict=True,
    )
    _index("gates_open", "gates", "opened_at", where="status = 'open'")
    op.create_table(
        "signals",
        *_text("run_id", "name"),
        *_big("number"),
        *_text("payload"),
        *_big("at"),
        *_text_or_none("idem"),
        *_big_or_none("consumed"),
        *_text_or_none("refused"),
        sa.PrimaryKeyConstraint("run_id", "name", "number"),
        sqlite_strict=True,
    )
    _index("signals_idem", "signals", "run_id", "name", "idem", where="idem IS NOT NULL", unique=True)
    if op.get_bind().dialect.name == "sqlite":
        for trigger in TRIGGERS.strip().split("\n\n"):
            op.execute(trigger)
