"""A look at the public address, as a user has it: who answers?"""

from __future__ import annotations

import aiohttp

from overwatch_mcp.config import TargetConfig
from overwatch_mcp.plain_text import plain
from overwatch_mcp.platform import ProbeAnswer

PROBE_SECONDS = 5.0
REGION_HEADER = "x-region"


class PublicProbe:
    """Asks through the public address; each time on a new connection, which the edge may send elsewhere."""

    def __init__(self, config: TargetConfig) -> None:
        self._url = None if config.public_url is None else f"{config.public_url}{config.probe_path}"
        self._session = aiohttp.ClientSession(
            # Traffic Manager answers by name: a name that is remembered shows the region of before.
            connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS),
            trust_env=True,
        )

    async def ask(self) -> ProbeAnswer:
        """One look; never raises for what the network does."""
        if self._url is None:
            return ProbeAnswer(None, None, "no public_url is configured")
        try:
            async with self._session.get(self._url, allow_redirects=False) as response:
                region = response.headers.get(REGION_HEADER)
                return ProbeAnswer(None if region is None else plain(region, 63), response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return ProbeAnswer(None, None, f"no answer ({type(error).__name__})")

    async def close(self) -> None:
        """Let connections go."""
        await self._session.close()
