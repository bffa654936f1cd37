#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A base archive in states that are ordinary for dpkg: a package removed but not purged, one that is only unpacked, one whose
# dependency is missing, and paths that its dpkg leaves out. Packages on top of it come out as dpkg would have them.
source "$(dirname "$0")/lib.sh"
mode=single
make_user $mode
store=$work/store
warm $mode "$store"
run() { as $mode KARAPACE_STORE="$store" "$@"; }
build() { # DIRECTORY
  run karapace build "$1" >"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; fail "build $1"; }
}

project $mode "$work/made" cron nano tree
cat >>"$work/made/karapace.toml" <<'END'
[setup]
run = [
  "echo '# mine' >> /etc/default/cron",
  "dpkg --remove cron",
  "dpkg --purge tree",
  "sed -i '/^Package: nano$/,/^$/s/^Status: .*/Status: install ok unpacked/' /var/lib/dpkg/status",
  "dpkg --force-depends --purge libncursesw6",
  "printf 'path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\npath-exclude=/usr/share/man/*\n' > /etc/dpkg/dpkg.cfg.d/slim",
]
END
build "$work/made"
mkdir "$work/p"
run karapace exec --ephemeral "$work/made" -- \
  tar -C / --one-file-system --exclude=./run --exclude=./proc --exclude=./sys --exclude=./dev --exclude="./tmp" -cf - . >"$work/p/base.tar"
printf 'manifest_version = 1\n[base]\nimage = "./base.tar"\nsha256 = "%s"\n[system]\npackages = ["cron", "tree"]\n' \
  "$(sha256sum <"$work/p/base.tar" | cut -d' ' -f1)" >"$work/p/karapace.toml"
chown -R "$(user_of $mode)" "$work/p"

step "packages on top"
build "$work/p"
inside() { run karapace exec --ephemeral "$work/p" -- sh -c "$1"; }
expect "states" "cron ii ;libncursesw6 ii ;nano ii ;tree ii ;" \
  "$(inside 'dpkg-query -W -f "\${Package} \${db:Status-Abbrev};" cron libncursesw6 nano tree')"
expect "audit" "" "$(inside 'dpkg --audit')"
expect "the configuration that was kept" "# mine" "$(inside 'tail -1 /etc/default/cron')"
inside 'tree --version && crontab -V; nano --version' >"$work/versions"
grep -q '^ *GNU nano' "$work/versions" || fail "nano does not run: $(cat "$work/versions")"

step "what dpkg leaves out is left out of packages that it did not unpack itself"
expect "documentation of tree" copyright "$(inside 'ls /usr/share/doc/tree')"
expect "pages of the manual" "" "$(inside 'find /usr/share/man -name "tree*" -o -name "crontab*"')"
expect "what dpkg misses is left out on purpose" "" \
  "$(inside 'dpkg --verify' | grep -vE '^missing +/usr/share/(doc|man)/|/etc/default/cron$' || true)"
