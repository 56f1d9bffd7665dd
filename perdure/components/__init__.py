"""Patterns as typed functions over the core: no agents, no database, no I/O. No interpreter knows any of them."""

from perdure.components.attempt_each import Attempted, attempt_each
from perdure.components.debate import debate
from perdure.components.escalation_chain import Answered, escalation_chain
from perdure.components.judged import Scored, Verdict
from perdure.components.jury import Votes, jury
from perdure.components.optimizer import optimizer
from perdure.components.panel import NoMajority, NoQuorum, majority, panel
from perdure.components.review_loop import review_loop
from perdure.components.rounds import Rounds
from perdure.components.saga import compensate, saga
from perdure.components.scan_fix_verify import scan_fix_verify
from perdure.components.supervisor import supervisor

__all__ = [
    "Answered",
    "Attempted",
    "NoMajority",
    "NoQuorum",
    "Rounds",
    "Scored",
    "Verdict",
    "Votes",
    "attempt_each",
    "compensate",
    "debate",
    "escalation_chain",
    "jury",
    "majority",
    "optimizer",
    "panel",
    "review_loop",
    "saga",
    "scan_fix_verify",
    "supervisor",
]
