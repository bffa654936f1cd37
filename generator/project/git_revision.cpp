// SPDX-License-Identifier: Apache-2.0
#include "generator/project/git_revision.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/child.hpp"
#include "base/error.hpp"
#include "base/escape.hpp"

namespace karapace::project {

namespace {

namespace fs = std::filesystem;

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// What it reads are a few files; to list what is not ignored it walks through all that there is.
constexpr std::chrono::seconds patience{20};
constexpr std::chrono::seconds patience_with_walk{120};

/// Error when it does not answer: it waits for ever where a FIFO stands in place of a file, or is named in a
/// configuration.
enum class Repository {
  of_the_caller,     // as git's own variables say, in a hook, too
  of_the_directory,  // whatever they say
};

Captured git(const fs::path& directory, std::vector<std::string> words, std::string_view input = {},
             std::chrono::seconds longest = patience, Repository repository = Repository::of_the_caller) {
  const auto word = words[0];
  // The repository's own configuration may have been written in a session: git must start no program for it.
  words.insert(words.begin(), {"env",
                               "GIT_NO_LAZY_FETCH=1",
                               "GIT_ALLOW_PROTOCOL=none",
                               "GIT_OPTIONAL_LOCKS=0",
                               "GIT_TERMINAL_PROMPT=0",
                               "git",
                               "-C",
                               directory.native(),
                               "-c",
                               "core.sshCommand=false",
                               "-c",
                               "core.fsmonitor=false",
                               "-c",
                               "core.hooksPath=/dev/null",
                               "-c",
                               "core.pager=cat",
                               "-c",
                               "core.ignorecase=false",
                               "-c",
                               "protocol.allow=never",
                               "-c",
                               "core.alternateRefsCommand="});
  if (repository == Repository::of_the_directory)
    for (const auto* name :
         {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_CEILING_DIRECTORIES",
          "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"})
      words.insert(words.begin() + 1, {"-u", name});
  auto result = capture_child(
      {.argv = std::move(words), .working_directory = {}, .output = ChildOutput::inherit, .patience = longest}, input);
  if (result.status != out_of_patience) return result;
  throw Error(fmt::format(
      "git {} has not answered for {} seconds in \"{}\": a FIFO in place of a file of the repository, or named in its "
      "configuration, keeps it waiting (`find . -type p` shows those that lie there); remove it and try again",
      word, longest.count(), escaped_utf8(directory.native())));
}

std::string required_git(const fs::path& directory, std::vector<std::string> words, std::string_view input = {}) {
  auto word = words[0];
  auto result = git(directory, std::move(words), input);
  if (result.status == 0) return std::move(result.output);
  throw Error(fmt::format("git {} failed: {}", word, first_line(result.errors)));
}

bool in_no_repository(const Captured& result) {
  return result.errors.find("not a git repository") != std::string::npos;
}

[[noreturn]] void refuse_answer(std::string_view what) {
  throw Error(fmt::format("git {} answered what this version of Karapace does not understand", what));
}

std::vector<std::string_view> split_at_nul(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    auto end = std::min(text.find('\0'), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

std::optional<GitRevision> GitRevision::find(const std::string& word, const fs::path& directory) {
  if (word.empty() || word.starts_with('-')) return std::nullopt;
  auto found = git(directory, {"rev-parse", "--verify", "--quiet", word + "^{commit}"});
  if (found.status == 127) {
    throw Error(fmt::format("\"{}\" is no path, and git, which may know it as a revision, is not installed", word));
  }
  if (in_no_repository(found) || (found.status != 0 && found.errors.empty())) return std::nullopt;
  if (found.status != 0) throw Error(fmt::format("git does not find \"{}\": {}", word, first_line(found.errors)));
  GitRevision revision;
  revision.directory_ = directory;
  revision.commit_ = first_line(found.output);
  auto prefix = required_git(directory, {"rev-parse", "--show-prefix"});
  fs::path place(std::string(first_line(prefix)));
  revision.root_ = directory.lexically_normal();
  if (!revision.root_.has_filename()) revision.root_ = revision.root_.parent_path();
  for (const auto& part : place) {
    if (!part.empty()) revision.root_ = revision.root_.parent_path();
  }
  return revision;
}

fs::path GitRevision::inside(const fs::path& path) const {
  auto relative = (directory_ / path).lexically_normal().lexically_relative(root_);
  if (relative.empty() || relative.native().starts_with("..")) {
    throw Error(fmt::format("\"{}\" lies outside the repository {}", escaped_utf8(path.native()),
                            escaped_utf8(root_.native())));
  }
  if (!relative.has_filename()) relative = relative.parent_path();
  return relative == "." ? fs::path() : relative;
}

std::vector<GitRevision::File> GitRevision::files(const fs::path& path) const {
  std::vector<std::string> words = {"ls-tree", "-r", "-z", "--full-tree", commit_};
  if (!path.empty()) words.insert(words.end(), {"--", path.native()});
  auto output = required_git(directory_, std::move(words));
  std::vector<File> files;
  for (auto entry : split_at_nul(output)) {
    // "100644 blob <object>\t<path>"
    auto tab = entry.find('\t');
    auto object = entry.rfind(' ', tab);
    if (tab == std::string_view::npos || object == std::string_view::npos) refuse_answer("ls-tree");
    if (!entry.starts_with("100")) continue;
    files.push_back(
        {fs::path(std::string(entry.substr(tab + 1))), std::string(entry.substr(object + 1, tab - object - 1))});
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string> GitRevision::read(const std::vector<File>& files) const {
  std::string objects;
  for (const auto& file : files) objects += file.object + "\n";
  auto output = required_git(directory_, {"cat-file", "--batch"}, objects);
  std::string_view rest = output;
  std::vector<std::string> contents;
  for (const auto& file : files) {
    // "<object> blob <size>\n<content>\n"
    auto header = first_line(rest);
    auto start = file.object + " blob ";
    std::size_t size = 0;
    auto digits = header.substr(std::min(start.size(), header.size()));
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (!header.starts_with(start) || error != std::errc() || rest.size() < header.size() + 1 + size) {
      throw Error(
          fmt::format("git has not the content of {}: is this a partial clone?", escaped_utf8(file.path.native())));
    }
    contents.emplace_back(rest.substr(header.size() + 1, size));
    rest.remove_prefix(std::min(header.size() + size + 2, rest.size()));
  }
  return contents;
}

namespace {

/// `below`: nothing for all of it.
std::optional<std::vector<fs::path>> files_of_work_tree(const fs::path& directory, const std::vector<fs::path>& below) {
  std::vector<std::string> words = {"ls-files", "-z", "--cached", "--others", "--exclude-standard"};
  if (!below.empty()) words.emplace_back("--");
  for (const auto& path : below) words.push_back(":(literal)" + path.native());
  auto result = git(directory, std::move(words), {}, patience_with_walk, Repository::of_the_directory);
  if (result.status != 0) return std::nullopt;
  std::vector<fs::path> files;
  for (auto name : split_at_nul(result.output)) files.emplace_back(std::string(name));
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

/// Whether it lies below `project` on the same file system, and no repository of its own begins on the way.
bool is_of_the_same_repository(const fs::path& project, fs::path directory) {
  struct stat above{}, below{};
  if (::stat(project.c_str(), &above) != 0 || ::stat(directory.c_str(), &below) != 0 || above.st_dev != below.st_dev)
    return false;
  std::error_code error;
  for (; directory != project; directory = directory.parent_path())
    if (directory == directory.root_path() || fs::exists(directory / ".git", error)) return false;
  return true;
}

/// Those of `files` (sorted) that lie below it, relative to it.
std::vector<fs::path> files_below(const fs::path& directory, const std::vector<fs::path>& files) {
  std::vector<fs::path> found;
  for (auto file = std::lower_bound(files.begin(), files.end(), directory); file != files.end(); ++file) {
    const auto [end, rest] = std::mismatch(directory.begin(), directory.end(), file->begin(), file->end());
    if (end != directory.end()) break;
    fs::path inside;
    for (auto part = rest; part != file->end(); ++part) inside /= *part;
    if (!inside.empty()) found.push_back(std::move(inside));
  }
  return found;
}

}  // namespace

bool is_in_work_tree(fs::path directory) {
  std::error_code error;
  for (;; directory = directory.parent_path()) {
    if (fs::exists(directory / ".git", error)) return true;
    if (directory == directory.root_path()) return false;
  }
}

std::optional<std::vector<fs::path>> files_of_work_tree(const fs::path& directory) {
  return files_of_work_tree(directory, {});
}

WorkTreeFiles files_of_work_trees(const fs::path& project, const std::vector<fs::path>& directories) {
  std::vector<fs::path> below;
  for (const auto& directory : directories)
    if (directory != project && is_of_the_same_repository(project, directory))
      below.push_back(directory.lexically_relative(project));
  if (below.size() < 2 || !is_in_work_tree(project)) return {};
  WorkTreeFiles found;
  const auto files = files_of_work_tree(project, below);
  if (!files) return found;
  for (const auto& directory : below)
    if (auto inside = files_below(directory, *files); !inside.empty())
      found.emplace(project / directory, std::move(inside));
  return found;
}

}  // namespace karapace::project
