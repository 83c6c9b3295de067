"""What the person's keys do: ask where something is at stake, send the command, and say what came of it.

Commands go to the swarm's handle, whose futures are awaited here; the screen never waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from overwatch_tui.bridge.seam import SwarmHandle, TargetInfo
from overwatch_tui.chaos import ChaosFault, FaultName
from overwatch_tui.modals.approve import Approve
from overwatch_tui.modals.base import Question
from overwatch_tui.modals.chaos import ChaosMenu
from overwatch_tui.modals.confirm import Confirm
from overwatch_tui.modals.failover import Failover
from overwatch_tui.modals.reason import Reason
from overwatch_tui.state import format as fmt
from overwatch_tui.state.models import ApprovalView, Line, TargetView
from overwatch_tui.state.words import gone
from overwatch_tui.widgets.approvals import GRACE
from overwatch_tui.widgets.safe import say

if TYPE_CHECKING:
    from overwatch_tui.app import OverwatchApp

ANSWER_SECONDS = 30
Command = Callable[[SwarmHandle], Future[str]]


class Operations:
    """Commands on behalf of the person at `app`."""

    def __init__(self, app: OverwatchApp) -> None:
        self._app = app
        self._asking: tuple[Question[str], ApprovalView] | None = None
        self._left_at: datetime | None = None

    def approve(self, view: ApprovalView, sent: Callable[[], None], settled: Callable[[], None]) -> None:
        """Approve; the key was the question, but for what reaches many users. `settled` is called with the answer."""
        if not view.confirm:
            if self._send(lambda handle: handle.decide(view.id, True, "", binding=view.binding), settled):
                sent()
            return

        def decided(typed: str) -> None:
            if self._send(lambda handle: handle.decide(view.id, True, "", typed, view.binding), settled):
                sent()

        self._ask(Approve(view, self._app.clock), view, decided)

    def reject(self, view: ApprovalView, sent: Callable[[], None], settled: Callable[[], None]) -> None:
        """Ask for the reason, then reject."""

        def decided(reason: str) -> None:
            if self._send(lambda handle: handle.decide(view.id, False, reason, binding=view.binding), settled):
                sent()

        what: tuple[Line, ...] = (((f"{view.incident}: {' + '.join(view.plan)}", "strong"),),)
        modal = Reason("Reject this plan?", what, "Why? The Strategist learns from it", "Reject", required=True)
        self._ask(modal, view, decided)

    def leave_what_is_gone(self) -> None:
        """Close the question about a request that waits no longer, and say why; under another screen it stays for now."""
        if self._asking is None:
            return
        question, view = self._asking
        if question.is_active and question.is_mounted and not self._waits(view):
            self._asking = None
            self._left_at = self._app.clock()
            self._say_gone(view)
            question.dismiss(None)

    def came_too_late(self, key: str) -> bool:
        """Whether a key was meant for a question that has just closed by itself: nobody who types stops at once."""
        if self._left_at is None or key.startswith("ctrl+"):
            return False
        now = self._app.clock()
        late = timedelta(0) <= now - self._left_at < GRACE
        self._left_at = now if late else None
        return late

    def chaos(self, target: str, region: str, fault: ChaosFault) -> None:
        """Inject a fault; at once on the demo, after a question on anything else."""
        info = self._chaos_target(target, fault.name)
        if info is None:
            return
        send = partial(self._send, lambda handle: handle.chaos(target, region, fault))
        if info.is_demo or fault.name == "recover":
            send()
            return
        lines: tuple[Line, ...] = (
            ((f"{fault.name} {region} of {target}", "strong"),),
            (("This is not the demo: its users will feel it.", "warn"),),
        )
        self._confirm(Confirm("Break this on purpose?", lines, fault.name.capitalize()), send)

    def chaos_menu(self, target: str, region: str) -> None:
        """Let the person choose among what the target can inject."""
        info = self._chaos_target(target, None)
        if info is None:
            return

        def chosen(fault: ChaosFault | None) -> None:
            if fault is not None:
                self.chaos(target, region, fault)

        self._app.push_screen(ChaosMenu(target, region, info.faults), chosen)

    def failover(self, target: TargetView) -> None:
        """Ask where to, and to type it."""

        def chosen(region: str | None) -> None:
            if region is not None:
                self._send(lambda handle: handle.force_failover(target.name, region))

        self._app.push_screen(Failover(target, self._app.glyphs), chosen)

    def pause_or_arm(self) -> None:
        """Pause with a reason, or arm again after a question."""
        swarm = self._app.state.swarm
        if swarm is not None and swarm.automation == "paused":
            lines: tuple[Line, ...] = ((("The swarm may act again, within policy, on everything that it watches.", "plain"),),)
            self._confirm(Confirm("Arm automation?", lines, "Arm"), partial(self._send, lambda handle: handle.arm()))
            return

        def decided(reason: str | None) -> None:
            if reason is not None:
                self._send(lambda handle: handle.pause(reason))

        lines = ((("Nothing is carried out until it is armed again, not even after a restart.", "plain"),),)
        self._app.push_screen(Reason("Pause all automation?", lines, "Why? (may stay empty)", "Pause", required=False), decided)

    def target(self, name: str) -> TargetInfo | None:
        """What the swarm says about a target now."""
        handle = self._app.host.handle
        if handle is None:
            return None
        return next((info for info in handle.targets() if info.name == name), None)

    def _ask(self, question: Question[str], view: ApprovalView, decided: Callable[[str], None]) -> None:
        def answered(answer: str | None) -> None:
            self._asking = None
            if answer is None:
                return
            if self._waits(view):
                decided(answer)
            else:
                self._say_gone(view)

        self._asking = (question, view)
        self._app.push_screen(question, answered)

    def _waits(self, view: ApprovalView) -> bool:
        return any(waiting.id == view.id for waiting in self._app.state.approvals)

    def _say_gone(self, view: ApprovalView) -> None:
        why = gone(self._app.state.incidents.get(view.incident), view.id)
        say(self._app, f"{view.incident}: {why}: nothing was sent", "warning")

    def _confirm(self, question: Confirm, go: Callable[[], bool]) -> None:
        def decided(yes: bool | None) -> None:
            if yes:
                go()

        self._app.push_screen(question, decided)

    def _chaos_target(self, name: str, fault: FaultName | None) -> TargetInfo | None:
        info = self.target(name)
        if info is None:
            say(self._app, f"{fmt.shorten(name, 40)!r} is not up yet: wait until the swarm runs", "warning")
        elif not info.has_chaos or (fault is not None and fault not in info.faults):
            what = "no chaos endpoint" if not info.has_chaos else f"no fault {fault!r}"
            say(self._app, f"{name} declares {what}: nothing was injected", "warning")
        else:
            return info
        return None

    def _send(self, command: Command, settled: Callable[[], None] | None = None) -> bool:
        handle = self._app.host.handle
        if handle is None:
            say(self._app, "the swarm is not running, so nothing was sent: R starts it again", "error")
            return False
        if self._app.read_only:
            say(self._app, "this control room was started read-only: nothing was sent", "warning")
            return False
        try:
            future = command(handle)
        except Exception as error:  # noqa: BLE001 - whatever a swarm raises, the person is told and the screen stays
            say(self._app, f"{error}", "error")
            return False
        self._app.run_worker(self._answer(future, settled), group="commands", exit_on_error=False)
        return True

    async def _answer(self, future: Future[str], settled: Callable[[], None] | None) -> None:
        try:
            text = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), ANSWER_SECONDS)
        except TimeoutError:
            say(self._app, f"no answer for {ANSWER_SECONDS} s: the timeline shows whether it happened", "warning")
        except Exception as error:  # noqa: BLE001 - a refusal is an answer, and is shown
            say(self._app, str(error) or type(error).__name__, "error")
        else:
            say(self._app, text)
        finally:
            if settled is not None:
                settled()
