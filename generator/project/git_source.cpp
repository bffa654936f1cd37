// SPDX-License-Identifier: Apache-2.0
#include "generator/project/git_source.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include <fmt/format.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "base/words.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t together = 200;  // files read by one git: none of them stays in memory for long
constexpr std::uint64_t bytes_together = std::uint64_t{64} << 20;
constexpr std::uint64_t longest_header = 128;  // of one file that cat-file tells
constexpr std::uint64_t largest_file = std::uint64_t{1} << 30;
constexpr std::uint64_t most_told = std::uint64_t{64} << 20;
constexpr std::uint64_t most_listed = std::uint64_t{256} << 20;
constexpr std::size_t most_paths = 1'000'000;  // submodules' included
constexpr std::size_t deepest = 32;            // submodules in submodules

/// Who named the repository. What a .gitmodules says is not the user's word.
enum class NamedBy { user, repository };

/// One git, and what it works on.
struct Git {
  fs::path repository;
  NamedBy named_by = NamedBy::user;
  bool is_local = false;  // the repository that it fetches from

  Captured run(std::vector<std::string> words, std::string_view input = {}, std::uint64_t most = most_told) const;
  std::string required(const std::vector<std::string>& words, std::string_view what, std::string_view input = {},
                       std::uint64_t most = most_told) const;
};

Captured Git::run(std::vector<std::string> words, std::string_view input, std::uint64_t most) const {
  std::vector<std::string> argv{"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"})
    argv.insert(argv.end(), {"-u", name});
  // Where somebody sits at a terminal, git may ask; else it fails at once.
  if (::isatty(STDIN_FILENO) != 1) argv.push_back("GIT_TERMINAL_PROMPT=0");
  // What refs/replace of a server says in place of a commit is not that commit.
  argv.push_back("GIT_NO_REPLACE_OBJECTS=1");
  // git's own rule for submodules: only transports that are safe with anybody's URL.
  if (named_by == NamedBy::repository) argv.push_back("GIT_PROTOCOL_FROM_USER=0");
  argv.insert(argv.end(), {"git", "-C", repository.native(), "-c", "core.hooksPath=/dev/null"});
  if (named_by == NamedBy::repository && is_local) argv.insert(argv.end(), {"-c", "protocol.file.allow=always"});
  argv.insert(argv.end(), words.begin(), words.end());
  return capture_child({.argv = std::move(argv), .most_output = most}, input);
}

[[noreturn]] void refuse_missing_git() { throw RemoteError("sources of git are fetched with git: install it"); }

[[noreturn]] void refuse_endless(std::string_view what, std::string_view command, std::uint64_t most) {
  throw RemoteError(fmt::format("{}: git {} told more than {} MiB, which is no source any more: it was ended", what,
                                command, most >> 20));
}

