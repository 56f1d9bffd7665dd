"""What is said to the database, written down from `statements`, so that saying it loads no SQLAlchemy.

Made by `python -m perdure.interpreters.durable.statements`; a test holds it to the tables.
"""

from __future__ import annotations

from typing import Final

META_VALUE: Final = """SELECT meta.value
FROM meta
WHERE meta."key" = :key"""
RUN: Final = """SELECT runs.run_id, runs.workflow, runs.target, runs.folder, runs.input, runs.input_digest, runs.created_at, runs.code, runs."key", runs.parent_run, runs.parent_path, runs.status, runs.reason, runs.fence, runs.owner, runs.lease_until, runs.lease_epoch, runs.wake_at, runs.cancel, runs.claims, runs.progress, runs.outcome, runs.outcome_digest, runs.finished_at
FROM runs
WHERE runs.run_id = :run_id"""
RUN_OF_KEY: Final = """SELECT runs.run_id, runs.workflow, runs.target, runs.folder, runs.input, runs.input_digest, runs.created_at, runs.code, runs."key", runs.parent_run, runs.parent_path, runs.status, runs.reason, runs.fence, runs.owner, runs.lease_until, runs.lease_epoch, runs.wake_at, runs.cancel, runs.claims, runs.progress, runs.outcome, runs.outcome_digest, runs.finished_at
FROM runs
WHERE runs."key" = :key"""
ENTRIES: Final = """SELECT journal.seq, journal.kind, journal.path, journal.attempt, journal.fence, journal.at, journal.shape, journal.input, journal.payload, journal.digest, journal.previous
FROM journal
WHERE journal.run_id = :run_id AND journal.seq > :seq ORDER BY journal.seq"""
DIGEST: Final = """SELECT journal.digest
FROM journal
WHERE journal.run_id = :run_id AND journal.seq = :seq"""
GATE: Final = """SELECT gates.run_id, gates.path, gates.number, gates.name, gates.kind, gates.prompt, gates.show, gates.schema, gates.subject, gates.opened_at, gates.status, gates.expires_at, gates.answer, gates.answer_digest, gates."by", gates.note, gates.via, gates.idem, gates.decided_at, gates.consumed
FROM gates
WHERE gates.run_id = :run_id AND gates.path = :path AND gates.number = :number"""
GATES_OF: Final = """SELECT gates.run_id, gates.path, gates.number, gates.name, gates.kind, gates.prompt, gates.show, gates.schema, gates.subject, gates.opened_at, gates.status, gates.expires_at, gates.answer, gates.answer_digest, gates."by", gates.note, gates.via, gates.idem, gates.decided_at, gates.consumed
FROM gates
WHERE gates.run_id = :run_id ORDER BY gates.opened_at, gates.run_id, gates.path, gates.number"""
OPEN_GATES: Final = """SELECT gates.run_id, gates.path, gates.number, gates.name, gates.kind, gates.prompt, gates.show, gates.schema, gates.subject, gates.opened_at, gates.status, gates.expires_at, gates.answer, gates.answer_digest, gates."by", gates.note, gates.via, gates.idem, gates.decided_at, gates.consumed
FROM gates
WHERE gates.status = 'open' ORDER BY gates.opened_at, gates.run_id, gates.path, gates.number"""
ANSWERED: Final = """SELECT gates.run_id, gates.path, gates.number, gates.name, gates.kind, gates.prompt, gates.show, gates.schema, gates.subject, gates.opened_at, gates.status, gates.expires_at, gates.answer, gates.answer_digest, gates."by", gates.note, gates.via, gates.idem, gates.decided_at, gates.consumed
FROM gates
WHERE gates.run_id = :run_id AND gates.status = 'decided' AND gates.consumed IS NULL ORDER BY gates.decided_at, gates.path, gates.number"""
SIGNALS_OF: Final = """SELECT signals.run_id, signals.name, signals.number, signals.payload, signals.at, signals.idem, signals.consumed, signals.refused
FROM signals
WHERE signals.run_id = :run_id ORDER BY signals.name, signals.number"""
SENT: Final = """SELECT signals.run_id, signals.name, signals.number, signals.payload, signals.at, signals.idem, signals.consumed, signals.refused
FROM signals
WHERE signals.run_id = :run_id AND signals.name IN (SELECT value
FROM json_each(:awaits)) AND signals.consumed IS NULL AND signals.refused IS NULL ORDER BY signals.name, signals.number
 LIMIT 100 OFFSET 0"""
