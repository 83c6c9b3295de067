"""Property 6, by reading the code: no agent, and nothing that they act through, has a way to a person's word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from agents.durable.store import Store
from agents.events import A_PERSON_S_WORD

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"decide_approval", "edit_strategy", "request_failover", "arm"}
"""What writes a person's word."""

WORDS = {payload.__name__ for payload in A_PERSON_S_WORD}
MODULES = {"agents.durable.approvals", "agents.durable.commands", "agents.edits"}

MAY_CALL = {"overwatch_tui/desk.py", "overwatch_tui/cli/approvals.py"}
"""A desk with a person before it, and a person's command line. The bus, the agents and the hand are not among them."""

MAY_SAY = {"agents/durable/approvals.py", "agents/durable/commands.py", "agents/orchestrator/cases.py"}
"""The last one writes people's own cases for the gate; no log takes them in, and no agent imports it."""

MAY_IMPORT = {"agents/durable/store.py", "agents/durable/approvals.py", "overwatch_tui/cli/approvals.py"}


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    paths = [path for top in ("agents", "overwatch_tui", "mcp/tools", "mini_app") for path in sorted((ROOT / top).rglob("*.py"))]
    return tuple((path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())) for path in paths)


def calls(tree: ast.AST) -> Iterator[str]:
    """The names of what is called, however it is reached."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # for getattr and the like


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_p06_the_doors_are_the_store_s_own_methods():
    assert {name for name in DOORS if callable(getattr(Store, name, None))} == DOORS


@pytest.mark.parametrize("door", sorted(DOORS))
def test_p06_nothing_below_the_control_room_calls_what_decides(door):
    callers = {path for path, tree in modules() if door in calls(tree)}
    assert [path for path in callers if not path.startswith("overwatch_tui/")] == []
    assert callers, f"nobody calls {door} any more: what is it for?"


@pytest.mark.parametrize("door", sorted(DOORS - {"arm"}))
def test_p06_nobody_but_a_desk_and_the_command_line_calls_what_decides(door):
    assert {path for path, tree in modules() if door in calls(tree)} <= MAY_CALL


def test_p06_nobody_but_what_is_behind_the_log_s_own_facade_makes_a_person_s_word():
    made = {
        path
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        if (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) in WORDS
    }
    assert made == MAY_SAY
    importers = {path for path, tree in modules() if "agents.orchestrator.cases" in set(imports(tree))}
    assert [path for path in importers if not path.startswith("overwatch_tui/cli/")] == []


def test_p06_nobody_but_the_store_and_the_command_line_imports_what_writes_it():
    importers = {path for path, tree in modules() if MODULES & set(imports(tree))}
    assert importers == MAY_IMPORT


def test_p06_the_hand_has_no_tool_for_it():
    tools = {
        node.name
        for path, tree in modules()
        if path.startswith("mcp/tools/")
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and any("tool" in ast.unparse(mark) for mark in node.decorator_list)
    }
    assert {"restart_service", "switch_traffic", "get_operation"} <= tools, "this is how a tool is found"
    assert not [name for name in tools if any(word in name for word in ("approv", "decide", "confirm", "reject"))]
