// SPDX-License-Identifier: Apache-2.0
#include "release/remote_host.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "release/destination_lock.hpp"
#include "release/host_records.hpp"
#include "release/unfinished.hpp"
#include "remote/sha256.hpp"

namespace karapace::release {

namespace {

// The user's ssh decides who the host is, and nobody is asked anything: hosts are served side by side.
constexpr std::string_view ssh_words =
    "ssh -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15 -oServerAliveCountMax=4";
constexpr std::uint64_t most_that_a_host_says = 64 << 20;
constexpr std::string_view mark = "karapace:";

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
  parts="store versions bin .karapace .karapace/listings .karapace/installed .karapace/locks .karapace/lock"
  for p in $parts; do
    if [ -h "$p" ]; then refuse "$p" "is a link"; fi
    if [ -e "$p" ] && [ ! -d "$p" ]; then refuse "$p" "is no directory"; fi
  done
  if ! find . -prune >/dev/null; then
    echo "find, which is needed, does not work" >&2
    exit 1
  fi
  for p in $(find . $parts -prune \( -perm -002 -o ! -user 0 ! -user "$(id -u)" \) 2>/dev/null || :); do
    echo "everybody may write to \"$d/$p\", or it belongs to another user than root and $(id -un), who could change what \
is installed" >&2
    exit 1
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
  if [ -n "$s" ]; then sed -n "s/^ \"name\": \"\([^\"]*\)\",\$/karapace:name ${v#versions/} \1/p" "$v/release.json"; fi
done
for e in store/*; do
  n=${e#store/} s=
  if [ ! -h "$e" ] && [ ! -e "$e" ]; then continue; fi
  if [ -h "$e" ]; then
    s=link
  elif [ -f ".karapace/listings/$n" ]; then
    s=$(sha256sum <".karapace/listings/$n")
  fi
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
sha256sum .karapace/locks/* .karapace/installed/* 2>/dev/null | sed "s/^/karapace:file /"
)sh";

/// As look_script, whose directory it is in.
constexpr std::string_view look_at_records_script = R"sh(
for r in links.json used.json brought.json; do
  for f in "$r" "$r.copy"; do
    if [ ! -f ".karapace/$f" ]; then continue; fi
    echo "karapace:record $f"
    sed "s/^/karapace:line $f /" ".karapace/$f"
    echo
  done
done
)sh";

/// The other side of destination_lock.cpp, in the destination. `mark` is ours, `silence` and `patience` are seconds;
/// $new is a name that nobody else has.
constexpr std::string_view lock_script = R"sh(
number=0
highest() {
  h=0
  for n in .karapace/lock/*; do
    n=${n##*/}
    case $n in 0* | *[!0-9]*) continue ;; esac
    if [ ${#n} -le 18 ] && [ "$n" -gt "$h" ]; then h=$n; fi
  done
}
take() {
  echo "$mark $(uname -n)" >".karapace/lock/$new"
  taken=no
  # Over NFS the answer to a link that was made can be lost: the count of names tells.
  if ln ".karapace/lock/$new" ".karapace/lock/$1" 2>/dev/null || [ "$(stat -c %h ".karapace/lock/$new")" = 2 ]; then
    taken=yes
  fi
  rm -f ".karapace/lock/$new"
  highest
  if [ "$h" -lt "$1" ]; then
    echo "cannot lock $d" >&2
    exit 1
  fi
  [ "$taken" = yes ] && [ "$h" = "$1" ]
}
give_back() {
  if [ "$number" != 0 ]; then
    highest
    if [ "$h" = "$number" ]; then
      echo nobody >".karapace/lock/$new"
      mv -f ".karapace/lock/$new" ".karapace/lock/$number"
    fi
  fi
}
renew() {
  highest
  if [ "$h" != "$number" ]; then
    echo "the lock of $d was taken over, because this run gave no sign of life; run it again" >&2
    exit 1
  fi
  touch -c ".karapace/lock/$number"
}
acquire() {
  mkdir -p .karapace/lock
  begun=$(date +%s) seen=
  while :; do
    highest
    text=$(cat ".karapace/lock/$h" 2>/dev/null || :)
    now="$h $text $(stat -c %y ".karapace/lock/$h" 2>/dev/null || :)"
    time=$(date +%s)
    if [ "$now" != "$seen" ]; then seen=$now since=$time; fi
    if [ -z "$text" ] || [ "$text" = nobody ] || [ $((time - since)) -gt "$silence" ]; then
      if take $((h + 1)); then break; fi
      continue
    fi
    if [ $((time - begun)) -gt "$patience" ]; then
      echo "karapace:held ${text#* }"
      exit 0
    fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  number=$h
  for n in .karapace/lock/*; do
    n=${n##*/}
    case $n in 0* | *[!0-9]*) continue ;; esac
    if [ ${#n} -le 18 ] && [ "$n" -lt "$number" ]; then rm -f ".karapace/lock/$n"; fi
  done
}
trap give_back EXIT
trap 'exit 1' HUP INT TERM
)sh";

