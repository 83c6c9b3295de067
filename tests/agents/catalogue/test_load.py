"""The catalogue: whole, in agreement with the rules and the tools, and refused where it contradicts itself."""

from __future__ import annotations

from typing import get_args

import pytest

from agents.catalogue import CatalogueError, load_catalogue
from agents.catalogue.load import read_catalogue
from agents.facts import ActionKind
from agents.foundry.rules import RULES

CATALOGUE = load_catalogue()
TOUCHES_NOTHING = {"page_person", "do_nothing"}


def test_every_action_is_there_and_those_that_touch_nothing_have_no_tool():
    assert set(CATALOGUE.actions) == set(get_args(ActionKind))
    assert {kind for kind, spec in CATALOGUE.actions.items() if spec.tool is None} == TOUCHES_NOTHING


def test_every_fault_has_a_remedy_and_calling_a_person_or_waiting_is_never_harmful():
    for fault in CATALOGUE.faults.values():
        assert fault.right
        assert not set(fault.harmful) & TOUCHES_NOTHING


def test_every_rule_is_about_a_fault_class_of_the_catalogue():
    assert set(RULES) <= set(CATALOGUE.faults)


@pytest.mark.parametrize("fault", ["healthy", "inconclusive", "never heard of"])
def test_where_nothing_is_known_to_help_everything_that_touches_something_is_harmful(fault):
    assert CATALOGUE.harmful(fault) == set(CATALOGUE.actions) - TOUCHES_NOTHING


@pytest.mark.parametrize(
    ("fault", "action"),
    [
        ("shared_dependency", "failover_region"),
        ("observer_fault", "failover_region"),
        ("network_flap", "failover_region"),
        ("replication", "failover_region"),
        ("crash", "failover_region"),
        ("capacity", "restart_service"),
        ("region_down", "restart_service"),
        ("connection_exhaustion", "scale_service"),
        ("db_lock", "restart_service"),
        ("bad_deploy", "restart_service"),
    ],
)
def test_the_remedies_that_make_it_worse_are_named(fault, action):
    assert action in CATALOGUE.harmful(fault)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="region_down"):
        CATALOGUE.fault("regoin_down")
    with pytest.raises(KeyError, match="restart_service"):
        CATALOGUE.action("reboot")


ACTION = '[[action]]\nkind = "restart_service"\ntool = "restart_service"\nabout = "a"\nreversible = true\nexpected_effect = "e"\n'
FAULT = '[[fault]]\nid = "crash"\nabout = "a"\nprior = 0.1\nright = ["restart_service"]\n'


def test_the_smallest_catalogue_is_read():
    assert read_catalogue(ACTION + FAULT).fault("crash").right == ("restart_service",)


CONTRADICTIONS = {
    "both right and harmful": ACTION + FAULT + 'harmful = ["restart_service"]\n',
    "which are no actions": ACTION + FAULT + 'harmful = ["scale_service"]\n',
    "'crash' is there twice": ACTION + FAULT + FAULT,
    "'restart_service' is there twice": ACTION + ACTION + FAULT,
    "right.0": ACTION + FAULT.replace('["restart_service"]', '["reboot"]'),
    "prior": ACTION + FAULT.replace("0.1", "1.5"),
    "tool": ACTION.replace('tool = "restart_service"', 'tool = "rm"') + FAULT,
    "harmfull": ACTION + FAULT + 'harmfull = ["restart_service"]\n',
    "about": ACTION + FAULT.replace('about = "a"\n', ""),
    "'action'": FAULT,
    "can't be read": "[[fault",
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_catalogue_that_contradicts_itself_is_refused_with_the_entry(what):
    with pytest.raises(CatalogueError, match=what):
        read_catalogue(CONTRADICTIONS[what])
