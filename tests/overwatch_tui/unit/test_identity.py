"""Who is written down: what the kernel knows first, what sudo says where sudo was really there, and never what anybody says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.events import is_person
from overwatch_tui import identity
from overwatch_tui.identity import Facts, facts, name_of, person, person_of

NAMES = {0: "root", 1000: "ada", 1001: "grace", 990: "overwatch"}
SUDO = {"SUDO_UID": "1000", "SUDO_USER": "ada"}


@pytest.mark.parametrize(
    ("known", "who"),
    [
        (Facts(1000, 1000, {}), "ada"),
        (Facts(1000, None, {}), "ada"),
        (Facts(990, 1000, {}), "ada"),
        (Facts(990, None, SUDO), "ada"),
        (Facts(0, None, SUDO), "ada"),
        (Facts(990, None, {}), "overwatch"),
        (Facts(0, None, {}), "root"),
        (Facts(1000, 0, {}), "root"),
        (Facts(4242, None, {}), "uid-4242"),
        (Facts(990, 4242, {}), "uid-4242"),
    ],
)
def test_the_person_behind_a_shared_account_is_recorded_as_far_as_it_is_known(known, who):
    assert person_of(known, NAMES.get) == who
    assert is_person(who)


def test_the_kernel_s_word_counts_more_than_sudo_s():
    assert person_of(Facts(990, 1001, SUDO), NAMES.get) == "grace"


@pytest.mark.parametrize(
    "said",
    [
        {"SUDO_USER": "ada"},
        {"SUDO_UID": "1001", "SUDO_USER": "ada"},
        {"SUDO_UID": "x", "SUDO_USER": "ada"},
        {"SUDO_UID": "-1", "SUDO_USER": "ada"},
        {"SUDO_UID": "²", "SUDO_USER": "ada"},
        {"SUDO_UID": "9" * 40, "SUDO_USER": "ada"},
        {"SUDO_UID": "4242", "SUDO_USER": "nobody-here"},
    ],
)
def test_what_sudo_would_not_say_like_this_is_not_believed(said):
    assert person_of(Facts(990, None, said), NAMES.get) == "overwatch"


def proc(folder: Path, login: str | None, *parents: tuple[int, str, int, int]) -> Path:
    """A /proc with these parents: pid, name, effective uid, its parent."""
    (folder / "self").mkdir()
    if login is not None:
        (folder / "self" / "loginuid").write_text(login)
    for pid, name, uid, parent in parents:
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "status").write_text(f"Name:\t{name}\nPPid:\t{parent}\nUid:\t1000\t{uid}\t{uid}\t{uid}\n")
    return folder


@pytest.mark.parametrize(("login", "known"), [("1000", 1000), ("4294967295", None), ("", None), ("what", None), (None, None)])
def test_the_login_is_read_as_the_kernel_tells_it(tmp_path, login, known):
    assert facts(proc(tmp_path, login)).login == known


@pytest.mark.parametrize(
    ("parents", "counts"),
    [
        ([("sudo", 0)], True),
        ([("sh", 990), ("sudo", 0)], True),
        ([("sudo", 1000)], False),
        ([("bash", 1000), ("sshd", 0)], False),
        ([("sh", 990)] * 20 + [("sudo", 0)], False),
        ([], False),
    ],
)
def test_sudo_is_believed_only_where_root_s_own_is_among_the_parents(tmp_path, monkeypatch, parents, counts):
    monkeypatch.setenv("SUDO_USER", "ada")
    monkeypatch.setattr("overwatch_tui.identity.os.getppid", lambda: 100)
    chain = [(100 + n, name, uid, 101 + n) for n, (name, uid) in enumerate(parents)]
    assert (facts(proc(tmp_path, None, *chain)).sudo.get("SUDO_USER") == "ada") is counts


def test_nobody_becomes_somebody_by_a_variable(monkeypatch):
    before = person()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "grace")
    monkeypatch.setenv("SUDO_UID", "1001")
    assert person() == before
    assert before in {name_of(os.getuid()), name_of(identity.facts().login or 0), f"uid-{os.getuid()}"}
