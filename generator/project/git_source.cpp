// SPDX-License-Identifier: Apache-2.0
#include "generator/project/git_source.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"
#include "store/path_limit.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

// Files read by one git: none of them stays in memory for long.
constexpr std::size_t most_together = 200;
constexpr std::uint64_t most_bytes_together = std::uint64_t{64} << 20;
// A few objects that name each other again and again make a tree of any size. What is allowed is more than anybody has:
// no source may have more bytes unpacked either.
constexpr std::size_t most_entries = 1'000'000;
constexpr std::uint64_t most_bytes = std::uint64_t{8} << 30;
constexpr std::uint64_t most_told = std::uint64_t{1} << 30;  // by one git, of the largest file or many trees
constexpr std::size_t deepest = 32;                          // submodules in submodules
constexpr auto low_speed_time = "http.lowSpeedTime=120";     // seconds without a byte; servers that think send some

/// Who names a repository: the user, or another repository, whose word counts for less.
enum class NamedBy { user, repository };

Captured git(const fs::path& repository, const std::vector<std::string>& words, std::string_view input = {},
             NamedBy named_by = NamedBy::user, bool is_local = false) {
  std::vector<std::string> argv{"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
                           "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"})
    argv.insert(argv.end(), {"-u", name});
  // Where somebody sits at a terminal, git may ask; else it fails at once.
  if (::isatty(STDIN_FILENO) != 1) argv.push_back("GIT_TERMINAL_PROMPT=0");
  // A commit is what its name says, whatever its repository has in refs/replace.
  argv.push_back("GIT_NO_REPLACE_OBJECTS=1");
  // git's own rule for submodules: only transports that are safe with anybody's URL.
  if (named_by == NamedBy::repository) argv.push_back("GIT_PROTOCOL_FROM_USER=0");
  argv.insert(argv.end(), {"git", "-C", repository.native(), "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c",
                           "maintenance.auto=false", "-c", "http.lowSpeedLimit=1", "-c", low_speed_time});
  if (named_by == NamedBy::repository && is_local) argv.insert(argv.end(), {"-c", "protocol.file.allow=always"});
  argv.insert(argv.end(), words.begin(), words.end());
  return capture_child({.argv = std::move(argv), .most_output = most_told}, input);
}

/// git's own words, a line each.
std::string said(const Captured& result) {
  std::vector<std::string> shown;
  for (const auto line : lines(result.errors)) shown.push_back(escaped_utf8(line));
  return fmt::format("{}", fmt::join(shown, "\n  "));
}

