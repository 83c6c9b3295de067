"""`make mutants` without the run: the list fits the tree, covers every property, and a survivor would be told."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from scripts import mutants

MUTANTS = mutants.load()
FEWEST, FEWEST_EACH = 60, 2


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.property} {m.guard}")
def test_each_guard_of_the_list_is_where_it_says_and_its_tests_are_there(mutant):
    assert mutants.without_guard(mutant)
    mutants.check_tests(mutant)


def test_every_property_has_at_least_two_guards_in_the_list():
    counted = Counter(mutant.property for mutant in MUTANTS)
    few = {p: counted[p] for p in (f"p{n:02}" for n in range(1, 21)) if counted[p] < FEWEST_EACH}
    assert few == {}
    assert set(counted) == {f"p{n:02}" for n in range(1, 21)}
    assert len(MUTANTS) >= FEWEST


def make(tmp_path, **changes):
    (tmp_path / "gate.py").write_text("def gate(x):\n    if x > 1:\n        return False\n    return True\n", encoding="utf-8")
    (tmp_path / "test_gate.py").write_text("def test_gate():\n    pass\n", encoding="utf-8")
    values = {
        "property": "p01",
        "guard": "much is refused",
        "file": "gate.py",
        "find": "    if x > 1:",
        "replace": "    if False:",
        "tests": ("test_gate.py::test_gate",),
    }
    return mutants.Mutant(**(values | changes))


def test_a_guard_that_is_there_once_is_taken_out(tmp_path):
    assert (
        mutants.without_guard(make(tmp_path), tmp_path) == "def gate(x):\n    if False:\n        return False\n    return True\n"
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"find": "if y:"}, "is 0 times"),
        ({"find": "return"}, "is 2 times"),
        ({"file": "gone.py"}, "is 0 times"),
        ({"replace": "    if (:"}, "is no Python"),
        ({"replace": "    if x > 1:  # noqa"}, "does the same without it"),
    ],
)
def test_an_entry_that_does_not_fit_the_tree_is_refused(tmp_path, changes, why):
    with pytest.raises(mutants.MutantListError, match=why):
        mutants.without_guard(make(tmp_path, **changes), tmp_path)


@pytest.mark.parametrize("tests", [(), ("gone.py",), ("test_gate.py::test_gat",), ("test_gate.py::test_gate_2",)])
def test_a_test_that_is_not_there_is_refused(tmp_path, tests):
    with pytest.raises(mutants.MutantListError, match="test"):
        mutants.check_tests(make(tmp_path, tests=tests), tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[mutant]]\nproperty = "p01"\nguard = "g"\ntests = []\n', "entry 1, 'g'"),
        ('[[mutant]]\nproperty = "p01"\nguard = "g"\nfile = "f"\nfind = "a"\nreplace = "b"\ntests = []\nmore = 1\n', "more"),
        (2 * '[[mutant]]\nproperty = "p01"\nguard = "g"\nfile = "f"\nfind = "a"\nreplace = "b"\ntests = ["t"]\n', "listed twice"),
    ],
)
def test_a_list_that_says_too_little_or_too_much_is_refused(tmp_path, text, why):
    path = tmp_path / "list.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(mutants.MutantListError, match=why):
        mutants.load(path)


class Scripted:
    """A copy whose tests end as told, with the guard in place first."""

    def __init__(self, status, said):
        self.status, self.said = status, said

    def without(self, mutant):
        import contextlib

        return contextlib.nullcontext()

    def test(self, tests, *more):
        return self.status, self.said


@pytest.mark.parametrize(
    ("status", "said", "word"),
    [
        (1, "F\nFAILED tests/safety/test_x.py::test_y - assert\n", "red"),
        (0, "1 passed\n", "still green"),
        (2, "ERROR tests/safety/test_x.py - NameError\n", "broken"),
        (1, "ERROR tests/safety/test_x.py::test_y - fixture\n", "broken"),
        (4, "ERROR: not found\n", "broken"),
        (None, "", "broken"),
    ],
)
def test_only_a_test_that_ran_and_failed_counts_as_red(tmp_path, status, said, word):
    assert mutants.judge(make(tmp_path), Scripted(status, said)).status == word


@pytest.mark.parametrize(("word", "status"), [("red", 0), ("still green", 1), ("broken", 1)])
def test_one_survivor_is_enough_to_fail(monkeypatch, capsys, word, status):
    def judged(chosen, jobs):
        for n, mutant in enumerate(chosen):
            yield mutants.Result(mutant.property, mutant.guard, mutant.file, word if n == 0 else "red", "t", 0.1)

    monkeypatch.setattr(mutants, "judge_all", judged)
    assert mutants.main(["--json", "--only", "p06"]) == status
    told = json.loads(capsys.readouterr().out)
    assert told["survivors"] == (word != "red")
    assert told["results"][0]["status"] == word


def test_only_and_list_choose_and_show(capsys):
    assert mutants.main(["--list", "--json", "--only", "p11"]) == 0
    assert {entry["property"] for entry in json.loads(capsys.readouterr().out)} == {"p11"}
    assert mutants.main(["--list", "--only", "no such guard"]) == 2
    assert "no guard is listed" in capsys.readouterr().err
