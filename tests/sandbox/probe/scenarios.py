# SPDX-License-Identifier: Apache-2.0
"""Rows that need more than a program inside: hostile images, manifests and options. Each is one function that says what
came of it in the words of attempt.hpp."""
import os
import pathlib
import re
import subprocess
import tarfile

from caller import Streams, call
from project import Project, entry, link

VIEW = re.compile(r"^view\t(\w+)\t(.*)$", re.M)
ROW = re.compile(r"^([a-z0-9.-]+)\t(\w+)\t(.*)$", re.M)


class Stage:
    """What the scenarios of one mode share: its host, the probe, a project with an environment, and how the masks hold in
    it: an image may not make them worse."""

    def __init__(self, host, probe: bytes, project: Project, masks: dict):
        self.host, self.probe, self.project, self.masks = host, probe, project, masks
        self.number = 0

    def new_project(self, changes=(), manifest: str = "") -> Project:
        self.number += 1
        return Project(self.host, f"scenario-{self.number}", self.probe, changes, manifest)

    def victim(self) -> pathlib.Path:
        """A directory of the user with a file, and what they held."""
        self.number += 1
        path = self.host.work / f"victim-{self.number}"
        path.mkdir()
        (path / "file").write_text("before")
        self.host.give(path)
        return path


def is_untouched(victim: pathlib.Path) -> bool:
    return [p.name for p in victim.iterdir()] == ["file"] and (victim / "file").read_text() == "before"


def of_hostile_image(stage: Stage, changes, manifest: str = "", victim=None) -> tuple:
    """Builds on the image, runs the masks' attempts in it, and looks whether the victim was touched."""
    project = stage.new_project(changes, manifest)
    built = project.build()
    if victim and not is_untouched(victim):
        return "allowed", "the build touched the victim"
    if built.status != 0:
        return "refused", last_line(built)
    facts = stage.host.facts(project.path, "/dev/null")
    ran = call(stage.host, project.path, project.exec_words() + ["/probe", "run", "only=mask", *facts])
    if victim and not is_untouched(victim):
        return "allowed", "the session touched the victim"
    rows = {name: result for name, result, _ in ROW.findall(ran.output)}
    if not rows:
        return "refused", last_line(ran)
    open_masks = [name for name, result in rows.items() if result == "allowed" != stage.masks.get(name)]
    return ("allowed", ", ".join(open_masks)) if open_masks else ("contained", f"{len(rows)} masks hold")


def linked(name: str, target: str = ""):
    """An image in which `name` is a link, by default to the user's victim. CVE-2015-1335, CVE-2019-19921, CVE-2023-27561."""
    def run(stage: Stage):
        victim = stage.victim()
        return of_hostile_image(stage, [link(name, target or str(victim))], victim=victim)
    return run


def linked_to_file(name: str):
    def run(stage: Stage):
        victim = stage.victim()
        return of_hostile_image(stage, [link(name, str(victim / "file"))], victim=victim)
    return run


def as_file(name: str):
    return lambda stage: of_hostile_image(stage, [entry(name, tarfile.REGTYPE, 0o644)])


def with_node_link(name: str):
    """CVE-2025-31133, CVE-2025-52565: what masks and terminals are made of is a link of the image."""
    return lambda stage: of_hostile_image(stage, [link(name, "/proc/sys/kernel/core_pattern")])


def mount_through_link(stage: Stage):
    """CVE-2021-30465, CVE-2026-55686: the target of a mount passes a link of the image to the host."""
    victim = stage.victim()
    return of_hostile_image(stage, [link("trap", str(victim))], '[mounts]\nown = "./.:/trap/inner"\n', victim)


def project_through_link(stage: Stage):
    """The project's own path, passing a link of the image."""
    victim = stage.victim()
    return of_hostile_image(stage, [link(stage.host.work.parts[1], str(victim))], victim=victim)


def manifest_mount(host_side, target: str):
    def run(stage: Stage):
        project = stage.new_project(manifest=f'[mounts]\nm = "{host_side(stage)}:{target}"\n')
        (project.path / "way-out").symlink_to(stage.host.home)
        built = project.build()
        if built.status != 0:
            return "refused", last_line(built)
        ran = call(stage.host, project.path, project.exec_words() + ["/probe", "view", target])
        return view_of(ran)
    return run


def last_line(ran) -> str:
    return (ran.output.strip().splitlines() or [""])[-1]


def view_of(ran) -> tuple:
    found = VIEW.search(ran.output)
    return (found[1], found[2]) if found else ("refused", last_line(ran))


def bind(option: str, what, seen=lambda stage: stage.host.store):
    """--bind in a session of its own: does the store, or what `seen` names, show or take anything?"""
    def run(stage: Stage):
        words = stage.project.exec_words("--ephemeral", option, what(stage))
        return view_of(call(stage.host, stage.project.path, words + ["/probe", "view", seen(stage)]))
    return run


def link_to_store(stage: Stage) -> pathlib.Path:
    path = stage.host.home / "link-to-store"
    if not path.is_symlink():
        path.symlink_to(stage.host.store)
    return path


