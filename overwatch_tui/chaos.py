"""Faults that a person may inject, into targets that declare where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from agents.settings import TargetSettings
    from overwatch_tui.demo import DemoWorld

FaultName = Literal["degrade", "outage", "recover", "crash"]


class ChaosError(RuntimeError):
    """The fault was not injected; the text says why."""


@dataclass(frozen=True, slots=True)
class ChaosFault:
    """One fault, with the parameters that the target takes (latency_ms, error_rate, duration_s, scope)."""

    name: FaultName
    parameters: Mapping[str, Any] = field(default_factory=dict)


def offered(target: TargetSettings) -> tuple[FaultName, ...]:
    """The faults that can be injected into a target."""
    if target.chaos is None:
        return ()
    return ("degrade", "outage", "recover", "crash") if target.chaos.demo else ("degrade", "outage", "recover")


async def inject(target: TargetSettings, world: DemoWorld | None, region: str, fault: ChaosFault) -> str:
    """Inject `fault` into one region, and say what was done. Raises ChaosError where the target won't have it."""
    from overwatch_tui.demo import DemoError, admin, control  # noqa: PLC0415 - after the first paint

    if target.chaos is None:
        raise ChaosError("the target declares no chaos endpoint: set `chaos.token` for it to allow faults")
    if region not in target.regions:
        raise ChaosError(f"{region!r} is not a region of the target: choose one of {', '.join(sorted(target.regions))}")
    try:
        if fault.name == "crash":
            if world is None or not target.chaos.demo:
                raise ChaosError("only a replica of the demo can be killed")
            await control(world, "POST", "/control/kill-replica", {"region": region, "index": 0})
            return f"{region}: one replica was killed"
        url = str(target.regions[region].url)
        await admin(url, target.chaos.token.get_secret_value(), fault.name, fault.parameters)
    except DemoError as error:
        raise ChaosError(str(error)) from error
    words = ", ".join(f"{key} {value}" for key, value in fault.parameters.items())
    return f"{region}: {fault.name}{' (' + words + ')' if words else ''}"
