# SPDX-License-Identifier: Apache-2.0
"""A script that calls Karapace, as careless as scripts are: it has a terminal at which something is typed, variables with
secrets, descriptors left open, umask 077, and it must survive whatever runs inside."""
import dataclasses
import fcntl
import os
import pathlib
import pty
import select
import signal
import termios
import time
import tty

MOST_SECONDS = 60


@dataclasses.dataclass
class Streams:
    """What the program gets: `pipe`, `terminal`, `closed`, or a directory's path for standard input."""
    input: str = "null"
    output: str = "pipe"
    error: str = "pipe"


@dataclasses.dataclass
class Ending:
    status: int = -1
    output: str = ""
    survived: bool = False
    signals: int = 0  # SIGUSR1 that the script got


class Call:
    """One running program. `terminal` is the name of the script's terminal."""

    def __init__(self, host, directory: pathlib.Path, streams: Streams):
        self.host, self.directory, self.streams = host, directory, streams
        self.master, self.slave = pty.openpty()
        tty.setcbreak(self.slave)
        if os.geteuid() == 0:
            os.fchown(self.slave, host.user.pw_uid, -1)
        self.terminal = os.ttyname(self.slave)
        os.write(self.master, (host.secret + "\n").encode())

    def start(self, words: list):
        self.output, output = os.pipe()
        self.report, report = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.be_script(words, output, report)
        for fd in (output, report, self.slave):
            os.close(fd)
        return self

    def be_script(self, words: list, output: int, report: int):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signals = []
        signal.signal(signal.SIGUSR1, lambda *_: signals.append(1))
        self.host.become()
        os.chdir(self.directory)
        program = os.fork()
        if program == 0:
            self.be_program(words, output)
        while True:
            _, status = os.waitpid(program, 0)
            break
        os.write(report, f"{os.waitstatus_to_exitcode(status)} {len(signals)}".encode())
        os._exit(0)

    def be_program(self, words: list, output: int):
        ends = {"pipe": output, "terminal": self.slave, "null": os.open("/dev/null", os.O_RDWR)}
        wanted = [self.streams.input, self.streams.output, self.streams.error]
        kept = [None if name == "closed" else ends.get(name) or os.open(name, os.O_RDONLY) for name in wanted]
        kept = [fd if fd is None else fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in kept]
        for number, fd in enumerate(kept):
            if fd is None:
                try:
                    os.close(number)
                except OSError:
                    pass
            else:
                os.dup2(fd, number)
        os.closerange(3, 64)
        if "closed" not in wanted:
            for path in (self.host.home, self.host.private, "/"):  # left open by mistake: 3, 4 and 5
                os.set_inheritable(os.open(path, os.O_RDONLY), True)
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        os.execvpe(words[0], [str(word) for word in words], self.host.environment())

    def says(self, text: str) -> bool:
        """For a session that is to run on: waits until it says so, or has ended."""
        heard = b""
        while text.encode() not in heard:
            if not select.select([self.output], [], [], MOST_SECONDS)[0]:
                return False
            more = os.read(self.output, 65536)
            if not more:
                return False
            heard += more
        return True

    def finish(self) -> Ending:
        heard = {self.output: b"", self.master: b"", self.report: b""}
        open_ends = set(heard)
        deadline = time.monotonic() + MOST_SECONDS
        while self.report in open_ends or self.output in open_ends:
            left = deadline - time.monotonic()
            ready = select.select(list(open_ends), [], [], max(left, 0))[0]
            if not ready:
                os.kill(self.pid, signal.SIGKILL)
                break
            for fd in ready:
                try:
                    more = os.read(fd, 65536)
                except OSError:  # the last user of the terminal is gone
                    more = b""
                heard[fd] += more
                if not more:
                    open_ends.discard(fd)
        os.waitpid(self.pid, 0)
        for fd in heard:
            os.close(fd)
        text = (heard[self.output] + heard[self.master]).decode(errors="replace").replace("\r", "")
        report = heard[self.report].split()
        if not report:
            return Ending(output=text)
        return Ending(int(report[0]), text, True, int(report[1]))


def call(host, directory: pathlib.Path, words: list, streams: Streams = Streams()) -> Ending:
    return Call(host, directory, streams).start(words).finish()
