"""Runs one write tool from the command line, through the same envelope, journal and locks as the server.

Arguments come as `--name value`; the result is printed as JSON. The exit status is 0 where it succeeded or was planned, 1
where it failed or is unknown, 2 where it was refused or made no sense.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import sys
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from overwatch_mcp.approval_token import read_key, sign
from overwatch_mcp.clean_logs import take_secrets_out
from overwatch_mcp.clock import Clock, SystemClock
from overwatch_mcp.config import WriteTool, load_config
from overwatch_mcp.effect import Effect, approval_content
from overwatch_mcp.errors import OverwatchToolError, RequestError
from overwatch_mcp.logins import take_logins
from overwatch_mcp.loopback import spare_loopback
from overwatch_mcp.models import WriteResult
from overwatch_mcp.operations import Call
from overwatch_mcp.workshop import DRAIN_SECONDS, Workshop

TOKEN_LIFE = timedelta(minutes=10)

_OPTIONS: Mapping[str, Sequence[tuple[str, dict[str, Any]]]] = {
    "restart_service": (("expected_revision", {"help": "refuse unless this one serves now"}),),
    "scale_service": (
        ("replicas", {"type": int, "required": True}),
        ("expected_replicas", {"type": int, "help": "refuse unless so many are asked for now"}),
    ),
    "deploy_container": (
        ("image", {"required": True}),
        ("expected_image", {"help": "refuse unless this one serves now"}),
    ),
    "rollback_revision": (
        ("revision", {"help": "the revision to run again (else the newest one with another image)"}),
        ("expected_revision", {"help": "refuse unless this one serves now"}),
    ),
}
_PYTHON = "python -m overwatch_mcp."
_EXAMPLES = {
    "restart_service": f"{_PYTHON}restart_service --target demo --region east --dry-run",
    "scale_service": f"{_PYTHON}scale_service --target demo --region east --replicas 3 --dry-run",
    "deploy_container": f"{_PYTHON}deploy_container --target demo --region east --image mini-app:2 --dry-run",
    "rollback_revision": f"{_PYTHON}rollback_revision --target demo --region east --dry-run",
    "switch_traffic": f"{_PYTHON}switch_traffic --target demo --weights east=0,west=100 --dry-run",
    "undo_operation": f"{_PYTHON}undo_operation --undoes hand-0123456789ab --dry-run",
}
_PERCENT = re.compile("[0-9]{1,9}")
_EXIT = {"planned": 0, "succeeded": 0, "failed": 1, "unknown": 1, "refused": 2}


def main(tool: WriteTool, argv: Sequence[str] | None = None) -> int:
    """Run one tool and print its result; returns the exit status."""
    options = _parser(tool).parse_args(argv)
    return _finish(lambda: _run(options, lambda workshop: _effect(workshop, tool, options)))


def undo(argv: Sequence[str] | None = None) -> int:
    """Undo one operation and print the result; returns the exit status."""
    parser = _common("undo_operation")
    parser.add_argument("--undoes", required=True, help="the id of the operation that is to be undone")
    options = parser.parse_args(argv)
    return _finish(lambda: _run(options, lambda workshop: workshop.undo(options.undoes, options.operation_id)))


def _finish(run: Callable[[], Coroutine[Any, Any, WriteResult]]) -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    take_secrets_out()
    spare_loopback(os.environ)
    try:
        result = asyncio.run(run())
    except OverwatchToolError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{result.model_dump_json(indent=2)}\n")
    return _EXIT[result.status]


async def _run(options: argparse.Namespace, make: Callable[[Workshop], Awaitable[Effect]]) -> WriteResult:
    config = load_config(options.config)
    take_logins(config.login_file, os.environ)
    workshop = Workshop(config, SystemClock())
    try:
        effect = await make(workshop)
        token = _token(effect, options, workshop.clock)
        epoch = await workshop.journal.highest_epoch(effect.target) if options.epoch is None else options.epoch
        call = Call(options.operation_id, epoch, options.dry_run, token, getattr(options, "undoes", None))
        if not call.dry_run:
            sys.stderr.write(f"operation {call.operation_id}\n")
        return await workshop.operations.execute(effect, call, _tell)
    except asyncio.CancelledError:
        sys.stderr.write(f"{options.operation_id} is under way and is seen through; ask for its result with the same id\n")
        raise
    finally:
        await workshop.operations.drain(DRAIN_SECONDS)
        await workshop.close()


async def _effect(workshop: Workshop, tool: WriteTool, options: argparse.Namespace) -> Effect:
    return await workshop.effect(tool, options.target, _arguments(tool, options), options.operation_id)


def _token(effect: Effect, options: argparse.Namespace, clock: Clock) -> str | None:
    """The token that a target may demand: whoever can read its key may approve."""
    path = effect.config.approval_key_file
    if path is None or options.dry_run:
        return None
    return sign(read_key(path), options.operation_id, approval_content(effect), clock.now() + TOKEN_LIFE)


def _tell(passed: float, allowed: float, seen: str) -> None:
    sys.stderr.write(f"{passed:5.1f} s of {allowed:.0f}: {seen}\n")


def _arguments(tool: WriteTool, options: argparse.Namespace) -> dict[str, Any]:
    if tool == "switch_traffic":
        expected = None if options.expected_weights is None else _weights(options.expected_weights)
        return {"weights": _weights(options.weights), "expected_weights": expected}
    return {name: getattr(options, name) for name in ("region", *(name for name, _ in _OPTIONS[tool]))}


def _parser(tool: WriteTool) -> argparse.ArgumentParser:
    parser = _common(tool)
    parser.add_argument("--target", required=True)
    if tool == "switch_traffic":
        parser.add_argument("--weights", required=True, help="percent for each region, as east=0,west=100")
        parser.add_argument("--expected-weights", help="refuse unless these are the weights now")
        return parser
    parser.add_argument("--region", required=True)
    for name, how in _OPTIONS[tool]:
        parser.add_argument(f"--{name.replace('_', '-')}", **how)
    return parser


def _common(tool: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m overwatch_mcp.{tool}",
        description=__doc__,
        epilog=f"example:\n  {_EXAMPLES[tool]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, help="the configuration file (else OVERWATCH_MCP_CONFIG)")
    parser.add_argument("--operation-id", default=f"hand-{uuid.uuid4().hex[:12]}", help="repeat an id to get its result again")
    parser.add_argument("--epoch", type=int, help="of a lease (else the highest that acted: a person overtakes nobody)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    return parser


def _weights(text: str) -> dict[str, int]:
    weights: dict[str, int] = {}
    for part in text.split(","):
        region, _, percent = part.partition("=")
        if not _PERCENT.fullmatch(percent.strip()) or region.strip() in weights:
            raise RequestError(f"{text!r} are no weights: give each region once, as east=0,west=100")
        weights[region.strip()] = int(percent)
    return weights