std::string required_git(const fs::path& repository, const std::vector<std::string>& words, std::string_view what,
                         std::string_view input = {}) {
  auto result = git(repository, words, input);
  if (result.status == 0) return std::move(result.output);
  if (result.status == 127) throw RemoteError("sources of git are fetched with git: install it");
  if (result.status == too_much_output)
    throw RemoteError(fmt::format("{}: git {} told more than {} MiB, which is no source any more: it was ended", what,
                                  words.front(), most_told >> 20));
  throw RemoteError(fmt::format("{}: git {} failed:\n  {}", what, words.front(), said(result)));
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool is_commit(std::string_view word) {
  return (word.size() == 40 || word.size() == 64) && word.find_first_not_of("0123456789abcdef") == word.npos;
}

/// Whether git can take it for one branch, tag or commit only: no option, no pattern, no pair of refs, no way from one
/// commit to another.
bool is_ref(std::string_view word) {
  return !word.empty() && std::string_view("-+^").find(word.front()) == std::string_view::npos &&
         word.find_first_of(" *:?[\\~^") == word.npos && word.find("@{") == word.npos &&
         std::ranges::none_of(word, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

/// As git tells one: a file:// URL, or a path, which has no colon before its first slash (git-fetch(1), "GIT URLS").
bool is_local(std::string_view url) { return url.starts_with("file://") || url.find(':') >= url.find('/'); }

/// Fetches what `ref` means, and answers its commit.
std::string fetch_ref(const fs::path& repository, const std::string& url, const std::string& ref, NamedBy named_by) {
  const auto what = escaped_utf8(url);
  if (url.empty() || url.starts_with('-')) throw ManifestError(fmt::format("\"{}\" is no URL of a repository", what));
  if (!is_ref(ref))
    throw ManifestError(fmt::format("{}: \"{}\" is no name of a branch, tag or commit", what, escaped_utf8(ref)));
  make_directory(repository);
  required_git(repository, {"init", "--quiet", "--bare"}, what);
  const auto fetched = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"fetch", "--quiet", "--no-recurse-submodules"});
    return git(repository, words, {}, named_by, is_local(url));
  };
  const auto result = fetched({"--no-tags", "--depth=1", "--end-of-options", url, ref});
  if (result.status == 0) {
    const auto found = git(repository, {"rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}"});
    if (found.status == 0) return first_line(found.output);
    throw RemoteError(fmt::format("{}: \"{}\" is no commit, and a source is the tree of one", what, escaped_utf8(ref)));
  }
  if (result.status == 127) throw RemoteError("sources of git are fetched with git: install it");
  // A server that gives no commit alone, or a short name of one: all that there is.
  const auto all = fetched({"--end-of-options", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"});
  if (all.status == 0) {
    const auto found = git(repository, {"rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}"});
    if (found.status == 0) return first_line(found.output);
    throw RemoteError(fmt::format("{}: there is no branch, tag or commit \"{}\" in it", what, escaped_utf8(ref)));
  }
  throw RemoteError(fmt::format("{}: \"{}\" can not be had:\n  {}", what, escaped_utf8(ref), said(result)));
}

/// The same into a new repository. The whole name of a commit means that one alone.
std::string fetch(const fs::path& repository, const std::string& url, const std::string& ref, NamedBy named_by) {
  auto commit = fetch_ref(repository, url, ref, named_by);
  std::string wanted(ref);
  for (char& c : wanted)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (is_commit(wanted) && commit != wanted)
    throw RemoteError(fmt::format("{}: \"{}\" is not the name of a commit there, but leads to {}: name the commit",
                                  escaped_utf8(url), ref, commit));
  return commit;
}

/// The paths of submodules and their URLs, of a .gitmodules.
std::map<std::string, std::string> submodules(const fs::path& repository, const std::string& commit) {
  const auto listed = git(repository, {"config", "--blob", commit + ":.gitmodules", "-z", "--get-regexp",
                                       R"(^submodule\..*\.(path|url)$)"});
  std::map<std::string, std::string> paths;
  std::map<std::string, std::string> urls;
  for (std::string_view rest = listed.output; listed.status == 0 && !rest.empty();) {
    const auto entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    const auto end = entry.find('\n');
    if (end == entry.npos) continue;
    const auto key = entry.substr(0, end);
    const auto dot = key.rfind('.');
    (key.substr(dot + 1) == "path" ? paths : urls)[std::string(key.substr(0, dot))] = entry.substr(end + 1);
  }
  std::map<std::string, std::string> all;
  for (const auto& [name, path] : paths)
    if (const auto url = urls.find(name); url != urls.end()) all[path] = url->second;
  return all;
}

/// "../other.git" is meant from the repository that names it.
std::string resolved(const std::string& url, const std::string& of) {
  if (!url.starts_with("./") && !url.starts_with("../")) return url;
  std::string base = of;
  while (base.ends_with('/')) base.pop_back();
  std::string_view rest = url;
  for (;;) {
    if (rest.starts_with("./")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("../")) {
      rest.remove_prefix(3);
      const auto cut = base.find_last_of("/:");
      if (cut != base.npos) base.resize(base[cut] == ':' ? cut + 1 : cut);
    } else {
      return base.ends_with(':') ? base + std::string(rest) : base + "/" + std::string(rest);
    }
  }
}

/// Whether it is a URL that can only lead to another host: by a transport of git's own, or "host:path".
bool is_remote(std::string_view url) {
  constexpr auto letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
  const auto word = std::min(url.find_first_not_of(letters), url.size());
  if (is_local(url) || url.substr(word).starts_with("::")) return false;  // "hg::URL" runs git-remote-hg
  const auto end = url.find("://");
  if (end == url.npos) return true;
  constexpr std::array<std::string_view, 6> schemes{"https", "http", "ssh", "git", "git+ssh", "ssh+git"};
  return std::ranges::find(schemes, url.substr(0, end)) != schemes.end();
}

/// The URL of a submodule, which may not lead to where whoever wrote it could not have come: to this machine's files,
/// or by a program of this machine.
std::string judged_submodule(const std::string& url, const std::string& of) {
  auto from = resolved(url, of);
  const bool is_beside = from != url && is_local(of) && is_local(from);
  if (!from.starts_with('-') && (is_remote(from) || is_beside)) return from;
  throw ManifestError(
      fmt::format("{}: a submodule has the URL \"{}\": only https, http, ssh, git and URLs that are relative to the "
                  "repository's own (\"../other.git\") are followed",
                  escaped_utf8(of), escaped_utf8(url)));
}

struct TreeEntry {
  std::string
      mode;  // "40000" of directories, "100644" and "100755" of files, "120000" of links, "160000" of submodules
  std::string name;
  std::string id;
};

/// Of what `git cat-file --batch` answers, "<object> <type> <size>\n<content>\n", the next one's content; nothing when
/// it is not this object.
std::optional<std::string_view> next_object(std::string_view& rest, const std::string& id, std::string_view type) {
  const auto header = rest.substr(0, rest.find('\n'));
  const auto start = fmt::format("{} {} ", id, type);
  std::uint64_t size = 0;
  if (!header.starts_with(start)) return std::nullopt;
  std::from_chars(header.data() + start.size(), header.data() + header.size(), size);
  if (rest.size() < header.size() + 2 || rest.size() - header.size() - 2 < size) return std::nullopt;
  const auto content = rest.substr(header.size() + 1, size);
  rest.remove_prefix(header.size() + size + 2);
  return content;
}

/// "<mode> <name>\0<the object's name in binary>", one after the other.
std::vector<TreeEntry> parse_tree(std::string_view tree, std::size_t id_size, std::string_view what) {
  std::vector<TreeEntry> entries;
  while (!tree.empty()) {
    const auto blank = tree.find(' ');
    const auto end = tree.find('\0');
    if (blank == tree.npos || end == tree.npos || blank > end || tree.size() - end - 1 < id_size)
      throw RemoteError(fmt::format("{}: a tree in it is damaged", what));
    TreeEntry entry{std::string(tree.substr(0, blank)), std::string(tree.substr(blank + 1, end - blank - 1)), {}};
    for (const char byte : tree.substr(end + 1, id_size))
      entry.id += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    tree.remove_prefix(end + 1 + id_size);
    entries.push_back(std::move(entry));
  }
  return entries;
}

/// Every tree of a commit, read once, however often it stands there.
class Trees {
 public:
  Trees(const fs::path& repository, const std::string& commit, std::string_view what) : what_(what) {
    root_ = first_line(required_git(repository, {"rev-parse", "--verify", commit + "^{tree}"}, what_));
    std::vector<std::string> wanted{root_};
    while (!wanted.empty()) wanted = read(repository, wanted);
  }
  const std::string& root() const noexcept { return root_; }
  const std::vector<TreeEntry>& at(const std::string& id) const { return all_.at(id); }

 private:
  /// Answers which trees these name that are not known yet.
  std::vector<std::string> read(const fs::path& repository, const std::vector<std::string>& wanted) {
    const auto output =
        required_git(repository, {"cat-file", "--batch"}, what_, fmt::format("{}\n", fmt::join(wanted, "\n")));
    std::string_view rest = output;
    std::set<std::string> named;
    for (const auto& id : wanted) {
      const auto tree = next_object(rest, id, "tree");
      if (!tree) throw RemoteError(fmt::format("{}: git has not the tree {}", what_, id));
      auto entries = parse_tree(*tree, id.size() / 2, what_);
      for (const auto& entry : entries)
        if (entry.mode == "40000") named.insert(entry.id);
      all_.emplace(id, std::move(entries));
    }
    std::erase_if(named, [&](const auto& id) { return all_.contains(id); });
    return {named.begin(), named.end()};
  }

  std::string what_;
  std::string root_;
  std::map<std::string, std::vector<TreeEntry>> all_;
};

/// No name leads out of its tree, and none is the repository of whoever has the tree, also where cases are one.
std::optional<std::string_view> name_complaint(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos) return "leads out of the tree";
  if (lower == ".git") return "would be a repository's own";
  return std::nullopt;
}

}  // namespace

