#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Releases of real projects: zlib and pngcheck, which finds zlib's library by its rpath, GNU hello and Lua, from the archives
# that Debian's source packages have. They are built, installed and run; and built again as another user would: of another id
# mode, with another umask, store, place, time and number of jobs. Equal layers and an equal release.json come of it.
source "$(dirname "$0")/lib.sh"

first=${modes%% *}
second=${modes##* }
make_user "$first"
make_user "$second"

# The projects' archives, by what this machine's apt has for binary packages; kept, as what fetches download is.
originals=$kept/originals
fetch_originals() {
  local apt=$work/apt file
  mkdir -p "$apt"/{parts,lists/partial,archives/partial} "$apt/got"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -e "$file" ] || sed -n 's/^deb /deb-src /p' "$file"
  done >"$apt/sources.list"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
  done
  chmod -R a+rwX "$apt"
  local options=(-q -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/parts"
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt" -o Acquire::Languages=none)
  apt-get "${options[@]}" update >"$apt/log" 2>&1 && (cd "$apt/got" && apt-get "${options[@]}" source --tar-only --download-only "$@") \
    >>"$apt/log" 2>&1 || { tail "$apt/log"; fail "apt-get has no sources of $*"; }
  mkdir -p "$originals"
  mv "$apt"/got/*.orig.tar.* "$originals"
}
original() { # PACKAGE: the name of its archive
  (cd "$originals" && ls "$1"_*.orig.tar.* | grep -v '\.asc$' | sort | first 1)
}
projects="zlib pngcheck hello lua5.4"
for project in $projects; do
  [ -n "$(original "$project" 2>/dev/null)" ] || { fetch_originals $projects; break; }
done

# Builds have a /tmp of their own: nothing that they make can live there.
place=$(mktemp -d /var/tmp/karapace-e2e-XXXXXX)
at_exit 'chmod -R u+w "$place"; rm -rf "$place"'
chown "$(user_of "$first")" "$place"
chmod 755 "$place"
destination=$place/tools

one=$work/tools
mkdir -p "$one/tools"
for project in $projects; do cp "$originals/$(original "$project")" "$one/"; done
version() { original "$1" | sed 's/^[^_]*_\([0-9.]*[0-9]\).*/\1/'; }
source_of() { # NAME PACKAGE: the beginning of its table
  printf '[[source]]\nname = "%s"\nversion = "%s"\narchive = "%s"\n' "$1" "$(version "$2")" "$(original "$2")"
}
{
  cat <<END
manifest_version = 1
[base]
image = "debian/bookworm"
[system]
packages = ["gcc", "libc6-dev", "make"]

[release]
name = "tools"
destination = "$destination"
main = "tools"
entrypoints = ["hello", "lua", "pngcheck", "tools"]

END
  source_of zlib zlib
  cat <<'END'
build = """
CFLAGS=-O1 ./configure --prefix=$out
make -j$jobs install
"""
END
  source_of pngcheck pngcheck
  cat <<'END'
depends = ["zlib"]
build = """
mkdir -p $out/bin
gcc -O1 -DUSE_ZLIB -I$zlib/include -o $out/bin/pngcheck pngcheck.c -L$zlib/lib -Wl,-rpath,$zlib/lib -lz
ln -s pngcheck $out/bin/png
"""
[source.check]
run = ["$out/bin/pngcheck -h 2>&1 | grep 'using zlib'"]

END
  source_of hello hello
  cat <<'END'
build = """
./configure --prefix=$out --disable-nls CFLAGS=-O0
make -j$jobs
make install
"""

END
  source_of lua lua5.4
  cat <<'END'
build = "make -j$jobs linux MYCFLAGS=-O1 && make install INSTALL_TOP=$out"

[[source]]
name = "tools"
version = "1.0.0"
path = "tools"
depends = ["pngcheck", "hello", "lua"]
build = "build.sh"
END
} >"$one/karapace.toml"
cat >"$one/tools/build.sh" <<'END'
mkdir -p $out/bin
cat >$out/bin/tools <<SCRIPT
#!/bin/sh
$hello/bin/hello
$lua/bin/lua -e 'print(6 * 7)'
SCRIPT
chmod +x $out/bin/tools
END
chown -R "$(user_of "$first")" "$one"

# built MODE STORE DIRECTORY WORD...: builds the release there; the document it prints stands in $work/built-MODE.
built() {
  local mode=$1 store=$2 directory=$3
  shift 3
  (cd "$directory" && as "$mode" KARAPACE_STORE="$store" "$@" karapace release build --json) \
    >"$work/built-$mode" 2>"$work/log" || { tail -40 "$work/log"; fail "release build ($mode)"; }
}
# What packages are, by name: their entries and layers; and the layer of the tree.
content() { sed -n 's/^ *"\(entry\|layer\)": "\([^"]*\)".*/\2/p' "$work/built-$1"; }
document() { # MODE STORE: its release.json
  cat "$2/layers/$(sed -n 's/^  "layer": "\([0-9a-f]*\)".*/\1/p' "$work/built-$1")/tree/release.json"
}

step "built of the projects' own archives"
warm "$first" "$work/store"
built "$first" "$work/store" "$one"
keep "$work/store"
expect "packages" 5 "$(document "$first" "$work/store" | grep -c '"entry"')"

step "installed, and run at the path that it was built for"
release() { (cd "$one" && as "$first" KARAPACE_STORE="$work/store" karapace "$@") >"$work/log" 2>&1; }
release release install || { tail -20 "$work/log"; fail "release install"; }
runs() { # EXPECTED COMMAND...
  local expected=$1
  shift
  expect "$*" "$expected" "$(as "$first" "$@")"
}
runs "Hello, world!" "$destination/bin/hello"
runs "hello (GNU Hello) $(version hello)" sh -c "$destination/bin/hello --version | sed q"
runs 42 "$destination/bin/lua" -e 'print(6 * 7)'
base64 -d >"$work/dot.png" <<'END'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
END
runs "OK" sh -c "$destination/bin/pngcheck $work/dot.png | sed 's/:.*//'"
runs $'Hello, world!\n42' "$destination/bin/tools"
zlib=$(echo "$destination"/store/*-zlib-*)
expect "the library that pngcheck has" "$zlib/lib/libz.so.1" \
  "$(as "$first" ldd "$destination/versions/stable/bin/pngcheck" | sed -n 's/.*libz.so.1 => \(.*\) (.*/\1/p')"
expect "the names of the library" 1 "$(find "$zlib/lib" -name 'libz.so*' -type f | wc -l)"
release release verify || { cat "$work/log"; fail "release verify"; }
release release install && finds "nothing to install" <"$work/log" || { cat "$work/log"; fail "installed again"; }

step "built again by another user, with another umask, store, place, time and number of jobs: all is equal"
two="$work/somewhere else/deep/below/copy"
mkdir -p "$two"
cp -r "$one"/{karapace.toml,karapace.lock,tools} "$one"/*.tar.* "$two"
find "$two" -exec touch -d 2001-02-03 {} +
chmod -R go-rwx "$two"
chown -R "$(user_of "$second")" "$work/somewhere else"
warm "$second" "$work/store-2"
(umask 077 && built "$second" "$work/store-2" "$two" MAKEFLAGS=-j1 TZ=Asia/Tokyo LANG=de_DE.UTF-8)
diff <(content "$first") <(content "$second") || fail "two builds differ"
diff <(document "$first" "$work/store") <(document "$second" "$work/store-2") || fail "release.json differs"
echo "release_projects: all fine"
