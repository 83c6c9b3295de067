"""Runs one write tool from the command line, through the same envelope, journal and locks as the server.

Arguments come as `--name value`; the result is printed as JSON. The exit status is 0 where it succeeded or was planned, 1
where it failed or is unknown, 2 where it was refused or made no sense.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import WriteTool, load_config
from overwatch_mcp.errors import OverwatchToolError, RequestError
from overwatch_mcp.loopback import spare_loopback
from overwatch_mcp.models import WriteResult
from overwatch_mcp.operations import Call
from overwatch_mcp.workshop import DRAIN_SECONDS, Workshop

_EXIT = {"planned": 0, "succeeded": 0, "failed": 1, "unknown": 1, "refused": 2}


def main(tool: WriteTool, argv: Sequence[str] | None = None) -> int:
    """Run one tool and print its result; returns the exit status."""
    options = _parser(tool).parse_args(argv)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    spare_loopback(os.environ)
    try:
        result = asyncio.run(_run(tool, options))
    except OverwatchToolError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{result.model_dump_json(indent=2)}\n")
    return _EXIT[result.status]


async def _run(tool: WriteTool, options: argparse.Namespace) -> WriteResult:
    workshop = Workshop(load_config(options.config), SystemClock())
    try:
        call = Call(options.operation_id, options.epoch, options.dry_run)
        effect = await workshop.effect(tool, options.target, _arguments(tool, options), call.operation_id)
        if not call.dry_run:
            sys.stderr.write(f"operation {call.operation_id}\n")
        return await workshop.operations.execute(effect, call)
    except asyncio.CancelledError:
        sys.stderr.write(f"{options.operation_id} is under way and is seen through; ask for its result with the same id\n")
        raise
    finally:
        await workshop.operations.drain(DRAIN_SECONDS)
        await workshop.close()


def _arguments(tool: WriteTool, options: argparse.Namespace) -> dict[str, Any]:
    if tool == "switch_traffic":
        expected = None if options.expected_weights is None else _weights(options.expected_weights)
        return {"weights": _weights(options.weights), "expected_weights": expected}
    wanted: dict[str, Any] = {"region": options.region}
    if tool == "restart_service":
        return wanted | {"expected_revision": options.expected_revision}
    if tool == "scale_service":
        return wanted | {"replicas": options.replicas, "expected_replicas": options.expected_replicas}
    return wanted | {"image": options.image, "expected_image": options.expected_image}


def _parser(tool: WriteTool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m overwatch_mcp.{tool}", description=__doc__)
    parser.add_argument("--config", type=Path, help="the configuration file (else OVERWATCH_MCP_CONFIG)")
    parser.add_argument("--target", required=True)
    parser.add_argument("--operation-id", default=f"hand-{uuid.uuid4().hex[:12]}", help="repeat an id to get its result again")
    parser.add_argument("--epoch", type=int, default=0, help="the lease's epoch, where there is one")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    if tool == "switch_traffic":
        parser.add_argument("--weights", required=True, help="percent for each region, as east=0,west=100")
        parser.add_argument("--expected-weights", help="refuse unless these are the weights now")
        return parser
    parser.add_argument("--region", required=True)
    if tool == "restart_service":
        parser.add_argument("--expected-revision", help="refuse unless this one serves now")
    elif tool == "scale_service":
        parser.add_argument("--replicas", type=int, required=True)
        parser.add_argument("--expected-replicas", type=int, help="refuse unless so many are asked for now")
    else:
        parser.add_argument("--image", required=True)
        parser.add_argument("--expected-image", help="refuse unless this one serves now")
    return parser


def _weights(text: str) -> dict[str, int]:
    weights: dict[str, int] = {}
    for part in text.split(","):
        region, _, percent = part.partition("=")
        if not percent.strip().isdecimal() or region.strip() in weights:
            raise RequestError(f"{text!r} are no weights: give each region once, as east=0,west=100")
        weights[region.strip()] = int(percent)
    return weights
