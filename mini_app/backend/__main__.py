"""`python -m mini_app.backend --port N` (or `--fd N`, an inherited socket): one replica."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading

import uvicorn

from mini_app.backend import log_lines
from mini_app.backend.app import create_app
from mini_app.backend.settings import ReplicaSettings


def main() -> None:
    """Serve until told to end, or until the parent is gone."""
    parser = argparse.ArgumentParser(description="One replica of the demo app.")
    parser.add_argument("--host", default="127.0.0.1")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, help="listen there")
    where.add_argument("--fd", type=int, help="serve this bound socket of the parent, so that no port can be lost to another")
    arguments = parser.parse_args()
    settings = ReplicaSettings()
    log_lines.configure()
    if settings.exit_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    config = uvicorn.Config(
        create_app(settings),
        host=arguments.host,
        port=arguments.port or 0,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    sockets = None if arguments.fd is None else [socket.socket(fileno=arguments.fd)]
    uvicorn.Server(config).run(sockets)


def _end_with_stdin() -> None:
    """A parent that was killed closes the pipe: nobody is left to end this process but itself."""
    while os.read(sys.stdin.fileno(), 4096):  # unbuffered: a buffer's lock, held here, would abort the interpreter's end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
