"""One look: what is asked of a region, of the public address and of the platform, and what came back, as values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.sanitize import clean
from agents.seams import Clock, ProbeResult, ToolError, Tools, ToolsUnavailableError
from agents.sentry.asking import LARGE, SMALL, Asked, Transport
from agents.sentry.documents import HealthDoc, PlatformFacts, read_facts, read_health, read_weights
from agents.sentry.series import Book, Increment, Rates, Scrape, read
from agents.settings import RegionSettings, SentrySettings, TargetSettings

INLINE = 256 * 1024
"""A metrics page up to this many characters is parsed at once; a larger one in a thread."""

STALE_LOOKS = 1.5
"""After how many looks without an answered scrape what was measured before is no longer told as of now."""


@dataclass(frozen=True, slots=True)
class RegionLook:
    """What one look at a region met. `fresh` is the increment that this very scrape brought; `rates` is how it did lately."""

    region: str
    at: datetime
    health: Asked
    doc: HealthDoc | None = None
    probe: Asked | None = None
    metrics: Asked | None = None
    fresh: Increment | None = None
    rates: Rates = field(default_factory=Rates)
    cpu: float | None = None
    pool_utilisation: float | None = None
    rss: float | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class UsersLook:
    """What one look through the public address met. `measured` says whether the edge's metrics could be read."""

    at: datetime
    probe: Asked | None = None
    fresh: Increment | None = None
    rates: Rates = field(default_factory=Rates)
    measured: bool | None = None


@dataclass(frozen=True, slots=True)
class PlatformLook:
    """The platform's answers about a target. A region that could not be read has no facts; `weights` in percent."""

    at: datetime
    reachable: bool
    facts: Mapping[str, PlatformFacts]
    weights: Mapping[str, int] | None
    detail: str = ""


