"""A light, bounded stream of requests as users make them, through the global ingress."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import re

import aiohttp

IN_FLIGHT = 20
SECONDS = 10.0
VISITOR = "Passing Visitor"
VISITOR_EMAIL = re.compile(r"visitor-\d+-\d+@example\.org")


async def stream(url: str, rps: int, session: aiohttp.ClientSession, rng: random.Random) -> None:
    """Send `rps` requests a second until cancelled, with at most 20 in flight; more are not sent."""
    if rps <= 0:
        return
    flying: set[asyncio.Task[None]] = set()
    for number in itertools.count():
        if len(flying) < IN_FLIGHT:
            task = asyncio.create_task(_visit(url, number, session, rng))
            flying.add(task)
            task.add_done_callback(flying.discard)
        await asyncio.sleep(rng.uniform(0.5, 1.5) / rps)


async def _visit(url: str, number: int, session: aiohttp.ClientSession, rng: random.Random) -> None:
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError):
        if number % 50 == 49:
            await _remove_earlier(url, session, timeout)
            user = {"name": VISITOR, "email": f"visitor-{number}-{rng.randrange(1 << 30)}@example.org"}
            async with session.post(f"{url}/api/users", json=user, timeout=timeout) as made:
                id_ = (await made.json())["id"]
            async with session.delete(f"{url}/api/users/{id_}", timeout=timeout):
                return
        path = f"/api/users/{rng.randint(1, 6)}" if number % 3 == 0 else "/api/users?limit=10"
        async with session.get(f"{url}{path}", timeout=timeout) as answer:
            await answer.read()


async def _remove_earlier(url: str, session: aiohttp.ClientSession, timeout: aiohttp.ClientTimeout) -> None:
    """Remove visitors that an outage or a lost answer left behind; the API lists the oldest users first."""
    async with session.get(f"{url}/api/users?limit=100", timeout=timeout) as answer:
        users = (await answer.json())["items"]
    for user in users:
        if user["name"] == VISITOR and VISITOR_EMAIL.fullmatch(user["email"]):
            async with session.delete(f"{url}/api/users/{user['id']}", timeout=timeout):
                pass
