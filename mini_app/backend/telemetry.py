"""Prometheus metrics of one replica, in a registry of its own."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import Engine

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ROUTES = (
    (re.compile(r"/"), "/"),
    (re.compile(r"/api/users"), "/api/users"),
    (re.compile(r"/api/users/[^/]+"), "/api/users/{id}"),
    (re.compile(r"/static/.*", re.DOTALL), "/static"),
)


class Metrics:
    """What `/metrics` shows. User requests only: probes of health and metrics don't count."""

    def __init__(self, engine: Engine, *, region: str, replica: str, version: str) -> None:
        self.registry = CollectorRegistry()
        self._engine = engine
        self._requests = Counter("http_requests", "User requests", ["method", "route", "status"], registry=self.registry)
        self._errors = Counter("http_errors", "User requests answered with 5xx", ["route"], registry=self.registry)
        self._seconds = Histogram(
            "http_request_duration_seconds", "Time to answer", ["method", "route"], buckets=BUCKETS, registry=self.registry
        )
        self._in_use = Gauge("db_pool_in_use", "Connections in use", registry=self.registry)
        self._size = Gauge("db_pool_size", "Connections that the pool may open", registry=self.registry)
        self._cpu = Gauge("process_cpu_percent", "CPU since the last scrape", registry=self.registry)
        self._rss = Gauge("process_resident_memory_bytes", "Resident memory", registry=self.registry)
        Gauge("app_info", "Which replica this is", ["version", "region", "replica"], registry=self.registry).labels(
            version, region, replica
        ).set(1)
        self.total = 0
        self._scraped = (time.monotonic(), time.process_time())

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """One user request was answered. Labels are bounded, whatever paths and methods a visitor invents."""
        self.total += 1
        route = route_of(path)
        method = method if method in METHODS else "OTHER"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if status >= 500:
            self._errors.labels(route).inc()

    def page(self) -> bytes:
        """The exposition text."""
        pool = self._engine.pool
        self._in_use.set(getattr(pool, "checkedout", lambda: 0)())
        self._size.set(getattr(pool, "size", lambda: 0)())
        wall, cpu = time.monotonic(), time.process_time()
        passed = wall - self._scraped[0]
        if passed > 0:
            self._cpu.set(100 * (cpu - self._scraped[1]) / passed)
        self._scraped = (wall, cpu)
        statm = Path("/proc/self/statm")
        if statm.exists():
            self._rss.set(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
        return generate_latest(self.registry)


def route_of(path: str) -> str:
    """The route that a path belongs to, also where a fault answered before any route was found."""
    return next((route for pattern, route in ROUTES if pattern.fullmatch(path)), "other")