class Looker:
    """Asks, and turns answers into looks. Keeps nothing between two looks but what the caller's `Book` holds."""

    def __init__(self, settings: SentrySettings, tools: Tools | None, transport: Transport, clock: Clock) -> None:
        self._settings = settings
        self._tools = tools
        self._transport = transport
        self._clock = clock

    async def region(
        self,
        name: str,
        settings: RegionSettings,
        book: Book,
        *,
        patience_s: float = 0.0,
        early: Callable[[RegionLook], Awaitable[None]] | None = None,
        metrics: bool = True,
    ) -> RegionLook:
        """Look at a region: its health, its user path and its metrics, all at once.

        Where an answer is missing after `patience_s`, `early` gets what there is, with a time-out in its place; the look itself
        still waits for the answer, because a slow one tells more than none.
        """
        at = self._clock.now()
        scraping = metrics and settings.metrics_path is not None
        asks = [asyncio.ensure_future(self._get(settings, settings.health_path, SMALL))]
        if settings.probe_path is not None:
            asks.append(asyncio.ensure_future(self._get(settings, settings.probe_path, SMALL)))
        page = self._metrics(join(str(settings.url), settings.metrics_path or "/"), book) if scraping else _nothing()
        scraped = asyncio.ensure_future(page)

        def seen() -> RegionLook:
            answers = [_answer_of(ask, at, patience_s) for ask in asks]
            page = scraped.result() if scraped.done() else None
            return self._assembled(name, at, book, answers[0], answers[1] if len(answers) > 1 else None, page)

        await self._all([*asks, scraped], asks, patience_s, None if early is None else lambda: early(seen()))
        return seen()

    async def _all(
        self,
        tasks: Sequence[asyncio.Future[Any]],
        awaited: Sequence[asyncio.Future[Any]],
        patience_s: float,
        early: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """Wait for all tasks; tell `early` once, where one of `awaited` is missing after `patience_s`."""
        everything = asyncio.gather(*tasks)
        waker: asyncio.Future[Any] | None = None
        try:
            if early is not None:
                waker = asyncio.ensure_future(self._clock.sleep(patience_s))
                both: set[asyncio.Future[Any]] = {everything, waker}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if not all(task.done() for task in awaited):
                    await early()
            await everything
        finally:
            begun = [task for task in (everything, waker) if task is not None]
            for task in begun:
                task.cancel()
            # Without this asyncio would report on stderr that nobody heard of a look that was called off.
            await asyncio.gather(*begun, return_exceptions=True)

    async def _metrics(self, url: str, book: Book) -> _Page:
        """A metrics page, entered into the book as soon as it is there."""
        asked = await self._ask(url, LARGE)
        scrape = await _scrape(asked)
        return _Page(asked, scrape, None if scrape is None else book.add(asked.replica, scrape))

    def _assembled(
        self, name: str, at: datetime, book: Book, health: Asked, probe: Asked | None, page: _Page | None
    ) -> RegionLook:
        doc = read_health(health)
        scrape = page.scrape if page is not None else None
        in_use, size = book.gauge("db_pool_in_use", at), book.gauge("db_pool_size", at)
        return RegionLook(
            region=name,
            at=at,
            health=health,
            doc=doc,
            probe=probe,
            metrics=page.asked if page is not None else None,
            fresh=page.fresh if page is not None else None,
            rates=book.rates(at) if self._measures(book, at) else Rates(),
            cpu=book.cpu(at),
            pool_utilisation=sum(in_use) / sum(size) if in_use and sum(size) > 0 else None,
            rss=max(book.gauge("process_resident_memory_bytes", at), default=None),
            version=scrape.version if scrape is not None and scrape.version else doc.version if doc is not None else "",
        )

    def _measures(self, book: Book, at: datetime) -> bool:
        """Whether the last scrapes were answered: what was measured before says nothing about a region that is silent now."""
        return book.newest is not None and (at - book.newest).total_seconds() < STALE_LOOKS * self._settings.interval_s

    async def users(
        self,
        settings: TargetSettings,
        book: Book,
        *,
        patience_s: float = 0.0,
        early: Callable[[UsersLook], Awaitable[None]] | None = None,
    ) -> UsersLook | None:
        """Look at what users see, as `region`; None where the target has no public address."""
        public, edge = settings.public_url, settings.public_metrics_url
        if public is None and edge is None:
            return None
        at = self._clock.now()
        asks = []
        if public is not None:
            asks.append(asyncio.ensure_future(self._ask(join(str(public), settings.public_probe_path), SMALL)))
        scraped = asyncio.ensure_future(self._metrics(str(edge), book) if edge is not None else _nothing())

        def seen() -> UsersLook:
            probe = _answer_of(asks[0], at, patience_s) if asks else None
            page = scraped.result() if scraped.done() else None
            measured = None if edge is None or not scraped.done() else page is not None and page.scrape is not None
            return UsersLook(at, probe, page.fresh if page is not None else None, book.rates(at), measured)

        await self._all([*asks, scraped], asks, patience_s, None if early is None else lambda: early(seen()))
        return seen()

    async def platform(self, target: str, settings: TargetSettings) -> PlatformLook | None:
        """Ask the platform about every region at once; None where there is none. A failure is a fact, not an error."""
        if settings.platform is None or self._tools is None:
            return None
        at = self._clock.now()
        reads = [self._read("get_service_state", {"target": target, "region": region}) for region in settings.regions]
        if settings.platform.traffic is not None:
            reads.append(self._read("get_traffic", {"target": target}))
        answers = await asyncio.gather(*reads)
        failures = [a for a in answers if isinstance(a, str)]
        states = dict(zip(settings.regions, answers, strict=False))
        facts = {r: read_facts(r, at, state) for r, state in states.items() if not isinstance(state, str)}
        traffic = answers[-1] if settings.platform.traffic is not None else ""
        weights = None if isinstance(traffic, str) else read_weights(traffic, settings)
        return PlatformLook(at, not failures, facts, weights, failures[0] if failures else "")

    async def probe(self, settings: TargetSettings, region: str | None) -> ProbeResult:
        """Ask one region's user path, or the public address, once."""
        at = self._clock.now()
        if region is not None:
            place = settings.regions[region]
            asked = await self._get(place, place.probe_path or place.health_path, SMALL)
        elif settings.public_url is not None:
            url = join(str(settings.public_url), settings.public_probe_path)
            asked = await self._ask(url, SMALL)
        else:
            return ProbeResult(False, at, None, 0.0, None, "no public address is configured: set public_url")
        doc = read_health(asked) if region is not None and settings.regions[region].probe_path is None else None
        ok = asked.ok and (doc is None or doc.status != "fail")
        detail = asked.detail if ok == asked.ok else f"{asked.detail}, but its health says fail"
        return ProbeResult(ok, asked.at, asked.status, round(asked.latency_ms), asked.region, detail)

    async def _get(self, settings: RegionSettings, path: str, limit: int) -> Asked:
        return await self._ask(join(str(settings.url), path), limit)

    async def _ask(self, url: str, limit: int) -> Asked:
        return await self._transport.get(url, limit=limit, timeout_s=self._settings.timeout_s)

    async def _read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | str:
        if self._tools is None:
            return "there are no tools"
        try:
            return await self._tools.read(tool, arguments)
        except (ToolError, ToolsUnavailableError) as error:
            return clean(error, 200) or type(error).__name__


@dataclass(frozen=True, slots=True)
class _Page:
    asked: Asked
    scrape: Scrape | None
    fresh: Increment | None


async def _nothing() -> None:
    return None


def _answer_of(ask: asyncio.Future[Asked], at: datetime, patience_s: float) -> Asked:
    """The answer, or a time-out in its place while it is missing."""
    if ask.done():
        return ask.result()
    return Asked(at, patience_s * 1_000, None, "timeout", f"no answer after {patience_s:.1f} s yet")


async def _scrape(page: Asked) -> Scrape | None:
    """What a metrics page says; None where it was not served, or was cut off and would give wrong sums."""
    if page.status != 200 or not page.complete:
        return None
    if len(page.body) <= INLINE:
        return read(page.body, page.at)
    return await asyncio.to_thread(read, page.body, page.at)


def join(base: str, path: str) -> str:
    """A path below a base address, with one slash between them."""
    return base.rstrip("/") + path
