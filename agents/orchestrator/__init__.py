"""The Orchestrator: judges every strategy by policy, and asks a person where policy says so."""

from agents.orchestrator.agent import Orchestrator
from agents.orchestrator.policy import Decision, History, Performed, judge

__all__ = ["Decision", "History", "Orchestrator", "Performed", "judge"]
