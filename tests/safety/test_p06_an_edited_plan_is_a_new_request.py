"""Property 6: an edited plan is a new request, never automatic, and bound anew; what can't be bound is refused."""

from __future__ import annotations

import pytest
from approvals_support import decisions, gate, waiting
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.durable.errors import ApprovalError
from agents.edits import Edit, EditError, edited
from agents.events import ApprovalRequested, StrategyApproved, StrategyEdited, StrategyProposed, StrategyRefused
from agents.facts import Action, Call
from agents.incident import IllegalTransitionError, evolve
from agents.orchestrator.policy import History, judge
from agents.policy_settings import PolicySettings
from agents.seams import Outcome
from agents.strategist.plans import remedies


def scaling(build, **changes):
    return build.strategy(build.scale(3), fault_class="capacity", blast_radius=0.0, **changes)


def going_back(build, revision="demo-east--r1"):
    call = Call(tool="rollback_revision", target="demo", region="east", revision=revision)
    back = call.model_copy(update={"revision": "demo-east--r2"})
    return build.strategy(Action(kind="rollback_revision", call=call, inverse=back), fault_class="bad_deploy")


def deploying(build):
    call = Call(tool="deploy_container", target="demo", region="east", image="mini-app:2")
    back = call.model_copy(update={"image": "mini-app:1"})
    return build.strategy(Action(kind="deploy_container", call=call, inverse=back), fault_class="bad_deploy")


async def test_p06_the_old_request_is_void_and_nothing_of_it_counts_for_the_new_plan(store, build):
    id_ = await waiting(store, build, scaling(build), needs=2)
    await store.decide_approval(id_, approved=True, by="ada")
    plan = await store.edit_strategy("INC-1", Edit(replicas=4), by="grace")
    incident = await store.incident("INC-1")
    assert (incident.status, incident.approval, incident.strategy) == ("proposed", None, plan)
    assert plan.actions[0].call.replicas == 4
    for by in ("grace", "linus"):
        with pytest.raises(ApprovalError, match="moved on"):
            await store.decide_approval(id_, approved=True, by=by)
    assert [d.by for d in await decisions(store)] == ["ada"]


async def test_p06_the_edited_plan_is_bound_anew_and_only_the_new_binding_approves_it(store, build, clock):
    id_ = await waiting(store, build, scaling(build))
    old = (await store.incident("INC-1")).approval
    await store.edit_strategy(id_, Edit(replicas=4), by="grace")
    said = (await store.events_of("INC-1"))[-1]
    incident = await store.incident("INC-1")
    outcome = await gate(FixedInventory(build.world())).handle(said, build.context(incident))
    await store.commit("Orchestrator", said, outcome, incident.version)
    new = (await store.incident("INC-1")).approval
    assert new.id != old.id
    assert new.binding != old.binding
    with pytest.raises(ApprovalError, match="another plan"):
        await store.decide_approval("INC-1", approved=True, by="ada", binding=old.binding)
    stands = await store.decide_approval("INC-1", approved=True, by="ada", binding=new.binding)
    assert (stands.id, stands.approved) == (new.id, True)


@pytest.mark.parametrize("policy", [{}, {"threshold": 0.0, "min_outcomes": 0}])
async def test_p06_an_edited_plan_is_never_automatic_however_sure_the_swarm_is(build, policy):
    plan = scaling(build, confidence=build.confidence(0.99, outcomes=1_000))
    incident = build.awaiting(plan)
    new = edited(plan, Edit(replicas=4), by="grace", id_="INC-1.s1v4")
    said = build.event(StrategyEdited(approval="A1", replaces=plan.id, strategy=new, by="grace"))
    incident = evolve(incident, said)
    (answer,) = (await gate(FixedInventory(build.world()), **policy).handle(said, build.context(incident))).emit
    assert isinstance(answer.data, ApprovalRequested)
    assert any("grace edited it" in reason for reason in answer.data.reasons)
    proposed = build.proposed(plan)
    event = build.event(StrategyProposed(strategy=plan))
    (automatic,) = (await gate(FixedInventory(build.world()), **policy).handle(event, build.context(proposed))).emit
    assert isinstance(automatic.data, StrategyApproved), "the same plan, not edited, would have been automatic"


