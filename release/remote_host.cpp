// SPDX-License-Identifier: Apache-2.0
#include "release/remote_host.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::release {

namespace {

// The user's ssh decides who the host is, and nobody is asked anything: hosts are served side by side.
constexpr std::string_view ssh_words =
    "ssh -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15 -oServerAliveCountMax=4";
constexpr std::string_view mark = "karapace:";
constexpr std::string_view brought = ".karapace/sync";

/// One word of a POSIX shell.
std::string shell_word(std::string_view word) {
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'')
      text += "'\\''";
    else
      text += c;
  }
  return text + "'";
}

/// Nothing is written or removed through a link: what it leads to is none of ours.
constexpr std::string_view require_own_parts = R"sh(
refuse() { echo "\"$d/$1\" $2; move it away and try again" >&2; exit 1; }
own_parts() {
  for p in store versions bin .karapace .karapace/listings .karapace/installed .karapace/locks .karapace/sync \
      .karapace/sync/store .karapace/sync/versions .karapace/sync/bin .karapace/sync/.karapace; do
    if [ -h "$p" ]; then refuse "$p" "is a link"; fi
    if [ -e "$p" ] && [ ! -d "$p" ]; then refuse "$p" "is no directory"; fi
  done
}
)sh";

/// Files of a directory have no spaces in their names, or are none of ours; "*" stays when there is none.
constexpr std::string_view look_script = R"sh(
echo "karapace:system $(uname -sm)"
[ -d "$d" ] || exit 0
cd "$d"
own_parts
for v in versions/*+*; do
  s=
  if [ ! -h "$v" ] && [ ! -e "$v" ]; then continue; fi
  if [ ! -h "$v" ] && [ -f "$v/release.json" ]; then s=$(sha256sum <"$v/release.json"); fi
  echo "karapace:version ${v#versions/} ${s%% *}"
done
for e in store/*; do
  n=${e#store/} s=
  if [ ! -h "$e" ] && [ ! -e "$e" ]; then continue; fi
  if [ ! -h "$e" ] && [ -f ".karapace/listings/$n" ]; then s=$(sha256sum <".karapace/listings/$n"); fi
  echo "karapace:entry $n ${s%% *}"
done
for l in bin/* versions/*; do
  if [ -h "$l" ]; then echo "karapace:link $l $(readlink "$l")"; fi
done
for f in bin/.launcher-*; do
  if [ ! -h "$f" ] && [ ! -e "$f" ]; then continue; fi
  s=
  if [ ! -h "$f" ] && [ -f "$f" ]; then s=$(sha256sum <"$f"); fi
  echo "karapace:launcher $f ${s%% *}"
done
for f in .karapace/locks/* .karapace/installed/*; do
  if [ -f "$f" ]; then echo "karapace:file $f"; fi
done
)sh";

/// A directory that is another's becomes no destination.
constexpr std::string_view bring_script = R"sh(
mkdir -p "$d"
cd "$d"
if [ ! -d .karapace ] && [ -n "$(ls -A | grep -vx lost+found)" ]; then
  refuse . "is no destination of releases, and not empty"
fi
own_parts
mkdir -p .karapace/sync
)sh";

/// A directory gets its name with its last mode: to move one to another directory takes the right to write to it, to
/// rename it does not.
constexpr std::string_view finish_head = R"sh(
cd "$d"
own_parts
sync -f . 2>/dev/null || sync
mkdir -p store versions bin .karapace/listings .karapace/installed .karapace/locks
drop() {
  if [ ! -h "$1" ] && [ -d "$1" ]; then find "$1" -type d -exec chmod u+w {} +; fi
  rm -rf "$1"
}
place() {
  if [ -h "$1" ] || [ -e "$1" ]; then return; fi
  drop "${1%/*}/.new-sync"
  chmod u+w ".karapace/sync/$1"
  mv -T ".karapace/sync/$1" "${1%/*}/.new-sync"
  chmod a-w "${1%/*}/.new-sync"
  mv -T "${1%/*}/.new-sync" "$1"
}
file() { mv -fT ".karapace/sync/$1" "$1"; }
link() {
  [ "$(readlink "$2" 2>/dev/null)" = "$1" ] && return
  case $2 in
    bin/*) case $(readlink "$2") in .launcher-*) ;; *) if [ -h "$2" ] || [ -e "$2" ]; then refuse "$2" "is no program of a release"; fi ;; esac ;;
    *) if [ ! -h "$2" ] && [ -e "$2" ]; then refuse "$2" "is no link"; fi ;;
  esac
  drop "${2%/*}/.new-sync"
  ln -s "$1" "${2%/*}/.new-sync"
  mv -T "${2%/*}/.new-sync" "$2"
}
)sh";

constexpr std::string_view finish_tail = R"sh(
drop .karapace/sync
echo "karapace:done"
)sh";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

/// The end of what a program said, which tells most.
std::string told(std::string_view errors) {
  constexpr std::size_t most = 3;
  auto all = lines(errors);
  if (all.size() > most) all.erase(all.begin(), all.end() - most);
  for (auto& line : all) line = trimmed(line);  // ssh ends its lines for terminals
  return fmt::format("{}", fmt::join(all, "; "));
}

Captured run_or_throw(const std::string& host, std::vector<std::string> argv, std::string_view input) {
  const auto program = argv[0];
  auto captured = capture_child({.argv = std::move(argv), .interrupts = Interrupts::for_both}, input);
  if (captured.status == 127 && captured.errors.empty())
    throw Error(fmt::format("release sync: there is no program \"{}\"; install it (on Debian: apt install {})", program,
                            program == "ssh" ? "openssh-client" : program));
  if (captured.status != 0)
    throw RemoteError(fmt::format("{}: {} ended with {}: {}", host, program, captured.status,
                                  captured.errors.empty() ? "it said nothing" : told(captured.errors)));
  return captured;
}

}  // namespace

RemoteHost::RemoteHost(std::string name, std::string address, std::filesystem::path root)
    : name_(std::move(name)), address_(std::move(address)), root_(std::move(root)) {
  const bool is_plain =
      !address_.empty() && address_[0] != '-' && std::all_of(address_.begin(), address_.end(), [](unsigned char c) {
        return c > ' ' && c < 0x7f && std::string_view(":/\\'\"").find(static_cast<char>(c)) == std::string_view::npos;
      });
  if (!is_plain)
    throw UsageError(
        fmt::format("release sync: the host \"{}\" of {} is no NAME or USER@NAME; what else ssh needs, as a port, "
                    "belongs into ~/.ssh/config",
                    escaped_utf8(address_), escaped_utf8(name_)));
}

std::vector<std::string> RemoteHost::run(std::string_view script) const {
  auto argv = words_of(ssh_words);
  argv.insert(argv.end(), {"--", address_, "exec sh -s"});
  const auto text = fmt::format("set -eu\numask 022\nexport LC_ALL=C\nd={}\n{}{}", shell_word(root_.native()),
                                require_own_parts, script);
  const auto captured = run_or_throw(name_, std::move(argv), text);
  std::vector<std::string> marked;
  for (const auto line : lines(captured.output))
    if (line.starts_with(mark)) marked.emplace_back(line.substr(mark.size()));
  return marked;
}

RemoteState RemoteHost::look() const {
  RemoteState state;
  for (const auto& line : run(look_script)) {
    const auto words = words_of(line);
    const auto at = [&](std::size_t i) { return i < words.size() ? words[i] : std::string(); };
    if (at(0) == "system") state.system = line.substr(at(0).size() + 1);
    if (at(0) == "version") state.versions[at(1)] = at(2);
    if (at(0) == "entry") state.entries[at(1)] = at(2);
    if (at(0) == "link") state.links[at(1)] = at(2);
    if (at(0) == "launcher") state.launchers[at(1)] = at(2);
    if (at(0) == "file") state.files.insert(at(1));
  }
  if (state.system.empty()) throw RemoteError(fmt::format("{}: its shell did not answer", name_));
  return state;
}

std::string RemoteHost::rsync(std::vector<std::string> options, const std::vector<std::string>& files,
                              std::string_view to) const {
  std::vector<std::string> argv = {"rsync", "-rlptHs", "--from0", "--files-from=-", "-e", std::string(ssh_words)};
  argv.insert(argv.end(), std::make_move_iterator(options.begin()), std::make_move_iterator(options.end()));
  argv.insert(argv.end(), {"--", root_.native() + "/", fmt::format("{}:{}/", address_, to)});
  std::string list;
  for (const auto& file : files) list.append(file).append(1, '\0');
  return run_or_throw(name_, std::move(argv), list).output;
}

std::vector<std::string> RemoteHost::differing(const std::vector<std::string>& files) const {
  if (files.empty()) return {};
  const auto output = rsync({"--dry-run", "--itemize-changes", "--delete"}, files, root_.native());
  std::vector<std::string> found;
  for (const auto line : lines(output)) {
    // "cd..t...... store/": directories above what was asked for.
    const auto space = line.find(' ');
    if (space == std::string_view::npos || line.substr(space + 1) == "./" || line.ends_with(" store/") ||
        line.ends_with(" versions/"))
      continue;
    found.emplace_back(line);
  }
  return found;
}

void RemoteHost::bring(const std::vector<std::string>& files) const {
  if (files.empty()) return;
  const auto to = root_.native() + "/" + std::string(brought);
  run(bring_script);
  rsync({"--delete", "--partial-dir=.rsync-partial"}, files, to);
}

void RemoteHost::finish(const Finish& finish) const {
  std::string script(finish_head);
  for (const auto& file : finish.files) script += fmt::format("file {}\n", shell_word(file));
  for (const auto& directory : finish.directories) script += fmt::format("place {}\n", shell_word(directory));
  for (const auto& [link, target] : finish.links)
    script += fmt::format("link {} {}\n", shell_word(target), shell_word(link));
  const auto said = run(script + std::string(finish_tail));
  if (said.empty() || said.back() != "done") throw RemoteError(fmt::format("{}: its shell ended early", name_));
}

}  // namespace karapace::release
