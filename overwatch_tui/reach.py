"""Asks every address of a target once, and says in words why one can't be used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from agents.settings import RegionSettings, TargetSettings
from overwatch_tui.findings import Finding


async def reach(session: aiohttp.ClientSession, name: str, target: TargetSettings) -> Sequence[Finding]:
    """One finding for each region of a target, and one for its public address where it has one."""
    asked = [_region(session, name, region, target) for region in target.regions]
    if target.public_url is not None:
        asked.append(_public(session, name, target))
    return await asyncio.gather(*asked)


async def why_not(session: aiohttp.ClientSession, url: str, *, also: frozenset[int] = frozenset()) -> str | None:
    """Why `url` can't be used, or None. Answers below 400, and those of `also`, are good."""
    try:
        async with session.get(url) as response:
            return None if response.status < 400 or response.status in also else f"answers {response.status}"
    except aiohttp.ClientConnectorCertificateError as error:
        return f"its certificate is not trusted ({getattr(error.certificate_error, 'verify_message', error.certificate_error)})"
    except aiohttp.ClientConnectorDNSError:
        return "its name is not known"
    except TimeoutError:
        return f"does not answer within {session.timeout.total:.0f} s"
    except (aiohttp.ClientError, OSError) as error:
        return f"can't be reached ({getattr(error, 'strerror', None) or type(error).__name__})"


async def _region(session: aiohttp.ClientSession, name: str, region: str, target: TargetSettings) -> Finding:
    settings = target.regions[region]
    what, key = f"{name}/{region}", f"targets.{name}.regions.{region}"
    health = _join(settings, settings.health_path)
    problem = await why_not(session, health)
    if problem is not None:
        return Finding(what, "warn", f"{health}: {problem}", _remedy(problem, target, region, f"{key}.url"))
    if settings.probe_path is not None and (problem := await why_not(session, _join(settings, settings.probe_path))):
        return Finding(what, "warn", f"{_join(settings, settings.probe_path)}: {problem}", f"check {key}.probe_path")
    if settings.metrics_path is not None and (problem := await why_not(session, _join(settings, settings.metrics_path))):
        remedy = f'check {key}.metrics_path, or set it to "" where there are no metrics'
        return Finding(what, "warn", f"{_join(settings, settings.metrics_path)}: {problem}", remedy)
    return Finding(what, "ok", health)


async def _public(session: aiohttp.ClientSession, name: str, target: TargetSettings) -> Finding:
    url = f"{str(target.public_url).rstrip('/')}{target.public_probe_path}"
    problem = await why_not(session, url)
    if problem is None:
        return Finding(f"{name}/users", "ok", url)
    key = f"targets.{name}.public_url and public_probe_path"
    return Finding(f"{name}/users", "warn", f"{url}: {problem}", _remedy(problem, target, None, key))


def _remedy(problem: str, target: TargetSettings, region: str | None, key: str) -> str:
    if "certificate" in problem:
        return "set SSL_CERT_FILE to the certificate of its issuer"
    if target.chaos is not None and target.chaos.demo:
        return f"overwatch-tui chaos recover --region {region}" if region else "overwatch-tui incidents list"
    return f"check {key} and the service itself"


def _join(settings: RegionSettings, path: str) -> str:
    return f"{str(settings.url).rstrip('/')}{path}"
