"""What a target is and what may be done to it, in short."""

from __future__ import annotations

from typing import get_args

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.models import TargetSummary


def summarize(name: str, config: TargetConfig, writes_left: int) -> TargetSummary:
    """One target as `list_targets` shows it; `writes_left` is how many writes this hour still allows."""
    tools: tuple[WriteTool, ...] = get_args(WriteTool)
    allowed = [tool for tool in tools if config.allowed_tools is None or tool in config.allowed_tools]
    return TargetSummary(
        name=name,
        platform=config.platform,
        regions=list(config.regions),
        traffic=None if config.traffic is None else config.traffic.kind,
        public_url=config.public_url,
        write_tools=[tool for tool in allowed if tool != "switch_traffic" or config.traffic is not None],
        min_replicas=config.limits.min_replicas,
        max_replicas=config.limits.max_replicas,
        images=list(config.images),
        writes_left=writes_left,
        needs_approval=config.approval_key_file is not None,
    )
