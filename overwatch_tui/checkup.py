"""The examinations behind `doctor`: each gives one finding with a remedy, and none changes anything."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import aiohttp

from agents.clock import SystemClock
from agents.durable.audit import examine
from agents.durable.errors import DurableError
from agents.durable.store import Store
from agents.durable.upgrade import copies
from agents.sanitize import clean
from agents.settings import Settings, SettingsError, TargetSettings, find, load
from agents.swarm import DATABASE
from agents.tool_server import ServerCommand, ToolServer
from agents.tool_settings import ToolsSettings
from agents.toolbox import McpTools
from overwatch_tui.demo import TARGET, read_world
from overwatch_tui.findings import Finding
from overwatch_tui.mcp_config import tool_server
from overwatch_tui.reach import reach, why_not

SECONDS = 3.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
TOOL_SECONDS = 15.0


async def checkup(config: Path | None, home: Path) -> AsyncIterator[Finding]:
    """Examine everything, in the order in which a person would; each finding comes as soon as it is made."""
    path = find(config, os.environ)
    try:
        settings = load(config)
    except SettingsError as error:
        yield Finding("configuration", "fail", str(error), "mend what is named, or leave out what has a default")
        return
    yield Finding("configuration", "ok", str(path) if path else "none: the defaults, with the demo as target")
    for finding in policy_findings(settings):
        yield finding
    yield _home(home)
    async for finding in _database(home):
        yield finding
    targets = dict(settings.targets)
    identity: dict[str, str] = {}
    world = read_world(home / "demo")
    if world is not None:
        targets[TARGET] = world.target()
        identity = dict(world.identity())
        yield Finding("demo", "ok", f"running as process {world.pid}, users at {world.public_url}")
    elif settings.with_demo:
        yield Finding("demo", "ok", "not running: `overwatch-tui launch` starts it")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        yield await _model(session, settings)
        for name, target in targets.items():
            for finding in await reach(session, name, target):
                yield finding
            yield platform_finding(name, target)
    async for finding in _tools(settings.tools, targets, identity):
        yield finding


def policy_findings(settings: Settings) -> Iterator[Finding]:
    """What the policy says about targets that are not there, which therefore says nothing."""
    policy = settings.policy
    known = {*settings.targets, *([TARGET] if settings.with_demo else [])}
    named = [(f"policy.rules[{n}]", rule.targets) for n, rule in enumerate(policy.rules)]
    named += [(f"window {window.name!r}", window.targets) for window in policy.windows]
    named.append(("policy.protected", policy.protected))
    for what, targets in named:
        if strangers := sorted(set(targets) - known):
            near = get_close_matches(strangers[0], known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            yield Finding("policy", "warn", f"{what} names {', '.join(map(repr, strangers))}, which is not a target", hint)


def _home(home: Path) -> Finding:
    place = next((p for p in (home, *home.parents) if p.exists()), home)
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding("home", "ok", str(home))
    except OSError as error:
        return Finding("home", "fail", f"{home} can't be written ({error.strerror})", "set OVERWATCH_HOME to a folder of yours")


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
        yield await _journal(path)
        for copy in copies(path):
            yield Finding("copy", "ok", f"{copy} from before an upgrade, {copy.stat().st_size / 1e6:.1f} MB")
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


async def _journal(path: Path) -> Finding:
    try:
        verdict = await asyncio.to_thread(examine, path)
    except DurableError as error:
        return Finding("journal", "fail", str(error), "see the message")
    if verdict.broken is not None:
        return Finding("journal", "fail", clean(verdict.broken.line(), 400), "overwatch-tui audit verify; find out who did it")
    return Finding("journal", "ok", f"the hash chain is whole: {verdict.records} records")


async def _model(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    model = settings.model
    if model.base_url is None:
        return Finding("model", "ok", "none configured: the embedded reasoner does the whole job")
    url = f"{str(model.base_url).rstrip('/')}/models"
    problem = await why_not(session, url, also=frozenset({401, 403}))
    if problem is None:
        return Finding("model", "ok", f"{model.model} at {model.base_url}")
    remedy = "check OVERWATCH_MODEL__BASE_URL and the key; until then the embedded reasoner does the whole job"
    return Finding("model", "warn", f"{url}: {problem}", remedy)


def platform_finding(name: str, target: TargetSettings) -> Finding:
    """What may be done to a target, and which key decides that."""
    actions = ", ".join(sorted(target.actions()))
    if not actions and target.platform is not None:
        remedy = f"name in targets.{name}.allowed_actions what it may do, or leave that key out"
        return Finding(f"{name}/platform", "ok", "may do nothing: it is watched and diagnosed, its plans go to a person", remedy)
    if not actions:
        remedy = f"set targets.{name}.platform to let Overwatch act on it"
        return Finding(f"{name}/platform", "ok", "none: it is watched and diagnosed, its plans go to a person", remedy)
    return Finding(f"{name}/platform", "ok", f"may do: {actions}")


async def _tools(
    where: ToolsSettings, targets: Mapping[str, TargetSettings], identity: Mapping[str, str]
) -> AsyncIterator[Finding]:
    """Ask the tools about each region, where they run already or through a server of our own; a running swarm keeps its own."""
    if where.url is not None and where.url.scheme == "http" and where.url.host not in _LOOPBACK:
        remedy = "take https, or keep to a network that nobody else is on"
        yield Finding("tools/token", "warn", f"the token for {where.url} crosses the network in the clear", remedy)
    with tempfile.TemporaryDirectory(prefix="overwatch-doctor-") as place:
        server = tool_server(where, Path(place), targets, identity)
        if server is None:
            yield Finding("tools", "ok", "not needed: no target has a platform")
            return
        tools = McpTools(SystemClock())
        running = asyncio.create_task(tools.run(server))
        try:
            if not await tools.wait_up(TOOL_SECONDS):
                yield Finding("tools", "fail", tools.problem, _remedy(server))
                return
            for name, target in targets.items():
                if target.platform is not None:
                    for region in target.regions:
                        yield await _reach(tools, name, region)
        finally:
            running.cancel()
            await asyncio.wait({running})


def _remedy(server: ToolServer) -> str:
    if isinstance(server, ServerCommand):
        return f"they said last: {_last_line(server.log)}"
    return "start it there, or mend the [tools] table"


def _last_line(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    return clean(next((line.strip() for line in reversed(said) if line.strip()), "nothing"), 300)


async def _reach(tools: McpTools, name: str, region: str) -> Finding:
    what = f"tools {name}/{region}"
    try:
        state = await tools.read("get_service_state", {"target": name, "region": region})
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Finding(what, "fail", clean(error, 300), "check the platform's names and the identity's rights")
    return Finding(
        what, "ok", f"{state.get('replicas_ready')}/{state.get('replicas_desired')} replicas of {clean(state.get('revision'))}"
    )
