"""The MCP server: reads and acts on the configured targets, over stdio or streamable HTTP.

It answers at once and gets its login ready in the background. When its client goes away (stdio) or a signal comes it finishes
what is under way, then ends. It logs to stderr; over stdio, stdout belongs to the protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from overwatch_mcp.clean_logs import take_secrets_out
from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import load_config
from overwatch_mcp.errors import OverwatchToolError
from overwatch_mcp.http_options import HttpOptions, add_http_options, http_options
from overwatch_mcp.journal import Journal
from overwatch_mcp.journal_retention import keep_short
from overwatch_mcp.logins import take_logins
from overwatch_mcp.loopback import spare_loopback
from overwatch_mcp.resources import add_resources
from overwatch_mcp.tools import add_tools
from overwatch_mcp.workshop import DRAIN_SECONDS, Workshop

logger = logging.getLogger(__name__)

WARM_DELAY_SECONDS = 0.05
"""From the first answer to the imports that would have delayed it."""

INSTRUCTIONS = (
    "Reads and changes services on Azure Container Apps in several regions. Every write takes an operation_id: repeating a call "
    "with the same id never acts twice and returns the stored result. Use dry_run to see what would be done. A status of "
    "'unknown' means that the outcome could not be observed: look with get_operation and get_service_state, do not repeat."
)


def main(argv: Sequence[str] | None = None, open_journal: Callable[[Path], Journal] = Journal) -> int:
    """Serve until the client goes away, or a signal comes; returns the exit status."""
    parser = argparse.ArgumentParser(prog="overwatch-mcp", description="The MCP server of Overwatch.")
    parser.add_argument("--transport", default="stdio", choices=("stdio", "http"), help="(default: %(default)s)")
    parser.add_argument("--config", type=Path, help="the configuration file (else OVERWATCH_MCP_CONFIG)")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    add_http_options(parser)
    options = parser.parse_args(argv)
    logging.basicConfig(level=options.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    take_secrets_out()
    for talkative in ("aiohttp", "httpx2", "mcp", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    logging.getLogger("azure").setLevel(logging.ERROR)
    spare_loopback(os.environ)
    try:
        door = http_options(options) if options.transport == "http" else None
        return asyncio.run(_serve(options.config, open_journal, door))
    except OverwatchToolError as error:
        logger.error("%s", error)  # noqa: TRY400 - the text is for whoever configures; a traceback would hide it
        return 2


def build_server(workshop: Workshop, on_first_answer: Callable[[], None]) -> MCPServer[Any]:
    """The server with its tools; `on_first_answer` is called once, when the first message has been answered."""
    waiting = [on_first_answer]

    async def first_answer(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        answer = await call_next(ctx)
        while waiting:
            waiting.pop()()
        return answer

    server = MCPServer[Any]("overwatch", version=_version(), instructions=INSTRUCTIONS, middleware=[first_answer])
    add_tools(server, workshop)
    add_resources(server, workshop)
    return server


def _version() -> str:
    try:
        return metadata.version("overwatch-tui")
    except metadata.PackageNotFoundError:
        return "unknown"


async def _serve(config: Path | None, open_journal: Callable[[Path], Journal], door: HttpOptions | None) -> int:
    settings = load_config(config)
    take_logins(settings.login_file, os.environ)
    workshop = Workshop(settings, SystemClock(), open_journal=open_journal)
    loop = asyncio.get_running_loop()
    warming: list[asyncio.Task[None]] = []

    def warm() -> None:
        warming.append(asyncio.create_task(keep_short(workshop.journal, settings.keep_days, workshop.clock), name="retention"))
        loop.call_later(WARM_DELAY_SECONDS, lambda: warming.append(asyncio.create_task(workshop.platforms.warm(), name="warm")))

    server = build_server(workshop, warm)
    try:
        if door is None:
            await _serve_stdio(server, workshop)
        else:
            from overwatch_mcp.http_server import serve_http  # noqa: PLC0415 - over stdio nobody waits for it

            await serve_http(server, workshop, door)
        await _drain(workshop)
    finally:
        for task in warming:
            task.cancel()
        await asyncio.gather(*warming, return_exceptions=True)
        await workshop.close()
    return 0


async def _serve_stdio(server: MCPServer[Any], workshop: Workshop) -> None:
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stopping.append(asyncio.create_task(_stop(workshop))))
    try:
        await server.run_stdio_async()
    except Exception:
        logger.exception("the connection broke")
    logger.info("the client is gone")


async def _drain(workshop: Workshop) -> None:
    left = await workshop.operations.drain(DRAIN_SECONDS)
    if left:
        logger.error("%d operations did not end within %.0f s: the journal knows them as started", left, DRAIN_SECONDS)


async def _stop(workshop: Workshop) -> None:
    """End on a signal: reading stdin can't be interrupted, so the process ends here, once nothing is under way."""
    logger.info("asked to stop")
    await _drain(workshop)
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
