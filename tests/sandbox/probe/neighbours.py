# SPDX-License-Identifier: Apache-2.0
"""Rows about what lies or runs beside a session: other projects, other sessions, other mounts, the person who started it."""
import contextlib
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from caller import Call, Streams, call
from scenarios import ROW, VIEW, Stage, last_line, view_of

# On purpose, in every project that is shown.
LET_THROUGH = {"control.make-in-project", "control.set-id-in-project"}


@contextlib.contextmanager
def mounted(source: pathlib.Path, target: pathlib.Path):
    subprocess.run(["mount", "--bind", source, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


@contextlib.contextmanager
def session(stage: Stage, project):
    """Runs on while the block runs."""
    stage.number += 1
    end = project.path / f"end-{stage.number}"
    running = Call(stage.host, project.path, Streams()).start(project.exec_words() + ["/probe", "wait", end])
    if not running.says("waiting"):
        raise SystemExit(f"no session starts: {running.finish().output}")
    try:
        yield
    finally:
        end.touch()
        running.finish()


def control_files(stage: Stage, project: pathlib.Path, *options) -> tuple:
    """Every attempt on the control files below `project`, in a session of the stage's project."""
    facts = stage.host.facts(project, "/dev/null")
    words = stage.project.exec_words(*options) + ["/probe", "run", "only=control", *facts]
    ran = call(stage.host, stage.project.path, words)
    rows = {name: result for name, result, _ in ROW.findall(ran.output) if name.startswith("control.")}
    if rows.get("control.make-in-project") != "allowed":
        return "invalid", last_line(ran)  # the project is not shown, so nothing is proved
    open_files = [name for name, result in rows.items() if result not in ("refused", "contained")]
    open_files = [name for name in open_files if name not in LET_THROUGH]
    return ("allowed", ", ".join(open_files)) if open_files else ("refused", f"{len(rows)} attempts")


def of_other_project(stage: Stage) -> tuple:
    other = stage.new_project()
    other.build()
    return control_files(stage, other.path, "--ephemeral", "--bind", other.path)


def of_bind_mount(stage: Stage) -> tuple:
    """The project is known by one path and shown by another."""
    if os.geteuid() != 0:
        return "absent", "only root can mount"
    other = stage.new_project()
    other.build()
    second_path = stage.host.work / f"{other.path.name}-mounted"
    second_path.mkdir()
    with mounted(other.path, second_path):
        return control_files(stage, second_path, "--ephemeral", "--bind", second_path)


def after_replacement(stage: Stage) -> tuple:
    """The kernel drops a mount from a file that is replaced: who joins covers it anew."""
    manifest = stage.project.path / "karapace.toml"
    with session(stage, stage.project):
        saved = manifest.with_name("saved")
        shutil.copy2(manifest, saved)
        stage.host.give(stage.project.path)
        saved.rename(manifest)
        return control_files(stage, stage.project.path)


def new_graph(stage: Stage) -> tuple:
    """A graph that appears in a directory which a session shows already could be written by it."""
    project = stage.new_project()
    project.build()
    with session(stage, project):
        generated = call(stage.host, project.path, ["karapace", "gen", "-C", project.path / "later"])
    if (project.path / "later/build.ninja").exists():
        return "allowed", "there is a new graph"
    return ("refused", "") if "a session runs" in generated.output else ("invalid", generated.output)


def mount_below_read_only_project(stage: Stage) -> tuple:
    """The same directory by a mount of the manifest is no way to write."""
    manifest = '[runtime]\nproject = "read-only"\n[mounts]\nm = "./below:/mnt"\n'
    project = stage.new_project(manifest=manifest)
    (project.path / "below").mkdir()
    stage.host.give(project.path)
    project.build()
    return view_of(call(stage.host, project.path, project.exec_words() + ["/probe", "view", "/mnt"]))


def store_part_elsewhere(shown):
    """A part of the store is a mount: then its directory can be found at another path, too."""
    def run(stage: Stage) -> tuple:
        if os.geteuid() != 0:
            return "absent", "only root can mount"
        part, elsewhere = stage.host.store / "layers", stage.host.work / "other-disk"
        part.rename(elsewhere)
        part.mkdir()
        try:
            with mounted(elsewhere, part):
                words = stage.project.exec_words("--ephemeral", "--bind", shown(stage, elsewhere))
                return view_of(call(stage.host, stage.project.path, words + ["/probe", "view", elsewhere]))
        finally:
            part.rmdir()
            elsewhere.rename(part)
    return run


def store_part_linked(stage: Stage) -> tuple:
    part, elsewhere = stage.host.store / "layers", stage.host.work / "other-disk"
    part.rename(elsewhere)
    part.symlink_to(elsewhere)
    try:
        words = stage.project.exec_words("--ephemeral", "--bind", elsewhere)
        return view_of(call(stage.host, stage.project.path, words + ["/probe", "view", elsewhere]))
    finally:
        part.unlink()
        elsewhere.rename(part)


def interrupted_at_start(stage: Stage) -> tuple:
    """Ctrl-C at any moment, from the first on: what is started would run for ever."""
    words = stage.project.exec_words() + ["/probe", "wait", stage.host.work / "never"]
    for milliseconds in range(0, 120, 3):
        running = subprocess.Popen([str(word) for word in words], cwd=stage.project.path, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=stage.host.become,
                                   env=stage.host.environment(), start_new_session=True)
        time.sleep(milliseconds / 1000)
        os.killpg(running.pid, signal.SIGINT)
        try:
            status = running.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            return "allowed", f"ignored after {milliseconds} ms"
        if status not in (130, -signal.SIGINT):
            return "allowed", f"status {status} after {milliseconds} ms"
    return "contained", ""


@contextlib.contextmanager
def listener(stage: Stage, path: pathlib.Path):
    """A socket of the user, of the kind that agents and engines have."""
    def serve():
        stage.host.become()
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(path.parent)
            server.bind(path.name)
            server.listen()
            ready.set()
            signal.pause()
    ready = multiprocessing.Event()
    process = multiprocessing.get_context("fork").Process(target=serve)
    process.start()
    ready.wait(10)
    try:
        yield
    finally:
        process.kill()
        process.join()
        path.unlink()


def of_begun_session(ran) -> tuple:
    """A session that does not begin proves nothing here: what lies in its project must not keep it from that; but for a
    person's link that could be led elsewhere, which is named."""
    if "is a link, and its way to a file" in ran.output:
        return "refused", "named"
    return view_of(ran) if VIEW.search(ran.output) else ("invalid", last_line(ran))


def link_to_store(stage: Stage) -> tuple:
    """What lies in the store is not shown, though a directory above it is."""
    project = stage.new_project()
    project.build()
    for target in ("version", "locks/graphs", "locks/graphs-turn"):
        for name in OWN_NAMES:
            (project.path / name).unlink(missing_ok=True)
            (project.path / name).symlink_to(stage.host.store / target)
        with session(stage, project):
            generated = call(stage.host, stage.project.path, ["timeout", "20", "karapace", "gen"])
        if generated.status != 0:
            return "allowed", f"gen of another project waits for {target}: {last_line(generated)}"
        for name in OWN_NAMES:
            words = project.exec_words("--bind-ro", stage.host.work) + ["/probe", "reach", project.path / name]
            result = of_begun_session(call(stage.host, project.path, words))
            if result[0] not in ("contained", "refused"):
                return result[0], f"{name} to {target}: {result[1]}"
    return "contained", ""


def exchanged_directory_link(stage: Stage) -> tuple:
    """The manifest lies behind a link of a directory: who exchanges that one chooses what the host believes."""
    project = stage.new_project()
    project.build()
    for directory in ("real", "evil"):
        (project.path / directory).mkdir()
    (project.path / "karapace.toml").rename(project.path / "real/m.toml")
    (project.path / "evil/m.toml").write_text("evil")
    (project.path / "cfg").symlink_to("real")
    (project.path / "karapace.toml").symlink_to("cfg/m.toml")
    stage.host.give(project.path)
    ran = call(stage.host, project.path, project.exec_words() + ["/probe", "exchange", project.path / "evil", project.path / "cfg"])
    if (project.path / "karapace.toml").read_text() == "evil":
        return "allowed", "the host's manifest is the session's"
    return ("refused", "") if "exchange" in ran.output else ("invalid", ran.output)


def deep_links(stage: Stage) -> tuple:
    """Every directory on the way to a control file becomes a mount."""
    project = stage.new_project()
    project.build()
    deep = project.path
    for _ in range(400):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    for name in OWN_NAMES[:-1]:
        (project.path / name).symlink_to(deep / "file")
    stage.host.give(project.path)
    ran = call(stage.host, project.path, project.exec_words() + ["/probe", "mounts", "300"])
    return view_of(ran)


OWN_NAMES = ("steps.cmake", ".ninja_log", ".ninja_deps", "karapace.lock")


def link_in_place_of_control_file(make_target):
    """Whoever can make a link, or commits one, must not choose what a session sees of the host, or keep sessions from
    beginning."""
    def run(stage: Stage) -> tuple:
        project = stage.new_project()
        project.build()
        stage.number += 1
        target = stage.host.home / f"target-{stage.number}"
        with make_target(stage, target):
            for name in OWN_NAMES:
                (project.path / name).unlink(missing_ok=True)
                (project.path / name).symlink_to(target)
                for options in ((), ("--ephemeral",), ("--bind-ro", "/srv")):
                    words = project.exec_words(*options) + ["/probe", "reach", project.path / name]
                    result = of_begun_session(call(stage.host, project.path, words))
                    if result[0] not in ("contained", "refused"):
                        return result[0], f"{name} {' '.join(options)}: {result[1]}"
        return "contained", ""
    return run


@contextlib.contextmanager
def private_file(stage: Stage, path: pathlib.Path):
    shutil.copy2(stage.host.private, path)
    stage.host.give(path.parent)
    yield


@contextlib.contextmanager
def fifo(stage: Stage, path: pathlib.Path):
    os.mkfifo(path)
    stage.host.give(path.parent)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield
    os.close(reader)


@contextlib.contextmanager
def directory(stage: Stage, path: pathlib.Path):
    path.mkdir()
    (path / "file").write_text("x")
    stage.host.give(path.parent)
    yield


@contextlib.contextmanager
def nothing(_stage: Stage, path: pathlib.Path):
    yield


@contextlib.contextmanager
def loop(_stage: Stage, path: pathlib.Path):
    path.symlink_to(path.name)
    yield


def handed_on(directory, names, *options):
    """What a session covers stays covered for another one that has been sent a directory, when the first has ended."""
    def run(stage: Stage) -> tuple:
        stage.number += 1
        project, socket_name = stage.project, f"socket-{stage.number}"
        end = project.path / f"end-{stage.number}"
        receiver = Call(stage.host, project.path, Streams()).start(
            project.exec_words() + ["/probe", "receive", socket_name, end, *names])
        if not receiver.says("waiting"):
            return "invalid", receiver.finish().output
        sent = call(stage.host, project.path,
                    project.exec_words(*options) + ["/probe", "send", socket_name, directory(stage)])
        time.sleep(1)  # its mounts go after it
        end.touch()
        received = view_of(receiver.finish())
        return received if sent.status == 0 else ("invalid", sent.output)
    return run


CONTROLS = ("build.ninja", "karapace.toml", "karapace.lock", ".karapace/local.ninja")
STEERS = ("sys/kernel/core_pattern", "sys/vm/swappiness", "sysrq-trigger", "irq/default_smp_affinity")

NEIGHBOURS = {
    "control.handed-on-by-joined": handed_on(lambda stage: stage.project.path, CONTROLS),
    "control.handed-on-by-ephemeral": handed_on(lambda stage: stage.project.path, CONTROLS, "--ephemeral"),
    "mask.handed-on-by-joined": handed_on(lambda stage: "/proc", STEERS),
    "mask.handed-on-by-ephemeral": handed_on(lambda stage: "/proc", STEERS, "--ephemeral"),
    "control.link-to-private-file": link_in_place_of_control_file(private_file),
    "control.link-to-socket": link_in_place_of_control_file(listener),
    "control.link-to-fifo": link_in_place_of_control_file(fifo),
    "control.link-to-directory": link_in_place_of_control_file(directory),
    "control.link-to-store": link_to_store,
    "control.link-through-exchanged-directory": exchanged_directory_link,
    "control.link-through-many-directories": deep_links,
    "control.link-to-nothing": link_in_place_of_control_file(nothing),
    "control.link-to-itself": link_in_place_of_control_file(loop),
    "control.of-other-project": of_other_project,
    "control.of-bind-mount": of_bind_mount,
    "control.joined-after-replacement": after_replacement,
    "control.new-graph-while-shown": new_graph,
    "manifest.mount-below-read-only-project": mount_below_read_only_project,
    "bind.store-part-elsewhere": store_part_elsewhere(lambda stage, elsewhere: elsewhere),
    "bind.store-part-elsewhere-parent": store_part_elsewhere(lambda stage, elsewhere: stage.host.work),
    "bind.store-part-linked": store_part_linked,
    "session.interrupted-at-start": interrupted_at_start,
}
