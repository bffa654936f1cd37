# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time


class Terminal:
    """`words` with standard input, output and error on a new terminal."""

    def __init__(self, words, environment, directory, size=(24, 80)):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execvpe(words[0], words, environment)
        self.resize(*size)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        """What comes within that time; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def read_for(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.read(left):
            pass

    def wait_for(self, pattern, seconds=20.0, start=0):
        """The first match from `start` on. AssertionError with everything that was seen."""
        end = time.monotonic() + seconds
        while not (match := re.compile(pattern, re.S).search(self.text, start)):
            if time.monotonic() > end or not self.read(0.2):
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
        return match

    def end(self, seconds=30.0):
        """Reads to the end; the exit status, negative for a signal."""
        end = time.monotonic() + seconds
        while self.read(0.2):
            if time.monotonic() > end:
                raise AssertionError(f"it does not end: {self.text!r}")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
