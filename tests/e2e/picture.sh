#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pictures and traces of real builds: graph show and graph trace with the real ninja, dot and store.
. "$(dirname "$0")/lib.sh"
mode=${modes%% *}
make_user "$mode"
store=$work/store
warm "$mode" "$store"
project "$mode" "$work/app" jq
cd "$work/app"

run() { as "$mode" KARAPACE_STORE="$store" karapace "$@"; }
check() { python3 - "$@"; } # a program on standard input

show() { run graph show --json "$@"; }
trace_to() { run graph trace -o - "${@:2}" >"$1"; }

# steps, hits and other commands of a trace that keeps to the format: no two slices of a row overlap, arrows lie in slices.
read_trace() {
  check "$1" <<'PYTHON'
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
slices = [e for e in events if e["ph"] == "X"]
free = {}
for e in sorted(slices, key=lambda e: (e["ts"], e["ts"] + e["dur"])):
    assert e["ts"] >= free.get(e["tid"], 0), e
    free[e["tid"]] = e["ts"] + e["dur"]
rows = {e["tid"] for e in events if e["name"] == "thread_name"}
assert rows == set(free), (rows, set(free))
for e in events:
    assert isinstance(e["name"], str) and e["pid"] == 1 and e["ph"] in "MXsf", e
    if e["ph"] in "sf":
        assert any(s["tid"] == e["tid"] and s["ts"] <= e["ts"] <= s["ts"] + s["dur"] for s in slices), e
starts = [e["id"] for e in events if e["ph"] == "s"]
assert starts == [e["id"] for e in events if e["ph"] == "f"] and len(set(starts)) == len(starts)
steps = [e for e in slices if e["cat"] != "other"]
print(len(steps), sum(e["args"]["cache_hit"] for e in steps), len(slices) - len(steps))
PYTHON
}

step "before anything is built"
run lock >/dev/null
show >"$work/unbuilt.json"
check "$work/unbuilt.json" <<'PYTHON'
import json, sys
graph = json.load(open(sys.argv[1]))
assert graph["version"] == 1 and graph["last_build"] is None and graph["critical_path"] == []
assert [e["name"] for e in graph["environments"]] == ["app"]
assert not any(s["built"] for s in graph["steps"] if s["kind"] != "fetch")
PYTHON
run graph show | finds "not built" || fail "the picture does not say that nothing is built"
run graph trace >/dev/null 2>"$work/error" && fail "there is a trace of nothing"
grep -q "build first" "$work/error" || fail "no way out: $(cat "$work/error")"

step "after a build"
run build >/dev/null 2>"$work/log" || fail "build: $(tail "$work/log")"
show >"$work/built.json"
check "$work/built.json" <<'PYTHON'
import json, sys
graph = json.load(open(sys.argv[1]))
totals, last, steps = graph["totals"], graph["last_build"], {s["step"]: s for s in graph["steps"]}
assert totals["built_count"] == totals["step_count"] == len(steps), (totals, last)
# Downloads of earlier tests are there already: Ninja does not look at them, and nobody knows how long they took.
assert totals["timed_count"] == last["step_count"] >= 100 and last["cache_hit_count"] == 0, (totals, last)
path = [steps[key] for key in graph["critical_path"]]
assert path[-1]["kind"] == "environment" and all(s["critical"] for s in path)
assert all(a["step"] in b["inputs"] for a, b in zip(path, path[1:]))
assert sum(s["work_ms"] or 0 for s in path) == totals["critical_path_ms"] <= last["duration_ms"] + len(path)
assert sum(s["work_ms"] or 0 for s in steps.values()) == totals["work_ms"]
PYTHON
trace_to "$work/trace.json"
steps=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["last_build"]["step_count"])' "$work/built.json")
read -r ran _ others < <(read_trace "$work/trace.json")
expect "steps in the trace" "$steps" "$ran"
expect "other commands in the trace" 0 "$others"

