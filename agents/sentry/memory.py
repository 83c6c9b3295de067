"""What Sentry holds in mind of one target between two looks. Lost with the process; nothing here is needed to go on safely."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.facts import Health, SymptomKind
from agents.incident import Incident
from agents.sentry.detect import NONE, Kinds, Stream, Thresholds, judge_platform, judge_region, judge_users, thresholds
from agents.sentry.documents import PlatformFacts
from agents.sentry.looks import PlatformLook, RegionLook, UsersLook
from agents.sentry.series import Baselines, Book
from agents.settings import SentrySettings, TargetSettings

FLAP_MEMORY = timedelta(minutes=10)
"""How long a cleared incident makes the next one slower to clear."""
MOST_GOOD_LOOKS = 60
"""The most good looks that clearing may ask for, however often it flapped."""
NEW_REVISION = timedelta(minutes=15)
"""How long a revision counts as a change that may explain trouble."""


Symptoms = Mapping[tuple[str | None, SymptomKind], datetime]
"""What is wrong where, and since when; the region is None for what users see."""


class Memory:
    """The recent looks, streams and baselines of one target."""

    def __init__(self, target: str, targets: TargetSettings, settings: SentrySettings) -> None:
        self.target = target
        self.settings = settings
        self.configured = targets
        self.lock = asyncio.Lock()
        self.baselines = Baselines()
        self.books: dict[str | None, Book] = {r: Book() for r in (*targets.regions, None)}
        self.streams: dict[str | None, Stream] = {r: self._stream() for r in (*targets.regions, None)}
        self.replicas: dict[str, Stream] = {r: self._stream() for r in targets.regions}
        self.looks: dict[str, RegionLook] = {}
        self.users: UsersLook | None = None
        self.platform: PlatformLook | None = None
        self.incident: Incident | None = None
        self.asked_at: datetime | None = None
        self.waiting_since: datetime | None = None
        self.cleared: deque[datetime] = deque(maxlen=16)
        self.left_behind: dict[str, datetime] = {}
        """Regions that users were moved away from by a verified recovery: still broken, known, and no new incident."""
        self.probes: dict[str, deque[tuple[datetime, bool]]] = {r: deque(maxlen=8) for r in targets.regions}
        self.odd = asyncio.Event()
        """Set by a bad look: the platform is asked at once, so that a diagnosis knows what it says."""
        self.revisions: dict[str, tuple[str, datetime | None, str]] = {}
        """By region: revision, since when it runs (None where it was there before), and what ran before it."""
        self.images: dict[str, tuple[str, bool, str]] = {}
        """By region: the image that runs, whether all was well with it when last looked at, and what ran well before it."""
        self._changing: dict[str, datetime] = {}
        self._early: deque[tuple[str | None, datetime]] = deque(maxlen=64)
        self._stale = timedelta(seconds=15 * settings.interval_s + 2 * settings.timeout_s)

    def _stream(self) -> Stream:
        return Stream(self.settings.fall, self.settings.rise)

    def limits(self, region: str | None) -> Thresholds:
        """What is slow there."""
        return thresholds(self.baselines, region, self.settings)

    def patience_s(self, region: str | None) -> float:
        """After how long a look is judged though an answer is missing: it is late beyond doubt, and waiting helps nobody."""
        slow = self.limits(region).probe_ms / 1_000
        return min(self.settings.timeout_s, max(0.6 * self.settings.interval_s, 1.1 * slow))

    def take_region(self, look: RegionLook, *, late: bool = False, early: bool = False) -> None:
        """Take a look at a region.

        `late`: this process was held up meanwhile, so slowness proves nothing. `early`: an answer is still missing; the same
        look comes again when it is there.
        """
        region = look.region
        bad = judge_region(look, self.limits(region), self.settings)
        newest = self.looks.get(region)
        if newest is None or look.at >= newest.at:
            self.looks[region] = look
        if late and "latency" in bad:
            bad -= {"latency"}
            if not bad:
                return
        self._count(region, bad, look.at, early=early)
        asked = self.probes[region]
        known = next((n for n, (at, _) in enumerate(asked) if at == look.at), None)
        if known is None:
            asked.append((look.at, (look.probe or look.health).ok))
        else:
            asked[known] = (look.at, (look.probe or look.health).ok)
        self._note_revision(region, look.version, look.at, prefix="version ")
        if not bad and self._quiet(region):
            for ask in (look.health, look.probe):
                self.baselines.learn(region, "probe_ms", None if ask is None else ask.latency_ms)
            for metric, value in (
                ("latency_p95", look.rates.p95_ms),
                ("error_rate", look.rates.error_rate),
                ("rps", look.rates.rps),
                ("cpu", look.cpu),
                ("pool_utilisation", look.pool_utilisation),
                ("rss", look.rss),
            ):
                self.baselines.learn(region, metric, value)

    def _count(self, region: str | None, bad: Kinds, at: datetime, *, early: bool) -> None:
        """Enter a look into its stream, once: what was entered early is amended."""
        if (region, at) in self._early:
            self._early.remove((region, at))
            self.streams[region].amend(bad, at)
        else:
            self.streams[region].add(bad, at)
        if early:
            self._early.append((region, at))
        if bad:
            self.odd.set()

    def take_users(self, look: UsersLook, *, late: bool = False, early: bool = False) -> None:
        """Take a look at what users see; `late` and `early` as in `take_region`."""
        bad = judge_users(look, self.limits(None), self.settings)
        if self.users is None or look.at >= self.users.at:
            self.users = look
        if late and bad and look.probe is not None and (look.probe.ok or look.probe.trouble == "timeout"):
            return
        self._count(None, bad, look.at, early=early)
        if not bad and self._quiet(None):
            self.baselines.learn(None, "probe_ms", None if look.probe is None else look.probe.latency_ms)
            self.baselines.learn(None, "latency_p95", look.rates.p95_ms)
            self.baselines.learn(None, "error_rate", look.rates.error_rate)
            self.baselines.learn(None, "rps", look.rates.rps)

    def take_platform(self, look: PlatformLook) -> None:
        """Take the platform's facts. What could not be read changes nothing."""
        before = self.platform
        if before is not None:
            facts = {**before.facts, **look.facts}
            look = PlatformLook(look.at, look.reachable, facts, look.weights or before.weights, look.detail)
        self.platform = look
        for region, facts_ in look.facts.items():
            if facts_.at != look.at:
                continue
            if facts_.changing:
                self._changing.setdefault(region, look.at)
            else:
                self._changing.pop(region, None)
            bad = judge_platform(facts_, self._changing.get(region))
            if bad is not None:
                self.replicas[region].add(bad, look.at)
            if not bad and self._quiet(region) and facts_.restarts is not None:
                self.baselines.learn(region, "restarts", facts_.restarts)
            self._note_revision(region, facts_.revision or facts_.image, look.at, prefix="")
            self._note_image(region, facts_.image)
        for region, left in list(self.left_behind.items()):
            weights = look.weights or {}
            if look.at > left and weights.get(region, 0) > 0:
                del self.left_behind[region]

    def _note_revision(self, region: str, name: str, at: datetime, *, prefix: str) -> None:
        key = f"{prefix}{region}"
        if not name:
            return
        known = self.revisions.get(key)
        if known is None:
            self.revisions[key] = (name, None, "")
        elif known[0] != name:
            self.revisions[key] = (name, at, known[0])

    def _note_image(self, region: str, image: str) -> None:
        """Keep what a region could go back to: never an image that was in trouble, such as the one a rollback has left."""
        if not image:
            return
        known, well, before = self.images.get(region, (image, False, ""))
        if image != known and well:
            before = known
        self.images[region] = (image, self._quiet(region), before if before != image else "")

    def changed_version(self, region: str, now: datetime) -> tuple[str, datetime, str] | None:
        """What runs newly in a region, since when, and what ran before; None where nothing changed lately."""
        for key in (region, f"version {region}"):
            name, since, before = self.revisions.get(key, ("", None, ""))
            if since is not None and now - since <= NEW_REVISION:
                return name, since, before
        return None

    def _quiet(self, region: str | None) -> bool:
        """Whether what is seen now is normal: no symptom there, and no incident of the target."""
        on = self.streams[region].on or (region is not None and self.replicas[region].on)
        return not on and self.incident is None

    def platform_knows(self, since: datetime) -> bool:
        """Whether the platform was asked after something went wrong; true where there is none to ask."""
        return self.configured.platform is None or (self.platform is not None and self.platform.at >= since)

    def probes_since_trouble(self, region: str) -> list[bool]:
        """Whether the last user probes were answered: those since the region's trouble began, or the last few."""
        since = min(self.sustained(region).values(), default=None)
        return [ok for at, ok in self.probes[region] if since is None or at >= since]

    def bad_now(self, region: str | None) -> Kinds:
        """What the last looks found wrong."""
        more = NONE if region is None else self.replicas[region].last
        return self.streams[region].last | more

    def suspicious(self) -> bool:
        """Whether anything asks for a closer look at the platform."""
        return self.incident is not None or any(self.bad_now(r) or self.sustained(r) for r in self.streams)

    def sustained(self, region: str | None) -> dict[SymptomKind, datetime]:
        """The symptoms that are on, with the time since when."""
        on = dict(self.streams[region].on)
        if region is not None:
            on |= self.replicas[region].on
        return on

    def symptoms(self, *, corroborated: bool = False) -> dict[tuple[str | None, SymptomKind], datetime]:
        """All sustained symptoms; `corroborated`: and what the last looks add to them, in the same region or for users.

        What is left behind is left out: a person knows, users are elsewhere.
        """
        found: dict[tuple[str | None, SymptomKind], datetime] = {}
        for region in self.streams:
            if region not in self.left_behind:
                found |= {(region, kind): since for kind, since in self.sustained(region).items()}
        if not found or not corroborated:
            return found
        places = {r for r, _ in found} | {None}
        if places == {None}:
            found |= {(r, k): at for r, kinds in self.suspects().items() if (at := self._seen_at(r)) is not None for k in kinds}
        for region in places:
            at = self._seen_at(region)
            found |= {(region, kind): at for kind in self.bad_now(region) if (region, kind) not in found and at is not None}
        return found

    def suspects(self) -> dict[str, Kinds]:
        """The regions that had a bad look lately, sustained or not: where to look first when users fail."""
        seen = {r: s.lately for r, s in self.streams.items() if r is not None and r not in self.left_behind}
        return {region: kinds for region, kinds in seen.items() if kinds}

    def _seen_at(self, region: str | None) -> datetime | None:
        look = self.users if region is None else self.looks.get(region)
        return None if look is None else look.at

    def doubtful(self) -> bool:
        """Whether a region that shows no symptom yet had a bad look just now."""
        return any(s.doubtful for r, s in self.streams.items() if r is not None and r not in self.left_behind)

    def good_looks_needed(self, now: datetime) -> int:
        """Good looks that clear an incident: twice as many for each that was cleared lately, so that flapping opens few."""
        flaps = sum(1 for at in self.cleared if now - at <= FLAP_MEMORY)
        return max(self.settings.rise, min(self.settings.rise << flaps, MOST_GOOD_LOOKS))

    def calm(self, incident: Incident, now: datetime) -> bool:
        """Whether every symptom has been gone for long enough, and the looks were all good since."""
        needed = self.good_looks_needed(now)
        streams = [s for r, s in self.streams.items() if r not in self.left_behind and (r is not None or self.users is not None)]
        missing = {s.region for s in incident.symptoms if s.kind == "replicas_missing" and s.region in self.replicas}
        streams += [self.replicas[r] for r in missing if r is not None]
        others = [s for r, s in self.replicas.items() if r not in self.left_behind]
        return all(not s.on and s.good_run >= needed for s in streams) and not any(s.on for s in others)

    def left(self, regions: frozenset[str], now: datetime) -> None:
        """A recovery was verified: forget what was bad, and leave behind the `regions` that users were moved away from."""
        for stream in (*self.streams.values(), *self.replicas.values()):
            stream.forget()
        self.left_behind |= dict.fromkeys(regions & self.looks.keys(), now)

    def come_back(self) -> None:
        """A region that was left behind and is well again is watched like any other."""
        for region in list(self.left_behind):
            well = self.streams[region].good_run >= self.settings.rise and not self.sustained(region)
            if well:
                del self.left_behind[region]

    def facts(self, region: str, now: datetime) -> PlatformFacts | None:
        """What the platform said of a region, unless that is too long ago to say anything."""
        facts = self.platform.facts.get(region) if self.platform is not None else None
        return facts if facts is not None and now - facts.at <= self._stale else None

    def health(self, region: str, now: datetime) -> Health:
        """How a region is, in one word; not known where it was not looked at lately."""
        look = self.looks.get(region)
        if look is None or now - look.at > self._stale:
            return "unknown"
        bad = self.bad_now(region) | set(self.sustained(region))
        late = any(a is not None and a.trouble == "timeout" for a in (look.health, look.probe))
        if bad & {"unreachable", "health_fail", "errors"} or late:
            return "fail"
        return "warn" if bad or (look.doc is not None and look.doc.status == "warn") else "ok"

    def seed(self, opened: Incident) -> None:
        """Take over the baselines that an incident was opened with, where this process has none yet."""
        for seen in opened.observations:
            if seen.metric in {"latency_p95", "error_rate", "rps", "cpu", "pool_utilisation", "rss", "restarts"}:
                self.baselines.seed(seen.region, seen.metric, seen.baseline)
                if seen.metric == "latency_p95":
                    self.baselines.seed(seen.region, "probe_ms", seen.baseline)
            elif seen.metric == "users_p95":
                self.baselines.seed(None, "latency_p95", seen.baseline)
