# SPDX-License-Identifier: Apache-2.0
"""Projects of the probe: a base archive that holds the probe and nothing else, a manifest, and the real programs on it."""
import hashlib
import io
import pathlib
import tarfile

from caller import call

DIRECTORIES = ("bin", "dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "usr", "var")


def entry(name: str, kind=tarfile.DIRTYPE, mode: int = 0o755, link: str = "", data: bytes = b"") -> tuple:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, mode, link, len(data)
    return info, data


def link(name: str, target: str) -> tuple:
    return entry(name, tarfile.SYMTYPE, 0o777, target)


def archive(path: pathlib.Path, probe: bytes, changes: list):
    """`changes` replace the entries of the same name."""
    entries = {".": entry(".")} | {name: entry(name) for name in DIRECTORIES}
    entries["etc/passwd"] = entry("etc/passwd", tarfile.REGTYPE, 0o644, data=b"root:x:0:0:root:/root:/bin/sh\n")
    for name in ("probe", "bin/sh"):
        entries[name] = entry(name, tarfile.REGTYPE, 0o755, data=probe)
    for info, data in changes:
        below = [name for name in entries if info.type != tarfile.DIRTYPE and name.startswith(info.name + "/")]
        for name in below:
            del entries[name]
        entries[info.name] = (info, data)
    with tarfile.open(path, "w") as tar:
        for info, data in entries.values():
            tar.addfile(info, io.BytesIO(data))


class Project:
    def __init__(self, host, name: str, probe: bytes, changes: list = (), manifest: str = ""):
        self.host, self.path = host, host.work / name
        self.path.mkdir()
        archive(self.path / "base.tar", probe, list(changes))
        digest = hashlib.sha256((self.path / "base.tar").read_bytes()).hexdigest()
        (self.path / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "./base.tar"\nsha256 = "{digest}"\n{manifest}')
        (self.path / ".karapace").mkdir(exist_ok=True)
        host.give(self.path)

    def build(self):
        """What `gen` and `ninja` said; `survived` and a status of 0 when both did their work."""
        generated = call(self.host, self.path, ["karapace", "gen"])
        return generated if generated.status != 0 else call(self.host, self.path, ["ninja"])

    def exec_words(self, *options) -> list:
        return ["karapace", "exec", *options, self.path, "--"]
