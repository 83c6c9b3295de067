"""Property 4: a number stands on what is stored. Citing nothing, or what does not exist, proves nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.confidence import bounded, confidence
from agents.diagnostician import Diagnostician
from agents.events import IncidentDiagnosed, IncidentOpened
from agents.facts import Observation, Symptom
from agents.foundry import EmbeddedReasoner, ModelReasoner
from agents.foundry.answers import DiagnosisAnswer
from agents.foundry.rules import RULES
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings
from agents.seams import Record
from agents.strategist import Strategist

CATALOGUE = load_catalogue()
EMBEDDED = EmbeddedReasoner(CATALOGUE)
PROVED = Record(60, 0, 0.95)
FREELY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)

METRICS = {
    "health": (0.0, 1.0),
    "probe_success": (0.0, 0.5, 1.0),
    "health_checks_database": (0.0, 1.0),
    "latency_p95": (40.0, 1800.0),
    "error_rate": (0.0, 0.4),
    "rps": (10.0, 40.0),
    "cpu": (20.0, 80.0, 99.0),
    "pool_utilisation": (0.2, 1.0),
    "rss": (100.0, 400.0),
    "replicas_ready": (1.0, 2.0),
    "traffic": (0.0, 50.0),
    "app_version_changed": (0.0, 1.0),
}
USUALLY = {"latency_p95": 40.0, "rps": 10.0, "rss": 100.0, "replicas_ready": 2.0, "cpu": 20.0}
KINDS = ("unreachable", "health_fail", "latency", "errors", "replicas_missing")


class Saying:
    """A client whose model says one thing, whether or not it would have passed the door."""

    name = "m"

    def __init__(self, **said) -> None:
        self.said = said

    async def ask(self, messages, answer, **_):
        return answer.model_validate_json(json.dumps(self.said))

    async def close(self) -> None: ...


def saying(incident, fault_class, cites, word=0.99):
    """A model's reasoner that names this class and cites these."""
    other = "crash" if fault_class != "crash" else "network"
    hypotheses = [
        {"fault_class": name, "probability": 0.5, "why": "so it seems", "cites": list(cites), "ruled_out": False}
        for name in (fault_class, other)
    ]
    said = {"reasoning": "", "hypotheses": hypotheses, "fault_class": fault_class, "cause": "", "cites": list(cites)}
    return ModelReasoner(Saying(**said, confidence=word), CATALOGUE, EMBEDDED)


@st.composite
def sights(draw):
    """What may be seen of two or three regions: every metric or none of them, any symptoms, with and without their evidence."""
    regions = draw(st.sampled_from([("east", "west"), ("east", "north", "west")]))
    values = {
        (region, metric): draw(st.none() | st.sampled_from(choices)) for region in regions for metric, choices in METRICS.items()
    }
    values[None, "users_error_rate"] = draw(st.none() | st.sampled_from([0.0, 0.4]))
    values[None, "regions"] = draw(st.none() | st.just(float(len(regions))))
    values[None, "platform"] = draw(st.none() | st.just(0.0))
    known = [(key, value) for key, value in values.items() if value is not None]
    seen = [(f"o{n}", *key, value) for n, (key, value) in enumerate(known, 1)]
    shown = draw(st.lists(st.tuples(st.sampled_from(regions), st.sampled_from(KINDS)), min_size=1, max_size=4, unique=True))
    ids = [id_ for id_, *_ in seen]
    proofs = [tuple(draw(st.lists(st.sampled_from([*ids, "o999"]), max_size=2))) for _ in shown]
    return seen, [(region, kind, proof) for (region, kind), proof in zip(shown, proofs, strict=True)]


def incident_of(build, sight, *, gone=frozenset()):
    seen, shown = sight
    now = build.clock.now()
    observations = tuple(
        Observation(id=id_, region=region, metric=metric, value=value, baseline=USUALLY.get(metric, 1.0), text=metric, at=now)
        for id_, region, metric, value in seen
        if id_ not in gone
    )
    symptoms = tuple(Symptom(kind=kind, region=region, observations=proof, since=now) for region, kind, proof in shown)
    return build.fold(IncidentOpened(target="demo", title="seen", symptoms=symptoms, observations=observations))


