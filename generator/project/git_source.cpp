// SPDX-License-Identifier: Apache-2.0
#include "generator/project/git_source.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/directory.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"
#include "generator/manifest/git_url.hpp"
#include "generator/project/git_trees.hpp"
#include "generator/project/source_git.hpp"
#include "store/path_limit.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

// Files read by one git: none of them stays in memory for long.
constexpr std::size_t most_together = 200;
constexpr std::uint64_t most_bytes_together = std::uint64_t{64} << 20;
// A few objects that name each other again and again make a tree of any size. What is allowed is more than anybody has:
// no source may have more bytes unpacked either.
constexpr std::uint64_t most_bytes = std::uint64_t{8} << 30;
constexpr std::uint64_t most_path_bytes = std::uint64_t{512} << 20;
constexpr std::uint64_t most_gitmodules_bytes = std::uint64_t{4} << 20;
constexpr std::size_t most_submodules = 1000;  // each as often as it stands in the tree
constexpr std::size_t deepest = 32;            // submodules in submodules

/// Who names a repository: the user, or another repository, whose word counts for less.
enum class NamedBy { user, repository };

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

/// What a repository has under a name that a branch or tag may have, or that a commit begins with: nothing else that
/// git would take for a commit, as FETCH_HEAD and words with a commit's digits at their end.
std::optional<std::string> find_commit(const fs::path& repository, const std::string& ref) {
  constexpr std::size_t fewest_digits = 4;
  std::vector<std::string> objects;
  const auto answer = [&](std::vector<std::string> words) {
    auto found = source_git({.repository = repository, .words = std::move(words)});
    return found.status == 0 ? std::optional(first_line(found.output)) : std::nullopt;
  };
  for (const auto* place : {"", "refs/", "refs/tags/", "refs/heads/"}) {
    const auto name = place + ref;
    if (!name.starts_with("refs/")) continue;
    if (auto object = answer({"show-ref", "--verify", "--hash", "--end-of-options", name}))
      objects.push_back(std::move(*object));
  }
  const bool is_number = ref.size() >= fewest_digits && ref.find_first_not_of("0123456789abcdefABCDEF") == ref.npos;
  if (is_number) objects.insert(is_commit(ref) ? objects.begin() : objects.end(), ref);
  for (const auto& object : objects)
    if (auto commit = answer({"rev-parse", "--verify", "--quiet", "--end-of-options", object + "^{commit}"}))
      return commit;
  return std::nullopt;
}

