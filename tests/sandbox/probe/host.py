# SPDX-License-Identifier: Apache-2.0
"""The host that nothing may get at: its users, and canaries of every kind that belong to the user who calls Karapace."""
import contextlib
import ctypes
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
IPC_CREAT = 0o1000
SHARED_GROUP = 61999  # a supplementary group of the caller, of no other meaning


def modes() -> list:
    return ["root", "subid", "single"] if os.geteuid() == 0 else ["own", "single"]


def user_of(mode: str) -> pwd.struct_passwd:
    """The users of tests/e2e/lib.sh, made once."""
    if os.geteuid() != 0 or mode == "root":
        return pwd.getpwuid(os.geteuid())
    name = f"karapace-test-{mode}"
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
    for path in (pathlib.Path("/etc/subuid"), pathlib.Path("/etc/subgid")):
        lines = path.read_text().splitlines() if path.exists() else []
        others = [line for line in lines if not line.startswith(name + ":")]
        own = [line for line in lines if line.startswith(name + ":")]
        wanted = (own or [f"{name}:700000:65536"]) if mode == "subid" else []
        if own != wanted:
            path.write_text("".join(line + "\n" for line in others + wanted))
    return pwd.getpwnam(name)


def has_scopes() -> bool:
    """Landlock's scopes for signals and abstract sockets came with its version 6 (Linux 6.12)."""
    return LIBC.syscall(444, None, 0, 1) >= 6


class Host:
    """One mode's user, with everything planted. `facts` is what the probe is told."""

    def __init__(self, mode: str, work: pathlib.Path, programs: pathlib.Path):
        self.mode = mode
        self.user = user_of(mode)
        self.programs = programs
        self.secret = "canary-" + secrets.token_hex(12)
        self.work = work / mode
        self.store = self.work / "store"
        self.home = self.work / "home"
        self.stack = contextlib.ExitStack()
        self.make_directories()
        self.plant()

    def make_directories(self):
        self.work.mkdir()
        self.home.mkdir()
        self.private = self.home / "private"
        self.private.write_text(self.secret)
        self.private.chmod(0o600)
        self.give(self.work)

    def give(self, path: pathlib.Path):
        if os.geteuid() == 0:
            for directory, _, files in os.walk(path):
                for name in [directory] + [os.path.join(directory, file) for file in files]:
                    os.chown(name, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)

    def become(self):
        """In a forked child: the mode's user for good."""
        if os.geteuid() == 0:
            os.setgroups([self.user.pw_gid, SHARED_GROUP])
            os.setresgid(*[self.user.pw_gid] * 3)
            os.setresuid(*[self.user.pw_uid] * 3)
        os.umask(0o077)

    def environment(self) -> dict:
        path = f"{self.programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        plain = {"HOME": str(self.home), "USER": self.user.pw_name, "PATH": path, "TERM": "dumb",
                 "KARAPACE_STORE": str(self.store), "CALLERS_SECRET": self.secret}
        return plain | ({"KARAPACE_ID_MODE": "single"} if self.mode == "single" else {})

    def plant(self):
        """In a child that is the user, so that every object is the user's."""
        self.name = f"karapace-probe-{self.mode}-{os.getpid()}"
        self.key = 0x4B000000 + secrets.randbelow(0xFFFFFF)
        self.port = self.listen(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        self.listen(socket.AF_UNIX, "\0" + self.name)
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        datagrams.bind("\0" + self.name + "-datagram")
        self.stack.enter_context(datagrams)
        self.listen(socket.AF_UNIX, str(self.home / "socket"))
        (self.home / "socket").chmod(0o666)
        read, write = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            self.be_host_process(write)
        os.close(write)
        self.ipc_id = int(os.read(read, 64))
        os.close(read)
        self.stack.callback(self.remove)

    def listen(self, family, address) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen(16)
        return self.stack.enter_context(listener)

    def be_host_process(self, report: int):
        """The process that nobody inside may signal; also who owns the objects of IPC."""
        os.setpgid(0, 0)
        self.become()
        shared = LIBC.shmget(self.key, 4096, IPC_CREAT | 0o600)
        LIBC.msgget(self.key, IPC_CREAT | 0o600)
        LIBC.semget(self.key, 1, IPC_CREAT | 0o600)
        LIBC.mq_open(b"/" + self.name.encode(), os.O_CREAT | os.O_RDWR, 0o600, None)
        (pathlib.Path("/dev/shm") / self.name).write_text(self.secret)
        os.write(report, str(shared).encode())
        os.close(report)
        signal.signal(signal.SIGUSR1, lambda *_: os._exit(7))
        while True:
            signal.pause()

    def is_alive(self) -> bool:
        return os.waitpid(self.process, os.WNOHANG)[0] == 0

    def remove(self):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        LIBC.shmctl(self.ipc_id, 0, None)
        LIBC.msgctl(LIBC.msgget(self.key, 0), 0, None)
        LIBC.semctl(LIBC.semget(self.key, 0, 0), 0, 0)
        LIBC.mq_unlink(b"/" + self.name.encode())
        (pathlib.Path("/dev/shm") / self.name).unlink(missing_ok=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def facts(self, project: pathlib.Path, terminal: str) -> list:
        machine_id = pathlib.Path("/etc/machine-id")
        told = {"terces": self.secret[::-1], "outside": self.private, "home": self.home, "store": self.store,
                "project": project, "abstract": self.name, "abstract-datagram": self.name + "-datagram",
                "socket": self.home / "socket", "port": self.port, "process": self.process, "group": self.process,
                "ipc-key": self.key, "ipc-id": self.ipc_id, "ipc-name": self.name, "terminal": terminal,
                "host-name": socket.gethostname(), "user": "nobody",
                "machine-id": machine_id.read_text().strip() if machine_id.exists() else "none"}
        return [f"{name}={value}" for name, value in told.items()]