def outage(build):
    """A plain outage with all its evidence, which a proved record makes automatic."""
    dead = {"health": 0.0, "probe_success": 0.0, "replicas_ready": 2.0, "health_checks_database": 1.0}
    well = {"health": 1.0, "probe_success": 1.0, "replicas_ready": 2.0}
    values = [("east", m, v) for m, v in dead.items()] + [("west", m, v) for m, v in well.items()] + [(None, "regions", 2.0)]
    seen = [(f"o{n}", *fact) for n, fact in enumerate(values, 1)]
    return incident_of(build, (seen, [("east", "health_fail", ("o1",)), ("east", "errors", ("o2",))]))


class Proved:
    """A record that is good enough for everything."""

    async def record(self, action, fault_class, target):
        return PROVED


async def decided(build, incident, reasoner, policy=None):
    """The diagnosis and the decision, by way of the real agents."""
    policy = policy or PolicySettings()
    diagnosed = await Diagnostician(reasoner).handle(build.event(incident_opened(incident)), build.context(incident))
    event = diagnosed.emit[0]
    told = build.fold(incident_opened(incident), event.data)
    strategist = Strategist(
        reasoner=EMBEDDED,
        inventory=FixedInventory(build.world()),
        track_record=Proved(),
        catalogue=CATALOGUE,
        max_attempts=3,
    )
    proposed = await strategist.handle(event, build.context(told))
    whole = build.fold(incident_opened(incident), event.data, proposed.emit[0].data)
    now = build.clock.now()
    return event.data.diagnosis, judge(whole, whole.strategy, policy, build.world(), History(), CATALOGUE, now)


def incident_opened(incident):
    return IncidentOpened(
        target=incident.target, title=incident.title, symptoms=incident.symptoms, observations=incident.observations
    )


@FREELY
@given(sight=sights())
async def test_p04_every_claim_of_the_embedded_reasoner_cites_what_is_stored(build, sight):
    incident = incident_of(build, sight)
    stored = {o.id for o in incident.observations}
    found = EMBEDDED.classify(incident)
    assert set(found.cites) <= stored
    assert all(set(h.cites) <= stored for h in found.hypotheses)
    assert found.cites or found.evidence == 0


@FREELY
@given(sight=sights(), data=st.data())
def test_p04_taking_any_observation_away_never_raises_the_checklist_of_any_class(build, sight, data):
    ids = [id_ for id_, *_ in sight[0]]
    gone = data.draw(st.sets(st.sampled_from(ids), min_size=1)) if ids else set()
    whole, less = incident_of(build, sight), incident_of(build, sight, gone=gone)
    for fault_class in RULES:
        before, after = EMBEDDED.judge(fault_class, whole), EMBEDDED.judge(fault_class, less)
        assert after.score <= before.score, fault_class
        assert after.ruled_out >= before.ruled_out, fault_class


@FREELY
@given(sight=sights(), data=st.data())
def test_p04_taking_a_cited_observation_away_never_raises_what_the_embedded_reasoner_says(build, sight, data):
    found = EMBEDDED.classify(incident_of(build, sight))
    if not found.cites or found.fault_class == "inconclusive":
        return
    gone = data.draw(st.sets(st.sampled_from(found.cites), min_size=1))
    assert EMBEDDED.classify(incident_of(build, sight, gone=gone)).evidence <= found.evidence


@FREELY
@given(sight=sights(), data=st.data(), fault_class=st.sampled_from(sorted(CATALOGUE.faults)))
async def test_p04_taking_a_cited_observation_away_never_raises_what_a_model_s_answer_is_worth(build, sight, data, fault_class):
    ids = [id_ for id_, *_ in sight[0]]
    cites = data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)) if ids else []
    gone = data.draw(st.sets(st.sampled_from(cites), min_size=1)) if cites else set()
    worth = []
    for incident in (incident_of(build, sight), incident_of(build, sight, gone=gone)):
        found = await saying(incident, fault_class, cites).diagnose(incident, lambda _: None, build.clock.now())
        assert set(found.cites) <= {o.id for o in incident.observations}
        worth.append(found.evidence)
    assert worth[1] <= worth[0]