def test_p06_an_edit_borrows_no_wish_of_a_person_s(build):
    plan = build.strategy(edited_by="grace", requested_by="grace")
    incident = build.proposed(plan).model_copy(update={"failover_to": "west", "failover_by": "grace"})
    verdict = judge(incident, plan, PolicySettings(), build.world(), History(), load_catalogue(), build.clock.now()).verdict
    assert verdict != "approve"


async def test_p06_what_the_gate_denies_it_denies_of_an_edited_plan_too(build):
    plan = scaling(build)
    incident = build.awaiting(plan)
    new = edited(plan, Edit(replicas=40), by="grace", id_="INC-1.s1v4")
    said = build.event(StrategyEdited(approval="A1", replaces=plan.id, strategy=new, by="grace"))
    (answer,) = (await gate(FixedInventory(build.world())).handle(said, build.context(evolve(incident, said)))).emit
    assert isinstance(answer.data, StrategyRefused)
    assert "40 replicas are outside 1 to 5" in answer.data.reasons[0]


REFUSED = [
    (scaling, Edit(replicas=0), "leave nobody serving"),
    (scaling, Edit(replicas=3), "says already"),
    (scaling, Edit(replicas=2), "how things stand now"),
    (scaling, Edit(to="west"), "change replicas"),
    (scaling, Edit(), "exactly|give one of"),
    (scaling, Edit(replicas=4, to="west"), "give one of"),
    (lambda build: build.strategy(), Edit(to="north"), "choose one of"),
    (lambda build: build.strategy(), Edit(to="east"), "how things stand now"),
    (lambda build: build.strategy(), Edit(replicas=4), "change to"),
    (lambda build: build.strategy(build.restart()), Edit(replicas=4), "reject it with a reason"),
    (lambda build: build.strategy(build.page()), Edit(replicas=4), "can't be edited"),
    (lambda build: build.strategy(build.restart(), build.failover()), Edit(to="west"), "2 steps"),
    (lambda build: build.strategy(requested_by="ada"), Edit(to="east"), "ask for another failover"),
    (deploying, Edit(image="mini-app:3\x1b[31m"), "is no image"),
    (deploying, Edit(image="--privileged"), "is no image"),
    (going_back, Edit(revision="a b"), "is no revision"),
    (going_back, Edit(revision=""), "is no revision"),
]


@pytest.mark.parametrize(("plan", "edit", "why"), REFUSED)
async def test_p06_an_edit_that_can_not_be_bound_is_refused_and_changes_nothing(store, build, plan, edit, why):
    id_ = await waiting(store, build, plan(build))
    before = await store.incident("INC-1")
    with pytest.raises(ApprovalError, match=why):
        await store.edit_strategy(id_, edit, by="ada")
    assert await store.incident("INC-1") == before


@pytest.mark.parametrize("name", ["", "policy", "Sentry", "\u041erchestrator"])
async def test_p06_no_agent_edits(store, build, name):
    id_ = await waiting(store, build, scaling(build))
    with pytest.raises(ApprovalError, match="not a person"):
        await store.edit_strategy(id_, Edit(replicas=4), by=name)
    with pytest.raises(EditError, match="not a person"):
        edited(scaling(build), Edit(replicas=4), by=name, id_="new")


async def test_p06_no_agent_s_answer_holds_an_edit(store, build):
    id_ = await waiting(store, build, scaling(build))
    new = edited(scaling(build), Edit(replicas=4), by="ada", id_="new")
    said = StrategyEdited(approval=id_, replaces="INC-1/s1", strategy=new, by="ada")
    asked = (await store.events_of("INC-1"))[-1]
    with pytest.raises(ApprovalError, match="is not a person and can't say"):
        await store.commit("Strategist", asked, Outcome(emit=(build.event(said),)), 4)


async def test_p06_an_edit_that_the_gate_denies_does_not_take_the_swarm_s_own_plan_away(build):
    plan = scaling(build)
    new = edited(plan, Edit(replicas=40), by="grace", id_="INC-1.s1v4")
    said = build.event(StrategyEdited(approval="A1", replaces=plan.id, strategy=new, by="grace"))
    incident = evolve(build.awaiting(plan), said)
    (answer,) = (await gate(FixedInventory(build.world())).handle(said, build.context(incident))).emit
    after = evolve(incident, answer)
    assert (after.status, after.attempt) == ("retry", 1)
    assert [action.kind for action, _, _ in remedies(after, build.world(), load_catalogue())][:1] == ["scale_service"]


