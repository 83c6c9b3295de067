"""Property 8 as a state machine: incidents that begin, end, crash and are judged while time passes and the clock jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import StaticPool, create_engine, insert, select, update

from agents.durable import leases
from agents.durable import schema as s
from agents.incident import BUSY
from agents.seams import RetryLaterError
from overwatch_mcp.envelope import refuse_epoch

TARGETS = ("shop", "bank", "blog")
HOLDERS = tuple(f"INC-{n}" for n in range(1, 7))
MOST = 2
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def target_of(holder: str) -> str:
    return TARGETS[HOLDERS.index(holder) % len(TARGETS)]


class Leases(RuleBasedStateMachine):
    """The product's leases over SQLite, and what a server has seen; each holder believes in the epoch that it was last given."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        s.metadata.create_all(self.engine)
        self.db = self.engine.connect()
        self.time = START
        self.believes: dict[str, int] = {}
        self.last_epoch = dict.fromkeys(TARGETS, 0)
        self.server = dict.fromkeys(TARGETS, 0)
        self.wrote: dict[str, str] = {}
        for n, holder in enumerate(HOLDERS, 1):
            row = {"id": holder, "number": n, "target": holder.lower(), "status": "acting", "version": 1, "state": "{}"}
            self.db.execute(insert(s.incident).values(row))

    @rule(holder=st.sampled_from(HOLDERS))
    def take(self, holder) -> None:
        target, before = target_of(holder), self._lease(target_of(holder))
        live = self._live()
        try:
            epoch = leases.take(self.db, target, holder, self.time, MOST)
        except RetryLaterError:
            others = {name for name in live if name != target}
            assert len(others) >= MOST or (before is not None and before.holder != holder and target in live)
            return
        assert len({name for name in live if name != target}) < MOST
        if before is not None and before.holder != holder:
            assert target not in live
            assert epoch > before.epoch
        self.believes[holder] = epoch

    @rule(holder=st.sampled_from(HOLDERS))
    def write(self, holder) -> None:
        """The last look in the store, then the server's own; a holder that was overtaken fails at both."""
        epoch = self.believes.get(holder)
        if epoch is None:
            return
        target, row = target_of(holder), self._lease(target_of(holder))
        mine = (row.holder, row.epoch) == (holder, epoch)
        try:
            leases.must_hold(self.db, target, holder, epoch)
        except RetryLaterError:
            assert not mine
        else:
            assert mine
            assert refuse_epoch(epoch, self.server[target]) is None
            self.server[target] = epoch
            self.wrote[target] = holder
        if epoch < self.server[target]:
            assert "stale" in refuse_epoch(epoch, self.server[target])

    @rule(holder=st.sampled_from(HOLDERS))
    def renew(self, holder) -> None:
        epoch = self.believes.get(holder)
        if epoch is not None:
            row = self._lease(target_of(holder))
            kept = leases.renew(self.db, target_of(holder), holder, epoch, self.time)
            assert kept is ((row.holder, row.epoch) == (holder, epoch))

    @rule(holder=st.sampled_from(HOLDERS), status=st.sampled_from(["acting", "verifying", "undoing", "retry", "resolved"]))
    def goes_on(self, holder, status) -> None:
        self.db.execute(update(s.incident).where(s.incident.c.id == holder).values(status=status))

    @rule(holder=st.sampled_from(HOLDERS), began=st.booleans())
    def begins_or_ends_an_operation(self, holder, began) -> None:
        self.db.execute(s.intent.delete().where(s.intent.c.incident == holder))
        row = {
            "operation": f"{holder}.s1:0", "incident": holder, "tool": "restart_service",
            "arguments": f'{{"target": "{target_of(holder)}"}}', "arguments_hash": "", "state_before": "{}", "epoch": 1,
            "status": "started" if began else "succeeded", "summary": "", "command": "", "started": self.time.isoformat(),
        }  # fmt: skip
        self.db.execute(insert(s.intent).values(row))

    @rule(holder=st.sampled_from(HOLDERS))
    def crashes_and_forgets(self, holder) -> None:
        self.believes.pop(holder, None)

    @rule(seconds=st.sampled_from([1, 100, 299, 301, 3_600, -3_600, -60]))
    def time_passes(self, seconds) -> None:
        self.time += timedelta(seconds=seconds)

    @invariant()
    def epochs_only_grow(self) -> None:
        for target in TARGETS:
            row = self._lease(target)
            if row is not None:
                assert row.epoch >= self.last_epoch[target]
                self.last_epoch[target] = row.epoch

    @invariant()
    def one_holder_has_the_highest_epoch(self) -> None:
        for target in TARGETS:
            row = self._lease(target)
            if row is not None:
                current = [h for h in HOLDERS if target_of(h) == target and self.believes.get(h) == row.epoch]
                assert current in ([], [row.holder])

    def _lease(self, target):
        return self.db.execute(select(s.lease).where(s.lease.c.name == target)).first()

    def _live(self) -> set[str]:
        """The targets that somebody acts on, told apart from how the product does it."""
        live = set()
        for row in self.db.execute(select(s.lease)).all():
            status = self.db.execute(select(s.incident.c.status).where(s.incident.c.id == row.holder)).scalar()
            begun = self.db.execute(select(s.intent.c.status).where(s.intent.c.incident == row.holder)).scalars().all()
            if row.expires > self.time.timestamp() and (status in BUSY or "started" in begun):
                live.add(row.name)
        return live

    def teardown(self) -> None:
        self.db.close()
        self.engine.dispose()


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
