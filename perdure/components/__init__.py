"""Patterns as typed functions over the core: no agents, no database, no I/O. No interpreter knows any of them."""

from perdure.components.approval_gate import approval_gate
from perdure.components.attempt_each import Attempted, attempt_each
from perdure.components.check_suite import Checked, check_suite
from perdure.components.classify_and_route import Unrouted, classify_and_route
from perdure.components.content_pipeline import content_pipeline
from perdure.components.debate import debate
from perdure.components.decision_table import Decided, Rule, decision_table
from perdure.components.delegation import Delegated, OverBudget, delegation
from perdure.components.drift_detector import drift_detector
from perdure.components.escalation_chain import Answered, escalation_chain
from perdure.components.gather_and_synthesize import gather_and_synthesize
from perdure.components.halted import Halted
from perdure.components.judged import Comparison, Diffed, Scored, Verdict
from perdure.components.jury import Votes, jury
from perdure.components.kanban import kanban
from perdure.components.merge_queue import Merged, Rejected, merge_queue
from perdure.components.optimizer import optimizer
from perdure.components.panel import NoMajority, NoQuorum, majority, panel
from perdure.components.poller import poller
from perdure.components.review_loop import review_loop
from perdure.components.rounds import Rounds
from perdure.components.runbook import Action, Risk, runbook
from perdure.components.saga import compensate, saga
from perdure.components.scan_fix_verify import scan_fix_verify
from perdure.components.self_improve import Proposed, self_improve
from perdure.components.sidecar import Shadowed, sidecar
from perdure.components.supervisor import supervisor
from perdure.components.try_catch_finally import try_catch_finally

__all__ = [
    "Action",
    "Answered",
    "Attempted",
    "Checked",
    "Comparison",
    "Decided",
    "Delegated",
    "Diffed",
    "Halted",
    "Merged",
    "NoMajority",
    "NoQuorum",
    "OverBudget",
    "Proposed",
    "Rejected",
    "Risk",
    "Rounds",
    "Rule",
    "Scored",
    "Shadowed",
    "Unrouted",
    "Verdict",
    "Votes",
    "approval_gate",
    "attempt_each",
    "check_suite",
    "classify_and_route",
    "compensate",
    "content_pipeline",
    "debate",
    "decision_table",
    "delegation",
    "drift_detector",
    "escalation_chain",
    "gather_and_synthesize",
    "jury",
    "kanban",
    "majority",
    "merge_queue",
    "optimizer",
    "panel",
    "poller",
    "review_loop",
    "runbook",
    "saga",
    "scan_fix_verify",
    "self_improve",
    "sidecar",
    "supervisor",
    "try_catch_finally",
]
