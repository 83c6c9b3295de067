"""What may be done without a person, as data: the `[policy]` table of the configuration."""

from __future__ import annotations

import difflib
from datetime import time
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from agents.facts import ActionKind, Name
from agents.platforms import Section

MONTH_S = 30 * 86_400.0
"""The longest span, in seconds, that anything here may ask for."""

Autonomy = Literal["observe", "suggest", "ask", "auto"]
"""How far the swarm may go by itself: only watch and diagnose, say what it would do, do what a person approved, or act alone."""

Person = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
"""The days of the week, in the order of `date.weekday()`."""


class PolicyRule(Section):
    """What holds for some actions on some targets. Of all rules that match, the strictest word counts."""

    targets: tuple[Name, ...] = ()
    """The targets that it is about; empty means every one."""
    actions: tuple[ActionKind, ...] = ()
    """The actions that it is about; empty means every one."""
    autonomy: Autonomy | None = None
    """How far the swarm may go by itself; null leaves that to the other rules, and to `policy.autonomy`."""
    approvals: int | None = Field(default=None, ge=1, le=5)
    """How many different people have to approve."""
    approvers: tuple[Person, ...] = ()
    """Who may approve; empty leaves it to `policy.approvers`."""

    @model_validator(mode="after")
    def _says_something(self) -> PolicyRule:
        if self.autonomy is None and self.approvals is None and not self.approvers:
            raise ValueError("this rule says nothing: give `autonomy`, `approvals` or `approvers`, or leave it out")
        if self.approvals is not None and self.autonomy not in {None, "ask"}:
            raise ValueError(f'nobody approves where autonomy is {self.autonomy!r}: take "ask", or leave `approvals` out')
        if self.actions and not set(self.actions) - {"page_person", "do_nothing"}:
            raise ValueError(f"{', '.join(self.actions)} touches nothing, so this rule can never matter: name other actions")
        if self.approvers and self.approvals is not None and len(set(self.approvers)) < self.approvals:
            raise ValueError(f"{self.approvals} people have to approve, but only {len(set(self.approvers))} may: name more")
        return self


class PolicyWindow(Section):
    """A time in which nothing is carried out, whatever was approved: each week, or once."""

    name: str = Field(min_length=1, max_length=80)
    """What people call it."""
    kind: Literal["freeze", "maintenance"] = "freeze"
    """In a freeze a person is paged as always; in a maintenance symptoms are expected, and nobody is paged before its end."""
    targets: tuple[Name, ...] = ()
    """The targets that it is about; empty means every one."""
    days: tuple[Day, ...] = ()
    """The days of the week on which it begins; empty means every day."""
    start: time | None = None
    """When it begins on those days, in local time of `zone`, such as 22:00."""
    end: time | None = None
    """When it ends; at or before `start` means on the next day."""
    zone: str = "UTC"
    """The time zone, by its IANA name, such as Europe/Berlin."""
    begins: AwareDatetime | None = None
    """When it begins, for one that happens once."""
    ends: AwareDatetime | None = None
    """When that one ends."""

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            names = {name.lower(): name for name in available_timezones()}
            near = difflib.get_close_matches(zone.lower(), names, n=1, cutoff=0.5)
            hint = f"; did you mean {names[near[0]]!r}?" if near else ": give its IANA name, such as 'Europe/Berlin'"
            raise ValueError(f"{zone!r} is not a time zone{hint}") from None
        return zone

    @field_validator("start", "end")
    @classmethod
    def _wall_clock(cls, at: time | None) -> time | None:
        if at is not None and at.tzinfo is not None:
            raise ValueError(f"{at.isoformat()!r} has an offset: give the time of day alone, and name the zone in `zone`")
        return at

    @model_validator(mode="after")
    def _weekly_or_once(self) -> PolicyWindow:
        if (self.start is None) is not (self.end is None):
            raise ValueError(f"window {self.name!r} has one of `start` and `end`: give both")
        if (self.begins is None) is not (self.ends is None):
            raise ValueError(f"window {self.name!r} has one of `begins` and `ends`: give both")
        if self.start is not None and self.begins is not None:
            raise ValueError(f"window {self.name!r} has `start` and `begins`: it is weekly or happens once, make two of it")
        if self.start is None and self.begins is None:
            raise ValueError(f"window {self.name!r} has no time: give `start` and `end`, or `begins` and `ends`")
        if self.begins is not None and self.ends is not None:
            if self.ends <= self.begins:
                raise ValueError(f"window {self.name!r} ends at {self.ends.isoformat()}, before it begins: swap the two")
            if self.days or self.zone != "UTC":
                raise ValueError(f"window {self.name!r} happens once: leave `days` and `zone` out, `begins` names its offset")
        return self


