"""How long the journal is kept."""

from __future__ import annotations

from pydantic import Field, model_validator

from agents.platforms import Section

SHORTEST_DAYS = 7
"""What the gate looks back at (budgets, cool-downs) is never pruned."""

LONGEST_DAYS = 36_500
"""A hundred years; whoever wants to keep for longer keeps all."""


class JournalSettings(Section):
    """How long the journal is kept. What is pruned is archived before, and that it was pruned is a record itself."""

    keep_days: int = Field(default=400, ge=0, le=LONGEST_DAYS)
    """Events of incidents that were over so many days ago are taken away once a day; 0 keeps all."""
    samples_days: int = Field(default=30, ge=0, le=LONGEST_DAYS)
    """What was measured around incidents is kept for so many days; 0 keeps all."""
    outcomes_days: int = Field(default=1_095, ge=0, le=LONGEST_DAYS)
    """Outcomes of recoveries, of which the track record is made, are kept for so many days; 0 keeps all."""
    archive: bool = True
    """Write what is taken away into `archive/` of the home first, as packed JSON lines that can be verified alone."""

    @model_validator(mode="after")
    def _long_enough(self) -> JournalSettings:
        if 0 < self.keep_days < SHORTEST_DAYS:
            raise ValueError(f"keep_days {self.keep_days} is too short: give {SHORTEST_DAYS} or more, or 0 to keep all")
        return self
