# SPDX-License-Identifier: Apache-2.0
"""A project of two small layers in a store of its own, and an instance of it in which a person has changed something: what tests
of instances begin with. No network."""
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

SHELL = pathlib.Path(__file__).resolve().parent.parent / "json/sh.cpp"


def contents(directory):
    """What is in an upper directory, path by path."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")) if pathlib.Path(directory).is_dir() else ():
        status = path.lstat()
        text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(directory))] = (status.st_mode, status.st_uid, text)
    return found


class Project:
    """`store` has the instance as it was when it was made, with changes "one"; commands may be run in copies."""

    def __init__(self, programs, prefix):
        self.programs = programs
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        self.store = self.scratch / "first"
        self.directory = self.scratch / "project"
        self.directory.mkdir()
        subprocess.run(["c++", "-static", "-o", self.scratch / "sh", SHELL], check=True)
        with tarfile.open(self.scratch / "root.tar", "w") as tar:
            for name, content, mode in (("etc/issue", b"base\n", 0o644), ("bin/sh", (self.scratch / "sh").read_bytes(), 0o755)):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), mode
                tar.addfile(entry, io.BytesIO(content))
        self.manifest("one")
        self.run("build")
        self.run("exec", ".", "--", "/bin/sh", "-c", "true", status=None)
        self.run("stop", ".", status=None)
        (self.upper / "etc").mkdir(exist_ok=True)
        (self.upper / "etc/note").write_text("one", encoding="utf-8")
        (self.upper / "many").mkdir()
        for number in range(20):
            (self.upper / "many" / str(number)).write_text(f"file {number}", encoding="utf-8")

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def upper(self):
        return self.instance(self.store) / "current/upper"

    @staticmethod
    def instance(store):
        return next((store / "instances").iterdir())

    def change(self):
        """What a person does after the first commit."""
        (self.upper / "etc/note").write_text("two", encoding="utf-8")
        (self.upper / "many/3").unlink()
        (self.upper / "own").write_text("mine", encoding="utf-8")

    def manifest(self, text):
        (self.directory / "motd").write_text(text, encoding="utf-8")
        digest = hashlib.sha256((self.scratch / "root.tar").read_bytes()).hexdigest()
        (self.directory / "karapace.toml").write_text(
            f'manifest_version = 1\n[base]\nimage = "{self.scratch}/root.tar"\nsha256 = "{digest}"\n'
            '[[setup.files]]\nsource = "motd"\ntarget = "/etc/motd"\n', encoding="utf-8")

    def run(self, *words, status=0, store=None, tracer=()):
        environment = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", "KARAPACE_STORE": str(store or self.store),
                       "XDG_CACHE_HOME": str(self.scratch / "cache")}
        done = subprocess.run([*tracer, self.programs / "karapace", *words], cwd=self.directory, env=environment, capture_output=True,
                              text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
        if status is not None and done.returncode != status:
            raise AssertionError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def copy(self, store, name="copy"):
        copy = self.scratch / name
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", store, copy], check=True)
        return copy
