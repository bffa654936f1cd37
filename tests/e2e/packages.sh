#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packages that cpack makes of this build: installed by apt on clean Debian systems, and unpacked anywhere.
#
# KARAPACE_PACKAGE_RESOLVERS: a directory with packages of karapace-resolve-deb that were built on other releases, as
# RELEASE/karapace-resolve-deb_*.deb; without it the resolver is only installed on the release of this machine.
source "$(dirname "$0")/lib.sh"
command -v cpack >/dev/null || fail "cpack is missing: install cmake"
own=$(. /etc/os-release && echo "$VERSION_CODENAME")

step "cpack"
cpack --config "$programs/../CPackConfig.cmake" -B "$work/packages" >"$work/cpack.log" || { cat "$work/cpack.log"; fail "cpack"; }
cd "$work/packages"
package=$(echo karapace_*.deb) resolver=$(echo karapace-resolve-deb_*.deb) archive=$(echo karapace-*.tar.gz)
for file in "$package" "$resolver" "$archive"; do [ -f "$file" ] || fail "no $file"; done
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error,warning "$package" "$resolver" || fail "lintian"
fi
for word in $(dpkg-deb -f "$package" Depends | tr , '\n' | sed 's/(.*//'); do
  case $word in libapt-pkg* | libfmt* | libstdc++* | libgcc*) fail "karapace depends on $word, which is another in each release" ;; esac
done

# A project that is locked already, as locking needs the resolver.
mkdir project
(cd project && echo "made here" >motd && tar -cf root.tar motd && digest=$(sha256sum root.tar | cut -d' ' -f1) &&
  printf 'manifest_version = 1\n[base]\nimage = "root.tar"\nsha256 = "%s"\n' "$digest" >karapace.toml &&
  KARAPACE_STORE=$work/store "$work/bin/karapace" lock >/dev/null)

# What is asked of an installation. It runs inside, as root, in a directory of its own.
cat >check <<'END'
set -eu
prefix=$1
fail() { echo "FAILED: $*" >&2; exit 1; }
PATH=$prefix/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=$PWD KARAPACE_STORE=$PWD/store
export PATH HOME KARAPACE_STORE
karapace --version
[ "$(command -v karapace)" = "$prefix/bin/karapace" ] || fail "another karapace is found"
karapace --json doctor >doctor.json || [ $? = 1 ] || fail "doctor"
grep -q '"document": "karapace.doctor"' doctor.json || fail "doctor tells nothing"
for page in karapace karapace-build karapace-graph-diff; do
  gzip -t "$prefix/share/man/man1/$page.1.gz" || fail "no page $page"
done
bash -c ". '$prefix/share/bash-completion/completions/karapace' && complete -p karapace" >/dev/null || fail "bash's completions"
[ -s "$prefix/share/zsh/vendor-completions/_karapace" ] || fail "zsh's completions"
[ -s "$prefix/share/fish/vendor_completions.d/karapace.fish" ] || fail "fish's completions"
for program in "$prefix"/libexec/karapace/karapace-*; do
  case $program in */karapace-resolve-deb | */karapace-init) continue ;; esac
  if ldd "$program" | grep 'not found'; then fail "$program lacks libraries"; fi
done
# The graph of a lock names the programs that it needs, so they are found; karapace-fetch and karapace-step run.
cp -r /packages/project project
cd project
karapace gen
if command -v ninja >/dev/null; then
  ninja 2>&1 | tail -3
  karapace list | grep ' built ' >/dev/null || fail "nothing is built"
fi
cd ..
if command -v cmake >/dev/null; then
  mkdir cmake
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(p NONE)\nfind_package(Karapace 1.0 REQUIRED)\nget_target_property(p Karapace::karapace LOCATION)\nmessage("found ${p}")\n' \
    >cmake/CMakeLists.txt
  cmake -S cmake -B cmake/build -DCMAKE_PREFIX_PATH="$prefix" -G Ninja 2>&1 | grep "found $prefix/bin/karapace" || fail "find_package(Karapace)"
fi
END

cat >install <<'END'
set -eu
export DEBIAN_FRONTEND=noninteractive
cd /packages
release=$1 own=$2 package=$3 resolver=$4 archive=$5
install() { apt-get install -y -q --no-install-recommends "$@" >/packages/apt.log 2>&1; }
echo "- the archive, before anything is installed"
mkdir -p "/opt/an odd/place" /root/first
tar -xzf "$archive" -C "/opt/an odd/place" --strip-components=1
install libcurl4 || { cat apt.log; exit 1; }
(cd /root/first && sh /packages/check "/opt/an odd/place")
echo "- $package"
install "./$package" cmake || { cat apt.log; exit 1; }
mkdir /root/second
(cd /root/second && sh /packages/check /usr)
echo "- the archive again, where there are ninja and cmake"
mkdir /root/third
(cd /root/third && sh /packages/check "/opt/an odd/place")
if [ "$release" != "$own" ] && [ -f "resolvers/$release/$resolver" ]; then
  resolver=resolvers/$release/$resolver
elif [ "$release" != "$own" ]; then
  echo "- $resolver is refused: it belongs to $own"
  if install "./$resolver"; then echo "FAILED: it is installed"; exit 1; fi
  grep -q 'libapt-pkg' apt.log || { cat apt.log; exit 1; }
  exit 0
fi
echo "- $resolver"
install "./$resolver" || { cat apt.log; exit 1; }
if ldd /usr/libexec/karapace/karapace-resolve-deb | grep 'not found'; then exit 1; fi
apt-get purge -y -q karapace karapace-resolve-deb >/packages/apt.log 2>&1
[ ! -e /usr/libexec/karapace ] || { echo "FAILED: something stays"; exit 1; }
END
[ -z "${KARAPACE_PACKAGE_RESOLVERS-}" ] || cp -r "$KARAPACE_PACKAGE_RESOLVERS" resolvers

# This machine's mirror of the distribution, which may serve other releases, too.
mirror=$(apt-get indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)' "Created-By: Packages" | sed -n "s#/*|$own|main\$##p" | first 1)
[ -n "$mirror" ] || fail "apt has no package lists of $own: run apt-get update"
for release in bookworm trixie; do
  step "Debian $release"
  if ! mmdebstrap --quiet --variant=apt --include=ca-certificates --customize-hook='mkdir "$1/packages"' --customize-hook="copy-in $PWD/. /packages" \
    --customize-hook="chroot \"\$1\" bash /packages/install $release $own $package $resolver $archive" \
    "$release" /dev/null "deb $mirror $release main" >"$work/$release.log" 2>&1; then
    if grep -q "does not have a Release file\|404 *Not Found" "$work/$release.log" && [ "$release" != "$own" ]; then
      echo "this machine's mirror does not serve $release"
      continue
    fi
    tail -40 "$work/$release.log"
    fail "Debian $release"
  fi
  grep -E '^(-|karapace |found )' "$work/$release.log"
done
