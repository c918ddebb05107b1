#!/usr/bin/python3
"""leave - clients that send whole requests and leave before the answer.

    leave.py HOST:PORT h1|h2 N PATH KEY [BODY-FILE…]

Opens N connections, sends one request on each (h2: four; POST with the body files in turn, else GET), says "sent", waits
for a line on standard input, and leaves: every other connection by a reset, h2 streams by RST_STREAM first.
"""

import os
import socket
import ssl
import struct
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "hostile"))
address, protocol, count, path, key, *files = sys.argv[1:]
sys.argv = [sys.argv[0], address]
import h2raw  # noqa: E402

bodies = [open(name, "rb").read() for name in files]
method = "POST" if bodies else "GET"


def leave_with_reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def start_h1(body):
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)))
    head = "%s %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
    sock.sendall((head % (method, path, key, len(body))).encode() + body)
    return sock, []


def start_h2(body):
    connection = h2raw.Connection()
    streams = []
    for _ in range(4):
        more = [("authorization", "Bearer " + key)]
        connection.send(connection.headers(path, method, more, end_stream=not body))
        for at in range(0, len(body), 16384):
            last = h2raw.END_STREAM if at + 16384 >= len(body) else 0
            connection.send(h2raw.frame(h2raw.DATA, last, connection.stream, body[at : at + 16384]))
        streams.append(connection.stream)
    return connection, streams


clients = []
for i in range(int(count)):
    clients.append((start_h1 if protocol == "h1" else start_h2)(bodies[i % len(bodies)] if bodies else b""))
print("sent", flush=True)
sys.stdin.readline()
for i, (client, streams) in enumerate(clients):
    try:
        for stream in streams:
            client.send(h2raw.rst_stream(stream))
    except (OSError, ssl.SSLError):
        pass
    sock = client if protocol == "h1" else client.sock
    if i % 2 == 0:
        leave_with_reset(sock)
    sock.close()
print("gone", flush=True)
