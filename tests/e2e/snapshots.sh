#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a person changed in an instance, in every id mode: diff tells it exactly, commit keeps it, restore brings it back
# as it was, undo what was there before, export copies it out. Hostile trees included. The environment is made of this
# machine's python3, so that no network is needed.
. "$(dirname "$0")/lib.sh"

python_tree "$work/root"
root=$work/root
mkdir -p "$root"/{opt/old/sub,usr/share/doc/kept}
echo base >"$root/etc/issue"
echo first >"$root/opt/old/a"
echo second >"$root/opt/old/sub/b"
echo doc >"$root/usr/share/doc/kept/copyright"
tar --numeric-owner --owner=0 --group=0 -cf "$work/root.tar" -C "$root" .
digest=$(sha256sum "$work/root.tar" | cut -d' ' -f1)

# Everything that round-trips, made inside.
cat >"$work/change.py" <<'EOF'
import os, shutil, socket
open("/etc/issue", "a").write("mine\n")
os.remove("/usr/share/doc/kept/copyright")
shutil.rmtree("/usr/share/doc"); os.mkdir("/usr/share/doc")      # opaque
shutil.move("/opt/old", "/opt/new")                             # renames
os.mkdir("/srv"); os.chmod("/srv", 0o3775)
open("/srv/a", "w").write("linked"); os.link("/srv/a", "/srv/b"); os.link("/srv/a", "/etc/c")
os.symlink("/nowhere/../\udcff \n", "/srv/link")
os.mkfifo("/srv/pipe", 0o640)
with open("/srv/sparse", "wb") as sparse:
    sparse.truncate(64 << 20); sparse.seek(20 << 20); sparse.write(b"middle")
open(b"/srv/odd \xff\n\\ " + b"n" * 240, "w").close()
open("/srv/set-id", "w").close(); os.chmod("/srv/set-id", 0o6755)
os.setxattr("/srv/a", "user.note", b"\0\xff=")
os.mkdir("/srv/nested"); os.setxattr("/srv/nested", "user.overlay.opaque", b"y")
os.setxattr("/srv/nested", "user.fuseoverlayfs.opaque", b"y")
open("/srv/.wh.file", "w").close()
open("/srv/acl", "w").close()
acl = (b"\2\0\0\0" b"\1\0\7\0\xff\xff\xff\xff" b"\2\0\4\0\0\0\0\0" b"\4\0\0\0\xff\xff\xff\xff" b"\20\0\7\0\xff\xff\xff\xff"
       b"\40\0\0\0\xff\xff\xff\xff")
os.setxattr("/srv/acl", "system.posix_acl_access", acl)
os.setxattr("/srv", "system.posix_acl_default", acl)
try:
    os.setxattr("/srv/set-id", "security.capability", b"\1\0\0\2\0\4\0\0" + bytes(12))
except OSError as error:
    print("no capabilities:", error)
os.open("/srv/owned", os.O_CREAT); os.chown("/srv/owned", 33, 44)
for path in ("/srv/a", "/srv/owned", "/srv"):
    os.utime(path, ns=(5, 1_234_567_890_123_456_789))
os.utime("/srv/link", ns=(5, -1_000_000_001), follow_symlinks=False)
deep = "/srv" + "/d" * 200
os.makedirs(deep); open(deep + "/bottom", "w").write("x")
os.mkdir("/srv/wide")
for i in range(5000):
    open(f"/srv/wide/{i}", "w").close()
