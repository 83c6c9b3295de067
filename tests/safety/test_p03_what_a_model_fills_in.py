"""Property 3: each field that a model fills in, changed at will, leaves the decision as it was or makes it stricter."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.confidence import veto
from agents.events import IncidentDiagnosed, StrategyProposed
from agents.facts import Hypothesis
from agents.foundry import EmbeddedReasoner
from agents.foundry.answers import ChoiceAnswer, DiagnosisAnswer
from agents.foundry.client import parse
from agents.foundry.reasoner import Choice
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings
from agents.seams import Record
from agents.strategist import Strategist

CATALOGUE = load_catalogue()
STRICTER = ("approve", "ask", "page", "refuse")
NO_SHARE = [math.nan, math.inf, -math.inf, -0.01, 1.01]
WORDS = st.none() | st.floats(0, 1)
TEXTS = st.text(max_size=40)
HYPOTHESES = st.lists(
    st.builds(
        Hypothesis,
        fault_class=st.sampled_from(sorted(CATALOGUE.faults)),
        probability=st.floats(0, 1),
        why=TEXTS,
        cites=st.lists(st.sampled_from(["o1", "o99"]), max_size=2).map(tuple),
        ruled_out=st.booleans(),
    ),
    max_size=4,
)


class Records:
    """A record good enough for the gate."""

    async def record(self, action, fault_class, target):
        return Record(60, 0, 0.95)


class Chooser(EmbeddedReasoner):
    """Chooses as it is told, and says so."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(CATALOGUE)
        self._choice = choice

    async def choose(self, incident, candidates, on_thought, now):
        return self._choice


async def decide(build, diagnosis, choice):
    """The plan that the real Strategist makes of a diagnosis and a choice, and the gate's decision on it."""
    diagnosed = IncidentDiagnosed(diagnosis=diagnosis)
    incident = build.fold(build.opened(), diagnosed)
    strategist = Strategist(
        reasoner=Chooser(choice),
        inventory=FixedInventory(build.world()),
        track_record=Records(),
        catalogue=CATALOGUE,
        max_attempts=3,
    )
    said = (await strategist.handle(build.event(diagnosed), build.context(incident))).emit[0].data
    assert isinstance(said, StrategyProposed)
    whole = build.fold(build.opened(), diagnosed, said)
    decision = judge(whole, said.strategy, PolicySettings(), build.world(), History(), CATALOGUE, build.clock.now())
    return said.strategy, decision


async def test_p03_without_a_model_the_plan_is_automatic(build):
    """What the other tests could open is open to begin with, so that only stricter is left."""
    _, decision = await decide(build, build.diagnosis(), Choice(0, "the first"))
    assert decision.verdict == "approve"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(cause=TEXTS, hypotheses=HYPOTHESES, words=st.tuples(WORDS, WORDS), why=TEXTS, source=TEXTS, record=st.floats(0, 1))
async def test_p03_whatever_a_model_says_of_cause_hypotheses_word_and_plan_opens_nothing(
    build, cause, hypotheses, words, why, source, record
):
    plain = build.diagnosis().model_copy(update={"evidence": record})
    said = {"cause": cause, "hypotheses": tuple(hypotheses), "word": words[0], "source": source}
    before, silent = await decide(build, plain, Choice(0, "the first"))
    after, spoken = await decide(build, plain.model_copy(update=said), Choice(0, why, words[1], source))
    assert STRICTER.index(spoken.verdict) >= STRICTER.index(silent.verdict)
    assert after.confidence.value <= before.confidence.value
    for field in ("actions", "blast_radius", "target", "fault_class", "requested_by"):
        assert getattr(after, field) == getattr(before, field), field
    for number in ("track_record", "evidence", "outcomes"):
        assert getattr(after.confidence, number) == getattr(before.confidence, number), number


@pytest.mark.parametrize("number", NO_SHARE)
async def test_p03_a_word_that_is_no_number_between_0_and_1_is_no_trust_and_goes_to_a_person(build, number):
    plan, decision = await decide(build, build.diagnosis().model_copy(update={"word": 0.99}), Choice(0, "sure", number, "m"))
    assert plan.confidence.word == 0
    assert decision.verdict == "ask"


@pytest.mark.parametrize("number", NO_SHARE)
def test_p03_the_lowest_word_counts_and_what_is_no_share_is_the_lowest(number):
    assert veto(0.9, number) == veto(number, 0.9) == veto(number) == 0
    assert veto(0.9, None, 0.4) == 0.4
    assert veto(None) is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1.01", "-0.01", "1e999", '"high"', '"0.9"', "null", "true"])
def test_p03_an_answer_with_such_a_word_is_no_answer(number):
    choice = f'{{"reasoning": "", "plan": "p0", "why": "", "confidence": {number}}}'
    assert parse(choice, ChoiceAnswer, lambda _: None)[0] is None
    one = '{"fault_class": "crash", "probability": 0.5, "why": "", "cites": [], "ruled_out": false}'
    said = f'{{"reasoning": "", "hypotheses": [{one}, {one}], "fault_class": "crash", "cause": "", "cites": [], '
    assert parse(f'{said}"confidence": {number}}}', DiagnosisAnswer, lambda _: None)[0] is None
    assert parse(f'{said}"confidence": 0.5}}', DiagnosisAnswer, lambda _: None)[0] is not None
