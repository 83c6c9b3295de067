"""Twenty times a second: what the buffer holds is folded into the store, and shown once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from overwatch_tui.bridge.buffer import Batch, Buffer, Rewound
from overwatch_tui.state.models import State

if TYPE_CHECKING:
    from overwatch_tui.state.store import Store

RATE = 1 / 20
"""Seconds between two drains."""


class Pump:
    """Drains `buffer` into a store and hands each new state to `show`. Runs in the screen's thread."""

    def __init__(self, buffer: Buffer, show: Callable[[State], None], store: Store | None = None) -> None:
        self._buffer = buffer
        self._show = show
        self._store = store

    @property
    def state(self) -> State:
        """The state as it was shown last."""
        return State() if self._store is None else self._store.state

    def tick(self) -> bool:
        """Show what came since the last tick, or what was too much for it; False where there is nothing."""
        batch = self._buffer.drain()
        if batch is None:
            if self._store is None or not self._store.behind:
                return False
            batch = Batch()
        if self._store is None:
            from overwatch_tui.state.store import Store  # noqa: PLC0415 - its models wait until after the first paint

            self._store = Store()
        for notice in batch.notices:
            if isinstance(notice, Rewound):
                self._store = notice.store
        self._show(self._store.apply(batch))
        return True