async def test_p06_what_has_run_out_or_was_decided_is_not_edited(store, build, clock):
    id_ = await waiting(store, build, scaling(build), ttl_s=60)
    clock.advance(61)
    with pytest.raises(ApprovalError, match="expired"):
        await store.edit_strategy(id_, Edit(replicas=4), by="ada")
    clock.advance(-3600)
    with pytest.raises(ApprovalError, match="set the clock right"):
        await store.edit_strategy(id_, Edit(replicas=4), by="ada")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": "INC-1/s1"}, "is not an edited"),
        ({"edited_by": "ada"}, "is not an edited"),
        ({"edited_by": None}, "is not an edited"),
        ({"requested_by": "grace"}, "is not an edited"),
        ({"target": "shop"}, "something else"),
        ({"fault_class": "crash"}, "something else"),
        ({"attempt": 2}, "something else"),
    ],
)
def test_p06_what_is_no_edit_of_the_plan_does_not_fit_the_incident(build, change, why):
    plan = scaling(build)
    new = edited(plan, Edit(replicas=4), by="grace", id_="new").model_copy(update=change)
    with pytest.raises(IllegalTransitionError, match=why):
        evolve(build.awaiting(plan), build.event(StrategyEdited(approval="A1", replaces=plan.id, strategy=new, by="grace")))


@pytest.mark.parametrize("change", [{"approval": "A0"}, {"replaces": "INC-1/s0"}])
def test_p06_an_edit_of_another_request_does_not_fit_the_incident(build, change):
    plan = scaling(build)
    said = {"approval": "A1", "replaces": plan.id} | change
    new = edited(plan, Edit(replicas=4), by="grace", id_="new")
    with pytest.raises(IllegalTransitionError):
        evolve(build.awaiting(plan), build.event(StrategyEdited(strategy=new, by="grace", **said)))


def test_p06_an_approved_plan_is_not_edited_any_more(build):
    plan = scaling(build)
    incident = build.awaiting(plan)
    incident = evolve(incident, build.event(build.decided(incident)))
    new = edited(plan, Edit(replicas=4), by="grace", id_="new")
    with pytest.raises(IllegalTransitionError, match="not what INC-1 waits for"):
        evolve(incident, build.event(StrategyEdited(approval="A1", replaces=plan.id, strategy=new, by="grace")))


@pytest.mark.parametrize(
    ("plan", "edit", "does", "undo", "reach"),
    [
        (scaling, Edit(replicas=5), "scale_service east to 5 replicas", "scale_service east to 2 replicas", 0.0),
        (scaling, Edit(replicas=1), "scale_service east to 1 replicas", "scale_service east to 2 replicas", 0.5),
        (deploying, Edit(image="mini-app:3"), "deploy_container east mini-app:3", "deploy_container east mini-app:1", 1.0),
        (going_back, Edit(revision="r0"), "rollback_revision east to r0", "rollback_revision east to demo-east--r2", 1.0),
    ],
)
def test_p06_the_way_back_stays_and_the_reach_is_what_the_edit_touches(build, plan, edit, does, undo, reach):
    new = edited(plan(build), edit, by="ada", id_="new")
    (action,) = new.actions
    assert (action.call.describe(), action.inverse.describe(), new.blast_radius) == (does, undo, reach)
    assert new.edited_by == "ada"


def test_p06_another_destination_takes_everybody_and_touches_who_is_not_there_yet(build):
    weights = {"east": 60, "north": 30, "west": 10}
    call = Call(tool="switch_traffic", target="demo", weights={"east": 0, "north": 0, "west": 100})
    plan = build.strategy(Action(kind="failover_region", call=call, inverse=call.model_copy(update={"weights": weights})))
    new = edited(plan, Edit(to="north"), by="ada", id_="new")
    assert dict(new.actions[0].call.weights) == {"east": 0, "north": 100, "west": 0}
    assert dict(new.actions[0].inverse.weights) == weights
    assert new.blast_radius == pytest.approx(0.7)
