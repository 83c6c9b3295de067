"""`python -m mini_app.backend --host 127.0.0.1 --port N`: one replica."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

import uvicorn

from mini_app.backend.app import create_app
from mini_app.backend.settings import ReplicaSettings


def main() -> None:
    """Serve until told to end, or until the parent is gone."""
    parser = argparse.ArgumentParser(description="One replica of the demo app.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    settings = ReplicaSettings()
    if settings.exit_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    config = uvicorn.Config(
        create_app(settings),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run()


def _end_with_stdin() -> None:
    """A parent that was killed closes the pipe: nobody is left to end this process but itself."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
