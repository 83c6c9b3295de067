"""A stored picture as SVG, without a terminal: for the documentation, and for looking at a screen in a review."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from overwatch_tui.app import OverwatchApp

if TYPE_CHECKING:
    from overwatch_tui.state.store import Store


def render_svg(
    store: Store,
    size: tuple[int, int],
    theme: str,
    *,
    clock: Callable[[], datetime],
    press: tuple[str, ...] = (),
    ascii_only: bool = False,
    read_only: bool = False,
) -> str:
    """The control room with this store's state at `size` (columns, rows), after the keys of `press`."""

    async def picture() -> str:
        app = OverwatchApp(None, theme=theme, ascii_only=ascii_only, keymap={}, read_only=read_only, clock=clock, store=store)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.press(*press)
            await pilot.pause()
            return app.export_screenshot(title="Overwatch")

    return asyncio.run(picture())
