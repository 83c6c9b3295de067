"""What users see during a drill, measured by a probe of the drill's own through the public address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

PERIOD_SECONDS = 0.2
SLOW_SECONDS = 1.0
"""An answer that takes longer counts as not served."""


@dataclass(frozen=True, slots=True)
class Look:
    """One request: when it was sent (loop time, seconds), how long it took, and whether a user would call it served."""

    at: float
    seconds: float
    served: bool


class UserProbe:
    """Asks the public address five times a second, however slow the answers are."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.looks: list[Look] = []

    async def run(self) -> None:
        """Probe until cancelled."""
        timeout = aiohttp.ClientTimeout(total=SLOW_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._look(session))
                await asyncio.sleep(PERIOD_SECONDS)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with session.get(self._url) as response:
                await response.read()
                served = response.status < 500
        except (aiohttp.ClientError, TimeoutError, OSError):
            served = False
        self.looks.append(Look(at=began, seconds=loop.time() - began, served=served))


def healed_after(looks: Sequence[Look], injected: float, until: float) -> float | None:
    """Seconds from the injection to the first served request after which none failed before `until`.

    None where users never noticed, or were still failing at `until`.
    """
    window = sorted((look for look in looks if injected <= look.at <= until), key=lambda look: look.at)
    failed = [index for index, look in enumerate(window) if not look.served]
    if not failed or failed[-1] == len(window) - 1:
        return None
    first = window[failed[-1] + 1]
    return round(first.at + first.seconds - injected, 2)
