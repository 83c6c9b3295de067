"""The registry of actions and the keymap."""

from __future__ import annotations

import pytest

from overwatch_tui.actions import ACTIONS, BY_ID, KeymapError, check_keymap

CONTRACT = {
    "chaos.degrade": "d",
    "chaos.outage": "o",
    "chaos.recover": "r",
    "chaos.menu": "c",
    "approval.approve": "a",
    "approval.reject": "x",
    "failover.force": "f",
    "automation.pause": "p",
    "incident.open": "enter",
    "filter": "slash",
    "filter.next": "n",
    "filter.previous": "N",
    "copy": "y",
    "pane.zoom": "z",
    "quit": "q",
}


def test_the_ids_and_keys_that_people_rely_on():
    assert {name: BY_ID[name].keys for name in CONTRACT} == CONTRACT
    assert BY_ID["help"].keys.startswith("question_mark")


def test_ids_are_unique_and_everything_has_help():
    assert len(BY_ID) == len(ACTIONS)
    assert all(action.help and action.label for action in ACTIONS)


def test_no_two_actions_share_a_key():
    assert check_keymap({}) == {}


def test_only_plain_keys_are_used():
    for action in ACTIONS:
        assert not any(part in action.keys for part in ("ctrl", "alt", "shift"))


def test_an_unknown_id_is_refused_with_the_nearest():
    with pytest.raises(KeymapError, match=r"'aproval.approve' is no action: did you mean 'approval.approve'"):
        check_keymap({"aproval.approve": "e"})


def test_one_key_for_two_actions_is_refused():
    with pytest.raises(KeymapError, match=r"'x' would be both"):
        check_keymap({"approval.approve": "x"})


def test_swapping_two_keys_is_fine():
    swap = {"approval.approve": "x", "approval.reject": "a"}
    assert check_keymap(swap) == swap


@pytest.mark.parametrize("keys", ["", " ", "a,,b"])
def test_an_action_without_a_key_is_refused(keys):
    with pytest.raises(KeymapError, match="has no key"):
        check_keymap({"copy": keys})


def test_the_programs_own_keys_can_not_be_taken():
    with pytest.raises(KeymapError, match=r"'ctrl\+q' can't be given"):
        check_keymap({"copy": "ctrl+q"})
