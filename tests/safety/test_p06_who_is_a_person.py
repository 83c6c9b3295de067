"""Property 6: no name of the swarm's own is a person's, however it is written; any other name may be one."""

from __future__ import annotations

import pytest

from agents.durable.errors import ApprovalError
from agents.events import AGENTS, AutomationArmed, FailoverRequested, is_person
from agents.seams import Outcome

DISGUISED = [
    *AGENTS,
    *(name.lower() for name in AGENTS),
    *(name.upper() for name in AGENTS),
    "policy",
    "POLICY",
    "deadline",
    " Sentry",
    "Sentry ",
    "Traffic  Controller",
    "TrafficController",
    "traffic-controller",
    "traffic_controller",
    "\u200bSentry",
    "Sen\u00adtry",
    "\u202eSentry\u202c",
    "Sentry\x07",
    "S\u0435ntry",  # Cyrillic e
    "\u039frchestrator",  # Greek omicron
    "\u041erchestrator",  # Cyrillic o
    "Log\u0456stics",  # Ukrainian i
    "Logıstics",
    "Ｓｅｎｔｒｙ",
    "𝐒𝐞𝐧𝐭𝐫𝐲",
    "Séntry",
    "0rchestrator",
    "Po1icy",
    "po|icy",
    "PoIicy",  # a capital i for the l
    "Ροlicy",  # Greek rho and omicron
    "",
    " ",
    "\u200b",
    "...",
]


@pytest.mark.parametrize("name", DISGUISED)
def test_p06_a_name_of_the_swarm_s_own_is_no_person_however_it_is_written(name):
    assert not is_person(name)


@pytest.mark.parametrize(
    "name",
    ["ada", "root", "Ada Lovelace", "uid-1000", "ada@example.org", "Анна", "Ελένη", "李雷", "sentry-ada", "police"],
)
def test_p06_people_of_any_script_are_people(name):
    assert is_person(name)


@pytest.mark.parametrize("name", ["orchestrator", " Sentry", "\u041erchestrator", "Traffic  Controller", "\u200b"])
async def test_p06_such_a_name_decides_nothing_and_moves_nobody(store, name):
    with pytest.raises(ApprovalError, match="not a person"):
        await store.decide_approval("INC-1", approved=True, by=name)
    with pytest.raises(ApprovalError, match="not a person"):
        await store.request_failover("demo", "west", by=name)
    assert await store.incidents() == []


@pytest.mark.parametrize("name", ["Orchestrator", "policy", " sentry"])
async def test_p18_nobody_of_the_swarm_arms_what_a_person_paused(store, name):
    await store.pause(by="ada")
    with pytest.raises(ApprovalError, match="not a person"):
        await store.arm(by=name)
    assert (await store.automation()).paused


async def test_p06_an_agent_s_answer_that_puts_words_into_a_person_s_mouth_is_not_kept(store, build):
    opened = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    await store.pause(by="ada")
    words = (
        build.decided(build.awaiting()),
        FailoverRequested(target="demo", region="west", by="ada"),
        AutomationArmed(by="ada"),
    )
    for data in words:
        with pytest.raises(ApprovalError, match="is not a person and can't say"):
            await store.commit("Strategist", opened, Outcome(emit=(build.event(data),)), 1)
    assert len(await store.events_of("INC-1")) == 1
    assert (await store.automation()).paused