bound = socket.socket(socket.AF_UNIX); bound.bind("/srv/socket")
EOF
# All that can be seen of it, one line for each path.
cat >"$work/state.py" <<'EOF'
import hashlib, os, stat
skip = {"/proc", "/sys", "/dev", "/tmp", "/run", "/usr/lib", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
lines = []
def see(path):
    s = os.lstat(path)
    if stat.S_ISSOCK(s.st_mode): return
    what = ""
    if stat.S_ISLNK(s.st_mode): what = os.readlink(path)
    if stat.S_ISREG(s.st_mode): what = hashlib.sha256(open(path, "rb").read()).hexdigest()
    attributes = [] if stat.S_ISLNK(s.st_mode) or stat.S_ISFIFO(s.st_mode) else sorted(
        (name, os.getxattr(path, name)) for name in os.listxattr(path))
    size = 0 if stat.S_ISDIR(s.st_mode) else s.st_size
    names = 0 if stat.S_ISDIR(s.st_mode) else s.st_nlink
    holes = stat.S_ISREG(s.st_mode) and s.st_blocks * 512 < s.st_size
    lines.append(repr((path, oct(s.st_mode), s.st_uid, s.st_gid, size, s.st_mtime_ns, names, holes, what, attributes)))
    if stat.S_ISDIR(s.st_mode):
        for name in sorted(os.listdir(path)):
            child = os.path.join(path, name)
            if child not in skip and "home" not in child: see(child)
for top in sorted(os.listdir("/")):
    if "/" + top not in skip and top not in ("home", "root"): see("/" + top)
print("\n".join(line for line in lines if not line.startswith("('/work")))
EOF

# inside MODE NAME=VALUE... -- SCRIPT: runs python inside.
inside() { # SCRIPT
  in_project karapace exec . -- /bin/python3 -B -c "$(cat "$1")"
}
in_project() { (cd "$project" && as "$mode" KARAPACE_STORE="$work/store-$mode" ${overlay:+KARAPACE_OVERLAY=$overlay} "$@"); }
same() { # WHAT A B
  cmp -s "$2" "$3" || { diff -a "$2" "$3" | first 20 >&2; fail "$mode: $1"; }
}
snapshot_of() { sed -n 's/.*snapshot \([0-9a-f]*\).*/\1/p' "$1" | first 1; }

for mode in $modes; do
  step "a round trip in mode $mode"
  make_user "$mode"
  overlay=
  project=$work/project-$mode
  mkdir -p "$project"
  printf 'manifest_version = 1\n[base]\nimage = "%s"\nsha256 = "%s"\n' "$work/root.tar" "$digest" >"$project/karapace.toml"
  chown -R "$(user_of "$mode")" "$project"
  install -d -m 700 "$work/store-$mode"
  chown "$(user_of "$mode")" "$work/store-$mode"
  in_project karapace build . >/dev/null

  printf 'pass\n' >"$work/nothing.py"
  inside "$work/nothing.py"
  in_project karapace diff . >"$work/diff"
  grep -q "nothing differs" "$work/diff" || { cat "$work/diff" >&2; fail "$mode: a first session is no change"; }

  inside "$work/change.py"
  inside "$work/state.py" >"$work/state.made"
  [ "$(wc -l <"$work/state.made")" -gt 5200 ] || fail "$mode: the state was not seen"
  in_project karapace diff . >"$work/diff" 2>"$work/errors"
  for line in "~ /etc/issue (content, time)" "- /usr/share/doc/kept/" "> /opt/new/a (was /opt/old/a)" "+ /srv/.wh.file" \
    "+ /srv/link" "- /opt/old/" '+ /srv/sparse'; do
    grep -qF -- "$line" "$work/diff" || { first 60 <"$work/diff" >&2; fail "$mode: diff does not tell \"$line\""; }
  done
  grep -q "/srv/socket" "$work/errors" || fail "$mode: the socket is not told of"
  in_project karapace commit . -m "everything" >"$work/committed" 2>"$work/errors" || fail "$mode: $(cat "$work/errors")"
  grep -q "written" "$work/committed" || fail "$mode: no snapshot was made"
  id=$(snapshot_of "$work/committed")
  in_project karapace commit . 2>/dev/null | finds "nothing changed" || fail "$mode: the same was stored twice"

  cat >"$work/destroy.py" <<'EOF'
import os, shutil
for root, directories, files in os.walk("/srv"):
    os.chmod(root, 0o755)
shutil.rmtree("/srv"); os.remove("/etc/c"); os.remove("/etc/passwd"); open("/opt/today", "w").write("today")
EOF
  inside "$work/destroy.py"
  inside "$work/state.py" >"$work/state.today"
  in_project karapace commit . -m "without" >"$work/committed" 2>/dev/null
  later=$(snapshot_of "$work/committed")
  in_project karapace diff . "$id" >"$work/diff"
  for line in "- /srv/" "- /etc/passwd" "- /etc/c" "+ /opt/today"; do
    grep -qxF -- "$line" "$work/diff" || { first 60 <"$work/diff" >&2; fail "$mode: since the snapshot: not \"$line\""; }
  done
  ! grep -q "/etc/issue" "$work/diff" || fail "$mode: what is the same is told"
  in_project karapace diff . "$later" "$id" --patch >"$work/diff"
  for line in "+ /srv/acl" "+ /etc/passwd" "- /opt/today" "+linked"; do
    grep -qF -- "$line" "$work/diff" || { first 60 <"$work/diff" >&2; fail "$mode: between snapshots: not \"$line\""; }
  done
  in_project karapace diff . "$later" | finds "is as in the snapshot" || fail "$mode: nothing changed since"
  in_project karapace snapshots . --remove "$later" | finds "(without): .*nothing brings it back" || fail "$mode: not told"
  ! in_project karapace diff . "$later" >/dev/null 2>&1 || fail "$mode: it is still there"
  in_project karapace verify-store >/dev/null || fail "$mode: the store is damaged"
  in_project karapace restore . "$id" >/dev/null
  inside "$work/state.py" >"$work/state.restored"
  same "what was restored is not what was committed" "$work/state.made" "$work/state.restored"
  in_project karapace undo . >/dev/null
  inside "$work/state.py" >"$work/state.undone"
  same "undo did not bring back what was before" "$work/state.today" "$work/state.undone"
  in_project karapace undo . >/dev/null

  in_project karapace export . "$project/out" >/dev/null
  [ "$(cat "$project/out/srv/a")" = linked ] || fail "$mode: nothing was exported"
  ! in_project karapace export . "$project/out" 2>/dev/null || fail "$mode: something was overwritten"
  in_project karapace export . "$project/out.tar" >/dev/null
  tar tf "$project/out.tar" | finds "srv/sparse" || fail "$mode: the archive lacks a file"
  ln -s "$work" "$project/sub"
  ! in_project karapace export . "$project/sub/exported" 2>"$work/refused" || fail "$mode: a link of a project was followed"
  finds "is a link, which what ran in a session may have made" <"$work/refused" || fail "$mode: $(cat "$work/refused")"
  rm "$project/sub"

  step "a session that writes while it is committed, mode $mode"
  cat >"$work/write.py" <<'EOF'
import os, time
file = os.open("/srv/a", os.O_WRONLY)
end = time.monotonic() + 4
while time.monotonic() < end:
    os.pwrite(file, os.urandom(6), 0)
EOF
  inside "$work/write.py" &
  writer=$!
  sleep 1
  if ! in_project karapace commit . >"$work/committed" 2>&1; then
    grep -q "changed while it was read" "$work/committed" || fail "$mode: $(cat "$work/committed")"
  fi
  ! in_project karapace restore . "$id" >/dev/null 2>"$work/errors" || fail "$mode: restored under a running session"
  grep -q "a session is running" "$work/errors" || fail "$mode: $(cat "$work/errors")"
  wait "$writer"
  in_project karapace verify-store >/dev/null || fail "$mode: the store is damaged"
done
echo passed