constexpr std::string_view drop_script = R"sh(
drop() {
  if [ ! -h "$1" ] && [ -d "$1" ]; then find "$1" -type d -exec chmod u+w {} +; fi
  rm -rf "$1"
}
)sh";

/// A directory that is another's becomes no destination.
constexpr std::string_view bring_script = R"sh(
mkdir -p "$d"
cd "$d"
# In this order: who makes a destination makes .karapace first.
found=$(ls -A | grep -vx lost+found || :)
if [ -n "$found" ] && [ ! -d .karapace ]; then
  refuse . "is no destination of releases, and not empty"
fi
own_parts
mkdir -p .karapace
cd .karapace
for i in .new-*-sync; do
  if [ -d "$i" ] && [ ! -h "$i" ]; then
    if [ -n "$(find "$i" -prune -ctime +1)" ]; then drop "$i"; else echo "karapace:incoming $i"; fi
  fi
done
[ -d "$new-sync" ] || mkdir "$new-sync"
)sh";

/// A directory gets its name with its last mode: to move one to another directory takes the right to write to it, to
/// rename it does not.
constexpr std::string_view finish_script = R"sh(
changed() {
  echo "karapace:changed"
  exit 0
}
in=.karapace/$new-sync
file() { mv -fT "$in/$1" "$1"; }
place() {
  renew
  if [ -h "$1" ] || [ -e "$1" ]; then changed; fi
  drop "${1%/*}/.new-sync"
  chmod u+w "$in/$1"
  mv -T "$in/$1" "${1%/*}/.new-sync"
  chmod a-w "${1%/*}/.new-sync"
  # Packages are installed without the lock.
  if ! mv -T "${1%/*}/.new-sync" "$1"; then
    if [ -h "$1" ] || [ -e "$1" ]; then changed; fi
    exit 1
  fi
}
# Else names may lead to what a power cut has made empty, or nowhere.
force() { sync "$@" 2>/dev/null || sync; }
force_names() { force store versions bin .karapace .karapace/listings .karapace/installed .karapace/locks; }
record() {
  renew
  for r in "$1.copy" "$1"; do
    printf %s "$2" >".karapace/$new"
    chmod 0444 ".karapace/$new"
    force ".karapace/$new"
    mv -fT ".karapace/$new" ".karapace/$r"
  done
}
link() {
  renew
  case $2 in
    bin/*) case $(readlink "$2") in .launcher-*) ;; *) if [ -h "$2" ] || [ -e "$2" ]; then refuse "$2" "is no program of a release"; fi ;; esac ;;
    *) if [ ! -h "$2" ] && [ -e "$2" ]; then refuse "$2" "is no link"; fi ;;
  esac
  drop "${2%/*}/.new-sync"
  ln -s "$1" "${2%/*}/.new-sync"
  mv -T "${2%/*}/.new-sync" "$2"
}
cd "$d"
own_parts
sync -f . 2>/dev/null || sync
acquire
found=$(look | sed -n "/^karapace:/p" | sha256sum)
if [ "${found%% *}" != "$expected" ]; then changed; fi
mkdir -p store versions bin .karapace/listings .karapace/installed .karapace/locks
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
  auto captured = capture_child(
      {.argv = std::move(argv), .interrupts = Interrupts::for_both, .most_output = most_that_a_host_says}, input);
  if (captured.status == 127 && captured.errors.empty())
    throw Error(fmt::format("release sync: there is no program \"{}\"; install it (on Debian: apt install {})", program,
                            program == "ssh" ? "openssh-client" : program));
  if (captured.status == too_much_output)
    throw RemoteError(
        fmt::format("{}: it said more than {} MiB to {}; look what its shell prints when somebody comes by ssh", host,
                    most_that_a_host_says >> 20, program));
  if (captured.status != 0)
    throw RemoteError(fmt::format("{}: {} ended with {}: {}", host, program, captured.status,
                                  captured.errors.empty() ? "it said nothing" : told(captured.errors)));
  return captured;
}

}  // namespace

RemoteHost::RemoteHost(std::string name, std::string address, std::filesystem::path root)
    : name_(std::move(name)), address_(std::move(address)), root_(std::move(root)), unfinished_(unfinished_name()) {
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
  // Read to its end before anything is done: a connection may break.
  const auto text = fmt::format("{{\nset -eu\numask 022\nexport LC_ALL=C\nd={}\nnew={}\n{}{}\nexit 0\n}} </dev/null\n",
                                shell_word(root_.native()), shell_word(unfinished_), require_own_parts, script);
  const auto captured = run_or_throw(name_, std::move(argv), text);
  std::vector<std::string> marked;
  for (const auto line : lines(captured.output))
    if (line.starts_with(mark)) marked.emplace_back(line.substr(mark.size()));
  return marked;
}

RemoteState RemoteHost::look() const {
  RemoteState state;
  remote::Sha256Hasher hasher;
  for (const auto& line : run(fmt::format("{}{}", look_script, look_at_records_script))) {
    hasher.update(mark).update(line).update("\n");
    const auto words = words_of(line);
    const auto at = [&](std::size_t i) { return i < words.size() ? words[i] : std::string(); };
    if (at(0) == "system") state.system = line.substr(at(0).size() + 1);
    if (at(0) == "version") state.versions[at(1)] = at(2);
    if (at(0) == "name") state.names[at(1)] = at(2);
    if (at(0) == "entry") state.entries[at(1)] = at(2);
    if (at(0) == "link") state.links[at(1)] = at(2);
    if (at(0) == "launcher") state.launchers[at(1)] = at(2);
    if (at(0) == "file") state.files[line.substr(line.find_last_of(' ') + 1)] = at(1);
    if (at(0) == "record") state.records[at(1)];
    if (at(0) == "line")
      state.records[at(1)] += line.substr(std::min(line.size(), at(0).size() + at(1).size() + 2)) + "\n";
  }
  state.digest = hasher.finish().hex();
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

std::vector<std::string> RemoteHost::differing(const std::vector<std::string>& files, Compare compare) const {
  if (files.empty()) return {};
  // "cd..t......" or "*deleting  ", a space, and the path.
  constexpr std::size_t path_begin = 12;
  std::vector<std::string> options = {"--dry-run", "--out-format=%i %n", "--delete"};
  if (compare == Compare::content) options.emplace_back("--checksum");
  const auto output = rsync(std::move(options), files, root_.native());
  std::vector<std::string> found;
  for (const auto line : lines(output)) {
    if (line.size() <= path_begin || line[path_begin - 1] != ' ') continue;
    const auto path = line.substr(path_begin);
    // Directories above what was asked for.
    if (path != "./" && path != "store/" && path != "versions/") found.emplace_back(path);
  }
  return found;
}

void RemoteHost::bring(const std::vector<std::string>& files) const {
  if (files.empty()) return;
  constexpr std::string_view prefix = ".new-";
  const auto own = unfinished_ + "-sync";
  std::string script;
  for (const auto& line : run(fmt::format("{}{}", drop_script, bring_script))) {
    const auto name = line.substr(std::min(line.size(), line.find(' ') + 1));
    if (name == own || !name.starts_with(prefix) || lives(std::string_view(name).substr(prefix.size())) != false)
      continue;
    script += script.empty() ? fmt::format("mv -T {} \"$new-sync\" || :\n", shell_word(name))
                             : fmt::format("drop {}\n", shell_word(name));
  }
  if (!script.empty()) run(fmt::format("{}cd \"$d/.karapace\"\n{}", drop_script, script));
  std::vector<std::string> options = {"--delete", "--partial-dir=.rsync-partial"};
  // What happened to it since another run brought it is not known.
  if (!script.empty()) options.emplace_back("--checksum");
  rsync(std::move(options), files, root_.native() + "/.karapace/" + own);
}

void RemoteHost::drop() const { run(fmt::format("{}cd \"$d/.karapace\"\ndrop \"$new-sync\"\n", drop_script)); }

std::string RemoteHost::finish_words(const Finish& finish) const {
  std::string words;
  for (const auto& file : finish.files) words += fmt::format("file {}\n", shell_word(file));
  const auto add_records = [&](bool of_ids) {
    for (const auto& record : finish.records)
      if ((record.file == used_file) == of_ids)
        words += fmt::format("record {} {}\n", shell_word(record.file), shell_word(record.text));
  };
  // Ids are used up before a version has one.
  add_records(true);
  for (const auto& directory : finish.directories) words += fmt::format("place {}\n", shell_word(directory));
  words += "force_names\n";
  add_records(false);
  for (const auto& [link, target] : finish.links)
    words += fmt::format("link {} {}\n", shell_word(target), shell_word(link));
  return words + "force_names\ndrop \"$in\"\necho karapace:done\n";
}

RemoteHost::Finished RemoteHost::finish(const Finish& finish, const Notice& notice) const {
  constexpr std::chrono::seconds until_told{3};
  constexpr std::string_view held = "held ";
  const DestinationLock::Patience patience;
  const auto words = finish_words(finish);
  const auto run_within = [&](std::chrono::seconds time) {
    return run(fmt::format("mark={} silence={} patience={} expected={}\nlook() (\n{}{})\n{}{}{}{}",
                           shell_word(own_mark()), patience.with_silence.count(), time.count(), shell_word(finish.seen),
                           look_script, look_at_records_script, lock_script, drop_script, finish_script, words));
  };
  auto said = run_within(until_told);
  const auto holder = [&] { return escaped_utf8(said.back().substr(held.size())); };
  if (!said.empty() && said.back().starts_with(held)) {
    notice(fmt::format("waiting for a process on {} that holds the lock of the destination there", holder()));
    said = run_within(patience.in_all);
  }
  if (said.empty()) throw RemoteError(fmt::format("{}: its shell ended early", name_));
  if (said.back().starts_with(held))
    throw RemoteError(
        fmt::format("{}: a process on {} has held the lock of the destination there for {} s; end it, and try again",
                    name_, holder(), patience.in_all.count()));
  if (said.back() == "changed") return Finished::host_changed;
  if (said.back() != "done") throw RemoteError(fmt::format("{}: its shell ended early", name_));
  return Finished::yes;
}

}  // namespace karapace::release
