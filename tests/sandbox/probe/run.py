#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py PROGRAMS PROBE [--tsv FILE] [--mode MODE]...: tries every attempt in every context and id mode, with the real
programs, and compares with expected.txt. What got through unexpectedly is printed, and ends the run with 1.

Contexts: `exec`; `joined`, while a first session runs; `enter`, on a terminal; `isolated`, without network; `closed`, with
standard streams closed; `step`, a command of the manifest; `debug`,
where that step failed. As root all three id modes are tested, else the caller's own and `single`. No network is needed."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the sources' directory stays as it is

from caller import Call, Streams, call
from expected import Table
from host import Host, has_scopes, modes
from neighbours import NEIGHBOURS
from project import Project
from scenarios import ROW, SCENARIOS as HOSTILE, Stage

HERE = pathlib.Path(__file__).resolve().parent
CONTEXTS = ("exec", "joined", "enter", "isolated", "closed", "step", "debug")
SCENARIOS = HOSTILE | NEIGHBOURS
# What must be in reach without a sandbox: else the canary is dead, and its row proves nothing.
CANARIES = ("ipc.shared-memory", "ipc.message-queue", "ipc.semaphores", "ipc.shared-memory-by-id",
            "ipc.list-shared-memory", "ipc.list-message-queues", "ipc.list-semaphores", "ipc.posix-memory",
            "ipc.posix-queue", "socket.host-abstract", "socket.host-abstract-datagram", "socket.host-path",
            "network.host-loopback", "network.host-interfaces", "network.names-of-sockets", "file.host-path",
            "file.host-home", "file.host-passwd", "process.open-host", "process.limits-of-host",
            "process.host-is-listed", "secret.own-variables", "secret.host-name", "stream.inherited",
            "terminal.read-typed-keys", "terminal.read-host-pts")
SESSIONS = ("session.first-survives-second", "session.starts-after-killed-one")
MOST_STARTS = 20
# Looked at from outside, after each context.
OUTSIDE = ("outside.caller-survives", "outside.caller-unsignalled", "outside.process-unsignalled",
           "outside.private-unchanged", "outside.manifest-unchanged", "outside.core-pattern-unchanged")


class Run:
    """One mode: its host and projects, and the results so far as (name, context) -> (result, detail)."""

    def __init__(self, mode: str, work: pathlib.Path, programs: pathlib.Path):
        self.mode, self.probe_path = mode, programs / "probe"
        self.probe = self.probe_path.read_bytes()
        self.host = Host(mode, work, programs)
        self.results = {}
        self.core_pattern = core_pattern()
        self.results["session.starts-after-killed-one", "once"] = ("contained", "")

    def check_canaries(self):
        made = Call(self.host, self.host.work, Streams())
        facts = self.host.facts(self.host.work, made.terminal)
        ending = made.start([self.probe_path, "run", "only=" + ",".join(CANARIES), *facts]).finish()
        rows = {name: result for name, result, _ in ROW.findall(ending.output)}
        # The keys are typed once, and the first of the two rows has them.
        dead = [name for name in CANARIES if rows.get(name) != "allowed" and name != "terminal.read-host-pts"]
        if dead:
            raise SystemExit(f"{self.mode}: even without a sandbox these canaries are out of reach: {', '.join(dead)}")

    def all(self):
        self.check_canaries()
        self.project = self.build_project("exec")
        self.isolated = self.build_project("isolated", "[runtime]\nnetwork_isolation = true\n")
        self.context("exec", self.project)
        self.joined()
        self.context("enter", self.project, Streams("terminal", "terminal", "terminal"), command="enter")
        self.context("isolated", self.isolated)
        self.context("closed", self.project, Streams("closed", "closed", "closed"), to_file=True)
        self.step_and_debug()
        masks = {name: result for (name, context), (result, _) in self.results.items() if context == "exec"}
        stage = Stage(self.host, self.probe, self.project, masks)
        for name, scenario in SCENARIOS.items():
            result, detail = scenario(stage)
            self.results[name, "once"] = (result, str(detail))

    def wait_for_start(self):
        """The session before was killed, and what is left of it was joined; the others are to be tested all the same."""
        self.results["session.starts-after-killed-one", "once"] = ("refused", "")
        time.sleep(0.2)

    def build_project(self, name: str, manifest: str = "") -> Project:
        project = Project(self.host, name, self.probe, manifest=manifest)
        built = project.build()
        if built.status != 0:
            raise SystemExit(f"{self.mode}: the project {name} can not be built:\n{built.output}")
        return project

    def context(self, name: str, project: Project, streams: Streams = Streams(), command: str = "exec",
                to_file: bool = False):
        results = project.path / "probe-results"
        for _ in range(MOST_STARTS):
            made = Call(self.host, project.path, streams)
            facts = self.host.facts(project.path, made.terminal) + ["finish=kill"]
            words = ["karapace", command, project.path, "--", "/probe", "run", *facts]
            ending = made.start(words + ([f"output={results}"] if to_file else [])).finish()
            text = results.read_text() if to_file and results.exists() else ending.output
            if ROW.search(text):
                break
            self.wait_for_start()
        self.take(name, text)
        self.look_outside(name, project, ending)

    def joined(self):
        """A second session, while the first one, which others have to survive, runs on."""
        end = self.project.path / "end-of-first"
        words = self.project.exec_words() + ["/probe", "wait", end]
        for _ in range(MOST_STARTS):
            first = Call(self.host, self.project.path, Streams()).start(words)
            if first.says("waiting"):
                break
            first.finish()
            self.wait_for_start()
        self.context("joined", self.project)
        end.touch()
        survived = first.finish().status == 0
        self.results["session.first-survives-second", "once"] = ("contained" if survived else "allowed", "")

    def step_and_debug(self):
        """The step fails, as its last attempt is to kill everything; debug goes where it was."""
        facts = self.host.facts(self.host.work / "step", "/dev/pts/0")
        line = " ".join(["/probe run", *facts, "finish=kill", "output=/probe-results"])
        project = Project(self.host, "step", self.probe, manifest=f'[setup]\nrun = ["{line}"]\n')
        ending = project.build()
        results = list(self.host.store.glob("failed/*/upper/probe-results"))
        self.take("step", results[0].read_text() if results else ending.output)
        self.look_outside("step", project, ending)
        key = re.search(r"karapace debug (\w+)", ending.output)
        if not key:
            raise SystemExit(f"{self.mode}: the step left no state:\n{ending.output}")
        words = ["karapace", "debug", key[1], "--", "/probe", "run", *facts, "finish=kill"]
        ending = call(self.host, project.path, words)
        self.take("debug", ending.output)
        self.look_outside("debug", project, ending)

    def take(self, context: str, text: str):
        rows = {name: (result, detail) for name, result, detail in ROW.findall(text)}
        if "\nend\t" not in text:
            print(f"{self.mode}: {context} ended early:\n{text[-2000:]}", file=sys.stderr)
        self.results |= {(name, context): outcome for name, outcome in rows.items()}

    def look_outside(self, context: str, project: Project, ending):
        manifest = project.path / "karapace.toml"
        kept = {"outside.caller-survives": ending.survived,
                "outside.caller-unsignalled": ending.signals == 0,
                "outside.process-unsignalled": self.host.is_alive(),
                "outside.private-unchanged": self.host.private.read_text() == self.host.secret,
                "outside.manifest-unchanged": manifest.exists() and manifest.read_text().startswith("manifest_version"),
                "outside.core-pattern-unchanged": core_pattern() == self.core_pattern}
        for name, good in kept.items():
            self.results[name, context] = ("contained" if good else "allowed", "")


