"""`healthy.py PORT PATH [MARKER]`: a container's health check, in two parts.

Until it was well once, it has to answer there below 400. From then on any answer shows that it lives: that a whole region is out
of order is no fault of one replica, and for those to judge who see all of them.
"""  # noqa: INP001

import socket
import sys
from pathlib import Path

port, path, *elsewhere = sys.argv[1:]
started = Path("/proc/1/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
marker = Path(elsewhere[0] if elsewhere else "/tmp/was-well")  # noqa: S108 - the container's own
with socket.create_connection(("127.0.0.1", int(port)), timeout=2) as connection:
    connection.settimeout(2)
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n".encode())
    status = connection.makefile("rb").readline(200).split()[1]
if int(status) < 400:
    if not marker.exists() or marker.read_text(encoding="ascii") != started:
        marker.write_text(started, encoding="ascii")
elif not marker.exists() or marker.read_text(encoding="ascii") != started:
    sys.exit(1)
