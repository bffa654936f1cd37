#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""two_libapts: locks do not depend on the release of libapt-pkg that makes them. Random requests are answered by two builds of
karapace-resolve-deb, which must say the same byte for byte. See docs/resolving.md.

  two_libapts.py --sets 100 --seed 7 build/check/bin/karapace-resolve-deb -- chroot /srv/trixie /b/bin/karapace-resolve-deb

Prints what differs, "runs: N" and "failures: N"; the exit status is 1 when anything differs."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile


def ask(command: list, verb: str, request: dict) -> bytes:
    answer = subprocess.run([*command, verb], input=json.dumps(request).encode(), stdout=subprocess.PIPE, check=False,
                            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"})
    return answer.stdout


def request(suite: str, mirrors: dict, cache: str) -> dict:
    return {"distribution": "debian", "suite": suite, "architecture": "amd64", "foreign_architectures": [], "packages": [],
            "recommends": "no", "repositories": [], "keep": [], "hold": [], "prefer": [], "known": [], "rollback": "refuse",
            "upgrade": {"scope": "none", "names": []}, "mirrors": mirrors, "cache": cache, "valid_until": "check"}


def names_in(cache: str) -> list:
    """Of all packages, and those of the backports."""
    names = {}
    for index in pathlib.Path(cache).glob("resolve-deb/*/lists/*_Packages"):
        found = [line[9:] for line in index.read_text(errors="replace").splitlines() if line.startswith("Package: ")]
        names.setdefault("backports" in index.name, set()).update(found)
    return [sorted(names.get(backports, set())) for backports in (False, True)]


def random_request(chance: random.Random, plain: dict, names: list, backports: list) -> dict:
    made = dict(plain, packages=sorted({chance.choice(names) for _ in range(chance.randint(1, 6))}),
                recommends=chance.choice(["no", "no", "no", "yes"]))
    suite = made["suite"] + "-backports"
    kind = chance.randrange(8) if backports else 7
    if kind == 0:
        made["prefer"] = [{"text": suite, "place": ""}]
    if kind == 1:
        made["prefer"] = [{"text": f"{chance.choice(backports)[:4]}*/{suite}", "place": ""}]
    if kind <= 2:
        wanted = chance.choice(backports)
        made["packages"] = sorted({name for name in made["packages"] if name != wanted} | {wanted if kind < 2 else f"{wanted}/{suite}"})
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("ours")
    parser.add_argument("other", nargs="+")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    failures = refused = 0
    with tempfile.TemporaryDirectory(prefix="karapace-libapts-") as cache:
        mirrors = json.loads(ask([given.ours], "mirrors", {}))["mirrors"]
        plain = request(given.suite, mirrors, cache)
        ask([given.ours], "resolve", dict(plain, prefer=[{"text": given.suite + "-backports", "place": ""}]))
        names, backports = names_in(cache)
        if not names:
            raise SystemExit("two_libapts: there are no package lists: " + ask([given.ours], "resolve", plain).decode())
        for _ in range(given.sets):
            wanted = random_request(chance, plain, names, backports)
            answers = [ask(command, "resolve", wanted) for command in ([given.ours], given.other)]
            refused += answers[0].startswith(b'{"error"')
            if answers[0] == answers[1] and answers[0]:
                continue
            failures += 1
            print("differ:", json.dumps({key: wanted[key] for key in ("packages", "recommends", "prefer")}))
            for answer in answers:
                print("  ", answer.decode(errors="replace")[:2000])
    print(f"refused by both or one: {refused}\nruns: {given.sets}\nfailures: {failures}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
