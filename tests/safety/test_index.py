"""The index beside this file names every property, the files that guard it, and the tests that prove it."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
PROPERTIES = [f"p{n:02}" for n in range(1, 21)]


def sections() -> dict[str, str]:
    """The text of each property's section of the index."""
    parts = re.split(r"^### (p\d\d) ", (HERE / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def named(section: str, label: str) -> set[str]:
    """The files that a line of a section names."""
    line = re.search(rf"^{label}: (.+)$", section, re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", line[1])) if line else set()


def test_every_property_has_a_section_in_order_and_a_test_of_its_own():
    assert list(sections()) == PROPERTIES
    assert {p for p in PROPERTIES if not list(HERE.glob(f"test_{p}_*.py"))} == set()


def test_every_test_file_is_named_where_its_property_is_and_nothing_else_is():
    for name, section in sections().items():
        assert named(section, "Tests") == {path.name for path in HERE.glob(f"test_{name}_*.py")}, name
    others = {p.name for p in HERE.glob("test_*.py") if not re.match(r"test_p(0[1-9]|1\d|20)_", p.name)}
    assert others == {Path(__file__).name}


def test_the_guards_that_are_named_are_those_that_are_taken_out_to_see_the_tests_fail():
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for entry in tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))["mutant"]:
        listed[entry["property"]].add(entry["file"])
    for name, section in sections().items():
        assert named(section, "Guards") == listed[name], name