def bind_by_other_mount(stage: Stage):
    """The same directory at another place: a path says nothing about what lies there."""
    if os.geteuid() != 0:
        return "absent", "only root can mount"
    other = stage.host.work / "other-mount"
    other.mkdir()
    subprocess.run(["mount", "--bind", stage.host.store, other], check=True)
    try:
        words = stage.project.exec_words("--ephemeral", "--bind", other)
        return view_of(call(stage.host, stage.project.path, words + ["/probe", "view", other]))
    finally:
        subprocess.run(["umount", other], check=True)


def source_through_link(stage: Stage):
    """A file of the user, by a link of the project, in a layer for everybody (CVE-2024-1753, CVE-2024-9675)."""
    project = stage.new_project(manifest='[[setup.files]]\nsource = "way-out/private"\ntarget = "/etc/stolen"\n')
    (project.path / "way-out").symlink_to(stage.host.home)
    built = project.build()
    if built.status != 0:
        return "refused", last_line(built)
    stolen = list(stage.host.store.glob("layers/*/tree/etc/stolen"))
    return ("allowed", str(stolen[0])) if stolen else ("contained", "")


def ephemeral_leftovers(stage: Stage):
    """A session that was to leave nothing, in which everything was tried."""
    facts = stage.host.facts(stage.project.path, "/dev/null")
    words = stage.project.exec_words("--ephemeral") + ["/probe", "run", "only=file,device,capability", *facts]
    ran = call(stage.host, stage.project.path, words)
    if not ROW.search(ran.output):
        return "refused", ran.output
    left = [p.name for p in (stage.host.store / "staging").iterdir()]
    return ("allowed", f"staging holds {left}") if left else ("contained", "")


def directory_as_input(stage: Stage):
    """A descriptor of a directory of the host is a way up to its root."""
    facts = stage.host.facts(stage.project.path, "/dev/null")
    words = stage.project.exec_words("--ephemeral") + ["/probe", "run", "only=stream", *facts]
    ran = call(stage.host, stage.project.path, words, Streams(input=str(stage.host.home)))
    rows = {name: (result, detail) for name, result, detail in ROW.findall(ran.output)}
    if not rows:
        return "refused", last_line(ran)
    return rows["stream.climb-input"]


SCENARIOS = {
    "image.proc-link": linked("proc", ".p"),
    "image.proc-link-up": linked("proc", "../../.."),
    "image.proc-link-to-host": linked("proc"),
    "image.proc-file": as_file("proc"),
    "image.sys-link": linked("sys", ".s"),
    "image.sys-link-to-host": linked("sys"),
    "image.dev-link": linked("dev", ".d"),
    "image.dev-link-to-host": linked("dev"),
    "image.dev-file": as_file("dev"),
    "image.run-link": linked("run", "../../.."),
    "image.run-link-to-host": linked("run"),
    "image.tmp-link-to-host": linked("tmp"),
    "image.etc-link-to-host": linked("etc"),
    "image.resolv-conf-link-to-host": linked_to_file("etc/resolv.conf"),
    "image.hosts-link-to-host": linked_to_file("etc/hosts"),
    "image.machine-id-link-to-host": linked_to_file("etc/machine-id"),
    "image.null-link": with_node_link("dev/null"),
    "image.console-link": with_node_link("dev/console"),
    "image.terminals-link": with_node_link("dev/pts"),
    "image.mount-target-link": mount_through_link,
    "image.project-path-link": project_through_link,
    "manifest.mount-store": manifest_mount(lambda stage: stage.host.store, "/mnt"),
    "manifest.mount-home": manifest_mount(lambda stage: stage.host.home, "/mnt"),
    "manifest.mount-link": manifest_mount(lambda stage: "way-out", "/mnt"),
    "manifest.mount-up": manifest_mount(lambda stage: "..", "/mnt"),
    "manifest.mount-over-run": manifest_mount(lambda stage: ".", "/run"),
    "manifest.mount-over-proc": manifest_mount(lambda stage: ".", "/proc"),
    "manifest.mount-over-proc-sys": manifest_mount(lambda stage: ".", "/proc/sys"),
    "manifest.setup-source-link": source_through_link,
    "bind.store": bind("--bind", lambda stage: stage.host.store),
    "bind.store-child": bind("--bind", lambda stage: stage.host.store / "layers",
                             lambda stage: stage.host.store / "layers"),
    "bind.store-parent": bind("--bind", lambda stage: stage.host.work),
    "bind.store-link": bind("--bind", link_to_store, link_to_store),
    "bind.store-other-mount": bind_by_other_mount,
    "bind.store-read-only": bind("--bind-ro", lambda stage: stage.host.store),
    "bind.store-child-read-only": bind("--bind-ro", lambda stage: stage.host.store / "instances",
                                       lambda stage: stage.host.store / "instances"),
    "bind.store-parent-read-only": bind("--bind-ro", lambda stage: stage.host.work),
    "bind.root": bind("--bind", lambda stage: "/"),
    "bind.proc": bind("--bind", lambda stage: "/proc", lambda stage: "/proc/sys/kernel"),
    "bind.dev": bind("--bind-ro", lambda stage: "/dev", lambda stage: "/dev/net"),
    "session.directory-as-input": directory_as_input,
    "session.ephemeral-leftovers": ephemeral_leftovers,
}
