"""Property 6: no name of the swarm's own is a person's, however it is written; any other name may be one."""

from __future__ import annotations

import pytest

from agents.durable.errors import ApprovalError
from agents.events import AGENTS, is_person

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
