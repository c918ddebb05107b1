"""h2raw - raw HTTP/2 frames over TLS, for scripts that break the rules on purpose.

No library keeps us from sending what a well-behaved client never would. Also a little TAP.
"""

import os
import socket
import ssl
import struct
import sys

import hpack

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, REFUSED_STREAM = 0, 1, 3, 5, 7
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11
INITIAL_WINDOW_SIZE = 4

PATH = os.environ.get("HOSTILE_PATH", "/healthz")
WAIT_SECONDS = 10


def address():
    if len(sys.argv) != 2 or ":" not in sys.argv[1]:
        sys.exit("usage: %s HOST:PORT (a TLS port)" % os.path.basename(sys.argv[0]))
    host, port = sys.argv[1].rsplit(":", 1)
    return host, int(port)


def connect(alpn, receive_buffer=None):
    host, port = address()
    raw = socket.socket()
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.settimeout(WAIT_SECONDS)
    raw.connect((host, port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # our own development certificate
    context.set_alpn_protocols([alpn])
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context.wrap_socket(raw, server_hostname="localhost")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    names = {"header_table_size": 1, "enable_push": 2, "initial_window_size": 4, "max_frame_size": 5}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", names[name], value) for name, value in values.items()))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst_stream(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


class Connection:
    def __init__(self, receive_buffer=None, **first_settings):
        self.sock = connect("h2", receive_buffer)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.stream = -1
        self.buffer = b""
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings(**first_settings))

    def send(self, data):
        self.sock.sendall(data)

    def headers(self, path=PATH, method="GET", more=(), end_stream=True):
        """The bytes of a request on the next stream."""
        self.stream += 2
        fields = [(":method", method), (":scheme", "https"), (":authority", "localhost")]
        if path is not None:
            fields.append((":path", path))
        block = self.encoder.encode(fields + list(more), huffman=False)
        flags = END_STREAM if end_stream else 0
        first, rest = block[:16384], block[16384:]
        out = frame(HEADERS, flags | (0 if rest else END_HEADERS), self.stream, first)
        while rest:
            part, rest = rest[:16384], rest[16384:]
            out += frame(CONTINUATION, 0 if rest else END_HEADERS, self.stream, part)
        return out

    def next_frame(self):
        """(kind, flags, stream, payload), or None when the server has closed."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                more = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not more:
                return None
            self.buffer += more
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags = self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
        payload = self.buffer[9 : 9 + length]
        self.buffer = self.buffer[9 + length :]
        return kind, flags, stream, payload

    def wait_for(self, *kinds, stream=None):
        """The next frame of one of these kinds; others are passed over. None when the server closes first."""
        while True:
            got = self.next_frame()
            if got is None or (got[0] in kinds and (stream is None or got[2] == stream)):
                return got
            if got[0] == HEADERS:
                self.decoder.decode(got[3])

    def goaway_code(self):
        """The error code of the GOAWAY the server ends with; None when it closes without one."""
        try:
            got = self.wait_for(GOAWAY)
        except (TimeoutError, socket.timeout):
            return "nothing came"
        return None if got is None else int.from_bytes(got[3][4:8], "big")

    def response(self, stream):
        """(status, body, code of a reset or None) of a stream."""
        status, body = None, b""
        while True:
            got = self.next_frame()
            if got is None:
                return status, body, "closed"
            kind, flags, got_stream, payload = got
            if kind == HEADERS:
                fields = dict(self.decoder.decode(payload))
            if kind == GOAWAY and int.from_bytes(payload[4:8], "big") != NO_ERROR:
                return status, body, "goaway %d" % int.from_bytes(payload[4:8], "big")
            if got_stream != stream:
                continue
            if kind == HEADERS:
                status = int(fields[":status"])
            elif kind == DATA:
                body += payload
            elif kind == RST_STREAM:
                return status, body, int.from_bytes(payload, "big")
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return status, body, None

    def get(self, path=PATH):
        self.send(self.headers(path))
        return self.response(self.stream)

    def close(self):
        self.sock.close()


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, held, name, got=None):
        self.count += 1
        self.failed += not held
        print("%sok %d - %s" % ("" if held else "not ", self.count, name), flush=True)
        if not held and got is not None:
            print("#   got %r" % (got,), flush=True)

    def equal(self, got, expected, name):
        self.ok(got == expected, name, got)

    def lives(self):
        """The server still answers a new connection."""
        try:
            connection = Connection()
            got = connection.get()
            connection.close()
        except OSError as error:
            got = error
        self.ok(isinstance(got, tuple) and got[0] in (200, 404), "the server lives and answers others", got)

    def done(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)


def memory_kib():
    """Peak resident memory of the server when HOSTILE_PID says which process it is, else None."""
    pid = os.environ.get("HOSTILE_PID")
    if not pid:
        return None
    with open("/proc/%s/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