/// The files of a commit, those of its submodules with them.
class GitSource::Collection {
 public:
  explicit Collection(fs::path place) : place_(std::move(place)) {}

  void add(const fs::path& repository, const std::string& url, const std::string& commit, const std::string& prefix) {
    const auto what = escaped_utf8(url);
    const Trees trees(repository, commit, what);
    add_tree({repository, url, what, trees, submodules(repository, commit), prefix.size()}, trees.root(), prefix);
  }

  /// Sorted by path, with their sizes.
  std::vector<Object> finish() && {
    std::ranges::sort(all_, {}, &Object::path);
    std::map<fs::path, std::set<std::string>> ids;
    for (const auto& object : all_) ids[object.repository].insert(object.id);
    std::map<std::string, std::uint64_t> sizes;
    for (const auto& [repository, wanted] : ids) read_sizes(repository, wanted, sizes);
    std::uint64_t sum = 0;
    for (auto& object : all_) {
      const auto size = sizes.find(object.id);
      if (size == sizes.end())
        throw RemoteError(fmt::format("git has not the content of \"{}\"", escaped_utf8(object.path)));
      object.size = size->second;
      sum += std::min(object.size, most_bytes);
      if (sum > most_bytes)
        throw ManifestError(fmt::format("a source may have {} bytes, and the repository has more", most_bytes));
    }
    return std::move(all_);
  }

