"""The Strategist and the Diagnostician on the bus: what they propose, to whom they leave it, and what a person's wish does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.diagnostician import Diagnostician
from agents.events import FailoverRequested, IncidentDiagnosed, IncidentEscalated, RollbackFinished, StrategyRefused
from agents.foundry import Choice, EmbeddedReasoner
from agents.incident import evolve
from agents.records import Tried
from agents.seams import Record
from agents.strategist import Strategist

CATALOGUE = load_catalogue()


class Records:
    async def record(self, action, fault_class, target):
        return Record(17, 0, 0.85)


class Chooser(EmbeddedReasoner):
    """Chooses what the test says, as a model would."""

    name = "m"

    def __init__(self, index, word):
        super().__init__(CATALOGUE)
        self.choice = Choice(index, "because\x1b[31m", word, "m")

    async def choose(self, incident, candidates, on_thought, now):
        return self.choice


def strategist(build, reasoner=None, **world):
    reasoner = reasoner or EmbeddedReasoner(CATALOGUE)
    inventory = FixedInventory(build.world(**world))
    return Strategist(reasoner=reasoner, inventory=inventory, track_record=Records(), catalogue=CATALOGUE, max_attempts=3)


def diagnosed(build, fault="region_down", *, tried=(), **changes):
    diagnosis = build.diagnosis(fault).model_copy(update=changes)
    incident = build.fold(build.opened(), IncidentDiagnosed(diagnosis=diagnosis))
    return incident.model_copy(update={"tried": tuple(Tried(strategy=s, result="no") for s in tried)})


async def proposal(build, incident, payload=None, agent=None):
    payload = payload or IncidentDiagnosed(diagnosis=incident.diagnosis)
    outcome = await (agent or strategist(build)).handle(build.event(payload), build.context(incident))
    return outcome.emit[0].data.strategy if outcome.emit else None


async def test_it_proposes_the_first_remedy_with_the_numbers_that_stand_behind_it(build):
    plan = await proposal(build, diagnosed(build))
    assert plan.actions == (build.failover(),)
    assert (plan.confidence.outcomes, plan.confidence.evidence, plan.confidence.word) == (17, 0.95, None)
    assert plan.requested_by is None


@pytest.mark.parametrize(("said", "chosen", "word"), [(0.4, 0.9, 0.4), (0.9, 0.4, 0.4), (None, 0.7, 0.7), (0.7, None, 0.7)])
async def test_of_two_words_the_lower_counts(build, said, chosen, word):
    agent = strategist(build, Chooser(1, chosen))
    plan = await proposal(build, diagnosed(build, "process_degraded", word=said), agent=agent)
    assert plan.actions[0].kind == "failover_region"
    assert plan.confidence.word == word
    assert plan.rationale == "because"


async def test_after_so_many_attempts_a_person_is_called(build):
    tried = [build.strategy(build.restart(), id=f"s{n}") for n in range(3)]
    plan = await proposal(build, diagnosed(build, tried=tried))
    assert plan.actions == (build.page(),)
    assert "3 strategies did not help" in plan.rationale


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (3, "3 strategies waited too long"),
        (2, "1 strategy did not help, 2 strategies waited too long"),
        (1, "2 strategies did not help, 1 strategy waited too long"),
    ],
)
async def test_whoever_is_called_is_not_told_that_what_waited_too_long_did_not_help(build, late, said):
    incident = diagnosed(build, tried=[build.strategy(build.restart(), id=f"s{n}") for n in range(3)])
    tried = tuple(one.model_copy(update={"anew": n < late}) for n, one in enumerate(incident.tried))
    plan = await proposal(build, incident.model_copy(update={"tried": tried}))
    assert plan.actions == (build.page(),)
    assert plan.rationale == said


async def test_with_nothing_left_a_person_is_called_and_told_the_remedy(build):
    plan = await proposal(build, diagnosed(build, tried=[build.strategy()]))
    assert plan.actions == (build.page(),)
    assert "for region_down the remedy would be failover_region" in plan.rationale


async def test_whoever_is_called_for_a_region_without_users_is_not_told_to_move_them(build):
    east, west = build.world().regions
    moved = (replace(east, traffic=0), replace(west, traffic=100))
    plan = await proposal(build, diagnosed(build), agent=strategist(build, regions=moved))
    assert plan.actions == (build.page(),)
    assert plan.rationale == "nothing that may be done here is left to try; no users are sent to east"


@pytest.mark.parametrize("fault", ["region_down", "shared_dependency"])
async def test_where_nothing_may_be_done_a_person_is_called(build, fault):
    plan = await proposal(build, diagnosed(build, fault), agent=strategist(build, allowed=frozenset()))
    assert plan.actions == (build.page(),)
    assert "may not act on this target" in plan.rationale


async def test_a_class_that_this_version_does_not_know_goes_to_a_person(build):
    plan = await proposal(build, diagnosed(build, fault="gremlins"))
    assert plan.actions == (build.page(),)
    assert "'gremlins' is no fault class of this version" in plan.rationale


async def test_where_nothing_is_wrong_nothing_is_done(build):
    assert (await proposal(build, diagnosed(build, "healthy"))).actions[0].kind == "do_nothing"


async def test_it_speaks_only_where_a_plan_is_waited_for(build):
    for incident in (build.proposed(), build.awaiting(), build.acting(), build.undoing()):
        assert await proposal(build, incident) is None


class TestAWish:
    wish = FailoverRequested(target="demo", region="west", by="ada")

    async def test_it_is_proposed_under_the_person_s_name_without_a_diagnosis(self, build):
        incident = evolve(build.fold(build.opened().model_copy(update={"manual": True})), build.event(self.wish))
        plan = await proposal(build, incident, self.wish)
        assert (plan.requested_by, plan.actions, plan.fault_class) == ("ada", (build.failover(),), "manual")

    async def test_it_is_heard_also_after_plans_of_the_swarm_s_own_did_not_help(self, build):
        incident = evolve(diagnosed(build, tried=[build.strategy()] * 3), build.event(self.wish))
        plan = await proposal(build, incident, self.wish)
        assert (plan.requested_by, plan.actions) == ("ada", (build.failover(),))

    async def test_where_the_users_may_not_be_moved_that_is_what_a_person_is_told(self, build):
        agent = strategist(build, allowed=frozenset({"restart_service"}))
        plan = await proposal(build, evolve(diagnosed(build), build.event(self.wish)), self.wish, agent)
        assert plan.actions == (build.page(),)
        assert plan.rationale == "Overwatch may not move the users of demo"

    async def test_what_was_done_before_it_stays_known_to_the_gate(self, build):
        acting = build.acting(build.strategy())
        escalated = evolve(evolve(acting, build.event(build.finished(acting))), build.event(IncidentEscalated(reason="not sure")))
        wished = evolve(escalated, build.event(self.wish))
        assert [tried.strategy.id for tried in wished.tried] == [acting.strategy.id]

    async def test_said_again_it_is_heard_again(self, build):
        incident = evolve(diagnosed(build, tried=[build.strategy(requested_by="ada")]), build.event(self.wish))
        assert (await proposal(build, incident, self.wish)).requested_by == "ada"

    @pytest.mark.parametrize("after", ["refused", "rolled back"])
    async def test_once_it_was_refused_or_did_not_help_it_is_not_repeated(self, build, after):
        refused = StrategyRefused(strategy="INC-1/s1", by="policy", reasons=("no",), again=True)
        payload = refused if after == "refused" else RollbackFinished(strategy="INC-1/s1", complete=True, summary="no")
        wished = evolve(diagnosed(build, tried=[build.strategy(requested_by="ada")]), build.event(self.wish))
        plan = await proposal(build, wished.model_copy(update={"status": "retry"}), payload)
        assert plan.requested_by is None

    async def test_once_it_came_to_nothing_and_nothing_is_diagnosed_a_person_is_told_so(self, build):
        wished = evolve(build.fold(build.opened().model_copy(update={"manual": True})), build.event(self.wish))
        tried = (Tried(strategy=build.strategy(requested_by="ada"), result="it did not help"),)
        undone = RollbackFinished(strategy="INC-1/s1", complete=True, summary="no")
        plan = await proposal(build, wished.model_copy(update={"status": "retry", "tried": tried}), undone)
        assert plan.actions == (build.page(),)
        assert plan.rationale.endswith("no fault is diagnosed, and the failover to west that ada asked for came to nothing")

    @pytest.mark.parametrize("region", ["north", "east"])
    async def test_for_a_region_that_is_not_there_or_has_the_users_already_a_person_is_told(self, build, region):
        wish = self.wish.model_copy(update={"region": region})
        plan = await proposal(build, evolve(diagnosed(build), build.event(wish)), wish)
        assert plan.actions == (build.page(),)
        assert region in plan.rationale


async def test_the_diagnostician_answers_an_open_incident_aloud(build):
    incident = build.fold(build.opened())
    context = build.context(incident)
    outcome = await Diagnostician(EmbeddedReasoner(CATALOGUE)).handle(build.event(build.opened()), context)
    assert isinstance(outcome.emit[0].data, IncidentDiagnosed)
    assert context.telemetry.items
    assert {thought.source for thought in context.telemetry.items} == {"embedded"}


async def test_the_diagnostician_is_silent_on_a_person_s_wish_and_on_what_moved_on(build):
    manual = build.fold(build.opened().model_copy(update={"manual": True}))
    for incident in (manual, build.proposed(), None):
        agent = Diagnostician(EmbeddedReasoner(CATALOGUE))
        assert (await agent.handle(build.event(build.opened()), build.context(incident))).emit == ()


@pytest.mark.parametrize(("seconds", "kind"), [(120, "failover_region"), (121, "page_person")])
async def test_what_was_asked_for_while_the_swarm_was_away_is_not_done_at_another_time(build, seconds, kind):
    wish = build.event(FailoverRequested(target="demo", region="west", by="ada"))
    incident = evolve(build.fold(build.opened()), wish)
    build.clock.advance(seconds)
    (said,) = (await strategist(build).handle(wish, build.context(incident))).emit
    plan = said.data.strategy
    assert plan.actions[0].kind == kind
    assert ("ask again" in plan.rationale) is (kind == "page_person")
