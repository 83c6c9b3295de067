"""`python -m mini_app.local_azure --state-dir DIR`: the demo's cloud, one process with its replicas as children."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from mini_app.local_azure.patches import MOST_REPLICAS
from mini_app.local_azure.server import LocalAzure, Options, StartError

IN_USE = 3
"""The exit status where another one lives in the same folder."""

MOST_RPS = 200
DAY = 86_400.0


def main() -> None:
    """Serve until stopped, or until nobody renews the lease."""
    parser = argparse.ArgumentParser(description="Two local regions with the Azure calls that Overwatch uses.")
    parser.add_argument("--state-dir", type=Path, required=True, help="where it writes down what listens where")
    parser.add_argument("--replicas", type=_whole(1, MOST_REPLICAS), default=2, help="replicas of each region")
    parser.add_argument("--rps", type=_whole(0, MOST_RPS), default=15, help="user-like requests a second")
    parser.add_argument("--lease-seconds", type=_seconds, default=60, help="how long it goes on when nobody renews the lease")
    parser.add_argument("--frontdoor-probe-interval", type=_seconds, default=1.0, help="seconds between health probes")
    given = parser.parse_args()
    folder = given.state_dir.absolute()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "local_azure.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.stderr.write(f"a local cloud lives in {folder} already: use it, stop it, or name another folder\n")
        sys.exit(IN_USE)
    logging.basicConfig(
        filename=folder / "logs" / "local_azure.log", level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    options = Options(folder, given.replicas, given.rps, given.lease_seconds, given.frontdoor_probe_interval)
    try:
        asyncio.run(_serve(options))
    except StartError as error:
        sys.exit(str(error))


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(given: str) -> int:
        if not least <= int(given) <= most:
            raise argparse.ArgumentTypeError(f"{given} is not from {least} to {most}")
        return int(given)

    return number


def _seconds(given: str) -> float:
    if not 0.05 <= float(given) <= DAY:
        raise argparse.ArgumentTypeError(f"{given} is not from 0.05 s to a day")
    return float(given)


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await LocalAzure(options).run(stop)


if __name__ == "__main__":
    main()
