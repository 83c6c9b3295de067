"""Fault classes and actions, as data: the shared vocabulary of chaos, diagnosis, strategy, policy and drills."""

from agents.catalogue.load import ActionSpec, Catalogue, CatalogueError, FaultClass, load_catalogue

__all__ = ["ActionSpec", "Catalogue", "CatalogueError", "FaultClass", "load_catalogue"]