std::string Git::required(const std::vector<std::string>& words, std::string_view what, std::string_view input,
                          std::uint64_t most) const {
  auto result = run(words, input, most);
  if (result.status == 0) return std::move(result.output);
  if (result.status == 127) refuse_missing_git();
  if (result.status == too_much_output) refuse_endless(what, words.front(), most);
  throw RemoteError(fmt::format("{}: git {} failed:\n  {}", what, words.front(),
                                escaped_utf8(trimmed(std::string_view(result.errors)))));
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool is_commit(std::string_view word) {
  return (word.size() == 40 || word.size() == 64) && word.find_first_not_of("0123456789abcdef") == word.npos;
}

std::string lower_case(std::string word) {
  for (char& c : word)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return word;
}

/// Fetches what `ref` means, and answers its commit: alone where the server gives it so, else with its history, else
/// by all branches and tags, for which a short name of a commit is looked.
std::string fetch_ref(const Git& git, const std::string& url, const std::string& ref) {
  const auto what = escaped_utf8(url);
  Captured first;
  for (const auto& words : {std::vector<std::string>{"--depth=1"}, std::vector<std::string>{}}) {
    std::vector<std::string> command{"fetch", "--quiet", "--no-tags"};
    command.insert(command.end(), words.begin(), words.end());
    command.insert(command.end(), {"--", url, ref});
    auto result = git.run(command);
    if (result.status == 0) return first_line(git.required({"rev-parse", "--verify", "FETCH_HEAD^{commit}"}, what));
    if (result.status == 127) refuse_missing_git();
    if (result.status == too_much_output) refuse_endless(what, "fetch", most_told);
    if (!words.empty()) first = std::move(result);
  }
  const auto all = git.run({"fetch", "--quiet", "--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"});
  if (all.status == 0) {
    const auto found = git.run({"rev-parse", "--verify", "--quiet", ref + "^{commit}"});
    if (found.status == 0) return first_line(found.output);
    throw RemoteError(fmt::format("{}: there is no branch, tag or commit \"{}\" in it", what, escaped_utf8(ref)));
  }
  throw RemoteError(fmt::format("{}: \"{}\" can not be had:\n  {}", what, escaped_utf8(ref),
                                escaped_utf8(trimmed(std::string_view(first.errors)))));
}

/// Fetches one ref into a new repository, and answers its commit. The whole name of a commit means that one alone.
std::string fetch(const Git& git, const std::string& url, const std::string& ref) {
  if (url.starts_with('-') || ref.starts_with('-'))
    throw ManifestError(fmt::format("{}: \"{}\" is an odd name in a repository", escaped_utf8(url), escaped_utf8(ref)));
  make_directory(git.repository);
  git.required({"init", "--quiet", "--bare"}, escaped_utf8(url));
  auto commit = fetch_ref(git, url, ref);
  if (!is_commit(commit)) throw RemoteError(fmt::format("{}: git answers no commit", escaped_utf8(url)));
  const auto wanted = lower_case(ref);
  if (is_commit(wanted) && commit != wanted)
    throw RemoteError(fmt::format("{}: \"{}\" is not the name of a commit there, but leads to {}: name the commit",
                                  escaped_utf8(url), ref, commit));
  return commit;
}

/// The paths of submodules and their URLs, of a .gitmodules.
std::map<std::string, std::string> submodules(const Git& git, const std::string& commit) {
  const auto listed =
      git.run({"config", "--blob", commit + ":.gitmodules", "-z", "--get-regexp", R"(^submodule\..*\.(path|url)$)"});
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

/// As git tells one: a file:// URL, or a path, which has no colon before its first slash (git-fetch(1), "GIT URLS").
bool is_local(std::string_view url) {
  if (url.starts_with("file://")) return true;
  const auto colon = url.find(':');
  return colon == url.npos || url.find('/') < colon;
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

/// A file or link of a commit's tree.
struct Object {
  std::string mode;
  std::string id;
  std::uint64_t size = 0;
  std::string path;
  fs::path repository;  // in which it is
};

/// "100644 blob <object> <size, padded>\t<path>"; the size of a submodule is "-".
Object listed_object(std::string_view entry, const fs::path& repository) {
  const auto tab = std::min(entry.find('\t'), entry.size());
  std::vector<std::string_view> words;
  for (auto rest = entry.substr(0, tab); !rest.empty();) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (!word.empty()) words.push_back(word);
  }
  if (tab == entry.size() || words.size() != 4)
    throw RemoteError("git ls-tree answered what this version of Karapace does not understand");
  Object object{std::string(words[0]), std::string(words[2]), 0, std::string(entry.substr(tab + 1)), repository};
  std::from_chars(words[3].data(), words[3].data() + words[3].size(), object.size);
  return object;
}

/// All objects of a commit's tree, those of its submodules, which are fetched below `place`, included.
class Collection {
 public:
  explicit Collection(fs::path place) : place_(std::move(place)) {}

  std::vector<Object> take(const fs::path& repository, const std::string& url, const std::string& commit) {
    add({.repository = repository}, url, commit, "");
    std::ranges::sort(all_, {}, &Object::path);
    return std::move(all_);
  }

 private:
  void add(const Git& git, const std::string& url, const std::string& commit, const std::string& prefix) {
    const auto listed =
        git.required({"ls-tree", "-r", "-l", "-z", "--full-tree", commit}, escaped_utf8(url), {}, most_listed);
    const auto modules = submodules(git, commit);
    for (std::string_view rest = listed; !rest.empty();) {
      const auto entry = rest.substr(0, rest.find('\0'));
      rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
      auto object = listed_object(entry, git.repository);
      const auto path = prefix + object.path;
      if (object.mode == "160000") {
        const auto module = modules.find(object.path);
        if (module == modules.end())
          throw ManifestError(fmt::format("{}: the submodule \"{}\" has no URL in its .gitmodules", escaped_utf8(url),
                                          escaped_utf8(path)));
        add_submodule(judged_submodule(module->second, url), object.id, path);
        continue;
      }
      object.path = path;
      require_bounds(object, url);
      all_.push_back(std::move(object));
    }
  }

  void add_submodule(const std::string& url, const std::string& commit, const std::string& path) {
    if (++depth_ > deepest)
      throw ManifestError(
          fmt::format("{}: submodules lie in submodules more than {} deep", escaped_utf8(url), deepest));
    const Git git{place_ / fmt::format("module-{}", count_++), NamedBy::repository, is_local(url)};
    add(git, url, fetch(git, url, commit), path + "/");
    --depth_;
  }

  void require_bounds(const Object& object, const std::string& url) const {
    if (all_.size() >= most_paths)
      throw RemoteError(fmt::format("{}: its tree has more than {} files, which is no source any more",
                                    escaped_utf8(url), most_paths));
    if (object.size > largest_file)
      throw RemoteError(
          fmt::format("{}: \"{}\" is larger than {} MiB, which no file of a git source may be: take it as an "
                      "archive",
                      escaped_utf8(url), escaped_utf8(object.path), largest_file >> 20));
  }

  fs::path place_;
  std::vector<Object> all_;
  std::size_t count_ = 0;  // of submodules
  std::size_t depth_ = 0;
};

}  // namespace

GitSource::GitSource(std::string url, const std::string& ref, const fs::path& place)
    : url_(std::move(url)), place_(place), repository_(place / "repository") {
  commit_ = fetch({.repository = repository_}, url_, ref);
}

ArchiveDigests GitSource::archive(int file) const {
  const auto objects = Collection(place_).take(repository_, url_, commit_);
  std::int64_t time = 0;
  const auto shown = Git{.repository = repository_}.required(
      {"log", "-1", "--no-show-signature", "--format=%ct", commit_}, escaped_utf8(url_));
  std::from_chars(shown.data(), shown.data() + shown.size(), time);
  SourceArchive archive(file, std::max(time, path_time));
  for (std::size_t first = 0; first < objects.size();) {
    auto last = first;
    std::uint64_t bytes = 0;
    std::string wanted;
    while (last < objects.size() && last - first < together && objects[last].repository == objects[first].repository &&
           (last == first || bytes + objects[last].size <= bytes_together)) {
      bytes += objects[last].size;
      wanted += objects[last++].id + "\n";
    }
    const auto output = Git{.repository = objects[first].repository}.required(
        {"cat-file", "--batch"}, escaped_utf8(url_), wanted, bytes + together * longest_header);
    std::string_view rest = output;
    for (; first < last; ++first) {
      // "<object> blob <size>\n<content>\n"
      const auto& object = objects[first];
      const auto header = rest.substr(0, rest.find('\n'));
      const auto start = object.id + " blob ";
      std::uint64_t size = 0;
      if (header.starts_with(start)) std::from_chars(header.data() + start.size(), header.data() + header.size(), size);
      if (!header.starts_with(start) || rest.size() < header.size() + 2 + size)
        throw RemoteError(
            fmt::format("{}: git has not the content of \"{}\"", escaped_utf8(url_), escaped_utf8(object.path)));
      auto content = rest.substr(header.size() + 1, size);
      rest.remove_prefix(header.size() + size + 2);
      if (object.mode == "120000") {
        archive.add_link(object.path, std::string(content));
        continue;
      }
      archive.add_file(object.path, size,
                       object.mode == "100755" ? SourceArchive::Executable::yes : SourceArchive::Executable::no,
                       [&](std::span<char> buffer) {
                         const auto count = std::min(buffer.size(), content.size());
                         std::copy_n(content.begin(), count, buffer.begin());
                         content.remove_prefix(count);
                         return count;
                       });
    }
  }
  return archive.finish();
}

}  // namespace karapace::project