SIGNAL: Final = """SELECT signals.run_id, signals.name, signals.number, signals.payload, signals.at, signals.idem, signals.consumed, signals.refused
FROM signals
WHERE signals.run_id = :run_id AND signals.name = :name AND signals.number = :number"""
SIGNAL_OF_IDEM: Final = """SELECT signals.run_id, signals.name, signals.number, signals.payload, signals.at, signals.idem, signals.consumed, signals.refused
FROM signals
WHERE signals.run_id = :run_id AND signals.name = :name AND signals.idem = :idem"""
LAST_SIGNAL: Final = """SELECT coalesce(max(signals.number), 0) AS coalesce_1
FROM signals
WHERE signals.run_id = :run_id AND signals.name = :name"""
NEWEST: Final = """SELECT runs.run_id, runs.workflow, runs.target, runs.folder, runs.input, runs.input_digest, runs.created_at, runs.code, runs."key", runs.parent_run, runs.parent_path, runs.status, runs.reason, runs.fence, runs.owner, runs.lease_until, runs.lease_epoch, runs.wake_at, runs.cancel, runs.claims, runs.progress, runs.outcome, runs.outcome_digest, runs.finished_at
FROM runs
WHERE runs.created_at >= :since AND (:statuses IS NULL OR runs.status IN (SELECT value
FROM json_each(:statuses))) ORDER BY runs.created_at DESC, runs.run_id DESC
 LIMIT :limit OFFSET 0"""
BEGINNING: Final = """SELECT runs.run_id
FROM runs
WHERE runs.run_id BETWEEN :first AND :last ORDER BY runs.run_id
 LIMIT :limit OFFSET 0"""
