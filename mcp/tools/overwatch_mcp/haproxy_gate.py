"""Traffic between regions by HAProxy's runtime API: one server of one backend for each region."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from overwatch_mcp.config import HAProxyConfig
from overwatch_mcp.errors import DeniedError, LostError, MissingError, NotDoneError, PlatformError
from overwatch_mcp.models import Origin, TrafficState
from overwatch_mcp.plain_text import plain
from overwatch_mcp.weights import percentages

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
LARGEST_ANSWER = 256 * 1024
HEAVIEST = 256
"""The largest weight that HAProxy takes."""
_SHUT = 0x01 | 0x02 | 0x08 | 0x10 | 0x20 | 0x40
"""The bits of `srv_admin_state` that keep traffic away: maintenance (forced, inherited, by DNS) and draining. The one left out,
4, only remembers that the server began in maintenance."""
_FORMAT = "1"
"""The version of the answer to `show servers state`."""


@dataclass(frozen=True, slots=True)
class _Server:
    weight: int
    admin: int

    @property
    def enabled(self) -> bool:
        return not self.admin & _SHUT and self.weight > 0


class HAProxyGate:
    """The shares of the regions. Names come from the configuration alone; every change is read back."""

    def __init__(self, target: str, config: HAProxyConfig) -> None:
        self._target = target
        self._config = config
        self._show = f"show servers state {config.backend}"

    async def traffic(self, now: datetime) -> TrafficState:
        """Who is sent where. Raises PlatformError where a server is missing, or one that is no region takes traffic."""
        servers = await self._servers()
        regions = {name: region for region, name in self._config.servers.items()}
        for name, server in servers.items():
            if name not in regions and server.enabled:
                raise PlatformError(
                    f"backend {self._config.backend!r} sends traffic to {plain(name, 80)!r}, which is no region of "
                    f"{self._target!r}: add it to traffic.servers or put it into maintenance"
                )
        missing = sorted(set(regions) - set(servers))
        if missing:
            raise MissingError(f"backend {self._config.backend!r} has no server {missing}: correct traffic.servers")
        shares = {region: servers[name].weight if servers[name].enabled else 0 for region, name in self._config.servers.items()}
        return TrafficState(
            target=self._target,
            weights=percentages(shares),
            origins=[
                Origin(region=region, name=name, enabled=servers[name].enabled, weight=servers[name].weight)
                for region, name in self._config.servers.items()
            ],
            as_of=now,
        )

    async def set_server(self, region: str, weight: int) -> None:
        """Give a region's server a weight; 0 drains it, which lets what is under way end and keeps its health checks.

        Raises:
            NotDoneError: No other server would be left.
            LostError: The change was sent, but is not read back.
        """
        name = self._config.servers[region]
        server = f"{self._config.backend}/{name}"
        if not 0 <= weight <= HEAVIEST:
            raise NotDoneError(f"{weight} is no weight: take 0 to {HEAVIEST}")
        if weight:
            await self._set(f"set server {server} weight {weight}")
            await self._set(f"set server {server} state ready")
        else:
            others = [other for key, other in (await self._servers()).items() if key != name]
            if not any(other.enabled for other in others):
                raise NotDoneError(f"{server!r} is the only server that takes traffic: enable another one first")
            await self._set(f"set server {server} state drain")
        after = (await self._servers()).get(name)
        if after is None or after.enabled is not bool(weight) or (weight and after.weight != weight):
            raise LostError(f"{server!r} was told its weight {weight}, but that is not read back: {after}")
        if self._config.state_file is not None:
            await self._remember(self._config.state_file)

    async def _remember(self, path: Path) -> None:
        """Write what HAProxy is to begin with. The change itself is done, so that a full disk is no reason to call it failed."""
        try:
            await asyncio.to_thread(_replace, path, await self._ask(self._show))
        except (OSError, PlatformError) as error:
            logger.warning("HAProxy will forget this change when it is started anew: %r: %s", str(path), error)

    async def _set(self, command: str) -> None:
        """Send a command that answers nothing where it worked."""
        answer = plain(await self._ask(command), 200)
        if not answer:
            return
        text = f"HAProxy refused {command!r}: {answer}"
        if "permission denied" in answer.lower():
            raise DeniedError(f"{text}; give the socket `level admin`")
        if "no such" in answer.lower():
            raise MissingError(f"{text}; correct traffic.backend and traffic.servers")
        raise NotDoneError(text)

    async def _servers(self) -> Mapping[str, _Server]:
        answer = await self._ask(self._show)
        what = f"the answer about backend {self._config.backend!r}"
        lines = [line for line in answer.splitlines() if line.strip()]
        if not lines or lines[0].strip() != _FORMAT:
            said = plain(lines[0], 120) if lines else "nothing"
            if "find backend" in said.lower() or "no such" in said.lower():
                raise MissingError(f"HAProxy has no backend {self._config.backend!r} ({said}): correct traffic.backend")
            if "permission denied" in said.lower():
                raise DeniedError(f"HAProxy: {said}; give the socket `level admin`")
            raise PlatformError(f"{what} can't be read: {said!r}")
        header = lines[1].removeprefix("#").split() if len(lines) > 1 else []
        try:
            at = {key: header.index(key) for key in ("be_name", "srv_name", "srv_admin_state", "srv_uweight")}
            rows = [line.split() for line in lines[2:]]
            return {
                row[at["srv_name"]]: _Server(int(row[at["srv_uweight"]]), int(row[at["srv_admin_state"]]))
                for row in rows
                if row[at["be_name"]] == self._config.backend
            }
        except (ValueError, IndexError) as error:
            raise PlatformError(f"{what} can't be read: {plain(answer, 120)!r}") from error

    async def _ask(self, command: str) -> str:
        """One command on a connection of its own, which HAProxy closes behind its answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await self._connect()
        except TimeoutError as error:
            raise NotDoneError(f"HAProxy's socket {self._config.socket!r} can't be reached: no answer") from error
        except PermissionError as error:
            raise DeniedError(
                f"HAProxy's socket {self._config.socket!r} may not be opened: give this process the right"
            ) from error
        except OSError as error:
            raise NotDoneError(f"HAProxy's socket {self._config.socket!r} can't be reached: {error.strerror or error}") from error
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(f"{command}\n".encode())
                await writer.drain()
                answer = await reader.read(LARGEST_ANSWER)
                while not reader.at_eof() and len(answer) < LARGEST_ANSWER:
                    answer += await reader.read(LARGEST_ANSWER - len(answer))
        except (TimeoutError, OSError) as error:
            raise LostError(f"HAProxy did not answer {command!r} ({type(error).__name__})") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if len(answer) >= LARGEST_ANSWER:
            raise LostError(f"HAProxy answered {command!r} with more than {LARGEST_ANSWER} bytes")
        return answer.decode("utf-8", errors="replace")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._config.socket.startswith("/"):
            return await asyncio.open_unix_connection(self._config.socket)
        host, _, port = self._config.socket.rpartition(":")
        return await asyncio.open_connection(host, int(port))


def _replace(path: Path, text: str) -> None:
    """Write a file whole. HAProxy may write to its folder as well: whatever it put there leads nowhere else."""
    partial = path.with_name(f"{path.name}.part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
