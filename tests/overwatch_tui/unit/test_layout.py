"""Rows as lines."""

from __future__ import annotations

from overwatch_tui.widgets.layout import Layout, Row


def row(key: object, *lines: str, selectable: bool = True, indent: int = 0) -> Row:
    return Row(str(key), tuple(((line, "plain"),) for line in lines), selectable=selectable, indent=indent)


def laid(*rows: Row, width: int = 20, wrap: bool = True) -> Layout:
    layout = Layout(wrap=wrap, ascii_only=False)
    layout.lay(rows, width)
    return layout


def test_a_long_line_is_wrapped_and_its_rest_stands_in():
    layout = laid(row(1, "14:02 east: latency and errors", indent=6))
    assert [line.plain.rstrip() for line in layout.lines] == ["14:02 east: latency", "      and errors"]


def test_without_wrapping_a_long_line_is_cut_with_a_mark():
    assert laid(row(1, "x" * 30), wrap=False).lines[0].plain == "x" * 19 + "…"


def test_every_line_knows_its_row():
    layout = laid(row(1, "a"), row(2, "b", "c"), row(3, "d"))
    assert [layout.row_at(y) for y in range(4)] == [0, 1, 1, 2]
    assert [layout.span(n) for n in range(3)] == [(0, 1), (1, 3), (3, 4)]


def test_a_place_is_found_again_when_rows_before_it_are_gone():
    layout = laid(row(1, "a"), row(2, "b", "c"), row(3, "d"))
    anchor = layout.anchor(2)
    layout.lay((row(2, "b", "c"), row(3, "d")), 20)
    assert anchor is not None
    assert layout.find(anchor) == 1
    layout.lay((row(3, "d"),), 20)
    assert layout.find(anchor) is None


def test_headings_are_stepped_over():
    layout = laid(row(1, "head", selectable=False), row(2, "a"), row(3, "head", selectable=False), row(4, "b"))
    assert layout.selectable(None, 1) == 1
    assert layout.selectable(1, 1) == 3
    assert layout.selectable(1, -1) is None
    assert layout.last == 3
    assert layout.near(2) == 3
    assert laid(row(1, "head", selectable=False)).near(0) is None
    assert laid().near(3) is None


def test_a_row_that_did_not_change_is_not_laid_out_again():
    first = row(1, "a")
    layout = laid(first)
    before = layout.lines[0]
    layout.lay((first, row(2, "b")), 20)
    assert layout.lines[0] is before
    layout.lay((first,), 10)
    assert layout.lines[0] is not before
