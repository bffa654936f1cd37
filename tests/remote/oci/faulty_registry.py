#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry in memory on the loopback interface, with a token service, that misbehaves when it is told to.

faulty_registry.py [CERTIFICATE KEY]: with both it speaks TLS. Prints its port and that of a second server ("the storage", another origin), and ends when standard input is closed.
POST /control/set {...} changes SETTINGS; POST /control/fault {"method", "path" (a regular expression), "times", "action",
...} plans a fault, POST /control/mend {} takes back all of them; GET /control/log answers one line per request: "PORT METHOD PATH AUTHORIZATION RANGE STATUS".
Actions: "answer" (status, headers, body), "cut" (half of the body, in either direction), "other" (bytes of the same length),
"shorter", "type" (value), "redirect" (to the storage, or to value), "whole" (ignores Range), "huge" (100 MB), "late" (504 for what was done).
"""
import base64
import hashlib
import http.server
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import urllib.parse

SETTINGS = {"auth": "none", "user": "ann", "password": "secret", "identity": "refresh-me", "lifetime": 300, "referrers": True,
            "mount": True, "page": 1000, "filters": True, "token_field": "token", "realm": None, "challenge": None, "warning": None}
FAULTS, LOG, TOKENS = [], [], {}
BLOBS, MANIFESTS, TAGS, UPLOADS = {}, {}, {}, {}
LOCK = threading.RLock()
COUNTER = iter(range(1, 1 << 30))


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        self.fault, self.read_body, self.query = None, None, {}
        parts = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(parts.query)
        path = urllib.parse.unquote(parts.path)
        with LOCK:
            if path.startswith("/control/"):
                return self.control(path)
            self.fault = next((f for f in FAULTS if f["method"] == self.command and re.search(f["path"], self.path)
                               and f["times"] > 0), None)
            if self.fault:
                self.fault["times"] -= 1
                if self.fault["action"] == "answer":
                    return self.answer(self.fault["status"], self.fault.get("body", "").encode(), self.fault.get("headers", {}))
                if self.fault["action"] == "redirect":
                    target = self.fault.get("value") or f"{SCHEME}://127.0.0.1:{STORAGE}{self.path}"
                    return self.answer(307, b"", {"Location": target})
            if path == "/token":
                return self.token()
            if self.server.server_address[1] == MAIN and not self.is_allowed():
                return
            self.route(path)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    # What an answer is made of.

    def body(self):
        if self.read_body is None:
            length = int(self.headers.get("Content-Length", 0))
            cut = self.fault and self.fault["action"] == "cut"
            self.read_body = self.rfile.read(length // 2 if cut else length)
        return self.read_body

    def cut(self):
        self.log(0)
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log(self, status):
        LOG.append(f"{self.server.server_address[1]} {self.command} {self.path} "
                   f"{self.headers.get('Authorization', '-').replace(' ', '+')} {self.headers.get('Range', '-')} {status}")

    def answer(self, status, body=b"", headers=()):
        self.body()
        self.log(status)
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if SETTINGS["warning"]:
            self.send_header("Warning", SETTINGS["warning"])
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode(),
                    {"Content-Type": "application/json"})

    def content(self, data, headers):
        """Bytes that may be asked for in part, with the fault that was planned for them."""
        action = self.fault["action"] if self.fault else None
        if action == "other":
            data = bytes(len(data))
        if action == "shorter":
            data = data[: len(data) // 2]
        if action == "type":
            headers["Content-Type"] = self.fault["value"]
        if action == "huge":
            data = b" " * 100_000_000
        wanted = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        start = int(wanted.group(1)) if wanted and action != "whole" else 0
        status = 200
        if start:
            status, headers["Content-Range"] = 206, f"bytes {start}-{len(data) - 1}/{len(data)}"
        if action != "cut":
            return self.answer(status, data[start:], headers)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : start + (len(data) - start) // 2])
        self.wfile.flush()
        self.log(status)
        self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True

    # Logins.

    def is_allowed(self):
        given = self.headers.get("Authorization", "")
        if SETTINGS["auth"] == "none":
            return True
        if SETTINGS["auth"] == "basic":
            wanted = base64.b64encode(f"{SETTINGS['user']}:{SETTINGS['password']}".encode()).decode()
            if given == "Basic " + wanted:
                return True
            challenge = 'Basic realm="test"'
        else:
            scope = self.wanted_scope()
            granted = TOKENS.get(given.removeprefix("Bearer "), [])
            if scope is None or any(scope_covers(each, scope) for each in granted):
                return True
            realm = SETTINGS["realm"] or f"{SCHEME}://127.0.0.1:{MAIN}/token"
            challenge = f'Bearer realm="{realm}",service="test, service",scope="{scope}"'
        self.answer(401, b"{}", {"WWW-Authenticate": SETTINGS["challenge"] or challenge})
        return False

    def wanted_scope(self):
        found = re.match(r"/v2/(.+?)/(?:blobs|manifests|tags|referrers)/", self.path)
        if not found:
            return None
        action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.command, "pull,push")
        if "/uploads/" in self.path:
            action = "pull,push"
        return f"repository:{found.group(1)}:{action}"

    def token(self):
        if self.command == "POST":
            form = urllib.parse.parse_qs(self.body().decode())
            good = form["refresh_token"] == [SETTINGS["identity"]] and form["grant_type"] == ["refresh_token"]
            scopes = form["scope"][0].split(" ")
        else:
            given = self.headers.get("Authorization")
            wanted = base64.b64encode(f"{SETTINGS['user']}:{SETTINGS['password']}".encode()).decode()
            good = given in (None, "Basic " + wanted)
            scopes = self.query.get("scope", [])
            if given is None:
                scopes = [each for each in scopes if each.endswith(":pull")]
            if self.query.get("service") != ["test, service"]:
                good = False
        if not good:
            return self.answer(401, b"{}")
        token = f"token-{next(COUNTER)}"
        TOKENS[token] = scopes
        self.answer(200, json.dumps({SETTINGS["token_field"]: token, "expires_in": SETTINGS["lifetime"]}).encode())

    # The registry.

    def route(self, path):
        for pattern, handler in ROUTES:
            found = re.fullmatch(pattern, path)
            if found:
                return handler(self, *found.groups())
        return self.answer(200 if path == "/v2/" else 404)

    def blob(self, name, digest):
        data = BLOBS.get(name, {}).get(digest)
        if data is None:
            return self.error(404, "BLOB_UNKNOWN")
        if self.command == "DELETE":
            del BLOBS[name][digest]
            return self.answer(202)
        self.content(data, {"Content-Type": "application/octet-stream"})

    def location(self, name, upload):
        return {"Location": f"/v2/{name}/blobs/uploads/{upload}?state={len(UPLOADS[upload])}",
                "Range": f"0-{max(len(UPLOADS[upload]) - 1, 0)}"}

    def begin(self, name):
        mount, source = self.query.get("mount"), self.query.get("from")
        if mount and SETTINGS["mount"] and mount[0] in BLOBS.get(source[0], {}):
            BLOBS.setdefault(name, {})[mount[0]] = BLOBS[source[0]][mount[0]]
            return self.answer(201, b"", {"Location": f"/v2/{name}/blobs/{mount[0]}"})
        upload = str(next(COUNTER))
        UPLOADS[upload] = bytearray()
        self.answer(202, b"", self.location(name, upload))

    def upload(self, name, upload):
        data = UPLOADS.get(upload)
        if data is None:
            return self.error(404, "BLOB_UPLOAD_UNKNOWN")
        if self.command == "GET":
            return self.answer(204, b"", self.location(name, upload))
        if self.command == "DELETE":
            del UPLOADS[upload]
            return self.answer(204)
        if self.query.get("state") != [str(len(data))]:
            return self.error(404, "BLOB_UPLOAD_INVALID")
        start = self.headers.get("Content-Range", f"{len(data)}-").split("-")[0]
        if int(start) != len(data):
            return self.error(416, "BLOB_UPLOAD_INVALID")
        data += self.body()
        if self.fault and self.fault["action"] == "cut":
            return self.cut()
        if self.command == "PATCH":
            return self.answer(202, b"", self.location(name, upload))
        digest = self.query["digest"][0]
        if digest != digest_of(data):
            return self.error(400, "DIGEST_INVALID")
        BLOBS.setdefault(name, {})[digest] = bytes(UPLOADS.pop(upload))
        if self.fault and self.fault["action"] == "late":
            return self.answer(504)
        self.answer(201, b"", {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})

    def manifest(self, name, reference):
        if self.command == "PUT":
            data, digest = self.body(), digest_of(self.body())
            MANIFESTS.setdefault(name, {})[digest] = (self.headers["Content-Type"], data)
            if not reference.startswith("sha256:"):
                TAGS.setdefault(name, {})[reference] = digest
            headers = {"Location": f"/v2/{name}/manifests/{digest}"}
            subject = json.loads(data).get("subject")
            if subject and SETTINGS["referrers"]:
                headers["OCI-Subject"] = subject["digest"]
            return self.answer(201, b"", headers)
        digest = TAGS.get(name, {}).get(reference, reference)
        if digest not in MANIFESTS.get(name, {}):
            return self.error(404, "MANIFEST_UNKNOWN")
        kind, data = MANIFESTS[name][digest]
        if self.command == "DELETE":
            del MANIFESTS[name][digest]
            return self.answer(202)
        headers = {"Content-Type": kind}
        if SETTINGS.get("digest_header"):
            headers["Docker-Content-Digest"] = SETTINGS["digest_header"]
        self.content(data, headers)

    def tags(self, name):
        if name not in TAGS:
            return self.error(404, "NAME_UNKNOWN")
        tags = sorted(TAGS[name], reverse=True)
        start, page = int(self.query.get("start", ["0"])[0]), SETTINGS["page"]
        headers = {}
        if start + page < len(tags):
            headers["Link"] = f'</first>; rel="first", </v2/{name}/tags/list?start={start + page}>; rel="next"'
        self.answer(200, json.dumps({"name": name, "tags": tags[start : start + page]}).encode(), headers)

    def referrers(self, name, subject):
        if not SETTINGS["referrers"]:
            return self.answer(404, b"404 page not found\n")
        found = []
        for digest, (kind, data) in MANIFESTS.get(name, {}).items():
            document = json.loads(data)
            if document.get("subject", {}).get("digest") == subject:
                artifact = document.get("artifactType") or document["config"]["mediaType"]
                found.append({"mediaType": kind, "digest": digest, "size": len(data), "artifactType": artifact})
        wanted, headers = self.query.get("artifactType"), {"Content-Type": "application/vnd.oci.image.index.v1+json"}
        if wanted and SETTINGS["filters"]:
            found = [each for each in found if each["artifactType"] == wanted[0]]
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": headers["Content-Type"], "manifests": found}
        self.answer(200, json.dumps(index).encode(), headers)

    def control(self, path):
        request = json.loads(self.body() or b"{}")
        if path == "/control/set":
            SETTINGS.update(request)
        if path == "/control/fault":
            FAULTS.append(request)
        if path == "/control/mend":
            FAULTS.clear()
        if path == "/control/forget":
            TOKENS.clear()
        body = "\n".join(LOG).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def scope_covers(granted, wanted):
    name, actions = granted.rsplit(":", 1)
    wanted_name, wanted_actions = wanted.rsplit(":", 1)
    return name == wanted_name and set(wanted_actions.split(",")) <= set(actions.split(","))


ROUTES = [
    (r"/v2/(.+)/blobs/uploads/", Handler.begin),
    (r"/v2/(.+)/blobs/uploads/(\d+)", Handler.upload),
    (r"/v2/(.+)/blobs/([^/]+)", Handler.blob),
    (r"/v2/(.+)/manifests/([^/]+)", Handler.manifest),
    (r"/v2/(.+)/tags/list", Handler.tags),
    (r"/v2/(.+)/referrers/([^/]+)", Handler.referrers),
]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that leaves is part of the tests


SCHEME = "https" if len(sys.argv) > 1 else "http"
main, storage = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
MAIN, STORAGE = main.server_address[1], storage.server_address[1]
for server in (main, storage):
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
os.write(1, f"{MAIN} {STORAGE}\n".encode())  # in one piece: the reader leaves after it
sys.stdin.read()
