"""Overwatch's control room and command line: a view of the swarm's event log that decides nothing by itself."""

__version__ = "0.1.0"
