"""The list of all keys, and where it says that others can be chosen."""

from __future__ import annotations

import re

from agents.settings import Settings
from overwatch_tui.actions import ACTIONS
from overwatch_tui.modals.help import help_rows


def test_the_help_names_the_table_where_other_keys_are_set():
    said = " ".join(text for row in help_rows({"approval.approve": ("a",)}) for line in row.lines for text, _ in line)
    (section, key) = re.findall(r"under \[(\w+)\.(\w+)\]", said)[0]
    set_ = Settings.model_validate({section: {key: {"approval.approve": "f2"}}})
    assert set_.screen.keys == {"approval.approve": "f2"}


def test_without_the_ids_every_line_fits_on_the_narrowest_screen():
    rows = help_rows({action.id: tuple(action.keys.split(",")) for action in ACTIONS}, ids=False)
    assert max(len("".join(text for text, _ in line)) for row in rows for line in row.lines) <= 68