/// Fetches what `ref` means, and answers its commit.
std::string fetch_ref(const fs::path& repository, const std::string& url, const std::string& ref, NamedBy named_by) {
  const auto what = shown_url(url);
  if (url.empty() || url.starts_with('-') || !(manifest::is_local_git_url(url) || manifest::is_remote_git_url(url)))
    throw ManifestError(fmt::format("\"{}\" is no URL of a repository", what));
  if (!is_ref(ref))
    throw ManifestError(fmt::format("{}: \"{}\" is no name of a branch, tag or commit", what, escaped_utf8(ref)));
  make_directory(repository);
  required_git({.repository = repository, .words = {"init", "--quiet", "--bare"}}, what);
  const bool is_allowed = named_by == NamedBy::user || manifest::is_local_git_url(url);
  const auto fetched = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"fetch", "--quiet", "--no-recurse-submodules"});
    return source_git({.repository = repository,
                       .words = std::move(words),
                       .local_files = is_allowed ? LocalFiles::allowed : LocalFiles::refused});
  };
  const auto result = fetched({"--no-tags", "--depth=1", "--end-of-options", url, ref});
  if (result.status == 0) {
    const auto found =
        source_git({.repository = repository, .words = {"rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}"}});
    if (found.status == 0) return first_line(found.output);
    throw RemoteError(fmt::format("{}: \"{}\" is no commit, and a source is the tree of one", what, escaped_utf8(ref)));
  }
  // A server that gives no commit alone, or a short name of one: all that there is.
  const auto all = fetched({"--end-of-options", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"});
  if (all.status == 0) {
    if (auto found = find_commit(repository, ref)) return std::move(*found);
    throw RemoteError(fmt::format("{}: there is no branch, tag or commit \"{}\" in it", what, escaped_utf8(ref)));
  }
  throw RemoteError(fmt::format("{}: \"{}\" can not be had:\n  {}", what, escaped_utf8(ref), git_words(result)));
}

/// The same into a new repository. The whole name of a commit means that one alone.
std::string fetch(const fs::path& repository, const std::string& url, const std::string& ref, NamedBy named_by) {
  auto commit = fetch_ref(repository, url, ref, named_by);
  std::string wanted(ref);
  for (char& c : wanted)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (is_commit(wanted) && commit != wanted)
    throw RemoteError(fmt::format("{}: \"{}\" is not the name of a commit there, but leads to {}: name the commit",
                                  shown_url(url), ref, commit));
  return commit;
}

/// The paths of submodules and their URLs, of a .gitmodules.
std::map<std::string, std::string> submodules(const fs::path& repository, const std::string& commit,
                                              std::string_view what) {
  const auto listed = source_git(
      {.repository = repository,
       .words = {"config", "--blob", commit + ":.gitmodules", "-z", "--get-regexp", R"(^submodule\..*\.(path|url)$)"},
       .most_told = most_gitmodules_bytes});
  if (listed.status == too_much_output)
    throw ManifestError(fmt::format("{}: its .gitmodules has more than {} MiB", what, most_gitmodules_bytes >> 20));
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

/// The URL of a submodule, which may not lead to where whoever wrote it could not have come: to this machine's files,
/// or by a program of this machine.
std::string judged_submodule(const std::string& url, const std::string& of) {
  auto from = manifest::resolved_git_url(url, of);
  if (!from)
    throw ManifestError(fmt::format("{}: a submodule has the URL \"{}\", which leads out of all paths there",
                                    shown_url(of), shown_url(url)));
  const bool is_beside = *from != url && manifest::is_local_git_url(of) && manifest::is_local_git_url(*from);
  const bool is_followed = manifest::is_remote_git_url(*from) || is_beside;
  if (is_followed && !from->starts_with('-') && !manifest::judge_line(url)) return std::move(*from);
  throw ManifestError(
      fmt::format("{}: a submodule has the URL \"{}\": only https, http, ssh, git and URLs that are relative to the "
                  "repository's own (\"../other.git\") are followed",
                  shown_url(of), shown_url(url)));
}

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

  void add(const fs::path& repository, const std::string& url, const std::string& commit) {
    add_all(part(repository, url, commit), "");
  }

  /// Sorted by path, with their sizes.
  std::vector<Object> finish() && {
    std::ranges::sort(all_, {}, &Object::path);
    std::map<fs::path, std::set<std::string>> ids;
    for (const auto& object : all_) ids[*object.repository].insert(object.id);
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
  /// A commit of a repository, which is fetched and read once, however often it is a submodule.
  struct Part {
    std::shared_ptr<const fs::path> repository;
    std::string url;
    std::string what;
    GitTrees trees;
    std::map<std::string, std::string> modules;  // by their path in this repository
  };

  [[noreturn]] static void refuse(const Part& part, std::string_view path, std::string_view why) {
    throw ManifestError(fmt::format("{}: \"{}\" {}", part.what, escaped_utf8(path), why));
  }

  const Part& part(const fs::path& repository, const std::string& url, const std::string& commit) {
    const auto what = shown_url(url);
    return parts_
        .emplace(std::pair(url, commit), Part{std::make_shared<const fs::path>(repository), url, what,
                                              GitTrees(repository, commit, what), submodules(repository, commit, what)})
        .first->second;
  }

  void add_all(const Part& part, const std::string& prefix) {
    entries_ += part.trees.count();
    if (entries_ > most_entries)
      throw ManifestError(fmt::format("{}: there are more than {} files in it", part.what, most_entries));
    add_tree(part, part.trees.root(), prefix, prefix.size());
  }

  /// Paths have `skipped` bytes before those of the part's own repository.
  void add_tree(const Part& part, const std::string& id, const std::string& prefix, std::size_t skipped) {
    std::set<std::string_view> names;
    auto tree = part.trees.at(id);
    while (auto entry = part.trees.next_entry(tree)) {
      auto path = prefix + std::string(entry->name);
      if (const auto complaint = name_complaint(entry->name)) refuse(part, path, *complaint);
      if (const auto complaint = store::length_complaint(path)) refuse(part, prefix, *complaint);
      if (!names.insert(entry->name).second) refuse(part, path, "is there twice");
      path_bytes_ += path.size();
      if (path_bytes_ > most_path_bytes)
        throw ManifestError(fmt::format("{}: the paths in it have more than {} MiB", part.what, most_path_bytes >> 20));
      if (entry->mode == "40000")
        add_tree(part, entry->id, path + "/", skipped);
      else if (entry->mode == "160000")
        add_module(part, entry->id, path, skipped);
      else if (entry->mode.starts_with("100") || entry->mode == "120000")
        all_.push_back({std::string(entry->mode), std::move(entry->id), std::move(path), part.repository, 0});
      else
        refuse(part, path, "is neither a file nor a link nor a directory");
    }
  }

  void add_module(const Part& part, const std::string& commit, const std::string& path, std::size_t skipped) {
    const auto module = part.modules.find(path.substr(skipped));
    if (module == part.modules.end())
      throw ManifestError(
          fmt::format("{}: the submodule \"{}\" has no URL in its .gitmodules", part.what, escaped_utf8(path)));
    if (++modules_ > most_submodules)
      throw ManifestError(fmt::format("{}: there are more than {} submodules in it", part.what, most_submodules));
    if (++depth_ > deepest)
      throw ManifestError(fmt::format("{}: submodules lie in submodules more than {} deep", part.what, deepest));
    add_all(fetched(judged_submodule(module->second, part.url), commit), path + "/");
    --depth_;
  }

  const Part& fetched(const std::string& url, const std::string& commit) {
    if (const auto known = parts_.find(std::pair(url, commit)); known != parts_.end()) return known->second;
    fs::path inner;
    do inner = place_ / fmt::format("module-{}", ++places_);
    while (fs::exists(inner));
    fetch(inner, url, commit, NamedBy::repository);
    return part(inner, url, commit);
  }

  /// "<object> blob <size>\n" each.
  static void read_sizes(const fs::path& repository, const std::set<std::string>& wanted,
                         std::map<std::string, std::uint64_t>& sizes) {
    const auto input = fmt::format("{}\n", fmt::join(wanted, "\n"));
    const auto output = required_git({.repository = repository, .words = {"cat-file", "--batch-check"}, .input = input},
                                     repository.native());
    for (const auto line : lines(output)) {
      const auto end = line.find(' ');
      if (end == line.npos || !line.substr(end).starts_with(" blob ")) continue;
      std::from_chars(line.data() + end + 6, line.data() + line.size(), sizes[std::string(line.substr(0, end))]);
    }
  }

  fs::path place_;
  std::map<std::pair<std::string, std::string>, Part> parts_;  // by URL and commit
  std::vector<Object> all_;
  std::size_t entries_ = 0;
  std::uint64_t path_bytes_ = 0;
  std::size_t modules_ = 0;
  std::size_t places_ = 0;
  std::size_t depth_ = 0;
};

GitSource::GitSource(std::string url, const std::string& ref, const fs::path& place)
    : url_(std::move(url)), place_(place), repository_(place / "repository") {
  commit_ = fetch(repository_, url_, ref, NamedBy::user);
  if (!is_commit(commit_)) throw RemoteError(fmt::format("{}: git answers no commit", shown_url(url_)));
}

std::int64_t GitSource::time() const {
  const auto shown =
      required_git({.repository = repository_, .words = {"log", "-1", "--no-show-signature", "--format=%ct", commit_}},
                   shown_url(url_));
  std::int64_t time = 0;
  std::from_chars(shown.data(), shown.data() + shown.size(), time);
  return std::max(time, path_time);
}

void GitSource::add(SourceArchive& archive, std::span<const Object> objects) const {
  std::string wanted;
  for (const auto& object : objects) wanted += object.id + "\n";
  const auto output = required_git(
      {.repository = *objects.front().repository, .words = {"cat-file", "--batch"}, .input = wanted}, shown_url(url_));
  std::string_view rest = output;
  for (const auto& object : objects) {
    auto content = next_object(rest, object.id, "blob");
    if (!content)
      throw RemoteError(
          fmt::format("{}: git has not the content of \"{}\"", shown_url(url_), escaped_utf8(object.path)));
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
  collection.add(repository_, url_, commit_);
  const auto objects = std::move(collection).finish();
  SourceArchive archive(file, time());
  for (std::size_t first = 0; first < objects.size();) {
    auto last = first;
    std::uint64_t bytes = 0;
    while (last < objects.size() && last - first < most_together && (last == first || bytes < most_bytes_together) &&
           *objects[last].repository == *objects[first].repository)
      bytes += objects[last++].size;
    add(archive, std::span(objects).subspan(first, last - first));
    first = last;
  }
  return archive.finish();
}

}  // namespace karapace::project
