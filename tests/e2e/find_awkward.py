#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""find_awkward.py PACKAGES MIRROR LOCK > awkward_packages.txt: the packages of a release that are hard to install.

PACKAGES is a suite's Packages file, MIRROR an http URL of its archive, LOCK any lock of the release, whose base counts as there. Of
each package only the control archive is read, by a range request. Each line is a package and what makes it hard:

  pre-depends   it needs something outside the base configured before it is unpacked
  diversion     its scripts call dpkg-divert
  statoverride  its scripts call dpkg-statoverride
  maintscript   its scripts call dpkg-maintscript-helper
  triggers      others make its scripts run (interest)
"""
import concurrent.futures
import functools
import http.client
import io
import json
import re
import sys
import tarfile
import types
import urllib.parse

WORDS = {"diversion": b"dpkg-divert", "statoverride": b"dpkg-statoverride", "maintscript": b"dpkg-maintscript-helper"}
LOCAL = types.SimpleNamespace(connection=None)  # one for each process


def stanzas(path):
    fields = {}
    for line in open(path, encoding="utf-8"):
        if line == "\n":
            yield fields
            fields = {}
        elif line[0] not in " \t":
            name, _, value = line.partition(":")
            fields[name] = value.strip()


def read_range(url, path, size):
    for attempt in range(3):
        try:
            if LOCAL.connection is None:
                LOCAL.connection = http.client.HTTPConnection(url.netloc, timeout=30)
            LOCAL.connection.request("GET", f"{url.path}/{path}", headers={"Range": f"bytes=0-{size - 1}"})
            answer = LOCAL.connection.getresponse()
            body = answer.read()
            if answer.status == 206:
                return body
            raise OSError(f"status {answer.status}")
        except (OSError, http.client.HTTPException):
            LOCAL.connection = None
            if attempt == 2:
                raise
    raise AssertionError


def control_archive(url, path):
    """deb(5): an ar archive of debian-binary, control.tar, data.tar."""
    data = read_range(url, path, 16384)
    offset = 8
    while True:
        header = data[offset:offset + 60]
        name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
        if name.startswith("control.tar"):
            if offset + 60 + size > len(data):
                data = read_range(url, path, offset + 60 + size)
            return data[offset + 60:offset + 60 + size]
        offset += 60 + size + size % 2


def awkward(url, fields, base):
    found = set()
    for choice in filter(None, re.split(r",\s*", fields.get("Pre-Depends", ""))):
        if not any(re.split(r"[ (:]", name.strip())[0] in base for name in choice.split("|")):
            found.add("pre-depends")
    with tarfile.open(fileobj=io.BytesIO(control_archive(url, fields["Filename"]))) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name == "triggers" and b"interest" in archive.extractfile(member).read():
                found.add("triggers")
            if name in ("preinst", "postinst", "prerm", "postrm") and member.isfile():
                script = archive.extractfile(member).read()
                found |= {word for word, command in WORDS.items() if command in script}
    return fields["Package"], found


def main():
    packages, mirror, lock = sys.argv[1:]
    url = urllib.parse.urlsplit(mirror.rstrip("/"))
    base = {package["name"] for package in json.load(open(lock))["base"]}
    with concurrent.futures.ProcessPoolExecutor(4) as pool:
        every = stanzas(packages)
        for name, found in pool.map(functools.partial(awkward, url, base=base), every, chunksize=64):
            if found:
                print(name, *sorted(found), flush=True)


if __name__ == "__main__":
    main()
