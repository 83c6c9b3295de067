"""Properties 10, 14 and 18 at the gate, as a state machine over a simulated clock: limits hold in every order of events."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from gate_support import against, decide
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests_support import Build

from agents.orchestrator import History, Performed
from agents.policy_settings import PolicySettings, PolicyWindow

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAULTS = {"failover": "region_down", "restart": "crash", "scale": "capacity"}
KINDS = {"failover": "failover_region", "restart": "restart_service", "scale": "scale_service"}


class Clock:
    """A clock that the machine moves."""

    def __init__(self):
        self.time = START

    def now(self):
        return self.time


class Gate(RuleBasedStateMachine):
    """A target that keeps breaking. Whatever is approved is done at once; a person may do more than the gate lets pass."""

    @initialize(
        limits=st.fixed_dictionaries(
            {
                "max_switches": st.integers(1, 3),
                "switch_window_s": st.sampled_from([600, 3_600, 7_200]),
                "hold_down_s": st.sampled_from([0, 60, 900]),
                "cool_down_s": st.sampled_from([0, 60, 900]),
                "actions_per_hour": st.integers(1, 4),
                "give_up_after": st.integers(1, 3),
                "hourly_budget": st.integers(1, 6),
                "daily_budget": st.integers(1, 12),
            }
        ),
        kind=st.sampled_from(["freeze", "maintenance"]),
    )
    def begin(self, limits, kind):
        self.clock = Clock()
        self.build = Build(self.clock)
        window = PolicyWindow(name="evening", kind=kind, start=time(18), end=time(20))
        self.policy = PolicySettings(windows=(window,), **limits)
        self.done: list[Performed] = []
        self.switched: list[datetime] = []
        self.paused = False
        self.east_has_them = True

    @rule(minutes=st.sampled_from([0.5, 1, 5, 16, 61, 130, 700]))
    def time_passes(self, minutes):
        self.clock.time += timedelta(minutes=minutes)

    @rule()
    def pause_or_arm(self):
        self.paused = not self.paused

    @rule(kind=st.sampled_from(["failover", "restart", "scale"]), helped=st.sampled_from([True, False, None]))
    def a_person_does_it(self, kind, helped):
        self._do(kind, automatic=False, helped=helped)

    @precondition(lambda self: self.done)
    @rule()
    def the_last_one_is_undone(self):
        last = self.done[-1]
        self.done.append(Performed(last.kind, "demo", last.region, self.clock.now(), automatic=True, helped=False, undo=True))

    @rule(
        kind=st.sampled_from(["failover", "restart", "scale"]),
        helped=st.sampled_from([True, False, None]),
        record=st.sampled_from([0.85, 0.86, 0.99]),
    )
    def the_swarm_proposes_it(self, kind, helped, record):
        build, now = self.build, self.clock.now()
        plan = build.strategy(
            getattr(build, kind)(), fault_class=FAULTS[kind], confidence=build.confidence(record), created_at=now
        )
        decision = decide(build, plan, policy=self.policy, history=History(tuple(self.done), paused=self.paused))
        expected = self._expected(kind, record)
        assert (decision.verdict == "approve") is (not expected), (expected, decision)
        assert against(decision) == expected
        if decision.verdict == "approve":
            self._do(kind, automatic=True, helped=helped)

    def _do(self, kind, *, automatic, helped):
        region = None if kind == "failover" else "east"
        self.done.append(Performed(KINDS[kind], "demo", region, self.clock.now(), automatic=automatic, helped=helped))
        if automatic and kind == "failover":
            self.switched.append(self.clock.now())

    def _expected(self, kind, record):
        """The rules that must speak against it, counted here by themselves."""
        now, p = self.clock.now(), self.policy
        ago = [(now - d.at, d) for d in self.done]
        same = [(a, d) for a, d in ago if d.kind == KINDS[kind]]
        moves = [a for a, d in ago if d.kind == "failover_region"]
        kept = {
            "paused": self.paused,
            "window." + p.windows[0].kind: 18 <= now.hour < 20,
            "confidence.threshold": record <= 0.85,
            "budget.action": sum(a < HOUR for a, _ in same) >= p.actions_per_hour,
            "cool_down": any(a.total_seconds() < p.cool_down_s for a, _ in same),
            "give_up": sum(a < DAY and d.helped is False and not d.undo for a, d in same) >= p.give_up_after,
            "budget.hour": sum(a < HOUR for a, _ in ago) >= p.hourly_budget,
            "budget.day": sum(a < DAY for a, _ in ago) >= p.daily_budget,
        }
        if kind == "failover":
            kept["hold_down"] = any(a.total_seconds() < p.hold_down_s for a in moves)
            kept["switches.window"] = sum(a.total_seconds() < p.switch_window_s for a in moves) >= p.max_switches
        return {name for name, broken in kept.items() if broken}

    @invariant()
    def at_most_so_many_automatic_switches_in_any_window(self):
        if not hasattr(self, "switched"):
            return
        span = timedelta(seconds=self.policy.switch_window_s)
        for first in self.switched:
            assert sum(first <= at < first + span for at in self.switched) <= self.policy.max_switches
        pairs = zip(self.switched, self.switched[1:], strict=False)
        assert all((b - a).total_seconds() >= self.policy.hold_down_s for a, b in pairs)


TestGate = Gate.TestCase
TestGate.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
