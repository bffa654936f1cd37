#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""karapace graph show --json | bench/division.py: how the wall time of the last build divides.

Each kind of step has a row: when its first step began and its last one ended, for how long at least one of them ran
(busy), for how long nothing else did (alone), and the sum of what its steps took. What runs alone is what a build waits
for; "nothing" is the time between steps. Below that the critical path: the chain of steps that takes at least that long
however many processors there are."""
import json
import sys

KINDS = ("fetch", "unpack", "install", "setup", "environment")


def ran(document):
    """(kind, start, end) of the steps of the last build."""
    timed = [(step["kind"], step["last_build"]) for step in document["steps"] if step["last_build"]]
    return [(kind, times["start_ms"], times["end_ms"]) for kind, times in timed if not times["cache_hit"]]


def slices(steps):
    """(duration, kinds that run) between any two moments at which something begins or ends."""
    moments = sorted({moment for _, start, end in steps for moment in (start, end)} | {0})
    changes = sorted([(start, 1, kind) for kind, start, _ in steps] + [(end, -1, kind) for kind, _, end in steps])
    running = dict.fromkeys(KINDS, 0)
    position = 0
    for begin, end in zip(moments, moments[1:]):
        while position < len(changes) and changes[position][0] <= begin:
            running[changes[position][2]] += changes[position][1]
            position += 1
        yield end - begin, frozenset(kind for kind, count in running.items() if count)


def seconds(milliseconds):
    return f"{milliseconds / 1e3:.2f} s"


def rows(document):
    """The table: one row per kind, then what ran beside nothing."""
    steps = ran(document)
    parts = list(slices(steps))
    for kind in KINDS:
        mine = [(start, end) for other, start, end in steps if other == kind]
        if not mine:
            continue
        busy = sum(duration for duration, kinds in parts if kind in kinds)
        alone = sum(duration for duration, kinds in parts if kinds == {kind})
        yield (f"{kind} ({len(mine)})", seconds(min(start for start, _ in mine)), seconds(max(end for _, end in mine)),
               seconds(busy), seconds(alone), seconds(sum(end - start for start, end in mine)))
    nothing = sum(duration for duration, kinds in parts if not kinds)
    whole = sum(duration for duration, _ in parts)
    yield "nothing", "", "", seconds(nothing), "", ""
    yield "the build", seconds(0), seconds(whole), seconds(whole), "", seconds(sum(end - start for _, start, end in steps))


def critical_path(document):
    by_key = {step["key"]: step for step in document["steps"]}
    chain = [by_key[key] for key in document["critical_path"]]
    texts = [f"{step['kind']} {step['subject']} {seconds(step['work_ms'])}" for step in chain if step["work_ms"]]
    return f"critical path {seconds(document['totals']['critical_path_ms'])}: " + " → ".join(texts)


def division(document):
    head = ("step", "from", "to", "busy", "alone", "sum of steps")
    lines = ["| " + " | ".join(head) + " |", "|---|---:|---:|---:|---:|---:|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(document)]
    return "\n".join(lines) + "\n\n" + critical_path(document)


if __name__ == "__main__":
    print(division(json.load(sys.stdin)))