async def test_p04_with_its_evidence_and_a_proved_record_an_outage_is_automatic(build):
    """What the other tests take away is there to begin with."""
    found, decision = await decided(build, outage(build), EMBEDDED)
    assert (found.fault_class, decision.verdict) == ("region_down", "approve"), decision
    found, decision = await decided(build, outage(build), saying(outage(build), "region_down", ["o1", "o2"]))
    assert (found.source, decision.verdict) == ("m", "approve"), decision


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.85])
@pytest.mark.parametrize("cites", [(), ("o99",), ("o99", "no such thing")], ids=["nothing", "a strange id", "strange ids"])
async def test_p04_citing_nothing_or_what_does_not_exist_is_never_automatic_whatever_the_threshold(build, cites, threshold):
    incident = outage(build)
    found, decision = await decided(
        build, incident, saying(incident, "region_down", cites), PolicySettings(threshold=threshold, min_outcomes=0)
    )
    assert (found.source, found.cites, found.evidence) == ("m", (), 0)
    assert decision.verdict == "ask"


async def test_p04_citing_what_the_checklist_does_not_rest_on_is_no_citation(build):
    seen = outage(build)
    beside = Observation(id="o77", region="east", metric="rss", value=1, text="memory", at=build.clock.now())
    incident = build.fold(incident_opened(seen).model_copy(update={"observations": (*seen.observations, beside)}))
    found, decision = await decided(build, incident, saying(incident, "region_down", ["o77"]))
    assert (found.cites, found.evidence, decision.verdict) == (("o77",), 0, "ask")


async def test_p04_a_reasoner_that_makes_up_its_citations_is_bounded_at_the_door(build):
    class Liar:
        name = "liar"

        async def diagnose(self, incident, on_thought, now):
            honest = build.diagnosis()
            made_up = tuple(h.model_copy(update={"cites": ("o98",)}) for h in honest.hypotheses)
            return honest.model_copy(update={"cites": ("o98", "o99"), "hypotheses": made_up, "evidence": 1.0})

    found, decision = await decided(build, outage(build), Liar())
    assert (found.cites, found.evidence, decision.verdict) == ((), 0, "ask")
    assert all(h.cites == () for h in found.hypotheses)


async def test_p04_a_symptom_whose_observations_are_gone_is_hearsay(build):
    incident = outage(build)
    blind = incident.model_copy(update={"observations": tuple(o for o in incident.observations if o.region != "east")})
    assert EMBEDDED.judge("region_down", blind).ruled_out
    found, decision = await decided(build, blind, EMBEDDED)
    assert found.evidence < 0.85
    assert decision.verdict != "approve"


def test_p04_a_region_of_which_only_its_traffic_is_known_is_not_known_to_be_well(build):
    seen = outage(build)
    kept = tuple(o for o in seen.observations if o.region != "west")
    traffic = Observation(id="o50", region="west", metric="traffic", value=0, text="nobody", at=build.clock.now())
    assert not EMBEDDED.judge("region_down", seen).ruled_out
    assert EMBEDDED.judge("region_down", seen.model_copy(update={"observations": (*kept, traffic)})).ruled_out


@FREELY
@given(sight=sights())
async def test_p04_the_same_inputs_give_the_same_number(build, sight):
    incident = incident_of(build, sight)
    shuffled = incident.model_copy(update={"observations": incident.observations[::-1], "symptoms": incident.symptoms[::-1]})
    first, again = EMBEDDED.classify(incident), EMBEDDED.classify(shuffled)
    assert (first.fault_class, first.evidence, first.cites) == (again.fault_class, again.evidence, again.cites)
    assert confidence(PROVED, first.evidence, 0.9) == confidence(replace(PROVED), again.evidence, 0.9)


@given(evidence=st.floats(0, 1), cites=st.lists(st.text(max_size=5), max_size=5), stored=st.sets(st.text(max_size=5)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_p04_the_bound_keeps_what_is_stored_and_never_raises(build, evidence, cites, stored):
    said = build.diagnosis().model_copy(update={"evidence": evidence, "cites": tuple(cites)})
    kept = bounded(said, stored)
    assert set(kept.cites) == set(cites) & stored
    assert kept.evidence == (evidence if kept.cites else 0)
    assert bounded(kept, stored) == kept


def test_p04_an_answer_of_a_model_has_no_field_for_the_evidence_or_the_record():
    fields = set(DiagnosisAnswer.model_fields)
    assert fields.isdisjoint({"evidence", "track_record", "outcomes", "blast_radius", "reversible"})
    assert IncidentDiagnosed.TYPE in Strategist.types
