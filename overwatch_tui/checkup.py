"""The examinations behind `doctor`: each gives one finding with a remedy, and none changes anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp

from agents.clock import SystemClock
from agents.durable.errors import DurableError
from agents.durable.store import Store
from agents.sanitize import clean
from agents.settings import Settings, SettingsError, TargetSettings, find, load
from agents.swarm import DATABASE
from agents.toolbox import McpTools
from overwatch_tui.demo import TARGET, read_world
from overwatch_tui.mcp_config import server_command

SECONDS = 3.0
TOOL_SECONDS = 15.0
MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination found. `remedy` is empty where all is well."""

    what: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""

    def line(self) -> str:
        """One line (two with a remedy) for people."""
        first = f"{MARKS[self.state]}  {self.what:<22} {self.detail}"
        return first if not self.remedy else f"{first}\n      {'':<22} → {self.remedy}"

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)


async def checkup(config: Path | None, home: Path) -> list[Finding]:
    """Examine everything, in the order in which a person would."""
    path = find(config, os.environ)
    try:
        settings = load(config)
    except SettingsError as error:
        return [Finding("configuration", "fail", str(error), "mend the key, or remove it to get the default")]
    findings = [Finding("configuration", "ok", str(path) if path else "none: the defaults, with the demo as target")]
    findings.append(_home(home))
    findings += [finding async for finding in _database(home)]
    targets = dict(settings.targets)
    identity: dict[str, str] = {}
    world = read_world(home / "demo")
    if world is not None:
        targets[TARGET] = world.target()
        identity = dict(world.identity())
        findings.append(Finding("demo", "ok", f"running as process {world.pid}, users at {world.public_url}"))
    elif settings.with_demo:
        findings.append(Finding("demo", "ok", "not running: `overwatch-tui launch` starts it"))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        findings.append(await _model(session, settings))
        for name, target in targets.items():
            findings += [await _region(session, name, region, target) for region in target.regions]
            findings.append(_platform(name, target))
    findings += await _tools(home, targets, identity)
    return findings


def _home(home: Path) -> Finding:
    place = next((p for p in (home, *home.parents) if p.exists()), home)
    if not os.access(place, os.W_OK):
        return Finding("home", "fail", f"{home} can't be written", "set OVERWATCH_HOME to a folder of yours")
    return Finding("home", "ok", str(home))


async def _database(home: Path) -> AsyncIterator[Finding]:
    path = home / DATABASE
    if not path.is_file():
        yield Finding("database", "ok", "none yet: the first start makes it")
        return
    try:
        store = await Store.open(path, exclusive=False, clock=SystemClock())
    except DurableError as error:
        yield Finding("database", "fail", str(error), "see the message; a copy from before each upgrade lies beside it")
        return
    try:
        broken = await store.verify_chain()
        if broken is None:
            yield Finding("journal", "ok", "the hash chain is whole")
        else:
            yield Finding(
                "journal", "fail", f"record {broken} was changed after it was written", "restore a copy; find out who did it"
            )
        automation = await store.automation()
        if automation.paused:
            yield Finding("automation", "warn", f"paused by {automation.by}", "overwatch-tui resume")
        else:
            yield Finding("automation", "ok", "armed")
        for parked in await store.parked():
            detail = f"{parked.consumer} could not handle {parked.event_id}: {clean(parked.error, 160)}"
            yield Finding("parked delivery", "fail", detail, "mend the cause; a restart of the swarm delivers it again")
        unresolved = await store.incidents(limit=100, unresolved_only=True)
        for incident in unresolved:
            yield Finding(
                "incident",
                "warn",
                f"{incident.id} is {incident.status}: {incident.title}",
                f"overwatch-tui incidents show {incident.id}",
            )
    finally:
        await store.close()


async def _model(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    model = settings.model
    if model.base_url is None:
        return Finding("model", "ok", "none configured: the embedded reasoner does the whole job")
    url = f"{str(model.base_url).rstrip('/')}/models"
    problem = await _get(session, url)
    if problem is None:
        return Finding("model", "ok", f"{model.model} at {model.base_url}")
    remedy = "check OVERWATCH_MODEL__BASE_URL and the key; until then the embedded reasoner does the whole job"
    return Finding("model", "warn", f"{url}: {problem}", remedy)


async def _region(session: aiohttp.ClientSession, name: str, region: str, target: TargetSettings) -> Finding:
    settings = target.regions[region]
    url = f"{str(settings.url).rstrip('/')}{settings.health_path}"
    problem = await _get(session, url)
    what = f"{name}/{region}"
    if problem is None:
        return Finding(what, "ok", url)
    return Finding(what, "warn", f"{url}: {problem}", f"check targets.{name}.regions.{region}.url and the service itself")


def _platform(name: str, target: TargetSettings) -> Finding:
    actions = ", ".join(sorted(target.actions()))
    if not actions:
        remedy = f"set targets.{name}.platform to let Overwatch act on it"
        return Finding(f"{name}/platform", "ok", "none: it is watched and diagnosed, its plans go to a person", remedy)
    return Finding(f"{name}/platform", "ok", f"may do: {actions}")


async def _tools(home: Path, targets: dict[str, TargetSettings], identity: dict[str, str]) -> list[Finding]:
    if not any(target.platform for target in targets.values()):
        return [Finding("tools", "ok", "not needed: no target has a platform")]
    command = server_command(home, targets, identity)
    if command is None:
        return []
    tools = McpTools(SystemClock())
    running = asyncio.create_task(tools.run(command))
    try:
        if not await tools.wait_up(TOOL_SECONDS):
            return [Finding("tools", "fail", tools.problem, f"read {command.log}")]
        found = []
        for name, target in targets.items():
            if target.platform is not None:
                found += [await _reach(tools, name, region) for region in target.regions]
        return found
    finally:
        running.cancel()
        await asyncio.wait({running})


async def _reach(tools: McpTools, name: str, region: str) -> Finding:
    what = f"tools {name}/{region}"
    try:
        state = await tools.read("get_service_state", {"target": name, "region": region})
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Finding(what, "fail", clean(error, 300), "check the platform's names and the identity's rights")
    return Finding(
        what, "ok", f"{state.get('replicas_ready')}/{state.get('replicas_desired')} replicas of {clean(state.get('revision'))}"
    )


async def _get(session: aiohttp.ClientSession, url: str) -> str | None:
    """Why `url` can't be used, or None."""
    try:
        async with session.get(url) as response:
            return None if response.status < 400 or response.status in {401, 403} else f"answers {response.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"can't be reached ({type(error).__name__})"
