#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""documentation.py PROGRAMS CLONE KEPT: runs every command that the documentation shows.

Each page's ```console blocks are one session in an empty directory and an empty store: lines that begin with "$ " are
run, in order, by one bash; a line that ends with "# exits N" must exit with N, every other one with 0. A line of output
shown below a command must be printed by it, where "..." stands for anything. Blocks of other kinds are not run.
KEPT holds downloads of earlier tests (see lib.sh)."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

programs, clone, kept = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])


def sessions():
    for page in [clone / "README.md", *sorted((clone / "docs").glob("*.md"))]:
        blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.M | re.S)
        if blocks:
            yield page, commands("".join(blocks))


def commands(text):
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif line.strip() and found:
            found[-1][1].append(line)
    return found


def matches(expected, printed):
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return any(re.search(pattern, line) for line in printed.splitlines())


def run(page, session):
    failures = []
    with tempfile.TemporaryDirectory(prefix="karapace-docs-", ignore_cleanup_errors=True) as scratch:
        store = pathlib.Path(scratch) / "store"
        if (kept / "store").is_dir():
            # Records before what they name, as lib.sh has it.
            shutil.copytree(kept / "store/steps", store / "steps")
            shutil.copytree(kept / "store", store, ignore=shutil.ignore_patterns("steps"), dirs_exist_ok=True)
            store.chmod(0o700)
        else:
            store.mkdir(mode=0o700)
        shutil.copytree(clone / "examples", pathlib.Path(scratch) / "examples")
        environment = {k: v for k, v in os.environ.items() if k in {"http_proxy", "https_proxy", "no_proxy"}}
        environment |= {"HOME": scratch, "TERM": "dumb", "KARAPACE_STORE": str(store),
                        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        place = pathlib.Path(scratch) / ".place"
        place.write_text(scratch)
        for command, expected in session:
            status = int((re.search(r"# exits (\d+)$", command) or [0, 0])[1])
            script = f'cd "$(cat {place})" || exit 99\n{command}\nstatus=$?\npwd >{place}\nexit $status\n'
            result = subprocess.run(["bash", "-c", script], env=environment, stdin=subprocess.DEVNULL, timeout=600,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            missing = [line for line in expected if not matches(line, result.stdout)]
            if result.returncode != status or missing:
                failures.append(f"{page.relative_to(clone)}: $ {command}\n  status {result.returncode}, not printed: "
                                f"{missing}\n{result.stdout[-2000:]}")
                break  # what follows builds on it
    return failures


problems = []
for document, steps in sessions():
    print(f"--- {document.relative_to(clone)}: {len(steps)} commands", flush=True)
    problems += run(document, steps)
print("\n".join(problems))
sys.exit(1 if problems else 0)
