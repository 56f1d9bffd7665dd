"""What is said to the database: each statement built from the tables and compiled to text, which `texts` keeps.

The names of parameters are the columns' own; a worker's claim is `mine, my_fence, me`.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import (
    BindParameter,
    ClauseElement,
    ColumnElement,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from perdure.interpreters.durable.ports import TERMINAL
from perdure.interpreters.durable.rows import GATES, JOURNAL, META, RUNS, SIGNALS


def _said(statement: ClauseElement, paramstyle: Literal["named", "qmark"] = "named") -> str:
    return str(statement.compile(dialect=sqlite.dialect(paramstyle=paramstyle))).replace(" \n", "\n")


def _word(text: str) -> ColumnElement[str]:
    """A constant, in the text itself: a partial index is used for nothing less."""
    return literal_column(f"'{text}'")


_this_run: Final = RUNS.c.run_id == bindparam("run_id")
_this_gate: Final = and_(
    GATES.c.run_id == bindparam("run_id"), GATES.c.path == bindparam("path"), GATES.c.number == bindparam("number")
)
_this_signal: Final = and_(
    SIGNALS.c.run_id == bindparam("run_id"),
    SIGNALS.c.name == bindparam("name"),
    SIGNALS.c.number == bindparam("number"),
)
_mine: Final = and_(
    RUNS.c.run_id == bindparam("mine"),
    RUNS.c.fence == bindparam("my_fence"),
    RUNS.c.owner == bindparam("me"),
    RUNS.c.status == _word("running"),
)
_parked: Final = and_(_this_run, RUNS.c.status == _word("parked"))
_last_seq: Final = select(func.max(JOURNAL.c.seq)).where(JOURNAL.c.run_id == bindparam("run_id")).scalar_subquery()

# -- questions -------------------------------------------------------------------------------------------------------

META_VALUE: Final = _said(select(META.c.value).where(META.c.key == bindparam("key")))
RUN: Final = _said(select(RUNS).where(_this_run))
RUN_OF_KEY: Final = _said(select(RUNS).where(RUNS.c.key == bindparam("key")))
ENTRIES: Final = _said(
    select(*list(JOURNAL.c)[1:])
    .where(JOURNAL.c.run_id == bindparam("run_id"), JOURNAL.c.seq > bindparam("seq"))
    .order_by(JOURNAL.c.seq)
)
DIGEST: Final = _said(
    select(JOURNAL.c.digest).where(JOURNAL.c.run_id == bindparam("run_id"), JOURNAL.c.seq == bindparam("seq"))
)
_oldest_gate_first: Final = (GATES.c.opened_at, GATES.c.run_id, GATES.c.path, GATES.c.number)
GATE: Final = _said(select(GATES).where(_this_gate))
GATES_OF: Final = _said(select(GATES).where(GATES.c.run_id == bindparam("run_id")).order_by(*_oldest_gate_first))
OPEN_GATES: Final = _said(select(GATES).where(GATES.c.status == _word("open")).order_by(*_oldest_gate_first))
ANSWERED: Final = _said(
    select(GATES)
    .where(GATES.c.run_id == bindparam("run_id"), GATES.c.status == _word("decided"), GATES.c.consumed.is_(null()))
    .order_by(GATES.c.decided_at, GATES.c.path, GATES.c.number)
)
# By number, not by time: a clock may be set back, and the queue of a name stays a queue.
_queued: Final = (SIGNALS.c.name, SIGNALS.c.number)
SIGNALS_OF: Final = _said(select(SIGNALS).where(SIGNALS.c.run_id == bindparam("run_id")).order_by(*_queued))
SENT: Final = _said(
    select(SIGNALS)
    .where(
        SIGNALS.c.run_id == bindparam("run_id"),
        # The names come as one JSON array. Of a long queue, the next hundred are enough for one look.
        SIGNALS.c.name.in_(select(literal_column("value")).select_from(func.json_each(bindparam("awaits")))),
        SIGNALS.c.consumed.is_(null()),
        SIGNALS.c.refused.is_(null()),
    )
    .order_by(*_queued)
    .limit(literal_column("100"))
    .offset(literal_column("0"))
)
SIGNAL: Final = _said(select(SIGNALS).where(_this_signal))
SIGNAL_OF_IDEM: Final = _said(
    select(SIGNALS).where(
        SIGNALS.c.run_id == bindparam("run_id"),
        SIGNALS.c.name == bindparam("name"),
        SIGNALS.c.idem == bindparam("idem"),
    )
)
LAST_SIGNAL: Final = _said(
    select(func.coalesce(func.max(SIGNALS.c.number), literal_column("0"))).where(
        SIGNALS.c.run_id == bindparam("run_id"), SIGNALS.c.name == bindparam("name")
    )
)
NEWEST: Final = _said(
    select(RUNS)
    .where(
        RUNS.c.created_at >= bindparam("since"),
        # The statuses come as one JSON array; NULL is every status.
        or_(
            bindparam("statuses").is_(null()),
            RUNS.c.status.in_(select(literal_column("value")).select_from(func.json_each(bindparam("statuses")))),
        ),
    )
    .order_by(RUNS.c.created_at.desc(), RUNS.c.run_id.desc())
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)
BEGINNING: Final = _said(
    select(RUNS.c.run_id)
    .where(RUNS.c.run_id.between(bindparam("first"), bindparam("last")))
    .order_by(RUNS.c.run_id)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))
)

# -- a worker's writes -----------------------------------------------------------------------------------------------

#: The row of an entry and, behind it, the claim: by position, for this is what every step says.
RECORD: Final = _said(
    insert(JOURNAL).from_select(
        list(JOURNAL.c.keys()),
        select(*(bindparam(column.name, type_=column.type) for column in JOURNAL.c)).select_from(RUNS).where(_mine),
    ),
    "qmark",
)
IS_MINE: Final = _said(select(literal_column("1")).select_from(RUNS).where(_mine))
START: Final = _said(insert(RUNS))
CLAIM: Final = _said(
    update(RUNS)
    .where(
        _this_run,
        RUNS.c.fence == bindparam("seen"),
        RUNS.c.lease_until.is_not_distinct_from(bindparam("lease")),
        RUNS.c.status.not_in([_word(status) for status in sorted(TERMINAL)]),
        func.coalesce(_last_seq, literal_column("0")) == bindparam("last"),
    )
    .values(
        fence=RUNS.c.fence + literal_column("1"),
        owner=bindparam("owner"),
        status=_word("running"),
        reason=null(),
        wake_at=null(),
        lease_until=bindparam("lease_until"),
        lease_epoch=bindparam("epoch"),
        claims=case(
            (RUNS.c.progress < bindparam("last"), literal_column("1")), else_=RUNS.c.claims + literal_column("1")
        ),
        progress=bindparam("last"),
    )
)
RENEW: Final = _said(update(RUNS).where(_mine).values(lease_until=bindparam("lease_until")))
_moves: Final[dict[str, BindParameter[Any]]] = {  # Any: columns of two types
    column: bindparam(column) for column in ("status", "reason", "wake_at", "outcome", "outcome_digest", "finished_at")
}
MOVE: Final = _said(update(RUNS).where(_mine).values(_moves))
GIVE_UP: Final = _said(
    update(RUNS).where(_mine).values({**_moves, "owner": null(), "lease_until": null(), "lease_epoch": null()})
)
OPEN: Final = _said(insert(GATES))
WITHDRAW: Final = _said(
    update(GATES)
    .where(_this_gate, GATES.c.status.in_([_word("open"), _word("decided")]), GATES.c.consumed.is_(null()))
    .values(status=_word("withdrawn"))
)
CONSUME: Final = _said(update(GATES).where(_this_gate, GATES.c.consumed.is_(null())).values(consumed=bindparam("seq")))
TAKE: Final = _said(
    update(SIGNALS).where(_this_signal, SIGNALS.c.consumed.is_(null())).values(consumed=bindparam("seq"))
)
REFUSE: Final = _said(
    update(SIGNALS).where(_this_signal, SIGNALS.c.consumed.is_(null())).values(refused=bindparam("why"))
)
EXPIRE: Final = _said(update(GATES).where(_this_gate, GATES.c.status == _word("open")).values(status=_word("expired")))

# -- writes of others ------------------------------------------------------------------------------------------------

ANSWER: Final = _said(
    update(GATES)
    .where(_this_gate, GATES.c.status == _word("open"))
    .values(
        status=_word("decided"),
        **{c: bindparam(c) for c in ("answer", "answer_digest", "by", "note", "via", "idem", "decided_at")},
    )
)
SEND: Final = _said(insert(SIGNALS))
WAKE: Final = _said(update(RUNS).where(_parked).values(status=_word("ready")))
WAKE_FOR_SIGNAL: Final = _said(
    update(RUNS)
    .where(
        _parked,
        select(literal_column("1"))
        .select_from(GATES)
        .where(
            GATES.c.run_id == bindparam("run_id"),
            GATES.c.status == _word("open"),
            GATES.c.kind == _word("signal"),
            GATES.c.name == bindparam("name"),
        )
        .exists(),
    )
    .values(status=_word("ready"))
)
CANCEL: Final = _said(
    update(RUNS)
    .where(_this_run, RUNS.c.cancel.is_(null()))
    .values(
        cancel=bindparam("reason"),
        status=case((RUNS.c.status == _word("parked"), _word("ready")), else_=RUNS.c.status),
    )
)


def texts() -> dict[str, str]:
    """Every statement by its name, as `texts.py` has it written down."""
    return {name: value for name, value in globals().items() if name.isupper() and isinstance(value, str)}


if __name__ == "__main__":  # python -m perdure.interpreters.durable.statements > perdure/interpreters/durable/texts.py
    import sys

    sys.stdout.write(
        '"""What is said to the database, written down from `statements`, so that saying it loads no SQLAlchemy.\n\n'
        "Made by `python -m perdure.interpreters.durable.statements`; a test holds it to the tables.\n"
        '"""\n\nfrom __future__ import annotations\n\nfrom typing import Final\n\n'
    )
    for _name, _text in texts().items():
        sys.stdout.write(f'{_name}: Final = """{_text}"""\n')