RECORD: Final = """INSERT INTO journal (run_id, seq, kind, path, attempt, fence, at, shape, input, payload, digest, previous) SELECT ? AS anon_1, ? AS anon_2, ? AS anon_3, ? AS anon_4, ? AS anon_5, ? AS anon_6, ? AS anon_7, ? AS anon_8, ? AS anon_9, ? AS anon_10, ? AS anon_11, ? AS anon_12
FROM runs
WHERE runs.run_id = ? AND runs.fence = ? AND runs.owner = ? AND runs.status = 'running'"""
IS_MINE: Final = """SELECT 1
FROM runs
WHERE runs.run_id = :mine AND runs.fence = :my_fence AND runs.owner = :me AND runs.status = 'running'"""
START: Final = """INSERT INTO runs (run_id, workflow, target, folder, input, input_digest, created_at, code, "key", parent_run, parent_path, status, reason, fence, owner, lease_until, lease_epoch, wake_at, cancel, claims, progress, outcome, outcome_digest, finished_at) VALUES (:run_id, :workflow, :target, :folder, :input, :input_digest, :created_at, :code, :key, :parent_run, :parent_path, :status, :reason, :fence, :owner, :lease_until, :lease_epoch, :wake_at, :cancel, :claims, :progress, :outcome, :outcome_digest, :finished_at)"""
CLAIM: Final = """UPDATE runs SET status='running', reason=NULL, fence=(runs.fence + 1), owner=:owner, lease_until=:lease_until, lease_epoch=:epoch, wake_at=NULL, claims=CASE WHEN (runs.progress < :last) THEN 1 ELSE runs.claims + 1 END, progress=:last WHERE runs.run_id = :run_id AND runs.fence = :seen AND runs.lease_until IS :lease AND (runs.status NOT IN ('cancelled', 'dead', 'failed', 'succeeded')) AND coalesce((SELECT max(journal.seq) AS max_1
FROM journal
WHERE journal.run_id = :run_id), 0) = :last"""
RENEW: Final = """UPDATE runs SET lease_until=:lease_until WHERE runs.run_id = :mine AND runs.fence = :my_fence AND runs.owner = :me AND runs.status = 'running'"""
MOVE: Final = """UPDATE runs SET status=:status, reason=:reason, wake_at=:wake_at, outcome=:outcome, outcome_digest=:outcome_digest, finished_at=:finished_at WHERE runs.run_id = :mine AND runs.fence = :my_fence AND runs.owner = :me AND runs.status = 'running'"""
GIVE_UP: Final = """UPDATE runs SET status=:status, reason=:reason, owner=NULL, lease_until=NULL, lease_epoch=NULL, wake_at=:wake_at, outcome=:outcome, outcome_digest=:outcome_digest, finished_at=:finished_at WHERE runs.run_id = :mine AND runs.fence = :my_fence AND runs.owner = :me AND runs.status = 'running'"""
OPEN: Final = """INSERT INTO gates (run_id, path, number, name, kind, prompt, show, schema, subject, opened_at, status, expires_at, answer, answer_digest, "by", note, via, idem, decided_at, consumed) VALUES (:run_id, :path, :number, :name, :kind, :prompt, :show, :schema, :subject, :opened_at, :status, :expires_at, :answer, :answer_digest, :by, :note, :via, :idem, :decided_at, :consumed)"""
WITHDRAW: Final = """UPDATE gates SET status='withdrawn' WHERE gates.run_id = :run_id AND gates.path = :path AND gates.number = :number AND gates.status IN ('open', 'decided') AND gates.consumed IS NULL"""
CONSUME: Final = """UPDATE gates SET consumed=:seq WHERE gates.run_id = :run_id AND gates.path = :path AND gates.number = :number AND gates.consumed IS NULL"""
TAKE: Final = """UPDATE signals SET consumed=:seq WHERE signals.run_id = :run_id AND signals.name = :name AND signals.number = :number AND signals.consumed IS NULL"""
REFUSE: Final = """UPDATE signals SET refused=:why WHERE signals.run_id = :run_id AND signals.name = :name AND signals.number = :number AND signals.consumed IS NULL"""
EXPIRE: Final = """UPDATE gates SET status='expired' WHERE gates.run_id = :run_id AND gates.path = :path AND gates.number = :number AND gates.status = 'open'"""
ANSWER: Final = """UPDATE gates SET status='decided', answer=:answer, answer_digest=:answer_digest, "by"=:by, note=:note, via=:via, idem=:idem, decided_at=:decided_at WHERE gates.run_id = :run_id AND gates.path = :path AND gates.number = :number AND gates.status = 'open'"""
SEND: Final = """INSERT INTO signals (run_id, name, number, payload, at, idem, consumed, refused) VALUES (:run_id, :name, :number, :payload, :at, :idem, :consumed, :refused)"""
WAKE: Final = """UPDATE runs SET status='ready' WHERE runs.run_id = :run_id AND runs.status = 'parked'"""
WAKE_FOR_SIGNAL: Final = """UPDATE runs SET status='ready' WHERE runs.run_id = :run_id AND runs.status = 'parked' AND (EXISTS (SELECT 1
FROM gates
WHERE gates.run_id = :run_id AND gates.status = 'open' AND gates.kind = 'signal' AND gates.name = :name))"""
CANCEL: Final = """UPDATE runs SET status=CASE WHEN (runs.status = 'parked') THEN 'ready' ELSE runs.status END, cancel=:reason WHERE runs.run_id = :run_id AND runs.cancel IS NULL"""