def core_pattern() -> str:
    return pathlib.Path("/proc/sys/kernel/core_pattern").read_text()


def check_names(table: Table, names: list) -> list:
    known = set(names) | set(OUTSIDE) | set(SCENARIOS) | set(SESSIONS)
    return [f"{name}: is tried, but expected.txt has no row for it" for name in sorted(known - table.rows.keys())] + [
        f"{name}: is in expected.txt, but nothing tries it" for name in sorted(table.rows.keys() - known)]


def compare(table: Table, run: Run, names: list, lacks: set) -> list:
    wrong = []
    wanted = [(name, context) for context in CONTEXTS for name in [*names, *OUTSIDE]]
    wanted += [(name, "once") for name in [*SCENARIOS, *SESSIONS]]
    for name, context in wanted:
        expected = table.expected(name, context, run.mode, lacks)
        result, detail = run.results.get((name, context), ("missing", "no result came"))
        if result not in expected.split("|"):
            wrong.append((name, context, run.mode, expected, result, detail))
    return wrong


def brief(places: list) -> str:
    """exec/root exec/subid exec/single: `exec`, when these are all modes; `everywhere`, when these are all contexts."""
    all_modes = set(modes())
    by_context = {}
    for context, mode in places:
        by_context.setdefault(context, []).append(mode)
    if set(by_context) == set(CONTEXTS) and all(set(found) == all_modes for found in by_context.values()):
        return "everywhere"
    return " ".join(context if context != "once" and set(found) == all_modes else
                    " ".join(mode if context == "once" else f"{context}/{mode}" for mode in found)
                    for context, found in by_context.items())


def print_unexpected(wrong: list):
    """One line for each row and result; places that agree stand together."""
    together = {}
    for name, context, mode, expected, result, detail in wrong:
        together.setdefault((name, expected, result), []).append((context, mode, detail))
    for (name, expected, result), found in sorted(together.items()):
        detail = next((detail for _, _, detail in found if detail), "")
        places = brief([place[:2] for place in found])
        print(f"{name}: {result}, expected {expected}: {places}" + (f"  [{detail}]" if detail else ""))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("probe", type=pathlib.Path)
    parser.add_argument("--tsv", type=pathlib.Path, help="write all results: attempt, context, mode, result, detail")
    parser.add_argument("--mode", action="append", choices=modes(), help="only these id modes")
    arguments = parser.parse_args()
    table = Table(HERE / "expected.txt")
    names = subprocess.run([arguments.probe, "list"], check=True, capture_output=True, text=True).stdout.split()
    problems = check_names(table, names)
    if problems:
        print("\n".join(problems))
        return 1
    lacks = set() if has_scopes() else {"no-scopes"}
    started, wrong, results = time.monotonic(), [], []
    with tempfile.TemporaryDirectory(prefix="karapace-probe-", dir="/var/tmp") as directory:
        work = pathlib.Path(directory)
        work.chmod(0o755)
        programs = work / "bin"
        programs.mkdir()
        for name in ("karapace", "karapace-init", "karapace-step", "karapace-fetch", "karapace-transfer"):
            shutil.copy2(arguments.programs / name, programs / name)
        shutil.copy2(arguments.probe, programs / "probe")
        for mode in arguments.mode or modes():
            run = Run(mode, work, programs)
            try:
                run.all()
            finally:
                run.host.stack.close()
            wrong += compare(table, run, names, lacks)
            results += [(name, context, mode, *outcome) for (name, context), outcome in run.results.items()]
    if arguments.tsv:
        arguments.tsv.write_text("".join("\t".join(row) + "\n" for row in results))
    print_unexpected(wrong)
    print(f"{len(table.rows)} attempts, {len(results)} results, {len(wrong)} unexpected, "
          f"{time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
