"""`healthy.py PORT PATH`: ends with 0 where that path of this container answers below 400. It runs often."""  # noqa: INP001

import socket
import sys

port, path = sys.argv[1:]
with socket.create_connection(("127.0.0.1", int(port)), timeout=2) as connection:
    connection.settimeout(2)
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n".encode())
    line = connection.makefile("rb").readline(200).split()
sys.exit(not (len(line) > 1 and line[1].isdigit() and int(line[1]) < 400))
