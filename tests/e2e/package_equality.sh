# SPDX-License-Identifier: Apache-2.0
# What dpkg installs against what Karapace installs: sourced by tests that compare trees path by path.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "needs root, for mmdebstrap's view of owners"; exit 77; }

# Left out on purpose, each with its reason.
different() {
  # Made for the time being, or by the sandbox that looks.
  grep -vE '^(dev|proc|sys|run|tmp)(/|$)|^\.(karapace|mmdebstrap)|^etc/(hostname|hosts|resolv\.conf|fstab) ' |
    # Caches, logs and backups that the canonical rules leave out or empty; mmdebstrap's own configuration and lists.
    grep -vE '^var/(log|cache/(apt|man|ldconfig|debconf)|lib/apt)(/|$| )|^etc/apt/(sources\.list|apt\.conf\.d/99mmdebstrap) ' |
    grep -vE '^etc/(passwd|group|shadow|gshadow|subuid|subgid)- |^var/lib/dpkg/(status-old|diversions-old|statoverride-old|arch) ' |
    # Random or secret.
    grep -vE '^etc/(machine-id|ssh/ssh_host_[^ ]*) |^var/lib/dbus/machine-id |^etc/ssl/(certs|private)/[^ ]* .*ssl-cert-snakeoil' |
    grep -vE '^etc/ssl/(certs|private)/ssl-cert-snakeoil|^etc/apt/apt\.conf\.d/02autoremove-postgresql ' |
    # mmdebstrap extracts everything before any script runs, so this one is diverted out of its own way.
    grep -vE '^usr/bin/pg_config\.libpq-dev ' |
    # Made by fontconfig-config where /usr/local is there, which is made later when all is configured at once.
    grep -vE '^usr/local/share/fonts ' |
    # Days of change; the order in which shells were registered.
    grep -vE '^etc/(shadow|shells) ' |
    # Python writes checked hashes instead of times under SOURCE_DATE_EPOCH.
    grep -vE '/__pycache__/' |
    # The database's index of the journal's messages; info's backup of its directory; the installing host's name.
    grep -vE '^var/lib/systemd/catalog/database |^usr/share/info/dir(\.old)? |^etc/(mailname|ssh/moduli) '
}

# Runs inside either system. Owners by name: ids are given in the order in which packages are configured, which is the
# installer's choice. Numbers without a name (of who built a package) count for files only: links that dpkg unpacks are root's, as with a
# single id nothing could keep another owner, and mmdebstrap's tar(1) gives directories that exist to the last package. For the first reason of the user tables only the names are compared, and of the registers of triggers and of ucf the sorted lines.
listing='cd /
find . -xdev -mindepth 1 \( -path ./proc -o -path ./sys -o -path ./dev \) -prune -o -printf "%P %y %m %u:%g %l\n" |
  sed -E "s/^(.* [dl] [0-7]+) [0-9]+:[0-9]+ /\1 root:root /"
find . -xdev -mindepth 1 \( -path ./proc -o -path ./sys -o -path ./dev \) -prune -o -type f -print0 | sort -z |
  xargs -0 sha256sum | sed "s|^\([0-9a-f]*\)  \./\(.*\)|\2 content \1|" | grep -vE "^etc/(passwd|group|gshadow) |^var/lib/(ucf/(hashfile|registry)|dpkg/triggers/File )"
sort /var/lib/dpkg/triggers/File | sed "s|^|triggers has |"
sort /var/lib/ucf/hashfile /var/lib/ucf/registry 2>/dev/null | sed "s|^|ucf has |"
for table in passwd group gshadow; do cut -d: -f1 /etc/$table | sort | sed "s|^|etc/$table has |"; done'

# same_as_dpkg: the environment of the project in the current directory, which is built, has the paths, types, modes, owners,
# links and contents that mmdebstrap (apt and dpkg) gives the same packages. 1 when it has not; tells the differences.
same_as_dpkg() {
  local names reference=$work/reference
  names=$(python3 -c 'import json
lock = json.load(open("karapace.lock"))
print(",".join(p["name"] for p in lock["base"] + lock["packages"]))')
  rm -rf "$reference"
  if ! mmdebstrap --variant=custom --mode=root --include="$names" bookworm "$reference" >"$work/mmdebstrap.log" 2>&1; then
    tail -20 "$work/mmdebstrap.log"
    return 2
  fi
  chroot "$reference" sh -c "$listing" | different | LC_ALL=C sort >"$work/expected"
  as root KARAPACE_STORE="$store" karapace exec . -- sh -c "$listing" | different | grep -v "^${work#/}" |
    LC_ALL=C sort >"$work/actual"
  echo "$(wc -l <"$work/expected") paths"
  [ "$(wc -l <"$work/expected")" -gt 5000 ] || { echo "too few paths to mean anything"; return 1; }
  diff "$work/expected" "$work/actual" >"$work/difference" || { first 60 <"$work/difference"; return 1; }
}

# dpkg_is_content: dpkg finds nothing wrong with the environment in the current directory.
dpkg_is_content() {
  local said
  said=$(as root KARAPACE_STORE="$store" karapace exec . -- sh -c 'dpkg --audit; dpkg --verify')
  [ -z "$said" ] || { echo "$said"; return 1; }
}
