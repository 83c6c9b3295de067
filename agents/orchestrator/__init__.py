"""The Orchestrator: judges every strategy by policy, and asks a person where policy says so."""

from agents.orchestrator.agent import Orchestrator
from agents.orchestrator.history import History, Performed, horizon
from agents.orchestrator.policy import RULE_NAMES, Decision, judge

__all__ = ["RULE_NAMES", "Decision", "History", "Orchestrator", "Performed", "horizon", "judge"]