class PolicySettings(Section):
    """What may be done without a person, and how often."""

    threshold: float = Field(default=0.85, ge=0, le=1)
    """Automatic approval needs a confidence strictly above this."""
    autonomy: Autonomy = "auto"
    """How far the swarm may go by itself where no rule says another: observe, suggest, ask or auto."""
    rules: tuple[PolicyRule, ...] = ()
    """What holds for some actions on some targets."""
    protected: tuple[Name, ...] = ()
    """Targets that are never touched, whoever asks."""
    approvers: tuple[Person, ...] = ()
    """Who may approve; empty means every person."""
    windows: tuple[PolicyWindow, ...] = ()
    """Freezes and maintenance windows."""
    max_blast_radius: float = Field(default=1.0, ge=0, le=1)
    """The largest share of users, 0 to 1, that an automatic action may touch."""
    confirm_blast_radius: float = Field(default=0.5, ge=0, le=1)
    """Whoever approves what touches more than this share of users types the target's name to confirm."""
    min_outcomes: float = Field(default=5, ge=0, le=1_000_000)
    """Verified outcomes of that action against that fault class before it may be automatic."""
    approval_ttl_s: float = Field(default=600, ge=1, le=MONTH_S)
    """Seconds that a person has to decide."""
    plan_max_age_s: float = Field(default=120, ge=1, le=MONTH_S)
    """An approved plan older than this at the executor is made anew."""
    max_attempts: int = Field(default=3, ge=1, le=10)
    """Strategies tried for one incident before a person is paged."""
    give_up_after: int = Field(default=3, ge=1)
    """The same action on the same region that did not help so often within a day is not tried again without a person."""
    actions_per_hour: int = Field(default=4, ge=1)
    """The same action on the same region, automatic, at most so often in an hour."""
    cool_down_s: float = Field(default=60, ge=0, le=MONTH_S)
    """Seconds after an action on a region before the same action there may be automatic."""
    hourly_budget: int = Field(default=12, ge=1)
    """Actions on one target, of whatever kind, in an hour; more are not automatic."""
    daily_budget: int = Field(default=40, ge=1)
    """Actions on one target, of whatever kind, in 24 hours; more are not automatic."""
    hold_down_s: float = Field(default=60, ge=0, le=MONTH_S)
    """Seconds after a change of traffic before the next one may be automatic."""
    max_switches: int = Field(default=3, ge=1)
    """Changes of traffic of one target within `switch_window_s`; more are not automatic."""
    switch_window_s: float = Field(default=3600, ge=1, le=MONTH_S)
    """The window, in seconds, in which changes of traffic are counted."""
    max_concurrent: int = Field(default=2, ge=1)
    """Targets on which the swarm acts at the same time."""
    max_unavailable: int = Field(default=1, ge=1)
    """Replicas of a region that a restart may take out of service at once."""
    destination_checks: int = Field(default=3, ge=1, le=20)
    """Good probes in a row that a region needs to receive traffic."""
    max_replication_lag_s: float = Field(default=5, ge=0, le=MONTH_S)
    """A region whose health document reports more replication lag, in seconds, receives no traffic."""

    def longest_look_back(self) -> tuple[str, float]:
        """Which of the windows that are set looks back the furthest, and how many seconds: what lies in it must be kept."""
        names = ("cool_down_s", "hold_down_s", "switch_window_s")
        return max(((name, float(getattr(self, name))) for name in names), key=lambda one: one[1])
