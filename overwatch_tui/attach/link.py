"""The socket in the home: where it lies, who may use it, and how its swarm is asked for its health. Loads nothing heavy.

The file belongs to the person who runs the swarm and is open to nobody else; both ends look at the other's user besides. Neither
process ids nor ports are used, so a container that shares the home reaches the swarm in another one.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.sanitize import clean

SOCKET = "swarm.sock"
PROTOCOL = 2
"""Raised with every change that the other end would not understand."""

LONGEST_PATH = 100
"""Bytes of a socket's path that every system takes; Linux would take 107."""

HEALTH_LINE = 65_536
CONNECT_SECONDS = 2.0


class AttachError(RuntimeError):
    """The swarm can't be reached, or did not take this screen; the text says why, and the remedy."""


class NobodyListensError(AttachError):
    """No swarm runs in this home."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a swarm says it is. `age_s` is how long ago it last said how it stands, None where it never did."""

    status: str
    agents: Mapping[str, str]
    age_s: float | None


def socket_path(home: Path) -> Path:
    """Where the swarm of a home listens."""
    return home / SOCKET


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """A name for a socket that is short enough to bind or connect to, however deep its folder lies.

    Raises AttachError where this system has none.
    """
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    if not sys.platform.startswith("linux"):
        raise AttachError(
            f"{str(path)!r} is longer than the {LONGEST_PATH} bytes that a socket's path may have: set OVERWATCH_HOME to a "
            "shorter one"
        )
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer(connection: socket.socket) -> int | None:
    """The user at the other end; None where the system does not tell, and the file's mode alone decides."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return int(user)


def connect(home: Path, timeout: float = CONNECT_SECONDS) -> socket.socket:
    """A connection to the swarm of `home`. Raises NobodyListensError, or AttachError where it is not one's own."""
    path = socket_path(home)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        with short(path) as name:
            connection.connect(name)
        _refuse_strangers(path, peer(connection))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        connection.close()
        raise NobodyListensError(
            f"no swarm listens on {str(path)!r}: start one with `overwatch-tui run` or `overwatch-tui launch`, "
            "or set OVERWATCH_HOME to the home of one that runs"
        ) from None
    except OSError as error:
        connection.close()
        why = "it does not answer" if isinstance(error, TimeoutError) else error.strerror or error
        raise AttachError(
            f"can't reach the swarm on {str(path)!r} ({why}): run this as the user who runs the swarm, or start the swarm again"
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_strangers(path: Path, user: int | None) -> None:
    if user not in {None, os.geteuid()}:
        raise AttachError(f"{str(path)!r} is served by user {user}, not by you ({os.geteuid()}): nothing was sent")


def ask_health(home: Path, timeout: float) -> Report:
    """Ask the swarm of `home` how it is, each step within `timeout` seconds. Raises AttachError."""
    connection = connect(home, timeout)
    with connection, connection.makefile("rb") as lines:
        try:
            connection.sendall(json.dumps({"kind": "probe", "body": {"protocol": PROTOCOL}}).encode() + b"\n")
            line = lines.readline(HEALTH_LINE)
        except OSError as error:
            raise AttachError(f"the swarm on {str(socket_path(home))!r} does not answer: end it and start it again") from error
    return _report(line)


def verdict(report: Report, *, fresh_s: float) -> str:
    """What is wrong with a swarm; empty where nothing is. Its word is good for `fresh_s` seconds."""
    if report.age_s is None:
        return "the swarm is starting"
    if report.age_s > fresh_s:
        return f"the swarm has not said how it stands for {report.age_s:.0f} s: start it again"
    down = sorted(name for name, state in report.agents.items() if state == "down")
    if down:
        return f"{', '.join(down)} {'is' if len(down) == 1 else 'are'} down: `overwatch-tui doctor` says more"
    starting = sorted(name for name, state in report.agents.items() if state == "starting")
    return f"{', '.join(starting)} {'is' if len(starting) == 1 else 'are'} starting" if starting else ""


def _report(line: bytes) -> Report:
    try:
        said: Any = json.loads(line)
        kind, body = said["kind"], said["body"]
        if kind == "refused":
            raise AttachError(clean(body["why"], 400))
        age = None if body["age_s"] is None else float(body["age_s"])
        if age is not None and not math.isfinite(age):
            raise ValueError("no age")  # noqa: TRY301 - it is told as all that can't be read
        return Report(
            status=clean(body["status"], 40),
            agents={clean(name, 40): clean(state, 40) for name, state in body["agents"].items()},
            age_s=age,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise AttachError(f"the swarm answered {clean(repr(line[:80]))}: install the same version at both ends") from None


__all__ = [
    "PROTOCOL",
    "AttachError",
    "NobodyListensError",
    "Report",
    "ask_health",
    "connect",
    "peer",
    "short",
    "socket_path",
    "verdict",
]
