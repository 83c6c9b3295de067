"""Property 2: whatever can't be judged is not done, and says why."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.events import IncidentEscalated, StrategyProposed, StrategyRefused
from agents.facts import Confidence
from agents.orchestrator import History, Orchestrator, judge
from agents.policy_settings import PolicySettings


class Broken:
    """Anything asked of it fails."""

    def __getattr__(self, name):
        raise RuntimeError("the policy is broken")


def test_p02_an_error_in_the_policy_refuses_with_the_reason(build):
    plan = build.strategy()
    decision = judge(build.proposed(plan), plan, Broken(), build.world(), History(), load_catalogue(), build.clock.now())
    assert decision.verdict == "refuse"
    assert "the policy is broken" in decision.reasons[0]


@pytest.mark.parametrize("field", ["world", "history", "catalogue"])
def test_p02_an_error_in_any_input_refuses(build, field):
    plan = build.strategy()
    inputs = {"world": build.world(), "history": History(), "catalogue": load_catalogue(), field: Broken()}
    decision = judge(build.proposed(plan), plan, PolicySettings(), now=build.clock.now(), **inputs)
    assert decision.verdict == "refuse"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.01, 1.01])
def test_p02_a_confidence_that_is_no_number_between_0_and_1_refuses(build, number):
    broken = Confidence.model_construct(track_record=number, evidence=number, word=None, outcomes=99)
    plan = build.strategy().model_copy(update={"confidence": broken})
    decision = judge(
        build.proposed(build.strategy()), plan, PolicySettings(), build.world(), History(), load_catalogue(), build.clock.now()
    )
    assert decision.verdict == "refuse"
    assert "not a number between 0 and 1" in decision.reasons[0]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.01, 1.01])
@pytest.mark.parametrize("part", ["track_record", "evidence", "word"])
def test_p02_one_such_number_among_good_ones_refuses(build, part, number):
    parts = {"track_record": 0.95, "evidence": 0.95, "word": None, "outcomes": 99.0, part: number}
    plan = build.strategy().model_copy(update={"confidence": Confidence.model_construct(**parts)})
    decision = judge(
        build.proposed(build.strategy()), plan, PolicySettings(), build.world(), History(), load_catalogue(), build.clock.now()
    )
    assert decision.verdict == "refuse"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.01, 1.01])
def test_p02_a_reach_that_is_no_share_of_users_refuses(build, number):
    plan = build.strategy().model_copy(update={"blast_radius": number})
    decision = judge(build.proposed(), plan, PolicySettings(), build.world(), History(), load_catalogue(), build.clock.now())
    assert decision.verdict == "refuse"


@pytest.mark.parametrize("number", [math.nan, -1.0])
def test_p02_a_record_of_no_number_of_outcomes_refuses(build, number):
    broken = build.confidence().model_copy(update={"outcomes": number})
    plan = build.strategy().model_copy(update={"confidence": broken})
    decision = judge(build.proposed(), plan, PolicySettings(), build.world(), History(), load_catalogue(), build.clock.now())
    assert decision.verdict == "refuse"


@pytest.mark.parametrize("number", [math.nan, math.inf, -0.01, 1.01, "high"])
def test_p02_such_a_confidence_can_not_even_be_said(number):
    with pytest.raises(ValidationError):
        Confidence(track_record=number, evidence=0.9)


def test_p02_a_missing_field_can_not_be_said(build):
    content = build.strategy().model_dump()
    del content["confidence"]
    with pytest.raises(ValidationError):
        type(build.strategy()).model_validate(content)


class FailingPast:
    async def recent_incidents(self, target):
        raise OSError("the journal can't be read")

    async def paused(self):
        return False


async def test_p02_a_journal_that_can_not_be_read_emits_no_decision(build):
    incident = build.proposed()
    orchestrator = Orchestrator(PolicySettings(), FixedInventory(build.world()), FailingPast(), load_catalogue())
    with pytest.raises(OSError, match="journal"):
        await orchestrator.handle(build.event(StrategyProposed(strategy=incident.strategy)), build.context(incident))


async def test_p02_a_broken_policy_is_visible_as_a_refusal(build):
    class EmptyPast:
        async def recent_incidents(self, target):
            return ()

        async def paused(self):
            return False

    incident = build.proposed()
    orchestrator = Orchestrator(Broken(), FixedInventory(build.world()), EmptyPast(), load_catalogue())
    outcome = await orchestrator.handle(build.event(StrategyProposed(strategy=incident.strategy)), build.context(incident))
    (event,) = outcome.emit
    assert isinstance(event.data, StrategyRefused)
    assert "nothing is done" in event.data.reasons[0]


async def test_p02_a_gate_that_can_not_judge_calls_a_person_once(build):
    class EmptyPast:
        async def recent_incidents(self, target):
            return ()

        async def paused(self):
            return False

    incident = build.proposed(build.strategy(build.page(), rationale="nothing is left to try"))
    orchestrator = Orchestrator(Broken(), FixedInventory(build.world()), EmptyPast(), load_catalogue())
    event = build.event(StrategyProposed(strategy=incident.strategy))
    (said,) = (await orchestrator.handle(event, build.context(incident))).emit
    assert isinstance(said.data, IncidentEscalated)
    assert said.data.reason.startswith("nothing is left to try; ")
    assert "could not be judged" in said.data.reason
