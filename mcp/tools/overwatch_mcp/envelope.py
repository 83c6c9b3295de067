"""The limits that hold whoever calls: what makes no sense is an error, what is not allowed is refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.errors import RequestError

HIGHEST_EPOCH = 2**53 - 1
"""JSON's readers agree up to here."""
MOST_AHEAD = 1_000
"""How far an epoch may be above the highest that acted on a target: a lease changes hands once in an incident."""
HIGHEST_FIRST = 1_000_000
"""The highest epoch that may be the first: a journal can be new (moved, lost) where leases have changed hands for years."""
LARGEST_NUMBER = 2**31 - 1
MOST_REGIONS, LONGEST_KEY = 100, 63

_NAME = re.compile(r"[!-~]{1,255}")
_OPERATION_ID = re.compile(r"[A-Za-z0-9._:>-]{1,128}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@:-]{0,254}")


def check_operation_id(operation_id: str) -> None:
    """Raises RequestError unless it is 1 to 128 characters of letters, digits and `._:>-`."""
    if not _OPERATION_ID.fullmatch(operation_id):
        raise RequestError(
            f"operation_id {operation_id[:140]!r} is not usable: give 1 to 128 letters, digits, '.', '_', ':', '>' or '-'"
        )


def check_epoch(epoch: int) -> None:
    """Raises RequestError unless it is a number that the journal can hold, and that leaves room for the next ones."""
    if not 0 <= epoch <= HIGHEST_EPOCH:
        raise RequestError(f"epoch {epoch!r:.40} is not usable: give 0 to {HIGHEST_EPOCH}")


def refuse_epoch(epoch: int, highest: int) -> str | None:
    """Why an epoch may not act where `highest` has acted: it was overtaken, or is one that no lease has reached.

    One call with an absurd epoch would otherwise lock out whoever holds the lease, for ever.
    """
    if epoch < highest:
        return stale_epoch(epoch, highest)
    most = MOST_AHEAD if highest else HIGHEST_FIRST
    if epoch > highest + most:
        return f"epoch {epoch} is more than {most} above {highest}, the highest that acted here: give a lease's own"
    return None


def stale_epoch(epoch: int, highest: int) -> str:
    """That an epoch was overtaken."""
    return f"epoch {epoch} is stale, {highest} has acted on this target since: whoever asks has lost its lease and must stop"


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raises RequestError for what no platform can have: it would only fill the journal and the messages.

    An image is judged by `refuse_image`, weights by `refuse_weights`.
    """
    for name, value in arguments.items():
        if isinstance(value, str) and name != "image" and not _NAME.fullmatch(value):
            raise RequestError(f"{name} {value[:100]!r} is not usable: give 1 to 255 visible ASCII characters, or leave it out")
        if isinstance(value, Mapping):
            if len(value) > MOST_REGIONS or any(len(key) > LONGEST_KEY for key in value):
                raise RequestError(f"{name} is too long: give each region once")
            numbers = {f"{name} of {key[:100]!r}": number for key, number in value.items()}
        else:
            numbers = {name: value}
        for what, number in numbers.items():
            if isinstance(number, int) and abs(number) > LARGEST_NUMBER:
                raise RequestError(f"{what} {number!r:.40} is out of all bounds: give a number up to {LARGEST_NUMBER}")


def check_tool(target: str, config: TargetConfig, tool: WriteTool) -> None:
    """Raises RequestError where the target does not allow the tool."""
    if config.allowed_tools is not None and tool not in config.allowed_tools:
        raise RequestError(f"{tool!r} is not allowed on {target!r}; allowed: {sorted(config.allowed_tools)}")


def refuse_weights(config: TargetConfig, weights: Mapping[str, int]) -> str | None:
    """Why these weights can't be: exactly the known regions, 0 to 100 each, 100 together, hence never all 0."""
    if set(weights) != set(config.regions):
        return f"weights name {str(sorted(weights))[:200]}, but the regions are {sorted(config.regions)}: give each region once"
    for region, weight in sorted(weights.items()):
        if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight <= 100:
            return f"the weight of {region!r} is {weight!r}: give a whole number of percent from 0 to 100"
    total = sum(weights.values())
    return None if total == 100 else f"the weights {dict(sorted(weights.items()))} sum to {total}: give 100 percent in all"


def refuse_replicas(config: TargetConfig, replicas: int) -> str | None:
    """Why this number of replicas can't be; 0 never can."""
    limits = config.limits
    if not isinstance(replicas, bool) and limits.min_replicas <= replicas <= limits.max_replicas:
        return None
    return f"{replicas!r} replicas are outside of what is allowed: {limits.min_replicas} to {limits.max_replicas}"


def refuse_image(config: TargetConfig, image: str) -> str | None:
    """Why this image can't be deployed: it must be well formed and start with an allowed prefix."""
    if not _IMAGE.fullmatch(image):
        return f"the image {image[:300]!r} is no image reference: give it as registry/name:tag"
    if not any(_is_allowed(image, allowed) for allowed in config.images):
        return f"the image {image!r} is not allowed; allowed: {sorted(config.images)}"
    return None


def _is_allowed(image: str, allowed: str) -> bool:
    """A prefix counts as one only up to a boundary: `registry.example` is not to allow `registry.example.evil/x`."""
    return image == allowed or (allowed.endswith(("/", ":", "@")) and image.startswith(allowed))
