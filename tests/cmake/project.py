# SPDX-License-Identifier: Apache-2.0
"""Projects that use Karapace's CMake package, made and built in a temporary directory.

No network: the environments' base is an archive beside the manifest, with one file in it. What runs inside is `show`, a
program without libraries from the host."""
import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Given by tests/cmake/CMakeLists.txt.
BUILD = pathlib.Path(os.environ["KARAPACE_TEST_BUILD"])
GENERATOR = os.environ.get("KARAPACE_TEST_GENERATOR", "Ninja")
NINJA = GENERATOR.startswith("Ninja")

HEAD = """cmake_minimum_required(VERSION 3.25)
project(sample LANGUAGES NONE)
find_package(Karapace 1.0 REQUIRED)
enable_testing()
add_executable(show IMPORTED GLOBAL)
set_target_properties(show PROPERTIES IMPORTED_LOCATION "${SHOW}")
"""


def add_program(tar, name, path):
    content = pathlib.Path(path).read_bytes()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.output = process.stdout

    def lines_with(self, word):
        return [line for line in self.output.splitlines() if word in line]


class ProjectTest(unittest.TestCase):
    """A project and a store of its own for each test."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="karapace cmake-")).resolve()
        subprocess.run(["c++", "-static", "-o", cls.scratch / "show", HERE / "show.cpp"], check=True)
        cls.archive = cls.scratch / "root.tar"
        with tarfile.open(cls.archive, "w") as tar:
            entry = tarfile.TarInfo("etc/issue")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"base\n"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch, ignore_errors=True)

    def setUp(self):
        self.source = self.scratch / self._testMethodName / "source"
        self.build_directory = self.source / "build"
        self.store = self.scratch / self._testMethodName / "store"
        self.source.mkdir(parents=True)
        self.show = shutil.copy(self.scratch / "show", self.source)  # inside, only the project's directories are seen

    def run_program(self, *words, directory=None):
        keep = {"PATH", "http_proxy", "https_proxy", "no_proxy"}
        environment = {name: value for name, value in os.environ.items() if name in keep}
        environment |= {"HOME": str(self.scratch), "KARAPACE_STORE": str(self.store)}
        return Result(subprocess.run([str(word) for word in words], cwd=directory or self.source, env=environment,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, timeout=300, check=False))

    def write(self, path, text):
        time.sleep(0.02)  # file times are as coarse as the kernel's clock
        path = self.source / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_manifest(self, rest="", path="karapace.toml"):
        digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        self.write(path, f'manifest_version = 1\n[base]\nimage = "{self.archive}"\nsha256 = "{digest}"\n{rest}')

    def write_release(self, destination, rest=""):
        """A release of one package, whose program says what is in src/text. Its environment has a shell."""
        with tarfile.open(self.source / "root.tar", "w") as tar:
            libraries = set()
            for program in ("dash", "cat", "chmod", "cp", "ln", "mkdir", "mv", "rm"):
                path = shutil.which(program)
                needed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
                add_program(tar, "bin/" + {"dash": "sh"}.get(program, program), path)
                libraries |= set(re.findall(r"/\S+", needed))
            for library in sorted(libraries):
                add_program(tar, library.lstrip("/"), library)
        digest = hashlib.sha256((self.source / "root.tar").read_bytes()).hexdigest()
        self.write("src/text", "one\n")
        self.write("karapace.toml", f'manifest_version = 1\n[base]\nimage = "{self.source}/root.tar"\n'
                   f'sha256 = "{digest}"\n[release]\nname = "app"\ndestination = "{destination}"\nmain = "app"\n'
                   f'entrypoints = ["app"]\n{rest}[[source]]\nname = "app"\nversion = "1.0.0"\npath = "src"\n'
                   'build = "mkdir -p $out/bin; (echo \'#!/bin/sh\'; echo echo $(cat text)) > $out/bin/app; chmod 755 $out/bin/app"\n')

    def write_motd(self, text):
        """An environment whose /etc/motd is `text`."""
        self.write("motd", text)
        self.write_manifest('[[setup.files]]\nsource = "motd"\ntarget = "/etc/motd"\n')

    def configure(self, *options, source=None, build=None, package=BUILD / "lib/cmake/Karapace"):
        return self.run_program("cmake", "-S", source or self.source, "-B", build or self.build_directory, "-G", GENERATOR,
                                "-Wdev", "-Werror=dev", "--warn-uninitialized", f"-DSHOW={self.show}",
                                f"-DKarapace_DIR={package}", *options)

    def configured(self, *options, **places):
        result = self.configure(*options, **places)
        self.assertEqual(result.status, 0, result.output)
        self.assertNotIn("Warning", result.output)
        return result

    def build(self, *options):
        return self.run_program("cmake", "--build", self.build_directory, *options)

    def built(self, *options):
        result = self.build(*options)
        self.assertEqual(result.status, 0, result.output)
        return result

    def ctest(self, *options):
        return self.run_program("ctest", "--output-on-failure", "-C", "Debug", *options, directory=self.build_directory)

    def assert_nothing_to_do(self):
        output = self.built().output
        if NINJA:
            self.assertEqual(output.splitlines()[-1], "ninja: no work to do.")
        else:
            self.assertNotRegex(output, r"\] (fetch|unpack|setup|environment|write) ")

    def text(self, name):
        return (self.build_directory / name).read_text()


def error_of(result):
    """The text of the one CMake error in the output, without what CMake puts around it."""
    errors = re.findall(r"^CMake Error.*?:\n(.*?)(?=^Call Stack|^-- |^CMake Error|\Z)", result.output, re.M | re.S)
    if len(errors) != 1:
        raise AssertionError(f"{len(errors)} errors: {result.output}")
    return "\n".join(line.strip() for line in errors[0].splitlines() if line.strip())
