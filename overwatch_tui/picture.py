"""A stored picture as SVG, without a terminal: for the documentation, and for looking at a screen in a review."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from overwatch_tui.app import OverwatchApp

if TYPE_CHECKING:
    from overwatch_tui.state.models import State
    from overwatch_tui.state.store import Store


def render_svg(
    store: Store,
    size: tuple[int, int],
    theme: str,
    *,
    press: tuple[str, ...] = (),
    ascii_only: bool = False,
    now: datetime | None = None,
) -> str:
    """The control room with this store's state at `size` (columns, rows), after the keys of `press`.

    `now` is the time of the picture; without it, that of the newest sample. Must not be called where an event loop runs.
    """
    at = now or newest(store.state)

    async def picture() -> str:
        app = OverwatchApp(None, theme=theme, ascii_only=ascii_only, keymap={}, read_only=False, clock=lambda: at, store=store)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.press(*press)
            await pilot.pause()
            return app.export_screenshot(title="Overwatch")

    return asyncio.run(picture())


def newest(state: State) -> datetime:
    """When the newest sample was taken, or the last entry made; the present where there is neither."""
    times = [region.sample.at for target in state.targets for region in target.regions]
    times += [entry.at for entry in state.entries[-1:]]
    return max(times, default=datetime.now(UTC))