 private:
  struct Part {
    const fs::path& repository;
    const std::string& url;
    const std::string& what;
    const Trees& trees;
    const std::map<std::string, std::string> modules;  // by their path in this repository
    std::size_t skipped;                               // of paths, before those of this repository
  };

  [[noreturn]] static void refuse(const Part& part, std::string_view path, std::string_view why) {
    throw ManifestError(fmt::format("{}: \"{}\" {}", part.what, escaped_utf8(path), why));
  }

  void add_tree(const Part& part, const std::string& id, const std::string& prefix) {
    std::set<std::string_view> names;
    for (const auto& entry : part.trees.at(id)) {
      const auto path = prefix + entry.name;
      if (const auto complaint = name_complaint(entry.name)) refuse(part, path, *complaint);
      if (const auto complaint = store::length_complaint(path)) refuse(part, prefix, *complaint);
      if (!names.insert(entry.name).second) refuse(part, path, "is there twice");
      if (++entries_ > most_entries)
        throw ManifestError(fmt::format("{}: there are more than {} files in it", part.what, most_entries));
      if (entry.mode == "40000")
        add_tree(part, entry.id, path + "/");
      else if (entry.mode == "160000")
        add_module(part, entry.id, path);
      else if (entry.mode.starts_with("100") || entry.mode == "120000")
        all_.push_back({entry.mode, entry.id, path, part.repository, 0});
      else
        refuse(part, path, "is neither a file nor a link nor a directory");
    }
  }

