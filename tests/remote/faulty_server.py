#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real HTTP server on the loopback interface that misbehaves on request.

faulty_server.py PAYLOAD LOG: serves the bytes of PAYLOAD below one path per fault (see FAULTS), prints its port, appends
"PATH RANGE USER-AGENT CLIENT-PORT" per request to LOG, and ends when standard input is closed.
"""
import http.server
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse

PAYLOAD = open(sys.argv[1], "rb").read()
LOG = sys.argv[2]
COUNTS = {}
LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def count(self):
        with LOCK:
            COUNTS[self.path] = COUNTS.get(self.path, 0) + 1
            with open(LOG, "a") as log:
                log.write(f"{self.path} {self.headers.get('Range', '-')} {self.headers.get('User-Agent', '-')} "
                          f"{self.client_address[1]}\n")
            return COUNTS[self.path]

    def do_GET(self):
        self.nth = self.count()
        # A proxy is asked for whole URLs.
        path = urllib.parse.urlsplit(self.path).path
        name = path.strip("/").split("/")[0].replace("-", "_")
        getattr(self, "fault_" + name, self.fault_404)()
        self.wfile.flush()

    # What an answer is made of.

    def offset(self):
        wanted = self.headers.get("Range")
        return int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0

    def head(self, status, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def body(self, data, start):
        if start >= len(data) > 0:
            return self.head(416, 0)
        if start:
            self.head(206, len(data) - start, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.head(200, len(data))
        self.wfile.write(data[start:])

    def cut(self):
        """Ends the connection with a reset, as a server that dies does."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def status(self, code):
        page = b"<html>an error page that is not the package</html>"
        self.head(code, len(page))
        self.wfile.write(page)

    # The faults.

    def fault_ok(self):
        self.body(PAYLOAD, self.offset())

    def fault_404(self):
        self.status(404)

    def fault_410(self):
        self.status(410)

    def fault_403(self):
        self.status(403)

    def fault_500_twice(self):
        self.status(500) if self.nth <= 2 else self.body(PAYLOAD, self.offset())

    def fault_503(self):
        self.status(503)

    def fault_halves(self):
        """Dies after half of what is left, and continues when asked to."""
        start = self.offset()
        rest = PAYLOAD[start:]
        if len(rest) < 1000:
            return self.body(PAYLOAD, start)
        if start:
            self.head(206, len(rest), Content_Range=f"bytes {start}-{len(PAYLOAD) - 1}/{len(PAYLOAD)}")
        else:
            self.head(200, len(rest))
        self.wfile.write(rest[: len(rest) // 2])
        # Let the bytes arrive before the reset, which would discard what the kernel still holds.
        time.sleep(0.05)
        self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True

    def fault_half_once(self):
        """Dies half way the first time; afterwards it sends everything, whatever range was asked for."""
        if self.nth > 1:
            self.head(200, len(PAYLOAD))
            self.wfile.write(PAYLOAD)
            return
        self.head(200, len(PAYLOAD))
        self.wfile.write(PAYLOAD[: len(PAYLOAD) // 2])
        time.sleep(0.05)
        self.cut()

    def fault_vanish(self):
        """Dies half way and answers nothing ever after."""
        if self.nth == 1:
            self.head(200, len(PAYLOAD))
            self.wfile.write(PAYLOAD[: len(PAYLOAD) // 2])
            time.sleep(0.05)
        self.cut()

    def fault_wrong_half(self):
        """Sends a first half that is wrong, then dies for good: the next mirror's bytes do not fit it."""
        if self.nth == 1:
            self.head(200, len(PAYLOAD))
            self.wfile.write(bytes(len(PAYLOAD) // 2))
            time.sleep(0.05)
        self.cut()

    def fault_wrong(self):
        self.body(bytes(len(PAYLOAD)), self.offset())

    def fault_short(self):
        """Claims that half of it is everything."""
        self.body(PAYLOAD[: len(PAYLOAD) // 2], self.offset())

    def fault_announces_more(self):
        self.head(200, len(PAYLOAD) * 1000)
        self.wfile.write(PAYLOAD)
        self.cut()

    def fault_endless(self):
        self.head(200)
        try:
            while True:
                self.wfile.write(bytes(65536))
        except OSError:
            pass

    def fault_zeros(self):
        """As many zeros as the last part of the path says."""
        left = int(self.path.rsplit("/", 1)[1])
        self.head(200, left)
        while left:
            self.wfile.write(bytes(min(left, 1 << 20)))
            left -= min(left, 1 << 20)

    def fault_stall(self):
        self.head(200, len(PAYLOAD))
        self.wfile.write(PAYLOAD[:10])
        self.wfile.flush()
        time.sleep(60)

    def fault_stall_once(self):
        """Says no more after its first half, the first time."""
        if self.nth > 1:
            return self.body(PAYLOAD, self.offset())
        self.head(200, len(PAYLOAD))
        self.wfile.write(PAYLOAD[: len(PAYLOAD) // 2])
        self.wfile.flush()
        time.sleep(60)

    def fault_loop(self):
        self.head(302, 0, Location="/loop")

    def fault_redirect(self):
        self.head(302, 0, Location="/ok")

    def fault_redirect_to_file(self):
        self.head(302, 0, Location=f"file://{sys.argv[1]}")

    def fault_pool(self):
        """A package's path: checks that it arrived as it should."""
        right = self.path == "/pool/main/g/g%20it/git_2.39.5-0+deb12u2_amd64.deb"
        self.body(PAYLOAD, self.offset()) if right else self.status(404)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that leaves is part of the tests


server = Server(("127.0.0.1", 0), Handler)
os.write(1, b"%d\n" % server.server_address[1])  # in one piece: the reader leaves after it
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
