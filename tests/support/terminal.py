"""A real pseudo terminal around the real program, with pyte as its eyes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte


class Terminal:
    """Runs a command in a terminal of `columns` × `rows`; `screen` is what a person would see."""

    def __init__(self, command: Sequence[str], *, columns: int, rows: int, environment: Mapping[str, str], cwd: Path) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
            close_fds=True,
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """The screen's lines."""
        return "\n".join(self._screen.display)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def wait_for(self, holds: Callable[[str], bool], seconds: float, what: str) -> str:
        """Read until the screen holds, or fail with the screen as it is."""
        deadline = time.monotonic() + seconds
        while not holds(self.text):
            if time.monotonic() > deadline or not self._read(0.1):
                raise AssertionError(f"waited {seconds} s for {what}; the screen is:\n{self.text}")
        return self.text

    def approve(self, target: str) -> None:
        """Approve the one request that waits, which reaches many users, as a person would: once more where it still waits."""
        for _ in range(3):
            self._answer_question(target)
            with contextlib.suppress(AssertionError):
                self.wait_for(lambda t: "Approvals (1)" not in t, 10, "the request to be decided")
                return
        raise AssertionError(f"the request still waits; the screen is:\n{self.text}")

    def _answer_question(self, target: str) -> None:
        self._press_until("a", lambda t: "Approve this?" in t, "the question")  # what has only just appeared takes no key
        self._type_name(target)
        self.press("\r")
        self.wait_for(lambda t: "Approve this?" not in t, 20, "the question to be answered")

    def _type_name(self, target: str, seconds: float = 60) -> None:
        """Type into the field until it holds the name and no more.

        Textual lets ctrl+u act after the letters that come with it at once, so it is pressed alone, on a field that is not empty.
        """
        empty, full = re.compile(rf"│ +type {target} to approve +│"), re.compile(rf"│ +{target} +│")
        deadline = time.monotonic() + seconds
        while not full.search(self.text):
            assert time.monotonic() < deadline, f"typed {target!r} for {seconds} s; the screen is:\n{self.text}"
            keys, then = (target, full) if empty.search(self.text) else ("\x15", empty)
            self.press(keys)
            with contextlib.suppress(AssertionError):
                self.wait_for(lambda t, then=then: then.search(t) is not None, 2, "the field to follow")

    def _press_until(self, keys: str, holds: Callable[[str], bool], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not holds(self.text):
            assert time.monotonic() < deadline, f"pressed {keys!r} for {seconds} s for {what}; the screen is:\n{self.text}"
            self.press(keys)
            with contextlib.suppress(AssertionError):
                self.wait_for(holds, 1, what)

    def wait_end(self, seconds: float) -> int:
        """Read until the program has ended; its status."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {seconds} s; the screen is:\n{self.text}")
            self._read(0.05)
        return self.process.returncode

    def close(self) -> None:
        """End the program's own process if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self._stream.feed(data)
        return True
