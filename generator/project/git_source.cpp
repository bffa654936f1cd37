// SPDX-License-Identifier: Apache-2.0
#include "generator/project/git_source.hpp"

#include <algorithm>
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

Captured git(const fs::path& repository, std::vector<std::string> words, std::string_view input = {}) {
  std::vector<std::string> argv{"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"})
    argv.insert(argv.end(), {"-u", name});
  // Where somebody sits at a terminal, git may ask; else it fails at once.
  if (::isatty(STDIN_FILENO) != 1) argv.push_back("GIT_TERMINAL_PROMPT=0");
  argv.insert(argv.end(), {"git", "-C", repository.native(), "-c", "core.hooksPath=/dev/null"});
  argv.insert(argv.end(), words.begin(), words.end());
  return capture_child({.argv = std::move(argv), .working_directory = {}, .output = ChildOutput::inherit}, input);
}

std::string required_git(const fs::path& repository, const std::vector<std::string>& words, std::string_view what,
                         std::string_view input = {}) {
  auto result = git(repository, words, input);
  if (result.status == 0) return std::move(result.output);
  if (result.status == 127) throw RemoteError("sources of git are fetched with git: install it");
  throw RemoteError(fmt::format("{}: git {} failed:\n  {}", what, words.front(),
                                escaped_utf8(trimmed(std::string_view(result.errors)))));
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool is_commit(std::string_view word) {
  return (word.size() == 40 || word.size() == 64) && word.find_first_not_of("0123456789abcdef") == word.npos;
}

/// Fetches one ref, and answers its commit.
std::string fetch(const fs::path& repository, const std::string& url, const std::string& ref) {
  make_directory(repository);
  const auto what = escaped_utf8(url);
  required_git(repository, {"init", "--quiet", "--bare"}, what);
  auto result = git(repository, {"fetch", "--quiet", "--no-tags", "--depth=1", url, ref});
  if (result.status == 0)
    return first_line(required_git(repository, {"rev-parse", "--verify", "FETCH_HEAD^{commit}"}, what));
  if (result.status == 127) throw RemoteError("sources of git are fetched with git: install it");
  // A server that gives no commit alone, or a short name of one: all that there is.
  const auto all = git(repository, {"fetch", "--quiet", url, "+refs/*:refs/*"});
  if (all.status == 0) {
    const auto found = git(repository, {"rev-parse", "--verify", "--quiet", ref + "^{commit}"});
    if (found.status == 0) return first_line(found.output);
    throw RemoteError(fmt::format("{}: there is no branch, tag or commit \"{}\" in it", what, escaped_utf8(ref)));
  }
  throw RemoteError(fmt::format("{}: \"{}\" can not be had:\n  {}", what, escaped_utf8(ref),
                                escaped_utf8(trimmed(std::string_view(result.errors)))));
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

}  // namespace

GitSource::GitSource(std::string url, const std::string& ref, const fs::path& place)
    : url_(std::move(url)), place_(place), repository_(place / "repository") {
  commit_ = fetch(repository_, url_, ref);
  if (!is_commit(commit_)) throw RemoteError(fmt::format("{}: git answers no commit", escaped_utf8(url_)));
}

void GitSource::collect(const fs::path& repository, const std::string& url, const std::string& commit,
                        const std::string& prefix, std::vector<Object>& all) const {
  const auto listed = required_git(repository, {"ls-tree", "-r", "-z", "--full-tree", commit}, escaped_utf8(url));
  const auto modules = submodules(repository, commit);
  for (std::string_view rest = listed; !rest.empty();) {
    // "100644 blob <object>\t<path>"
    const auto entry = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    const auto tab = entry.find('\t');
    const auto space = entry.rfind(' ', tab);
    if (tab == entry.npos || space == entry.npos || entry.size() < 6)
      throw RemoteError("git ls-tree answered what this version of Karapace does not understand");
    Object object{std::string(entry.substr(0, 6)), std::string(entry.substr(space + 1, tab - space - 1)),
                  prefix + std::string(entry.substr(tab + 1)), repository};
    if (object.mode != "160000") {
      all.push_back(std::move(object));
      continue;
    }
    const auto module = modules.find(std::string(entry.substr(tab + 1)));
    if (module == modules.end())
      throw ManifestError(fmt::format("{}: the submodule \"{}\" has no URL in its .gitmodules", escaped_utf8(url),
                                      escaped_utf8(object.path)));
    const auto from = resolved(module->second, url);
    if (from.starts_with('-')) throw ManifestError(fmt::format("{}: a submodule has an odd URL", escaped_utf8(url)));
    const auto inner = place_ / fmt::format("module-{}", all.size());
    collect(inner, from, fetch(inner, from, object.id), object.path + "/", all);
  }
}

ArchiveDigests GitSource::archive(int file) const {
  std::vector<Object> objects;
  collect(repository_, url_, commit_, "", objects);
  std::ranges::sort(objects, {}, &Object::path);
  std::int64_t time = 0;
  const auto shown =
      required_git(repository_, {"log", "-1", "--no-show-signature", "--format=%ct", commit_}, escaped_utf8(url_));
  std::from_chars(shown.data(), shown.data() + shown.size(), time);
  SourceArchive archive(file, std::max(time, path_time));
  for (std::size_t first = 0; first < objects.size();) {
    auto last = first;
    std::string wanted;
    while (last < objects.size() && last - first < together && objects[last].repository == objects[first].repository)
      wanted += objects[last++].id + "\n";
    const auto output = required_git(objects[first].repository, {"cat-file", "--batch"}, escaped_utf8(url_), wanted);
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