step "the picture"
for full in "" --full; do
  run graph show $full >"$work/graph.svg" 2>"$work/error"
  expect "what dot complains of" "" "$(cat "$work/error")"
  check "$work/graph.svg" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
text = " ".join(tree.parse(sys.argv[1]).getroot().itertext())
assert "app" in text and "critical path" in text and "jq" in text and "debian/bookworm" in text, text
PYTHON
done
run graph show --format dot | as "$mode" dot -Tplain >/dev/null || fail "dot does not take what --format dot gives"

step "on a terminal it is a file"
as "$mode" KARAPACE_STORE="$store" script -qec "karapace graph show; karapace graph trace" /dev/null >"$work/said" </dev/null
grep -q "app.graph.svg" "$work/said" && [ -s app.graph.svg ] || fail "no app.graph.svg: $(cat "$work/said")"
read_trace app.trace.json >/dev/null

step "a later build has its own times, and the earlier ones stay known"
before=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["totals"]["timed_count"])' "$work/built.json")
printf '[setup]\nrun = ["sleep 0.3"]\n' >>karapace.toml
run build >/dev/null 2>"$work/log" || fail "build: $(tail "$work/log")"
show >"$work/again.json"
check "$work/again.json" "$before" <<'PYTHON'
import json, sys
graph, before = json.load(open(sys.argv[1])), int(sys.argv[2])
ran = {s["kind"]: s for s in graph["steps"] if s["last_run"]}
assert graph["last_build"]["step_count"] == len(ran) == 3 and set(ran) == {"fetch", "setup", "environment"}, graph["last_build"]
assert ran["setup"]["work_ms"] >= 300 and graph["last_build"]["cache_hit_count"] == 0
# The environment and its lock of before are no longer in the graph.
assert before + 3 - 2 <= graph["totals"]["timed_count"] <= before + 3, (before, graph["totals"])
PYTHON

step "another build directory finds everything there, and a record that is remade is told from hits"
install -d -o "$(user_of "$mode")" "$work/other"
run gen -C "$work/other" "$work/app" >/dev/null
expect "ninja in a second directory" "ninja: no work to do." "$(as "$mode" ninja -C "$work/other" | tail -1)"
rm "$store/steps/$(records "$store" unpack | first 1)"
as "$mode" ninja -C "$work/other" >/dev/null
trace_to "$work/hits.json" --build "$work/other"
read -r ran hits _ < <(read_trace "$work/hits.json")
[ "$ran" -ge 2 ] && [ "$hits" = $((ran - 1)) ] || fail "one step was remade, but of $ran that ran $hits were hits"

step "logs with damage"
log=.karapace/build/.karapace/.ninja_log
cp "$log" "$work/whole"
head -c -10 "$work/whole" >"$log"
show >/dev/null 2>"$work/error" || fail "half a last line stops graph show"
expect "warnings of half a last line" "" "$(cat "$work/error")"
printf 'rule cc\n' >"$log"
run --json graph trace --log "$log" >"$work/error" && fail "what is no log passes for one"
grep -q '"message": ".karapace/build/.karapace/.ninja_log is no log of ninja"' "$work/error" || fail "another error: $(cat "$work/error")"
show 2>"$work/error" >"$work/without.json" || fail "a log that nobody named stops graph show"
grep -q "is no log of ninja; times are shown without it" "$work/error" || fail "no warning: $(cat "$work/error")"
cp "$work/whole" "$log"

step "without Graphviz"
mkdir "$work/without" && ln -s "$work/bin/karapace" "$work/without/"
as "$mode" PATH="$work/without" KARAPACE_STORE="$store" karapace graph show 2>"$work/error" && fail "a picture without dot"
grep -q "install the package graphviz" "$work/error" || fail "no way out: $(cat "$work/error")"
as "$mode" PATH="$work/without" KARAPACE_STORE="$store" karapace graph show --format dot >/dev/null || fail "DOT needs no dot"

echo "picture: passed"
