"""raw - sends bytes to a port as they are, for what curl will not send.

    raw.py HOST:PORT [close|half|reset] <REQUEST     prints the answer

close: hangs up at once after sending. half: says that nothing more comes, and reads. reset: hangs up with a TCP reset.
Without a word the connection stays open for sending until the server has closed it (or 5 seconds are over).
"""

import socket
import struct
import sys

host, port = sys.argv[1].rsplit(":", 1)
how = sys.argv[2] if len(sys.argv) > 2 else ""
connection = socket.create_connection((host, int(port)), 5)
try:
    connection.sendall(sys.stdin.buffer.read())
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half":
        connection.shutdown(socket.SHUT_WR)
    while how in ("", "half") and (data := connection.recv(65536)):
        sys.stdout.buffer.write(data)
except (BrokenPipeError, ConnectionResetError):
    print("(connection reset)")
except socket.timeout:
    print("(still open)")
connection.close()
