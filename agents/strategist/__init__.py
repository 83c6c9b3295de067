"""The Strategist: turns a diagnosis into an ordered plan of the catalogue's remedies, each with its way back."""

from agents.strategist.agent import Strategist

__all__ = ["Strategist"]
