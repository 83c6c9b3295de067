"""Who sits here, for the record: the name that approvals, edits and pauses are written down under.

What the kernel knows comes first. `/proc/self/loginuid` is set once at login and stays through `su` and `sudo`, so that whoever
acts through a shared account is recorded by their own name. Where the kernel keeps none (many containers), `SUDO_USER` counts
as far as a `sudo` of root's is really among the parents of this process. `LOGNAME` and `USER` are what anybody says: they never
count.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

UNSET = 2**32 - 1
"""What the kernel says where nobody logged in."""

PARENTS = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be known of a process: whom it runs as, who logged in (None where the kernel does not say), and what sudo says."""

    uid: int
    login: int | None
    sudo: Mapping[str, str]
    """The environment, where a `sudo` of root's is among the parents; else empty."""


def person() -> str:
    """The person at this process."""
    return person_of(facts(), name_of)


def person_of(known: Facts, name: Callable[[int], str | None]) -> str:
    """The person by these facts; `name` gives the name of a user id, or None."""
    if known.login is not None:
        return name(known.login) or f"uid-{known.login}"
    behind = known.sudo.get("SUDO_UID", "")
    if behind.isascii() and behind.isdigit() and (who := name(int(behind))) is not None and who == known.sudo.get("SUDO_USER"):
        return who
    return name(known.uid) or f"uid-{known.uid}"


def facts(proc: Path = Path("/proc")) -> Facts:
    """What this system tells about this process."""
    return Facts(os.getuid(), _login(proc), os.environ if _behind_sudo(proc, os.getppid()) else {})


def name_of(uid: int) -> str | None:
    """The name of a user id, where this system has one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None


def _login(proc: Path) -> int | None:
    try:
        login = int((proc / "self" / "loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if login == UNSET else login


def _behind_sudo(proc: Path, parent: int) -> bool:
    """Whether root's own `sudo` started this: whoever only sets its variables has none among the parents."""
    for _ in range(PARENTS):
        try:
            lines = (proc / str(parent) / "status").read_text().splitlines()
        except OSError:
            return False
        said = dict(line.partition(":")[::2] for line in lines)
        if said.get("Name", "").strip() == "sudo" and said.get("Uid", "").split()[1:2] == ["0"]:
            return True
        parent = int(said.get("PPid", "0"))
        if parent <= 1:
            return False
    return False
