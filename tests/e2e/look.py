#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""look.py DIRECTORY: a path per line, with everything that counts of it; of the names of a file the first."""
import hashlib, os, stat, sys
first = {}
for directory, directories, files in os.walk(os.fsencode(sys.argv[1])):
    directories.sort()
    files.sort()
    for name in sorted([b".", *directories, *files]):
        path = os.path.join(directory, name)
        status = os.lstat(path)
        relative = os.path.relpath(path, os.fsencode(sys.argv[1]))
        content = xattrs = names = ""
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        else:
            xattrs = [(x, os.getxattr(path, x)) for x in sorted(os.listxattr(path)) if "overlay" not in x]
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(open(path, "rb").read()).hexdigest()
            names = first.setdefault((status.st_dev, status.st_ino), relative)
        print(relative, oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, content, xattrs, names)
