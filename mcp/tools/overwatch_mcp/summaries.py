"""What a target is and what may be done to it, in short."""

from __future__ import annotations

from typing import get_args

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.models import TargetSummary


def summarize(name: str, config: TargetConfig, writes_left: int, highest_epoch: int) -> TargetSummary:
    """One target as `list_targets` shows it; `writes_left` is how many writes this hour still allows."""
    allowed = set(get_args(WriteTool)) if config.allowed_tools is None else set(get_args(WriteTool)) & config.allowed_tools
    if config.traffic is None:
        allowed.discard("switch_traffic")
    if not config.images:
        allowed -= {"deploy_container", "rollback_revision"}
    return TargetSummary(
        name=name,
        platform=config.platform,
        regions=sorted(config.regions),
        traffic=None if config.traffic is None else config.traffic.kind,
        public_url=config.public_url,
        write_tools=sorted(allowed),
        min_replicas=config.limits.min_replicas,
        max_replicas=config.limits.max_replicas,
        images=list(config.images),
        writes_left=writes_left,
        needs_approval=config.approval_key_file is not None,
        highest_epoch=highest_epoch,
    )