  void add_module(const Part& part, const std::string& commit, const std::string& path) {
    const auto module = part.modules.find(path.substr(part.skipped));
    if (module == part.modules.end())
      throw ManifestError(
          fmt::format("{}: the submodule \"{}\" has no URL in its .gitmodules", part.what, escaped_utf8(path)));
    const auto from = judged_submodule(module->second, part.url);
    if (++depth_ > deepest)
      throw ManifestError(fmt::format("{}: submodules lie in submodules more than {} deep", part.what, deepest));
    fs::path inner;
    do inner = place_ / fmt::format("module-{}", ++modules_);
    while (fs::exists(inner));
    fetch(inner, from, commit, NamedBy::repository);
    add(inner, from, commit, path + "/");
    --depth_;
  }

  /// "<object> blob <size>\n" each.
  static void read_sizes(const fs::path& repository, const std::set<std::string>& wanted,
                         std::map<std::string, std::uint64_t>& sizes) {
    const auto output = required_git(repository, {"cat-file", "--batch-check"}, repository.native(),
                                     fmt::format("{}\n", fmt::join(wanted, "\n")));
    for (const auto line : lines(output)) {
      const auto end = line.find(' ');
      if (end == line.npos || !line.substr(end).starts_with(" blob ")) continue;
      std::from_chars(line.data() + end + 6, line.data() + line.size(), sizes[std::string(line.substr(0, end))]);
    }
  }

  fs::path place_;
  std::vector<Object> all_;
  std::size_t entries_ = 0;
  std::size_t modules_ = 0;
  std::size_t depth_ = 0;
};

GitSource::GitSource(std::string url, const std::string& ref, const fs::path& place)
    : url_(std::move(url)), place_(place), repository_(place / "repository") {
  commit_ = fetch(repository_, url_, ref, NamedBy::user);
  if (!is_commit(commit_)) throw RemoteError(fmt::format("{}: git answers no commit", escaped_utf8(url_)));
}

std::int64_t GitSource::time() const {
  const auto shown =
      required_git(repository_, {"log", "-1", "--no-show-signature", "--format=%ct", commit_}, escaped_utf8(url_));
  std::int64_t time = 0;
  std::from_chars(shown.data(), shown.data() + shown.size(), time);
  return std::max(time, path_time);
}

void GitSource::add(SourceArchive& archive, std::span<const Object> objects) const {
  std::string wanted;
  for (const auto& object : objects) wanted += object.id + "\n";
  const auto output = required_git(objects.front().repository, {"cat-file", "--batch"}, escaped_utf8(url_), wanted);
  std::string_view rest = output;
  for (const auto& object : objects) {
    auto content = next_object(rest, object.id, "blob");
    if (!content)
      throw RemoteError(
          fmt::format("{}: git has not the content of \"{}\"", escaped_utf8(url_), escaped_utf8(object.path)));
    if (object.mode == "120000") {
      archive.add_link(object.path, std::string(*content));
      continue;
    }
    archive.add_file(object.path, content->size(),
                     object.mode == "100755" ? SourceArchive::Executable::yes : SourceArchive::Executable::no,
                     [&](std::span<char> buffer) {
                       const auto count = std::min(buffer.size(), content->size());
                       std::copy_n(content->begin(), count, buffer.begin());
                       content->remove_prefix(count);
                       return count;
                     });
  }
}

ArchiveDigests GitSource::archive(int file) const {
  Collection collection(place_);
  collection.add(repository_, url_, commit_, "");
  const auto objects = std::move(collection).finish();
  SourceArchive archive(file, time());
  for (std::size_t first = 0; first < objects.size();) {
    auto last = first;
    std::uint64_t bytes = 0;
    while (last < objects.size() && last - first < most_together && (last == first || bytes < most_bytes_together) &&
           objects[last].repository == objects[first].repository)
      bytes += objects[last++].size;
    add(archive, std::span(objects).subspan(first, last - first));
    first = last;
  }
  return archive.finish();
}

}  // namespace karapace::project
